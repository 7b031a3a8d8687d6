"""The Runs page: find, name, tag, compare, download, bring, put away, delete."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.experiments import Spec, spec
from ddcore.runs import packing
from ddcore.runs.store import Store
from pages.components import housekeeping
from tests.pages.conftest import TINY, Backend, Filled, Open, put, words
from tests.runs import shelf

RUNS = "pages/8_Runs.py"


class Kept(NamedTuple):
    """Ids of finished runs."""

    datadam: str
    dm: str
    random: str


@pytest.fixture
def kept(home: Path) -> Kept:
    """A store with finished runs; nothing was computed for them."""
    return Kept(*(made(spec("distill", name, {"dataset": "digits", "ipc": 1})) for name in Kept._fields))


def made(asked: Spec) -> str:
    record = shelf.finished(Store(), asked)
    (record.folder / "pictures" / "final.png").unlink()
    return record.id


def tick(app: AppTest, *ids: str, table: int = 0) -> AppTest:
    """Select the rows of these runs."""
    shown = app.dataframe[table].value
    column = next(name for name in ("id", "Id") if name in shown.columns)
    rows = [shown[column].tolist().index(run_id) for run_id in ids]
    app.session_state[app.dataframe[table].key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return app.run()


def test_failed_and_cancelled_runs_can_be_hidden(open_page: Open, home: Path) -> None:
    ids = {state: put(spec("distill", "datadam", {**TINY, "seed": n}), state)
           for n, state in enumerate(("failed", "cancelled", "interrupted", "queued"))}
    app = open_page(RUNS)
    assert set(app.dataframe[0].value["id"]) == set(ids.values())
    app = tick(app, ids["failed"], ids["cancelled"])
    (button,) = app.get("download_button")
    assert button.proto.disabled
    assert "only finished ones can be packed" in button.proto.help
    app.toggle(key="runs-hide").set_value(True).run()
    assert app.dataframe[0].value["id"].tolist() == [ids["queued"]]


def test_a_run_is_looked_for_extended_named_and_put_away_on_its_page(
    open_page: Open, kept: Kept, backend: Backend
) -> None:
    run = kept.datadam
    app = open_page(RUNS, run=run)
    assert {run, kept.dm} <= set(app.dataframe[0].value["id"])
    app.text_input(key="runs-search").set_value(run[:8])
    app.text_input(key=f"to-{run}").set_value("20000").run()
    assert app.dataframe[0].value["id"].tolist() == [run]
    app.button(key=f"extend-{run}").click().run()
    assert backend.extended == [(run, 20_000)]
    app = open_page(RUNS, run=run)
    next(t for t in app.text_input if t.label == "Name").set_value("**bold** :smile: ![x](http://example.org)")
    next(t for t in app.text_input if t.label == "Note").set_value("<b>bold</b>")
    Store().retag(run, add=["given meanwhile"])
    next(b for b in app.button if b.label == "Save").click().run()
    assert Store().record(run).user["note"] == "<b>bold</b>"
    assert Store().record(run).user["tags"] == ["given meanwhile"]
    assert r"\*\*bold\*\*" in words(app)
    assert "![x](" not in words(app)
    app.button(key=f"trash-{run}").click().run()
    assert not Store().exists(run)
    assert "run" not in app.query_params


@pytest.mark.parametrize(("nets", "offered"), [(3, (4, 6, 100)), (60, (61, 100, 100))])
def test_an_evaluation_is_extended_to_more_networks(
    open_page: Open, kept: Kept, backend: Backend, nets: int, offered: tuple[int, ...]
) -> None:
    run = made(spec("evaluate", "evaluate", {"dataset": "digits", "run": kept.random, "nets": nets}))
    app = open_page(RUNS, run=run)
    field, (low, first, high) = app.text_input(key=f"to-{run}"), offered
    assert (field.label, field.value) == ("n · Networks", str(first))
    field.set_value(str(low - 1)).run()
    assert f"n: from {low} to {high}; got {low - 1}" in words(app)
    assert app.button(key=f"extend-{run}").disabled
    app.text_input(key=f"to-{run}").set_value(str(first)).run()
    app.button(key=f"extend-{run}").click().run()
    assert backend.extended == [(run, first)]


def test_what_cannot_grow_is_not_offered_to_be_extended(open_page: Open, kept: Kept) -> None:
    most = made(spec("evaluate", "evaluate", {"dataset": "digits", "run": kept.random, "nets": 100}))
    for run in (most, kept.random):
        assert f"extend-{run}" not in [button.key for button in open_page(RUNS, run=run).button]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["", "pages/2_Baselines.py"])
def test_a_name_is_shown_as_it_was_given_and_not_as_markup(
    page: str, open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.components.home.LATEST", 9)
    Store().annotate(filled.baseline, name="**bold** :smile: ![x](http://example.org)")
    app = open_page(page, run=filled.baseline)
    shown = words(app) + " ".join(link.proto.label for link in app.get("page_link"))
    assert r"\*\*bold\*\*" in shown
    assert "![x](" not in shown


def test_several_runs_are_compared_and_tagged_and_those_that_may_not_be_put_away_are_told(
    open_page: Open, kept: Kept, backend: Backend
) -> None:
    Store().annotate(kept.dm, tags=["old", "kept"])
    waiting = put(spec("distill", "datadam", {**TINY, "seed": 9}), "queued")
    app = tick(open_page(RUNS), kept.datadam, kept.dm, waiting)
    assert "**3 runs selected**" in words(app)
    link = next(link.proto for link in app.get("page_link") if link.proto.label == "Compare")
    assert link.page.endswith("Compare")
    assert kept.datadam in link.query_string
    assert kept.dm in link.query_string
    app.multiselect(key="house-add").set_value(["kept"])
    app.multiselect(key="house-remove").set_value(["old"])
    next(b for b in app.button if b.label == "Save").click().run()
    assert [Store().record(run).user["tags"] for run in (kept.datadam, kept.dm)] == [["kept"], ["kept"]]
    assert "Tags of 3 runs changed." in app.success[0].value
    tick(app, kept.datadam, kept.dm, waiting).button(key="house-trash").click().run()
    assert {record.id for record in Store().trashed()} == {kept.datadam, kept.dm}
    assert app.success[0].value == "2 runs moved to the trash, at the end of this page."
    assert f"run {waiting} is queued; cancel it first" in app.warning[0].value
    assert "selected" not in words(app), "other runs, which moved up, are not ticked in their place"
    assert not app.run().success, "said once"


def test_runs_come_back_from_the_trash_or_go_for_good_after_a_question(open_page: Open, kept: Kept) -> None:
    made(spec("distill", "random", {"dataset": "digits", "ipc": 2}))
    for run in kept:
        Store().trash(run)
    app = open_page(RUNS)
    assert not any("Share" in table.value.columns for table in app.dataframe), "measured when somebody asks"
    assert app.button(key="house-restore").disabled
    tick(app, kept.random, table=1).button(key="house-restore").click().run()
    assert Store().exists(kept.random)
    app.session_state["house-disk"] = True
    tick(app, kept.dm, table=1)
    shown = next(table.value for table in app.dataframe if "Share" in table.value.columns)
    assert {"Distillation", "Trash"} <= set(shown["What"])
    assert "Delete **1 run** for good? This frees" in words(app)
    app.button(key="house-Delete for good").click().run()
    assert [record.id for record in Store().trashed()] == [kept.datadam]
    app.button(key="house-Empty the trash").click().run()
    assert not Store().trashed()
    assert app.success[0].value == "1 run deleted."


def packed(*ids: str) -> bytes:
    content = io.BytesIO()
    packing.pack_all(Store(), ids, content)
    return content.getvalue()


def test_finished_runs_are_packed_for_a_download(kept: Kept) -> None:
    assert packing.unpack(Store(), io.BytesIO(housekeeping._packed([kept.dm], Store()))).record.id == kept.dm
    became = packing.unpack_all(Store(), io.BytesIO(housekeeping._packed([kept.dm, kept.datadam], Store())))
    assert [one.record.id for one in became if isinstance(one, packing.Arrived)] == [kept.dm, kept.datadam]


def test_runs_are_brought_and_marked_refused_with_their_problems_and_missed_when_they_are_gone(
    open_page: Open, kept: Kept
) -> None:
    content = packed(kept.datadam)
    Store().trash(kept.datadam)
    Store().purge(kept.datadam)
    app = open_page(RUNS)
    files = [("mine.zip", content, "application/zip"), ("*evil*.ddrun", b"PK nothing", "application/zip")]
    app.file_uploader[0].set_value(files).run()
    assert "Brought: " in app.success[0].value
    assert r"\*evil\*.ddrun: it is no packed run" in app.warning[0].value
    (came,) = Store().imports().values()
    assert (app.query_params["run"], came[:16]) == (came, kept.datadam)
    assert f"from {kept.datadam}.ddrun, just now" in words(app)
    row = app.dataframe[0].value.set_index("id").loc[came]
    assert row["state"] == "done (imported)"
    tick(app, kept.dm)
    Store().trash(kept.dm)
    Store().purge(kept.dm)
    app.run()
    assert f"No longer here: {kept.dm}." in app.warning[0].value


def foreign(home: Path) -> dict[str, Path]:
    """Folders that no run wrote, in the store."""
    root = home / "runs" / "distill"
    root.mkdir(parents=True, exist_ok=True)
    ids = {name: root / (digit * 16) for name, digit in zip(("list", "text", "unknown"), "abc", strict=True)}
    for folder in ids.values():
        folder.mkdir()
    (root / "my *notes*").mkdir()
    (root / ("d" * 16)).write_text("a file instead of a folder")
    (root / ("e" * 16)).symlink_to(home)
    (ids["list"] / "run.json").write_text("[1, 2]")
    (ids["text"] / "run.json").write_bytes(b"\xff\xfe")
    info = {"id": "c" * 16, "kind": "distill", "name": "no such method", "config": {"ipc": 1}, "parents": [],
            "times": {}, "summary": {"accuracy": None}}
    (ids["unknown"] / "run.json").write_text(json.dumps(info))
    future = home / "runs" / "future" / ("f" * 16)
    future.mkdir(parents=True)
    (future / "run.json").write_text(json.dumps({**info, "id": "f" * 16, "kind": "future"}))
    return {**ids, "notes": root / "my *notes*", "link": root / ("e" * 16), "future": future}


def test_foreign_folders_are_shown_as_what_they_are_and_can_be_put_away(open_page: Open, home: Path) -> None:
    found = foreign(home)
    app = open_page(RUNS)
    assert set(app.dataframe[0].value["id"]) == {folder.name for folder in found.values()}
    for which in ("list", "notes", "unknown", "link"):
        shown = words(tick(app, found[which].name))
        assert "error it does not know" not in shown
        assert ("This run's folder cannot be read." in shown) == (which != "unknown")
        assert ("knows no" in shown) == (which == "unknown")
    tick(app, *(folder.name for folder in found.values())).button(key="house-trash").click().run()
    assert {record.id for record in Store().trashed()} == {folder.name for folder in found.values()}
    app.button(key="house-Empty the trash").click().run()
    assert not Store().trashed()
    assert (home / "runs").is_dir(), "what a link leads to stays"


def test_trials_are_listed_where_their_kind_is_chosen_and_stay_when_their_search_goes(
    open_page: Open, home: Path
) -> None:
    trial = made(spec("trial", "trial", {"dataset": "digits"}))
    app = open_page(RUNS)
    assert app.dataframe[0].value.empty
    search = made(spec("search", "search", {"dataset": "digits", "proxies": "early"}))
    app = open_page(RUNS, run=search)
    assert app.dataframe[0].value["id"].tolist() == [search]
    assert "Its trials stay" in words(app)
    app.button(key=f"trash-{search}").click().run()
    app.multiselect(key="runs-kind").set_value(["trial"]).run()
    app = tick(app, trial)
    app.button(key=f"trash-{trial}").click().run()
    assert {record.id for record in Store().trashed()} == {search, trial}


def test_evaluations_are_seen_inside_the_run_they_judge_and_listed_where_asked_for(
    open_page: Open, kept: Kept, backend: Backend
) -> None:
    asked = spec("evaluate", "evaluate", {"dataset": "digits", "run": kept.dm, "nets": 2})
    done = shelf.finished(Store(), asked, source={"run": kept.dm}).id
    Store().retag(done, add=["judge"])
    running = put(spec("evaluate", "evaluate", {"dataset": "digits", "run": kept.dm, "nets": 3}), "running")
    app = open_page(RUNS)
    shown = app.dataframe[0].value.set_index("id")
    assert set(shown.index) == {*kept}
    assert shown.loc[kept.dm, "accuracy"] == "50.0 % (n = 1)"
    assert "ConvNet-3" in shown.loc[kept.dm, "judged"]
    assert shown.loc[[kept.dm, kept.random], "inside"].tolist() == ["1, 1 running", ""]
    app.text_input(key="runs-search").set_value("judge").run()
    assert app.dataframe[0].value["id"].tolist() == [kept.dm]
    app.text_input(key="runs-search").set_value("").run()
    app.multiselect(key="runs-state").set_value(["running"]).run()
    app = tick(app, kept.dm)
    assert set(app.dataframe[1].value["id"]) == {done, running}
    assert sorted(app.dataframe[1].value["state"]) == ["done", "running"]
    app = tick(app, done, table=1)
    app.button(key=f"trash-{done}").click().run()
    assert not Store().exists(done)
    assert Store().exists(kept.dm)
    app = open_page(RUNS)
    app.multiselect(key="runs-kind").set_value(["evaluate"]).run()
    assert app.dataframe[0].value["id"].tolist() == [running]
