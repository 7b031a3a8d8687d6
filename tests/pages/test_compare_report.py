"""The Report section of the Compare page."""

from __future__ import annotations

from ddcore.runs.store import Store
from tests.pages.conftest import Filled, Open, words

PAGE = "pages/7_Compare.py"


def test_the_pivot_its_source_and_the_commands_are_shown(open_page: Open, filled: Filled) -> None:
    runs = f"{filled.distilled},{filled.dm}"
    app = open_page(PAGE, runs=runs, view="Report")
    assert not app.error
    assert "| DataDAM |" in words(app)
    assert filled.dm in words(app)  # not evaluated, so it is named below the table
    assert app.code[0].value.startswith("\\resizebox")
    app = open_page(PAGE, **{"runs": runs, "view": "Report", "rep-copy": "Commands"})
    assert f"python -m ddcore evaluate {filled.distilled}" in app.code[0].value


def test_rows_columns_and_metric_come_from_the_address(open_page: Open, filled: Filled) -> None:
    asked = {"rep-rows": "Data set", "rep-columns": "Method", "rep-metric": "Balanced test accuracy"}
    app = open_page(PAGE, runs=filled.distilled, view="Report", **asked)
    assert "| Data set | DataDAM |" in words(app)
    assert "Balanced test accuracy in %" in words(app)


def test_a_choice_that_cannot_be_is_said(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, runs=filled.distilled, view="Report", **{"rep-rows": "IPC"})
    assert "ipc is asked for 2 times" in words(app)
    assert not app.error


def test_anybodys_words_stay_words(open_page: Open, filled: Filled) -> None:
    Store().annotate(filled.dm, name="[x](http://example.invalid) :red[y] `a` | b")
    app = open_page(PAGE, runs=f"{filled.distilled},{filled.dm}", view="Report")
    (pivot,) = (one.value for one in app.markdown if "| Method |" in one.value)
    assert "](http" not in pivot.replace("\\]", "")
    assert ":red[" not in pivot
