"""What a person has changed in a form: kept while they look at other pages, and in the address for a reload or a link.

A preset gives all other values: with another one, what was changed stays and what nobody touched follows.
"""

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from ddcore.params import ParamInfo
from pages.components import fields, frame
from pages.components.markdown import plain

Menus = dict[str, tuple[str, Collection[str]]]  # "preset" → (key of its widget, what can be chosen)
NONE: Menus = {}


def of(form: str) -> dict[str, str]:
    """What was changed in this form: parameter → what stands there, as text."""
    edits: dict[str, str] = st.session_state.setdefault(f"changed in {form}", {})
    return edits


def arrive(form: str, parameters: Collection[str], menus: Menus = NONE) -> None:
    """Take over what the address says of a form, where somebody has just come to the page by one that says something.

    What an address does not say of the menus is their first choice.
    """
    told = st.query_params.to_dict()
    if not frame.arrived() or not told.keys() & {*parameters, *menus}:
        return
    edits = of(form)
    edits.clear()
    edits |= {name: words for name, words in told.items() if name in parameters and name not in menus}
    for name, (key, options) in menus.items():
        if options:
            known = told.get(name) in options
            st.session_state[key] = told[name] if known else next(iter(options))
            if name in told and not known:
                st.warning(f"The address asks for the {name} “{plain(told[name][:40])}”, which cannot be chosen here.",
                           icon=":material/link_off:")


def tell(form: str, parameters: Collection[str], menus: Menus = NONE) -> None:
    """Put what was changed, and what was chosen in the menus, into the address."""
    now = st.query_params.to_dict()
    told = {name: words for name, words in now.items() if name not in {*parameters, *menus}}
    for name, (key, options) in menus.items():
        if (chosen := st.session_state.get(key)) and chosen != next(iter(options), None):
            told[name] = chosen
    if (told := told | of(form)) != now:
        st.query_params.from_dict(told)


def change(form: str, parameter: str, words: str) -> None:
    """Change a parameter as if somebody had done so in its widget."""
    of(form)[parameter] = words
    for key in map(str, list(st.session_state)):
        if key.startswith(f"{form}.") and key.endswith(f".{parameter}"):
            del st.session_state[key]


def reset(form: str) -> None:
    """Forget what was changed, and what stands in the widgets, whose keys begin with the form's name."""
    of(form).clear()
    for key in map(str, list(st.session_state)):
        if key.startswith(f"{form}."):
            del st.session_state[key]


def text(p: ParamInfo, value: Any) -> str:
    """A value as it is kept."""
    return fields.spelled(value) if p.type in ("int", "float") else str(value)


def first(p: ParamInfo, edits: Mapping[str, str], start: Any, options: Collection[Any] | None = None) -> Any:
    """What a widget shows at first: what was changed, else where it starts; options: of a choice."""
    if p.name not in edits:
        return start
    changed = edits[p.name]
    if options is not None:
        return next((option for option in options if str(option) == changed), start)
    return changed == str(True) if p.type == "bool" else changed
