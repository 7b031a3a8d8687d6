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
from ddcore.report import compare_runs, tables, text
from ddcore.report.compare_runs import Compared
from ddcore.report.export.caveats import aside
from ddcore.report.export.table import Table
from ddcore.runs.record import RunRecord
from ddcore.settings import network_title
from ddcore.summary import Accuracy, Scores

DIMENSIONS: Mapping[str, str] = {
    "method": "Method", "dataset": "Data set", "ipc": "IPC", "network": "Network", "protocol": "Protocol",
    "seed": "Seed", "run": "Run",
}
METRICS: Mapping[str, str] = {
    "accuracy": "Test accuracy", "balanced_accuracy": "Balanced test accuracy", "auc": "AUC on the test images",
}
BEST = "Bold: the highest mean on one data set and IPC, controls aside; what is not far above another may be luck."
CONTROLS: Mapping[str, str] = {"random_real": METHODS["random"].title, "full": KINDS["baseline"].title}
TOLD_APART = ("network", "protocol")  # on what and how a set is judged
COMPARES = ("dataset", "ipc", *TOLD_APART)  # what two accuracies must share for one to be the better

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
        asked = [*self.rows, *self.columns]
        problems = [f"no row or column {name!r}{suggestion(name, DIMENSIONS)}"
                    for name in dict.fromkeys(asked) if name not in DIMENSIONS]
        problems += [f"{name} is asked for {number} times" for name, number in Counter(asked).items() if number > 1]
        problems += [] if self.rows else [f"rows must name at least one of {', '.join(DIMENSIONS)}, got none"]
        problems += [] if self.metric in METRICS else [f"no metric {self.metric!r}{suggestion(self.metric, METRICS)}"]
        if problems:
            raise ConfigError(problems)


@dataclass(frozen=True)
class Entry:
    """An accuracy and where it belongs; source: whose it is, told apart from all others; place: dimension → its value
    there; asked: all that decides the result."""

    source: str
    place: Mapping[str, Any]
    accuracy: Accuracy
    asked: Mapping[str, Any]
    control: bool = False


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


def pivot(found: Sequence[Compared], choice: Choice) -> Pivot:
    """The table of these runs. What differs in its seed alone shares a cell; other settings get rows of their own.

    Networks and protocols become columns where sets of one size were judged by several: these numbers do not compare.
    """
    shown, left_out = _known(found, choice.metric)
    footnotes = tables.footnotes(record for one in shown for record in _records(one))
    own = _entries(shown, choice.metric)
    beside = _controls(shown, choice.metric) if "method" in choice.rows else []
    told_apart = _several([*own, *beside], (*choice.rows, *choice.columns))
    choice = replace(choice, columns=(*choice.columns, *told_apart))
    entries = [*own, *_not_there(own, beside, choice)]
    named = _row_names(entries, choice)
    rows = list(dict.fromkeys(name for name, _ in sorted(named, key=lambda one: _floor(one[1]))))
    columns = sorted({_key(entry, choice.columns) for entry in entries}, key=lambda key: _rank(key, choice, entries))
    groups: dict[Place, list[Entry]] = {}
    for name, entry in named:
        groups.setdefault((rows.index(name), columns.index(_key(entry, choice.columns))), []).append(entry)
    judged = {name for name, entry in named if not entry.control}
    cells = {place: _cell(some) for place, some in groups.items()}
    return Pivot(
        choice, tuple(rows), tuple(columns), cells, _best(groups, cells),
        sum(name not in judged for name in rows), tuple(_settings(entries)), tuple(footnotes), tuple(left_out),
    )


def _several(entries: Iterable[Entry], asked: Iterable[str]) -> list[str]:
    """Of TOLD_APART, what is not asked for and differs between sets of one size of one data set."""
    settings: dict[Any, list[Entry]] = {}
    for entry in entries:
        settings.setdefault((entry.place["dataset"], entry.place["ipc"]), []).append(entry)
    return [name for name in TOLD_APART if name not in asked
            and any(len({entry.place[name] for entry in some}) > 1 for some in settings.values())]


def _known(found: Iterable[Compared], metric: str) -> tuple[list[Compared], list[str]]:
    """(the runs with such a number of their result on the test images; a sentence for each that has none)."""
    shown, left_out = [], []
    for one in found:
        if _value(one.scores, metric) is None:
            left_out.append(f"{one.label} (run {one.record.id}): {why_not(one, metric)}")
        elif said := aside(one.evaluation):
            left_out.append(f"{one.label} (run {one.record.id}): measured {said}")
        else:
            shown.append(one)
    return shown, left_out


def _entries(shown: Sequence[Compared], metric: str) -> list[Entry]:
    """Of each run; once where a set and its evaluation are both chosen."""
    entries: dict[str, Entry] = {}
    headings = _headings_of_data(shown)
    for one in shown:
        value, place = _value(one.scores, metric), _place(one, headings)
        if value is not None and one.evaluation is not None:
            control, source = place["method"] in CONTROLS.values(), one.evaluation.id
            entries.setdefault(source, Entry(source, place, value, _asked(one), control))
    return _everywhere(list(entries.values()))


def why_not(one: Compared, metric: str = "accuracy") -> str:
    """Why a run has no such number."""
    if one.record.state != "done":
        return ": ".join(filter(None, [one.record.state, one.record.problem]))
    return "not evaluated" if one.scores is None else f"{METRICS[metric]} was not measured"


def _value(scores: Scores | None, metric: str) -> Accuracy | None:
    return scores.get(metric) if scores else None


def _place(one: Compared, headings: Mapping[Data, str]) -> dict[str, Any]:
    record, judge = one.record, one.evaluation
    assert judge is not None
    return {
        "method": compare_runs.method(record), "dataset": headings[_data(one)], "ipc": compare_runs.ipc(record),
        "network": network_title(judge.config), "protocol": one.accuracy and one.accuracy.protocol,
        "seed": record.config.get("seed"), "run": one.label,
    }


def _asked(one: Compared) -> dict[str, Any]:
    """All that decides the numbers of a run but its seed: its parameters, the version and the data."""
    record = one.record
    config = {name: value for name, value in record.config.items() if name not in ("seed", "device")}
    content = (record.info.get("dataset") or {}).get("fingerprint")
    return {"exact": False, **config, "kind": record.kind, "version": record.info.get("version"), "data": content}


def _records(one: Compared) -> list[RunRecord]:
    return [one.record, *([one.evaluation] if one.evaluation else [])]


def _data(one: Compared) -> Data:
    judge = one.evaluation or one.record
    content = (judge.info.get("dataset") or {}).get("fingerprint")
    return judge.config.get("dataset"), judge.config.get("resolution"), content


def _headings_of_data(shown: Sequence[Compared]) -> dict[Data, str]:
    """Each data set's name, marked where one of its runs has a note; with side or content where several bear it."""
    marked = {r.config.get("dataset") for one in shown for r in _records(one) if tables.data_notes(r)}
    every = dict.fromkeys(map(_data, shown))
    headings = {}
    for name, side, content in every:
        said = [f"{name}{tables.MARK if name in marked else ''}"]
        said += [f"{side} px"] if len({s for n, s, _ in every if n == name}) > 1 else []
        said += [f"content {str(content)[:6]}"] if sum((n, s) == (name, side) for n, s, _ in every) > 1 else []
        headings[name, side, content] = ", ".join(said)
    return headings


def _everywhere(entries: list[Entry]) -> list[Entry]:
    """A training on all data has no IPC: it belongs to each of its data set."""
    sizes: dict[Any, list[Any]] = {}
    for entry in entries:
        if (ipc := entry.place["ipc"]) is not None:
            sizes.setdefault(entry.place["dataset"], []).append(ipc)
    return [
        replace(entry, place={**entry.place, "ipc": ipc})
        for entry in entries
        for ipc in (dict.fromkeys(sizes.get(entry.place["dataset"], [None])) if entry.place["ipc"] is None
                    else [entry.place["ipc"]])
    ]


def _floor(entry: Entry) -> int:
    """Methods stand above random real images, and these above all data."""
    return entry.control + (entry.place["method"] == CONTROLS["full"])


def _settings(entries: Iterable[Entry]) -> list[str]:
    told = (f"{e.place['dataset']}: {e.place['network']}, protocol {e.place['protocol']}" for e in entries)
    return list(dict.fromkeys(told))


def _controls(shown: Sequence[Compared], metric: str) -> list[Entry]:
    """Random real images and all data beside each run, under the protocol that they were judged under themselves."""
    added, headings = [], _headings_of_data(shown)
    for one in shown:
        for role, title in CONTROLS.items():
            control = one.controls.get(role)
            if control is None or (value := _value(control, metric)) is None:
                continue
            own = _place(one, headings)
            place = {**own, "method": title, "run": title, "seed": None if role == "full" else own["seed"],
                     "protocol": control.accuracy.protocol or own["protocol"]}
            asked = {name: place[name] for name in ("dataset", "ipc") if (role, name) != ("full", "ipc")}
            added.append(Entry(json.dumps([role, value.to_json()]), place, value, asked, control=True))
    return added


def _not_there(own: Sequence[Entry], beside: Iterable[Entry], choice: Choice) -> list[Entry]:
    """Each control once, without those that were chosen themselves."""
    there = {(_key(entry, choice.rows), _key(entry, choice.columns)) for entry in own}
    added: dict[str, Entry] = {}
    for entry in beside:
        if (_key(entry, choice.rows), _key(entry, choice.columns)) not in there:
            added.setdefault(json.dumps([entry.source, entry.place]), entry)
    return list(added.values())


def _row_names(entries: Sequence[Entry], choice: Choice) -> list[tuple[Key, Entry]]:
    """Each entry with the name of its row: where several settings would share a cell, with what differs in them."""
    cells: dict[tuple[Key, Key], list[Entry]] = {}
    for entry in entries:
        cells.setdefault((_key(entry, choice.rows), _key(entry, choice.columns)), []).append(entry)
    varied: dict[Key, list[str]] = {}
    for (row, _), some in cells.items():
        names = dict.fromkeys(name for entry in some for name in entry.asked)
        several = [n for n in names if len({json.dumps(e.asked.get(n), default=str) for e in some}) > 1]
        several = ["kind"] if "kind" in several else several  # kinds have few parameters in common
        varied[row] = list(dict.fromkeys([*varied.get(row, []), *several]))
    named = choice.rows.index("method") if "method" in choice.rows else 0
    return [(_told_apart(_key(entry, choice.rows), named, entry, varied), entry) for entry in entries]


def _told_apart(row: Key, named: int, entry: Entry, varied: Mapping[Key, Sequence[str]]) -> Key:
    said = [entry.place["run"] if name == "kind" else f"{name} {text.value(entry.asked.get(name))}"
            for name in varied[row]]
    return (*row[:named], ", ".join([row[named], *said]), *row[named + 1 :])


def _key(entry: Entry, names: Iterable[str]) -> Key:
    return tuple(text.value(entry.place[name]) for name in names)


def _rank(key: Key, choice: Choice, entries: Sequence[Entry]) -> list[float]:
    """Columns by size where they are numbers, else in the order of the runs."""
    rank: list[float] = []
    for name, said in zip(choice.columns, key, strict=True):
        if name in ("ipc", "seed"):
            rank.append(float(said) if said.isdecimal() else float("inf"))
        else:
            rank.append([text.value(entry.place[name]) for entry in entries].index(said))
    return rank


def _cell(entries: Sequence[Entry]) -> Accuracy:
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
    for place, some in groups.items():
        settings = {tuple(entry.place[name] for name in COMPARES) for entry in some}
        if len(settings) == 1 and not any(entry.control for entry in some):
            alike.setdefault(settings.pop(), {})[place] = round(100 * cells[place].mean, 1)
    return frozenset(
        place for shown in alike.values() if len(shown) > 1
        for place, mean in shown.items() if mean == max(shown.values())
    )


def table(found: Pivot) -> Table:
    """The pivot as texts; its notes say the unit, n, and which runs are not in it."""
    choice, titles = found.choice, [DIMENSIONS[name] for name in found.choice.rows]
    every = [_headings(found, c) for c in range(len(found.columns))]
    levels = [[said[level] for said in every] for level in range(len(choice.columns))]
    head = [*levels[:-1], levels[-1] if levels else [METRICS[choice.metric]]]
    blank = [""] * len(titles)
    lines = [(*(titles if level == len(head) - 1 else blank), *line) for level, line in enumerate(head)]
    cells = [[_shown(found.cells.get((r, c))) for c in range(len(found.columns))] for r in range(len(found.rows))]
    return Table(
        tuple(lines), tuple((*row, *line) for row, line in zip(found.rows, cells, strict=True)), names=len(titles),
        bold=frozenset((r, len(titles) + c) for r, c in found.best),
        rule=len(found.rows) - found.controls if found.controls else None, notes=tuple(_notes(found)),
    )


def _heading(name: str, said: str) -> str:
    return f"{DIMENSIONS[name]} {said}" if name in ("ipc", "seed") else said


def _headings(found: Pivot, column: int) -> list[str]:
    return list(map(_heading, found.choice.columns, found.columns[column]))


def _shown(value: Accuracy | None) -> str:
    return text.spread(value).removesuffix(" %")


def _notes(found: Pivot) -> list[str]:
    """The unit and n, told where it is not that of most cells; what is not in the table."""
    missing = [f"Not in this table: {sentence.rstrip('.')}." for sentence in found.left_out]
    if not found.cells:
        return ["None of these runs has such a number.", *missing]
    usual = Counter(cell.n for cell in found.cells.values()).most_common(1)[0][0]
    but = "".join(f"; {one}" for one in _exceptions(found, usual))
    notes = [
        f"{METRICS[found.choice.metric]} in %, mean ± standard deviation over n networks; n = {usual}{but}.",
        f"Measured on {'; '.join(found.settings)}.",
        *found.footnotes,
    ]
    if found.best:
        notes.append(BEST)
    return notes + missing


def _exceptions(found: Pivot, usual: int) -> Iterator[str]:
    """Rows, or cells of a row, with another n."""
    for r, name in enumerate(found.rows):
        sizes = {c: cell.n for (row, c), cell in sorted(found.cells.items()) if row == r}
        if len(set(sizes.values())) == 1:
            sizes = {-1: next(iter(sizes.values()))}
        for c, n in sizes.items():
            if n != usual:
                yield f"{', '.join((*name, *(_headings(found, c) if c >= 0 else ())))}: n = {n}"


def numbers(found: Pivot) -> tuple[list[str], list[list[Any]]]:
    """(headings, rows) for CSV: mean, std (percent) and n of each column beside the names of the rows."""
    parts = ("mean (%)", "std (%)", "n")
    headings = [DIMENSIONS[name] for name in found.choice.rows]
    for column in range(len(found.columns)):
        headings += [" · ".join([*_headings(found, column), part]) for part in parts]
    rows = []
    for r, name in enumerate(found.rows):
        values = [_percentages(found.cells.get((r, c))) for c in range(len(found.columns))]
        rows.append([*name, *(value for three in values for value in three)])
    return headings, rows


def _percentages(value: Accuracy | None) -> tuple[float | None, float | None, int | None]:
    spread = tables.spread(value)
    return spread["mean"], spread["std"], value.n if value else None
