"""The answer of a set in short: its accuracy, what that is beside random real images, how much faster it trains."""

from __future__ import annotations

from dataclasses import dataclass

from ddcore.data import DATASETS
from ddcore.evaluation.plans import Question
from ddcore.protocols import PROTOCOLS
from ddcore.report import results, sanity
from ddcore.report.results import Result
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_OPTIONS
from ddcore.summary import Accuracy, Interval


@dataclass(frozen=True)
class Answer:
    """What is known of a set under one question, on the network that it was made on."""

    question: Question
    rows: tuple[Result, ...]

    def row(self, role: str) -> Result:
        """The line of a role that every set has: final, random_real or full."""
        return next(row for row in self.rows if row.role == role)

    def accuracy(self, role: str = "final") -> Accuracy | None:
        """The accuracy of a line, once it is computed."""
        scores = self.row(role).scores
        return scores.accuracy if scores else None

    @property
    def is_control(self) -> bool:
        """Whether the set is itself the random real images that others are compared with."""
        return self.row("final").specs[-1] == self.row("random_real").specs[-1]

    @property
    def points(self) -> float | None:
        """How much more accurate than random real images, as a fraction."""
        final, random = self.accuracy(), self.accuracy("random_real")
        return final.mean - random.mean if final and random and not self.is_control else None

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of `points`; None where one of the two has a single network."""
        final, random = self.accuracy(), self.accuracy("random_real")
        return final.minus(random) if final and random and not self.is_control else None

    @property
    def seconds(self) -> tuple[float, float] | None:
        """(seconds of training one network on the set, on the full data), once both are known."""
        return results.speed_up(list(self.rows))

    @property
    def missing(self) -> list[Result]:
        """What nobody has asked for while a figure lacks; all controls with it but the full data, which takes long."""
        if not (self.row("final").missing or self.row("random_real").missing):
            return []
        return [row for row in self.rows if row.role != "full" and row.missing]

    @property
    def full_missing(self) -> Result | None:
        """The training on the full data, where that is all that lacks and nobody has asked for it."""
        full = self.row("full")
        return full if full.missing and self.row("final").scores else None

    @property
    def active(self) -> bool:
        """Whether something of it is being computed."""
        return any(row.active for row in self.rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """That the networks learnt nothing from the set, or less than from random real images."""
        final, row = self.accuracy(), self.row("final")
        if final is None or row.record is None:
            return ()
        summary = row.record.summary
        learnt_nothing = tuple(sanity.no_better(final, summary.majority, len(summary.per_class)))
        if not learnt_nothing and self.interval and self.interval.high < 0:
            return ("As many random real images do better, so this set is not worth its computing.",)
        return learnt_nothing


def question(store: Store, run: RunRecord) -> Question:
    """The question that was asked last of this run on its own network; before any, the first protocol."""
    network = {name: run.config.get(name) for name in ("network", *NETWORK_OPTIONS)}
    if network["network"] is None:  # chosen without one, so the one of its data set; asked for in whatever size
        network = {"network": DATASETS[run.config["dataset"]].network}
    asked = (results.question_of(one) for one in results.evaluations(store, run)
             if all(one.config.get(name) == value for name, value in network.items()))
    return next(asked, Question(next(iter(PROTOCOLS)), network={"network": network["network"]}))


def answer(store: Store, run: RunRecord) -> Answer:
    """What is known of a finished set. Raises DDCoreError where its data set is not here."""
    asked = question(store, run)
    return Answer(asked, tuple(results.results(store, run, asked)))
