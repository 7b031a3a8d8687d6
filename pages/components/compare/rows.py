"""The run table: find runs, choose those to compare. What is chosen, and how it was found, is in the address."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from ddcore.report import catalogue, tables, text, thumbnails
from ddcore.report.compare_figures import SYMBOLS, mark
from ddcore.report.compare_runs import Compared
from ddcore.run_id import RUN_ID
from ddcore.runs.store import RunRecord
from pages.components import frame, housekeeping, images, widgets
from pages.components.compare import toolbar
from pages.components.table import card, in_words

if TYPE_CHECKING:
    import pandas as pd

# In the session: the key of the table that was drawn, the runs of its rows, and those that were ticked at first.
DRAWN = frame.session_key("Compare", "table")
BOX = "table"  # in the session: whether the table is unfolded
HERE = frame.session_key("Compare", "here")  # in the session: whether this page was drawn since another one was
TICKED = 100  # runs at once: so many ids fit an address, and a chart of effects; other sections show the first MOST
PER_PAGE = 50  # rows drawn at once: each brings a picture and a curve
PER_PAGE_NARROW = 8  # of these, cards with a tick drawn at once


def selected() -> list[RunRecord]:
    """The runs that the address names, those that are here; what is not is said plainly."""
    linked = frame.chosen_run()
    records: list[RunRecord] = [linked] if linked else []
    missing = []
    for run_id in _named("runs"):
        if not RUN_ID.fullmatch(run_id) or not frame.store().exists(run_id):
            missing.append(run_id[:40])
        elif (record := frame.store().record(run_id)) not in records:
            records.append(record)
    if missing:
        st.warning(f"Not here: {widgets.plain(', '.join(missing))}. It was deleted, or the link comes from another "
                   "machine.", icon=":material/link_off:")
    if len(records) > TICKED:
        st.warning(f"{len(records)} runs are more than can be compared; the first {TICKED} are.",
                   icon=":material/filter_alt:")
    return records[:TICKED]


def _named(*keys: str) -> list[str]:
    """The ids in the address, under these keys; under every one where none is given."""
    lists = ",".join(value for key in keys or ("run", "runs") for value in st.query_params.get_all(key))
    return list(dict.fromkeys(filter(None, lists.split(","))))


def arrive(records: Sequence[RunRecord]) -> None:
    """Open the table for who comes to choose, fold it for who follows a link to a comparison."""
    if not st.session_state.get(HERE):
        st.session_state[HERE], st.session_state[BOX] = True, not records


def select(ids: Sequence[str]) -> None:
    """Put the runs to compare into the address."""
    st.query_params.pop("run", None)  # how other pages link to one run
    if ids:
        st.query_params["runs"] = ",".join(ids)
    else:
        st.query_params.pop("runs", None)


def ready() -> None:
    """Selections that one may want to see first, one click each."""
    if offered := catalogue.selections(frame.store()):
        with st.container(horizontal=True, vertical_alignment="center", key="ready"):
            st.caption("Ready to compare:", width="content")
            for name, ids in offered.items():
                st.button(f"{name} ({len(ids)})", key=f"ready-{name}", icon=":material/compare:", on_click=compare,
                          args=(ids,))


def table(records: Sequence[RunRecord], *, open_: bool = True) -> list[RunRecord]:
    """The table with its toolbar; the chosen runs after what was clicked in it.

    open_: whether it can be seen; where not, only the toolbar is drawn, whose parts keep their places in the address.
    """
    every = catalogue.catalogue(frame.store())
    view = toolbar.toolbar(every)
    rows = view.rows
    pages = max(1, -(-len(rows) // PER_PAGE))
    number = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    page = rows.iloc[(number - 1) * PER_PAGE : number * PER_PAGE]
    if not open_:
        st.session_state.pop(DRAWN, None)  # its ticks are those of the address when it opens again
        return list(records)
    # Another table for other rows: a selection counts rows, and must not be carried over to others.
    key = housekeeping.table_key(f"rows-{st.session_state.get('rows-anew', 0)}", page["id"])
    members = list(page["members"])
    was_key, was_members, first = st.session_state.get(DRAWN, (key, members, None))
    if was_key != key and (left := st.session_state.get(was_key)):  # a tick in the table before the list changed
        records = _clicked(records, was_members, left["selection"]["rows"])
    elif left := st.session_state.get(key):  # a tick in this table: what stands above it tells of it already
        records = _clicked(records, members, left["selection"]["rows"])
    if was_key != key or first is None:  # another beginning would be another table, which loses a tick under way
        first = _rows(members, [record.id for record in records])
    st.session_state[DRAWN] = key, members, first
    _bar(records, [run_id for each in rows["members"] for run_id in each],
         f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}", view.left_out)
    drawn = _drawn(page, set(view.columns))
    words, columns = in_words(drawn, view.columns, view.columns)
    with st.container(key=f"wide-{key}"):
        event = st.dataframe(
            words, hide_index=True, width="stretch", row_height=40, key=key, on_select="rerun",
            selection_mode="multi-row", column_config=columns, placeholder=text.NONE,
            selection_default={"selection": {"rows": first}},
            column_order=list(view.columns),
        )
    records = _clicked(records, members, event["selection"]["rows"])
    with st.container(key=f"narrow-{key}", gap="small"):
        _cards(drawn, view.columns, [record.id for record in records], key)
    return records


def _cards(drawn: pd.DataFrame, columns: Mapping[str, Any], ids: Sequence[str], key: str) -> None:
    """The rows as cards with a tick, for a narrow screen; some at a time."""
    pages = max(1, -(-len(drawn) // PER_PAGE_NARROW))
    number = st.pagination(pages, key=f"cards-{key}", max_visible_pages=5) if pages > 1 else 1
    for row in drawn.iloc[(number - 1) * PER_PAGE_NARROW : number * PER_PAGE_NARROW].to_dict("records"):
        on = set(row["members"]) <= set(ids)
        # Another box once it is ticked, so that it shows what the address says and not what it showed before.
        box = f"card-{key}-{row['id']}-{on}"
        tick = partial(st.checkbox, value=on, key=box, on_change=toggle, args=(box, row["members"], on))
        card({str(name): value for name, value in row.items()}, columns, tick)


def toggle(box: str, members: Sequence[str], drawn: bool) -> None:
    """Take the runs of a row into the comparison, or out of it; box: the key of its tick, drawn: how that was drawn.

    Streamlit calls this also for a box that is gone and that nobody touched, where another tick comes while the page
    is being drawn.
    """
    if bool(st.session_state.get(box, drawn)) == drawn:
        return
    others = [run_id for run_id in _named() if run_id not in members]
    _anew(others if drawn else [*others, *members][:TICKED])


def _bar(records: Sequence[RunRecord], listed: Sequence[str], rows: str, left_out: str) -> None:
    """What to do with the ticked rows; at the right only words, for there the table's own tools appear.

    listed: the runs of all rows on all pages; left_out: how many are not among them, and why.
    """
    number = len(records)
    label = f"Compare {widgets.runs(number)}" if number else "Compare"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(label, key="compare", type="primary", icon=":material/compare:", disabled=not number, on_click=fold)
        if others := set(listed) - {record.id for record in records}:
            st.button(f"Tick all {len(listed):,}", icon=":material/select_all:", key="all", type="tertiary",
                      disabled=number + len(others) > TICKED, on_click=_anew, args=(_with(records, listed),),
                      help=f"All runs that the filter leaves, on every page, at most {TICKED}.")
        if number:
            _clear()
        if left_out:
            st.button("Show all", key="show-all", type="tertiary", icon=":material/filter_alt_off:",
                      on_click=toolbar.show_all, help="Takes search and filter away.")
        st.caption(f"{rows}{f'; not listed: {left_out}' if left_out else ''}. Tick rows to compare them.",
                   width="content")


def _with(records: Sequence[RunRecord], listed: Sequence[str]) -> list[str]:
    """The ids of the chosen runs, then of the listed ones that are not."""
    return list(dict.fromkeys([*(record.id for record in records), *listed]))


def _clear() -> None:
    st.button("Clear", icon=":material/clear_all:", key="clear", type="tertiary", on_click=compare, args=([],))


def fold() -> None:
    """Fold the table away, with its ticks: the comparison moves to the top."""
    st.session_state[BOX] = False


def _drawn(page: pd.DataFrame, shown: Collection[str]) -> pd.DataFrame:
    """The rows as they are shown, with a picture and a curve for each where these columns are."""
    records = [frame.store().record(run_id) for run_id in page["id"]]
    pngs: list[Any] = [thumbnails.thumbnail(frame.store(), r) if "images" in shown else None for r in records]
    curves: list[Any] = [catalogue.sparkline(r) or None if "loss" in shown else None for r in records]
    seeds = [str(n) if judged in (0, n) else f"{judged} of {n}"
             for n, judged in zip(page["seeds"], page["judged"], strict=True)]
    return page.assign(
        kind=page["kind"].map(tables.kind), seeds=seeds, started=page["created"].map(text.ago),
        images=[png and images.data_address(png) for png in pngs], loss=curves,
        setting=[f"{catalogue.ELSEWHERE} {setting}" if elsewhere else setting
                 for setting, elsewhere in zip(page["setting"], page["elsewhere"], strict=True)],
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
        if len(after) + len(new) <= TICKED:
            after += new
        else:
            left_out = True
    if left_out:
        st.warning(f"At most {TICKED} runs can be compared: not all that is ticked is.",
                   icon=":material/filter_alt:")
    if after == before:
        return list(records)
    select(after)
    return [frame.store().record(run_id) for run_id in after]


def legend(runs: Sequence[Compared], records: Sequence[RunRecord]) -> None:
    """What is compared: each run's colour and name, and a button that leaves it out; records: with those beyond."""
    colours = {run.label: run.colour for run in runs}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for run in runs:
            letter = SYMBOLS[mark(run.label, colours)]
            with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content"):
                st.markdown(f':color[**{letter}**]{{foreground="{run.colour}"}}', width="content")
                frame.link(run.record, widgets.plain(run.label))
                others = [record.id for record in records if record.id != run.record.id]
                st.button("", icon=":material/close:", key=f"out-{run.record.id}", type="tertiary", on_click=compare,
                          args=(others,), help=f"Leave out {widgets.plain(run.label)}")
        if more := len(records) - len(runs):
            st.caption(f"and {more} more, which only Effects shows", width="content")
        _clear()


def compare(ids: Sequence[str]) -> None:
    """Compare these; the table takes its ticks from the address anew, and is open where there are none."""
    _anew(ids)
    st.session_state[BOX] = not ids


def _anew(ids: Sequence[str]) -> None:
    select(ids)
    st.session_state.pop(DRAWN, None)  # its ticks are no longer what is wanted
    st.session_state["rows-anew"] = st.session_state.get("rows-anew", 0) + 1
