"""The truth that searches are held against: networks of a space trained on the whole training part.

It is the expensive part, so it is a job of its own, and every search of the same space and setting shares it. A sample
of the networks costs less and tells less: intervals are wider.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from ddcore.experiments import trial
from ddcore.experiments.base import Kind, Recorder, Spec
from ddcore.experiments.judge import majority, notes
from ddcore.experiments.space import SpaceConfig
from ddcore.experiments.trial import TrialConfig
from ddcore.params import Param


class TruthConfig(SpaceConfig):
    """Which networks of a space, and for how long."""

    sample: int | None = Param(
        None, label="Networks", symbol="m", group="Search", ge=2, le=100_000, step=1,
        help="Only so many networks, drawn at random; left empty, all. A larger sample holds the smaller ones.",
    )  # fmt: skip

    def sampled(self) -> tuple[int, ...]:
        """The numbers of the networks that are trained, ascending."""
        members = self.members()
        order = sorted(range(len(members)), key=lambda i: _lot(self.seed, dict(members[i].options)))
        return tuple(sorted(order[: self.sample]))

    def trials(self) -> tuple[TrialConfig, ...]:
        members = self.members()
        return tuple(self.trial(members[i], tested=True) for i in self.sampled())


def _lot(seed: int, options: dict[str, Any]) -> str:
    """What a network is drawn by: the same in every subset of a space."""
    return hashlib.sha256(json.dumps([seed, "truth", options], sort_keys=True).encode()).hexdigest()


def run(name: str, config: TruthConfig, recorder: Recorder) -> dict[str, Any]:
    """Train every network of the sample, those of one shape together; each is judged on validation and test images."""
    bench = trial.Bench(config, recorder)
    numbers = dict(zip(config.trials(), config.sampled(), strict=True))
    scores: dict[str, dict[str, Any]] = {}
    for told in trial.together(numbers, bench, recorder.resume_point()):
        found, number = told.run.summary, numbers[told.config]
        scores[str(number)] = score = {
            "accuracies": found["accuracies"], "accuracies_test": found["accuracies_test"],
            "seconds": found["seconds"], "trial": told.run.id,
        }  # fmt: skip
        recorder.event("trial", network=number, **score, known=told.known)
        recorder.progress(len(scores), len(numbers), "Training networks on the whole data")
    return {
        **config.about(), "sampled": list(config.sampled()), "scores": scores, "images": len(bench.data.train),
        "val_images": len(bench.val), "test_images": len(bench.test),
        "majority": majority(bench.val), "majority_test": majority(bench.test), "notes": notes(config),
        "seconds": sum(score["seconds"] for score in scores.values()),
    }  # fmt: skip


def _parts(name: str, config: TruthConfig, key: Callable[[Spec], str]) -> tuple[Spec, ...]:
    return tuple(trial.question(one) for one in config.trials())


KIND = Kind(
    name="truth",
    title="Whole-data truth",
    names=lambda: ("truth",),
    config=lambda name: TruthConfig,
    run=run,
    parts=_parts,
)
