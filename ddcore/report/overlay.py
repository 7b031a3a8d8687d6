"""Curves of several runs over one axis: losses, gradient norms, accuracies; over steps, wall time or their share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ddcore.experiments.base import Curve
from ddcore.lazy import pd
from ddcore.report import tables
from ddcore.report.compare_runs import Compared
from ddcore.runs.events import read_events
from ddcore.runs.files import Version, version
from ddcore.runs.store import RunRecord, Store

AXES = {"step": "Step", "seconds": "Wall time (s)", "share": "Share of the run (%)"}
ACCURACY = {"train_accuracy": "Accuracy on the training images (%)",
            "val_accuracy": "Accuracy on the validation images (%)",
            "eval_train": "Accuracy of the evaluation's networks on the set (%)",
            "eval_unseen": "Accuracy of the evaluation's first network on unseen images (%)"}
GENERAL = {"loss": "Loss", **ACCURACY}


def curves(store: Store, runs: Iterable[Compared]) -> dict[str, pd.DataFrame]:
    """Name of a curve → one row a point: label, step, seconds, share (of the run's steps, percent), value.

    Only curves that a run has; accuracies in percent; at most tables.MAX_POINTS of one run.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        records = {run.record.id: store.record(run.record.id)}
        if run.evaluation is not None:
            records.setdefault(run.evaluation.id, run.evaluation)
        for record in records.values():
            for name, frame in _recorded(record).items():
                parts.setdefault(name, []).append(frame.assign(label=run.label))
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


def _recorded(record: RunRecord) -> dict[str, pd.DataFrame]:
    path = str(record.folder / "events.jsonl")
    try:
        return _read(path, version(path), _declared(record))
    except OSError:  # no event was written yet
        return {}


@lru_cache(maxsize=96)
def _read(path: str, known: Version, declared: tuple[Curve, ...]) -> dict[str, pd.DataFrame]:
    """The curves that a file of events holds, read again only when it grew; they are shared: do not change them."""
    events = [e for e in read_events(Path(path), 0)[0] if not e.get("first")]
    frames = {curve.name: _curve(events, curve) for curve in declared}
    return {name: frame for name, frame in frames.items() if not frame.empty}


def titles(names: Iterable[str], runs: Sequence[Compared]) -> dict[str, str]:
    """What each curve is called; a method's own words for its terms."""
    own: dict[str, str] = {}
    for run in runs:
        own = {**{curve.name: curve.words for curve in _declared(run.record) if curve.words}, **own}
    several = len({run.record.name for run in runs}) > 1
    return {n: GENERAL[n] if n in GENERAL and (several or n not in own) else own.get(n, n) for n in names}


def _declared(record: RunRecord) -> tuple[Curve, ...]:
    """The curves that this run records as it goes; none of a kind or a method that is not known here."""
    return record.declared.curves(record.name) if record.declared else ()


def _curve(events: Sequence[Mapping[str, Any]], curve: Curve) -> pd.DataFrame:
    frame = tables.curves(events, {curve.scalar: curve.name}, event=curve.event)
    totals = (e["total"] for e in events if e.get("event") == curve.event and isinstance(e.get("total"), int))
    steps = max(frame["step"].max() if len(frame) else 1, *totals, 0)
    return pd.DataFrame({"step": frame["step"], "seconds": frame["seconds"], "share": 100 * frame["step"] / steps,
                         "value": frame["value"] * (100 if curve.name in ACCURACY else 1)})


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average without a bias to its start: s ← w·s + (1−w)·v, shown as s / (1 − wᵏ).

    weight: 0 leaves the values as they are, towards 1 the last ones count ever less.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"the weight must be at least 0 and below 1, got {weight}")
    return pd.Series(values, dtype=float).ewm(alpha=1 - weight).mean().tolist()


def smooth(frame: pd.DataFrame, weight: float) -> pd.DataFrame:
    """The frame with `shown`, its values smoothed run by run, beside them."""
    values = frame.groupby("label", sort=False)["value"]
    return frame.assign(shown=values.transform(lambda part: smoothed(part.tolist(), weight)))
