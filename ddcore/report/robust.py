"""Scores beside accuracy that ask where a set's success comes from (DD-Ranking, arXiv 2505.13300).

All accuracies are fractions. The published code passes percentages to the same formulas, which saturates the
exponential; so our figures compare with its definitions and not with its leaderboard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ddcore.data import DATASETS
from ddcore.evaluation import plans
from ddcore.evaluation.plans import Question
from ddcore.report.results import FINAL, RANDOM, Result, result, results
from ddcore.runs.store import RunRecord, Store

TITLES: Mapping[str, str] = {"ior": "Improvement over random (IOR)", "hlr": "Hard-label recovery gap (HLR)",
                             "lrs": "Label-robust score (LRS)", "ars": "Augmentation-robust score (ARS)"}
HELP: Mapping[str, str] = {
    "ior": "Accuracy of the set minus that of as many random real images, in percentage points.\n"
    "Above 0 the distillation itself adds something; higher is better.",
    "hlr": "Accuracy of the full data minus that of the set with plain class labels, in percentage points.\n"
    "What is lost once soft labels no longer help; lower is better.",
    "lrs": "IOR and HLR in one number from 0 to 100, half each; 26.9 means no better than random, no worse than full.\n"
    "High only if the images, and not the soft labels, carry the information.",
    "ars": "The lead over random images with and without augmentation, half each, on the same scale (parity: 26.9).\n"
    "High only if the set does not depend on how the test network augments.",
}

SOFT = (
    "This set has soft labels and the random images compared with it have not, so IOR, LRS and ARS credit the labels "
    "as well as the images. DD-Ranking gives its random images soft labels too."
)


@dataclass(frozen=True)
class Score:
    """One robust score. value: a fraction (ior, hlr) or 0 to 100 (lrs, ars), None until its parts are known."""

    name: str
    value: float | None
    parts: tuple[Result, ...]

    @property
    def title(self) -> str:
        return TITLES[self.name]

    @property
    def help(self) -> str:
        return HELP[self.name]

    @property
    def missing(self) -> list[Result]:
        """What has to be computed first; [] also while it is being computed."""
        return [part for part in self.parts if part.missing]


@dataclass(frozen=True)
class Robust:
    """The four scores of one set, in the order of TITLES; note: what a reader must know of this set, or ""."""

    scores: tuple[Score, ...]
    note: str = ""

    @property
    def parts(self) -> list[Result]:
        """Every evaluation that some score needs, once."""
        return list({part.role: part for score in self.scores for part in score.parts}.values())

    @property
    def missing(self) -> list[Result]:
        """What is neither known nor under way, the long full-data training last."""
        return sorted((part for part in self.parts if part.missing), key=lambda part: part.role == "full")


def ior(syn: float, random: float) -> float:
    """Improvement over random: accuracy of the set minus that of random real images, same setting."""
    return syn - random


def hlr(full: float, syn_hard: float) -> float:
    """Hard-label recovery: accuracy of the full data minus that of the set trained on with class labels."""
    return full - syn_hard


def lrs(ior: float, hlr: float, w: float = 0.5) -> float:
    """Label-robust score, 0 to 100; 26.9 at parity (both 0)."""
    return _scaled(w * ior - (1 - w) * hlr)


def ars(aug: float, random_aug: float, noaug: float, random_noaug: float, gamma: float = 0.5) -> float:
    """Augmentation-robust score, 0 to 100, from the set and random images with and without augmentation."""
    return _scaled(gamma * (aug - random_aug) + (1 - gamma) * (noaug - random_noaug))


def _scaled(x: float) -> float:
    """[-1, 1] → [0, 100], exponentially."""
    lowest = math.exp(-1)
    return 100 * (math.exp(x) - lowest) / (math.e - lowest)


def scores(store: Store, run: RunRecord, question: Question) -> Robust:
    """The robust scores of this run under the question's protocol, as far as they are known."""
    parts = {part.role: part for part in results(store, run, question)}
    final, random, full = parts["final"], parts["random_real"], parts["full"]
    soft = soft_labels(run)
    hard = _hard(store, run, question) if soft else final
    siamese = DATASETS[run.config["dataset"]].augment
    aug, random_aug = _pair(store, run, question, (final, random), siamese)
    plain, random_plain = _pair(store, run, question, (final, random), "none")
    warning = plans.undertrained(plans.plan(run, question).full_passes)
    notes = [SOFT if soft else "", f"{warning} HLR and LRS compare the set with it." if warning else ""]
    gain, gap = _score("ior", ior, final, random), _score("hlr", hlr, full, hard)
    robust = Score("lrs", _value(lrs, gain.value, gap.value), (*gain.parts, *gap.parts))
    return Robust((gain, gap, robust, _score("ars", ars, aug, random_aug, plain, random_plain)),
                  " ".join(filter(None, notes)))


def soft_labels(run: RunRecord) -> bool:
    """Whether the set stores more than its images and a learning rate: a soft label for each image."""
    summary, config = run.summary, run.config
    pixels = (summary.images or 0) * math.prod(DATASETS[config["dataset"]].shape(config["resolution"]))
    return (summary.stored_floats or 0) > pixels + 1


def _hard(store: Store, run: RunRecord, question: Question) -> Result:
    return result(store, "hard", "Distilled images, class labels alone",
                  "The images this run made, without its soft labels.", plans.evaluation(run, question, labels="hard"))


def _pair(
    store: Store, run: RunRecord, question: Question, plain: tuple[Result, Result], augment: str
) -> tuple[Result, Result]:
    """(the set, random real images) trained on with this augmentation; `plain` where the protocol's own is the same."""
    plan = plans.plan(run, replace(question, augment=augment))
    if plan.final.key == plain[0].specs[-1].key:
        return plain
    how = "without augmentation" if augment == "none" else "with augmentation"
    return (result(store, f"final {augment}", f"Distilled images, {how}", FINAL, plan.final),
            result(store, f"random {augment}", f"Random real images, {how}", RANDOM, plan.random, plan.random_real))


def _score(name: str, formula: Callable[..., float], *parts: Result) -> Score:
    means = [part.scores.accuracy.mean if part.scores else None for part in parts]
    return Score(name, _value(formula, *means), parts)


def _value(formula: Callable[..., float], *accuracies: float | None) -> float | None:
    return None if None in accuracies else formula(*accuracies)
