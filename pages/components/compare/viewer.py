"""A picture before and after: one over the other with a divider between them, or blinking."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

html, css, js = ((Path(__file__).parent / f"viewer.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
_mount = st.components.v2.component("ddcore-before-after", html=html, css=css, js=js)


def before_after(pictures: Sequence[str], names: Sequence[str], key: str) -> None:
    """Two pictures of one size, as data addresses; names: what each is, shown as plain text."""
    _mount(key=key, data={"pictures": list(pictures), "names": list(names)})
