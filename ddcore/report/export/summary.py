"""The tables of a report beside its pivot: what was measured, what it cost, what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ddcore.lazy import pd
from ddcore.report import compare_runs, differences, tables, text
from ddcore.report.compare_runs import Compared
from ddcore.report.export.caveats import aside
from ddcore.report.export.pivot import why_not
from ddcore.report.export.table import Table
from ddcore.runs.files import size

MEASURED = (
    "Mean ± standard deviation over n networks trained from different random weights, each after its last step, on the "
    "test images unless said otherwise. Controls are evaluated on the same network and under the same protocol, unless "
    "said otherwise."
)
NAMING = ("Run", "Data set", "IPC", "Network", "Protocol")  # columns that say what was measured
Row = dict[Any, Any]
Say = Callable[[Compared, Row], str]
Column = tuple[str, Say]  # its title, and what it says of a run and its row of `compare_runs.numbers`


def numbers(runs: Sequence[Compared], frame: pd.DataFrame) -> Table:
    """How good each run is, beside its controls; why not, where it has no accuracy. frame: `compare_runs.numbers`."""
    return _table(runs, frame, _ACCURACY, (
        MEASURED, *_other_controls(runs), *tables.footnotes(run.record for run in runs),
    ))


def _other_controls(runs: Iterable[Compared]) -> Iterator[str]:
    """Where controls were trained in another way than the set, as with the learning rate that came with it."""
    for run in runs:
        if protocols := other_protocols(run):
            yield f"Controls of {run.label} are those under protocol {' and '.join(protocols)}."


def other_protocols(run: Compared) -> list[str]:
    """The protocols of its controls that are not its own."""
    own = run.accuracy and run.accuracy.protocol
    protocols = dict.fromkeys(control.accuracy.protocol for control in run.controls.values())
    return [str(protocol) for protocol in protocols if protocol not in (None, own)]


def cost(runs: Sequence[Compared], frame: pd.DataFrame) -> Table:
    """What each run took."""
    return _table(runs, frame, _COST, (
        "FLOPs of one image through the evaluation network, 2 × MACs as fvcore counts them. Training: of one network, "
        "on the set and on all data. Parents: all runs that a set builds on.",
    ))


def _table(runs: Sequence[Compared], frame: pd.DataFrame, columns: Sequence[Column], notes: tuple[str, ...]) -> Table:
    """Without the columns in which no run has anything."""
    rows = list(zip(runs, frame.to_dict("records"), strict=True))
    cells = {title: [say(run, row) for run, row in rows] for title, say in columns}
    shown = {title: column for title, column in cells.items() if any(cell != text.NONE for cell in column)}
    names = sum(title in NAMING for title in shown)
    return Table((tuple(shown),), tuple(zip(*shown.values(), strict=True)), names, notes=notes)


def _other_score(name: str) -> Say:
    """Balanced accuracy or AUC, where it says something that the accuracy does not."""

    def say(run: Compared, row: Row) -> str:
        shown = run.evaluation and name in tables.beside(run.evaluation.summary)
        return text.spread(run.score(name) if shown else None)

    return say


def _control(role: str) -> Say:
    return lambda run, row: text.spread(run.controls[role].accuracy if role in run.controls else None)


def _in(name: str, say: Callable[[Any], str]) -> Say:
    """A column of `compare_runs.numbers` as text."""
    return lambda run, row: say(row[name]) if tables.is_known(row[name]) else text.NONE


_ACCURACY: tuple[Column, ...] = (
    ("Run", lambda run, row: run.label), ("Data set", lambda run, row: tables.data(run.record) or text.NONE),
    ("IPC", _in("ipc", "{:.0f}".format)), ("Network", _in("network", str)), ("Protocol", _in("protocol", str)),
    ("Accuracy", lambda run, row: text.spread(run.accuracy) if run.accuracy else why_not(run)),
    ("Measured", lambda run, row: aside(run.evaluation) or text.NONE),
    ("n", _in("n", "{:.0f}".format)), ("Balanced", _other_score("balanced_accuracy")), ("AUC", _other_score("auc")),
    ("Initial", _control("initial")), ("Initial, class labels", _control("initial_hard")),
    ("Random real", _control("random_real")), ("Full data", _control("full")),
    ("Majority class", _in("majority", "{:.1f} %".format)),
)
_COST: tuple[Column, ...] = (
    ("Run", lambda run, row: run.label), ("FLOPs/image", _in("flops", text.count)),
    ("Training", _in("seconds_train", text.duration)), ("Training, all data", _in("seconds_train_full", text.duration)),
    ("Distilling", _in("seconds_distill", text.duration)), ("Parents", _in("seconds_parents", text.duration)),
    ("Peak memory", _in("peak_memory_bytes", lambda number: size(int(number)))),
    ("Stored floats", _in("stored_floats", "{:,.0f}".format)),
)


def parameters(runs: Sequence[Compared]) -> Table:
    """The parameters that differ; of a run that stands alone, all."""
    records, labels = [run.record for run in runs], [run.label for run in runs]
    return of_frame(differences.parameters(records, labels, all_of_them=len(runs) == 1).drop(columns="Meaning"))


def environment(runs: Sequence[Compared]) -> Table:
    """What else differs that could explain a number; of a run that stands alone, all that is known."""
    records, labels = [run.record for run in runs], [run.label for run in runs]
    judged = [compare_runs.setting_of(run.evaluation) if run.evaluation else None for run in runs]
    return of_frame(differences.environment(records, labels, judged=judged, all_of_it=len(runs) == 1))


def of_frame(frame: pd.DataFrame) -> Table:
    rows = tuple(tuple(str(value) for value in row) for row in frame.itertuples(index=False))
    return Table((tuple(map(str, frame.columns)),), rows)
