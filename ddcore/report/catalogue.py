"""All saved runs as one table of numbers: searched, filtered, sorted, seeds or other groups taken together."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ddcore.data import DATASETS
from ddcore.lazy import pd
from ddcore.params import shown
from ddcore.report import compare_runs, differences, names, quantities, results, tables, text
from ddcore.report.compare_runs import FLOAT_BYTES
from ddcore.report.quantities import Quantity
from ddcore.runs.events import read_events
from ddcore.runs.memo import memoise
from ddcore.runs.sharing import repeats
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import network_title
from ddcore.summary import Accuracy

COLUMNS = (
    "id", "run", "kind", "method", "dataset", "ipc", "accuracy", "std", "n", "seeds", "judged", "setting", "elsewhere",
    "network", "state", "seconds", "seconds_train", "flops_training", "peak_memory", "stored", "created", "tags",
    "note", "group", "members", "repeats",
)
MEANS = ("seconds", "seconds_train", "flops_training", "peak_memory", "stored")  # over the runs of a group
SELECTIONS = 2  # of a sort that are offered
POINTS = 40  # of a sparkline, and its last
ELSEWHERE = "‡"  # beside an accuracy of another network or protocol than most of its table; † marks data
NOT_POOLED = ("seed", "run")  # repeats; of which set an evaluation is
SEVERAL = 3  # values, and parameters, that a row of different runs names
NAMED_KINDS = 3  # of runs that are not listed
STOPPED = ("failed", "cancelled", "interrupted", "broken")


def catalogue(store: Store) -> pd.DataFrame:
    """One row a run of any kind, newest first, with COLUMNS.

    accuracy, std in percent, as the run in `judges` has it: on which network and how is in `setting`, and whether that
    is not how most sets of the data were judged in `elsewhere`. stored: bytes of the
    set; created: seconds since 1970; group: equal for runs that differ in their seeds alone; members: ids of the row;
    repeats: the run that asks the very same as this private one, "" where there is none.
    """
    return store.kept(_catalogue, names.datasets()).copy(deep=False)


def _catalogue(store: Store, *of: object) -> pd.DataFrame:
    records = store.records()
    speak, usual = store.kept(judged)
    global _last
    last = _last[1] if _last[0] == of else {}
    by_id, groups, rows = store.by_id(), dict[str, str](), dict[str, _Row]()
    again = repeats(records, by_id)
    for record in sorted(records, key=lambda r: bool(r.config.get("run"))):  # evaluations of a group are a group
        judge, about = speak.get(record.id), str(record.config.get("run"))
        other = judge is not None and elsewhere(judge, usual)
        made_of = (record, judge, by_id.get(about), groups.get(about), tables.title(record), other,
                   again.get(record.id, ""))
        if (row := last.get(record.id)) is None or row[0] != made_of:
            values = {**_row(record, judge, differences.question(record, groups)), "method": _method(record, by_id),
                      "elsewhere": other, "repeats": made_of[-1]}
            row = made_of, tuple(values[name] for name in COLUMNS)
        rows[record.id], groups[record.id] = row, row[1][COLUMNS.index("group")]
    _last = of, rows
    return pd.DataFrame([rows[record.id][1] for record in records], columns=list(COLUMNS))


_Row = tuple[tuple[Any, ...], tuple[Any, ...]]
# The data sets of the last catalogue, and run → what its row was made of and the row: one more run is one more row.
_last: tuple[tuple[object, ...], dict[str, _Row]] = (), {}


Data = tuple[Any, Any]  # name and side of the images


Judged = tuple[dict[str, RunRecord], dict[Data, str]]


def judged(store: Store) -> Judged:
    """`judges` and `settings` of all runs of a store."""
    return judged_of(store.records())


def judged_of(records: Sequence[RunRecord]) -> Judged:
    """`judges` and `settings` of these runs."""
    usual = settings(records)
    return judges(records, usual), usual


def judges(records: Iterable[RunRecord], usual: Mapping[Data, str] | None = None) -> dict[str, RunRecord]:
    """Run → the finished run whose accuracy speaks for it: itself, or an evaluation.

    Of its evaluations the newest in the setting in which most sets of its data were judged, so that a table holds
    numbers that compare; one that was not judged in it has its newest. An imported one speaks where none here does.
    usual: the `settings`, where they are known.
    """
    newest_first = sorted(records, key=lambda record: record.imported is not None)
    found, other = dict[str, RunRecord](), dict[str, RunRecord]()
    usual = settings(newest_first) if usual is None else usual
    for record in newest_first:
        if record.summary.accuracy:
            found.setdefault(record.id, record)
            if _judges_a_set(record):
                (other if elsewhere(record, usual) else found).setdefault(str(record.config.get("run")), record)
    return {**other, **found}


def settings(records: Iterable[RunRecord]) -> dict[Data, str]:
    """Data → network and protocol in which most sets of it were judged, of several the one last asked for."""
    judged: dict[Data, dict[str, set[str]]] = {}
    for record in records:
        if record.summary.accuracy and _judges_a_set(record):
            runs = judged.setdefault(_data(record), {}).setdefault(compare_runs.setting_of(record), set())
            runs.add(str(record.config.get("run")))
    return {data: max(runs, key=lambda setting: len(runs[setting])) for data, runs in judged.items()}


def elsewhere(judge: RunRecord, settings: Mapping[Data, str]) -> bool:
    """Whether an accuracy is of another network or protocol than most of its data."""
    return compare_runs.setting_of(judge) != settings.get(_data(judge), compare_runs.setting_of(judge))


def told(judges: Iterable[RunRecord], settings: Mapping[Data, str]) -> str:
    """What the mark beside accuracies means: "‡ Not on ConvNet-3 · protocol course, as most sets of digits."

    judges: those whose accuracies are shown; "" where none of them is marked.
    """
    marked = dict.fromkeys(_data(judge) for judge in judges if elsewhere(judge, settings))
    each = "; ".join(f"on {settings[data]}, as most sets of {data[0]}" for data in marked)
    return f"{ELSEWHERE} Not {each}." if each else ""


def _judges_a_set(record: RunRecord) -> bool:
    return bool(record.declared and record.declared.shown_with) and results.of_the_result(record)


def _data(record: RunRecord) -> Data:
    return record.config.get("dataset"), record.config.get("resolution")


def _row(record: RunRecord, judge: RunRecord | None, group: str) -> dict[str, Any]:
    accuracy = judge.summary.accuracy if judge else None
    floats = record.summary.stored_floats if record.summary.source is None else None
    return {
        "id": record.id, "run": compare_runs.marked(tables.title(record), judge), "kind": record.kind,
        "method": compare_runs.method(record),
        "dataset": record.config.get("dataset"), "ipc": compare_runs.ipc(record),
        "accuracy": tables.spread(accuracy)["mean"], "std": tables.spread(accuracy)["std"],
        "n": accuracy and accuracy.n, "seeds": 1, "judged": int(judge is not None),
        "setting": compare_runs.setting_of(judge) if judge else None,
        "network": network_title(record.config) if record.config.get("network") else None,
        "state": tables.state(record), "seconds": compare_runs.seconds(record),
        "seconds_train": judge and judge.summary.seconds_train,
        "flops_training": judge and compare_runs.training_flops(judge),
        "peak_memory": record.info.get("peak_memory_bytes"), "stored": floats and FLOAT_BYTES * floats,
        "created": record.created, "tags": list(record.user.get("tags") or ()),
        "note": record.user.get("note") or record.problem or "",
        "group": group, "members": [record.id],
    }


def _method(record: RunRecord, by_id: Mapping[str, RunRecord]) -> str:
    """What made the set; of an evaluation the set that it tested, as that is called where it is here."""
    judged = by_id.get(str(record.config.get("run"))) if _judges_a_set(record) else None
    return compare_runs.method(judged if judged and judged.makes_images else record)


def with_parameters(frame: pd.DataFrame, store: Store, parameters: Mapping[str, Quantity]) -> pd.DataFrame:
    """The catalogue with a column for each of these parameters."""
    by_id = store.by_id()
    records = [by_id[run_id] for run_id in frame["id"]] if parameters else []
    columns = {name: quantities.values(records, one).set_axis(frame.index) for name, one in parameters.items()}
    return pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1)


Range = tuple[float | None, float | None]  # from, to; None leaves an end open


def filtered(
    frame: pd.DataFrame, *, words: str = "", kinds: Sequence[str] = (), datasets: Sequence[str] = (),
    methods: Sequence[str] = (), tags: Sequence[str] = (), finished: bool = False, ids: Collection[str] | None = None,
    ranges: Mapping[str, Range] = MappingProxyType({}), picks: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> pd.DataFrame:
    """The rows that hold every word and are of one of each of these, in order; nothing given asks for nothing.

    finished: without those that failed, were cancelled or interrupted, or cannot be read; ids: only these runs. ranges,
    picks: column → the values that it may have; a row without a value there is left out, whatever they are.
    """
    keep = pd.Series(True, index=frame.index)
    for column, values in (("kind", kinds), ("dataset", datasets), ("method", methods), *picks.items()):
        if values:
            keep &= frame[column].isin(list(values))
        elif column in picks:
            keep &= frame[column].notna()
    for column, (low, high) in ranges.items():
        keep &= frame[column].notna()
        keep &= frame[column].ge(low) if low is not None else True
        keep &= frame[column].le(high) if high is not None else True
    if tags:
        keep &= frame["tags"].map(lambda own: set(tags) <= set(own))
    if finished:
        keep &= ~frame["state"].isin(STOPPED)
    if ids is not None:
        keep &= frame["id"].isin(ids)
    if words.strip():
        texts = [_searched(row) for row in frame.to_dict("records")]
        matches = [all(word in line for word in words.lower().split()) for line in texts]
        keep &= pd.Series(matches, index=frame.index, dtype=bool)
    return frame[keep]


def left_out(every: pd.DataFrame, rows: pd.DataFrame, *, kinds: Sequence[str], finished: bool,
             ids: Collection[str] | None = None) -> str:
    """How many runs are not among the filtered rows and why: "47 of other kinds (Evaluation), 4 failed or stopped";
    kinds, finished, ids: as in `filtered`. "" where all are there."""
    rest = every[~every["id"].isin(rows["id"])]
    others = ~rest["id"].isin(rest["id"] if ids is None else ids)
    stopped = rest["state"].isin(STOPPED) & finished & ~others
    other = ~rest["kind"].isin(list(kinds)) & ~stopped & ~others if kinds else stopped & False
    titles = dict.fromkeys(map(tables.kind, rest["kind"][other]))
    named = ", ".join([*titles][:NAMED_KINDS]) + (", …" if len(titles) > NAMED_KINDS else "")
    numbers = {"that others asked for": others.sum(), f"of other kinds ({named})": other.sum(),
               "failed or stopped": stopped.sum(), "by search or filter": (~other & ~stopped & ~others).sum()}
    return ", ".join(f"{number:,} {reason}" for reason, number in numbers.items() if number)


def _searched(row: Mapping[Any, Any]) -> str:
    """The text of a row in which words are looked for."""
    parts = (row["id"], row["run"], row["method"], row["network"], row["setting"], *row["tags"], row["note"])
    return " ".join(str(part) for part in parts if part).lower()


def seeds_together(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for all seeds of a question, in the place of its first: accuracy over all their networks, with n.

    Only seeds that were judged in one setting, that of the first judged; times and memory are means; the id, tags and
    note are the first's, so is the name, which tells no seed; a parameter in which they differ is None.
    """
    rows = _grouped(frame, ((group,) for group in frame["group"]))
    return rows.assign(run=[names.of_seeds(name) if seeds > 1 else name
                            for name, seeds in zip(rows["run"], rows["seeds"], strict=True)])


def grouped(frame: pd.DataFrame, by: str, title: str) -> pd.DataFrame:
    """One row for each value of a column, like `seeds_together`; those without a value stay rows of their own.

    Runs of another kind or data set are in another group: a mean over these would be of nothing. title: of the column.
    """
    keys = [(kind, dataset, value) if tables.is_known(value) else (run_id,)
            for kind, dataset, value, run_id in zip(frame["kind"], frame["dataset"], frame[by], frame["id"],
                                                    strict=True)]
    rows = _grouped(frame, keys)
    names = [f"{title} {shown(value)} · {dataset}" if tables.is_known(value) else name
             for name, value, dataset in zip(rows["run"], rows[by], rows["dataset"], strict=True)]
    return rows.assign(run=names)


def pooled_over(frame: pd.DataFrame, store: Store) -> list[str]:
    """What differs between the runs of each row, beyond their seeds: "IPC 1, 10; λ 0, 0.1"; "" where nothing does."""
    by_id = store.by_id()
    return [_differences([by_id[run_id] for run_id in members if run_id in by_id]) for members in frame["members"]]


def _differences(records: Sequence[RunRecord]) -> str:
    if len(records) < 2:
        return ""
    methods = dict.fromkeys(map(compare_runs.method, records))
    found = [", ".join(methods)] if len(methods) > 1 else []
    for name, values in differences.differing(records).items():
        if name not in NOT_POOLED and None not in values:
            declared = differences.declarations(records, name)
            sign = declared[0].short if declared else name.replace("_", " ")
            numbers = all(isinstance(value, int | float) for value in values)
            different = list(dict.fromkeys(map(shown, sorted(values) if numbers else values)))
            found.append(f"{sign} {text.listed(different, SEVERAL)}".strip())
    more = f"; {len(found) - SEVERAL} more" if len(found) > SEVERAL else ""
    return f"{'; '.join(found[:SEVERAL])}{more}"


def _grouped(frame: pd.DataFrame, keys: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    names, columns = list(frame.columns), [frame[name].tolist() for name in frame]
    for key, row in zip(keys, zip(*columns, strict=True), strict=True):
        groups.setdefault(key, []).append(row)
    rows = (_together([dict(zip(names, row, strict=True)) for row in group]).values() if len(group) > 1 else group[0]
            for group in groups.values())
    return pd.DataFrame(list(map(tuple, rows)), columns=names)


def _together(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    judged = [row for row in rows if tables.is_known(row["accuracy"])]
    judged = _once([row for row in judged if row["setting"] == judged[0]["setting"]])
    states = sorted({row["state"] for row in rows})
    shared = (name for name in first if name not in COLUMNS or name in ("method", "ipc", "network"))
    return {
        **first, **{name: quantities.together([row[name] for row in rows]) for name in shared},
        **_pooled(judged), "seeds": len(_once(rows)), "judged": len(judged), "members": [row["id"] for row in rows],
        **{name: (judged[0] if judged else first)[name] for name in ("setting", "elsewhere")},
        "state": ", ".join(states),
        **{name: _mean(row[name] for row in rows) for name in MEANS},
    }


def _once(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """These rows without those that repeat another one of them."""
    ids = {row["id"] for row in rows}
    return [row for row in rows if row["repeats"] not in ids]


def _pooled(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """{accuracy, std, n} over all networks of these rows, from those of each row."""
    stds = (row["std"] / 100 if tables.is_known(row["std"]) else None for row in rows)
    pooled = Accuracy.pooled(Accuracy(mean=row["accuracy"] / 100, std=std, n=int(row["n"]))
                             for row, std in zip(rows, stds, strict=True))
    spread = tables.spread(pooled)
    return {"accuracy": spread["mean"], "std": spread["std"], "n": pooled and pooled.n}


def _mean(values: Iterable[Any]) -> float | None:
    known = [value for value in values if tables.is_known(value)]
    return statistics.fmean(known) if known else None


def in_order(frame: pd.DataFrame, by: str, *, falling: bool = True) -> pd.DataFrame:
    """Sorted by a column, what has no value there last; equal ones stay as they are."""
    return frame.sort_values(by, ascending=not falling, kind="stable", na_position="last")


def selections(store: Store) -> dict[str, list[str]]:
    """What somebody may want to compare first: its name → ids of finished sets of one data set and IPC.

    The newest set of each method: of those that ship with the code, then of all; where most methods have one first.
    """
    sets = [r for r in store.records() if r.state == "done" and r.makes_images and r.declared]
    found: dict[str, list[str]] = {}
    for words, records in (("The shipped sets", [r for r in sets if r.demo]), ("Newest of each method", sets)):
        groups: dict[tuple[str, int | None], dict[str, str]] = {}
        for record in records:
            place = str(record.config.get("dataset")), compare_runs.ipc(record)
            groups.setdefault(place, {}).setdefault(compare_runs.method(record), record.id)
        largest = sorted(groups.items(), key=lambda group: -len(group[1]))[:SELECTIONS]
        for (dataset, ipc), ids in largest:
            if len(ids) > 1 and sorted(ids.values()) not in map(sorted, found.values()):
                title = DATASETS[dataset].title if dataset in DATASETS else dataset
                found[f"{words} · {title}, IPC {ipc}"] = list(ids.values())
    return found


def sparkline(record: RunRecord) -> list[float]:
    """The loss of a run in POINTS values at most, for a small picture; empty where it recorded none."""
    if record.state == "done":
        return _sparkline(str(record.folder / "events.jsonl"), record.created)
    return _losses(str(record.folder / "events.jsonl"))


@memoise("2")
def _sparkline(path: str, created: float) -> list[float]:
    return _losses(path)


def _losses(path: str) -> list[float]:
    try:
        events, _ = read_events(Path(path), 0)
    except OSError:
        return []
    losses = [e["loss"] for e in events if isinstance(e.get("loss"), int | float)]
    stride = max(1, -(-len(losses) // POINTS))
    shown = [*losses[:-1:stride], *losses[-1:]]  # the last loss is the one that people look for
    return [float(f"{value:.4g}") for value in shown]
