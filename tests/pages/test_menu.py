"""The menu: every page has an address of its own, and the app starts with whatever Streamlit keeps private."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from ddcore.experiments import KINDS
from ddcore.home import PROJECT
from ddcore.methods import METHODS
from pages.components import menu


def add_kind(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A kind of this name, with a page of its own."""
    kind = replace(KINDS["flops"], name=name, title=f"Kind {name}", page="")
    monkeypatch.setitem(KINDS.__dict__, "_entries", {**dict(KINDS.items()), name: kind})


def add_method(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A distiller of this name."""
    method = replace(METHODS["dm"], name=name, title=f"Method {name}")
    monkeypatch.setitem(METHODS.__dict__, "_entries", {**dict(METHODS.items()), name: method})


def addresses(title: str) -> list[str]:
    return [entry.address for entry in menu.entries() if entry.title == title]


@pytest.mark.parametrize("name", ["runs", "Runs"])
def test_a_kind_named_like_a_page_gets_an_address_beside_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    add_kind(monkeypatch, name)
    assert (addresses("Runs"), addresses(f"Kind {name}")) == (["Runs"], [f"{name}-2"])


def test_a_distiller_named_like_a_page_does_not_take_it_over(monkeypatch: pytest.MonkeyPatch) -> None:
    add_method(monkeypatch, "compare")
    entry = menu.of_method("compare")
    assert entry is not None
    assert (entry.file, entry.address) == (menu.ANY_METHOD, "compare-2")
    assert (menu.of_title("Compare").address, menu.of_title("Compare").method) == ("Compare", "")


def test_kinds_whose_pages_have_one_title_are_each_linked_to_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        add_kind(monkeypatch, name)
        monkeypatch.setitem(KINDS.__dict__["_entries"], name, replace(KINDS[name], title="Same"))
    assert addresses("Same") == ["one", "two"]
    assert menu.of_kind("two", "Same").address == "two"
    assert menu.of_kind("flops", "Baselines").address == "Baselines"


def test_distillers_and_kinds_whose_names_make_one_path_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a b", "a/b"):
        add_method(monkeypatch, name)
    add_kind(monkeypatch, "a-b")
    assert addresses("Method a b") + addresses("Method a/b") + addresses("Kind a-b") == ["a-b", "a-b-2", "a-b-3"]
    every = [entry.address for entry in menu.entries()]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("without", ["the attribute", "the module"])
def test_the_app_starts_with_a_streamlit_that_lacks_the_switch(monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    monkeypatch.delattr(PagesManager, "uses_pages_directory")
    if without == "the module":
        monkeypatch.setitem(sys.modules, "streamlit.runtime.pages_manager", None)
    assert isinstance(runpy.run_path(str(PROJECT / "app.py"), run_name="served")["app"], st.App)
    assert not hasattr(PagesManager, "uses_pages_directory")
