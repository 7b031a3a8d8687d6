"""Accuracy against the number of images: which set is lossless, and how many random images each is worth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ddcore.data import DATASETS
from ddcore.experiments.evaluate import CONTROL, EvaluateConfig
from ddcore.experiments.sweep import Cell, SweepConfig, values_at
from ddcore.methods import METHODS
from ddcore.report import text
from ddcore.report.sweeps import Answer, Point
from ddcore.runs.sharing import distinct
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_PARAMS
from ddcore.summary import Accuracy

MARGIN = 0.005  # what a lossless set may lose, as a fraction


def lossless(sets: Mapping[int, Accuracy], full: Accuracy, margin: float = MARGIN) -> int | None:
    """The smallest IPC whose set loses at most `margin`: there the 95 % interval of full data minus set ends.

    A set that is better than the full data counts. None where no set is, or what varies by chance is not known.
    """
    differences = ((ipc, full.minus(sets[ipc])) for ipc in sorted(sets))
    return next((ipc for ipc, one in differences if one and one.high <= margin), None)


def worth(accuracy: float, random: Mapping[int, float]) -> float | None:
    """How many random images per class reach this accuracy, between those measured a line over log₂ IPC.

    0 where the fewest that were measured do; infinite where the most do not; None where none was measured.
    """
    if not random:
        return None
    known = sorted(random.items())
    if known[0][1] >= accuracy:
        return float(known[0][0]) if known[0][1] == accuracy else 0.0
    for (fewer, low), (more, high) in pairwise(known):
        if high >= accuracy:
            return float(fewer * (more / fewer) ** ((accuracy - low) / (high - low)))
    return math.inf


def worths(sample: Accuracy, random: Mapping[int, Accuracy]) -> tuple[float, float] | None:
    """The 95 % interval of how many random images per class are worth this set: from where on it is not surely better
    than they are, by Welch's interval of the difference, up to where it is surely worse.

    Between those measured a line over log₂ IPC, as `worth` has it; None where something has no spread.
    """
    differences = {ipc: sample.minus(one) for ipc, one in random.items()}
    known = {ipc: one for ipc, one in differences.items() if one}
    if not known or len(known) < len(differences):
        return None
    ends = (worth(0.0, {ipc: -one.low for ipc, one in known.items()}),
            worth(0.0, {ipc: -one.high for ipc, one in known.items()}))
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


@dataclass(frozen=True)
class Sizes:
    """Accuracies by images per class, over all networks. samples, random_samples: of the sets and of random images,
    what varies by chance (`Point.sample`).

    total: training images of the data set, of so many classes; equal_steps: whether networks take as many optimiser
    steps whatever the size; awaited: whether training on the full data was asked and is still to come.
    """

    sets: Mapping[int, Accuracy]
    samples: Mapping[int, Accuracy]
    random: Mapping[int, Accuracy]
    full: Accuracy | None
    classes: int
    total: int
    equal_steps: bool
    protocol: str = ""
    margin: float = MARGIN
    coresets: Mapping[str, Mapping[int, Accuracy]] = field(default_factory=dict)
    awaited: bool = False
    random_samples: Mapping[int, Accuracy] = field(default_factory=dict)

    def share(self, ipc: float) -> float:
        """The share of the training data that so many images per class are."""
        return ipc * self.classes / self.total

    @property
    def lossless(self) -> int | None:
        """The lossless point; none where networks on larger sets are trained for longer."""
        return lossless(self.samples, self.full, self.margin) if self.full and self.equal_steps else None

    @property
    def sentences(self) -> list[str]:
        """What can be read off: the lossless point or why there is none, and what each set is worth."""
        told = {ipc: words for ipc, one in self.sets.items() if (words := self._worth(one.mean))}
        intervals = {ipc: words for ipc in told if (words := self._interval(ipc))}
        each = ", ".join(f"IPC {ipc} → {words}{intervals.get(ipc, '')}" for ipc, words in told.items())
        said = (f"Random real images per class that reach the same accuracy{' (95 % interval)' if intervals else ''}: "
                f"{each}.")
        return [self._lossless(), *([said] if told else [])]

    def _lossless(self) -> str:
        if self.full is None and not self.awaited:
            return "The full data was not trained on, so nothing can be called lossless."
        coming = "Training on the full data has not ended yet" if self.awaited else ""
        if not self.equal_steps:
            return f"{coming}{'. ' * bool(coming)}{_uneven(self.protocol)}"
        if self.full is None or coming:
            return f"{coming}: what is lossless is told after that."
        if self.full.std is None:
            return "One network on the full data has no spread, so nothing can be called lossless: train other seeds."
        within = f"{text.number(100 * self.margin)} points of the full data (95 % interval, equal optimiser steps)"
        if self.lossless is None:
            return f"No set is lossless: none is surely within {within}."
        share = text.percent(self.share(self.lossless))
        return f"Lossless at IPC {self.lossless}, {share} of the data: the smallest set surely within {within}."

    def _worth(self, accuracy: float) -> str:
        reached = worth(accuracy, {ipc: one.mean for ipc, one in self.random.items()})
        if reached is None:
            return ""
        if not reached:
            return f"fewer than {min(self.random)}"
        if math.isinf(reached):
            return f"more than {max(self.random)}"
        return f"about {_rounded(reached)}"

    def _interval(self, ipc: int) -> str:
        """ " (3.1 to 6)"; "" where it is not known, or lies beyond what was measured as a whole."""
        random = {size: self.random_samples[size] for size in self.random if size in self.random_samples}
        if ipc not in self.samples or len(random) < len(self.random):
            return ""
        ends = worths(self.samples[ipc], random)
        if ends is None or ends[0] == math.inf or ends[1] == 0:
            return ""
        low = _rounded(ends[0]) if ends[0] else f"under {min(random)}"
        return f" ({low} to {_rounded(ends[1]) if math.isfinite(ends[1]) else f'over {max(random)}'})"


def _rounded(images: float) -> str:
    return text.number(float(f"{images:.2g}"))


def _uneven(protocol: str) -> str:
    return (f"Protocol {protocol} is not of equal steps: it trains networks on larger sets for longer. So nothing is "
            "called lossless here; the protocols steps and quick are of equal steps.")


def uneven(config: SweepConfig) -> str:
    """Why a sweep over the number of images with the full data will call none lossless, "" where it may."""
    if not config.with_full or [axis.names for axis in config.axes] != [("ipc",)]:
        return ""
    judging = config.cell(values_at(config.axes, config.grid.places[0]), config.all_seeds[0]).judged().config
    assert isinstance(judging, EvaluateConfig)
    return "" if judging.training().steps is not None else _uneven(config.protocol)


def over_sizes(answer: Answer) -> bool:
    """Whether the one axis of a sweep is the number of images, its sets were tested, and the size of the data is
    known."""
    one_axis = [axis.names for axis in answer.config.axes] == [("ipc",)]
    return (one_axis and answer.tested and any(point.accuracy for point in answer.points)
            and bool(DATASETS[answer.config.values()["dataset"]].parts))


def of(answer: Answer, store: Store, margin: float = MARGIN) -> Sizes | None:
    """A sweep over the number of images, with what other runs in its setting add; None of other sweeps."""
    if not over_sizes(answer):
        return None
    points = {int(p.values["ipc"]): p for p in answer.points if p.accuracy}
    facts = DATASETS[answer.config.values()["dataset"]]
    cells = {ipc: answer.config.cell({"ipc": ipc}, answer.config.all_seeds[0]) for ipc in points}
    cell = next(iter(cells.values()))
    judging = cell.judged().config
    assert isinstance(judging, EvaluateConfig)
    random = {ipc: answer.control("random_real", point) for ipc, point in points.items()}
    return Sizes(
        sets={ipc: one for ipc, p in points.items() if (one := p.accuracy)}, samples=_samples(points),
        random={ipc: one for ipc, one in random.items() if one}, full=_full(cell, store),
        coresets=_coresets(cells, store), classes=len(facts.classes), total=facts.parts["train"],
        protocol=answer.config.protocol, margin=margin, equal_steps=judging.training().steps is not None,
        awaited=answer.full_awaited,
        random_samples={ipc: one for ipc, point in points.items() if (one := answer.control_sample(point))},
    )


def coreset(answer: Answer, known: Sizes) -> dict[str, str]:
    """What the form of a sweep over the same sizes of chosen real images starts from, judged alike; {} where there are
    some at all sizes, or the sweep is one of them itself."""
    chosen = [name for name, method in METHODS.items() if method.step is None and name != CONTROL]
    if answer.config.method in chosen or any(each.keys() >= known.sets.keys() for each in known.coresets.values()):
        return {}
    own = answer.config.values()
    alike = ("dataset", "resolution", *NETWORK_PARAMS, "seed", "seeds", "protocol", "nets")
    return {"method": chosen[0], "vary": str(answer.config.axes[0]),
            **{name: str(own[name]) for name in alike if own.get(name) is not None}}


def _samples(points: Mapping[int, Point]) -> dict[int, Accuracy]:
    return {ipc: sample for ipc, point in points.items() if (sample := point.sample)}


def _full(cell: Cell, store: Store) -> Accuracy | None:
    """Training on all data in the cell's setting, over all seeds that were run."""
    question = cell.full[0].without("seed")
    runs = [run for run in store.records("baseline") if run.state == "done" and run.without("seed") == question]
    return Accuracy.pooled(run.summary.accuracy for run in distinct(runs))


def _coresets(cells: Mapping[int, Cell], store: Store) -> dict[str, dict[int, Accuracy]]:
    """Chosen real images of these sizes that were judged in the same setting: each method's choice of most sizes."""
    lines = dict[str, dict[str, dict[int, list[Accuracy]]]]()
    for run in distinct(store.records("distill")):
        ipc = int(run.config.get("ipc") or 0)
        if ipc not in cells or not _chosen(run, cells[ipc]):
            continue
        judged = cells[ipc].judged_as(run.id).key
        if store.exists(judged) and (accuracy := store.record(judged).summary.accuracy):
            choice = lines.setdefault(METHODS[run.name].title, {}).setdefault(run.without("seed", "ipc"), {})
            choice.setdefault(ipc, []).append(accuracy)
    return {title: _line(max(choices.values(), key=len)) for title, choices in lines.items()}


def _line(each: Mapping[int, Iterable[Accuracy]]) -> dict[int, Accuracy]:
    return {ipc: one for ipc in sorted(each) if (one := Accuracy.pooled(each[ipc]))}


def _chosen(run: RunRecord, cell: Cell) -> bool:
    """Whether a run is a coreset of the cell's data that is neither the cell's own method nor its control."""
    method, own = METHODS.get(run.name), cell.distil.config.values()
    return (method is not None and method.step is None and run.name not in (CONTROL, cell.distil.name)
            and all(run.config.get(name) == own[name] for name in ("dataset", "resolution")))
