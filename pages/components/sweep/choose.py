"""What a sweep is made of: method, data set and preset, what is varied over which values, and how cells are judged."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.errors import ConfigError
from ddcore.experiments import KINDS, Spec
from ddcore.experiments.axes import axes
from ddcore.experiments.sweep import SweepConfig
from ddcore.jobs.requirements import check_data, check_disk, disk
from ddcore.methods import METHODS
from ddcore.params import ParamInfo
from ddcore.report import estimate, sweeps, text
from ddcore.runs.files import size
from ddcore.runs.store import RunRecord
from pages.components import fields, frame, menu, widgets
from pages.components import form as forms
from pages.components.markdown import plain

HOW = "Values with commas (0, 0.01, 1), or a range with a number of values (0.1..100:4)."
FIRST = {"int": (0.5, 1, 2), "float": (0.1, 1, 10)}  # times the preset's value: what a new axis starts with
SHOWN = ("seeds", "protocol", "nets", "strategy", "budget")  # of the sweep itself, before More
MOST_AXES = 4  # offered here; the command line takes any number


def form(like: RunRecord | None) -> None:
    """The form, from an earlier sweep, a run that one wants to vary, or a preset, and its start button."""
    names = [*menu.distillers(), *(name for name, method in METHODS.items() if not method.step)]
    wanted = like.name if like else st.query_params.get("method")
    left, middle, right = st.columns(3)
    method = left.selectbox("Method", names, index=names.index(wanted) if wanted in names else 0, key="sweep-method",
                            format_func=lambda name: METHODS[name].title, persist_state="session")
    dataset = widgets.data_set(middle, "sweep-dataset", first=str(like.config["dataset"]) if like else "")
    values, start = _values(right, method, dataset, like)
    ready = widgets.data_note(dataset)
    config: Any = KINDS["sweep"].config(method)
    vary, wrong = _axes(config, values, f"sweep.{method}.{start}")
    varied = [name for part in vary.split("; ") for name in part.partition("=")[0].split("+")]
    key, sides = f"sweep.{method}", {"resolution": DATASETS[dataset].resolutions}
    entered = forms.config_form(config, {**values, "vary": vary}, key, start, limits=sides,
                                hidden=("dataset", "vary", *varied), shown={*config.first(), *SHOWN})
    forms.changed(key, entered.changed)
    with st.bottom:
        spec = Spec("sweep", method, entered.asked) if entered.asked and not wrong else None
        _launch(spec, [*wrong, *entered.wrong], ready)


def _values(box: Any, method: str, dataset: str, like: RunRecord | None) -> tuple[Mapping[str, Any], str]:
    """The parameters that every cell has, and a name for where they come from."""
    if like and like.name == method:
        return {**like.config, "dataset": dataset}, like.id
    presets = METHODS[method].presets
    if not presets:
        return {"dataset": dataset}, dataset
    name = box.selectbox("Preset", [one.name for one in presets], key=f"sweep-preset-{method}", persist_state="session",
                         help="Every cell starts from it. " + "\n\n".join(f"**{p.name}**: {p.help}" for p in presets))
    return METHODS[method].preset(name).for_dataset(dataset), f"{dataset}.{name}"


def _axes(config: type[SweepConfig], values: Mapping[str, Any], key: str) -> tuple[str, list[str]]:
    """What is varied, as it is written, and what is wrong with it."""
    varied, parts, wrong = config.varied(), list[str](), list[str]()
    base = METHODS[config.method].Config.fill({n: v for n, v in values.items() if v is not None and n in varied})
    first = [name for name in config.first() if name in varied]
    written = {name: part.partition("=")[2] for part in str(values.get("vary") or "").split("; ")
               if (name := part.partition("=")[0]) in varied}
    with st.container(border=True):
        names = st.multiselect(
            "What is varied", [*first, *(name for name in varied if name not in first)], max_selections=MOST_AXES,
            default=list(written) or first[-1:], key=f"{key}.axes", format_func=lambda name: _title(name, varied[name]),
            help="Every combination of these values is a cell.", placeholder="Choose at least one parameter",
        )
        with st.grid(2, min_column_width=260):
            for name in names:
                p = varied[name]
                start = written.get(name) or _first(p, base.get(name, p.default))
                typed = st.text_input(_title(name, p), start, key=f"{key}.{name}", autocomplete="off",
                                      help=f"{HOW} {fields.described(p)}")
                parts.append(f"{name}={typed}")
                try:
                    axes(parts[-1], varied)
                except ConfigError as error:
                    problems = [problem.replace(name, p.symbol or p.label) for problem in error.problems]
                    wrong += problems
                    st.markdown(f":red[{plain('; '.join(problems))}]")
    return "; ".join(parts), wrong


def _title(name: str, p: ParamInfo) -> str:
    return f"{'Evaluation: ' if '.' in name else ''}{fields.title(p)}"


def _first(p: ParamInfo, value: Any) -> str:
    """Values around that of the preset, within the declared bounds; all choices."""
    if p.type in FIRST and value:
        around = [value * factor for factor in FIRST[p.type]]
        kept = [v for v in around if (p.low is None or v >= p.low) and (p.high is None or v <= p.high)]
        return ", ".join(text.value(int(v) if p.type == "int" else v) for v in dict.fromkeys(kept))
    return ", ".join(p.choices) if p.choices else "no, yes" if p.type == "bool" else text.value(value)


def _launch(spec: Spec | None, wrong: list[str], ready: bool) -> None:
    """How many cells and runs it is, how long they take, and the button."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if spec is None or not ready:
            st.button("Start sweep", type="primary", icon=":material/play_arrow:", key="launch-sweep", disabled=True)
            st.markdown(f":red[{plain('; '.join(dict.fromkeys(wrong)))}.]" if wrong else "The data set is not ready.")
            return
        config = spec.config
        assert isinstance(config, SweepConfig)
        outcome, records = sweeps.answer(config, frame.store()).outcome, frame.store().records()
        if (run := widgets.answer(spec)) and run.state == "done" and not outcome.missing:
            if widgets.open_result("launch-sweep", "sweep"):
                frame.open_run(run.id)
            return
        place, time = st.container(width="content"), estimate.total(outcome.missing, records, frame.device())
        room = disk(outcome.missing, records)
        st.markdown(f"**{len(outcome.cells):,} cells**, {len(outcome.missing):,} runs to compute: **{time}**"
                    + (f", **{size(room)}** on disk" if room else ""), help=f"{time.basis}.", width="content")
        with place:
            removed = DATASETS[config.values()["dataset"]].removed
            pressed = widgets.start("Start sweep", "launch-sweep", time.seconds, disabled=removed)
    if pressed:
        with st.spinner("Starting the sweep …"):
            check_data(frame.store(), outcome.missing)
            check_disk(frame.store(), outcome.missing)
            run_id = jobs.submit(spec)
        frame.open_run(run_id)
