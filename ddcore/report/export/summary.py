"""The tables of a report beside its pivot: what was measured, what it cost, what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ddcore.report import compared, differences, tables, text
from ddcore.report.compared import Compared
from ddcore.report.export.pivot import why_not
from ddcore.report.export.table import Table
from ddcore.runs.files import size

if TYPE_CHECKING:
    import pandas as pd

MEASURED = (
    "Mean ± standard deviation over n networks trained from different random weights, each after its last step, on the "
    "official test images. Controls are evaluated under the same protocol on the same network."
)
NAMING = ("Run", "Data set", "IPC", "Network", "Protocol")  # columns that say what was measured
Column = tuple[str, Callable[[Compared, dict[Any, Any]], str]]


def numbers(found: Sequence[Compared]) -> Table:
    """How good each run is, beside its controls; why not, where it has no accuracy."""
    return _table(found, _ACCURACY, (MEASURED, *tables.footnotes(one.record for one in found)))


def cost(found: Sequence[Compared]) -> Table:
    """What each run took."""
    return _table(found, _COST, (
        "FLOPs of one image through the evaluation network, 2 × MACs as fvcore counts them. Training: of one network, "
        "on the set and on all data. Parents: all runs that a set builds on.",
    ))  # fmt: skip


def _table(found: Sequence[Compared], columns: Sequence[Column], notes: tuple[str, ...]) -> Table:
    """Without the columns in which no run has anything."""
    told = compared.numbers(found).to_dict("records")
    every = [(title, [say(one, row) for one, row in zip(found, told, strict=True)]) for title, say in columns]
    kept = [(title, cells) for title, cells in every if any(cell != text.NONE for cell in cells)]
    rows = zip(*(cells for _, cells in kept), strict=True)
    names = sum(title in NAMING for title, _ in kept)
    return Table((tuple(title for title, _ in kept),), tuple(rows), names, notes=notes)


def _accuracy(one: Compared, row: dict[Any, Any]) -> str:
    return text.spread(one.accuracy) if one.accuracy else why_not(one)


def _beside(name: str) -> Callable[[Compared, dict[Any, Any]], str]:
    """Balanced accuracy or AUC, where it says something that the accuracy does not."""

    def say(one: Compared, row: dict[Any, Any]) -> str:
        said = name in tables.beside(one.evaluation.summary) if one.evaluation else False
        return text.spread((one.accuracy or {}).get(name) if said else None)

    return say


def _control(role: str) -> Callable[[Compared, dict[Any, Any]], str]:
    return lambda one, row: text.spread(one.controls.get(role))


def _in(name: str, say: Callable[[Any], str]) -> Callable[[Compared, dict[Any, Any]], str]:
    """A column of `compared.numbers` as text."""
    return lambda one, row: say(row[name]) if row[name] is not None and row[name] == row[name] else text.NONE


def _whole(number: float) -> str:
    return f"{number:.0f}"


_ACCURACY: tuple[Column, ...] = (
    ("Run", lambda one, row: one.label),
    ("Data set", lambda one, row: tables.data(one.record) or text.NONE),
    ("IPC", _in("ipc", _whole)),
    ("Network", _in("network", str)),
    ("Protocol", _in("protocol", str)),
    ("Test accuracy", _accuracy),
    ("n", _in("n", _whole)),
    ("Balanced", _beside("balanced_accuracy")),
    ("AUC", _beside("auc")),
    ("Initial", _control("initial")),
    ("Initial, class labels", _control("initial_hard")),
    ("Random real", _control("random_real")),
    ("Full data", _control("full")),
    ("Majority class", _in("majority", lambda share: f"{share:.1f} %")),
)
_COST: tuple[Column, ...] = (
    ("Run", lambda one, row: one.label),
    ("FLOPs", _in("flops", text.count)),
    ("Training", _in("seconds_train", text.duration)),
    ("Training, all data", _in("seconds_train_full", text.duration)),
    ("Distilling", _in("seconds_distill", text.duration)),
    ("Parents", _in("seconds_parents", text.duration)),
    ("Peak memory", _in("peak_memory_bytes", lambda number: size(int(number)))),
    ("Stored floats", _in("stored_floats", lambda number: f"{number:,.0f}")),
)


def parameters(found: Sequence[Compared]) -> Table:
    """The parameters that differ; of a run that stands alone, all."""
    records, labels = [one.record for one in found], [one.label for one in found]
    return of_frame(differences.parameters(records, labels, all_of_them=len(found) == 1).drop(columns="Meaning"))


def environment(found: Sequence[Compared]) -> Table:
    """What else differs that could explain a number; of a run that stands alone, all that is known."""
    records, labels = [one.record for one in found], [one.label for one in found]
    return of_frame(differences.environment(records, labels, all_of_it=len(found) == 1))


def of_frame(frame: pd.DataFrame) -> Table:
    rows = tuple(tuple(str(value) for value in row) for row in frame.itertuples(index=False))
    return Table((tuple(map(str, frame.columns)),), rows)
