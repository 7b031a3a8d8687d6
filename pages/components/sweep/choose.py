"""What a sweep is made of: method, data set and preset, what is varied over which values, and how cells are judged."""

from collections.abc import Collection, Mapping
from math import log2
from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.errors import ConfigError, in_words
from ddcore.experiments import KINDS, Spec
from ddcore.experiments.axes import EVALUATION, axes
from ddcore.experiments.sweep import WITHOUT_THEM, SweepConfig, set_by_hand
from ddcore.jobs.requirements import check_data, check_disk
from ddcore.methods import METHODS
from ddcore.params import ParamInfo
from ddcore.report import sizes, sweeps, text
from ddcore.runs.files import size
from ddcore.runs.store import RunRecord
from ddcore.settings import NETWORK_PARAMS
from pages.components import edits, fields, frame, menu, whose, widgets
from pages.components import form as forms
from pages.components.markdown import plain

HOW = "Values with commas (0, 0.01, 1), or a range with a number of values (0.1..100:4)."
NUMBERS = ("int", "float")
TIMES = {"even": (0.5, 1, 2), "log": (0.1, 1, 10)}  # the preset's value: what a new axis starts with
SHOWN = ("seeds", "protocol", "nets", "strategy", "budget")  # of the sweep itself, before More
MOST_AXES = 4  # offered here; the command line takes any number


def form(like: RunRecord | None) -> None:
    """The form, from an earlier sweep, a run that one wants to vary, or a preset, and its start button.

    All of it is in the address: method, data set and preset, what was changed, and what is varied.
    """
    place = f"sweep-{like.id}" if like else "sweep"
    if like:
        widgets.starting_point(like)
    method, menus = _arrive(place, like)
    left, middle, right = st.columns(3)
    left.selectbox("Method", menus["method"][1], key=menus["method"][0], persist_state="session",
                   format_func=lambda name: METHODS[name].title)
    dataset = widgets.data_set(middle, menus["dataset"][0], first=str(like.config["dataset"]) if like else "")
    if like and like.config["dataset"] not in DATASETS:
        st.warning(f"The data set “{plain(str(like.config['dataset']))}” is not known here; choose another.",
                   icon=":material/folder_off:")
    config, key = _config(method), f"{place}.{method}"
    values, start = _values(right, menus["preset"], method, dataset, like)
    ready = widgets.data_note(dataset)
    vary, wrong = _axes(config, values, f"{key}.{start}", edits.of(_axes_of(key)))
    varied = [name for part in vary.split("; ") for name in part.partition("=")[0].split("+")]
    sides = {"resolution": DATASETS[dataset].resolutions}
    entered = forms.config_form(config, {**values, "vary": vary}, key, start, limits=sides,
                                hidden=("dataset", "vary", *varied), shown={*config.first(), *SHOWN})
    if WITHOUT_THEM in entered.wrong:
        st.button("Leave these cells out", key=f"{key}-leave-out", icon=":material/block:", on_click=edits.change,
                  args=(key, "leave_out", "True"))
    if entered.asked and not wrong:
        built = Spec("sweep", method, entered.asked).config
        assert isinstance(built, SweepConfig)
        if uneven := sizes.uneven(built):
            st.caption(f":material/info: {plain(uneven)}")
    if entered.changed:
        forms.changed(key, entered.changed)
    with st.bottom:
        spec = Spec("sweep", method, entered.asked) if entered.asked and not wrong else None
        _launch(spec, [*wrong, *entered.wrong], ready)
    edits.tell(key, config.model_fields.keys() - {"vary"}, menus)
    edits.tell(_axes_of(key), ("vary",))


def _config(method: str) -> type[SweepConfig]:
    config = KINDS["sweep"].config(method)
    assert issubclass(config, SweepConfig)
    return config


def _axes_of(form: str) -> str:
    """Under which name is kept what is varied: it is not put back with what was changed in the form."""
    return f"axes of {form}"


def _arrive(place: str, like: RunRecord | None) -> tuple[str, edits.Menus]:
    """Take over what the address says; the method that is asked for, and the menus above the form."""
    names = [*menu.distillers(), *(name for name, method in METHODS.items() if not method.step)]
    sets, key = DATASETS.offered(), f"{place}-method"
    if like:  # an address says of a menu what is not its first choice
        names = sorted(names, key=lambda name: name != like.name)
        sets = [*(own for own in (like.config["dataset"],) if own in DATASETS), *sets]
    method = st.session_state.setdefault(key, names[0])
    if frame.arrived() and (told := st.query_params.get("method")) in names:
        method = told
    presets = [] if like and like.name == method else [preset.name for preset in METHODS[method].presets]
    menus: edits.Menus = {"method": (key, names), "dataset": (f"{place}-dataset", sets),
                          "preset": (f"{place}-preset-{method}", presets)}
    edits.arrive(f"{place}.{method}", _config(method).model_fields.keys() - {"vary"}, menus)
    edits.arrive(_axes_of(f"{place}.{method}"), ("vary",))
    return method, menus


def _values(box: Any, menu_: tuple[str, Collection[str]], method: str, dataset: str,
            like: RunRecord | None) -> tuple[Mapping[str, Any], str]:
    """The parameters that every cell has, and a name for where they come from."""
    if like and like.name == method:
        declared, own = _config(method).model_fields, METHODS[method].Config
        known = {name: value for name, value in like.config.items() if name in declared}
        set_ = set_by_hand(own, {name: value for name, value in known.items() if name in own.model_fields})
        of_sweep = {name: value for name, value in known.items() if name not in own.model_fields}
        return {**set_, **of_sweep, "dataset": dataset}, like.id
    key, presets = menu_
    if not presets:
        return {"dataset": dataset}, dataset
    name = box.selectbox("Preset", presets, key=key, persist_state="session", help="Every cell starts from it. "
                         + "\n\n".join(f"**{p.name}**: {p.help}" for p in METHODS[method].presets))
    return METHODS[method].preset_values(name, dataset), f"{dataset}.{name}"


def _axes(
    config: type[SweepConfig], values: Mapping[str, Any], key: str, kept: dict[str, str]
) -> tuple[str, list[str]]:
    """What is varied, as it is written, and what is wrong with it; kept: what a person has made of it."""
    varied, parts, wrong = config.varied(), list[str](), list[str]()
    base = METHODS[config.method].Config.fill({
        n: v for n, v in values.items() if v is not None and (n in varied or n == "dataset")})
    first = [name for name in config.first() if name in varied]
    start = _written(values.get("vary"), varied) or {
        name: _first(varied[name], name, config.method, base) for name in first[-1:]}
    begun = _written(kept.get("vary"), varied) or start
    chosen = f"{key}.axes"
    declared = fields.begin(chosen, list(begun))
    with st.container(border=True):
        names = st.multiselect(
            "What is varied", [*dict.fromkeys((*first, *varied, *start, *begun))], declared, key=chosen,
            max_selections=max(MOST_AXES, len(begun)), format_func=lambda name: _title(name, varied),
            help="Every combination of these values is a cell.", placeholder="Choose at least one parameter",
            filter_mode="contains", select_all=False,
        )
        with st.grid(2, min_column_width=260):
            for name in names:
                p = varied[name.partition("+")[0]]
                typed = f"{key}.values of {name}"
                shown = fields.begin(typed, begun.get(name) or _first(p, name, config.method, base))
                st.text_input(f"{_title(name, varied)}: values", shown or "", key=typed, autocomplete="off",
                              placeholder=HOW, help=f"{HOW} {fields.described(p)}")
                parts.append(f"{name}={st.session_state[typed]}")
                try:
                    axes(parts[-1], varied)
                except ConfigError as error:
                    problems = [problem.replace(name, p.sign) for problem in error.problems]
                    wrong += problems
                    st.markdown(f":red[{plain('; '.join(problems))}]")
    kept["vary"] = vary = "; ".join(parts)
    if _written(vary, varied) == start:
        kept.clear()
    return vary, wrong


def _written(vary: Any, varied: Mapping[str, ParamInfo]) -> dict[str, str]:
    """Axis → its values, of axes as they are written; those that move together are one."""
    parts = [part.strip().partition("=") for part in str(vary or "").split(";")]
    return {names: values for names, _, values in parts if all(name in varied for name in names.split("+"))}


def _title(names: str, varied: Mapping[str, ParamInfo]) -> str:
    return " + ".join(f"{'Evaluation: ' if '.' in name else ''}{fields.title(varied[name])}"
                      for name in names.split("+"))


def _first(p: ParamInfo, name: str, method: str, base: Mapping[str, Any]) -> str:
    """What a new axis starts with: values around that of the preset, or all choices, of those that can run.

    base: what every cell has. An evaluation is of the same network where nothing else is said.
    """
    value = base.get(name, base.get(name.rpartition(".")[2], p.default))
    if value is None and p.low and p.high:
        value = 2 ** int(log2(p.low * p.high) / 2)  # in the middle of what is allowed
    if p.type not in NUMBERS or not value:
        offers = [*p.choices] if p.choices else [False, True] if p.type == "bool" else [value]
    else:
        around = [value * factor for factor in TIMES["log" if p.log and p.type == "float" else "even"]]
        offers = [int(v) if p.type == "int" else v for v in around
                  if (p.low is None or v >= p.low) and (p.high is None or v <= p.high)]
    return ", ".join(text.value(v) for v in dict.fromkeys(v for v in offers if _runs(method, {**base, name: v}))
                     or offers)


def _runs(method: str, values: Mapping[str, Any]) -> bool:
    """Whether a set can be made with these values, of which some are of its evaluation: whose network, if it is to be
    another one, must take the set's images too."""
    own = METHODS[method].Config
    judging = {bare: value for name, value in values.items() if name.startswith(EVALUATION)
               and (bare := name.removeprefix(EVALUATION)) in NETWORK_PARAMS}
    try:
        own.build({name: value for name, value in {**values, **judging}.items() if name in own.model_fields})
    except ConfigError:
        return False
    return True


def _launch(spec: Spec | None, wrong: list[str], ready: bool) -> None:
    """How many cells and runs it is, how long they take, and the button."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if widgets.refused("Start sweep", "launch-sweep"):
            return
        if spec is None or not ready:
            st.button("Start sweep", type="primary", icon=":material/play_arrow:", key="launch-sweep", disabled=True)
            first, *others = dict.fromkeys(filter(None, map(in_words, wrong))) or [""]
            more = f"; {len(others):,} more above" if others else ""
            st.markdown(f":red[{plain(first)}{more}.]" if wrong else "The data set is not ready.")
            return
        config = spec.config
        assert isinstance(config, SweepConfig)
        known = sweeps.answer(config, frame.store())
        outcome = known.outcome
        if (run := widgets.answer(spec)) and run.state == "done" and not outcome.missing:
            if widgets.open_result("launch-sweep", "sweep"):
                frame.open_run(run.id)
            return
        place, time = st.container(width="content"), sweeps.left(known, frame.store(), frame.device())
        done = known.standing["done"]
        st.markdown(f"**{len(outcome.cells):,} cells**{f', {done:,} of them known' if done else ''}, "
                    f"{len(outcome.missing):,} runs to compute: **{time}**"
                    f", **{size(sweeps.room(known, frame.store()))}** on disk{widgets.behind()}",
                    help=f"{time.basis}.", width="content")
        whose.tick(spec.kind)
        with place:
            removed = DATASETS[config.values()["dataset"]].removed
            pressed = widgets.start("Start sweep", "launch-sweep", time.seconds, disabled=removed)
    if pressed:
        with st.spinner("Starting the sweep …"):
            check_data(frame.store(), outcome.missing)
            check_disk(frame.store(), outcome.missing)
            run_id = sweeps.ask(spec, outcome.missing)
        frame.open_run(run_id)
