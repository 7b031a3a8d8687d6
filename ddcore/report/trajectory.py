"""Accuracy over iterations: the kept snapshots of a run, judged on the validation split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ddcore.evaluation.plans import Question, evaluation
from ddcore.lazy import pd
from ddcore.report.results import Result, accuracies, result, state
from ddcore.runs.store import RunRecord, Store, final_step

MOST = 8


@dataclass(frozen=True)
class Point:
    """The images of one step, and what is known of how good they are on the validation split."""

    step: int
    result: Result


def points(store: Store, run: RunRecord, question: Question, most: int = MOST) -> list[Point]:
    """The start, the final images and the latest snapshots between them: at most `most` evaluations.

    Snapshots are kept at 1, 2, 5, 10, 20, …; the earliest are left out first, for little has moved there.
    """
    on_validation, steps = replace(question, split="val"), list(store.snapshots(run.id))
    if len(steps) > most:
        steps = [steps[0], *steps[len(steps) - most + 1 :]]
    return [Point(step, _result(store, run, on_validation, step)) for step in steps]


def table(points: Sequence[Point]) -> pd.DataFrame:
    """One row a step: step, accuracy, balanced_accuracy, auc (texts), mean, std (percent, None until computed),
    state."""
    rows = [{"step": p.step, **accuracies(p.result.scores), "state": state(p.result)} for p in points]
    return pd.DataFrame(rows, columns=["step", "accuracy", "balanced_accuracy", "auc", "mean", "std", "state"])


def _result(store: Store, run: RunRecord, question: Question, step: int) -> Result:
    """The start and the end are kept in full precision, the snapshots between them in half."""
    changes = {} if step == final_step(run) else {"images": "initial"} if step == 0 else {"step": step}
    spec = evaluation(run, question, **changes)
    return result(store, f"step {step}", f"Images after step {step:,}", "Tested on the validation split.", spec)
