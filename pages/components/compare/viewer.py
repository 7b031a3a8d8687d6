"""A picture before and after: one over the other with a divider between them, or blinking."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "ddcore-before-after",
    html=(_HERE / "viewer.html").read_text("utf-8"),
    css=(_HERE / "viewer.css").read_text("utf-8"),
    js=(_HERE / "viewer.js").read_text("utf-8"),
)


def before_after(one: str, other: str, names: tuple[str, str], key: str) -> None:
    """Two pictures of one size, as data addresses; names: what each is, shown as plain text."""
    _mount(key=key, data={"pictures": [one, other], "names": list(names)})
