"""Finished runs whose data set is gone: their pages open, and what was measured is still told."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from ddcore.data import DATASETS
from ddcore.runs.store import Store
from tests.pages.conftest import Filled, Open, words

SHOWN = [
    ("pages/3_DataDAM.py", "distilled"), ("pages/5_DM.py", "dm"), ("pages/4_PAD.py", "pad"),
    ("pages/2_Baselines.py", "baseline"), ("pages/2_Baselines.py", "coreset"),
]


@pytest.fixture
def forgotten(filled: Filled) -> Filled:
    """The finished runs, computed on a data set of a name that nobody here knows."""
    for record in Store().records():
        info = json.loads((record.folder / "run.json").read_text("utf-8"))
        info["config"]["dataset"] = "tiles"
        (record.folder / "run.json").write_text(json.dumps(info), "utf-8")
    return filled


@pytest.fixture
def removed(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """The finished runs, whose data set was removed and left its facts behind."""
    facts = dataclasses.replace(DATASETS["digits"], removed=True)
    monkeypatch.setitem(DATASETS._entries, "digits", facts)
    return filled


@pytest.mark.slow
@pytest.mark.parametrize(("page", "name"), SHOWN)
def test_a_run_on_a_data_set_that_is_not_known_here_opens(
    page: str, name: str, open_page: Open, forgotten: Filled
) -> None:
    app = open_page(page, run=getattr(forgotten, name))
    assert not app.error
    assert "tiles" in words(app)


@pytest.mark.parametrize(
    ("kind", "page"),
    [("scores", "pages/4_PAD.py"), ("experts", "pages/4_PAD.py"), ("describe", "pages/1_Datasets.py"),
     ("evaluate", "pages/8_Runs.py")],
)
def test_every_other_kind_of_run_on_a_data_set_that_is_not_known_here_opens(
    kind: str, page: str, open_page: Open, forgotten: Filled
) -> None:
    app = open_page(page, run=Store().records(kind)[0].id)
    assert not [error for error in app.error if "does not know" in error.value]
    assert "tiles" in words(app)


def test_evaluations_on_a_data_set_that_is_not_known_here_are_told_and_none_is_offered(
    open_page: Open, forgotten: Filled
) -> None:
    app = open_page("pages/3_DataDAM.py", run=forgotten.distilled)
    told: Any = next(table.value for table in app.dataframe if "majority" in table.value.columns)
    assert told["id"].tolist() == [forgotten.evaluated]
    mean = Store().record(forgotten.evaluated).summary.accuracy.mean
    assert told["accuracy"][0].startswith(f"{100 * mean:.1f}")
    assert not [b for b in app.button if "valuate" in b.label or "Train on" in b.label]


@pytest.mark.parametrize("page", ["", "pages/8_Runs.py", "pages/3_DataDAM.py"])
def test_lists_of_runs_name_those_on_a_data_set_that_is_not_known_here(
    page: str, open_page: Open, forgotten: Filled
) -> None:
    app = open_page(page)
    assert not app.error


def test_nothing_is_evaluated_on_a_data_set_that_was_removed(open_page: Open, removed: Filled) -> None:
    app = open_page("pages/3_DataDAM.py", run=removed.distilled)
    assert not app.error
    asked = [b for b in app.button if b.label.startswith(("Evaluate with controls", "Train on full data"))]
    assert [b.disabled for b in asked] == [True, True]
    mean = Store().record(removed.evaluated).summary.accuracy.mean
    accuracies: Any = next(table.value for table in app.dataframe if "accuracy" in table.value.columns)
    assert accuracies["accuracy"][0].startswith(f"{100 * mean:.1f}")


def test_what_must_be_known_of_a_data_set_stands_beside_its_numbers(open_page: Open, filled: Filled) -> None:
    note = "These are other images than the official ones."
    for run_id in (filled.evaluated, filled.baseline):
        file = Store().record(run_id).folder / "run.json"
        info = json.loads(file.read_text("utf-8"))
        info["summary"]["notes"] = [note]
        file.write_text(json.dumps(info), "utf-8")
    for page, run in (("pages/3_DataDAM.py", filled.distilled), ("pages/2_Baselines.py", filled.baseline)):
        assert [w.value for w in open_page(page, run=run).warning].count(note) == 1
