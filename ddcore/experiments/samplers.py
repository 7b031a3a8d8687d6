"""Which networks a search tries next: all of them, or those that Optuna proposes.

Optuna's study lives in memory. A search that is run again proposes the same networks, since its sampler is seeded and
every result is kept as a trial; so resuming and extending replay what is known and go on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ddcore.experiments.heavy import optuna
from ddcore.networks import Variant

POPULATION = 8  # networks in a generation of NSGA-II, whatever the length, so that a longer search continues this one


def worse_half(standing: Mapping[int, float]) -> list[int]:
    """The networks that are given up of several that have had as many seeds: the worse half of them, rounded down.

    Successive halving (Jamieson and Talwalkar, AISTATS 2016), with seeds as the resource.
    """
    best_first = sorted(standing, key=lambda number: -standing[number])
    return best_first[-(-len(best_first) // 2) :]


class GridSampler:
    """Every network once, all at once: there is nothing to learn from the first. Methods as in `OptunaSampler`."""

    def __init__(self, networks: int) -> None:
        self.left = networks

    def ask(self) -> list[int]:
        numbers, self.left = list(range(self.left)), 0
        return numbers

    def prune(self, seeds: int, standing: Mapping[int, float]) -> list[int]:
        return worse_half(standing)

    def tell(self, number: int, standing: float, pruned: bool) -> None: ...


class OptunaSampler:
    """Networks by number, as Optuna proposes them.

    strategy: "random", "tpe" or "nsga2"; macs: of each member, the second aim of NSGA-II; trials: how many are to be
    proposed. A network that is proposed again counts again, and its result is told again; it takes no time.
    """

    def __init__(self, strategy: str, members: Sequence[Variant], macs: Sequence[int], trials: int, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.strategy, self.macs, self.left = strategy, macs, trials
        self._number = {tuple(one.options.items()): i for i, one in enumerate(members)}
        self._values = {o: list(dict.fromkeys(one.options[o] for one in members)) for o in members[0].options}
        self._at_once = {"tpe": 1, "nsga2": POPULATION}.get(strategy, trials)
        sampler: Any = {
            "random": lambda: optuna.samplers.RandomSampler(seed), "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
            "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed),
        }[strategy]()
        # For networks that come one by one: the better half of what came before goes on (ASHA, Li et al., MLSys 2020).
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        aims: list[Literal["minimize", "maximize"]] = ["maximize", "minimize"] if strategy == "nsga2" else ["maximize"]
        self._study = optuna.create_study(directions=aims, sampler=sampler, pruner=pruner)
        self._open: dict[int, list[optuna.Trial]] = {}
        self._results: dict[int, tuple[float, bool]] = {}

    def ask(self) -> list[int]:
        """The numbers of the networks to try next, each once; [] when the search is over."""
        self._open = {}
        while self.left and sum(map(len, self._open.values())) < self._at_once:
            trial = self._study.ask()
            options = tuple((o, trial.suggest_categorical(o, values)) for o, values in self._values.items())
            if (number := self._number.get(options)) is None:  # it cannot be built at this size
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            self.left -= 1
            if number in self._results:
                self._tell(trial, number, *self._results[number])
            else:
                self._open.setdefault(number, []).append(trial)
        return list(self._open)

    def prune(self, seeds: int, standing: Mapping[int, float]) -> list[int]:
        """Which of these networks to give up, by their mean accuracies after so many seeds."""
        if self._at_once > 1:
            return worse_half(standing)
        for number, value in standing.items():
            self._open[number][0].report(value, seeds)
        return [number for number in standing if self._open[number][0].should_prune()]

    def tell(self, number: int, standing: float, pruned: bool) -> None:
        """Record the final result of a network that was proposed."""
        self._results[number] = standing, pruned
        for trial in self._open[number]:
            self._tell(trial, number, standing, pruned)

    def _tell(self, trial: optuna.Trial, number: int, standing: float, pruned: bool) -> None:
        if pruned:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(trial, [standing, float(self.macs[number])] if self.strategy == "nsga2" else standing)
