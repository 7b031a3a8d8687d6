from __future__ import annotations

import re

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ddcore.home import PROJECT
from tests.pages.conftest import words

PAGE = str(PROJECT / "pages/docs.py")


def test_every_page_of_the_docs_can_be_read_and_links_lead_to_one_another() -> None:
    app = AppTest.from_file(PAGE).run()
    names = [path.stem for path in (PROJECT / "docs").glob("*.md") if path.stem != "index"]
    for name in names:
        app.query_params["page"] = name
        app = app.selectbox[0].set_value(name).run()
        assert not app.exception
        (text,) = (element.value for element in app.markdown)
        assert text.startswith("# ")
        assert ".md)" not in re.sub(r"`[^`]*`", "", text)
        assert set(re.findall(r"\(/Docs\?page=([^)]*)\)", text)) <= set(names)


def test_an_address_of_no_page_shows_the_first() -> None:
    app = AppTest.from_file(PAGE)
    app.query_params["page"] = "../../etc/passwd"
    assert "five minutes" in words(app.run()).lower()


def test_the_browsers_tab_says_which_page_of_the_docs_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    monkeypatch.setattr(st, "set_page_config", lambda page_title: titles.append(page_title))
    AppTest.from_file(PAGE).run()
    assert titles == ["The first five minutes · Dataset distillation"]
