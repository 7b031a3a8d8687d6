"""All runs: find, follow, stop, continue, name, throw away."""

from collections.abc import Mapping, Sequence

import streamlit as st

from ddcore import jobs
from ddcore.experiments import KINDS
from ddcore.report import catalogue, overview, tables, text
from ddcore.report.catalogue import STOPPED
from ddcore.report.overview import Row
from ddcore.runs.store import RunRecord, parts
from ddcore.summary import BESIDE
from pages.components import evaluation_details, frame, housekeeping, progress, run_page, table, whose, widgets
from pages.components.allowed import control
from pages.components.markdown import called

LEAD = """
Everything that was ever computed here. Tick a run to see its evaluations, status and log, to continue or to name it;
tick several to compare, tag, download or put them away together.
"""
INSIDE = " and ".join(f"{kind.title}s" for kind in KINDS.values() if kind.shown_with)  # "Evaluations"
_text_column = st.column_config.TextColumn
COLUMNS = {
    **evaluation_details.COLUMNS, "run": _text_column("Run", width=390), "state": _text_column("State"),
    "data": _text_column("Data", help="The data set and the side of its images; a †: see below the table."),
    "majority": _text_column("Majority class", alignment="right", help="Always answering the most frequent class of "
                             "the test images: a network has to beat that."),
    "accuracy": _text_column("Test accuracy", alignment="right", width=140, help="Of a set the newest on the network "
                             "and by the protocol that judged most sets of its data; ‡: of another, told beside it."),
    "judged": _text_column("Judged on", width=215, help="Network and protocol of the accuracy. Accuracies "
                           "compare only where these are the same."),
    "inside": _text_column(INSIDE, width=105, help="Of this run. Tick it to see them."),
    "time": _text_column("Time", alignment="right", width=100, help="Wall time of the run."),
    "created": _text_column("Started"), "whose": _text_column("Asked by"), "tags": _text_column("Tags"),
    "note": _text_column("Note"), "id": _text_column("Id"),
}
JUDGED_ON = {"judged": {**COLUMNS["judged"], "width": 300}}  # in full, where no column counts what is inside
CARD = ("run", "accuracy", "judged", "inside", "state", "created", "whose", "tags", "note")
ALSO_HIDDEN = "And cancelled and interrupted ones, and those that cannot be read."


def main() -> None:
    with frame.page("Runs", LEAD):
        with st.container():  # a place of its own: what comes and goes here must not close what is open below
            housekeeping.message()
        linked = frame.chosen_run()
        records = frame.store().records()
        unlisted = [kind for kind in parts() if frame.store().has_finished(kind)]
        if not records and not unlisted:
            widgets.nothing_yet()
        else:
            rows = filtered(records, unlisted)
            ticked = listed(rows)
            if private := overview.unnamed(jobs.hidden()):
                st.caption(private)
            housekeeping.opened(ticked)
            with st.container(), frame.guarded():  # what is odd about one run must not hide the trash
                if len(ticked) > 1:
                    housekeeping.bulk(ticked)
                elif run := next(iter(ticked), linked):
                    detail(run, overview.inside(run, records))
        housekeeping.bring()
        housekeeping.trash()
        housekeeping.disk()


def filtered(records: list[RunRecord], unlisted: list[str]) -> list[Row]:
    """The runs that the filters leave; unlisted: kinds that are there and join the others where they are asked for.

    A kind that is shown with other runs has rows of its own where it is asked for too.
    """
    find, kind, state, switches = st.columns([2, 2, 2, 1.4], vertical_alignment="bottom")
    words = find.text_input("Search", placeholder="name, tag, id, data set", key="runs-search").lower().split()
    inside = {r.kind for r in records if overview.shown_with(r)}
    left_out = sorted(tables.kind(name) for name in inside.union(unlisted))
    kinds = kind.multiselect(
        "Kind", sorted({r.kind for r in records}.union(unlisted)), key="runs-kind", format_func=tables.kind,
        placeholder="All kinds", help=f"Only where asked for: {', '.join(left_out)}." if left_out else None,
    )
    joined = [r for name in unlisted if name in kinds for r in frame.store().records(name)]
    records = [*records, *joined]
    states = state.multiselect("State", sorted({r.state for r in records}), placeholder="All states", key="runs-state")
    with switches:
        mine = whose.switch()
        hidden = STOPPED if st.toggle("Hide failed", key="runs-hide", help=ALSO_HIDDEN) else ()
    people = whose.names(r.id for r in records) if words else {}
    return [
        row for row in overview.rows(records, kinds, None if joined else frame.store().kept(catalogue.judged))
        if (not kinds or row.record.kind in kinds) and (not states or row.states & {*states})
        and row.record.state not in hidden and any(whose.among(r.id, mine) for r in (row.record, *row.inside))
        and all(word in _text(row, people) for word in words)
    ]


def _text(row: Row, people: Mapping[str, str]) -> str:
    """What is searched: also what is inside is found, by its id and tags. people: who asked for a run."""
    r = row.record
    inside = (word for one in row.inside for word in (one.id, *one.user["tags"]))
    return " ".join([r.id, tables.title(r), r.name, *r.user["tags"], r.user["note"], people.get(r.id, ""),
                     *inside]).lower()


def listed(rows: list[Row]) -> list[RunRecord]:
    """The table; the records of the rows that are ticked. It is drawn anew when a run in it starts or ends."""
    records = [row.record for row in rows]
    active = {r.id: r for row in rows for r in (row.record, *row.inside) if r.active}
    under_way = jobs.list_jobs() if active else []
    if active:
        st.fragment(_watch, run_every=progress.POLL_SECONDS)({run_id: status.state for run_id, status in under_way})
    shown = overview.table(rows, overview.waits(under_way, active))
    if whose.here():
        people = whose.names(r.id for r in records)
        shown["whose"] = [people.get(r.id, text.NONE) for r in records]
    also = [name for name in BESIDE if (shown[name] != text.NONE).any()]
    st.caption(widgets.runs(len(rows)))  # the table's own buttons come up over this line and over no filter
    ticked = table.choosable(
        shown, key=housekeeping.table_key("runs-table", (record.id for record in records)), column_config=COLUMNS,
        column_order=["run", "state", "accuracy", "judged", "inside", *also, *(["majority"] if also else []), "data",
                      "time", "created", "whose", "tags", "note", "id"],
        card=CARD,
    )
    widgets.footnotes(records)
    widgets.judged_elsewhere(row.judge for row in rows if row.judge)
    return [records[number] for number in ticked]


@frame.guarded()
def _watch(states: dict[str, str]) -> None:
    """Nothing to see: it waits until a run starts or ends."""
    if {run_id: status.state for run_id, status in jobs.list_jobs()} != states:
        st.rerun()


def detail(record: RunRecord, inside: Sequence[RunRecord] = ()) -> None:
    """A run in whatever state, with what is shown with it."""
    kind = record.declared
    with st.container(border=True):
        header(record)
        progress.show(record, run_page.extend)
        if inside:
            within(inside)
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


def within(records: Sequence[RunRecord]) -> None:
    """What is shown with a run, as its evaluations are; a ticked one opens below."""
    st.header(INSIDE, anchor=False)
    waits = overview.waits(jobs.list_jobs(), {r.id: r for r in records}) if any(r.active for r in records) else {}
    ticked = table.choosable(
        overview.table([Row(r, judge=r) for r in records], waits), column_config=COLUMNS | JUDGED_ON,
        key=housekeeping.table_key("inside", (r.id for r in records)),
        column_order=["run", "state", "accuracy", "judged", "time", "created", "tags", "note", "id"], card=CARD,
    )
    if len(ticked) > 1:
        housekeeping.bulk([records[number] for number in ticked])
    elif ticked:
        detail(records[ticked[0]])


def header(record: RunRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if not record.active:
            progress.badge(record)
        st.markdown(f"**{called(record)}**")
        st.caption(f"run {widgets.plain(record.id)} · {text.ago(record.created)}{whose.told(record.id)}",
                   width="content")
        housekeeping.origin(record)
        if record.state != "broken":
            frame.link(record, "Open its page")


def keep_house(record: RunRecord) -> None:
    """Name, tags, note, a file to take away, the trash: as far as this run allows it."""
    own = not record.demo and not record.active
    if own and record.state != "broken":
        annotate(record)
    with st.container(horizontal=True):
        housekeeping.share(record)
        if record.state == "done":
            housekeeping.download([record])
        if own and st.button("Move to trash", icon=":material/delete:", key=f"trash-{record.id}",
                             **control("trash", record.id)):
            housekeeping.put_away([record.id])
    if own and record.declared and record.declared.part_kind:
        st.caption("Its trials stay, so that the same search is answered at once. To put them away too, choose their "
                   f"kind above, *{tables.kind(record.declared.part_kind)}*, and tick all.")


def annotate(record: RunRecord) -> None:
    user = record.user
    with st.form(f"notes-{record.id}", border=False):
        left, middle, right = st.columns([2, 2, 3])
        may = {deed: control(deed, record.id) for deed in ("rename", "tag", "note")}
        name = left.text_input("Name", user["name"], placeholder=tables.title(record), **may["rename"])
        tags = middle.multiselect("Tags", user["tags"], default=user["tags"], accept_new_options=True,
                                  placeholder="Type and press Enter", **may["tag"])
        note = right.text_input("Note", user["note"], **may["note"])
        off = next((one for one in may.values() if not one["disabled"]), may["rename"])
        if st.form_submit_button("Save", icon=":material/save:", **off):
            frame.store().annotate(record.id, name=name if name != user["name"] else None,
                                   note=note if note != user["note"] else None)
            if {*tags} != {*user["tags"]}:
                frame.store().retag(record.id, add={*tags} - {*user["tags"]}, remove={*user["tags"]} - {*tags})
            st.rerun()


main()
