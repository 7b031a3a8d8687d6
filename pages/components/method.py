"""The page of a method: choose a preset, start a run, watch it, judge it. The same for every method."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.errors import DDCoreError
from ddcore.evaluation import plans
from ddcore.experiments import KINDS, Spec
from ddcore.experiments.distill import DistillSummary
from ddcore.methods import METHODS, Method
from ddcore.protocols import PROTOCOLS
from ddcore.report import text
from ddcore.runs.store import RunRecord
from pages.components import (
    answer,
    charts,
    edits,
    evaluation,
    form,
    frame,
    images,
    run_page,
    stages,
    vary,
    whose,
    widgets,
)


def page(name: str) -> None:
    """The whole page of the method `name`, below the menu."""
    method = METHODS[name]
    shown = ("distill", *method.shows)
    with frame.page(method.title, f"{method.lead or method.summary} {cited(method)}", *shown):
        run = frame.chosen_run(*shown)
        if run is not None:
            if run.kind in method.shows:
                stages.show(run, form=has_form(method, run))
            else:
                show(run)
            return
        like = frame.chosen_run(*shown, parameter="like")
        if like is None or not has_form(method, like):
            frame.device_banner()
            new_run(method)
        else:
            again(method, like)
        widgets.earlier("distill", "Earlier runs", name)
        for kind in filter(frame.store().records, method.shows):
            with st.expander(f"Earlier {KINDS[kind].title.lower()}"):
                widgets.earlier(kind, "")


def cited(method: Method) -> str:
    """The paper as a link; "" of a method without one."""
    words = f"*{method.paper}*" if method.paper else ""
    return f"[{words}]({method.url})." if method.paper and method.url else words


def new_run(method: Method) -> None:
    """Data set and preset, the form they fill in, and the start button."""
    presets = [preset.name for preset in method.presets]
    menus: edits.Menus = {"dataset": (f"{method.name}-dataset", DATASETS.offered()),
                          "preset": (f"{method.name}-preset", presets)}
    edits.arrive(method.name, method.Config.model_fields, menus)
    left, right = st.columns(2)
    dataset = widgets.data_set(left, f"{method.name}-dataset", help="The images to choose from or to distil. *Digits* "
                                "is built in and needs no download; your own are added on the Datasets page.")
    values: Mapping[str, Any] = {"dataset": dataset}
    start = dataset
    if presets:
        preset = right.selectbox("Preset", presets, key=f"{method.name}-preset", persist_state="session",
                                 help="\n\n".join(f"**{p.name}**: {p.help}" for p in method.presets))
        help = method.preset(preset).help
        st.caption(briefly(help), help=f"{help}{special(method, preset, dataset)}")
        values, start = method.preset_values(preset, dataset), f"{dataset}.{preset}"
    widgets.data_note(dataset)
    from_here = {"method": method.name, "dataset": dataset} | ({"preset": preset} if presets else {})
    launch_form(method, values, method.name, from_here, start)
    edits.tell(method.name, method.Config.model_fields, menus)


def briefly(help: str) -> str:
    """How a preset's help begins, up to its first colon or the end of its first sentence."""
    return f"{re.split(r'[:.] ', help)[0].rstrip('.')}."


def special(method: Method, preset: str, dataset: str) -> str:
    """ " On MHIST: image side 64 px, network convnet5.": what a preset has for this data set and not for every one."""
    own = method.preset(preset).special(dataset)
    words = [f"{p.label.lower()} {text.value(own[p.name])} {p.unit}".strip()
             for p in method.Config.params() if p.name in own]
    return f" **On {DATASETS[dataset].title}**: {', '.join(words)}." if words else ""


def has_form(method: Method, run: RunRecord) -> bool:
    """Whether the method's form has all parameters of this run: of its own ones, and of some that it builds on."""
    if run.kind == "distill":
        return run.name == method.name
    return KINDS[run.kind].config(run.name).model_fields.keys() <= method.Config.model_fields.keys()


def again(method: Method, run: RunRecord) -> None:
    """The form as it stood for an earlier run, on the same data set; what that did not ask for is as at first."""
    values = {name: value for name, value in run.config.items() if name in method.Config.model_fields}
    widgets.starting_point(run)
    if values["dataset"] not in DATASETS:
        st.warning(f"The data set “{widgets.plain(values['dataset'])}” is not known here, so nothing can be computed.",
                   icon=":material/folder_off:")
        return
    widgets.data_note(values["dataset"])
    if run.name != method.name:
        values = {**method.preset_values(method.presets[0].name, values["dataset"]), **values}
    key = f"{method.name}.{run.id}"
    edits.arrive(key, method.Config.model_fields)
    launch_form(method, values, key, {"like": run.id})
    edits.tell(key, method.Config.model_fields)


def launch_form(
    method: Method, values: Mapping[str, Any], key: str, from_here: Mapping[str, str], start: str = ""
) -> None:
    """The form from these values, its start button, and the way to a sweep from here; see `form.config_form`."""
    entered = form.spec_form("distill", method.name, values, key, start)
    form.changed(key, entered.changed)
    if entered.asked:
        stages.ahead(whose.asked(entered.asked))
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="content"):
            widgets.launch("distill", entered.asked, entered.wrong, judged)
        vary.link({**from_here, **edits.of(key)}, "Vary …")


def judged(spec: Spec) -> list[Spec]:
    """What judges the set that this run makes, as its page asks it at first: the set and its controls."""
    try:
        return plans.plan(spec, plans.Question(next(iter(PROTOCOLS)))).specs()
    except DDCoreError:  # the data set is not here: the page's note says so
        return []


def show(run: RunRecord) -> None:
    """A run of any method, whatever state it is in."""
    run_page.show(run, done, partial(live, run), form=True)


def live(run: RunRecord, run_id: str) -> None:
    """How far each stage is, then the curve and the images that a run has by now."""
    stages.standing(run)
    if METHODS[run.name].step is None:
        return
    if not run.active and not frame.store().snapshots(run.id):
        st.caption("It ended before its first step, so there are no curves and images.")
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
    """What came out: the answer beside the images, how it is known, then how it went."""
    method = METHODS[run.name]
    left, right = st.columns([1, 3.3], gap="medium")
    with left:
        answer.show(run)
    with right:
        if method.step is None:
            images.coreset(run)
        else:
            images.side_by_side(run, frame.store().snapshots(run.id))
        facts(run)
    for note in run.summary.notes:
        st.caption(f":material/info: {widgets.plain(note)}")
    evaluation.section(run)
    if stages.imitates(run):
        stages.sections(run)
    elif method.step is not None:
        st.header("How it went", anchor=False)
        charts.losses(run, method.curves, beside=True)


def facts(run: RunRecord) -> None:
    """The run in a line: how large the set is, how long it took, how far the images moved."""
    summary = run.answer(DistillSummary)
    words = [f"{summary.images:,} images"]
    if floats := summary.stored_floats:
        words.append(f"{text.count(floats)} stored numbers")
    if METHODS[run.name].step is None:
        words.append(f"chosen in {text.duration(summary.seconds)}")
    else:
        words.append(f"{summary.steps:,} steps in {text.duration(summary.seconds)}")
        words.append(f"pixels moved by {summary.pixel_change:,.2f} σ")
    st.caption(" · ".join(words), help="Stored numbers: pixels, and where they are learnt soft labels and a learning "
               "rate; sets compare fairly only at the same size. Time: resumed parts added up, without what the run "
               "builds on. Pixels moved: mean absolute change since step 0, in standard deviations σ of the data.")
