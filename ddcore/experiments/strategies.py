"""In which order a sweep tries the cells of its grid: all, some at random, those that a model proposes, a tournament.

A strategy is a generator: it yields the trials to be tried next, is sent their standing (mean accuracy on the
validation split; None where a trial has none), and ends when it has no more to ask. Draws are seeded and a trial is a
cached run, so a sweep that is asked again replays what is known and goes on from there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ddcore.experiments.heavy import optuna

KEPT = 3  # one in so many trials goes on to the next rung of a tournament, which is so many times as long
AT_ONCE = 2  # trials that TPE proposes before it hears how the first of them stands


@dataclass(frozen=True)
class Trial:
    """A place in the grid: a position on each axis; length: of a shorter run than the others', None for the whole."""

    positions: tuple[int, ...]
    length: int | None = None


@dataclass(frozen=True)
class Grid:
    """The places that can be tried, in the order of the axes. ordered: which axes have numbers on them; length: of a
    whole run, None where it has none; budget: how many trials at most, None for all; seed: of what is drawn."""

    places: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]
    ordered: tuple[bool, ...]
    length: int | None = None
    budget: int | None = None
    seed: int = 0

    @property
    def most(self) -> int:
        return min(self.budget or len(self.places), len(self.places))


Standing = Mapping[Trial, float | None]
Asking = Generator[list[Trial], Standing, None]


def coarse_first(places: Sequence[tuple[int, ...]], sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """The places at the ends and in the middle of every axis, then the others, each in the order of the axes."""
    marks = [{0, size // 2, size - 1} for size in sizes]
    return sorted(places, key=lambda place: any(p not in mark for p, mark in zip(place, marks, strict=True)))


def grid(space: Grid) -> Asking:
    """Every place, coarsely first: there is nothing to learn from the first."""
    yield [Trial(place) for place in coarse_first(space.places, space.sizes)]


def random(space: Grid) -> Asking:
    """As many places as the budget allows, drawn without replacement; a larger budget only adds to them."""
    import numpy as np

    order = np.random.default_rng(space.seed).permutation(len(space.places))[: space.most]
    yield [Trial(space.places[i]) for i in order]


def tpe(space: Grid) -> Asking:
    """What a tree-structured Parzen estimator proposes (Bergstra et al., NeurIPS 2011), by Optuna."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=space.seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    allowed, tried = set(space.places), dict[Trial, float | None]()
    # It may propose what is known: that counts again and takes no time, but it must end where nothing is left to try.
    for _ in range(100 * math.ceil(space.most / AT_ONCE)):
        if len(tried) == space.most:
            return
        asked = [(one, Trial(_place(one, space))) for one in (study.ask() for _ in range(AT_ONCE))]
        fresh = list(dict.fromkeys(t for _, t in asked if t not in tried and t.positions in allowed))
        if fresh := fresh[: space.most - len(tried)]:
            tried |= yield fresh
        for one, trial in asked:
            if (standing := tried.get(trial)) is None:  # it cannot be built, failed, or is beyond the budget
                study.tell(one, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(one, standing)


def _place(trial: optuna.Trial, space: Grid) -> tuple[int, ...]:
    """A position on each axis: numbers are in order, names are not."""
    return tuple(
        trial.suggest_int(str(axis), 0, size - 1) if ordered
        else int(trial.suggest_categorical(str(axis), list(range(size))))
        for axis, (size, ordered) in enumerate(zip(space.sizes, space.ordered, strict=True))
    )


def halving(space: Grid) -> Asking:
    """Successive halving (Jamieson and Talwalkar, AISTATS 2016): short runs of many, the best third of which goes on.

    A longer run continues the shorter one, so nothing is computed twice. A trial without a standing goes no further.
    """
    assert space.length is not None
    start = next(random(space))
    left, lengths = [one.positions for one in start], rungs(space.length, len(start))
    for length in lengths:
        trials = [Trial(place, length) for place in left]
        standing = yield trials
        ranked = sorted((t for t in trials if standing[t] is not None), key=lambda t: -(standing[t] or 0.0))
        left = [trial.positions for trial in ranked[: math.ceil(len(left) / KEPT)]]


def rungs(length: int, trials: int) -> list[int]:
    """The length of the runs of each rung, shortest first: the last is whole, and one trial is left for it.

    Of 9 trials of 90 steps: 10 steps of nine, 30 of three, 90 of one.
    """
    number = next(n for n in itertools.count() if KEPT**n >= trials)
    return sorted({max(1, math.ceil(length / KEPT**n)) for n in range(number + 1)})


def remembered(name: str, space: Grid) -> Asking:
    """The strategy of this name; what it asked before after the same standings is not worked out again.

    A model proposes the same when it hears the same, and a page that shows a sweep asks for all of it every few
    seconds.
    """
    known, told, rounds = _asked(name, space), tuple[float | None, ...](), list[Standing]()
    while told in known:
        if not (trials := list(known[told])):
            return
        standing = yield trials
        told += tuple(standing[one] for one in trials)
        rounds.append(dict(standing))
    strategy = STRATEGIES[name](space)
    trials = next(strategy, [])
    for standing in rounds:
        trials = _send(strategy, standing)
    while True:
        known[told] = tuple(trials)
        if not trials:
            return
        standing = yield trials
        told += tuple(standing[one] for one in trials)
        trials = _send(strategy, standing)


@lru_cache(maxsize=16)
def _asked(name: str, space: Grid) -> dict[tuple[float | None, ...], tuple[Trial, ...]]:
    """What a strategy asked in this grid after which standings of all that it had asked; nothing where it ended."""
    return {}


def _send(strategy: Asking, standing: Standing) -> list[Trial]:
    try:
        return strategy.send(standing)
    except StopIteration:
        return []


STRATEGIES: dict[str, Callable[[Grid], Asking]] = {"grid": grid, "random": random, "tpe": tpe, "halving": halving}


def later(name: str, space: Grid, lengths: Sequence[int | None]) -> float:
    """How much work a strategy will still ask for at most, over all that it has asked; lengths: of the trials asked."""
    if not lengths:
        return 0.0
    return LATER[name](space, lengths) if name in LATER else 0.0


def _rest_of_budget(space: Grid, lengths: Sequence[int | None]) -> float:
    return (space.most - len(lengths)) / len(lengths)


def _rest_of_rungs(space: Grid, lengths: Sequence[int | None]) -> float:
    """Each rung is about as much work: a third of the trials, three times as long."""
    assert space.length is not None
    return len(rungs(space.length, space.most)) / len(set(lengths)) - 1


LATER: dict[str, Callable[[Grid, Sequence[int | None]], float]] = {"tpe": _rest_of_budget, "halving": _rest_of_rungs}
