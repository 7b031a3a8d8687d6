"""The run table: find runs, choose those to compare. What is chosen, and how it was found, is in the address."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ddcore.experiments import KINDS
from ddcore.report import catalogue, tables, text, thumbnails
from ddcore.report.compare_runs import MOST, Compared
from ddcore.run_id import RUN_ID
from ddcore.runs.store import RunRecord
from pages.components import frame, housekeeping, images, widgets

if TYPE_CHECKING:
    import pandas as pd

DRAWN = "rows of the run table"  # in the session: the key of the table that was drawn, and the runs of its rows
PER_PAGE = 50  # rows drawn at once: each brings a picture and a curve
ORDER = {
    "created": "Newest", "accuracy": "Accuracy", "ipc": "Images per class", "seconds": "Time", "stored": "Stored size",
    "peak_memory": "Peak memory", "run": "Name", "dataset": "Data set", "method": "Method",
}
GROUPS = {"": "Nothing", "method": "Method", "dataset": "Data set", "ipc": "Images per class", "network": "Network",
          "setting": "Judged on"}
_text, _number = st.column_config.TextColumn, st.column_config.NumberColumn
COLUMNS: dict[str, Any] = {
    "run": _text("Run", width=215, pinned=True),
    "images": st.column_config.ImageColumn("Images", width=208, help="The first image of each of five classes."),
    "accuracy": _number("Accuracy (%)", format="%.1f", width=92, help="Test accuracy, mean over networks; of a set "
                        "by its newest finished evaluation, whose setting is beside it."),
    "std": _number("±", format="%.1f", width=46, help="Standard deviation over networks."),
    "n": _number("n", format="%d", width=40, help="Networks trained and tested."),
    "seeds": _text("Seeds", width=60, help="Runs that differ in their seed alone; “3 of 4”: so many were judged."),
    "loss": st.column_config.LineChartColumn("Loss", width=78, help="The run's loss from its first to its last step."),
    "ipc": _number("IPC", format="%d", width=48, help="Images per class."), "state": _text("State", width=88),
    "setting": _text("Judged on", width=170, help="Network and protocol of the accuracy. Accuracies compare only "
                     "where these are the same."),
    "method": _text("Method"), "dataset": _text("Data set"), "kind": _text("Kind"), "network": _text("Network"),
    "time": _text("Time", width=90, alignment="right", help="Wall time of the run."),
    "memory": _text("Peak memory", width=100, alignment="right"),
    "size": _text("Stored", width=90, alignment="right", help="The set itself, in float32."),
    "started": _text("Started", width=110), "tags": st.column_config.ListColumn("Tags"), "note": _text("Note"),
    "id": _text("Id"),
}
SHOWN = ("images", "accuracy", "std", "n", "seeds", "setting", "loss", "ipc", "state", "time", "started", "tags")


def selected() -> list[RunRecord]:
    """The runs that the address names, those that are here; what is not is said plainly."""
    linked = frame.chosen_run()
    records: list[RunRecord] = [linked] if linked else []
    missing = []
    for run_id in dict.fromkeys(filter(None, ",".join(st.query_params.get_all("runs")).split(","))):
        if not RUN_ID.fullmatch(run_id) or not frame.store().exists(run_id):
            missing.append(run_id[:20])
        elif (record := frame.store().record(run_id)) not in records:
            records.append(record)
    if missing:
        st.warning(f"Not here: {widgets.plain(', '.join(missing))}. It was deleted, or the link comes from another "
                   "machine.", icon=":material/link_off:")
    if len(records) > MOST:
        st.warning(f"{len(records)} runs are more than can be told apart; the first {MOST} are compared.",
                   icon=":material/filter_alt:")
    return records[:MOST]


def select(ids: Sequence[str]) -> None:
    """Put the runs to compare into the address."""
    st.query_params.pop("run", None)  # how other pages link to one run
    if ids:
        st.query_params["runs"] = ",".join(ids)
    else:
        st.query_params.pop("runs", None)


def table(records: Sequence[RunRecord], *, open_: bool = True) -> list[RunRecord]:
    """The table with its filters; the chosen runs after what was clicked in it.

    open_: whether it can be seen; where not, only the filters are drawn, which keep their places in the address.
    """
    every = catalogue.catalogue(frame.store())
    rows, together = _filtered(every)
    left_out = len(every) - sum(map(len, rows["members"]))
    pages = max(1, -(-len(rows) // PER_PAGE))
    number = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    page = rows.iloc[(number - 1) * PER_PAGE : number * PER_PAGE]
    if not open_:
        return list(records)
    # Another table for other rows: a selection counts rows, and must not be carried over to others.
    key = housekeeping.table_key(f"rows-{st.session_state.get('rows-anew', 0)}", page["id"])
    members = list(page["members"])
    was_key, was_members = st.session_state.get(DRAWN, (key, members))
    if was_key != key and (left := st.session_state.get(was_key)):  # a tick in the table before the list changed
        records = _clicked(records, was_members, left["selection"]["rows"])
    st.session_state[DRAWN] = key, members
    shown = set(st.session_state.get("cols", SHOWN)) - (set() if together else {"seeds"})
    event = st.dataframe(
        _drawn(page, shown), hide_index=True, width="stretch", row_height=40, key=key, on_select="rerun",
        selection_mode="multi-row", column_config=COLUMNS, placeholder=text.NONE,
        selection_default={"selection": {"rows": _rows(members, [r.id for r in records])}},
        column_order=["run", *(name for name in COLUMNS if name in shown), "id"],
    )
    more = f"; {left_out:,} more are left out by the filters above" if left_out else ""
    st.caption(f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}{more}. Tick rows to compare them; "
               "a row of several seeds stands for all of them.")
    return _clicked(records, members, event["selection"]["rows"])


def _filtered(every: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """The rows that the filters leave, in order; whether seeds are taken together."""
    find, kind, data, method = st.columns([3, 3, 2, 3], vertical_alignment="bottom")
    words = find.text_input("Search", placeholder="name, tag, note, network, id", key="q", bind="query-params")
    results = {name for name, declared in KINDS.items() if declared.result}  # runs of other kinds are about these
    kinds = _several(kind, "Kind", every, "kind", default=sorted({*every["kind"]} & results, key=tables.kind))
    datasets, methods = _several(data, "Data set", every, "dataset"), _several(method, "Method", every, "method")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        grouped = st.selectbox("Group by", list(GROUPS), format_func=GROUPS.__getitem__, key="group", width=160,
                               bind="query-params", help="Rows of a group stand together.")
        by = st.selectbox("Sort by", list(ORDER), format_func=ORDER.__getitem__, key="sort", width=180,
                          bind="query-params")
        rising = st.toggle("Smallest first", key="rising", bind="query-params")
        together = st.toggle("Seeds together", value=True, key="together", bind="query-params",
                             help="One row for all seeds of a question: mean ± std over their networks.")
        hide = st.toggle("Hide failed", value=True, key="hide", bind="query-params",
                         help="Those that failed, were cancelled or interrupted, or cannot be read.")
        every_tag = sorted({tag for tags in every["tags"] for tag in tags})
        tags = st.multiselect("Tags", every_tag, key="tags", bind="query-params", width=220) if every_tag else []
        with st.popover("Columns", icon=":material/view_column:"):
            st.multiselect("Columns", [name for name in COLUMNS if name not in ("run", "id")], default=list(SHOWN),
                           key="cols", bind="query-params", width=420,
                           format_func=lambda name: str(COLUMNS[name].get("label") or name))
    rows = catalogue.filtered(every, words=words, kinds=kinds, datasets=datasets, methods=methods, tags=tags,
                            finished=hide)
    if together:
        rows = catalogue.seeds_together(rows)
    # Newest and largest first, names from A: what one looks for is on the first page.
    falling = (by not in ("run", "dataset", "method")) != rising
    return catalogue.in_order(rows, by, falling=falling, grouped=grouped), together


def _several(box: Any, label: str, every: pd.DataFrame, column: str, default: Sequence[str] = ()) -> list[str]:
    options = sorted(every[column].dropna().unique())
    return box.multiselect(label, options, default=list(default), key=column, bind="query-params", placeholder="All",
                           format_func=tables.kind if column == "kind" else str)


def _drawn(page: pd.DataFrame, shown: Collection[str]) -> pd.DataFrame:
    """The rows as they are shown, with a picture and a curve for each where these columns are."""
    records = [frame.store().record(run_id) for run_id in page["id"]]
    pngs: list[Any] = [thumbnails.thumbnail(frame.store(), r) if "images" in shown else None for r in records]
    curves: list[Any] = [catalogue.sparkline(r) or None if "loss" in shown else None for r in records]
    seeds = [str(n) if judged in (0, n) else f"{judged} of {n}"
             for n, judged in zip(page["seeds"], page["judged"], strict=True)]
    return page.assign(
        kind=page["kind"].map(tables.kind), seeds=seeds, time=page["seconds"].map(text.duration),
        memory=page["peak_memory"].map(text.bytes_), size=page["stored"].map(text.bytes_),
        started=page["created"].map(text.ago), images=[png and images.data_address(png) for png in pngs], loss=curves,
    )


def _rows(members: Sequence[list[str]], ids: Sequence[str]) -> list[int]:
    return [i for i, each in enumerate(members) if set(each) <= set(ids)]


def _clicked(records: Sequence[RunRecord], members: Sequence[list[str]], rows: Sequence[int]) -> list[RunRecord]:
    """The chosen runs after the ticks in a table of these rows; the address follows."""
    before = [record.id for record in records]
    unticked = {run_id for i in set(_rows(members, before)) - set(rows) for run_id in members[i]}
    after, left_out = [run_id for run_id in before if run_id not in unticked], False
    for i in rows:
        ticked = members[i] if i < len(members) else []
        new = [run_id for run_id in ticked if run_id not in after and frame.store().exists(run_id)]
        if len(after) + len(new) <= MOST:
            after += new
        else:
            left_out = True
    if left_out:
        st.warning(f"At most {MOST} runs can be told apart: not all that is ticked is compared.",
                   icon=":material/filter_alt:")
    if after == before:
        return list(records)
    select(after)
    return [frame.store().record(run_id) for run_id in after]


def legend(runs: Sequence[Compared]) -> None:
    """What is compared: each run's colour, name and state, and a button that leaves it out."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for run in runs:
            with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content"):
                st.markdown(f':color[**●**]{{foreground="{run.colour}"}}', width="content")
                frame.link(run.record, widgets.plain(run.label))
                if st.button("", icon=":material/close:", key=f"out-{run.record.id}", type="tertiary",
                             help="Leave this run out"):
                    _again([other.record.id for other in runs if other is not run])
        if st.button("Clear", icon=":material/clear_all:", key="clear", type="tertiary"):
            _again([])


def _again(ids: Sequence[str]) -> None:
    """Compare these; the table takes its ticks from the address anew."""
    select(ids)
    st.session_state.pop(DRAWN, None)  # its ticks are no longer what is wanted
    st.session_state["rows-anew"] = st.session_state.get("rows-anew", 0) + 1
    st.rerun()
