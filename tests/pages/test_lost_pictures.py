"""What a browser never got is told again.

Streamlit drops what it has not sent yet when a page is drawn anew, and tells only once what a page puts into a widget:
the browser would show, and send back, what the widget is declared with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates

from tests.pages.conftest import PAGES, Filled, Open


def plain(widget: Any) -> tuple[Any, Any]:
    return widget.value, widget.proto.value if widget.proto.set_value else widget.proto.default


def choice(widget: Any) -> tuple[Any, Any]:
    proto = widget.proto
    return proto.options[widget.index], proto.raw_value if proto.set_value else proto.options[proto.default]


def choices(widget: Any) -> tuple[Any, Any]:
    proto = widget.proto
    shown = [*proto.raw_values] if proto.set_value else [proto.options[n] for n in proto.default]
    return [proto.options[n] for n in widget.indices], shown


SHOWN: dict[str, Callable[[Any], tuple[Any, Any]]] = {  # (what the page computes with, what a new browser shows)
    "text_input": plain, "checkbox": plain, "toggle": plain, "selectbox": choice, "multiselect": choices,
}


@pytest.mark.parametrize("page", PAGES)
def test_a_browser_that_lost_the_first_picture_shows_what_the_page_computes_with(
    page: str, open_page: Open, filled: Filled
) -> None:
    app: Any = open_page(page)
    before = {widget.proto.id: widget.value for kind in SHOWN for widget in app.get(kind)}
    app._run(WidgetStates())
    after = [(widget, *SHOWN[kind](widget)) for kind in SHOWN for widget in app.get(kind)]
    assert {widget.proto.id: widget.value for widget, _, _ in after} == before
    assert not [f"{widget.label}: {used}, shown {shown}" for widget, used, shown in after if used != shown]
