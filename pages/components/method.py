"""The page of a method: choose a preset, start a run, watch it, judge it. The same for every method."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.experiments import KINDS
from ddcore.experiments.distill import DistillSummary
from ddcore.methods import METHODS, Method
from ddcore.report import text
from ddcore.report.catalogue import STOPPED
from ddcore.runs.store import RunRecord
from pages.components import charts, evaluation, form, frame, images, progress, stages, widgets


def page(name: str) -> None:
    """The whole page of the method `name`, below the menu."""
    method = METHODS[name]
    paper = f" *{method.paper}.*" if method.paper else ""
    with frame.page(method.title, (method.lead or method.summary) + paper):
        run = frame.chosen_run("distill", *method.shows)
        if run is not None:
            (stages.show if run.kind in method.shows else show)(run)
            return
        like = frame.chosen_run("distill", parameter="like")
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
    values: Mapping[str, Any] = {"dataset": dataset}
    start = dataset
    if method.presets:
        preset = right.selectbox("Preset", [p.name for p in method.presets], key=f"{method.name}-preset",
                                 help="\n\n".join(f"**{p.name}**: {p.help}" for p in method.presets),
                                 persist_state="session")
        st.caption(method.preset(preset).help + special(method, preset, dataset))
        values, start = method.preset(preset).for_dataset(dataset), f"{dataset}.{preset}"
    widgets.data_note(dataset)
    launch_form(method, values, start)


def special(method: Method, preset: str, dataset: str) -> str:
    """ " On MHIST: image side 64 px, network convnet5.": what a preset has for this data set and not for every one."""
    own = method.preset(preset).special(dataset)
    words = [f"{p.label.lower()} {text.value(own[p.name])} {p.unit}".strip()
             for p in method.Config.params() if p.name in own]
    return f" **On {DATASETS[dataset].title}**: {', '.join(words)}." if words else ""


def again(run: RunRecord) -> None:
    """The form as it stood for an earlier run, on the same data set."""
    method = METHODS[run.name]
    values = {name: value for name, value in run.config.items() if name in method.Config.model_fields}
    widgets.starting_point(run)
    if values["dataset"] not in DATASETS:
        st.warning(f"The data set “{widgets.plain(values['dataset'])}” is not known here, so nothing can be computed.",
                   icon=":material/folder_off:")
        return
    widgets.data_note(values["dataset"])
    launch_form(method, values, run.id)


def launch_form(method: Method, values: Mapping[str, Any], start: str) -> None:
    """The form from these values, and its start button; start: names where the form starts."""
    if spec := form.spec_form("distill", method.name, values, f"{method.name}.{start}", ("Small set", "Method")):
        stages.ahead(spec)
        widgets.launch(spec, form.changes(spec.config, values))
    else:
        widgets.waits("distill")


def show(run: RunRecord) -> None:
    """A run of any method, whatever state it is in."""
    widgets.header(run, form=True)
    progress.show(run, done, partial(live, run))
    if run.state in STOPPED:
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
    numbers(run, is_coreset=method.step is None)
    for note in run.summary.notes:
        st.info(widgets.plain(note), icon=":material/info:")
    if method.step is None:
        images.coreset(run)
    else:
        images.side_by_side(run, frame.store().snapshots(run.id))
    evaluation.section(run)
    if stages.imitates(run):
        stages.sections(run)
    elif method.step is not None:
        st.subheader("How it went", anchor=False)
        charts.losses(run, method.curves)
    progress.log(run.id)


def numbers(run: RunRecord, *, is_coreset: bool) -> None:
    """The run in a few figures; is_coreset: whether its images were picked rather than made."""
    summary = run.answer(DistillSummary)
    with st.grid(5, min_column_width=140):
        st.metric("Chosen real images" if is_coreset else "Synthetic images", f"{summary.images:,}",
                  help=f"{summary.ipc} per class.")
        if floats := summary.stored_floats:
            st.metric("Stored numbers", text.count(floats), help=f"{floats:,} floats: pixels, and where they are "
                      "learnt soft labels and a learning rate. Sets compare fairly only at the same size.")
        if not is_coreset:
            st.metric("Steps", f"{summary.steps:,}", help="Updates of the synthetic images.")
        st.metric("Selection time" if is_coreset else "Distillation time", text.duration(summary.seconds),
                  help="Resumed parts added up; what the run builds on is not included.")
        if not is_coreset:
            st.metric("Mean pixel change", f"{summary.pixel_change:.2f} σ",
                      help="Mean absolute change since step 0, in standard deviations of the data.")
