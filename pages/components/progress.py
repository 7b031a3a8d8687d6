"""A run while it waits, runs, and when it has failed: progress, ETA, live curves, cancel, reason and log."""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from ddcore import jobs
from ddcore.jobs.job import cancel_reason
from ddcore.report import overview, sanity, text, turns
from ddcore.runs.state import CANCELLED
from ddcore.runs.store import RunRecord
from pages.components import frame
from pages.components.allowed import control
from pages.components.markdown import called, plain

POLL_SECONDS = 2.5
RESUME = "Goes on from the last checkpoint, afresh if there is none; so does what was asked with it."
STATES = {
    "queued": ("Waiting", "gray", ":material/hourglass_empty:"), "failed": ("Failed", "red", ":material/error:"),
    "running": ("Running", "blue", ":material/play_arrow:"), "done": ("Done", "green", ":material/check_circle:"),
    "cancelling": ("Stopping", "orange", ":material/stop_circle:"),
    "cancelled": ("Cancelled", "gray", ":material/cancel:"), "broken": ("Unreadable", "red", ":material/broken_image:"),
    "interrupted": ("Interrupted", "orange", ":material/power_off:"),
    sanity.WARNED: ("Done, with a warning", "orange", ":material/warning:"),
}


def state(run: RunRecord) -> tuple[str, str, str]:
    """(word, colour, icon) of the run's state, the same wherever it is shown."""
    name = sanity.state(run)
    return STATES.get(name, (name, "gray", ":material/help:"))


def badge(run: RunRecord) -> None:
    """The run's state as a coloured word; of one that is done and looks wrong, what looks so in a tooltip."""
    word, colour, icon = state(run)
    st.badge(word, color=colour, icon=icon, help=" ".join(sanity.warnings(run)) or None)  # type: ignore[arg-type]


def show(run: RunRecord, done: Callable[[RunRecord], None], live: Callable[[str], None] | None = None) -> None:
    """A run in whatever state: how far it is, with `live` below; what came out, drawn by `done`; or why it stopped."""
    if run.active:
        follow(run.id, live)
    elif run.state == "done":
        done(run)
    else:
        stopped(run, live)


def follow(run_id: str, live: Callable[[str], None] | None = None) -> None:
    """Draw an unfinished run again every few seconds, with `live` below; the page is drawn anew when it ends."""
    st.fragment(_tick, run_every=POLL_SECONDS)(run_id, live)


@frame.guarded()
def _tick(run_id: str, live: Callable[[str], None] | None) -> None:
    status = jobs.status(run_id)
    if not status.active:
        st.rerun()
    if parents(run_id):
        st.caption("Then this run")
    bar(run_id, status)
    if live is not None:
        live(run_id)


def parents(run_id: str) -> bool:
    """The bars of the unfinished runs that this one waits for; whether there are any."""
    needs = needed(frame.store().record(run_id))
    for need in needs:
        st.caption(f"Needed first: {called(need)}")
        bar(need.id, jobs.status(need.id))
    return bool(needs)


def needed(record: RunRecord) -> list[RunRecord]:
    """The unfinished runs that this one waits for, those first that others of them wait for."""
    store = frame.store()
    needs: list[RunRecord] = []
    for parent in (store.record(run_id) for run_id in record.info.get("parents", []) if store.exists(run_id)):
        needs += [run for run in (*needed(parent), parent) if run.active and run not in needs]
    return needs


def bar(run_id: str, status: jobs.Status) -> None:
    """State, progress with phase and ETA, and the button that stops it."""
    words, button = st.columns([5, 1], vertical_alignment="center")
    share = min(1.0, status.done / status.total) if status.total else 0.0
    with words:
        if status.state == "queued":
            st.progress(share if status.aside else 0.0, text=waiting(status))
        else:
            st.progress(share, text=describe(status))
        if status.message:
            st.caption(f":orange[{plain(status.message)}]")
    with button:
        cancel(run_id, status, width="stretch")


def cancel(run_id: str, status: jobs.Status, help: str | None = None, width: Literal["stretch", "content"] = "content"
           ) -> None:
    """The button that stops an unfinished run, in a fragment."""
    stopping = status.state == "cancelling"
    label = "Stopping …" if stopping else "Cancel"
    if not st.button(label, key=f"cancel-{run_id}", width=width,
                     **control("cancel", run_id, disabled=stopping, help=help)):
        return
    if jobs.cancel(run_id) is False:
        st.toast("Somebody else waits for this run, too, so it goes on.", icon=":material/group:")
    else:
        st.rerun(scope="fragment")


def waiting(status: jobs.Status) -> str:
    """ "Waiting · number 2 in the queue. The run goes on if you close this page.": where it stands, and why."""
    if status.awaited:
        place = overview.waiting_for(status).removeprefix("waiting ")
    elif not (place := turns.in_words(status)):
        place = f"number {status.position} in the queue" if status.position else "about to start"
    return f"**Waiting** · {place}. The run goes on if you close this page."


def describe(status: jobs.Status) -> str:
    """ "Distilling · 120 of 1,000 · 14 s so far · about 2 min left"."""
    parts = [f"**{status.phase or STATES.get(status.state, (status.state,))[0]}**"]
    if status.total:
        parts.append(f"{status.done:,} of {status.total:,}")
    if status.elapsed_seconds is not None:
        parts.append(f"{text.duration(status.elapsed_seconds)} so far")
    if status.eta_seconds is not None:
        parts.append(f"about {text.duration(status.eta_seconds)} left")
    elif status.total and status.done < status.total:
        parts.append("estimating the time left")
    return " · ".join(parts)


def stopped(record: RunRecord, live: Callable[[str], None] | None = None) -> None:
    """A run that ended without a result: why, what can be done, what it had until then by `live`, the log below."""
    error = ""
    if record.state == "broken":
        st.error(f"**This run's folder cannot be read.** {plain(record.problem or '')}", icon=":material/broken_image:")
        return
    if record.state == "failed":
        error = (frame.store().error(record.id) or "").strip()
        st.error(f"**This run failed**: {reason(record)}", icon=":material/error:")
    else:
        st.warning(
            f"**This run was cancelled.** {_why(record)}What it had done so far is kept."
            if record.state == "cancelled" else
            f"**This run was interrupted.** {plain(record.problem or '')} It goes on from its last checkpoint.",
            icon=":material/pause_circle:",
        )
    if st.button("Resume", key=f"resume-{record.id}", icon=":material/play_arrow:", type="primary",
                 **control("resume", record.id, help=RESUME)):
        jobs.resume(record.id)
        st.rerun()
    if live is not None:
        with frame.guarded():
            live(record.id)
    log(record.id, error)


def _why(record: RunRecord) -> str:
    """Why a run was cancelled, where that was by no person."""
    return f"{plain(why)} " if (why := cancel_reason(record.folder)) != CANCELLED else ""


def log(run_id: str, error: str = "") -> None:
    """The log and the technical error, closed."""
    if error:
        with st.expander("Technical error"):
            st.code(error, language=None, wrap_lines=True)
    with st.expander("Log"):
        st.code((frame.store().log(run_id) or "The log is empty.")[-20_000:], language=None, wrap_lines=True)


def reason(record: RunRecord) -> str:
    """Why a run failed, in one sentence; the last line of its traceback where the record does not say."""
    lines = frame.store().error(record.id).strip().splitlines()
    return record.problem or (lines[-1] if lines else "It left no reason.")
