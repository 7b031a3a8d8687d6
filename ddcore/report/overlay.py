"""Curves of several runs over one axis: losses, gradient norms, accuracies; over steps, wall time or their share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddcore.lazy import lazy
from ddcore.methods import METHODS
from ddcore.report import tables
from ddcore.runs.events import read_events
from ddcore.runs.files import Version, version

if TYPE_CHECKING:
    import pandas as pd

    from ddcore.report.compare_runs import Compared
    from ddcore.runs.store import RunRecord, Store
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
Scalars = tuple[tuple[str, str, str], ...]  # (curve, the event that tells it, its name there)
_OF_EVALUATIONS: Scalars = (("eval_train", "epoch", "train_accuracy"), ("eval_unseen", "tested", "test_accuracy"))


def curves(store: Store, found: Iterable[Compared]) -> dict[str, pd.DataFrame]:
    """Name of a curve → one row a point: label, step, seconds, share (of the run's steps, percent), value.

    Only curves that a run has; accuracies in percent; at most tables.MAX_POINTS of one run.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for one in found:
        asked = [(store.record(one.record.id), _recorded(one))]
        if (judge := one.evaluation) is not None and judge.kind == "evaluate":
            asked.append((judge, _OF_EVALUATIONS))
        for record, scalars in asked:
            for name, frame in _told(record, scalars).items():
                parts.setdefault(name, []).append(frame.assign(label=one.label))
    return {name: pd.concat(some, ignore_index=True) for name, some in parts.items()}


def _told(record: RunRecord, scalars: Scalars) -> dict[str, pd.DataFrame]:
    path = str(record.folder / "events.jsonl")
    try:
        return _read(path, version(path), scalars)
    except OSError:  # nothing was told yet
        return {}


@lru_cache(maxsize=96)
def _read(path: str, known: Version, scalars: Scalars) -> dict[str, pd.DataFrame]:
    """The curves that a file of events holds, read again only when it grew; they are shared: do not change them."""
    events = [e for e in read_events(Path(path), 0)[0] if not e.get("first")]
    found = {name: _curve(events, event, scalar, name) for name, event, scalar in scalars}
    return {name: frame for name, frame in found.items() if not frame.empty}


def titles(names: Iterable[str], found: Sequence[Compared]) -> dict[str, str]:
    """What each curve is called; a method's own words for its terms."""
    own: dict[str, str] = {}
    for one in found:
        if one.record.kind == "distill" and one.record.name in METHODS:
            own = {**METHODS[one.record.name].curves, **own}
    several = len({one.record.name for one in found}) > 1
    return {n: GENERAL[n] if n in GENERAL and (several or n not in own) else own.get(n, n) for n in names}


def _recorded(one: Compared) -> Scalars:
    """The curves of what a run records of itself."""
    if one.record.kind == "distill" and one.record.name in METHODS:
        return tuple((name, "step", name) for name in METHODS[one.record.name].curves)
    if one.record.kind == "baseline":
        return tuple((name, "epoch", name) for name in ("loss", "train_accuracy", "val_accuracy"))
    return ()


def _curve(events: Sequence[Mapping[str, Any]], event: str, scalar: str, name: str) -> pd.DataFrame:
    frame = tables.curves(events, {scalar: name}, event=event)
    total = max((e["total"] for e in events if e.get("event") == event and isinstance(e.get("total"), int)), default=0)
    whole = max(total, frame["step"].max() if len(frame) else 1)
    told = {"step": frame["step"], "seconds": frame["seconds"], "share": 100 * frame["step"] / whole,
            "value": frame["value"] * (100 if name in ACCURACY else 1)}
    return pd.DataFrame(told)


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
