"""What a sweep says by now: its points over all seeds, what differs, which value is best, how much each axis matters.

Read from the runs of its cells, so it can be looked at from the first of them on.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ddcore import jobs
from ddcore.disk import run_bytes
from ddcore.experiments import KINDS, strategies
from ddcore.experiments.axes import EVALUATION, Axis
from ddcore.experiments.base import Ended, Spec
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.experiments.sweep import CellResult, ControlResult, Outcome, SweepConfig, replay
from ddcore.jobs.requirements import disk, unfinished
from ddcore.jobs.status import read_status
from ddcore.lazy import pd
from ddcore.methods import METHODS
from ddcore.params import ParamInfo, shown
from ddcore.report import compare_runs, effects, estimate, sanity, tables, text
from ddcore.report.effects import CONTROLS, Effects
from ddcore.report.estimate import Estimate
from ddcore.report.export.table import Table
from ddcore.report.names import words_of
from ddcore.runs.state import awaited
from ddcore.runs.store import RunRecord, Store
from ddcore.summary import Accuracy, Interval

NAMED = 3  # points of which the sentence tells one by one that they differ
RECENT = 20  # finished runs of a kind by whose median size the next one is estimated
SMALL_RUN = 100_000  # bytes of a run while none of its kind has finished
LEVEL = 0.95  # of all intervals of a sweep together


@dataclass(frozen=True)
class Point:
    """The cells of one place on the axes, over all seeds. length: of a shorter run than asked, None for the whole.

    test, validation: over all networks of all seeds that are known; accuracy: that of the two by which all points of
    the sweep are shown, the test (on_test) or the validation.
    """

    values: Mapping[str, Any]
    length: int | None
    cells: tuple[CellResult, ...]
    on_test: bool

    @property
    def accuracy(self) -> Accuracy | None:
        return self.test if self.on_test else self.validation

    @cached_property
    def test(self) -> Accuracy | None:
        return effects.pooled(cell.accuracy for cell in self.cells)

    @cached_property
    def validation(self) -> Accuracy | None:
        return effects.pooled(cell.validation for cell in self.cells)

    @cached_property
    def sample(self) -> Accuracy | None:
        """What varies by chance on the test images: the seeds' means where several were asked, else the networks of the
        one. Of a single seed that is left of several no spread is known."""
        known = [cell.accuracy for cell in self.cells if cell.accuracy]
        if len(self.cells) > 1:
            return Accuracy.of([one.mean for one in known]) if known else None
        return known[0] if known else None

    @property
    def seconds(self) -> float | None:
        """Of distilling, all seeds together."""
        return sum(known) if (known := [cell.seconds for cell in self.cells if cell.seconds is not None]) else None

    @property
    def seconds_train(self) -> float | None:
        """Of training one network on a set, mean over the seeds."""
        known = [cell.seconds_train for cell in self.cells if cell.seconds_train is not None]
        return statistics.mean(known) if known else None

    @property
    def state(self) -> str:
        """ "done", or how many of its cells stand where: "2 done, 1 failed"."""
        return effects.standing([cell.state for cell in self.cells])


@dataclass(frozen=True)
class Answer(Effects[Point]):
    """A sweep as it stands. training_flops: of training one network, by the evaluation that told its steps; suspect:
    what looks wrong about a finished run, by its id (`sanity.warnings`)."""

    config: SweepConfig
    outcome: Outcome
    training_flops: Mapping[str, float | None] = field(default_factory=dict)
    suspect: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.config.axes

    @property
    def seeds(self) -> Sequence[int]:
        return self.config.all_seeds

    @property
    def over(self) -> bool:
        """Whether nothing is to come any more."""
        return not self.outcome.missing

    @property
    def full_awaited(self) -> bool:
        """Whether networks are still to be trained on the full data."""
        return any(one.role == "full" and one.state == "waiting" for one in self.controls)

    @property
    def standing(self) -> dict[str, int]:
        """State → how many cells stand there: the done ones first, the waiting ones last."""
        states = [cell.state for cell in self.outcome.cells]
        order = sorted(dict.fromkeys(("done", *states)), key=lambda state: (state == "waiting", state == "running"))
        return {state: states.count(state) for state in order}

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """In the order of the axes; where runs grow (halving), the longest of each place."""
        grouped = dict[tuple[Any, ...], list[CellResult]]()
        for cell in sorted(self.outcome.cells, key=lambda cell: -(cell.length or 0)):
            same = grouped.setdefault(tuple(cell.values.values()), [])
            if not same or same[0].length == cell.length:
                same.append(cell)
        order = [(axis, {point: i for i, point in enumerate(axis.points)}) for axis in self.config.axes]
        points = [Point(cells[0].values, cells[0].length, tuple(cells), self.tested) for cells in grouped.values()]
        return tuple(sorted(points, key=lambda p: [places[axis.of(p.values)] for axis, places in order]))

    @cached_property
    def whole(self) -> tuple[Point, ...]:
        """The points of the longest runs: accuracies of shorter ones are no others' (halving)."""
        longest = max((point.length or 0 for point in self.points), default=0)
        return tuple(point for point in self.points if (point.length or 0) == longest)

    def stands(self, point: Point) -> str:
        """How a point stands: "done", "1 done, 1 failed"; "done, with a warning" where a run of it looks wrong, and
        "done, stopped at 50" where its runs were not to go on."""
        warned = ", with a warning" if self.warnings(point) else ""
        return f"{point.state}{warned}" + (
            f", stopped at {point.length:,}" if point.length and point not in self.whole else "")

    def suspicions(self, point: Point) -> list[tuple[int, str]]:
        return [(cell.seed, told) for cell in point.cells for told in self.warnings_of(cell)]

    def warnings_of(self, cell: CellResult) -> tuple[str, ...]:
        """What looks wrong about the images of a cell, and about the networks that judge them."""
        return (*self.suspect.get(cell.run, ()), *self.suspect.get(cell.evaluation, ()))

    @cached_property
    def best(self) -> Point | None:
        """The point that was chosen by validation, once the sweep is over."""
        return next((p for p in self.points if p.values == self.outcome.chosen), None) if self.outcome.chosen else None

    def behind(self, point: Point) -> Interval | None:
        """How much better the best is than this point on the test images, with intervals that hold for all points
        together (Bonferroni).

        None where one of them has a single value, or was not tested.
        """
        best = self.best
        if best is None or point is best or not best.sample or not point.sample:
            return None
        return best.sample.minus(point.sample, 1 - (1 - LEVEL) / max(1, self._compared))

    @cached_property
    def _compared(self) -> int:
        """How many points the best is compared with."""
        return sum(p.sample is not None for p in self.points) - 1

    def flops(self, point: Point) -> float | None:
        """Of training one network on a set of this point, None until one was trained."""
        return next((known for cell in point.cells if (known := self.training_flops.get(cell.evaluation))), None)

    @property
    def method(self) -> str:
        """What the method is called."""
        return METHODS[self.config.method].title

    @property
    def sets(self) -> str:
        return f"{self.method} sets"

    @property
    def absent(self) -> str:
        return "left out" if self.tested else ""

    @property
    def tested(self) -> bool:
        """Whether the points were judged on the test images; else on the validation split."""
        return self.config.strategy == "grid"

    def control(self, role: str, point: Point) -> Accuracy | None:
        """A control of this point's own size and setting, over all seeds that are known."""
        own = {cell.full if role == "full" else cell.random_real for cell in point.cells}
        return effects.pooled(one.accuracy for one in self.controls if one.evaluation in own)

    def of_seed(self, point: Point, seed: int, store: Store) -> tuple[RunRecord | None, str]:
        cell = next(cell for cell in point.cells if cell.seed == seed)
        state = "" if cell.state == "done" else ": ".join(filter(None, [cell.state, cell.problem]))
        return store.record(cell.run) if store.exists(cell.run) else None, state

    @property
    def controls(self) -> tuple[ControlResult, ...]:
        return self.outcome.controls

    def controls_told(self) -> dict[str, str]:
        """Each control in words → what it reached over all seeds, and how those stand that reached nothing."""
        alike: dict[str, list[ControlResult]] = {}
        for one in self.controls:
            alike.setdefault(self._control_name(one), []).append(one)
        return {name: _told(controls) for name, controls in alike.items()}

    def _control_name(self, one: ControlResult) -> str:
        """ "Random real images, IPC 1, width 32"."""
        size = [f"IPC {one.ipc}"] if one.ipc else []
        setting = [words_of(EvaluateConfig.param(name), value) or shown(value) for name, value in one.judging.items()]
        return ", ".join([CONTROLS[one.role], *size, *setting])

    def param(self, name: str) -> ParamInfo:
        return param(self.config.method, name)

    @property
    def sentence(self) -> str:
        """What can be said honestly of all points."""
        best = self.best
        if best is None:
            return self._so_far()
        tested = (f"{text.spread(best.test)} on the test images, n = {best.test.n}, protocol "
                  f"{best.test.protocol or self.config.protocol}" if best.test else "not tested")
        said = f"{self.name(best)} is chosen by validation ({tested}).{self._against_random(best)}"
        if not self.tested:
            return f"{said} The others were not tested, so by how much it is better is not known."
        intervals = [(p, i) for p in self.points if (i := self.behind(p))]
        worse = [(p, i) for p, i in intervals if i.low > 0]
        better = [(p, Interval(-i.mean, -i.high, -i.low)) for p, i in intervals if i.high < 0]
        if not intervals:
            return f"{said} One network each has no spread, so nothing can be told apart."
        over = "" if self.config.seeds > 1 else " One seed: the intervals are over its networks, not over other sets."
        if not worse and not better:
            return f"{said} No other value can be told from it.{over}"
        parts = [part for word, those in (("worse", worse), ("better", better)) for part in self._apart(word, those)]
        rest = len(intervals) - len(worse) - len(better)
        told = f" The other{f' {rest}' if rest > 1 else ''} cannot be told from it." if rest else ""
        return f"{said} {'; '.join(parts)}.{told}{over}"

    def _against_random(self, best: Point) -> str:
        """How the chosen point stands against as many real images at random, with its own leading space."""
        control, own = self.control("random_real", best), best.test
        if control is None or own is None:
            return ""
        named = f"as many random real images reach {text.spread(control)}"
        points = 100 * (own.mean - control.mean)
        apart = best.sample and best.sample.minus(self.control_sample(best) or control)
        if apart and not (apart.decided and apart.known):
            return f" It cannot be told from random: {named}."
        return f" It is {abs(points):.1f} points {'worse' if points < 0 else 'better'} than random: {named}."

    def control_sample(self, point: Point) -> Accuracy | None:
        """What varies by chance of a point's random images: as `Point.sample`."""
        own = {cell.random_real for cell in point.cells}
        known = [one.accuracy for one in self.controls if one.evaluation in own and one.accuracy]
        if len(point.cells) > 1:
            return Accuracy.of([one.mean for one in known]) if known else None
        return known[0] if known else None

    def _so_far(self) -> str:
        """What can be said while nothing is chosen."""
        known = [(p.validation.mean, p) for p in self.whole if p.validation]
        if not known:
            return "No cell could be judged, so nothing can be chosen." if self.over else "Nothing can be said yet."
        if not self.over and len(known) < 2:
            return f"Nothing can be compared yet: 1 of {len(self.whole)} values is judged."
        _, first = max(known, key=lambda one: one[0])
        ahead = f"{self.name(first)} is ahead by validation ({text.spread(first.validation)})"
        return f"No value was judged with every seed, so none is chosen; {ahead}." if self.over else (
            f"So far, with {len(known)} of {len(self.whole)} values judged, {ahead}.")

    def _apart(self, word: str, those: Sequence[tuple[Point, Interval]]) -> list[str]:
        """The points that are worse, or better, each by how much; of many of them the range."""
        if len(those) <= NAMED:
            return [f"{self.name(p)} is {word} by {_points(i)}" for p, i in those]
        low, high = (f"{100 * end(i.mean for _, i in those):.1f}" for end in (min, max))
        return [f"{len(those)} others are {word}, by {low} to {high} points"]


def _points(interval: Interval) -> str:
    mean, low, high = (f"{100 * value:.1f}".replace("-", "−") for value in (interval.mean, interval.low, interval.high))
    return f"{mean} points ({low} to {high})"


def param(method: str, name: str) -> ParamInfo:
    """The declaration of what a sweep of this method varies under this name."""
    if name.startswith(EVALUATION):
        return EvaluateConfig.param(name.removeprefix(EVALUATION))
    return METHODS[method].Config.param(name)


def answer(config: SweepConfig, store: Store) -> Answer:
    """What the runs in the store say of a sweep by now, whether it was asked for or not."""
    running, flops, suspect = set[str](), dict[str, float | None](), dict[str, tuple[str, ...]]()
    taken = dict[str, float]()

    def look(one: Spec) -> Ended | None:
        record = store.record(one.key) if store.exists(one.key) else None
        if record and record.state in ("running", "cancelling"):
            running.add(record.id)
        if record and record.kind == "evaluate":
            flops[record.id] = compare_runs.training_flops(record)
        if record and (seconds := compare_runs.seconds(record)) is not None:
            taken[record.id] = seconds
        if record and (told := sanity.warnings(record)):
            suspect[record.id] = told
        return _ended(record) if record else None

    outcome = replay(config, look)
    cells = tuple(cell.model_copy(update={
        "seconds": taken.get(cell.run, cell.seconds),  # of the whole run, as everywhere else
        **({"state": "running"} if cell.state == "waiting" and running & {cell.run, cell.evaluation} else {}),
    }) for cell in outcome.cells)
    return Answer(config, replace(outcome, cells=cells), flops, suspect)


def _ended(record: RunRecord) -> Ended | None:
    return None if record.active else Ended(record.id, record.state, record.problem or "", record.summary)


def table(answer: Answer) -> pd.DataFrame:
    """A row a point: a column for each axis, then accuracy, random real, validation, behind the best, what it took
    (distilling all its seeds, training one network on a set of it, the FLOPs of that), state."""
    rows = [
        {**{answer.title(axis.names): answer.at(p, axis.names) for axis in answer.config.axes},
         "accuracy": text.accuracy(p.test), "random real": text.accuracy(answer.control("random_real", p)),
         **({"full data": text.accuracy(answer.control("full", p))} if answer.config.with_full else {}),
         "validation": text.accuracy(p.validation),
         "behind the best": _behind(answer, p),
         "distilling": text.duration(p.seconds), "training": text.duration(p.seconds_train),
         "training FLOPs": text.count(answer.flops(p)), "state": answer.stands(p)}
        for p in answer.points
    ]
    return pd.DataFrame(rows)


def _behind(answer: Answer, point: Point) -> str:
    """ "2.1 points (0.3 to 3.9)"; "not known (n = 2)" where so few tell nothing; "chosen" of the best."""
    if point is answer.best:
        return "chosen by validation"
    interval, sample = answer.behind(point), point.sample
    if interval is None or sample is None:
        return text.NONE
    return _points(interval) if interval.known else f"not known (n = {sample.n})"


def numbers(answer: Answer) -> pd.DataFrame:
    """What `table` tells, as numbers: accuracies and points in percent, times in seconds, None where not known.

    A column for each parameter that is varied, by its name.
    """
    return pd.DataFrame([_numbers(answer, point) for point in answer.points])


def _numbers(answer: Answer, point: Point) -> dict[str, Any]:
    behind = answer.behind(point)
    beside = {**{role: answer.control(role, point) for role in CONTROLS}, "validation": point.validation}
    return {
        **point.values, **tables.spread(point.test), "n": point.test and point.test.n, "chosen": point is answer.best,
        **{f"{name}{'_std' * (part == 'std')}": value for name, accuracy in beside.items()
           for part, value in tables.spread(accuracy).items()},
        **{name: behind and 100 * getattr(behind, end)
           for name, end in (("behind_best", "mean"), ("behind_best_low", "low"), ("behind_best_high", "high"))},
        "seconds_distill": point.seconds, "seconds_train": point.seconds_train, "flops_training": answer.flops(point),
        "state": answer.stands(point),
    }


def paper(answer: Answer) -> Table:
    """The table for a paper, with what can be said below it."""
    shown = table(answer)
    rows = tuple(tuple(map(str, row)) for row in shown.itertuples(index=False))
    return Table((tuple(map(str, shown.columns)),), rows, len(answer.config.axes), notes=(answer.sentence,))


def left(answer: Answer, store: Store, device: str) -> Estimate:
    """How long the rest takes: measured by its own runs that have ended, with as many at once as there are slots, less
    what those that run have had; and what its strategy will still ask for."""
    records = {record.id: record for record in store.records()}
    config, asked = answer.config, answer.outcome
    ids = {run_id for cell in asked.cells for run_id in (cell.run, cell.evaluation)} | {
        one.evaluation for one in asked.controls}
    own = [record for run_id, record in records.items() if run_id in ids and record.state == "done"]
    slots = len(jobs.slots())
    time = estimate.total(asked.missing, records.values(), device, like=own, at_once=slots)
    had = sum(read_status(records[one.key]).elapsed_seconds for one in asked.missing
              if one.key in records and records[one.key].state == "running")
    seconds = max(0.0, time.seconds - had / slots)
    tried = {(tuple(cell.values.values()), cell.length) for cell in asked.cells}
    more = strategies.later(config.strategy, config.space, [length for _, length in tried])
    taken = sum(compare_runs.seconds(record) or 0.0 for record in own) / slots
    return replace(time, seconds=seconds + more * (taken + time.seconds), rough=time.rough or more > 0)


def of_run(run: RunRecord, store: Store) -> list[RunRecord]:
    """The sweeps of which this run makes or judges a cell, newest first; of one under way, those that asked for it."""
    return [sweep for sweep in store.records("sweep")
            if run.id in awaited(sweep.folder)
            or any(run.id in (cell.run, cell.evaluation) for cell in getattr(sweep.summary, "cells", ()))]


def room(answer: Answer, store: Store) -> int:
    """Bytes that the missing runs and what they need will write: what is declared of large ones, and of each of the
    others what the latest finished ones of its kind take."""
    records = store.records()
    others = [one.kind for one in unfinished(answer.outcome.missing, records).values()
              if not KINDS[one.kind].disk(one.name, one.config)]
    return disk(answer.outcome.missing, records) + sum(
        others.count(kind) * _usual_size(kind, records) for kind in dict.fromkeys(others))


def _usual_size(kind: str, records: Sequence[RunRecord]) -> int:
    alike = [record.folder for record in records if record.kind == kind and record.state == "done"][:RECENT]
    return round(statistics.median(map(run_bytes, alike))) if alike else SMALL_RUN


def to_json(answer: Answer) -> dict[str, Any]:
    """Cells, controls, the chosen values, how much each axis matters, and what can be said; JSON-ready."""
    best = answer.best
    return {
        "cells": [{**cell.to_json(), **({"warnings": [*told]} if (told := answer.warnings_of(cell)) else {})}
                  for cell in answer.outcome.cells],
        "controls": [one.to_json() for one in answer.controls],
        "chosen": dict(answer.outcome.chosen) or None,
        "accuracy": best.test.to_json() if best and best.test else None,
        "importance": {name: round(float(share), 2) for name, share in answer.importance.to_numpy()},
        "left_out": dict(answer.config.grid.impossible), "sentence": answer.sentence,
    }


def ask(question: Spec, missing: Sequence[Spec]) -> str:
    """Ask for a sweep, of one that was over before for what it lacks since; its id. missing: as its outcome has it."""
    run_id = jobs.submit(question)
    if jobs.status(run_id).state == "done":  # it was thrown away, or a newer version asks for more
        for one in missing:
            jobs.submit(one)
    return run_id


def _told(controls: Sequence[ControlResult]) -> str:
    """ "76.1 ± 2.0 % (n = 10), 1 failed": equal controls of several seeds."""
    reached = effects.pooled(one.accuracy for one in controls)
    others = [one.state for one in controls if not one.accuracy]
    if reached is None:
        return effects.standing(others)
    return ", ".join([text.accuracy(reached), *(f"{others.count(s)} {s}" for s in dict.fromkeys(others))])
