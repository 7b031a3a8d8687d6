"""All runs: find, follow, stop, continue, name, throw away."""

import streamlit as st

from ddcore import jobs
from ddcore.report import tables, text
from ddcore.report.catalogue import STOPPED
from ddcore.runs import packing
from ddcore.runs.store import RunRecord, parts
from ddcore.summary import BESIDE
from pages.components import evaluation_details, frame, housekeeping, progress, table, widgets
from pages.components.markdown import called

LEAD = """
Everything that was ever computed here. Tick a row to see its status and log, to continue it or to name it; tick several
to compare, tag, download or put them away together.
"""
_text_column = st.column_config.TextColumn
COLUMNS = {
    **evaluation_details.COLUMNS, "run": _text_column("Run", width=300), "state": _text_column("State"),
    "data": _text_column("Data", help="The data set and the side of its images; a †: see below the table."),
    "majority": _text_column("Majority class", alignment="right", help="Always answering the most frequent class of "
                             "the test images: a network has to beat that."),
    "accuracy": _text_column("Test accuracy", alignment="right", width=150), "protocol": _text_column("Protocol"),
    "time": _text_column("Time", alignment="right", width=100, help="Wall time of the run."),
    "created": _text_column("Started"), "tags": _text_column("Tags"), "note": _text_column("Note"),
    "id": _text_column("Id"),
}
ALSO_HIDDEN = "And cancelled and interrupted ones, and those that cannot be read."


def main() -> None:
    with frame.page("Runs", LEAD):
        with st.container():  # a place of its own: what comes and goes here must not close what is open below
            housekeeping.message()
        linked = frame.chosen_run()
        records = frame.store().records()
        unlisted = [kind for kind in parts() if frame.store().finished(kind)]
        if not records and not unlisted:
            widgets.nothing_yet()
        else:
            ticked = overview(filtered(records, unlisted))
            housekeeping.opened(ticked)
            with st.container(), frame.guarded():  # what is odd about one run must not hide the trash
                if len(ticked) > 1:
                    housekeeping.bulk(ticked)
                elif run := next(iter(ticked), linked):
                    detail(run)
        housekeeping.bring()
        housekeeping.trash()
        housekeeping.disk()


def filtered(records: list[RunRecord], unlisted: list[str]) -> list[RunRecord]:
    """The runs that the filters leave; unlisted: kinds that are there and join the others where they are asked for."""
    find, kind, state, hide = st.columns([2, 2, 2, 1.4], vertical_alignment="bottom")
    words = find.text_input("Search", placeholder="name, tag, id, data set", key="runs-search").lower().split()
    kinds = kind.multiselect("Kind", sorted({r.kind for r in records}.union(unlisted)), key="runs-kind",
                             placeholder="All but trials" if unlisted else "All kinds", format_func=tables.kind)
    records = [*records, *(r for name in unlisted if name in kinds for r in frame.store().records(name))]
    states = state.multiselect("State", sorted({r.state for r in records}), placeholder="All states", key="runs-state")
    hidden = STOPPED if hide.toggle("Hide failed", key="runs-hide", help=ALSO_HIDDEN) else ()
    return [
        r for r in records
        if (not kinds or r.kind in kinds) and (not states or r.state in states) and r.state not in hidden
        and all(word in _text(r) for word in words)
    ]


def _text(r: RunRecord) -> str:
    return " ".join([r.id, tables.title(r), r.name, *r.user["tags"], r.user["note"]]).lower()


def overview(records: list[RunRecord]) -> list[RunRecord]:
    """The table; the records of the selected rows."""
    shown = tables.runs(records)
    for row, record in enumerate(records):
        if record.state == "broken":  # it has no name but its folder's, and nothing to tell but what is wrong with it
            shown.loc[row, ["run", "note"]] = record.id, record.problem
        elif packing.imported(record.folder):
            shown.loc[row, "state"] = f"{tables.state(record)} (imported)"
    also = [name for name in BESIDE if (shown[name] != text.NONE).any()]
    rows = table.choosable(
        shown, key=housekeeping.table_key("runs-table", (record.id for record in records)), column_config=COLUMNS,
        column_order=["run", "data", "state", "accuracy", *also, *(["majority"] if also else []), "protocol",
                      "time", "created", "tags", "note", "id"],
        card=["run", "accuracy", "state", "protocol", "created", "tags", "note"],
    )
    widgets.footnotes(records)
    return [records[row] for row in rows]


def detail(record: RunRecord) -> None:
    kind = record.declared
    with st.container(border=True):
        header(record)
        progress.show(record, extend)
        if record.state == "done":
            progress.log(record.id)
        if kind:
            widgets.parameters(kind.config(record.name), record)
        elif record.state != "broken":
            what = widgets.plain(f"{record.kind} {record.name}")
            st.caption(f"This version of the app knows no {what}, so this run can be kept and nothing more.")
        if record.demo:
            st.caption("This run ships with the app: it can be looked at, not changed.")
        keep_house(record)


def header(record: RunRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if not record.active:
            progress.badge(record)
        st.markdown(f"**{called(record)}**")
        st.caption(f"run {widgets.plain(record.id)} · {text.ago(record.created)}", width="content")
        housekeeping.origin(record)
        if record.state != "broken":
            frame.link(record, "Open its page")


def extend(record: RunRecord) -> None:
    """A finished run goes on: the longer one starts from its last checkpoint."""
    if record.declared is None or record.info.get("length") is None or record.demo:
        return
    config = record.declared.config(record.name)
    p, now = config.param(config.length_param), int(record.config[config.length_param])
    if now >= (most := int(p.high or 10**9)):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        length = st.number_input(
            f"Extend: {p.title}", now + 1, most, min(2 * now, most), key=f"to-{record.id}", width=260,
            help=f"{p.help} Now {now:,}. The longer run goes on where this one ended.",
        )
        if st.button("Extend", icon=":material/fast_forward:", key=f"extend-{record.id}"):
            new = jobs.extend(record.id, int(length))
            st.switch_page(frame.page_of(record).page(), query_params={"run": new})


def keep_house(record: RunRecord) -> None:
    """Name, tags, note, a file to take away, the trash: as far as this run allows it."""
    own = not record.demo and not record.active
    if own and record.state != "broken":
        annotate(record)
    with st.container(horizontal=True):
        if record.state == "done":
            housekeeping.download([record])
        if own and st.button("Move to trash", icon=":material/delete:", key=f"trash-{record.id}"):
            housekeeping.put_away([record.id])
    if own and record.declared and record.declared.part_kind:
        st.caption("Its trials stay, so that the same search is answered at once. To put them away too, choose their "
                   f"kind above, *{tables.kind(record.declared.part_kind)}*, and tick all.")


def annotate(record: RunRecord) -> None:
    user = record.user
    with st.form(f"notes-{record.id}", border=False):
        left, middle, right = st.columns([2, 2, 3])
        name = left.text_input("Name", user["name"], placeholder=tables.title(record))
        tags = middle.multiselect("Tags", user["tags"], default=user["tags"], accept_new_options=True,
                                  placeholder="Type and press Enter")
        note = right.text_input("Note", user["note"])
        if st.form_submit_button("Save", icon=":material/save:"):
            frame.store().annotate(record.id, name=name, note=note)
            frame.store().retag(record.id, add={*tags} - {*user["tags"]}, remove={*user["tags"]} - {*tags})
            st.rerun()


main()
