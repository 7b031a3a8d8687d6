"""All runs: find, follow, stop, continue, name, throw away."""

from __future__ import annotations

import streamlit as st

from ddcore import jobs
from ddcore.experiments import KINDS
from ddcore.params import Config
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord
from pages.components import beside, frame, parts, progress

LEAD = "Everything that was ever computed here. Select a row to see its status and log, to continue it or to tidy up."


def main() -> None:
    with frame.page("Runs", LEAD):
        linked = frame.chosen_run()
        records = frame.store().records()
        if not records:
            st.info("No run yet. Start one on the DataDAM page; the preset *quick* on digits takes seconds.",
                    icon=":material/inbox:")  # fmt: skip
            st.page_link("pages/3_DataDAM.py", label="Go to DataDAM")
        else:
            chosen = table(filtered(records))
            if chosen or linked:
                detail(chosen or linked)  # type: ignore[arg-type]
        trash()


def filtered(records: list[RunRecord]) -> list[RunRecord]:
    find, kinds, states = st.columns([2, 2, 2])
    words = find.text_input("Search", placeholder="name, tag, id, data set", key="runs-search").lower().split()
    kind = kinds.multiselect("Kind", sorted({r.kind for r in records}), placeholder="All kinds", key="runs-kind",
                             format_func=lambda k: KINDS[k].title if k in KINDS else k)  # fmt: skip
    state = states.multiselect("State", sorted({r.state for r in records}), placeholder="All states", key="runs-state")
    return [
        r
        for r in records
        if (not kind or r.kind in kind) and (not state or r.state in state) and all(w in _text(r) for w in words)
    ]


def _text(record: RunRecord) -> str:
    user = record.user or {}
    return " ".join([record.id, tables.title(record), record.name, *user.get("tags", []), user.get("note", "")]).lower()


def table(records: list[RunRecord]) -> RunRecord | None:
    """The table; the record of the selected row."""
    text_column = st.column_config.TextColumn
    shown = tables.runs(records)
    also = [name for name in beside.COLUMNS if (shown[name] != text.NONE).any()]
    event = st.dataframe(
        shown, hide_index=True, width="stretch", on_select="rerun", selection_mode="single-row",
        key="runs-table",
        column_order=["run", "data", "state", "accuracy", *also, *(["majority"] if also else []), "protocol",
                      "time", "created", "tags", "note", "id"],
        column_config={
            **beside.COLUMNS,
            "run": text_column("Run", width=300), "state": text_column("State"),
            "data": text_column("Data", help="The data set and the side of its images; a †: see below the table."),
            "majority": text_column("Majority class", alignment="right", help="Always answering the most frequent "
                                    "class of the test images: a network has to beat that."),
            "accuracy": text_column("Test accuracy", alignment="right", width=150), "protocol": text_column("Protocol"),
            "time": text_column("Time", alignment="right", width=100, help="Wall time of the run."),
            "created": text_column("Started"), "tags": text_column("Tags"), "note": text_column("Note"),
            "id": text_column("Id"),
        },
    )  # fmt: skip
    parts.footnotes(records)
    rows = event["selection"]["rows"]
    return records[rows[0]] if rows and rows[0] < len(records) else None


def detail(record: RunRecord) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            if not record.active:
                progress.badge(record.state)
            st.markdown(f"**{tables.title(record)}**")
            st.caption(f"run `{record.id}` · {text.ago(record.created)}", width="content")
            frame.link(record, "Open its page")
        if record.active:
            progress.follow(record.id)
        elif record.state == "done":
            extend(record)
            progress.log(record.id)
        else:
            progress.stopped(record)
        if record.kind in KINDS:
            parts.parameters(KINDS[record.kind].config(record.name), record)
        if record.demo:
            st.caption("This run ships with the app: it can be looked at, not changed.")
        elif not record.active:
            keep_house(record)


def extend(record: RunRecord) -> None:
    """A finished run goes on: the longer one starts from its last checkpoint."""
    config: type[Config] = KINDS[record.kind].config(record.name)
    if not config.length_param or record.demo:
        return
    p, now = config.param(config.length_param), int(record.config[config.length_param])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        length = st.number_input(
            f"Extend: {p.title}", now + 1, int(p.high or 10**9), 2 * now, key=f"to-{record.id}", width=260,
            help=f"{p.help} Now {now:,}. Goes on from the last checkpoint.",
        )  # fmt: skip
        if st.button("Extend", icon=":material/fast_forward:", key=f"extend-{record.id}"):
            new = jobs.extend(record.id, int(length))
            st.switch_page(frame.page_of(record), query_params={"run": new})


def keep_house(record: RunRecord) -> None:
    user = record.user or {}
    with st.form(f"notes-{record.id}", border=False):
        left, middle, right = st.columns([2, 2, 3])
        name = left.text_input("Name", user.get("name") or "", placeholder=tables.title(record))
        tags = middle.multiselect("Tags", user.get("tags") or [], default=user.get("tags") or [],
                                  accept_new_options=True, placeholder="Type and press Enter")  # fmt: skip
        note = right.text_input("Note", user.get("note") or "")
        if st.form_submit_button("Save", icon=":material/save:"):
            frame.store().annotate(record.id, name=name, tags=list(tags), note=note)
            st.rerun()
    if st.button("Move to trash", icon=":material/delete:", key=f"trash-{record.id}"):
        frame.store().trash(record.id)
        frame.open_run(None)


def trash() -> None:
    trashed = frame.store().trashed()
    if not trashed:
        return
    with st.expander(f"Trash ({len(trashed)})", icon=":material/delete:"):
        for record in trashed:
            words, restore, purge = st.columns([4, 1, 1], vertical_alignment="center")
            words.markdown(f"{tables.title(record)} · `{record.id}`")
            if restore.button("Restore", key=f"restore-{record.id}", width="stretch"):
                frame.store().restore(record.id)
                st.rerun()
            if purge.button("Delete for good", key=f"purge-{record.id}", width="stretch", help="Cannot be undone."):
                frame.store().purge(record.id)
                st.rerun()


main()
