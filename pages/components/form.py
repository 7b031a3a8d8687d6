"""A form made from a Config: every widget, range and help text comes from the parameter's declaration."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.errors import ConfigError
from ddcore.experiments import KINDS, Spec
from ddcore.params import Config, ParamInfo
from ddcore.report import text
from pages.components import fields

LAST_GROUP = "Run"  # seed and device: what people change least


def spec_form(kind: str, name: str, values: Mapping[str, Any], key: str, open_groups: Sequence[str]) -> Spec | None:
    """The form of a kind of run, from these values on their data set; its Spec, or None where something in it is
    wrong, which is shown."""
    sides = {"resolution": DATASETS[values["dataset"]].resolutions} if "dataset" in values else {}
    config = config_form(KINDS[kind].config(name), values, key, hidden=("dataset",), open_groups=open_groups,
                         limits=sides)
    return None if config is None else Spec(kind, name, config)


def config_form(
    config: type[Config], values: Mapping[str, Any], key: str, *, hidden: Sequence[str] = (),
    open_groups: Sequence[str] = (), limits: Mapping[str, Sequence[Any]] | None = None,
    words: Mapping[str, str] | None = None,
) -> Config | None:
    """Draw the widgets of `config` from these values; the checked Config, or None where something is wrong, which is
    shown.

    key: names the form and its starting point, so that a new preset starts fresh widgets. hidden: parameters that
    are set elsewhere (their value in `values` is used). open_groups: shown at once, the others behind expanders.
    limits: the only values that make sense here for a parameter (a data set's image sizes); one = not asked for.
    words: what choices are called, where they are not shown as they are.
    """
    limits = limits or {}
    start = _start(config, values, key)
    entered, wrong = dict(start), False
    drawn = [p for p in config.params() if p.name not in hidden and start.get(p.name) is not None
             and len(limits.get(p.name, (1, 2))) > 1]
    names = dict.fromkeys(p.group for p in drawn)
    for name in sorted(names, key=lambda name: (name not in open_groups, name == LAST_GROUP)):
        group = [p for p in drawn if p.group == name]
        with st.container(border=True) if name in open_groups else st.expander(_summary(group, start, key)):
            if name in open_groups:
                st.markdown(f"**{name}**")
            with st.grid(3, min_column_width=230, vertical_alignment="bottom"):
                for p in group:
                    now = widget(p, start[p.name], _key(p, start, key), limits.get(p.name), words)
                    wrong |= isinstance(now, fields.Number) and bool(now.wrong)
                    entered[p.name] = now.value if isinstance(now, fields.Number) else now
    if wrong:  # it is told at the field
        return None
    try:
        return config.build(entered)
    except ConfigError as error:
        problems = "\n".join(f"- {problem}" for problem in error.problems)
        st.error(f"These values cannot run:\n\n{problems}", icon=":material/rule:")
        return None


def changes(config: Config, start: Mapping[str, Any]) -> list[str]:
    """ "λ · Task balance 0.02 instead of 0.01" for each value that differs from where the form started."""
    original = type(config).build(start).values()
    return [
        f"{p.title} {text.value(now)} instead of {text.value(original[p.name])}"
        for p in config.params()
        if (now := config.values()[p.name]) != original[p.name]
    ]


def _start(config: type[Config], values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Where every widget starts; a parameter that is not in it is not used by what was chosen.

    An optional parameter starts afresh when one that it follows has changed: another network brings its own width.
    What follows a number, and has a value, stays as it is.
    """
    params = config.params()
    start = config.fill({name: value for name, value in values.items() if value is not None})
    start = {**{p.name: p.default for p in params if p.default is not None}, **start}
    leading = {name for p in params for name in p.follows if name in start}
    entered = {name: _now(config.param(name), f"{key}.{name}", start[name]) for name in leading}
    changed = {name for name in leading if entered[name] != start[name]}
    choices = {p.name for p in params if p.type == "choice"}
    reset = {
        p.name for p in params
        if p.optional and (led := changed & set(p.follows)) and (led & choices or values.get(p.name) is None)
    }
    return config.fill({**{name: value for name, value in start.items() if name not in reset}, **entered})


def _now(p: ParamInfo, key: str, start: Any) -> Any:
    """What stands in this widget; where it starts, before it is drawn and while it is wrong."""
    now = st.session_state.get(key, start)
    if p.type in ("int", "float") and isinstance(now, str):
        read = fields.Number.of(p, now)
        return start if read.wrong else read.value
    return now


def _summary(shown: Sequence[ParamInfo], start: Mapping[str, Any], key: str) -> str:
    """ "Network: convnet3, width 128 …": what a closed expander holds."""
    parts = []
    for p in shown[:5]:
        now = _now(p, _key(p, start, key), start[p.name])
        parts.append(f"{p.symbol or p.label.lower()} {text.value(now)}")
    return f"**{shown[0].group}** · " + ", ".join(parts) + (" …" if len(shown) > 5 else "")


def _key(p: ParamInfo, start: Mapping[str, Any], key: str) -> str:
    """An optional parameter's widget starts afresh when what was chosen brings another value along."""
    return f"{key}.{p.name}" + (f".{start[p.name]}" if p.optional else "")


def widget(
    p: ParamInfo, value: Any, key: str, allowed: Sequence[Any] | None = None, words: Mapping[str, str] | None = None
) -> Any:
    """The widget for one parameter, at `value` unless the person has changed it; of a number, what stands there."""
    if p.type in ("int", "float") and not allowed:
        return fields.number(p, value, key)
    common: dict[str, Any] = {"label": fields.title(p), "key": key, "help": fields.described(p),
                              "persist_state": "page"}
    if p.type == "choice" or allowed:
        options = list(allowed or p.choices or ())
        index = options.index(value) if value in options else 0
        return st.selectbox(options=options, index=index, format_func=lambda v: str((words or {}).get(v, v)), **common)
    if p.type == "bool":
        return st.checkbox(value=bool(value), **common)
    return st.text_input(value=value or "", **common)
