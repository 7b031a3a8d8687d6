"""A store with one distilled set, and answers to questions about it put there by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddcore.evaluation.plans import Question
from ddcore.experiments import Spec, spec
from ddcore.runs import RunRecord, Store
from ddcore.runs.recorder import FolderRecorder
from ddcore.summary import Accuracy
from tests.runs import shelf

TINY = {"dataset": "digits", "num_inits": 4, "num_iters": 1, "net_steps": 0, "batch_real": 8, "ipc": 1, "width": 8}
TINY_PAD = {
    "dataset": "digits", "ipc": 1, "num_iters": 4, "student_steps": 2, "expert_epochs": 1, "first_max_start_epoch": 1,
    "max_start_epoch": 2, "experts": 2, "train_epochs": 3, "width": 8, "agents": 1, "score_epochs": 1,
    "batch_train": 64, "add_end_epoch": 2,
}
QUESTION = Question("course", nets=2)
BRIEF = Question("quick", nets=2, batch_size=8)  # 600 steps are 3.7 passes over the 1,294 images of digits

Answer = Callable[..., RunRecord]


@pytest.fixture
def store(home: Path) -> Store:
    return Store()


@pytest.fixture
def run(store: Store) -> RunRecord:
    return distilled(store)


@pytest.fixture
def answer(store: Store) -> Answer:
    """answer(spec, 0.5, 0.7): a finished evaluation or full-data run with these accuracies."""

    def finish(one: Spec, *accuracies: float, **summary: Any) -> RunRecord:
        store.create(one)
        recorder = FolderRecorder(store, store.create(one).id)
        accuracy, run = Accuracy.of(accuracies, "course"), one.config.values().get("run")
        told = {"accuracy": accuracy, "seconds": 1.0, "seconds_train": 0.5, "majority": 0.1}
        told |= {"source": {"run": run}} if run else {}
        recorder.finish(shelf.summary(one.kind, **{**told, **summary}), {"started": 1.0})
        return store.record(recorder.record.id)

    return finish


def distilled(store: Store, **values: Any) -> RunRecord:
    """A finished DataDAM run on digits, nothing computed: steps 0 to 4, kept at 0, 1, 2 and 4."""
    return shelf.finished(
        store, spec("distill", "datadam", {**TINY, **values}), images=10, stored_floats=640, seconds=2.0
    )


def imitated(store: Store, **values: Any) -> RunRecord:
    """A finished PAD run on digits, nothing computed."""
    return shelf.finished(
        store, spec("distill", "pad", {**TINY_PAD, **values}), images=10, stored_floats=741, seconds=2.0
    )
