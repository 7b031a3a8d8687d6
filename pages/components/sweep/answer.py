"""What a sweep says, live while its cells are computed."""

import streamlit as st

from ddcore import jobs
from ddcore.errors import DDCoreError
from ddcore.experiments import spec
from ddcore.experiments.sweep import SweepConfig
from ddcore.report import sanity, sizes, sweep_figures, sweeps
from ddcore.report.export import bundle
from ddcore.report.export.table import latex
from ddcore.report.quantities import MEASURES
from ddcore.report.sweeps import Answer
from ddcore.runs.store import RunRecord
from pages.components import charts, closer, effects, frame, menu, progress, run_page, table, vary, widgets
from pages.components.markdown import plain

UNDER_WAY = ("running", "waiting")
MARGINS = sorted({0.2, 100 * sizes.MARGIN, 1.0, 2.0})  # points that a lossless set may lose
MOST_PROBLEMS = 3  # cells whose reason is told before all cells are opened
MOST_COMPARED = 20  # sets that one link opens side by side
REPORT = ("Table, figures, sentence, all its sets and the command that makes it again, as one zip. Takes some seconds; "
          "`python -m ddcore report` writes the same.")
_text = st.column_config.TextColumn
COLUMNS = {
    "values": _text("Values"),
    "accuracy": _text("Test accuracy", help="Mean and spread over the networks of all seeds."),
    "random real": _text("Random real", help="As many real images at random, judged alike."),
    "full data": _text("Full data", help="All training images, judged alike."),
    "validation": _text("Validation", help="Of the same networks on the validation split: it chooses the best."),
    "behind the best": _text("Behind the chosen", help="By how many points of test accuracy the value that was chosen "
                             "by validation is better than this one; below 0 this one is better. Intervals hold for "
                             "all values together (Bonferroni)."),
    "distilling": _text("Distilling", help="Wall time of the whole runs, all seeds together, as on Compare."),
    "training": _text("Training", help="Wall time of training one network on a set, mean over the seeds."),
    "training FLOPs": _text("Training FLOPs", help=MEASURES["flops_training"].help), "state": _text("State"),
}


def show(run: RunRecord) -> None:
    """The whole page of a sweep."""
    run_page.header(run, form=True)
    try:
        config = spec("sweep", run.name, run.config).config
    except DDCoreError as error:
        st.warning(f"This version cannot read this sweep: {plain(str(error))}", icon=":material/rule:")
        return
    assert isinstance(config, SweepConfig)
    if run.active:
        st.fragment(_live, run_every=progress.POLL_SECONDS)(run.id, config)
    else:
        if run.state != "done":
            progress.stopped(run)
        _answer(run.id, config)
    widgets.parameters(type(config), run)


@frame.guarded()
def _live(run_id: str, config: SweepConfig) -> None:
    """What is known by now, and what is being computed."""
    if not jobs.status(run_id).active:
        st.rerun()
    answer, status = sweeps.answer(config, frame.store()), jobs.status(run_id)
    cells = len(answer.outcome.cells)
    ended = cells - sum(answer.standing.get(state, 0) for state in UNDER_WAY)
    controls = [control.state not in UNDER_WAY for control in answer.controls]
    share = (ended + sum(controls)) / max(1, cells + len(controls))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, text=f"{_standing(answer)}. The sweep goes on if you close this page.")
        progress.cancel(run_id, status, "Also cancels what only this sweep waits for.")
    _answer(run_id, config)


def _standing(answer: Answer) -> str:
    """ "**3 of 6 cells done** · 1 failed · 1 running · 1 waiting · about 2 min left"."""
    done, *others = [f"{number:,} {state}" for state, number in answer.standing.items()]
    number, _, word = done.partition(" ")
    left = sweeps.left(answer, frame.store(), frame.device())
    return " · ".join([f"**{number} of {len(answer.outcome.cells):,} cells {word}**", *others,
                       *(["the full data is still being trained on"] if answer.full_awaited else []),
                       *([f"{left} left"] if answer.outcome.missing else [])])


def _answer(run_id: str, config: SweepConfig) -> None:
    """The sentence, the picture, the table, and what one asks next."""
    answer = sweeps.answer(config, frame.store())
    st.markdown(f"**{plain(answer.sentence)}**")
    known = [point for point in answer.points if point.accuracy]
    if known:
        _picture(answer, run_id)
    st.fragment(closer.show)(answer)
    frame_ = sweeps.table(answer)
    named = frame_.drop(columns=frame_.columns[: len(config.axes)])
    named.insert(0, "values", [answer.name(point) for point in answer.points])
    named.insert(1, "state", named.pop("state"))
    table.dataframe(named, column_config=COLUMNS, width="stretch")
    with st.container(horizontal=True, vertical_alignment="center"):
        done = [cell.run for cell in answer.outcome.cells if cell.state == "done"]
        if done:
            ids = ",".join(dict.fromkeys(done[:MOST_COMPARED]))
            st.page_link(menu.of_title("Compare").page(), label="Images in full", icon=":material/compare:",
                         query_params={"runs": ids, "view": "Images"})
            made = frame.later(lambda store: bundle.whole(store, run_id).zipped())
            st.download_button("Report", made, f"sweep-{run_id}.zip", "application/zip", on_click="ignore",
                               icon=":material/archive:", help=REPORT)
        numbers = sweeps.numbers(answer).to_csv(index=False)
        for words, table_ in (("CSV", numbers), ("LaTeX", latex(sweeps.paper(answer)))):
            st.download_button(words, table_, f"sweep-{run_id}.{'csv' if words == 'CSV' else 'tex'}", "text/plain",
                               on_click="ignore", icon=":material/download:")
    _ended_early(answer)
    effects.warned(answer)
    if left_out := config.grid.impossible:
        with st.expander(f"{len(left_out):,} {'cell' if len(left_out) == 1 else 'cells'} left out"):
            st.caption("  \n".join(f"{plain(place.words)}: {plain(why.words)}" for place, why in left_out.items()))
    _cells(answer)


def _ended_early(answer: Answer) -> None:
    """Which cells failed or were cancelled, and why, the seeds of a place together."""
    seeds = dict[tuple[str, str], list[str]]()
    for point in answer.points:
        for cell in point.cells:
            if cell.problem:
                seeds.setdefault((answer.name(point), f"{cell.state}. {cell.problem}"), []).append(str(cell.seed))
    told = [f"{name}, {'seed' if len(those) == 1 else 'seeds'} {', '.join(those)}: {why}"
            for (name, why), those in seeds.items()]
    more = f"  \nand {len(told) - MOST_PROBLEMS:,} more, below" if len(told) > MOST_PROBLEMS else ""
    if told:
        st.caption(":material/error: " + "  \n:material/error: ".join(map(plain, told[:MOST_PROBLEMS])) + more)


def _picture(answer: Answer, run_id: str) -> None:
    if sizes.over_sizes(answer):
        _sizes(answer, run_id)
    else:
        effects.picture(answer, run_id)
    effects.importance(answer, run_id)
    effects.slices(answer, run_id)


def _sizes(answer: Answer, run_id: str) -> None:
    """Accuracy against the number of images, what can be read off it, and the way to a coreset to compare with."""
    shown = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        points = st.segmented_control(
            "Lossless within", MARGINS, default=100 * sizes.MARGIN, required=True, key="margin", bind="query-params",
            format_func=lambda points: f"{points:g} points", help="What a set may lose against the full data, at most, "
            "with its 95 % interval.")
        found = sizes.of(answer, frame.store(), points / 100)
        assert found
        if coreset := sizes.coreset(answer, found):
            vary.link(coreset, "Add a coreset")
    with shown:
        charts.chart(sweep_figures.against_size(answer, found), f"sizes-{run_id}")
        for sentence in found.sentences:
            st.markdown(plain(sentence))


def _cells(answer: Answer) -> None:
    """Every cell with a link to its run, and what each control reached; closed."""
    with st.expander(f"All {len(answer.outcome.cells):,} cells and their controls"):
        for cell in answer.outcome.cells:
            if frame.store().exists(cell.run):
                with st.container(horizontal=True, vertical_alignment="center"):
                    frame.link(frame.store().record(cell.run))
                    state = sanity.WARNED if answer.warnings_of(cell) else cell.state
                    st.caption(" · ".join(filter(None, [state, plain(cell.problem)])), width="content")
        st.caption("  \n".join(f"{plain(name)}: {told}" for name, told in answer.controls_told().items()))
