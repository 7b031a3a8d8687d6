"""Number fields that cannot mislead: what was typed stays, and is used only where the declaration allows it.

Streamlit's own keeps its last value where what was typed is out of range, so a button would use another number than the
one that stands there.
"""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from ddcore.errors import ConfigError
from ddcore.params import ParamInfo
from pages.components.markdown import plain


@dataclass(frozen=True)
class Number:
    """What stands in a number field; wrong: what is wrong with it in words, "" where the value can be used."""

    value: int | float | None
    wrong: str = ""

    @classmethod
    def of(cls, p: ParamInfo, text: str) -> "Number":
        """What was typed, read as the parameter is declared."""
        try:
            return cls(p.read(text))
        except ConfigError as error:
            return cls(None, "; ".join(error.problems))


def begin(key: str, value: Any) -> Any:
    """Put `value` into a widget that is drawn for the first time; what the widget is declared with.

    Streamlit tells a browser only once what was put into a widget. Where that is lost, as the page is drawn anew before
    it was sent, a browser shows what the widget is declared with: from the second time on that is the same.
    """
    if key in st.session_state:
        return value
    st.session_state[key] = value
    return None


def number(
    p: ParamInfo, value: int | float | str | None, key: str, *, label: str = "", help: str = "", placeholder: str = "",
    width: int | None = None, persist: bool = True,
) -> Number:
    """A field for a number, at `value` (or text as it was typed) unless the person has changed it. What is wrong with
    it stands below it, where the bubble of its help hides nothing, and its frame is red.

    label, help: in place of those declared; placeholder: what nothing means; persist: whether what stands there is
    kept while it is not drawn.
    """
    with st.container(gap="xxsmall", width=width or "stretch", key=f"field-{key}"):
        typed = st.text_input(
            label or title(p), spelled(value), key=key, help=help or described(p), placeholder=placeholder or None,
            autocomplete="off", persist_state="page" if persist else None,
        )
        read = Number.of(p, typed or "")
        if read.wrong:
            with st.container(key=f"wrong-{key}"):
                st.markdown(f":red[{plain(read.wrong)}]")
    return read


def spelled(value: Any) -> str:
    """A value as it stands in a field: 0.1, 1e-05, no number as nothing."""
    if not isinstance(value, float):
        return "" if value is None else str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def title(p: ParamInfo) -> str:
    """ "λ · Task balance", with its unit."""
    return p.title + (f" ({p.unit})" if p.unit else "")


def described(p: ParamInfo) -> str:
    """The declared help, with the bounds and the name that command line and code use."""
    bounds = f" Allowed: {p.allowed}." if p.type in ("int", "float") and p.allowed else ""
    return f"{p.help}{bounds} `{p.flag}`"
