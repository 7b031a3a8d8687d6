"""Which networks a search tries next: all of them, or those that Optuna asks for.

Optuna's study lives in memory. A search that is run again asks the same, since its sampler is seeded and every answer
is kept as a trial; so resuming and extending replay what is known and go on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ddcore.lazy import lazy
from ddcore.networks import Variant

if TYPE_CHECKING:
    import optuna
else:
    optuna = lazy("optuna")

POPULATION = 8  # networks in a generation of NSGA-II, whatever the length, so that a longer search continues this one


class Grid:
    """Every network once, all at once: there is nothing to learn from the first."""

    def __init__(self, networks: int) -> None:
        self.left = networks

    def ask(self) -> list[int]:
        asked, self.left = list(range(self.left)), 0
        return asked

    def behind(self, number: int, seeds: int, accuracy: float) -> bool:
        return False

    def tell(self, number: int, accuracy: float, pruned: bool = False) -> None: ...


class Asking:
    """Networks by number, as Optuna asks for them.

    strategy: "grid", "random", "tpe" or "nsga2"; macs: of each member, the second aim of NSGA-II; trials: how many are
    asked for, but for the grid; pruning: whether networks that are behind after some of their seeds are given up
    (asynchronous successive halving, Li et al., MLSys 2020: the better half goes on, as far as it is known by then).
    """

    def __init__(
        self, strategy: str, members: Sequence[Variant], macs: Sequence[int], trials: int, pruning: bool, seed: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.strategy, self.macs = strategy, macs
        self.left = len(members) if strategy == "grid" else trials
        self._number = {tuple(one.options.items()): i for i, one in enumerate(members)}
        self._values = {o: list(dict.fromkeys(one.options[o] for one in members)) for o in members[0].options}
        self._at_once = {"tpe": 1, "nsga2": POPULATION}.get(strategy, self.left)
        sampler: Any = {
            "grid": lambda: optuna.samplers.RandomSampler(seed), "random": lambda: optuna.samplers.RandomSampler(seed),
            "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
            "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed),
        }[strategy]()  # fmt: skip
        halving = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        aims: list[Literal["minimize", "maximize"]] = ["maximize", "minimize"] if strategy == "nsga2" else ["maximize"]
        pruner = halving if pruning else optuna.pruners.NopPruner()
        self._study = optuna.create_study(directions=aims, sampler=sampler, pruner=pruner)
        if strategy == "grid":
            for one in members:
                self._study.enqueue_trial(dict(one.options))
        self._open: dict[int, list[optuna.Trial]] = {}

    def ask(self) -> list[int]:
        """The numbers of the networks to try next, each once; [] when the search is over."""
        self._open = {}
        while self.left and sum(map(len, self._open.values())) < self._at_once:
            trial = self._study.ask()
            chosen = tuple((o, trial.suggest_categorical(o, values)) for o, values in self._values.items())
            if (number := self._number.get(chosen)) is None:  # it cannot be built at this size
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            self._open.setdefault(number, []).append(trial)
            self.left -= 1
        return list(self._open)

    def behind(self, number: int, seeds: int, accuracy: float) -> bool:
        """Whether a network with this mean accuracy after so many seeds is given up."""
        for trial in self._open[number]:
            trial.report(accuracy, seeds)
        return self._open[number][0].should_prune()

    def tell(self, number: int, accuracy: float, pruned: bool = False) -> None:
        """What a network that was asked for reached."""
        aims = [accuracy, float(self.macs[number])] if self.strategy == "nsga2" else [accuracy]
        for trial in self._open[number]:
            state = optuna.trial.TrialState.PRUNED if pruned else None
            self._study.tell(trial, None if pruned else aims, state=state)
