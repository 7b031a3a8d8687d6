"""A distilled set and its controls under one protocol: what exists, what is missing, and how to compute it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ddcore.errors import RunNotFound
from ddcore.experiments import Spec
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.jobs.controls import full_data, plan
from ddcore.lazy import lazy
from ddcore.report import tables, text
from ddcore.runs.key import key

if TYPE_CHECKING:
    import pandas as pd

    from ddcore.runs.store import RunRecord, Store
else:
    pd = lazy("pandas")


@dataclass(frozen=True)
class Result:
    """One line of the comparison.

    role: final, initial, random_real or full; specs: what to submit, in order, to get it; record: the run that
    answers it, in whatever state, or None when it was never asked for; accuracy: {mean, std, n, protocol} as
    fractions once it is computed.
    """

    role: str
    title: str
    help: str
    specs: tuple[Spec, ...]
    record: RunRecord | None
    accuracy: Mapping[str, Any] | None


@dataclass(frozen=True)
class Question:
    """How sets are compared: the same for every line."""

    protocol: str
    network: str
    nets: int
    batch_size: int | None = None
    seed: int = 0


def results(store: Store, run: RunRecord, question: Question) -> list[Result]:
    """The distilled set first, then its controls: initial images, random real images, full data."""
    asked = plan(
        run, question.protocol, question.nets, question.batch_size, question.seed,
        run.config.get("device", "auto"), network=question.network,
    )  # fmt: skip
    lines = [_result(store, "final", "Distilled images", "The images this run made.", asked.final)]
    if asked.initial:
        what = "What the images were before the first step."
        lines.append(_result(store, "initial", "Initial images, undistilled", what, asked.initial))
    what = "As many real training images per class, drawn at random."
    lines.append(_result(store, "random_real", "Random real images", what, asked.random, asked.random_real))
    what = "The same network and training setting on all training images: the ceiling."
    lines.append(_result(store, "full", "Full training data", what, asked.full, accuracy=full_data(asked, store)))
    return lines


def _result(
    store: Store, role: str, title: str, help: str, *specs: Spec, accuracy: Mapping[str, Any] | None = None
) -> Result:
    try:
        record = store.record(key(specs[-1]))
    except RunNotFound:
        return Result(role, title, help, specs, None, accuracy)
    done = record.summary.get("accuracy") if record.state == "done" else None
    return Result(role, title, help, specs, record, accuracy or done)


def last_evaluation(store: Store, run: RunRecord) -> RunRecord | None:
    """The newest evaluation of this run's images, in whatever state."""
    found = (r for r in store.records("evaluate") if r.config.get("run") == run.id)
    return next((r for r in found if r.config.get("images") == "images"), None)


def question_of(evaluation: RunRecord) -> Question:
    """What this evaluation asked, so that a page can show its numbers again beside the controls."""
    config = evaluation.config
    return Question(config["protocol"], config["network"], config["nets"], config.get("batch_size"), config["seed"])


def setting(rows: list[Result]) -> str:
    """ "ConvNet-3, width 32 · protocol course, batch 10": what was trained, and how, the same for every line."""
    config = rows[0].specs[-1].config
    assert isinstance(config, EvaluateConfig)
    return f"{tables.network(config.values())} · protocol {config.protocol_label()}"


def table(rows: list[Result]) -> pd.DataFrame:
    """One row a line: name, mean, std (percent), n, images, steps, seconds of training one network, state."""
    return pd.DataFrame([_row(r) for r in rows])


def _row(result: Result) -> dict[str, Any]:
    accuracy = result.accuracy or {}
    summary = result.record.summary if result.record and result.record.state == "done" else {}
    mean, std = accuracy.get("mean"), accuracy.get("std")
    return {
        "name": result.title,
        "accuracy": text.accuracy(accuracy),
        "mean": None if mean is None else 100 * mean,
        "std": None if std is None else 100 * std,
        "images": summary.get("images"),
        "steps": summary.get("steps"),
        "seconds": summary.get("seconds_train"),
        "state": result.record.state if result.record else "not computed",
    }


def majority(rows: list[Result]) -> float | None:
    """Accuracy in percent of always answering the most frequent class of the test set, once one line is computed."""
    for result in rows:
        if result.accuracy and result.record and (share := result.record.summary.get("majority")) is not None:
            return 100 * share
    return None


def speed_up(rows: list[Result]) -> tuple[float, float] | None:
    """(seconds of training one network on the small set, on the full set) once both are known."""
    seconds = {r.role: r.record.summary.get("seconds_train") for r in rows if r.accuracy and r.record}
    small, full = seconds.get("final"), seconds.get("full")
    return (small, full) if small and full else None
