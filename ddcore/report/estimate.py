"""How long a run will take, before it starts, without torch.

A simple model of this kind of device (multiply-adds at an assumed speed, a least time for each step) is corrected by
how the latest finished runs compared with it: the median factor over those most like it (same kind, data set and
network; else same kind). Another method is another kind. Before any of the kind has finished, the cautious model is
used and marked rough; runs of other kinds can then only make it more cautious.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

from ddcore.experiments import KINDS, Spec
from ddcore.experiments.work import cost, steps
from ddcore.jobs.needs import disk, unfinished
from ddcore.report import text

if TYPE_CHECKING:
    from ddcore.runs.store import RunRecord

__all__ = ["Estimate", "cost", "disk", "estimate", "steps", "total"]

ASSUMED = {"cpu": 15e9, "cuda": 1e12}  # multiply-adds per second, cautious: two laptop cores, a small GPU
LIKE = ("of other kinds ", "of this kind ", "of this kind on this data set ", "of this kind, data set and network ")
START = 4.0  # seconds: a worker starts, imports torch, reads the data
STEP = {"cpu": 0.02, "cuda": 0.005}  # seconds at least for a step, however small the network
RECENT = 5  # runs the median is taken over


@dataclass(frozen=True)
class Estimate:
    """seconds, whether that is more than a guess, and where it comes from in words."""

    seconds: float
    rough: bool
    basis: str

    def __str__(self) -> str:
        return f"about {text.duration(self.seconds)}" + (" (rough)" if self.rough else "")


def estimate(
    kind: str, name: str, config: Any, records: Iterable[RunRecord], device: str = "cpu", images: int | None = None
) -> Estimate:
    """The time of a run that is about to start, with what it needs and nobody has computed.

    records: the runs of the store, newest first.
    """
    known = list(records)
    needed = unfinished(KINDS[kind].needs(name, config), known)
    return _together([_alone(Spec(kind, name, config), known, device, images), *(
        _alone(one, known, device, images) for one in needed.values()
    )])  # fmt: skip


def total(
    specs: Iterable[Spec], records: Iterable[RunRecord], device: str = "cpu", images: int | None = None
) -> Estimate:
    """The time of several runs one after another, each once, with what they need and without what is computed."""
    known = list(records)
    wanted = unfinished(specs, known)
    return _together([_alone(one, known, device, images) for one in wanted.values()])


def _together(parts: list[Estimate]) -> Estimate:
    """One after another; the basis is that of the longest. What only starts and reads is no guess."""
    if not parts:
        return Estimate(0.0, False, "everything is computed already")
    longest = max(parts, key=lambda part: part.seconds)
    rough = longest.rough or any(part.rough for part in parts if part.seconds > START)
    return Estimate(sum(part.seconds for part in parts), rough, longest.basis)


def _alone(one: Spec, records: list[RunRecord], device: str, images: int | None) -> Estimate:
    """The time of one run without what it needs."""
    kind, config = one.kind, one.config
    modelled = _model(kind, one.name, config, device, images)
    if not modelled:
        return Estimate(START, True, "it only reads and counts")
    best, chosen = _measured(records, one, device)
    if not chosen or (not best and median(chosen) < 1):
        which, speed = "of this kind " if chosen else "", text.count(ASSUMED[device])
        guess = f"no run {which}has finished on this {device.upper()} yet; assumes {speed} multiply-adds a second"
        return Estimate(START + modelled, True, guess)
    number = "the last finished run" if len(chosen) == 1 else f"the last {len(chosen)} finished runs"
    basis = f"measured on {number} {LIKE[best]}on this {device.upper()}"
    return Estimate(START + modelled * median(chosen), best < 2, basis)


def _measured(records: list[RunRecord], one: Spec, device: str) -> tuple[int, list[float]]:
    """(index of LIKE, the factors of the newest runs that are that much like it); the index is 0 where none tells one.

    A factor takes a millisecond, so among a thousand runs only those that count are asked for theirs.
    """
    alike: dict[int, list[RunRecord]] = {}
    for record in records:
        alike.setdefault(_likeness(record, one), []).append(record)
    for likeness in sorted(alike, reverse=True):
        factors = (f for record in alike[likeness] if (f := _factor(record, device)) is not None)
        if chosen := list(islice(factors, RECENT)):
            return likeness, chosen
    return 0, []


def _model(kind: str, name: str, config: Any, device: str, images: int | None) -> float:
    """Seconds of a run without its start, before any correction; 0 for runs that only read and count."""
    work = cost(kind, name, config, images)
    return work / ASSUMED[device] + STEP[device] * steps(kind, name, config, images) if work else 0.0


def _factor(record: RunRecord, device: str) -> float | None:
    """How much longer a finished run took than modelled, on this kind of device; None where it cannot be told."""
    from ddcore.errors import DDCoreError
    from ddcore.experiments import spec

    if record.state != "done" or record.demo or (record.info.get("device") or {}).get("type") != device:
        return None
    seconds = (record.info.get("times") or {}).get("seconds") or 0
    try:
        config = spec(record.kind, record.name, record.config).config
        modelled = _model(record.kind, record.name, config, device, record.summary.get("images"))
    except (DDCoreError, KeyError):  # an older or foreign run: it says nothing about the next one
        return None
    return max(seconds - START, 0.2) / modelled if modelled and seconds else None


def _likeness(record: RunRecord, one: Spec) -> int:
    """Index of LIKE."""
    if (record.kind, record.name) != (one.kind, one.name):
        return 0
    if record.config.get("dataset") != getattr(one.config, "dataset", None):
        return 1
    return 3 if record.config.get("network") == getattr(one.config, "network", None) else 2
