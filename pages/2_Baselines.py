"""The ceiling: networks trained on the full data, and what each network costs."""

from __future__ import annotations

import streamlit as st

from ddcore.data import DATASETS
from ddcore.experiments import KINDS, Spec, spec
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord
from pages.components import charts, form, frame, parts, progress

LEAD = """
What a network reaches with **all** training images: the number that every distilled set is held against.
The defaults are the course's full-data task.
"""
CONFIG = KINDS["baseline"].config("baseline")


def main() -> None:
    with frame.page("Baselines", LEAD):
        run = frame.chosen_run("baseline", "flops")
        if run is not None and run.kind == "baseline":
            show(run)
            return
        names = ["Train on full data", "Cost of the networks"]
        train, cost = st.tabs(names, default=names[run is not None])
        with train:
            new_run()
            parts.earlier("baseline", "Earlier trainings")
        with cost:
            flops()


def new_run() -> None:
    frame.device_banner()
    dataset = st.selectbox("Data set", list(DATASETS), key="baseline-dataset", persist_state="session",
                           format_func=lambda d: DATASETS[d].title)  # fmt: skip
    parts.data_note(dataset)
    config = form.config_form(
        CONFIG, {"dataset": dataset}, f"baseline.{dataset}", hidden=("dataset",), open_groups=("Network", "Training"),
        limits={"resolution": DATASETS[dataset].resolutions},
    )  # fmt: skip
    if config is not None:
        parts.launch(Spec("baseline", "baseline", config))


def show(run: RunRecord) -> None:
    parts.header(run)
    if run.active:
        progress.follow(run.id, lambda run_id: charts.training(run))
    elif run.state == "done":
        done(run)
    else:
        progress.stopped(run)
    parts.parameters(CONFIG, run)


def done(run: RunRecord) -> None:
    s = run.summary
    accuracy = s["accuracy"]
    with st.grid(4, min_column_width=150):
        st.metric("Test accuracy", text.percent(accuracy["mean"], 2),
                  help=f"Of the final epoch, one network (n = 1), protocol {accuracy['protocol']}.")  # fmt: skip
        st.metric("Majority class", text.percent(s["majority"], 2),
                  help="What always answering the most frequent class would reach.")  # fmt: skip
        st.metric("Training time", text.duration(s["seconds_train"]), help="Validation and testing not included.")
        st.metric("Training images", f"{s['images']:,}", help=f"{s['steps']:,} optimiser steps.")
        st.metric("MACs per image", text.count(s["macs"]),
                  help="Multiply-adds of one forward pass; Cost of the networks says what counts.")  # fmt: skip
        st.metric("FLOPs per image", text.count(s["flops"]), help="2 × MACs: a multiplication and an addition each.")
        st.metric("FLOPs, test set", text.count(2 * s["macs_test_set"]),
                  help=f"One forward pass of all {s['test_images']:,} test images.")  # fmt: skip
        st.metric("Parameters", text.count(s["parameters"]), help=f"{s['parameters']:,} weights.")
    charts.training(run)
    progress.log(run.id)


def flops() -> None:
    """Every network at every image size; made by a tiny job, since counting needs torch."""
    asked = spec("flops", "flops", {})
    run_id = parts.known(asked)
    record = frame.store().record(run_id) if run_id else None
    if record is None:
        st.markdown("How much one image costs in each network at each size. Counting takes a few seconds.")
        parts.launch(asked, label="Count FLOPs")
    elif record.active:
        progress.follow(record.id)
    elif record.state != "done":
        progress.stopped(record)
    else:
        table(record)


def table(record: RunRecord) -> None:
    rows = record.summary["rows"]
    sizes = list(dict.fromkeys(f"{'×'.join(map(str, r['shape']))}, {r['classes']} classes" for r in rows))
    chosen = st.multiselect("Input", sizes, placeholder="All sizes", key="flops-sizes")
    kept = [r for r in rows if not chosen or f"{'×'.join(map(str, r['shape']))}, {r['classes']} classes" in chosen]
    number = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        tables.flops(kept), hide_index=True, width="stretch", height="content",
        column_config={"Parameters": number, "MACs": number, "FLOPs = 2 × MACs": number, "Classes": number},
    )  # fmt: skip
    st.caption(f"How it is counted: {record.summary['convention']}.")


main()
