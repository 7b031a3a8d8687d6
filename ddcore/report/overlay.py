"""Curves of several runs over one axis: losses, gradient norms, accuracies; over steps, wall time or their share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ddcore.lazy import lazy
from ddcore.methods import METHODS
from ddcore.report import tables

if TYPE_CHECKING:
    import pandas as pd

    from ddcore.report.compared import Compared
    from ddcore.runs.store import Store
else:
    pd = lazy("pandas")

AXES = {"step": "Step", "seconds": "Wall time (s)", "share": "Share of the run (%)"}
ACCURACY = {
    "train_accuracy": "Accuracy on the training images (%)",
    "val_accuracy": "Accuracy on the validation images (%)",
    "eval_train": "Accuracy of the evaluation's networks on the set (%)",
    "eval_unseen": "Accuracy of the evaluation's first network on unseen images (%)",
}
GENERAL = {"loss": "Loss", **ACCURACY}
_OF_EVALUATIONS = {"eval_train": ("epoch", "train_accuracy"), "eval_unseen": ("tested", "test_accuracy")}
COLUMNS = ["label", "step", "seconds", "share", "value"]


def curves(store: Store, found: Iterable[Compared]) -> dict[str, pd.DataFrame]:
    """Name of a curve → one row a point: label, step, seconds, share (of the run's steps, percent), value.

    Only curves that a run has; accuracies in percent; at most tables.MAX_POINTS of one run.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for one in found:
        events, _ = store.events(one.record.id)
        names = _recorded(one, events)
        for name, event in names.items():
            parts.setdefault(name, []).append(_curve(one.label, events, event, name, 100 if name in ACCURACY else 1))
        if (judge := one.evaluation) is not None and judge.kind == "evaluate":
            told = [e for e in store.events(judge.id)[0] if not e.get("first")]
            for name, (event, scalar) in _OF_EVALUATIONS.items():
                parts.setdefault(name, []).append(_curve(one.label, told, event, scalar, 100))
    joined = {name: pd.concat([p for p in some if not p.empty] or some[:1]) for name, some in parts.items()}
    return {name: frame.reset_index(drop=True) for name, frame in joined.items() if not frame.empty}


def titles(names: Iterable[str], found: Sequence[Compared]) -> dict[str, str]:
    """What each curve is called; a method's own words for its terms."""
    own: dict[str, str] = {}
    for one in found:
        if one.record.kind == "distill" and one.record.name in METHODS:
            own = {**METHODS[one.record.name].curves, **own}
    several = len({one.record.name for one in found}) > 1
    return {n: GENERAL[n] if n in GENERAL and (several or n not in own) else own.get(n, n) for n in names}


def _recorded(one: Compared, events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Curve → the event it is told in, of what a run records of itself."""
    if one.record.kind == "distill" and one.record.name in METHODS:
        return dict.fromkeys(METHODS[one.record.name].curves, "step")
    if one.record.kind == "baseline":
        return dict.fromkeys(("loss", "train_accuracy", "val_accuracy"), "epoch")
    return {}


def _curve(label: str, events: Iterable[Mapping[str, Any]], event: str, scalar: str, factor: float) -> pd.DataFrame:
    frame = tables.curves(events, {scalar: label}, event=event)
    last = frame["step"].max() if len(frame) else 1
    told = {"label": label, "step": frame["step"], "seconds": frame["seconds"], "share": 100 * frame["step"] / last,
            "value": frame["value"] * factor}  # fmt: skip
    return pd.DataFrame(told, columns=COLUMNS)


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average without a bias to its start: s ← w·s + (1−w)·v, shown as s / (1 − wᵏ).

    weight: 0 leaves the values as they are, towards 1 the last ones count ever less.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"the weight must be at least 0 and below 1, got {weight}")
    state, seen, shown = 0.0, 1.0, []
    for value in values:
        state, seen = weight * state + (1 - weight) * value, weight * seen
        shown.append(state / (1 - seen))
    return shown


def smooth(frame: pd.DataFrame, weight: float) -> pd.DataFrame:
    """The frame with `shown`, its values smoothed run by run, beside them."""
    parts = frame.groupby("label", sort=False)
    shown = [value for _, part in parts for value in smoothed(part["value"].tolist(), weight)]
    order = [index for _, part in parts for index in part.index]
    return frame.assign(shown=pd.Series(shown, index=order))
