"""The home page below its title: first steps, what runs now, what was found last."""

from dataclasses import replace

import streamlit as st

from ddcore import jobs
from ddcore.errors import DDCoreError
from ddcore.evaluation.plans import CONTROL
from ddcore.report import results, tables, text
from ddcore.runs.store import RunRecord
from ddcore.summary import Accuracy, Summary
from pages.components import frame, menu, progress, widgets

STEPS = (  # the page's title, "" for that of the first method
    ("Datasets", "1 · Look at the data", "Classes, sizes and examples. *Digits* is built in."),
    ("", "2 · Distil it", "Preset *quick* on digits takes seconds. Watch the images form."),
    ("", "3 · Ask how good it is", "Evaluate beside random real images, under a named protocol."),
    ("Baselines", "4 · Know the ceiling", "Train on the full data; compare accuracy, time and FLOPs."),
)
SHOWN, LATEST = 4, 6  # unfinished and finished runs listed here


def show() -> None:
    """All but title and lead, which stand already."""
    frame.let_go("Home")
    with frame.guarded():
        with st.grid(4, min_column_width=210):
            for page, title, words in STEPS:
                with st.container(border=True, height="stretch"):
                    st.markdown(f"**{title}**")
                    st.caption(words)
                    entry = menu.of_title(page) if page else menu.first_method()
                    st.page_link(entry.page(), label=f"Open {entry.title}", icon=":material/arrow_forward:")
        frame.device_banner()
        st.subheader("Running now", anchor=False)
        if jobs.list_jobs():
            st.fragment(_jobs, run_every=progress.POLL_SECONDS)()
        elif frame.device() == "cpu":
            st.caption("Nothing is running. Runs are computed one at a time on this machine's CPU; more wait in a "
                       "queue.")
        else:
            st.caption(f"Nothing is running. Up to {len(jobs.slots())} runs are computed at once, one on each GPU; "
                       "more wait in a queue.")
        _latest()


@frame.guarded()
def _jobs() -> None:
    active = jobs.list_jobs()
    if not active:
        st.rerun()
    for run_id, status in active[:SHOWN]:
        record = frame.store().record(run_id)
        with st.container(border=True):
            frame.link(record)
            progress.bar(run_id, status)
    if len(active) > SHOWN:
        st.page_link("pages/8_Runs.py", label=f"{len(active) - SHOWN} more in the queue, on the Runs page")


def _latest() -> None:
    """Distilled sets and full-data trainings; evaluations and controls are shown with the set they judge."""
    st.subheader("Latest results", anchor=False)
    done = [r for r in frame.store().records()
            if r.state == "done" and r.declared and r.declared.result and r.name != CONTROL][:LATEST]
    if not done:
        st.caption("No finished run yet. Start with step 2 above.")
    for record in done:
        with st.container(border=True):
            name, number, when = st.columns([2.5, 5, 1.3], vertical_alignment="center")
            with name:
                frame.link(record)
            number.markdown(_accuracy(record))
            when.caption("ships with the app" if record.demo else text.ago(record.created))
    widgets.footnotes(done)


def _accuracy(record: RunRecord) -> str:
    """The accuracy in words, beside random real images, and where classes are uneven what keeps it honest."""
    last = record if record.summary.accuracy else results.last_evaluation(frame.store(), record, done=True)
    by_role = _by_role(record, last)
    if not (accuracy := record.summary.accuracy or by_role.get("final")):
        return f"{record.summary.images or 0:,} images, not evaluated yet"
    random = f", random real images {text.accuracy(by_role['random_real'])}" if "random_real" in by_role else ""
    uneven = _uneven(last.summary if last else Summary())
    return f"**{text.accuracy(accuracy)}**{random}{uneven} · protocol *{accuracy.protocol or '?'}*"


def _uneven(summary: Summary) -> str:
    """Balanced accuracy, AUC and the majority class, where the accuracy alone could deceive."""
    titles = {"balanced_accuracy": "balanced", "auc": "AUC"}
    scores = {titles[name]: getattr(summary, name) for name in tables.beside(summary)}
    words = [f", {title} {text.spread(score)}" for title, score in scores.items() if score]
    if words and summary.majority is not None:
        words.append(f", majority class {text.percent(summary.majority)}")
    return "".join(words)


def _by_role(record: RunRecord, last: RunRecord | None) -> dict[str, Accuracy]:
    """Accuracy by role under the question that was answered last, on the set's own network; {} before any."""
    if last is None or last.id == record.id:
        return {}
    try:
        rows = results.results(frame.store(), record, replace(results.question_of(last), network={}))
    except DDCoreError:  # its data set is away, so no control can be named; what was measured still holds
        return {"final": last.summary.accuracy} if last.summary.accuracy else {}
    return {r.role: r.scores.accuracy for r in rows if r.scores}
