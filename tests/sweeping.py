"""A sweep of DataDAM whose runs end at once, with the accuracies that a test gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ddcore.experiments import Spec, spec
from ddcore.experiments.base import Ended
from ddcore.experiments.distill import DistillSummary
from ddcore.experiments.evaluate import EvaluateSummary
from ddcore.experiments.sweep import Outcome, SweepConfig, SweepSummary, replay
from ddcore.jobs.job import mark_ended, mark_queued
from ddcore.runs.recorder import FolderRecorder
from ddcore.runs.store import Store
from ddcore.summary import Accuracy, Summary
from tests.runs import shelf

SMALL: dict[str, Any] = {"dataset": "digits", "ipc": 1, "num_inits": 9, "num_iters": 1, "net_steps": 0, "width": 16,
                         "protocol": "quick", "nets": 2, "vary": "lambda_task=0,0.01,1"}
COST: dict[str, Any] = {"seconds_train": 0.1, "macs": 1000, "steps": 4, "images": 10, "batch_size": 10}  # to train one


def question(method: str = "datadam", **changes: Any) -> Spec:
    return spec("sweep", method, {**SMALL, **changes})


def config(method: str = "datadam", **changes: Any) -> SweepConfig:
    asked = question(method, **changes).config
    assert isinstance(asked, SweepConfig)
    return asked


class World:
    """Every run that is asked for ends at once; quality(values of its cell) is its accuracy, None where it fails.

    held_out: how much more it is on the validation split; old: whether evaluations on the test images do not measure
    that, as in earlier versions; moved(values of its cell): how far its images were moved, in σ.
    """

    def __init__(self, quality: Callable[[dict[str, Any]], float | None], held_out: float = 0.0,
                 old: bool = False, moved: Callable[[dict[str, Any]], float] = lambda values: 0.1) -> None:
        self.moved = moved
        self.quality, self.made, self.tested = quality, dict[str, dict[str, Any]](), set[str]()
        self.held_out, self.old = held_out, old
        self.ends = dict[str, Ended]()

    def look(self, one: Spec) -> Ended | None:
        return self.ends.get(one.key)

    def compute(self, specs: Iterable[Spec]) -> None:
        for one in specs:
            if one.kind == "distill":
                self.made[one.key] = one.config.values()
            self.ends[one.key] = Ended(one.key, *self._end(one))

    def _end(self, one: Spec) -> tuple[str, str, Summary]:
        values = one.config.values()
        share = 0.5 if one.kind == "baseline" else self.quality(self.made[values.get("run") or one.key])
        if share is None:
            return "failed", "it diverged", Summary()
        if one.kind == "distill":
            return "done", "", DistillSummary(seconds=1.0, pixel_change=self.moved(values))
        if values.get("split") == "test":
            self.tested.add(values["run"])
        chosen_by = Accuracy.of([share + self.held_out, share + self.held_out + 0.01])
        if values.get("split") == "val":
            return "done", "", EvaluateSummary(accuracy=chosen_by, validation=chosen_by, **COST)
        near = Accuracy.of([share, share + 0.01])
        return "done", "", EvaluateSummary(accuracy=near, validation=None if self.old else chosen_by, **COST)

    def play(self, asked: SweepConfig) -> tuple[Outcome, list[int]]:
        """The sweep to its end; how many runs were asked for at a time."""
        batches = []
        while (outcome := replay(asked, self.look)).missing:
            batches.append(len(outcome.missing))
            self.compute(outcome.missing)
        return outcome, batches

    def stored(self, asked: Spec, store: Store) -> str:
        """The finished sweep with all its runs on disk; its id. Every set has images and a few steps."""
        assert isinstance(asked.config, SweepConfig)
        while (outcome := replay(asked.config, self.look)).missing:
            self.put(outcome.missing, store)
        summary = SweepSummary(cells=outcome.cells, controls=outcome.controls, chosen=outcome.chosen, seconds=1.0)
        _store(asked, Ended(asked.key, "done", "", summary), store)
        return asked.key

    def put(self, specs: Sequence[Spec], store: Store) -> None:
        """These runs, ended, on disk."""
        self.compute(specs)
        for one in specs:
            _store(one, self.ends[one.key], store)


def _store(one: Spec, ended: Ended, store: Store) -> None:
    if ended.state != "done":
        folder = store.create(one).folder
        mark_queued(folder)
        mark_ended(folder, ended.state, ended.problem, "Traceback")
    elif one.kind == "distill":
        shelf.finished(store, one, seconds=1.0, pixel_change=ended.summary.to_json()["pixel_change"])
    else:
        FolderRecorder(store, store.create(one).id).finish(ended.summary, {"started": 1.0})
