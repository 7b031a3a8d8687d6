"""What a distilled set is compared with: the full data, real images chosen well; and what each network costs."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ddcore.data import DATASETS
from ddcore.experiments import KINDS, spec
from ddcore.experiments.baseline import BaselineSummary
from ddcore.experiments.flops import FlopsSummary
from ddcore.methods import METHODS
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord
from pages.components import charts, evaluation_details, frame, kind, method, progress, run_page, table, widgets

LEAD = """
What a distilled set is compared with: a network trained on **all** images, and equally small sets of **real** images.
"""
TABS = {"baseline": "Full data", "distill": "Coresets", "flops": "Cost of the networks"}  # by the kind shown there
ALL = "All sizes"
USUAL = "28×28"  # the size whose costs are shown first
_count = partial(st.column_config.NumberColumn, format="compact")
COSTS = {
    "Parameters": _count(help="Weights that are trained."),
    "MACs": _count(help="Multiply-adds: one multiplication with one addition each."),
    "FLOPs = 2 × MACs": _count(help="Multiplications and additions, each counted."),
    "Not counted": st.column_config.TextColumn(help="Operators that the count leaves out, and how often they run."),
}
LAST = "baselines-tab"  # where "New run" leads back to


def main() -> None:
    with frame.page("Baselines", LEAD, "baseline", "distill"):
        run = frame.chosen_run(*TABS)
        like = frame.chosen_run("baseline", "distill", parameter="like")
        if run is not None:
            st.session_state[LAST] = TABS[run.kind]
        if run is not None and run.kind == "baseline":
            run_page.show(run, done, lambda run_id: charts.training(run), form=True)
            return
        if run is not None and run.makes_images:
            method.show(run)
            return
        first = TABS[like.kind] if like else st.session_state.get(LAST, TABS["baseline"])
        drawn: tuple[Callable[[], None], ...] = (partial(new_run, like), partial(coreset, like), flops)
        tabs = st.tabs(list(TABS.values()), default=first, on_change="rerun", key="baselines-tabs")
        for draw, tab in zip(drawn, tabs, strict=True):
            if tab.open:
                with tab:
                    draw()


def coreset(like: RunRecord | None) -> None:
    """Choose how real images are picked, and start it; like: the run whose parameters the form starts from."""
    st.markdown("A **coreset** is a small set of real images. A distilled set of the same size has to beat it.")
    names = [name for name in METHODS if METHODS[name].step is None]
    if like is not None and like.name in names:
        method.again(METHODS[like.name], like)
    else:
        name = st.segmented_control("Which images", names, default=names[0], required=True, key="coreset",
                                    format_func=lambda n: METHODS[n].title, persist_state="session")
        selection = METHODS[name or names[0]]
        st.caption(f"{selection.summary} {method.cited(selection)}")
        method.new_run(selection)
    widgets.earlier("distill", "Earlier coresets", *names)


def new_run(like: RunRecord | None) -> None:
    """The form of a training on the full data; like: the run whose parameters it starts from."""
    frame.device_banner()
    config = like.config if like and not like.makes_images else {}
    kind.new_run(KINDS["baseline"], config, like.id if like and config else "")
    widgets.earlier("baseline", "Earlier trainings")


def done(run: RunRecord) -> None:
    s = run.answer(BaselineSummary)
    with st.grid(4, min_column_width=150):
        st.metric("Test accuracy", text.percent(s.accuracy.mean, 2) + text.mark(s.accuracy),
                  help=f"Of the final epoch, one network (n = 1), protocol {s.accuracy.protocol}.")
        evaluation_details.metrics(s, tables.beside(s))
        st.metric("Majority class", text.percent(s.majority, 2),
                  help="What always answering the most frequent class would reach.")
        st.metric("Training time", text.duration(s.seconds_train), help="Validation and testing not included.")
        st.metric("Training images", f"{s.images:,}", help=f"{s.steps:,} optimiser steps.")
        st.metric("MACs per image", text.count(s.macs),
                  help="Multiply-adds of one forward pass; Cost of the networks says what counts.")
        st.metric("FLOPs per image", text.count(s.flops), help="2 × MACs: a multiplication and an addition each.")
        st.metric("FLOPs, test set", text.count(s.macs_test_set and 2 * s.macs_test_set),
                  help=f"One forward pass of all {s.test_images:,} test images.")
        st.metric("Parameters", text.count(s.parameters), help=f"{s.parameters:,} weights.")
    for note in s.notes:
        st.warning(widgets.plain(note), icon=":material/warning:")
    charts.training(run)


def flops() -> None:
    """Every network at every image size; made by a tiny job, since counting needs torch."""
    own = [name for name in DATASETS.offered() if DATASETS[name].own]
    dataset = "all"
    if own:
        dataset = st.selectbox("Data set", ["all", *own], key="flops-of", width=320,
                               format_func=lambda name: "All that ship" if name == "all" else name)
    counting = spec("flops", "flops", {"dataset": dataset})
    if record := widgets.answer(counting):
        progress.show(record, flops_table)
    else:
        st.markdown("How much one image costs in each network at each size. Counting takes a few seconds.")
        widgets.launch("flops", counting, label="Count FLOPs")


def flops_table(record: RunRecord) -> None:
    summary = record.answer(FlopsSummary)
    sizes = [f"{'×'.join(map(str, row.shape))}, {row.classes} classes" for row in summary.rows]
    offered = [*dict.fromkeys(sizes), ALL]
    usual = next((size for size in offered if USUAL in size), offered[0])
    size = st.selectbox("Input (channels × height × width)", offered, index=offered.index(usual), key="flops-sizes",
                        width=320)
    rows = [row for row, own in zip(summary.rows, sizes, strict=True) if size in (own, ALL)]
    one = {"Input": None, "Classes": None} if size != ALL else {}
    table.dataframe(tables.flops(rows), height="content", column_config=COSTS | one)
    st.caption("One forward pass of one image. A MAC is one multiplication with one addition; FLOPs = 2 × MACs.",
               help=f"{summary.convention}.")


main()
