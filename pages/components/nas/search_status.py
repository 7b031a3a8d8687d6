"""A search and the truth it is compared with: how both stand, then what is known by now."""

from collections.abc import Sequence

import streamlit as st

from ddcore import jobs
from ddcore.errors import RunBroken, RunNotFound
from ddcore.report.catalogue import STOPPED
from ddcore.report.nas import study as studies
from ddcore.report.nas.study import Study
from ddcore.runs.store import RunRecord
from pages.components import frame, progress, run_page
from pages.components.markdown import plain
from pages.components.nas import answer, leaderboard, truths, winner

TITLES = {"search": "**Search** on the proxies", "truth": "**Whole-data truth**"}
SECONDS = 20  # between two looks at an answer to which networks are still being added


def show(run: RunRecord) -> None:
    """A search or a truth, whatever state it is in."""
    is_search = run.kind == "search"
    run_page.header(run, form=is_search)
    truth = truths.selected(run) if is_search else None
    runs = [run, *([truth] if truth else [])]
    active = [one.id for one in runs if one.active]
    if active:
        st.fragment(_tick, run_every=progress.POLL_SECONDS)([one.id for one in runs], active)
    for one in runs:
        if one.state in STOPPED:
            st.markdown(TITLES[one.kind])
            progress.stopped(one)
    if run.state == "broken":
        return
    if not is_search:
        if not active:
            leaderboard.show(gathered(run), f"board-{run.id}")
        truths.searches(run)
    elif not run.active:
        _outcome(run, truth)
    if run.state == "done":
        progress.log(run.id)


def _outcome(run: RunRecord, truth: RunRecord | None) -> None:
    """The answer of a search that has ended, in whatever way, and then its winner where it is known."""
    runs = [run, *([truth] if truth else [])]
    study = gathered(*runs)
    if run.state != "done":
        if not any(proxy.ranked for proxy in study.proxies):
            leaderboard.show(study, f"board-{run.id}")
            return
        st.caption("**So far**: the search stopped before its end, so sets and networks may be missing.")
    growing = truth is not None and truth.active
    st.fragment(_answer, run_every=SECONDS if growing else None)([one.id for one in runs])
    if run.state == "done":
        winner.section(run, study, truth)


@frame.guarded()
def _tick(run_ids: Sequence[str], active: Sequence[str]) -> None:
    """Bars of what is under way, the leaderboard below; the page is drawn anew when one of the runs ends."""
    runs = _records(run_ids)
    if [run.id for run in runs if jobs.status(run.id).active] != list(active):
        st.rerun()
    for run in runs:
        if run.id in active:
            st.markdown(TITLES[run.kind])
            progress.parents(run.id)
            progress.bar(run.id, jobs.status(run.id))
    if runs[0].active:
        leaderboard.show(gathered(*runs), f"board-{run_ids[0]}")


def _records(run_ids: Sequence[str]) -> list[RunRecord]:
    """These runs; where one was deleted meanwhile, the page is drawn anew without it."""
    try:
        return [frame.store().record(run_id) for run_id in run_ids]
    except RunNotFound:
        st.rerun()


@frame.guarded()
def _answer(run_ids: Sequence[str]) -> None:
    runs = _records(run_ids)
    answer.show(runs[0], gathered(*runs), runs[1] if len(runs) > 1 else None)


def gathered(search: RunRecord, truth: RunRecord | None = None) -> Study:
    """What a search and its truth have found so far."""
    events = [frame.store().events(run.id)[0] if run else [] for run in (search, truth)]
    try:
        return studies.study(search, events[0], truth, events[1])
    except RunBroken as error:  # it tells what a run holds that anybody may have brought
        raise RunBroken(plain(str(error))) from error
