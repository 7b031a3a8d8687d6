"""The tables of a report beside its pivot: what was measured, what it cost, what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ddcore.lazy import pd
from ddcore.report import differences, tables, text
from ddcore.report.compare_runs import Compared
from ddcore.report.export.caveats import aside
from ddcore.report.export.pivot import why_not
from ddcore.report.export.table import Table
from ddcore.runs.files import size

MEASURED = (
    "Mean ± standard deviation over n networks trained from different random weights, each after its last step, on the "
    "official test images where no other is said. Controls are evaluated on the same network, and under the same "
    "protocol where no other is said."
)
NAMING = ("Run", "Data set", "IPC", "Network", "Protocol")  # columns that say what was measured
Column = tuple[str, Callable[[Compared, dict[Any, Any]], str]]


def numbers(found: Sequence[Compared], told: pd.DataFrame) -> Table:
    """How good each run is, beside its controls; why not, where it has no accuracy. told: `compared.numbers`."""
    return _table(found, told, _ACCURACY, (
        MEASURED, *_other_controls(found), *tables.footnotes(one.record for one in found),
    ))


def _other_controls(found: Iterable[Compared]) -> Iterator[str]:
    """Where controls were trained in another way than the set, as with the learning rate that came with it."""
    for one in found:
        protocols = other_protocols(one)
        if protocols:
            yield f"Controls of {one.label} are those under protocol {' and '.join(protocols)}."


def other_protocols(one: Compared) -> list[str]:
    """Of its controls, those that are not its own."""
    own = one.accuracy and one.accuracy.protocol
    told = dict.fromkeys(control.accuracy.protocol for control in one.controls.values())
    return [str(protocol) for protocol in told if protocol not in (None, own)]


def cost(found: Sequence[Compared], told: pd.DataFrame) -> Table:
    """What each run took."""
    return _table(found, told, _COST, (
        "FLOPs of one image through the evaluation network, 2 × MACs as fvcore counts them. Training: of one network, "
        "on the set and on all data. Parents: all runs that a set builds on.",
    ))


def _table(found: Sequence[Compared], told: pd.DataFrame, columns: Sequence[Column], notes: tuple[str, ...]) -> Table:
    """Without the columns in which no run has anything."""
    lines = list(zip(found, told.to_dict("records"), strict=True))
    every = [(title, [say(one, row) for one, row in lines]) for title, say in columns]
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
        return text.spread(one.scores.get(name) if said and one.scores else None)

    return say


def _control(role: str) -> Callable[[Compared, dict[Any, Any]], str]:
    return lambda one, row: text.spread(one.controls[role].accuracy if role in one.controls else None)


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
    ("Accuracy", _accuracy),
    ("Measured", lambda one, row: aside(one.evaluation) or text.NONE),
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
