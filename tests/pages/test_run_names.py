"""What runs are called, on every page and in the browser's tab."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ddcore.experiments import spec
from ddcore.methods import METHODS
from ddcore.report import tables
from ddcore.runs.store import moment
from tests.pages.conftest import Filled, Open, put, words

QUICK = METHODS["datadam"].preset("quick").for_dataset("digits")
LAMBDA = "DataDAM · digits · IPC 10 · λ 0.1 · noise"


@pytest.fixture
def tab(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles that the browser's tab was given, one after another."""
    titles: list[str] = []
    monkeypatch.setattr(st, "set_page_config", lambda page_title=None, **_: titles.append(page_title))
    return titles


def test_the_tab_tells_the_page_and_the_run_that_is_open(open_page: Open, tab: list[str]) -> None:
    run = put(spec("distill", "datadam", {**QUICK, "lambda_task": 0.1, "init": "noise"}), "failed")
    open_page("pages/7_Compare.py")
    assert tab[-1] == "Compare · Dataset distillation"
    open_page("pages/3_DataDAM.py", run=run)
    assert tab[-1] == f"{LAMBDA} · Dataset distillation"


def test_what_waits_and_runs_is_named_too(open_page: Open) -> None:
    run = put(spec("distill", "datadam", {**QUICK, "lambda_task": 0.1, "init": "noise"}), "running")
    judged = put(spec("evaluate", "evaluate", {"dataset": "digits", "run": run, "nets": 5, "width": 128}), "queued")
    app = open_page("pages/8_Runs.py")
    assert app.dataframe[0].value.set_index("id")["run"][run] == LAMBDA
    app.multiselect(key="runs-kind").set_value(["evaluate"]).run()
    assert app.dataframe[0].value.set_index("id")["run"][judged] == f"Evaluation of {LAMBDA}, course, n 5"
    assert LAMBDA in words(open_page("pages/3_DataDAM.py", run=run))


def test_a_run_has_one_name_on_every_page(open_page: Open, filled: Filled) -> None:
    with moment() as now:
        name = tables.title(now.record(filled.dm))
    assert name == "DM · digits · IPC 2 · T 2 · η_S 1 · width 8 · real batch 8"
    tabled = [open_page(page).dataframe[0].value.set_index("id")["run"][filled.dm]
              for page in ("pages/8_Runs.py", "pages/7_Compare.py")]
    linked = [label.replace("\\", "") for page in ("", "pages/5_DM.py") for label in links(open_page(page))]
    assert tabled == [name, name]
    assert linked.count(name) == 2


def links(app: AppTest) -> list[str]:
    return [*(link.proto.label for link in app.get("page_link")), *(button.label for button in app.button)]
