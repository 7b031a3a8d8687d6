"""How long a run will take, before it starts, without torch.

A simple model of this kind of device (multiply-adds at an assumed speed, a least time for each step) is corrected by
how the latest finished runs compared with it: the median factor over those most like it (same kind, data set and
network; else same kind). Another method is another kind. Before any of the kind has finished, the cautious model is
used and marked rough; runs of other kinds can then only make it more cautious. A run that has parts (a search its
trials) takes as long as those of them that are not known, and one that goes on from a shorter run as long as the rest.

Runs far shorter than the one that is asked for mostly start and warm up. What they took beyond the model is therefore
added once and not multiplied up, and the estimate is rough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from math import floor, log2
from statistics import median
from typing import Any

from ddcore.errors import DataBroken, DataMissing, DDCoreError
from ddcore.experiments import KINDS, Spec
from ddcore.experiments.cost import compiled
from ddcore.jobs.requirements import disk, id_of, unfinished
from ddcore.methods import MethodConfig
from ddcore.params import Config
from ddcore.report import text
from ddcore.runs.state import awaited
from ddcore.runs.store import RunRecord, Store, begun

__all__ = ["Estimate", "disk", "estimate", "total"]

ASSUMED = {"cpu": 15e9, "cuda": 1e12}  # multiply-adds per second, cautious: two laptop cores, a small GPU
LIKE = ("of other kinds ", "of this kind ", "of this kind on this data set ", "of this kind, data set and network ")
START = 4.0  # seconds: a worker starts, imports torch, reads the data
STEP = {"cpu": 0.02, "cuda": 0.005}  # seconds at least for a step, however small the network
PART_STEP = {"cpu": 0.006, "cuda": 0.005}  # of a trial, whose networks are small: 5.5 ms on digits, two cores
RECENT = 5  # runs the median is taken over
RECENT_PARTS = 50  # parts whose times are added up: those of one group of networks alone would say little of the others
OTHER_PARTS = 1000  # parts of whatever else that are looked at
FAR_SHORTER = 0.1  # of the work that is asked for: a run with less says little of the speed
MOSTLY_WORK = 10 * START  # seconds beside the start from which on a run of any length tells the speed
LOOKED_INTO = 50  # runs that are looked into for some of a like length
Taken = tuple[float, float]  # seconds that a run took beside its start, and how many the model says


@dataclass(frozen=True)
class Estimate:
    """seconds, whether that is more than a guess, and where it comes from in words; of so many parts, so many known."""

    seconds: float
    rough: bool
    basis: str
    parts: int = 0
    known: int = 0

    def __str__(self) -> str:
        return f"about {text.duration(self.seconds)}" + (" (rough)" if self.rough else "")


@dataclass(frozen=True)
class _Measured:
    """What runs took by which another is measured.

    likeness: index of LIKE; short: all are far shorter than the one that is asked for.
    """

    likeness: int = 0
    times: Sequence[Taken] = ()
    short: bool = False


class _Runs:
    """Finished and other runs, newest first, gone through once for all that is estimated while they are the same."""

    def __init__(self, records: Sequence[RunRecord]) -> None:
        self.records = records

    @cached_property
    def images(self) -> Mapping[str, int | None]:
        """Run → how many images its set has."""
        return {record.id: record.summary.images for record in self.records}

    @cached_property
    def families(self) -> Mapping[object, Sequence[RunRecord]]:
        """Family → the runs that ask the same for longer or shorter."""
        return _by(self.records, lambda record: record.info.get("family"))

    @cached_property
    def methods(self) -> Mapping[object, Sequence[RunRecord]]:
        """(kind, name) → the runs of it."""
        return _by(self.records, lambda record: (record.kind, record.name))


def _by(records: Iterable[RunRecord], key: Callable[[RunRecord], object]) -> dict[object, list[RunRecord]]:
    groups = dict[object, list[RunRecord]]()
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


_latest = _Runs([])


def _runs(records: Iterable[RunRecord]) -> _Runs:
    """These runs; a form asks at every click about the same ones, and several times."""
    global _latest
    records, latest = list(records), _latest
    if records != latest.records:
        latest = _latest = _Runs(records)
    return latest


@dataclass(frozen=True)
class _Known:
    """The runs by which others are measured. nearest: the first to measure by, where some are of the same kind."""

    runs: _Runs
    device: str
    nearest: Sequence[RunRecord] = ()
    _times: dict[tuple[Any, ...], _Measured] = field(default_factory=dict)

    @property
    def images(self) -> Mapping[str, int | None]:
        """Run → how many images its set has."""
        return self.runs.images

    def family(self, question: Spec) -> Sequence[RunRecord]:
        """The runs that ask the same for longer or shorter; none where the data are not here to tell."""
        try:
            return self.runs.families.get(question.family, ())
        except (DataMissing, DataBroken):
            return ()

    def measured(self, question: Spec, modelled: float) -> _Measured:
        """What measures a run that is modelled to take so long: the nearest where these tell its speed."""
        config, octave = question.config, floor(log2(modelled))
        key = (question.kind, question.name, getattr(config, "dataset", None), getattr(config, "network", None), octave)
        if key not in self._times:
            own = [record for record in self.nearest if _is_alike(record, question)]
            found = _measured(own, (), question, self.device, RECENT, 2.0**octave)
            if not found.times or found.short:
                near = {record.id for record in own}
                alike = self.runs.methods.get((question.kind, question.name), ())
                rest = [record for record in alike if record.id not in near] if near else alike
                found = _measured([*own, *rest], self.runs.records, question, self.device, RECENT, 2.0**octave)
            self._times[key] = found
        return self._times[key]


def estimate(
    kind: str, name: str, config: Any, records: Iterable[RunRecord], device: str = "cpu", images: int | None = None,
    salt: str = "",
) -> Estimate:
    """The time of a run that is about to start, with what it needs and nobody has computed.

    records: the runs of the store, newest first.
    """
    known, asked = _Known(_runs(records), device), Spec(kind, name, config, salt)
    needs = unfinished(asked.needs, known.runs.records).values()
    return _together([_alone(question, known, images) for question in (asked, *needs)])


def total(
    specs: Iterable[Spec], records: Iterable[RunRecord], device: str = "cpu", images: int | None = None,
    like: Iterable[RunRecord] = (), at_once: int = 1,
) -> Estimate:
    """The time of several runs, each once, with what they need and without what is computed.

    images: of a set whose size is not known from these; like: runs to measure them by, newest first, where some are of
    the same kind; at_once: how many run at a time.
    """
    known = _Known(_runs(records), device, list(like))
    left = unfinished(specs, known.runs.records)
    sizes = {run_id: one.config.ipc * len(one.config.facts.classes) for run_id, one in left.items()
             if isinstance(one.config, MethodConfig)}
    each = [_alone(one, known, _size(one, known, sizes) or images) for one in left.values()]
    whole = _together(each)
    return replace(whole, seconds=max([whole.seconds / at_once, *(one.seconds for one in each)])) if each else whole


def _size(question: Spec, known: _Known, sizes: Mapping[str, int]) -> int | None:
    """Images of the set that a run judges; sizes: of those that are still made, by their runs."""
    run_id = str(getattr(question.config, "run", ""))
    return sizes.get(run_id) or known.images.get(run_id)


def _together(estimates: list[Estimate]) -> Estimate:
    """One after another; the basis is that of the longest. What only starts and reads is no guess."""
    if not estimates:
        return Estimate(0.0, False, "everything is computed already")
    longest = max(estimates, key=lambda one: one.seconds)
    rough = longest.rough or any(one.rough for one in estimates if one.seconds > START)
    return Estimate(sum(one.seconds for one in estimates), rough, longest.basis,
                    sum(one.parts for one in estimates), sum(one.known for one in estimates))


def _alone(question: Spec, known: _Known, images: int | None) -> Estimate:
    """The time of one run without what it needs."""
    sizes = frozenset(_sizes(question, known).items())
    like, parts = _parts(question, id_of(question), sizes, known.device)
    if like is not None:
        return _in_parts(like, parts, known)
    modelled = _left(question, known, images)
    if not modelled:
        return Estimate(START, True, "it only reads and counts")
    measured = known.measured(question, modelled)
    if measured.short and measured.likeness:
        return _beside_start(modelled, measured, known.device)
    factor = median(taken / model for taken, model in measured.times) if measured.times else 1.0
    return _corrected(modelled, measured, factor, known.device)


@lru_cache(maxsize=32)
def _parts(
    question: Spec, run: str, sizes: frozenset[tuple[str, int]], device: str
) -> tuple[Spec | None, dict[str, float]]:
    """One of the parts of a run, and how long each is modelled to take, by the id of the run that answers it.

    There may be thousands, and a form asks anew at every click. run: its id, which tells of the data what the question
    does not; sizes: those of `_sizes`.
    """
    parts, images = KINDS[question.kind].parts(question.name, question.config, id_of), dict(sizes)
    modelled = {
        id_of(p): _model(p.kind, p.name, p.config, device, images.get(getattr(p.config, "run", ""))) for p in parts
    }
    return next(iter(parts), None), modelled


def _in_parts(like: Spec, parts: Mapping[str, float], known: _Known) -> Estimate:
    """The time of those parts that nobody has answered yet. All are of one kind, and `like` is one of them.

    The listed records are without them, so the newest are read here.
    """
    store = Store()
    answered = dict.fromkeys(store.answered(like.kind, parts))
    missing = [modelled for run_id, modelled in parts.items() if run_id not in answered]
    there = len(parts) - len(missing)
    if not missing:
        return Estimate(START, False, "all of its parts are computed already", len(parts), there)
    newest = _newest_parts(store, like.kind, answered, known.runs.records)
    measured = _measured([record for record in newest if _is_alike(record, like)], [*newest, *known.runs.records], like,
                         known.device, RECENT_PARTS)
    taken, model = (sum(each) for each in zip(*measured.times, strict=True)) if measured.times else (1.0, 1.0)
    guess = _corrected(sum(missing), measured, taken / model, known.device)
    return replace(guess, parts=len(parts), known=there)


def _newest_parts(store: Store, kind: str, answered: Iterable[str], records: Sequence[RunRecord]) -> list[RunRecord]:
    """Finished parts of a kind to measure by: those of the run itself, those of the newest runs that have such parts,
    or else some of whatever is there. Not all are looked at, for there may be a hundred thousand."""
    asked = (run_id for record in records if record.declared and record.declared.part_kind == kind
             for run_id in awaited(record.folder))
    latest = islice(store.answered(kind, asked), RECENT_PARTS)
    ids = list(dict.fromkeys([*answered, *latest])) or store.finished(kind, OTHER_PARTS)
    return [store.record(run_id) for run_id in ids[:RECENT_PARTS]]


def _sizes(question: Spec, known: _Known) -> dict[str, int]:
    """How many images each set has that parts of this run may learn, by its run."""
    parents = KINDS[question.kind].parents(question.config)
    sizes = {run_id: known.images[run_id] or 0 for run_id in parents if run_id in known.images}
    sets = ((need, need.config) for need in question.needs)
    return sizes | {id_of(need): config.ipc * len(config.facts.classes) for need, config in sets
                    if isinstance(config, MethodConfig)}


def _corrected(modelled: float, measured: _Measured, factor: float, device: str) -> Estimate:
    """The modelled time times the factor of the measured runs; those of other kinds only make it more cautious."""
    likeness, number = measured.likeness, len(measured.times)
    if not number or (not likeness and (factor < 1 or measured.short)):
        which = "of this kind " if number else ""
        guess = f"no run {which}has finished on this {device.upper()} yet; assumes {_speed(device)}"
        return Estimate(START + modelled, True, guess)
    return Estimate(START + modelled * factor, likeness < 2, f"measured on {_last(measured, device)}")


def _beside_start(modelled: float, measured: _Measured, device: str) -> Estimate:
    """The modelled time, beside what far shorter runs took to start and warm up; no slower than these were in all."""
    longer = median(taken - model for taken, model in measured.times)
    factor = min(1.0, median(taken / model for taken, model in measured.times))
    return Estimate(START + max(0.0, longer) + modelled * factor, True,
                    f"{_last(measured, device)} did far less work, so only their start is counted; "
                    f"assumes {_speed(device)}")


def _speed(device: str) -> str:
    return f"{text.count(ASSUMED[device])} multiply-adds a second"


def _last(measured: _Measured, device: str) -> str:
    number = len(measured.times)
    return (f"the last {'finished run' if number == 1 else f'{number} finished runs'} "
            f"{LIKE[measured.likeness]}on this {device.upper()}")


def _measured(
    alike: Sequence[RunRecord], records: Iterable[RunRecord], question: Spec, device: str, most: int,
    modelled: float = 0.0,
) -> _Measured:
    """What the newest runs took that are most like it, of those that tell the speed of a run modelled to take so long;
    else what the shorter ones took. alike: those of its kind and name; records: where these tell nothing, the others.

    That takes a millisecond for each, so among a thousand runs only those that count are asked.
    """
    by_likeness, shorter = _by(alike, lambda record: _likeness(record, question)), _Measured()
    for likeness in (3, 2, 1):
        measured = _newest(by_likeness.get(likeness, ()), likeness, device, most, modelled)
        if measured.times and not measured.short:
            return measured
        shorter = shorter if shorter.times else measured
    if shorter.times:
        return shorter
    return _newest((record for record in records if not _is_alike(record, question)), 0, device, most, modelled)


def _newest(records: Iterable[RunRecord], likeness: int, device: str, most: int, modelled: float) -> _Measured:
    """What the newest of equally like runs took: of those that tell the speed, else of the shorter ones."""
    shorter, telling = list[Taken](), list[Taken]()
    for taken in islice((one for record in records if (one := _taken(record, device))), LOOKED_INTO):
        (telling if taken[1] >= FAR_SHORTER * modelled or taken[0] >= MOSTLY_WORK else shorter).append(taken)
        if len(telling) == most:
            break
    return _Measured(likeness, telling or shorter[:most], not telling)


def _model(kind: str, name: str, config: Any, device: str, images: int | None) -> float:
    """Seconds of a run without its start, before any correction; 0 for runs that only read and count."""
    declared = KINDS[kind]
    work, step = declared.cost(name, config, images), PART_STEP if declared.part else STEP
    return work / ASSUMED[device] + step[device] * declared.steps(name, config, images) if work else 0.0


def _left(question: Spec, known: _Known, images: int | None) -> float:
    """The same of what a run still has to do where it goes on from a finished shorter one."""
    kind, name, device = question.kind, question.name, known.device
    whole, shorter = _model(kind, name, question.config, device, images), _shorter(question, known)
    if shorter is None:
        return whole
    cost = KINDS[kind].cost
    if len({compiled(config, cost(name, config, images), device) for config in (question.config, shorter)}) > 1:
        return whole
    return whole - _model(kind, name, shorter, device, images)


def _shorter(question: Spec, known: _Known) -> Config | None:
    """The question of the longest finished run from which this one goes on; None where it begins at the beginning."""
    shorter = begun(question, known.family(question))
    return question.config.replace(**{question.config.length_param: shorter.info["length"]}) if shorter else None


def _taken(record: RunRecord, device: str) -> Taken | None:
    """How long a finished run took on this kind of device, and was modelled to; None where it cannot be told."""
    here = record.state == "done" and not record.demo and record.imported is None
    if not here or (record.info.get("device") or {}).get("type") != device:
        return None
    seconds = (record.info.get("times") or {}).get("seconds") or 0
    try:
        config = record.question().config
        modelled = _model(record.kind, record.name, config, device, record.summary.images)
    except (DDCoreError, KeyError):  # an older or foreign run: it says nothing about the next one
        return None
    taken = seconds if KINDS[record.kind].part else max(seconds - START, 0.2)  # a part starts no worker
    return (taken, modelled) if modelled and seconds else None


def _is_alike(record: RunRecord, question: Spec) -> bool:
    return (record.kind, record.name) == (question.kind, question.name)


def _likeness(record: RunRecord, question: Spec) -> int:
    """Index of LIKE, of a run of the same kind and name."""
    if record.config.get("dataset") != getattr(question.config, "dataset", None):
        return 1
    return 3 if record.config.get("network") == getattr(question.config, "network", None) else 2
