"""Accuracies along axes, told and drawn alike: of a sweep, and of runs that were chosen and differ in something."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from ddcore.experiments.axes import Axis
from ddcore.lazy import pd
from ddcore.params import ParamInfo
from ddcore.report import gallery
from ddcore.report.compare_runs import Compared
from ddcore.report.figures import along
from ddcore.report.names import value_of, words_of
from ddcore.report.nas import importance as anova
from ddcore.runs.store import RunRecord, Store
from ddcore.summary import Accuracy

CONTROLS = {"random_real": "Random real images", "full": "Full data"}  # by their role
SIGNS = 2  # parameters that move together up to which an axis tells their labels too


class Place(Protocol):
    """What is known at one place on the axes, over all seeds. state: "done", or how many of its runs stand where."""

    @property
    def values(self) -> Mapping[str, Any]: ...

    @property
    def accuracy(self) -> Accuracy | None: ...

    @property
    def state(self) -> str: ...


P = TypeVar("P", bound=Place)


@dataclass(frozen=True)
class Seen(Generic[P]):
    """A place with one seed, to look at. run: None where there is none.

    missing: why it has no images, "" where it has some; state: how it stands and why, "" where it is done.
    """

    name: str
    point: P
    run: Compared | None
    missing: str
    state: str


class Effects(ABC, Generic[P]):
    """Places on axes, in the order of these, each with its accuracy and its controls.

    not_there: why a place that has no run shows no images.
    """

    not_there = "it is not computed yet"

    @property
    @abstractmethod
    def axes(self) -> tuple[Axis, ...]:
        """What is varied, or what differs."""

    @property
    @abstractmethod
    def points(self) -> tuple[P, ...]:
        """What is known, place by place."""

    @property
    @abstractmethod
    def seeds(self) -> Sequence[int]:
        """All seeds, the one that is looked at first in front."""

    @property
    @abstractmethod
    def sets(self) -> str:
        """What is judged: "DataDAM sets"."""

    @abstractmethod
    def param(self, name: str) -> ParamInfo:
        """The declaration of what an axis calls so."""

    @abstractmethod
    def control(self, role: str, point: P) -> Accuracy | None:
        """A control of this place's own size and setting, over all seeds that are known."""

    @abstractmethod
    def of_seed(self, point: P, seed: int, store: Store) -> tuple[RunRecord | None, str]:
        """(the run at a place with this seed, None where there is none; how it stands, "" where it is done)."""

    @property
    def absent(self) -> str:
        """What stands on a map where nothing is known of."""
        return ""

    @property
    def whole(self) -> tuple[P, ...]:
        """The places whose accuracies compare."""
        return self.points

    @property
    def best(self) -> P | None:
        """The one that was chosen."""
        return None

    @property
    def tested(self) -> bool:
        """Whether accuracies are of the test images; else of the validation split."""
        return True

    def stands(self, point: P) -> str:
        """How a place stands."""
        return point.state

    def suspicions(self, point: P) -> list[tuple[int, str]]:
        """(seed, what looks wrong about its runs, a sentence) at a place."""
        return []

    def warnings(self, point: P) -> tuple[str, ...]:
        """What looks wrong about the runs of a place, a sentence each."""
        return tuple(dict.fromkeys(told for _, told in self.suspicions(point)))

    @property
    def warned(self) -> list[str]:
        """What looks wrong, place by place: "η_S 10,000, noise, seed 0: The images moved by …"."""
        seeds = dict[tuple[str, str], list[str]]()
        for point in self.points:
            for seed, told in self.suspicions(point):
                seeds.setdefault((self.name(point), told), []).append(str(seed))
        return [f"{name}, {'seed' if len(those) == 1 else 'seeds'} {', '.join(those)}: {told}"
                for (name, told), those in seeds.items()]

    def through(self, places: Mapping[tuple[str, ...], int]) -> list[P]:
        """The points of a slice: those at these places; places: names of an axis → position on it."""
        at = {name: value for axis in self.axes if axis.names in places
              for name, value in axis.at(places[axis.names]).items()}
        return [point for point in self.points if at.items() <= point.values.items()]

    def seen(self, points: Sequence[P], seed: int, store: Store) -> list[Seen[P]]:
        """These points with one seed, each in a colour of its place on the first axis."""
        first = self.axes[0]
        colours = dict(zip(first.points, along(len(first.points)), strict=True))
        found = []
        for point in points:
            record, state = self.of_seed(point, seed, store)
            run, missing = None, self.not_there
            if record:
                run = Compared(record, self.name(point), colours[first.of(point.values)], None, None, {}, None)
                steps = tuple(store.snapshots(record.id)) if store.exists(record.id) else None
                missing = gallery.missing(record, steps) or ""
            found.append(Seen(self.name(point), point, run, missing, state))
        return found

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row a judged point: a column for each axis by its title, then accuracy (percent), network (what the point
        is called), index, place (1 for the most accurate), pruned: as `nas.study.frame` has them of networks; chosen,
        suspect: whether it was, and whether its runs look wrong."""
        judged, whole = [(p, p.accuracy.mean) for p in self.points if p.accuracy], {*map(id, self.whole)}
        order = sorted((mean for _, mean in judged), reverse=True)
        rows = [{**{self.title(axis.names): self._of_one_kind(axis, p) for axis in self.axes},
                 "accuracy": 100 * mean, "network": self.name(p), "index": i, "place": 1 + order.index(mean),
                 "pruned": id(p) not in whole, "chosen": p is self.best, "suspect": bool(self.warnings(p))}
                for i, (p, mean) in enumerate(judged)]
        return pd.DataFrame(rows, columns=[*self.titles, "accuracy", "network", "index", "place", "pruned", "chosen",
                                           "suspect"])

    def _of_one_kind(self, axis: Axis, point: P) -> Any:
        """A number where all values of the axis are some, else words."""
        if len(axis.names) == 1 and self.param(axis.names[0]).type in ("int", "float") and (None,) not in axis.points:
            return point.values[axis.names[0]]
        return self.at(point, axis.names)

    @property
    def titles(self) -> list[str]:
        """What the axes are called."""
        return [self.title(axis.names) for axis in self.axes]

    @cached_property
    def importance(self) -> pd.DataFrame:
        """How much of the variance each axis explains (`nas.importance`); axes that move together are one."""
        return anova.importance(self.frame, self.titles)

    @property
    def unimportant(self) -> str:
        """Why `importance` is empty, "" where it is not."""
        return anova.lacking(self.frame, self.titles)

    def title(self, names: Sequence[str]) -> str:
        """ "λ" or "η_S + Image momentum": an axis by the signs of its parameters."""
        return " + ".join(self.param(name).sign for name in names)

    def axis_title(self, names: Sequence[str]) -> str:
        """ "λ · Task balance": an axis as a chart writes it, with units."""
        params = [self.param(name) for name in names]
        if len(params) > SIGNS:
            return self.title(names)
        return " and ".join(f"{p.title} ({p.unit})" if p.unit else p.title for p in params)

    def written(self, axis: Axis, position: int) -> str:
        """ "0.01": a place on an axis."""
        return self._values(axis.at(position))

    def at(self, point: P, names: Sequence[str]) -> str:
        """ "0.01": where a point lies on an axis."""
        return self._values({name: point.values[name] for name in names})

    def _values(self, values: Mapping[str, Any]) -> str:
        return " + ".join(value_of(self.param(name), value) for name, value in values.items())

    def name(self, point: P) -> str:
        """ "λ 0.01, noise"."""
        return ", ".join(words_of(self.param(name), value) or value_of(self.param(name), value)
                         for name, value in point.values.items())


@dataclass(frozen=True)
class Slice(Effects[P]):
    """The places of others along one of their axes, on all other axes where the best of them is."""

    through_best: Effects[P]
    along: int

    @classmethod
    def all(cls, effects: Effects[P]) -> list[Slice[P]]:
        """One along each axis on which there is more than the best."""
        slices = [cls(effects, i) for i in range(len(effects.axes))]
        return [one for one in slices if sum(p.accuracy is not None for p in one.points) > 1]

    @property
    def axes(self) -> tuple[Axis, ...]:
        return (self.through_best.axes[self.along],)

    @cached_property
    def points(self) -> tuple[P, ...]:
        known = [(p.accuracy.mean, i) for i, p in enumerate(self.through_best.whole) if p.accuracy]
        best = self.through_best.best or (self.through_best.whole[max(known)[1]] if known else None)
        others = [axis for axis in self.through_best.axes if axis is not self.axes[0]]
        return tuple(p for p in self.through_best.points
                     if best and all(axis.of(p.values) == axis.of(best.values) for axis in others))

    @property
    def whole(self) -> tuple[P, ...]:
        return tuple(p for p in self.through_best.whole if p in self.points)

    @property
    def seeds(self) -> Sequence[int]:
        return self.through_best.seeds

    @property
    def sets(self) -> str:
        return self.through_best.sets

    @property
    def tested(self) -> bool:
        return self.through_best.tested

    def param(self, name: str) -> ParamInfo:
        return self.through_best.param(name)

    def control(self, role: str, point: P) -> Accuracy | None:
        return self.through_best.control(role, point)

    def of_seed(self, point: P, seed: int, store: Store) -> tuple[RunRecord | None, str]:
        return self.through_best.of_seed(point, seed, store)

    def stands(self, point: P) -> str:
        return self.through_best.stands(point)

    def warnings(self, point: P) -> tuple[str, ...]:
        return self.through_best.warnings(point)

    @property
    def best(self) -> P | None:
        best = self.through_best.best
        return best if best is not None and best in self.points else None


def standing(states: Sequence[str]) -> str:
    """ "done", or how many of these stand where: "2 done, 1 failed"."""
    return ", ".join(f"{states.count(s)} {s}" if len(set(states)) > 1 else s for s in dict.fromkeys(states))


def pooled(accuracies: Iterable[Accuracy | None]) -> Accuracy | None:
    """Over all networks of those that are known."""
    return Accuracy.pooled(one for one in accuracies if one)
