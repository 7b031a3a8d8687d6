"""What differs between chosen runs as axes: how their accuracy goes along each, as in a sweep that nobody planned.

Seeds are repeats. A parameter that follows from another one, or goes with the method, is no axis of its own; those that
never differ apart from each other are one axis together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ddcore.experiments.axes import Axis
from ddcore.params import Config, Param, ParamInfo
from ddcore.report import compare_runs, effects, names, sanity, text
from ddcore.report.compare_runs import Compared
from ddcore.report.effects import Effects
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NOT_ALWAYS
from ddcore.summary import Accuracy

METHOD = "method"  # the axis of runs of several methods
NO_AXIS = ("dataset", names.LAST)  # accuracies on other data do not compare; seeds are repeats
NAMED = 5  # parameters that go with the method told by name


class _Method(Config):
    """What an axis of methods says of itself."""

    method: str = Param("", label="Method", short="", help="What made the set.")


@dataclass(frozen=True)
class Group:
    """The chosen runs at one place: seeds of one question."""

    values: Mapping[str, Any]
    runs: tuple[Compared, ...]

    @cached_property
    def accuracy(self) -> Accuracy | None:
        return effects.pooled(run.accuracy for run in self.runs if not run.repeats)

    @property
    def state(self) -> str:
        """ "done" where all are judged; "2 done, 1 not judged"."""
        return effects.standing([_standing(run) for run in self.runs])


def _standing(run: Compared) -> str:
    return "not judged" if run.record.state == "done" and run.accuracy is None else run.record.state


@dataclass(frozen=True)
class _Column:
    """A parameter with its value in each run, None where a run has no such parameter."""

    info: ParamInfo
    values: tuple[Any, ...]

    @property
    def levels(self) -> tuple[int, ...]:
        """Which runs have the same value: equal for parameters that never differ apart from each other."""
        first = dict[Any, int]()
        return tuple(first.setdefault(value, len(first)) for value in self.values)

    @property
    def differs(self) -> bool:
        return any(self.levels)

    def follows(self, other: _Column) -> bool:
        """Whether the other one's value decides this one's."""
        return len(set(zip(other.levels, self.levels, strict=True))) == len(set(other.levels))


@dataclass(frozen=True)
class Comparison(Effects[Group]):
    """Chosen runs of one kind and data set, judged in one setting, by what differs between them."""

    runs: tuple[Compared, ...]

    not_there = "no such run is chosen"

    @cached_property
    def _columns(self) -> dict[str, _Column]:
        """Axis name → every parameter that some run has and that decides its result, in the order of declaration."""
        found = dict[tuple[str, str], tuple[ParamInfo, list[Any], list[bool]]]()
        for i, run in enumerate(self.runs):
            config = names.declared(run.record.kind, run.record.name)
            for info in config.params() if config else ():
                if info.in_key and info.type != "text" and info.name not in NO_AXIS:
                    _, values, used = found.setdefault((info.name, info.label), (info, [None] * len(self.runs), []))
                    values[i] = run.record.config.get(info.name, NOT_ALWAYS.get(info.name))
                    used.append(_is_used(info, run.record))
        meanings = Counter(name for name, _ in found)
        return {name if meanings[name] == 1 else f"{name} ({label})": _Column(info, tuple(values))
                for (name, label), (info, values, used) in found.items() if any(used)}

    @cached_property
    def _differing(self) -> dict[str, _Column]:
        """Those that differ, the method in front where it does; without what follows from another one of them."""
        varied = {name: one for name, one in self._columns.items() if one.differs}
        deciding = {name: one for name, one in varied.items()
                    if not any(one.follows(varied[n]) for n in one.info.follows if n in varied)}
        if (method := self._methods(deciding)) is None:
            return deciding
        return {METHOD: method, **{name: one for name, one in deciding.items() if not one.follows(method)}}

    def _methods(self, differing: Mapping[str, _Column]) -> _Column | None:
        """The method of each run, as DATM of PAD, with what differs between its runs and other methods have not:
        "DataDAM, λ 0.1". None where all are of one."""
        if len({run.record.name for run in self.runs}) == 1:
            return None
        heads = [compare_runs.method(run.record) for run in self.runs]
        own = [one for one in differing.values() if None in one.values]
        words = [[names.words_of(one.info, one.values[i]) for one in own
                  if len({v for v, other in zip(one.values, heads, strict=True) if other == head}) > 1]
                 for i, head in enumerate(heads)]
        values = [", ".join([head, *filter(None, own)]) for head, own in zip(heads, words, strict=True)]
        in_order = sorted(dict.fromkeys(values), key=lambda value: heads.index(heads[values.index(value)]))
        return _Column(replace(_Method.param(METHOD), choices=tuple(in_order)), tuple(values))

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        together = dict[tuple[int, ...], list[str]]()
        for name, one in self._differing.items():
            together.setdefault(one.levels, []).append(name)
        return tuple(Axis(tuple(each), self._places(each)) for each in together.values())

    def _places(self, together: Sequence[str]) -> tuple[tuple[Any, ...], ...]:
        """The values in order: numbers from the smallest, choices as they are declared, no value last."""
        columns = [self._differing[name] for name in together]
        places = dict.fromkeys(zip(*(one.values for one in columns), strict=True))
        return tuple(sorted(places, key=lambda place: _rank(columns[0].info, place[0])))

    @cached_property
    def points(self) -> tuple[Group, ...]:
        groups = dict[tuple[Any, ...], list[Compared]]()
        for i, run in enumerate(self.runs):
            groups.setdefault(tuple(one.values[i] for one in self._differing.values()), []).append(run)
        found = [Group(dict(zip(self._differing, values, strict=True)), tuple(runs)) for values, runs in groups.items()]
        return tuple(sorted(found, key=lambda g: [axis.points.index(axis.of(g.values)) for axis in self.axes]))

    @cached_property
    def seeds(self) -> Sequence[int]:
        number = Counter(map(_seed, self.runs))
        return sorted(number, key=lambda seed: (-number[seed], seed))

    @property
    def sets(self) -> str:
        methods = dict.fromkeys(compare_runs.method(run.record) for run in self.runs)
        made = all(run.record.makes_images for run in self.runs)
        return f"{next(iter(methods)) if len(methods) == 1 else 'Chosen'} {'sets' if made else 'runs'}"

    @property
    def absent(self) -> str:
        return "no run"

    def param(self, name: str) -> ParamInfo:
        return self._differing[name].info

    def control(self, role: str, point: Group) -> Accuracy | None:
        each = [run.controls[role].accuracy for run in point.runs if role in run.controls and not run.repeats]
        # The full data's networks are the same for every seed of the set.
        return each[0] if role == "full" and each else effects.pooled(each)

    def of_seed(self, point: Group, seed: int, store: Store) -> tuple[RunRecord | None, str]:
        run = next((run for run in point.runs if _seed(run) == seed), None)
        if run is None:
            return None, ""
        state = "" if run.record.state == "done" else ": ".join(filter(None, [run.record.state, run.record.problem]))
        return run.record, state

    def suspicions(self, point: Group) -> list[tuple[int, str]]:
        return [(_seed(run), told) for run in point.runs for record in (run.record, run.evaluation) if record
                for told in sanity.warnings(record)]

    @property
    def with_method(self) -> list[str]:
        """What else differs between the methods, so that its effect is not told apart from theirs."""
        if METHOD not in self._differing:
            return []
        other = [one.info for name, one in self._columns.items() if one.differs and None not in one.values
                 and name not in self._differing and one.follows(self._differing[METHOD])]
        return [info.sign for info in sorted(other, key=lambda info: not info.symbol)]

    @property
    def problem(self) -> str:
        """Why nothing can be said of these runs, "" where something can."""
        records = [run.record for run in self.runs]
        data = dict.fromkeys(str(record.config.get("dataset")) for record in records)
        settings = dict.fromkeys(compare_runs.setting_of(run.evaluation) for run in self.runs if run.evaluation)
        if len(data) > 1:
            return f"These runs are of several data sets ({', '.join(data)}), whose accuracies do not compare."
        if len(settings) > 1:
            return f"These runs were judged in several settings ({'; '.join(settings)}): choose one at “Judged on”."
        if len(records) < 2:
            return "One run alone shows no effect: choose runs that differ in a parameter."
        return "" if self.axes else "No parameter differs between these runs but the seed."

    @property
    def told(self) -> list[str]:
        """What must be known of the axes."""
        together = [axis for axis in self.axes if len(axis.names) > 1]
        said = [f"{self.title(axis.names)}: never differ apart from each other, so what each does cannot be told."
                for axis in together]
        if other := self.with_method:
            said.append(f"The methods differ in {text.listed(other, NAMED)} too: not told apart from the method.")
        if lacking := [f"{self.name(p)} ({p.state})" for p in self.points if p.state != "done"]:
            said.append(f"Without an accuracy of every run: {text.listed(lacking, NAMED)}.")
        if twice := [self.name(p) for p in self.points if len(p.runs) > len({*map(_seed, p.runs)})]:
            said.append(f"Pooled although of one seed: runs at {text.listed(twice, NAMED)}, which differ in nothing "
                        "that is an axis, as in the version that made them.")
        return said


def of(runs: Sequence[Compared]) -> tuple[Comparison, dict[str, str]]:
    """(the chosen runs that compare; the label of each other one → why it is left out).

    Sets where there are some, else what most of the runs are; of an imported run and the one from here that answers
    the same, that from here.
    """
    kinds = Counter(run.record.kind for run in runs if run.record.declared and run.record.declared.result)
    sets = [kind for kind in kinds if any(r.record.makes_images for r in runs if r.record.kind == kind)]
    kind = next(iter(sets or [name for name, _ in kinds.most_common(1)]), None)
    here, out = {run.record.id for run in runs}, dict[str, str]()
    for run in runs:
        if run.record.kind != kind:
            out[run.record.id] = "it is no set of images" if sets else "it is of another kind"
        elif run.record.imported is not None and run.record.key in here:
            out[run.record.id] = "the run from here that answers the same is chosen too"
    left_out = {run.label: out[run.record.id] for run in runs if run.record.id in out}
    return Comparison(tuple(run for run in runs if run.record.id not in out)), left_out


def _seed(run: Compared) -> int:
    return int(run.record.config.get(names.LAST) or 0)


def _is_used(info: ParamInfo, record: RunRecord) -> bool:
    try:
        return info.is_used(record.config)
    except KeyError:  # a run of a version without what this hangs on
        return True


def _rank(info: ParamInfo, value: Any) -> tuple[bool, float]:
    if value is None:
        return True, 0.0
    if isinstance(value, int | float):
        return False, float(value)
    return False, float(info.choices.index(value)) if info.choices and value in info.choices else 0.0
