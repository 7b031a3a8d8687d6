"""Results that are wanted and not there yet: what they would take, the button that asks for them, how they come."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.hosting import rights
from ddcore.jobs.requirements import check_disk
from ddcore.report.estimate import disk, total
from ddcore.report.results import Result
from ddcore.runs.files import size
from ddcore.runs.store import RunRecord
from pages.components import frame, progress
from pages.components.allowed import control
from pages.components.markdown import called

T = TypeVar("T")
WORTH_TELLING = 1e8  # bytes on disk


def watch(gather: Callable[[], T], parts: Callable[[T], Sequence[Result]], show: Callable[[T], None]) -> None:
    """Show what `gather` finds, and again every few seconds while some of its `parts` are being computed."""
    answers = gather()
    if any(part.active for part in parts(answers)):
        st.fragment(_again, run_every=progress.POLL_SECONDS)(gather, parts, show)
    else:
        problems(parts(answers))
        show(answers)


@frame.guarded()
def _again(gather: Callable[[], T], parts: Callable[[T], Sequence[Result]], show: Callable[[T], None]) -> None:
    answers = gather()
    active = [part for part in parts(answers) if part.active]
    if not active:
        st.rerun()
    under_way(active)
    problems(parts(answers))
    show(answers)


def under_way(active: Iterable[Result]) -> None:
    """A bar for what is being computed, one line for what waits behind it."""
    titles: dict[str, str] = {}
    records: dict[str, RunRecord] = {}
    for result in active:
        assert result.record
        titles.setdefault(result.record.id, result.title)
        records |= {record.id: record for record in (*progress.needed(result.record), result.record)}
    waiting = [record for record in records.values() if record.state == "queued"]
    shown = [record for record in records.values() if record.state != "queued"] or waiting[:1]
    for record in shown:
        st.caption(titles.get(record.id) or called(record))
        progress.bar(record.id, jobs.status(record.id))
    if behind := [record for record in waiting if record not in shown]:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{len(behind)} more {'wait' if len(behind) > 1 else 'waits'} behind.", width="content")
            every = [record.id for record in (*behind, *shown)]
            if st.button("Cancel all", key="cancel-all", type="tertiary", icon=":material/cancel:",
                         **control("cancel", *every)):
                for run_id in every:
                    if not rights.refusal("cancel", run_id):
                        jobs.cancel(run_id)
                st.rerun()


def problems(results: Iterable[Result]) -> None:
    """A box for each of these that failed, once."""
    failed = {r.record.id: (r.title, r.record) for r in results if r.record and r.record.state == "failed"}
    for title, record in failed.values():
        st.error(f"**{title}**: {progress.reason(record)}", icon=":material/error:")


def button(label: str, missing: Sequence[Result], run: RunRecord, key: str, *, primary: bool = False,
           icon: str = ":material/play_arrow:", help: str = "") -> None:
    """A button that asks for these results, with how long they take and what they write written on it."""
    specs = [spec for result in missing for spec in result.specs]
    records = frame.store().records()
    time, room = total(specs, records, frame.device(), run.summary.images or None), disk(specs, records)
    takes = f"{time}, {size(room)} on disk" if room > WORTH_TELLING else str(time)
    titles = ", ".join(dict.fromkeys(r.title.lower() for r in missing))
    removed = DATASETS[run.config["dataset"]].removed
    if removed:
        help = "Its data set was removed; add it again to compute with it."
    if st.button(f"{label} · {takes}", key=key, icon=icon, type="primary" if primary else "secondary", wrap=True,
                 **control("submit", disabled=removed, help=help or f"Trains and tests networks on: {titles}.")):
        with st.spinner("Asking for them …"):
            check_disk(frame.store(), specs)
            for spec in specs:
                jobs.submit(spec)
        st.rerun()
