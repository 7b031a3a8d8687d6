"""What stands above the run table: search, filter, groups and order, columns; all of it in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ddcore.experiments import KINDS
from ddcore.report import catalogue, quantities, tables
from ddcore.report.catalogue import Range
from ddcore.report.quantities import Quantity
from pages.components import frame, whose
from pages.components.compare import address
from pages.components.markdown import plain

if TYPE_CHECKING:
    import pandas as pd

SEEDS, EACH = "seeds", "each"
NUMBER = 20  # letters shown of what should be a number
MEASURES: Mapping[str, Quantity] = {  # columns of `catalogue.catalogue` with numbers
    "accuracy": quantities.MEASURES["mean"], "ipc": quantities.MEASURES["ipc"],
    "seconds": Quantity("Time of the run (s)", "Time (s)", "Wall time of the run."),
    "seconds_train": quantities.MEASURES["seconds_train"], "flops_training": quantities.MEASURES["flops_training"],
    "stored": Quantity("Stored set (bytes)", "Stored", "The set itself, in float32."),
    "peak_memory": quantities.MEASURES["peak_memory_bytes"],
}
WORDS = {"method": "Method", "dataset": "Data set", "network": "Network", "setting": "Judged on"}
_text, _number = st.column_config.TextColumn, st.column_config.NumberColumn
COLUMNS: dict[str, Any] = {
    "run": _text("Run", width=300, pinned=True),
    "images": st.column_config.ImageColumn("Images", width=190, help="The first image of each of five classes."),
    "accuracy": _number("Accuracy (%)", format="%.1f", width=95, help="Test accuracy, mean over networks; of a set "
                        "on the network and by the protocol that judged most sets of its data; where “Judged on” has "
                        "a ‡, on another."),
    "std": _number("±", format="%.1f", width=48, help="Standard deviation over networks."),
    "n": _number("n", format="%d", width=44, help="Networks trained and tested."),
    "pools": _text("Mean over", width=200, help="What differs between the runs of this row beside their seeds: its "
                   "accuracy is a mean over these settings too, and its ± holds their differences."),
    "setting": _text("Judged on", width=235, help="Network and protocol of the accuracy. Accuracies compare only "
                     "where these are the same."),
    "seeds": _text("Runs", width=60, help="Runs taken together in this row; “3 of 4”: so many were judged."),
    "loss": st.column_config.LineChartColumn("Loss", width=84, help="The run's loss from its first to its last step."),
    "ipc": _number("IPC", format="%d", width=52, help="Images per class."), "state": _text("State", width=110),
    "method": _text("Method", width=110), "dataset": _text("Data set", width=90), "kind": _text("Kind", width=120),
    "network": _text("Network", width=160),
    "seconds": _number("Time (s)", format="%.1f", width=78, help="Wall time of the run."),
    "seconds_train": _number("Train (s)", format="%.2f", width=78, help=MEASURES["seconds_train"].help),
    "flops_training": _number("FLOPs", format="compact", width=72, help=MEASURES["flops_training"].help),
    "stored": _number("Stored", format="bytes", width=80, help="The set itself, in float32."),
    "peak_memory": _number("Memory", format="bytes", width=84, help="The most that the run took."),
    "started": _text("Started", width=100), "tags": st.column_config.ListColumn("Tags"), "note": _text("Note"),
    "id": _text("Id"),
}
SHOWN = ("images", "accuracy", "std", "n", "setting")


@dataclass(frozen=True)
class View:
    """The rows that are asked for, in order; columns: their names and how they look; seeds: whether rows stand for
    several runs; left_out: how many runs are not listed, and why."""

    rows: pd.DataFrame
    columns: dict[str, Any]
    seeds: bool
    left_out: str


def toolbar(every: pd.DataFrame) -> View:
    """Search and three menus; the rows of the catalogue that they leave."""
    parameters = quantities.parameters(frame.store().records(), beside=every)
    titles = {**WORDS, **{name: one.title for name, one in {**MEASURES, **parameters}.items()}}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input("Search", placeholder="Search: name, tag, note, network, id", key="q",
                              bind="query-params", label_visibility="collapsed")
        menus = [st.popover("Filter", icon=":material/filter_list:"), st.popover("Group, sort", icon=":material/sort:"),
                 st.popover("Columns", icon=":material/view_column:")]
        mine = whose.switch()
    _tell(every, titles)
    with menus[1]:
        group, by, rising = _order(titles)
    with menus[2]:
        names = st.multiselect(
            "Columns", [*(name for name in COLUMNS if name not in ("run", "pools")), *parameters], default=list(SHOWN),
            key="cols", bind="query-params", width=460, format_func=lambda name: _heading(name, parameters),
        )
    with menus[0]:
        values, asked = _of_runs(every), st.multiselect(
            "By value", [*MEASURES, *parameters], key="by", bind="query-params", format_func=titles.__getitem__,
            placeholder="A parameter or a measure", width=460,
            help="Only runs that have it are listed; then choose from where to where, or which values.",
        )
    wanted = {name: parameters[name] for name in dict.fromkeys([group, by, *names, *asked]) if name in parameters}
    every = catalogue.with_parameters(every, frame.store(), wanted)
    with menus[0]:
        ranges, picks = _values(every, {name: {**MEASURES, **parameters}[name] for name in asked})
    rows = catalogue.filtered(every, words=words, ranges=ranges, picks=picks, ids=mine, **values)
    left_out = catalogue.left_out(every, rows, kinds=values["kinds"], finished=values["finished"], ids=mine)
    if group == SEEDS:
        rows = catalogue.seeds_together(rows)
    elif group != EACH:
        short = {**WORDS, **{name: one.short for name, one in {**MEASURES, **parameters}.items()}}[group]
        rows = catalogue.grouped(rows, group, short)
    rows = rows.assign(pools=catalogue.pooled_over(rows, frame.store()) if group not in (SEEDS, EACH) else "")
    # Newest and largest first, names from A: what one looks for is on the first page.
    rows = catalogue.in_order(rows, by, falling=(by not in ("run", *WORDS)) != rising)
    return View(rows, _columns(rows, names, parameters, grouped=group != EACH), group != EACH, left_out)


def show_all() -> None:
    """Take every filter away, also those that nobody asked for."""
    for key in ("kind", "dataset", "method", "tags", "by"):
        st.session_state[key] = []
    st.session_state["q"], st.session_state["hide"], st.session_state[whose.MINE] = "", False, False


def _heading(name: str, parameters: Mapping[str, Quantity]) -> str:
    return parameters[name].title if name in parameters else str(COLUMNS[name]["label"])


def _groups(titles: Mapping[str, str]) -> dict[str, str]:
    return {SEEDS: "All but the seed", EACH: "Nothing: each run by itself",
            **{name: title for name, title in titles.items() if name not in MEASURES or name == "ipc"}}


def _orders(titles: Mapping[str, str]) -> dict[str, str]:
    return {"created": "Newest", "run": "Name", **titles}


def _order(titles: Mapping[str, str]) -> tuple[str, str, bool]:
    """(what the rows are grouped by, what they are sorted by, whether the smallest comes first)."""
    groups, orders = _groups(titles), _orders(titles)
    group = st.selectbox("One row for", list(groups), format_func=groups.__getitem__, key="group", bind="query-params",
                         width=380, help="All runs that share it: mean ± std over their networks, of those that were "
                         "judged in one setting. Other kinds and data sets stay apart.")
    by = st.selectbox("Sort by", list(orders), format_func=orders.__getitem__, key="sort", bind="query-params",
                      width=380)
    return group, by, st.toggle("Smallest first", key="rising", bind="query-params")


def _of_runs(every: pd.DataFrame) -> dict[str, Any]:
    """What kind of runs are listed, in the words of `catalogue.filtered`."""
    results = {name for name, declared in KINDS.items() if declared.result}  # runs of other kinds are about these
    tags = sorted({tag for tags in every["tags"] for tag in tags})
    return {
        "kinds": _several("Kind", every, "kind", default=sorted({*every["kind"]} & results, key=tables.kind)),
        "datasets": _several("Data set", every, "dataset"), "methods": _several("Method", every, "method"),
        "tags": st.multiselect("Tags", tags, key="tags", bind="query-params", width=460) if tags else [],
        "finished": st.toggle("Hide failed", value=True, key="hide", bind="query-params",
                              help="Those that failed, were cancelled or interrupted, or cannot be read."),
    }


def _several(label: str, every: pd.DataFrame, column: str, default: Sequence[str] = ()) -> list[str]:
    options = sorted(every[column].dropna().unique())
    return st.multiselect(label, options, default=list(default), key=column, bind="query-params", placeholder="All",
                          format_func=tables.kind if column == "kind" else str, width=460)


def _values(every: pd.DataFrame, asked: Mapping[str, Quantity]) -> tuple[dict[str, Range], dict[str, list[str]]]:
    """(from and to of numbers, the picked words of others)."""
    ranges: dict[str, Range] = {}
    picks: dict[str, list[str]] = {}
    for name, one in asked.items():
        known = every[name].dropna()
        if not one.numeric:
            picks[name] = st.multiselect(one.title, sorted(known.unique()), key=f"is-{name}", bind="query-params",
                                         placeholder="All", width=460)
            continue
        low, high = (f"{end:.4g}" for end in (known.min(), known.max())) if len(known) else ("", "")
        ends = st.columns(2, width=460)
        ranges[name] = (_end(ends[0], one.title, "from", name, low), _end(ends[1], one.title, "to", name, high))
    return ranges, picks


def _end(box: DeltaGenerator, title: str, which: str, name: str, there: str) -> float | None:
    """One end of a range, None while it is open; there: what the runs have."""
    words = box.text_input(f"{title}, {which}", placeholder=there, key=f"{which}-{name}", bind="query-params")
    try:
        return float(words) if words else None
    except ValueError:
        box.caption(f"“{plain(words[:NUMBER])}” is no number; nothing is left out by it.")
        return None


def _tell(every: pd.DataFrame, titles: Mapping[str, str]) -> None:
    """What the address has that is not here; above the table, for the menus are closed."""
    headings = {str(one["label"]) for one in COLUMNS.values()} | set(titles.values())
    address.tell(headings, key="cols", what="column")
    address.tell(_groups(titles).values(), key="group", what="group")
    address.tell(_orders(titles).values(), key="sort", what="order")
    address.tell(titles.values(), key="by", what="filter")
    for column, what in (("kind", "kind of run"), ("dataset", "data set"), ("method", "method")):
        address.tell(map(tables.kind if column == "kind" else str, every[column].dropna().unique()), key=column,
                     what=what)


def _columns(rows: pd.DataFrame, names: Sequence[str], parameters: Mapping[str, Quantity], *,
             grouped: bool) -> dict[str, Any]:
    """How the columns look: those asked for, and what cannot be left out of these rows."""
    state = ["state"] if (~rows["state"].str.startswith("done")).any() else []
    seeds = ["seeds"] if grouped and (rows["seeds"] > 1).any() else []
    pools = ["pools"] if rows["pools"].astype(bool).any() else []
    order = ["run", *(name for name in COLUMNS if name in {*names, *seeds, *pools, *state}),
             *(name for name in parameters if name in names)]
    return {name: COLUMNS[name] if name in COLUMNS else parameter(parameters[name]) for name in order}


def parameter(one: Quantity) -> Any:
    """The column of a parameter: its sign or its label, as wide as that."""
    if one.numeric:
        return _number(one.short, format="%g", help=one.help, width=width(one.short))
    return _text(one.short, help=one.help, width=max(width(one.short), 90))


def width(heading: str) -> int:
    """Of a column of numbers, in pixels: its heading is not cut."""
    return max(54, 24 + 7 * len(heading))
