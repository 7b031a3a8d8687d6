"""The truth that searches are held against: networks of a space trained on the whole training part.

It is the expensive part, so it is a job of its own, and every search of the same space and setting shares it. A sample
of the networks costs less and tells less: intervals are wider.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ddcore.experiments import trial
from ddcore.experiments.base import Kind, Recorder
from ddcore.experiments.metrics import majority, notes
from ddcore.experiments.search_results import NetworkResult, TruthSummary
from ddcore.experiments.search_settings import SpaceConfig, length_told, networks_told
from ddcore.experiments.trial import TrialConfig
from ddcore.params import Param


class TruthConfig(SpaceConfig):
    """Which networks of a space, and for how long."""

    sample: int | None = Param(
        None, label="Networks", symbol="m", group="Search", ge=3, le=100_000, step=1,
        help="Only so many networks, drawn at random; left empty, all. A larger sample holds the smaller ones.",
    )

    def sampled(self) -> tuple[int, ...]:
        """The numbers of the networks that are trained, as they are drawn: the first ones are a sample as well."""
        # What a network is drawn by is the same in every subset of a space.
        lots = [json.dumps([self.seed, "truth", dict(one.options)], sort_keys=True) for one in self.members()]
        order = sorted(range(len(lots)), key=lambda i: hashlib.sha256(lots[i].encode()).hexdigest())
        return tuple(order[: self.sample])

    def trials(self, numbers: Iterable[int]) -> dict[TrialConfig, int]:
        """The trial of each of these networks, and its number."""
        members = self.members()
        return {self.trial(members[i], tested=True): i for i in numbers}


def run(name: str, config: TruthConfig, recorder: Recorder) -> TruthSummary:
    """Train every network of the sample, those of one shape together; each is judged on validation and test images."""
    data, numbers = trial.TrialData(config, recorder), config.trials(config.sampled())
    results: dict[int, NetworkResult] = {}
    for one in trial.results(numbers, data, recorder.resume_point()):
        number = numbers[one.config]
        results[number] = one.result
        recorder.event("trial", network=number, **one.result.to_json(), known=one.known)
        recorder.progress(len(results), len(numbers), "Training networks on the whole data")
    return TruthSummary(
        **config.about(), sampled=tuple(sorted(config.sampled())), results=results, images=len(data.splits.train),
        val_images=len(data.val), test_images=len(data.test),
        majority=majority(data.val), majority_test=majority(data.test), notes=notes(config),
        seconds=sum(result.seconds for result in results.values()),
    )


def _details(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells truths apart: "12 of 54 CourseNets", "600 steps"."""
    sample = f"{config['sample']} of" if config.get("sample") else "all"
    return (f"{sample} {networks_told(config)}", length_told(config))


KIND = Kind(
    name="truth", title="Whole-data truth", help="Train the networks of a space on the whole training part.",
    config=lambda name: TruthConfig, summary=TruthSummary, run=run,
    parts=lambda name, config, key: tuple(map(trial.question, config.trials(config.sampled()))), part_kind="trial",
    details=_details, told=("space", "subset", "sample", "steps", "nets"), page="NAS", command=None,
    asked_by="a search", not_private="A truth is what everybody's searches are held against, so it cannot be private.",
)
