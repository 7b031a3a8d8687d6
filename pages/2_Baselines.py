"""What a distilled set is held against: the full data, real images chosen well; and what each network costs."""

from __future__ import annotations

import streamlit as st

from ddcore.data import DATASETS
from ddcore.experiments import KINDS, Spec, spec
from ddcore.experiments.baseline import BaselineSummary
from ddcore.experiments.flops import FlopsSummary
from ddcore.methods import METHODS
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord
from pages.components import charts, evaluation_details, form, frame, method, progress, widgets

LEAD = """
What a distilled set is held against: a network trained on **all** images, and as few **real** images, picked at
random or with care.
"""
TABS = ("Full data", "Coresets", "Cost of the networks")
LAST = "baselines-tab"  # where "New run" leads back to
CONFIG = KINDS["baseline"].config("baseline")


def main() -> None:
    with frame.page("Baselines", LEAD):
        run = frame.chosen_run("baseline", "flops", "distill")
        like = frame.chosen_run("distill", asked="like")
        if run is not None:
            st.session_state[LAST] = {"baseline": TABS[0], "distill": TABS[1], "flops": TABS[2]}[run.kind]
        if run is not None and run.kind == "baseline":
            show(run)
            return
        if run is not None and run.kind == "distill":
            method.show(run)
            return
        full, coresets, cost = st.tabs(TABS, default=TABS[1] if like else st.session_state.get(LAST, TABS[0]))
        with full:
            new_run()
            widgets.earlier("baseline", "Earlier trainings")
        with coresets:
            coreset(like)
        with cost:
            flops()


def coreset(like: RunRecord | None) -> None:
    """Choose how real images are picked, and start it; like: the run whose parameters the form starts from."""
    st.markdown("A **coreset** is a small set of real images. A distilled set of the same size has to beat it.")
    offered = [name for name, one in METHODS.items() if one.step is None]
    if like is not None and like.name in offered:
        method.again(like)
    else:
        name = st.segmented_control("Which images", offered, default=offered[0], required=True, key="coreset",
                                    format_func=lambda n: METHODS[n].title, persist_state="session")
        chosen = METHODS[name or offered[0]]
        st.caption(f"{chosen.summary} {chosen.paper}{'.' if chosen.paper else ''}")
        method.new_run(chosen)
    widgets.earlier("distill", "Earlier coresets", *offered)


def new_run() -> None:
    frame.device_banner()
    st.markdown("What a network reaches with **all** training images. The defaults are the course's full-data task.")
    dataset = widgets.data_set(st.container(), "baseline-dataset")
    widgets.data_note(dataset)
    config = form.config_form(
        CONFIG, {"dataset": dataset}, f"baseline.{dataset}", hidden=("dataset",), open_groups=("Network", "Training"),
        limits={"resolution": DATASETS[dataset].resolutions},
    )
    if config is not None:
        widgets.launch(Spec("baseline", "baseline", config))


def show(run: RunRecord) -> None:
    widgets.header(run)
    if run.active:
        progress.follow(run.id, lambda run_id: charts.training(run))
    elif run.state == "done":
        done(run)
    else:
        progress.stopped(run)
    widgets.parameters(CONFIG, run)


def done(run: RunRecord) -> None:
    s = run.answer(BaselineSummary)
    accuracy = s.accuracy
    with st.grid(4, min_column_width=150):
        st.metric("Test accuracy", text.percent(accuracy.mean, 2),
                  help=f"Of the final epoch, one network (n = 1), protocol {accuracy.protocol}.")
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
    progress.log(run.id)


def flops() -> None:
    """Every network at every image size; made by a tiny job, since counting needs torch."""
    own = [name for name in DATASETS.offered() if DATASETS[name].own]
    of = "all"
    if own:
        of = st.selectbox("Data set", ["all", *own], key="flops-of", width=320,
                          format_func=lambda name: "All that ship" if name == "all" else name)
    asked = spec("flops", "flops", {"dataset": of})
    run_id = widgets.known(asked)
    record = frame.store().record(run_id) if run_id else None
    if record is None:
        st.markdown("How much one image costs in each network at each size. Counting takes a few seconds.")
        widgets.launch(asked, label="Count FLOPs")
    elif record.active:
        progress.follow(record.id)
    elif record.state != "done":
        progress.stopped(record)
    else:
        table(record)


def table(record: RunRecord) -> None:
    rows = record.answer(FlopsSummary).rows
    sizes = list(dict.fromkeys(f"{'×'.join(map(str, r.shape))}, {r.classes} classes" for r in rows))
    chosen = st.multiselect("Input", sizes, placeholder="All sizes", key="flops-sizes")
    kept = [r for r in rows if not chosen or f"{'×'.join(map(str, r.shape))}, {r.classes} classes" in chosen]
    number = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        tables.flops(kept), hide_index=True, width="stretch", height="content",
        column_config={"Parameters": number, "MACs": number, "FLOPs = 2 × MACs": number, "Classes": number},
    )
    st.caption(f"How it is counted: {record.answer(FlopsSummary).convention}.")


main()
