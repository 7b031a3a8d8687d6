"""Course: who uses what, the queue, slots, disk and audit log, for whoever looks after a hosted workbench."""

from collections.abc import Mapping, Sequence

import streamlit as st

from ddcore.hosting import quotas
from ddcore.hosting.rights import RIGHTS
from ddcore.jobs import drain, health, oversight
from ddcore.jobs.oversight import Use
from ddcore.report import oversight as words
from ddcore.report import text
from ddcore.runs.store import RunRecord
from pages.components import frame, housekeeping, table, widgets

LEAD = """
Who uses what, what waits, and what was done. Tick a person to allow them more, or to cancel all that they asked for.
"""
EVERYBODY, EVERY_DEED = "Everybody", "Every deed"
MOST_LINES = 500  # of the log
_text, _number = st.column_config.TextColumn, st.column_config.NumberColumn
PEOPLE = {
    "person": _text("Person", width=170), "role": _text("Role", width=80), "seen": _text("Last here", width=110),
    "waiting": _text("Waiting", alignment="right", help="Runs that wait for a slot."),
    "working": _text("Working", alignment="right", help="Runs that compute now."),
    "done": _number("Done", format="localized", help="Finished runs that they asked for."),
    "today": _text("GPU min, 24 h", alignment="right", help="Minutes that their runs held a slot in the last 24 hours; "
                   "what several wait for is shared among them."),
    "lately": _number("Lately", format="localized", help="GPU minutes by which turns are taken: old ones count less."),
    "disk": _text("Disk", alignment="right", help="Of their runs, those in the trash too, and data sets; what several "
                  "own is shared among them."),
    "datasets": _text("Data sets", alignment="right"), "email": _text("E-mail"), "id": _text("Id"),
}
CARD = ("person", "role", "seen", "waiting", "working", "done", "today", "disk")
QUEUE = {"run": _text("Run", width=330), "people": _text("Who waits for it", width=220), "state": _text("State"),
         "place": _text("Place"), "id": _text("Id")}
SLOTS = {"slot": _text("Slot"), "run": _text("Works on", width=330), "runner": _text("Runner")}
LOG = {"when": _text("When", width=165), "who": _text("Who", width=150), "role": _text("Role", width=80),
       "deed": _text("Deed", width=100), "what": _text("To what", width=260), "outcome": _text("Outcome", width=280),
       "who_id": _text("Id of who"), "what_id": _text("Id of what")}


def main() -> None:
    with frame.page("Course", LEAD):
        uses, records = oversight.uses(), frame.store().by_id()
        now(uses)
        people(uses)
        queue(records)
        log(uses, records)
        housekeeping.disk()


def now(uses: Sequence[Use]) -> None:
    """How full it is at the moment, and the switch of the queue."""
    told = health.health()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        st.metric("Working", f"{told['queue']['working']} of {len(told['slots'])}", width="content",
                  help="Slots that compute: one for each GPU, or one for the CPU.")
        st.metric("Waiting", f"{told['queue']['waiting']:,}", width="content")
        st.metric("GPU minutes, 24 h", f"{sum(use.today for use in uses) / 60:,.0f}", width="content")
        st.metric("Disk free", text.bytes_((told["disk"] or {}).get("free_bytes")), width="content")
        st.space("stretch")
        if drain.draining():
            if st.button("Let the queue go on", icon=":material/play_arrow:", type="primary", key="go-on"):
                drain.go_on()
                st.rerun()
        elif st.button("Let the queue run empty", icon=":material/pause:", key="drain",
                       help="What works is finished, and nothing new begins. Everybody is told."):
            drain.drain()
            st.rerun()
    for problem in told["problems"]:
        st.warning(problem, icon=":material/warning:")
    housekeeping.retention()


def people(uses: Sequence[Use]) -> None:
    """The table of people, and below it what can be done for the one that is ticked."""
    st.header("People", anchor=False)
    ticked = table.choosable(
        words.people(uses), key=housekeeping.table_key("course-people", (use.person.id for use in uses)),
        column_config=PEOPLE, column_order=list(PEOPLE), card=CARD,
    )
    if len(ticked) == 1:
        person(uses[ticked[0]])
    elif ticked:
        st.caption("Tick one person to change what they may use.")


def person(use: Use) -> None:
    """What one person may use, to be changed, and the end of all that they asked for."""
    one = use.person
    with st.container(border=True):
        st.subheader(widgets.plain(words.called(one)), anchor=False)
        if not quotas.limited(one):
            st.caption(f"There are no limits for a {one.role}.")
        else:
            allowance(use)
        with st.popover("Cancel all", icon=":material/cancel:", disabled=not (use.waiting or use.working)):
            runs, name = widgets.runs(use.waiting + use.working), widgets.plain(words.called(one))
            st.markdown(f"Cancel {runs} of **{name}**? What somebody else waits for goes on.")
            if st.button("Cancel all", type="primary", key=f"cancel-all-{one.id}"):
                number = oversight.cancel_all(one.id)
                st.toast(f"{widgets.runs(number)} cancelled.", icon=":material/cancel:")
                st.rerun()


def allowance(use: Use) -> None:
    """A field for each limit; those that a teacher allowed say so."""
    with st.form(f"quota-{use.person.id}", border=False):
        columns = [*st.columns(3), *st.columns(3)]
        given = {}
        for column, (name, label) in zip(columns, words.LIMITS.items(), strict=True):
            whole = quotas.TYPES[name] is int
            value, kind = getattr(use.quota, name), int if whole else float
            mark = " (allowed)" if name in use.allowed else ""
            given[name] = column.number_input(
                f"{label}{mark}", kind(0), None, kind(value), kind(1), format="%d" if whole else "%g",
                key=f"quota-{use.person.id}-{name}", help="0: no limit.")
        with st.container(horizontal=True):
            if st.form_submit_button("Save", icon=":material/save:"):
                _allow(use, {name: value for name, value in given.items() if value != getattr(use.quota, name)})
            if st.form_submit_button("As in the settings", disabled=not use.allowed):
                _allow(use, dict.fromkeys(use.allowed))


def _allow(use: Use, changes: Mapping[str, float | None]) -> None:
    for name, value in changes.items():
        quotas.allow(use.person.id, name, value)
    for name in words.LIMITS:
        st.session_state.pop(f"quota-{use.person.id}-{name}", None)
    st.rerun()


def queue(records: Mapping[str, RunRecord]) -> None:
    """What works and waits, for whom, and the slots."""
    st.header("Queue", anchor=False)
    if places := oversight.queue():
        table.dataframe(words.queue(places, records), column_config=QUEUE, column_order=list(QUEUE),
                        card=["run", "people", "state", "place"])
    else:
        st.caption("Nothing works and nothing waits.")
    table.dataframe(words.slots(oversight.slot_uses(), records), column_config=SLOTS)


def log(uses: Sequence[Use], records: Mapping[str, RunRecord]) -> None:
    """The audit log, newest first."""
    st.header("Log", anchor=False)
    names = {use.person.id: words.called(use.person) for use in uses} | {"machine": "the machine's own user"}
    left, right = st.columns(2)
    who = left.selectbox("Person", ["", *names], format_func=lambda one: names.get(one, EVERYBODY), key="course-who")
    deed = right.selectbox("Deed", ["", *sorted(RIGHTS)], format_func=lambda one: one or EVERY_DEED, key="course-deed")
    lines = oversight.log(who, deed, MOST_LINES)
    if not lines:
        st.caption("Nothing was done yet." if not (who or deed) else "Nothing like this was done yet.")
        return
    table.dataframe(words.log(lines, records), column_config=LOG, column_order=list(LOG),
                    card=["what", "when", "who", "deed", "outcome"])


main()
