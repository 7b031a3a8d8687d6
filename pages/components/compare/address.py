"""Values in the address that this page does not know: told, never fatal."""

from collections.abc import Iterable

import streamlit as st

from pages.components.markdown import plain

SHOWN = 40  # letters of such a value: an address may hold anything


def tell(titles: Iterable[str], *, key: str, what: str) -> None:
    """Say which values the address has under this key that are none of these; before the widget that drops them."""
    offered = set(titles)
    if strange := [value[:SHOWN] for value in st.query_params.get_all(key) if value not in offered]:
        st.warning(f"The address names no known {what}: {plain(', '.join(strange))}. It is left out.",
                   icon=":material/link_off:")
