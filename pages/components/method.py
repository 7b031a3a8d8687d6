"""The page of a method: choose a preset, start a run, watch it, judge it. The same for every method."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.experiments import KINDS, Spec
from ddcore.experiments.distill import DistillSummary
from ddcore.methods import METHODS, Method
from ddcore.report import text
from ddcore.runs.store import RunRecord
from pages.components import charts, evaluation, form, frame, images, progress, stages, widgets
from pages.components.markdown import called


def page(name: str) -> None:
    """The whole page of the method `name`, below the menu."""
    method = METHODS[name]
    paper = f" *{method.paper}.*" if method.paper else ""
    with frame.page(method.title, (method.lead or method.summary) + paper):
        run = frame.chosen_run("distill", *method.shows)
        if run is not None:
            (show if run.kind == "distill" else stages.show)(run)
            return
        like = frame.chosen_run("distill", asked="like")
        if like is None or like.name != name:
            frame.device_banner()
            new_run(method)
        else:
            again(like)
        widgets.earlier("distill", "Earlier runs", name)
        for kind in method.shows:
            widgets.earlier(kind, f"Earlier {KINDS[kind].title.lower()}")


def new_run(method: Method) -> None:
    """Data set and preset, the form they fill in, and the start button."""
    left, right = st.columns(2)
    dataset = widgets.data_set(left, f"{method.name}-dataset", help="The images to choose from or to distil. *Digits* "
                                "is built in and needs no download; your own are added on the Datasets page.")
    given: Mapping[str, Any] = {"dataset": dataset}
    start = dataset
    if method.presets:
        preset = right.selectbox("Preset", [p.name for p in method.presets], key=f"{method.name}-preset",
                                 help="\n\n".join(f"**{p.name}**: {p.help}" for p in method.presets),
                                 persist_state="session")
        st.caption(method.preset(preset).help + here(method, preset, dataset))
        given, start = method.preset(preset).for_dataset(dataset), f"{dataset}.{preset}"
    widgets.data_note(dataset)
    ask(method, given, start)


def here(method: Method, preset: str, dataset: str) -> str:
    """ " On MHIST: image side 64 px, network convnet5.": what a preset has for this data set and not for every one."""
    own = method.preset(preset).special(dataset)
    told = [
        f"{p.label.lower()} {text.value(own[p.name])} {p.unit}".strip() for p in method.Config.params() if p.name in own
    ]
    return f" **On {DATASETS[dataset].title}**: {', '.join(told)}." if told else ""


def again(run: RunRecord) -> None:
    """The form as it stood for an earlier run, on the same data set."""
    method = METHODS[run.name]
    given = {name: value for name, value in run.config.items() if name in method.Config.model_fields}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Parameters of **{called(run)}**")
        frame.link(run, f"run {run.id}")
        if st.button("Choose a preset instead", key="new-run"):
            frame.open_run(None)
    if given["dataset"] not in DATASETS:
        st.warning(f"The data set “{widgets.plain(given['dataset'])}” is not known here, so nothing can be computed.",
                   icon=":material/folder_off:")
        return
    widgets.data_note(given["dataset"])
    ask(method, given, run.id)


def ask(method: Method, given: Mapping[str, Any], start: str) -> None:
    """The form from the values `given`, and its start button; start: names where the form starts."""
    config = form.config_form(
        method.Config, given, f"{method.name}.{start}", hidden=("dataset",), open_groups=("Small set", "Method"),
        limits={"resolution": DATASETS[given["dataset"]].resolutions},
    )
    if config is not None:
        asked = Spec("distill", method.name, config)
        stages.ahead(asked)
        widgets.launch(asked, form.changes(config, given))


def show(run: RunRecord) -> None:
    """A run of any method, whatever state it is in."""
    widgets.header(run, form=True)
    if run.active:
        progress.follow(run.id, partial(live, run))
    elif run.state == "done":
        done(run)
    else:
        progress.stopped(run)
        stages.standing(run)
    widgets.parameters(METHODS[run.name].Config, run)


def live(run: RunRecord, run_id: str) -> None:
    """How far each stage is, then curves and images of a run that has begun."""
    stages.standing(run)
    if METHODS[run.name].step is None:
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        if stages.imitates(run):
            stages.live(run)
        else:
            charts.losses(run, METHODS[run.name].curves)
    with right:
        images.so_far(run)


def done(run: RunRecord) -> None:
    """What came out: numbers, images, and how good they are."""
    method = METHODS[run.name]
    numbers(run, chosen=method.step is None)
    for note in run.summary.notes:
        st.info(widgets.plain(note), icon=":material/info:")
    if method.step is None:
        images.chosen(run)
    else:
        images.side_by_side(run, frame.store().snapshots(run.id))
    evaluation.section(run)
    if stages.imitates(run):
        stages.sections(run)
    elif method.step is not None:
        st.subheader("How it went", anchor=False)
        charts.losses(run, method.curves)
    progress.log(run.id)


def numbers(run: RunRecord, *, chosen: bool) -> None:
    """The run in a few figures; chosen: whether its images were picked rather than made."""
    summary = run.answer(DistillSummary)
    with st.grid(5, min_column_width=140):
        what = "Chosen real images" if chosen else "Synthetic images"
        st.metric(what, f"{summary.images:,}", help=f"{summary.ipc} per class.")
        if floats := summary.stored_floats:
            st.metric("Stored numbers", text.count(floats), help=f"{floats:,} floats: pixels, and where they are "
                      "learnt soft labels and a learning rate. Sets compare fairly only at the same size.")
        if not chosen:
            st.metric("Steps", f"{summary.steps:,}", help="Updates of the synthetic images.")
        st.metric("Selection time" if chosen else "Distillation time", text.duration(summary.seconds),
                  help="Resumed parts added up; what the run builds on is not included.")
        if not chosen:
            st.metric("Mean pixel change", f"{summary.pixel_change:.2f} σ",
                      help="Mean absolute change since step 0, in standard deviations of the data.")
