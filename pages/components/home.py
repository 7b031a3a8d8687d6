"""The home page beside and below its lead: a set that takes shape, first steps, what runs now, what was found last."""

from collections.abc import Collection, Iterable, Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ddcore import jobs
from ddcore.errors import DDCoreError
from ddcore.experiments.evaluate import CONTROL
from ddcore.methods import METHODS
from ddcore.report import catalogue, compare_runs, film, findings, overview, results, sanity, tables, text, thumbnails
from ddcore.runs.state import asker
from ddcore.runs.store import RunRecord
from ddcore.summary import Accuracy, Summary
from pages.components import film as player
from pages.components import frame, menu, progress, whose, widgets
from pages.components.markdown import plain

SHOWN, LATEST = 4, 3  # unfinished and finished runs listed here


def show(words: DeltaGenerator, picture: DeltaGenerator) -> None:
    """All but title and lead, which stand already in `words`."""
    frame.let_go("Home")
    with frame.guarded():
        with words:
            if st.button("Start a run", type="primary", icon=":material/play_arrow:", key="start"):
                st.switch_page(menu.first_method().page())
            frame.device_banner()
        with picture:
            _film()
        _ways()
        mine = whose.switch()
        if _under_way(mine) or _private(mine):
            st.header("Running now", anchor=False)
            st.fragment(_jobs, run_every=progress.POLL_SECONDS)(mine)
        _latest(mine)


def _film() -> None:
    """A shipped set from its start to its end, and how good it became."""
    store = frame.store()
    if not (run := film.shown(store)):
        return
    title, data = METHODS[run.name].title, tables.data(run)
    player.show(_frames(run.id, run.created), f"Images of {data} take shape over {run.summary.steps} steps of {title}.")
    judge = store.kept(catalogue.judged)[0].get(run.id)
    st.caption(f"{run.summary.images or 0:,} images, {run.summary.steps:,} steps of {title}: {_accuracy(run, judge)}")


@st.cache_data(max_entries=4, show_spinner=False)
def _frames(run_id: str, created: float) -> list[film.Frame]:
    """The pictures of a shipped run. `created` is in the cache key: another version may ship it computed anew."""
    store = frame.store()
    return film.frames(store, store.record(run_id))


def _ways() -> None:
    """Each task by its name, and the pages on which it is done."""
    distil = [entry for entry in menu.entries() if entry.method]
    ways = {"Look at the images": [menu.of_title("Datasets")], "Make a small set": distil,
            "See what matters": [menu.of_title("Sweeps")], "Search a network": [menu.of_title("NAS")],
            "See which is better": [menu.of_title("Compare")]}
    with st.grid(5, min_column_width=165, key="home-ways"):
        for words, entries in ways.items():
            with st.container(border=True, height="stretch", gap="xxsmall"):
                st.markdown(f"**{words}**")
                with st.container(horizontal=True):
                    for entry in entries:
                        st.page_link(entry.page(), label=entry.title, icon=f":material/{entry.symbol}:")


def _under_way(mine: Collection[str] | None) -> list[tuple[str, jobs.Status]]:
    return [(run_id, status) for run_id, status in jobs.list_jobs() if whose.among(run_id, mine)]


def _private(mine: Collection[str] | None) -> str:
    """What is said of private runs of others under way, where these are wanted."""
    return overview.unnamed(jobs.hidden()) if mine is None else ""


@frame.guarded()
def _jobs(mine: Collection[str] | None) -> None:
    active, private = _under_way(mine), _private(mine)
    if not active and not private:
        st.rerun()
    for run_id, status in active[:SHOWN]:
        record = frame.store().record(run_id)
        with st.container(border=True, key=f"home-running-{run_id}"):
            frame.link(record)
            progress.bar(run_id, status)
    if len(active) > SHOWN:
        st.page_link("pages/8_Runs.py", label=f"{len(active) - SHOWN} more in the queue, on the Runs page")
    if private:
        st.caption(private)


def _latest(mine: Collection[str] | None) -> None:
    """Distilled sets, full-data trainings and sweeps; evaluations and controls are shown with the set they judge."""
    st.header("Latest results", anchor=False)
    store = frame.store()
    judges, usual = store.kept(catalogue.judged)
    done = _newest((record for record in store.records() if whose.among(record.id, mine)), judges)
    judged = {record.id: judges[record.id] for record in done if record.id in judges and not _gathers(record)}
    if not done:
        st.caption("No finished run yet.")
    with st.grid(3, min_column_width=250, key="home-results"):
        for record in done:
            with st.container(border=True, height="stretch", gap="xsmall"):
                if png := thumbnails.thumbnail(store, record):
                    st.image(png, alt=f"Some images of {tables.title(record)}")
                frame.link(record)
                if sanity.warnings(record):
                    progress.badge(record)
                judge = judged.get(record.id)
                mark = f" {catalogue.ELSEWHERE}" if judge and catalogue.elsewhere(judge, usual) else ""
                st.markdown(plain(findings.sentence(store, record)) or _accuracy(record, judge) + mark)
                st.caption("demo" if record.demo else text.ago(record.created))
    widgets.judged_elsewhere(judged.values())
    widgets.footnotes(done)


def _newest(records: Iterable[RunRecord], judges: Mapping[str, RunRecord]) -> list[RunRecord]:
    """The first few results; of runs that differ by their seed alone, one, and those that a sweep asked for are told by
    it. Those that ship come last, the best of the sets that a method made first: they were all made on one day."""
    newest: dict[str, RunRecord] = {}
    by_id = {record.id: record for record in records}
    gathering = {run_id for run_id, record in by_id.items() if _gathers(record)}
    for record in by_id.values():
        if record.state != "done" or record.declared is None or record.name == CONTROL:
            continue
        if record.declared.gathers or (record.declared.result and asker(record.folder) not in gathering):
            newest.setdefault(record.without("seed"), record)

    def order(record: RunRecord) -> tuple[bool, bool, float]:
        judge = judges.get(record.id)
        accuracy = judge.summary.accuracy if judge and record.demo else None
        return record.demo, record.demo and not record.makes_images, -accuracy.mean if accuracy else 0.0

    return sorted(newest.values(), key=order)[:LATEST]


def _gathers(record: RunRecord) -> bool:
    """Whether it stands for the runs that it asked for: not where it ended before its answer."""
    return record.declared is not None and record.declared.gathers and (record.active or record.state == "done")


def _accuracy(record: RunRecord, judge: RunRecord | None) -> str:
    """The accuracy in words, beside random real images, and where classes are uneven what keeps it honest."""
    if judge is None or (accuracy := judge.summary.accuracy) is None:
        return f"{record.summary.images or 0:,} images, not evaluated yet"
    by_role = _by_role(record, judge)
    random = f", random real {text.spread(by_role['random_real'])}" if "random_real" in by_role else ""
    return f"**{text.accuracy(accuracy)}**{random}{_uneven(judge.summary)} · {compare_runs.setting_of(judge)}"


def _uneven(summary: Summary) -> str:
    """Balanced accuracy, AUC and the majority class, where the accuracy alone could deceive."""
    titles = {"balanced_accuracy": "balanced", "auc": "AUC"}
    scores = {titles[name]: getattr(summary, name) for name in tables.beside(summary)}
    words = [f", {title} {text.spread(score)}" for title, score in scores.items() if score]
    if words and summary.majority is not None:
        words.append(f", majority class {text.percent(summary.majority)}")
    return "".join(words)


def _by_role(record: RunRecord, judge: RunRecord) -> dict[str, Accuracy]:
    """Accuracy by role under the question that this evaluation asked; {} for a run that tests itself."""
    if judge.id == record.id:
        return {}
    try:
        rows = results.results(frame.store(), record, results.question_of(judge))
    except DDCoreError:  # its data set is away, so no control can be named; what was measured still holds
        return {}
    return {r.role: r.scores.accuracy for r in rows if r.scores}
