"""A sweep: one question to a method over many values of its parameters, each answered by ordinary runs.

A cell is a value on every axis and a seed: a distillation and its evaluation, asked of the queue like anybody's and
shared with everything else that asks the same. The sweep itself computes nothing. It asks, gives its slot back, and is
woken when all that it asked has ended, well or badly.

Cells are compared by the accuracy of their networks on the validation split. A grid shows the test accuracy of every
cell beside it; the other strategies test only what they chose.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal, TypeVar

from ddcore.data import DATASETS
from ddcore.errors import ConfigError, Worded
from ddcore.experiments import evaluate
from ddcore.experiments.axes import EVALUATION, Axis, axes
from ddcore.experiments.base import Command, Ended, Kind, Recorder, Spec, spec
from ddcore.experiments.evaluate import EvaluateConfig, EvaluateSummary
from ddcore.experiments.strategies import Grid, Trial, remembered
from ddcore.methods import METHODS
from ddcore.params import Config, Param, ParamInfo, shown
from ddcore.protocols import PROTOCOLS
from ddcore.settings import NETWORK_PARAMS
from ddcore.summary import Accuracy, Answer, Count, Seconds, Summary, Values

NAMED = 5  # values of an axis that a sweep's name has
MOST_CELLS = 2000  # of one sweep
WITHOUT_THEM = Worded("leave_out goes on without them", "")  # what can be done about cells that cannot run
LEAST_FULL = 2  # networks on the full data: one has no spread, so nothing could be held against it
NOT_VARIED = ("dataset", "device", "seed", "exact")  # other questions, or none: seeds have a parameter of their own
T = TypeVar("T")
JUDGING = ("protocol", "batch_size", "augment", *NETWORK_PARAMS)  # of EvaluateConfig, behind `evaluate.`


class SweepConfig(Config):
    """What a sweep has beyond the parameters of its method, which are those of every cell but for the axes."""

    length_param: ClassVar[str] = ""  # the method's is one of every cell; a sweep with more values is another one
    method: ClassVar[str] = ""

    vary: str = Param(
        "", label="Axes", group="Sweep",
        help="What is varied over which values: lambda_task=0,0.01,1; a range as lr_img=0.1..100:4 (four values); two "
        "together as a+b=1+2,3+4; how sets are judged as evaluate.protocol=course,steps. Semicolons between axes.",
    )
    seeds: int = Param(1, label="Seeds", group="Sweep", ge=1, le=100, step=1,
                       help="Every cell is distilled so many times, from the seed on upwards.")
    strategy: Literal["grid", "random", "tpe", "halving"] = Param(
        "grid", label="Strategy", group="Sweep",
        help="grid: every cell; random: some, drawn; tpe: as a model of what was good so far proposes; halving: short "
        "runs of many, of which the best third goes on, three times as long each time.",
    )
    budget: int | None = Param(None, label="Trials", group="Sweep", ge=1, le=MOST_CELLS, step=1, follows=("strategy",),
                               help="How many places of the grid a strategy tries, at most.")
    protocol: str = Param("course", label="Protocol", group="Sweep", choices=PROTOCOLS,
                          help="How each set is judged.")
    nets: int = Param(3, label="Networks", symbol="n", group="Sweep", ge=1, le=100, step=1,
                      help="Networks that judge each set.")
    with_full: bool = Param(False, label="With full data", group="Sweep",
                            help="Also trains networks on the full data under the protocol: as many as judge each set, "
                            f"at least {LEAST_FULL}, so that differences have an interval. Long.")
    leave_out: bool = Param(False, label="Leave out what cannot run", group="Sweep",
                            help="Goes on without the cells that cannot run, which are named, instead of refusing all.")

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The method's own value of what is varied does not matter, so it is the declared one."""
        try:
            parsed = axes(str(values.get("vary", "")), cls.varied())
        except ConfigError:  # reported by `problems`
            return super().fill(values)
        own = {name: cls.model_fields[name].default for axis in parsed for name in axis.names
               if not name.startswith(EVALUATION)}
        if values.get("strategy", "grid") != "grid":
            values = {"budget": 20, **values}
        varied = {name: value for name, value in {**values, **own}.items() if value is not None}
        return super().fill({**varied, "vary": "; ".join(map(str, parsed))})

    @classmethod
    def varied(cls) -> dict[str, ParamInfo]:
        """What may be varied: the method's parameters, and behind `evaluate.` those of how a set is judged."""
        own = {p.name: p for p in METHODS[cls.method].Config.params() if p.name not in NOT_VARIED}
        return own | {f"{EVALUATION}{name}": EvaluateConfig.param(name) for name in JUDGING}

    def problems(self) -> list[str]:
        try:
            parsed = axes(self.vary, self.varied())
        except ConfigError as error:
            return [*super().problems(), *error.problems]
        problems = list[str]()  # the method's own are those of the cells
        length = METHODS[self.method].Config.length_param
        if self.strategy == "halving" and (not length or any(length in axis.names for axis in parsed)):
            why = f"{length} is varied" if length else f"{self.method} has no length"
            problems.append(f"halving makes runs longer step by step, and {why}; choose another strategy")
        if self.strategy != "grid" and not self.held_out:
            problems.append("the data set is so small that no image of it is held out to choose by; take the grid, "
                            f"got {self.strategy}")
        if self.strategy == "grid" and self.budget is not None:
            problems.append(f"a grid tries every place; budget is for the other strategies, got {self.budget}")
        places = math.prod(len(axis.points) for axis in parsed)
        if max(places, cells := self.seeds * (self.budget or places)) > MOST_CELLS:
            return [*problems, f"a sweep has at most {MOST_CELLS:,} places and as many cells, got {places:,} and "
                               f"{cells:,}: vary fewer values, or take fewer seeds"]
        grid = self.grid
        if not problems and not grid.places:
            why = Worded.join(dict.fromkeys(grid.impossible.values()))
            problems.append(Worded(f"none of the cells can run: {why}", f"None of the cells can run: {why.words}"))
        elif grid.impossible and not self.leave_out:
            problems += [Worded(f"{place} cannot run: {why}", f"{place.words} cannot run: {why.words}")
                         for place, why in grid.impossible.items()]
            problems.append(WITHOUT_THEM)
        return problems

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        return axes(self.vary, self.varied())

    @cached_property
    def held_out(self) -> bool:
        """Whether the data set is large enough to have a validation split."""
        return bool(DATASETS[self.values()["dataset"]].parts.get("val", 1))

    @cached_property
    def grid(self) -> Places:
        """Every place on the axes, apart by whether it can run."""
        return Places.of(self)

    @property
    def all_seeds(self) -> range:
        first = self.values()["seed"]  # the method's
        return range(first, first + self.seeds)

    @property
    def space(self) -> Grid:
        """The grid as a strategy sees it."""
        numbers = [all(self.varied()[name].type in ("int", "float") for name in axis.names) for axis in self.axes]
        method = METHODS[self.method].Config
        return Grid(self.grid.places, tuple(len(axis.points) for axis in self.axes), tuple(numbers),
                    getattr(self, method.length_param, None), self.budget, self.all_seeds[0])

    def cell(self, values: Mapping[str, Any], seed: int, length: int | None = None) -> Cell:
        """The cell with these values on the axes, made once. Raises ConfigError where it cannot run."""
        return self.once((*values.items(), seed, length), lambda: self._cell(values, seed, length))

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """What was made for this before, else what `make` makes: checking the parameters of a run takes a while."""
        if what not in self._made:
            self._made[what] = make()
        made: T = self._made[what]
        return made

    @cached_property
    def _made(self) -> dict[Hashable, Any]:
        return {}

    def _cell(self, values: Mapping[str, Any], seed: int, length: int | None) -> Cell:
        own = {name: v for name, v in values.items() if not name.startswith(EVALUATION)}
        judging = {name.removeprefix(EVALUATION): v for name, v in values.items() if name.startswith(EVALUATION)}
        longer = {METHODS[self.method].Config.length_param: length} if length else {}
        distil = spec("distill", self.method, {**self._base, **own, **longer, "seed": seed})
        return Cell(self, dict(values), seed, length, distil, judging)

    @cached_property
    def _base(self) -> dict[str, Any]:
        """The method's values for every cell, without those that follow from what is varied."""
        config = METHODS[self.method].Config
        return set_by_hand(config, {p.name: getattr(self, p.name) for p in config.params()})


def set_by_hand(config: type[Config], values: Mapping[str, Any]) -> dict[str, Any]:
    """These values without those that follow from the others as they would by themselves."""
    following = {p.name for p in config.params() if p.optional and p.follows and values.get(p.name) is not None}
    try:
        derived = config.build({name: v for name, v in values.items() if name not in following})
    except ConfigError:  # values of a version that had other parameters, or that only an axis makes right
        return dict(values)
    return {name: v for name, v in values.items() if name not in following or getattr(derived, name) != v}


@dataclass(frozen=True, eq=False)  # a sweep keeps its cells: to compare them would be to compare it with itself
class Cell:
    """A place of the grid with one seed: what distils it, and how it is judged. length: of a shorter run than asked."""

    sweep: SweepConfig
    values: Mapping[str, Any]
    seed: int
    length: int | None
    distil: Spec
    judging: dict[str, Any]

    def judged(self, split: str = "test") -> Spec:
        """The evaluation of its images."""
        run = self.distil.key
        return self.sweep.once((run, split, *self._setting), lambda: self.judged_as(run, split))

    @cached_property
    def _setting(self) -> tuple[Any, ...]:
        """What tells its judging from that of other cells: the network of its set, and what is varied of it."""
        return (*((name, self._own.get(name)) for name in ("resolution", *NETWORK_PARAMS)), *self.judging.items())

    def judged_as(self, run: str, split: str = "test") -> Spec:
        """The evaluation of the run of this id in the cell's setting."""
        network = {name: v for name, v in self.judging.items() if name in NETWORK_PARAMS}
        others = {name: v for name, v in self.judging.items() if name not in network}
        values = {"protocol": self.sweep.protocol, "nets": self.sweep.nets, "device": self._own["device"], **others}
        return evaluate.question(run, self._own, network, {**values, "split": split})

    def check(self) -> None:
        """Raise ConfigError where its images cannot be judged as it is asked."""
        self.judged_as(run="0" * 16, split="test")

    def specs(self, look: Look, split: str) -> tuple[Spec, ...]:
        """What makes and judges it: on the validation split as well where its evaluation measured that not yet."""
        judged = look(self.judged(split))
        lacks = judged is not None and judged.state == "done" and _validation(judged, split) is None
        return (self.distil, self.judged(split), *([self.judged("val")] if lacks and self.sweep.held_out else []))

    def ended(self, look: Look, split: str) -> bool:
        """Whether nothing more is to come: it is judged, or one of its runs ended early."""
        runs = [look(one) for one in self.specs(look, split)]
        return None not in runs or any(one is not None and one.state != "done" for one in runs)

    def validation(self, look: Look, split: str) -> Accuracy | None:
        """The accuracy of its networks on the validation split, where that is known."""
        _, judged, *again = (look(one) for one in self.specs(look, split))
        return _validation(again[0], "val") if again else _validation(judged, split)

    @property
    def control(self) -> tuple[Spec, Spec]:
        """As many real images at random, of the same seed; what judges them as its own."""
        own = tuple(self._own[name] for name in ("resolution", "ipc", "seed"))
        random = self.sweep.once(("random", *own), lambda: evaluate.control(self._own, self._own["device"]))
        judged = self.sweep.once((random.key, "test", *self._setting), lambda: self.judged_as(random.key, "test"))
        return random, judged

    @property
    def full(self) -> tuple[Spec, ...]:
        """Networks on the full data in the setting in which it is judged, as many as judge it, at least two."""
        return self.sweep.once(("full", *self._setting), self._full)

    def _full(self) -> tuple[Spec, ...]:
        config = self.judged().config
        assert isinstance(config, EvaluateConfig)
        return tuple(evaluate.full_data(config, number) for number in range(max(LEAST_FULL, config.nets)))

    @cached_property
    def _own(self) -> dict[str, Any]:
        return self.distil.config.values()


def _validation(judged: Ended | None, split: str) -> Accuracy | None:
    """What an evaluation on this split measured on the validation split."""
    if judged is None or judged.state != "done":
        return None
    assert isinstance(judged.summary, EvaluateSummary)
    return judged.summary.accuracy if split == "val" else judged.summary.validation


@dataclass(frozen=True)
class Places:
    """places: on the axes that can run; impossible: what the others are, and why not."""

    places: tuple[tuple[int, ...], ...]
    impossible: Mapping[Worded, Worded]

    @classmethod
    def of(cls, config: SweepConfig) -> Places:
        varied = config.varied()
        possible, impossible = list[tuple[int, ...]](), dict[Worded, Worded]()
        for place in itertools.product(*(range(len(axis.points)) for axis in config.axes)):
            values = values_at(config.axes, place)
            try:
                config.cell(values, config.all_seeds[0]).check()
            except ConfigError as error:
                at = Worded(", ".join(f"{name}={shown(value)}" for name, value in values.items()),
                            ", ".join(f"{_sign(varied[name])} {shown(value)}" for name, value in values.items()))
                impossible[at] = Worded.join(error.problems)
            else:
                possible.append(place)
        return cls(tuple(possible), impossible)


def values_at(along: Sequence[Axis], place: Sequence[int]) -> dict[str, Any]:
    """Parameter → value at a place of the grid."""
    return {name: v for axis, position in zip(along, place, strict=True) for name, v in axis.at(position).items()}


class CellResult(Answer):
    """What became of a cell. values: on the axes; length: of the method, where it is shorter than asked (halving); run,
    evaluation: the ids of its runs; state: of the one that is furthest behind; problem: why it ended early.

    accuracy: on the test images, None where it was not tested; validation: of the same networks on the validation
    split; seconds: of the distillation; seconds_train: of training one network on the set. random_real, full: the ids
    of the runs that judged its controls, as far as there are some.
    """

    values: Values
    seed: Count
    length: Count | None = None
    run: str
    evaluation: str
    state: str
    problem: str = ""
    accuracy: Accuracy | None = None
    validation: Accuracy | None = None
    seconds: Seconds | None = None
    seconds_train: Seconds | None = None
    random_real: str = ""
    full: str = ""


class ControlResult(Answer):
    """What a control reached in the setting of some cells. role: "random_real" or "full"; evaluation: the run that
    measured it, of several the first; ipc, seed: of the real images; judging: on which network and how it was judged,
    where that is varied."""

    role: str
    evaluation: str
    state: str
    ipc: Count | None = None
    seed: Count | None = None
    judging: Values = {}
    accuracy: Accuracy | None = None


class SweepSummary(Summary):
    """All cells that were tried, in the order in which they were asked, and their controls.

    chosen: the values of the best by validation, {} where nothing could be chosen; accuracy: its test accuracy over
    all seeds and networks.
    """

    cells: tuple[CellResult, ...] = ()
    controls: tuple[ControlResult, ...] = ()
    chosen: Values = {}
    left_out: Mapping[str, str] = {}


@dataclass(frozen=True)
class Outcome:
    """How far a sweep is. missing: what must end before it can go on, in the order in which it is best computed; none
    where it is over."""

    cells: tuple[CellResult, ...]
    controls: tuple[ControlResult, ...]
    chosen: Mapping[str, Any]
    missing: tuple[Spec, ...]


Look = Callable[[Spec], Ended | None]  # how the run that answers a question ended; None while it has not


def replay(config: SweepConfig, look: Look) -> Outcome:
    """The sweep as far as its cells have ended: its strategy asks anew and is answered with what is known.

    look: asked once for each run.
    """
    known = dict[str, Ended | None]()

    def look_once(one: Spec) -> Ended | None:
        if one.key not in known:
            known[one.key] = look(one)
        return known[one.key]

    return _replay(config, look_once)


def _replay(config: SweepConfig, look: Look) -> Outcome:
    split = "test" if config.strategy == "grid" else "val"
    tried, over = _tried(config, look, split)
    cells = [cell for seed in config.all_seeds for cell in (cells[seed] for cells in tried.values())]
    best = _best(tried, look, split) if over else None
    tested = cells if split == "test" else list(tried[best].values()) if best else []
    controls = _controls(tested, config.with_full)
    ids = {cell.distil.key for cell in tested}
    specs = list[Spec]()
    for cell in cells:  # where all are tested, each with its control, so that a first picture has both
        specs += [*cell.specs(look, split), *(cell.control if split == "test" else ())]
    specs += [one for cell in tested for one in (cell.judged(),)] + [one for c in controls for one in c.specs]
    return Outcome(
        cells=tuple(_result(cell, look, split, cell.distil.key in ids) for cell in cells),
        controls=tuple(control.result(look) for control in controls),
        chosen=values_at(config.axes, best.positions) if best else {},
        missing=tuple(one for one in {one.key: one for one in specs}.values() if not look(one)),
    )


def _tried(config: SweepConfig, look: Look, split: str) -> tuple[dict[Trial, dict[int, Cell]], bool]:
    """(the cells of each trial that the strategy has asked by now, by seed; whether it has no more to ask)."""
    tried, standing = dict[Trial, dict[int, Cell]](), dict[Trial, float | None]()
    strategy = remembered(config.strategy, config.space)
    trials = next(strategy, [])
    while trials:
        for one in trials:
            values = values_at(config.axes, one.positions)
            tried[one] = {seed: config.cell(values, seed, one.length) for seed in config.all_seeds}
        if not all(cell.ended(look, split) for one in trials for cell in tried[one].values()):
            return tried, False
        standing |= {one: _standing(tried[one].values(), look, split) for one in trials}
        try:
            trials = strategy.send(standing)
        except StopIteration:
            break
    return tried, True


def _standing(cells: Iterable[Cell], look: Look, split: str) -> float | None:
    """Mean accuracy on the validation split over all seeds; None where one of them was not measured."""
    accuracy = Accuracy.pooled(cell.validation(look, split) for cell in cells)
    return accuracy.mean if accuracy else None


def _best(tried: Mapping[Trial, Mapping[int, Cell]], look: Look, split: str) -> Trial | None:
    """The best of the whole runs by validation; of equal ones the first on the axes."""
    standing = {one: _standing(cells.values(), look, split) for one, cells in tried.items()
                if one.length is None or one.length == max(t.length or 0 for t in tried)}
    known = {one: value for one, value in standing.items() if value is not None}
    return min(known, key=lambda one: (-known[one], one.positions)) if known else None


def _result(cell: Cell, look: Look, split: str, tested: bool) -> CellResult:
    runs = [look(one) for one in (*cell.specs(look, split), *([cell.judged()] if tested else []))]
    last = next((one for one in runs if one is None or one.state != "done"), runs[-1])
    made, judged = (one.summary if one and one.state == "done" else None for one in (runs[0], runs[-1]))
    return CellResult(
        values=cell.values, seed=cell.seed, length=cell.length, run=cell.distil.key,
        evaluation=cell.judged("test" if tested else split).key,
        state=last.state if last else "waiting", problem=last.problem if last else "",
        accuracy=judged.accuracy if judged and (tested or split == "test") else None,
        validation=cell.validation(look, split),
        seconds=made.seconds if made else None, seconds_train=judged.seconds_train if judged else None,
        random_real=cell.control[-1].key if tested else "",
        full=cell.full[0].key if tested and cell.sweep.with_full else "",
    )


@dataclass(frozen=True)
class Control:
    """What cells are compared with. made: the runs that it takes first; measured: those that measure it."""

    role: str
    made: tuple[Spec, ...]
    measured: tuple[Spec, ...]
    judging: Mapping[str, Any]
    ipc: int | None = None
    seed: int | None = None

    @property
    def specs(self) -> tuple[Spec, ...]:
        """All runs to ask."""
        return (*self.made, *self.measured)

    def result(self, look: Look) -> ControlResult:
        """What those have measured that have ended."""
        ended = [look(one) for one in self.measured]
        states = [one.state if one else "waiting" for one in ended]
        return ControlResult(
            role=self.role, evaluation=self.measured[0].key, ipc=self.ipc, seed=self.seed, judging=self.judging,
            state=next((state for state in states if state != "done"), "done"),
            accuracy=_pooled(one.summary.accuracy for one in ended if one and one.state == "done"),
        )


def _controls(cells: Sequence[Cell], with_full: bool) -> list[Control]:
    """As many real images for each size, seed and setting of these cells, each once; the full data on request."""
    controls = dict[str, Control]()
    for cell in cells:
        (random, judged), ipc = cell.control, cell.distil.config.values()["ipc"]
        on = {name: v for name, v in cell.values.items() if name in ("resolution", *NETWORK_PARAMS)} | cell.judging
        controls.setdefault(judged.key, Control("random_real", (random,), (judged,), on, ipc, cell.seed))
        if with_full:
            controls.setdefault(cell.full[0].key, Control("full", (), cell.full, on))
    return sorted(controls.values(), key=lambda one: one.role == "full")


def _pooled(accuracies: Iterable[Accuracy | None]) -> Accuracy | None:
    """Over all networks of these; one alone as it is."""
    each = list(accuracies)
    return each[0] if len(each) == 1 else Accuracy.pooled(each)


def run(name: str, config: SweepConfig, recorder: Recorder) -> SweepSummary:
    """Ask for what is missing, and sum up when nothing is."""
    outcome = replay(config, recorder.ended)
    ended = [cell for cell in outcome.cells if cell.state != "waiting"]
    recorder.progress(len(ended), len(outcome.cells), f"{len(ended)} of {len(outcome.cells)} cells")
    if outcome.missing:
        recorder.wait_for(outcome.missing)
    best = [cell for cell in outcome.cells if cell.values == outcome.chosen and cell.accuracy]
    return SweepSummary(
        cells=outcome.cells, controls=outcome.controls, chosen=outcome.chosen, left_out=config.grid.impossible,
        accuracy=Accuracy.pooled(cell.accuracy for cell in best),
        seconds=_seconds(outcome.cells),
    )


def _seconds(cells: Iterable[CellResult]) -> float:
    """Of all distillations, each once: a longer one tells the time of the shorter that it continued too."""
    longest = {(*cell.values.items(), cell.seed): cell for cell in sorted(cells, key=lambda cell: cell.length or 0)}
    return sum({cell.run: cell.seconds or 0.0 for cell in longest.values()}.values())


@lru_cache(maxsize=128)
def config_of(name: str) -> type[SweepConfig]:
    """The parameters of a sweep over the method `name`: the method's own and those of every sweep."""
    return type(f"SweepOf{name.title()}", (SweepConfig, METHODS[name].Config), {"method": name, "__module__": __name__})


def _label(name: str, config: Mapping[str, Any], summary: Summary) -> str:
    """ "Sweep of DataDAM, λ 0, 0.01 and initialisation real, noise"."""
    if name not in METHODS:
        return f"{KIND.title} of {name}"
    varied = config_of(name).varied()
    try:
        along = [_along(axis, varied) for axis in axes(str(config.get("vary")), varied)]
    except ConfigError:  # of a version that had other parameters
        along = []
    return f"{KIND.title} of {METHODS[name].title}{', ' * bool(along)}{' and '.join(along)}"


def _along(axis: Axis, varied: Mapping[str, ParamInfo]) -> str:
    """ "λ 0, 0.01, 1": an axis with its first few values."""
    sign = " + ".join(_sign(varied[name]) for name in axis.names)
    values = [" + ".join(map(shown, point)) for point in axis.points]
    few = values if len(values) <= NAMED else [*values[: NAMED - 1], "…", values[-1]]
    return f"{sign} {', '.join(few)}"


def _sign(p: ParamInfo) -> str:
    return p.symbol or p.label.lower()


KIND = Kind(
    name="sweep", title="Sweep",
    help="How a method's parameters matter: one question over many values, each answered by ordinary runs.",
    names=lambda: tuple(METHODS), config=config_of, summary=SweepSummary, run=run,
    version=lambda name: METHODS[name].version, label=_label,
    told=("vary",), gathers=True, presets=lambda name: METHODS[name].presets,
    page="Sweeps", command=Command(lambda name, config: ("sweep", name), ("exact",)),
    not_private="A sweep asks for many runs that everybody shares, so it cannot be private.",
)
