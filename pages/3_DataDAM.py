"""DataDAM: choose a preset, start a run, watch it, judge it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.experiments import Spec
from ddcore.methods import METHODS
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord
from pages.components import charts, evaluation, form, frame, images, parts, progress

METHOD = METHODS["datadam"]
LEAD = """
A random network looks at real and at synthetic images; DataDAM moves the synthetic ones until the network
**attends to the same places** in both, again and again with fresh networks.
"""


def main() -> None:
    with frame.page(METHOD.title, f"{LEAD} *{METHOD.paper}.*"):
        run = frame.chosen_run("distill")
        if run is None:
            like = frame.chosen_run("distill", asked="like")
            if like is None or like.name != METHOD.name:
                new_run()
            else:
                again(like)
            parts.earlier("distill", "Earlier runs", name=METHOD.name)
        else:
            show(run)


def new_run() -> None:
    frame.device_banner()
    left, right = st.columns(2)
    dataset = left.selectbox("Data set", list(DATASETS), key="datadam-dataset", format_func=lambda d: DATASETS[d].title,
                             help="The images to distil. *Digits* is built in and needs no download.",
                             persist_state="session")  # fmt: skip
    presets = [p.name for p in METHOD.presets]
    preset = right.selectbox("Preset", presets, key="datadam-preset", persist_state="session",
                             help="\n\n".join(f"**{p.name}**: {p.help}" for p in METHOD.presets))  # fmt: skip
    st.caption(METHOD.preset(preset).help)
    parts.data_note(dataset)
    ask(METHOD.preset(preset).for_dataset(dataset), f"{dataset}.{preset}")


def again(run: RunRecord) -> None:
    """The form as it stood for an earlier run, on the same data set."""
    given = {name: value for name, value in run.config.items() if name in METHOD.Config.model_fields}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Parameters of **{tables.title(run)}**")
        frame.link(run, f"run {run.id}")
        if st.button("Choose a preset instead", key="new-run"):
            frame.open_run(None)
    parts.data_note(given["dataset"])
    ask(given, run.id)


def ask(given: Mapping[str, Any], start: str) -> None:
    """The form from the values `given`, and its start button; start: names where the form starts."""
    config = form.config_form(
        METHOD.Config, given, f"datadam.{start}", hidden=("dataset",), open_groups=("Synthetic set", "Method"),
        limits={"resolution": DATASETS[given["dataset"]].resolutions},
    )  # fmt: skip
    if config is not None:
        parts.launch(Spec("distill", METHOD.name, config), form.changes(config, given))


def show(run: RunRecord) -> None:
    parts.header(run, form=run.name == METHOD.name)
    if run.active:
        progress.follow(run.id, partial(live, run))
    elif run.state == "done":
        done(run)
    else:
        progress.stopped(run)
    parts.parameters(METHODS[run.name].Config, run)


def live(run: RunRecord, run_id: str) -> None:
    """Curves and images of a run that has begun."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        charts.losses(run, METHODS[run.name].curves)
    with right:
        images.so_far(run)


def done(run: RunRecord) -> None:
    summary = run.summary
    with st.grid(4, min_column_width=150):
        st.metric("Synthetic images", f"{summary['images']:,}", help=f"{summary['ipc']} per class.")
        st.metric("Steps", f"{summary['steps']:,}", help="Updates of the images, K·T.")
        st.metric("Distillation time", text.duration(summary["seconds"]), help="Resumed parts added up.")
        st.metric("Mean pixel change", f"{summary['pixel_change']:.2f} σ",
                  help="Mean absolute change from the initial images, in standard deviations of the data.")  # fmt: skip
    images.side_by_side(run, frame.store().snapshots(run.id))
    evaluation.section(run)
    st.subheader("How it went", anchor=False)
    charts.losses(run, METHODS[run.name].curves)
    progress.log(run.id)


main()
