"""Accuracies as a paper prints them: method by data set and IPC, ± over networks, the best of each column in bold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ddcore.errors import ConfigError, suggestion
from ddcore.experiments import KINDS
from ddcore.methods import METHODS
from ddcore.report import compare_runs, names, tables, text
from ddcore.report.compare_runs import Compared
from ddcore.report.export.caveats import aside
from ddcore.report.export.table import Table
from ddcore.runs.record import RunRecord
from ddcore.settings import NOT_ALWAYS, network_title
from ddcore.summary import Accuracy

DIMENSIONS: Mapping[str, str] = {
    "method": "Method", "dataset": "Data set", "ipc": "IPC", "network": "Network", "protocol": "Protocol",
    "seed": "Seed", "run": "Run",
}
METRICS: Mapping[str, str] = {
    "accuracy": "Test accuracy", "balanced_accuracy": "Balanced test accuracy", "auc": "AUC on the test images",
}
BEST = "Bold: the highest mean on one data set and IPC, controls aside; what is not far above another may be luck."
CONTROLS: Mapping[str, str] = {"random_real": METHODS["random"].title, "full": KINDS["baseline"].title}
SETTING = ("network", "protocol")  # on what and how a set is judged
COMPARES = ("dataset", "ipc", *SETTING)  # what two accuracies must share for one to be the better
NUMBERED = ("ipc", "seed")  # dimensions whose values are numbers

Key = tuple[str, ...]
Place = tuple[int, int]
Data = tuple[Any, Any, Any]  # name, side of the images, content


@dataclass(frozen=True)
class Choice:
    """What a pivot shows; rows, columns: names of DIMENSIONS; metric: of METRICS. Raises ConfigError."""

    rows: tuple[str, ...] = ("method",)
    columns: tuple[str, ...] = ("dataset", "ipc")
    metric: str = "accuracy"

    def __post_init__(self) -> None:
        names = Counter([*self.rows, *self.columns])
        problems = [f"no row or column {name!r}{suggestion(name, DIMENSIONS)}" for name in names
                    if name not in DIMENSIONS]
        problems += [f"{name} is asked for {number} times" for name, number in names.items() if number > 1]
        problems += [] if self.rows else [f"rows must name at least one of {', '.join(DIMENSIONS)}, got none"]
        problems += [] if self.metric in METRICS else [f"no metric {self.metric!r}{suggestion(self.metric, METRICS)}"]
        if problems:
            raise ConfigError(problems)


@dataclass(frozen=True)
class Entry:
    """An accuracy and where it belongs; source: whose it is, told apart from all others; place: dimension → its value
    there; question: all that decides the result."""

    source: str
    place: Mapping[str, Any]
    accuracy: Accuracy
    question: Mapping[str, Any]
    control: bool = False

    def key(self, names: Iterable[str]) -> Key:
        """Its values of these dimensions, as texts."""
        return tuple(text.value(self.place[name]) for name in names)

    def cell(self, choice: Choice) -> tuple[Key, Key]:
        """(row, column) where it stands."""
        return self.key(choice.rows), self.key(choice.columns)


@dataclass(frozen=True)
class Pivot:
    """rows, columns: their values, in order; cells: (row, column) → accuracy; best: the highest of those that
    compare; controls: the last rows, so many;
    settings: of each data set, on what and how its numbers were measured; footnotes: what must be known of marked data
    sets; left_out: why a run is not in it."""

    choice: Choice
    rows: tuple[Key, ...]
    columns: tuple[Key, ...]
    cells: Mapping[Place, Accuracy]
    best: frozenset[Place]
    controls: int
    settings: tuple[str, ...]
    footnotes: tuple[str, ...]
    left_out: tuple[str, ...]

    def headings(self, column: int) -> list[str]:
        """The texts above a column, outermost first."""
        return [f"{DIMENSIONS[name]} {value}" if name in NUMBERED else value
                for name, value in zip(self.choice.columns, self.columns[column], strict=True)]


def pivot(runs: Sequence[Compared], choice: Choice) -> Pivot:
    """The table of these runs. What differs in its seed alone shares a cell; other settings get rows of their own.

    Networks and protocols become columns where sets of one size were judged by several: these numbers do not compare.
    """
    shown, left_out = _measured(runs, choice.metric)
    names = _data_names(shown)
    own = _entries(shown, choice.metric, names)
    controls = _controls(shown, choice.metric, names) if "method" in choice.rows else []
    choice = replace(choice, columns=(*choice.columns, *_several_settings([*own, *controls], choice)))
    entries = [*own, *_added(controls, own, choice)]
    named = _row_names(entries, choice)
    # Methods stand above random real images, and these above all data.
    by_floor = sorted(named, key=lambda pair: pair[1].control + (pair[1].place["method"] == CONTROLS["full"]))
    rows = list(dict.fromkeys(row for row, _ in by_floor))
    columns = sorted({entry.key(choice.columns) for entry in entries}, key=lambda key: _rank(key, choice, entries))
    groups: dict[Place, list[Entry]] = {}
    for row, entry in named:
        groups.setdefault((rows.index(row), columns.index(entry.key(choice.columns))), []).append(entry)
    judged = {row for row, entry in named if not entry.control}
    cells = {place: _pooled(group) for place, group in groups.items()}
    settings = (f"{e.place['dataset']}: {e.place['network']}, protocol {e.place['protocol']}" for e in entries)
    footnotes = tables.footnotes(record for run in shown for record in _records(run))
    return Pivot(
        choice, tuple(rows), tuple(columns), cells, _best(groups, cells), sum(row not in judged for row in rows),
        tuple(dict.fromkeys(settings)), tuple(footnotes), tuple(left_out),
    )


def _several_settings(entries: Iterable[Entry], choice: Choice) -> list[str]:
    """Of SETTING, what is no row or column yet and differs between sets of one size of one data set."""
    sizes: dict[Any, list[Entry]] = {}
    for entry in entries:
        sizes.setdefault((entry.place["dataset"], entry.place["ipc"]), []).append(entry)
    return [name for name in SETTING if name not in (*choice.rows, *choice.columns)
            and any(len({entry.place[name] for entry in group}) > 1 for group in sizes.values())]


def _measured(runs: Iterable[Compared], metric: str) -> tuple[list[Compared], list[str]]:
    """(the runs with such a number of their result on the test images; a sentence for each that has none)."""
    shown, left_out = [], []
    for run in runs:
        if run.score(metric) is None:
            left_out.append(f"{run.label} (run {run.record.id}): {why_not(run, metric)}")
        elif run.repeats:
            left_out.append(f"{run.label} (run {run.record.id}): it asks the very same as another one of them")
        elif how := aside(run.evaluation):
            left_out.append(f"{run.label} (run {run.record.id}): measured {how}")
        else:
            shown.append(run)
    return shown, left_out


def _entries(runs: Sequence[Compared], metric: str, names: Mapping[Data, str]) -> list[Entry]:
    """Of each run; once where a set and its evaluation are both chosen.

    A training on all data has no IPC: it belongs to each of its data set.
    """
    entries: dict[str, Entry] = {}
    sizes: dict[Any, dict[Any, None]] = {}
    for run in runs:
        value, place = run.score(metric), _place(run, names)
        if value is not None and run.evaluation is not None:
            source, control = run.evaluation.id, place["method"] in CONTROLS.values()
            entries.setdefault(source, Entry(source, place, value, _question(run), control))
            if place["ipc"] is not None:
                sizes.setdefault(place["dataset"], {})[place["ipc"]] = None
    return [
        replace(entry, place={**entry.place, "ipc": ipc})
        for entry in entries.values()
        for ipc in (sizes.get(entry.place["dataset"], [None]) if entry.place["ipc"] is None else [entry.place["ipc"]])
    ]


def why_not(run: Compared, metric: str = "accuracy") -> str:
    """Why a run has no such number."""
    if run.record.state != "done":
        return ": ".join(filter(None, [run.record.state, run.record.problem]))
    return "not evaluated" if run.scores is None else f"{METRICS[metric]} was not measured"


def _place(run: Compared, names: Mapping[Data, str]) -> dict[str, Any]:
    record, evaluation = run.record, run.evaluation
    assert evaluation is not None
    return {"method": compare_runs.method(record), "dataset": names[_data(run)], "ipc": compare_runs.ipc(record),
            "network": network_title(evaluation.config), "protocol": run.accuracy and run.accuracy.protocol,
            "seed": record.config.get("seed"), "run": run.label}


def _question(run: Compared) -> dict[str, Any]:
    """All that decides the numbers of a run but its seed: its parameters, the version and the data."""
    record = run.record
    config = {name: value for name, value in record.config.items() if name not in ("seed", "device")}
    return {**NOT_ALWAYS, **config, "kind": record.kind, "name": record.name, "version": record.info.get("version"),
            "data": _content(record)}


def _content(record: RunRecord) -> Any:
    return (record.info.get("dataset") or {}).get("fingerprint")


def _records(run: Compared) -> list[RunRecord]:
    return [run.record, *([run.evaluation] if run.evaluation else [])]


def _data(run: Compared) -> Data:
    judge = run.evaluation or run.record
    return judge.config.get("dataset"), judge.config.get("resolution"), _content(judge)


def _data_names(runs: Sequence[Compared]) -> dict[Data, str]:
    """Each data set's name, marked where one of its runs has a note; with side or content where several bear it."""
    marked = {r.config.get("dataset") for run in runs for r in _records(run) if tables.data_notes(r)}
    every = dict.fromkeys(map(_data, runs))
    names = {}
    for name, side, content in every:
        parts = [f"{name}{tables.MARK if name in marked else ''}"]
        parts += [f"{side} px"] if len({s for n, s, _ in every if n == name}) > 1 else []
        parts += [f"content {str(content)[:6]}"] if sum((n, s) == (name, side) for n, s, _ in every) > 1 else []
        names[name, side, content] = ", ".join(parts)
    return names


def _controls(runs: Sequence[Compared], metric: str, names: Mapping[Data, str]) -> list[Entry]:
    """Random real images and all data beside each run, under the protocol that they were judged under themselves."""
    entries = []
    for run in runs:
        for role, title in CONTROLS.items():
            scores = run.controls.get(role)
            if scores is None or (value := scores.get(metric)) is None:
                continue
            own = _place(run, names)
            place = {**own, "method": title, "run": title, "seed": None if role == "full" else own["seed"],
                     "protocol": scores.accuracy.protocol or own["protocol"]}
            question = {name: place[name] for name in ("dataset", "ipc") if (role, name) != ("full", "ipc")}
            entries.append(Entry(json.dumps([role, value.to_json()]), place, value, question, control=True))
    return entries


def _added(controls: Iterable[Entry], own: Sequence[Entry], choice: Choice) -> list[Entry]:
    """Each control once, without those that were chosen themselves."""
    taken = {entry.cell(choice) for entry in own}
    added: dict[str, Entry] = {}
    for entry in controls:
        if entry.cell(choice) not in taken:
            added.setdefault(json.dumps([entry.source, entry.place]), entry)
    return list(added.values())


def _row_names(entries: Sequence[Entry], choice: Choice) -> list[tuple[Key, Entry]]:
    """Each entry with the name of its row: where several settings would share a cell, with what differs in them."""
    cells: dict[tuple[Key, Key], list[Entry]] = {}
    for entry in entries:
        cells.setdefault(entry.cell(choice), []).append(entry)
    varied: dict[Key, list[str]] = {}
    for (row, _), group in cells.items():
        names = dict.fromkeys(name for entry in group for name in entry.question)
        several = [n for n in names if len({json.dumps(e.question.get(n), default=str) for e in group}) > 1]
        several = ["kind"] if {"kind", "name"} & {*several} else several  # these have few parameters in common
        varied[row] = list(dict.fromkeys([*varied.get(row, []), *several]))
    first = choice.rows.index("method") if "method" in choice.rows else 0
    named = []
    for entry in entries:
        row = entry.key(choice.rows)
        words = [entry.place["run"] if name == "kind" else _words(entry, name) for name in varied[row]]
        named.append(((*row[:first], ", ".join([row[first], *words]), *row[first + 1 :]), entry))
    return named


def _words(entry: Entry, name: str) -> str:
    """A parameter of a run as its declaration has it: "λ 0.1", "width 64"; with a dash where it has none."""
    value, declared = entry.question.get(name), names.declared(entry.question.get("kind"), entry.question.get("name"))
    if declared is None or name not in declared.model_fields:
        return f"{DIMENSIONS.get(name, name.replace('_', ' '))} {text.value(value)}"
    return names.words_of(declared.param(name), value) or f"{declared.param(name).short} {text.NONE}".strip()


def _rank(key: Key, choice: Choice, entries: Sequence[Entry]) -> list[float]:
    """Columns by size where they are numbers, else in the order of the runs."""
    rank: list[float] = []
    for name, value in zip(choice.columns, key, strict=True):
        if name in NUMBERED:
            rank.append(float(value) if value.isdecimal() else float("inf"))
        else:
            rank.append([text.value(entry.place[name]) for entry in entries].index(value))
    return rank


def _pooled(entries: Sequence[Entry]) -> Accuracy:
    """Over all networks of these seeds; what stands there for several sizes counts once."""
    values = list({entry.source: entry.accuracy for entry in entries}.values())
    if len(values) == 1:
        return values[0]
    pooled = Accuracy.pooled(values)
    assert pooled is not None  # each of them is known
    return pooled


def _best(groups: Mapping[Place, Sequence[Entry]], cells: Mapping[Place, Accuracy]) -> frozenset[Place]:
    """The highest mean of several that compare, without the controls; all that round to it."""
    alike: dict[Any, dict[Place, float]] = {}
    for place, group in groups.items():
        settings = {tuple(entry.place[name] for name in COMPARES) for entry in group}
        if len(settings) == 1 and not any(entry.control for entry in group):
            alike.setdefault(settings.pop(), {})[place] = round(100 * cells[place].mean, 1)
    return frozenset(place for means in alike.values() if len(means) > 1
                     for place, mean in means.items() if mean == max(means.values()))


def table(pivot: Pivot) -> Table:
    """The pivot as texts; its notes say the unit, n, and which runs are not in it."""
    titles = [DIMENSIONS[name] for name in pivot.choice.rows]
    headings = [pivot.headings(c) for c in range(len(pivot.columns))]
    levels = [[heading[level] for heading in headings] for level in range(len(pivot.choice.columns))]
    last = levels[-1] if levels else [METRICS[pivot.choice.metric]]
    head = [*((*[""] * len(titles), *level) for level in levels[:-1]), (*titles, *last)]
    rows = [(*row, *(text.spread(pivot.cells.get((r, c))).replace(" %", "") for c in range(len(pivot.columns))))
            for r, row in enumerate(pivot.rows)]
    return Table(
        tuple(head), tuple(rows), names=len(titles), bold=frozenset((r, len(titles) + c) for r, c in pivot.best),
        rule=len(pivot.rows) - pivot.controls if pivot.controls else None, notes=tuple(_notes(pivot)),
    )


def _notes(pivot: Pivot) -> list[str]:
    """The unit and n, told where it is not that of most cells; what is not in the table."""
    missing = [f"Not in this table: {sentence.rstrip('.')}." for sentence in pivot.left_out]
    if not pivot.cells:
        return ["None of these runs has such a number.", *missing]
    usual = Counter(cell.n for cell in pivot.cells.values()).most_common(1)[0][0]
    exceptions = "".join(f"; {words}" for words in _exceptions(pivot, usual))
    return [f"{METRICS[pivot.choice.metric]} in %, mean ± standard deviation over n networks; n = {usual}{exceptions}.",
            f"Measured on {'; '.join(pivot.settings)}.", *pivot.footnotes, *([BEST] if pivot.best else []), *missing]


def _exceptions(pivot: Pivot, usual: int) -> Iterator[str]:
    """Rows, or cells of a row, with another n."""
    for r, row in enumerate(pivot.rows):
        sizes = {c: cell.n for (place, c), cell in sorted(pivot.cells.items()) if place == r}
        if len(set(sizes.values())) == 1:
            sizes = {-1: next(iter(sizes.values()))}
        for c, n in sizes.items():
            if n != usual:
                yield f"{', '.join((*row, *(pivot.headings(c) if c >= 0 else ())))}: n = {n}"


def numbers(pivot: Pivot) -> tuple[list[str], list[list[Any]]]:
    """(headings, rows) for CSV: mean, std (percent) and n of each column beside the names of the rows."""
    columns = range(len(pivot.columns))
    headings = [DIMENSIONS[name] for name in pivot.choice.rows]
    headings += [" · ".join([*pivot.headings(c), part]) for c in columns for part in ("mean (%)", "std (%)", "n")]
    rows: list[list[Any]] = []
    for r, row in enumerate(pivot.rows):
        cells = [pivot.cells.get((r, c)) for c in columns]
        rows.append([*row, *(value for cell in cells for value in (*tables.spread(cell).values(), cell and cell.n))])
    return headings, rows
