"""The way from a form or a run to a sweep that starts from its values."""

from collections.abc import Mapping

import streamlit as st

from ddcore.methods import METHODS
from ddcore.runs.store import RunRecord
from pages.components import menu


def can_vary(run: RunRecord) -> bool:
    """Whether a sweep can start from this run: a method of this version made its images."""
    return run.makes_images and run.name in METHODS


def link(query: Mapping[str, str], words: str = "Vary") -> None:
    """The way to the form of a sweep; query: what it starts from, as `form` reads it from the address."""
    st.page_link(menu.of_title("Sweeps").page(), label=words, icon=":material/tune:", query_params=dict(query),
                 help="How do its parameters matter? Opens a sweep that starts from these values.")
