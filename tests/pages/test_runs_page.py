"""The Runs page: find, name, tag, compare, download, bring, put away, delete."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.experiments import spec
from ddcore.runs import packing
from ddcore.runs.store import Store
from pages.components import house
from tests.pages.conftest import TINY, Backend, Filled, Open, put, words

RUNS = "pages/8_Runs.py"


def tick(app: AppTest, *ids: str, table: int = 0) -> AppTest:
    """Select the rows of these runs."""
    shown = app.dataframe[table].value
    column = next(name for name in ("id", "Id") if name in shown.columns)
    rows = [shown[column].tolist().index(run_id) for run_id in ids]
    app.session_state[app.dataframe[table].key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return app.run()


def test_all_runs_stand_in_one_table_and_can_be_searched(open_page: Open, filled: Filled) -> None:
    app = open_page(RUNS)
    assert {filled.distilled, filled.baseline} <= set(app.dataframe[0].value["id"])
    app.text_input(key="runs-search").set_value(filled.baseline[:8]).run()
    assert app.dataframe[0].value["id"].tolist() == [filled.baseline]


def test_failed_and_cancelled_runs_can_be_hidden(open_page: Open, home: Path) -> None:
    ids = {state: put(spec("distill", "datadam", {**TINY, "seed": n}), state)
           for n, state in enumerate(("failed", "cancelled", "interrupted"))}  # fmt: skip
    app = open_page(RUNS)
    assert set(app.dataframe[0].value["id"]) == set(ids.values())
    app.toggle(key="runs-hide").set_value(True).run()
    assert app.dataframe[0].value["id"].tolist() == [ids["interrupted"]]


def test_the_selected_row_is_shown_below(open_page: Open, filled: Filled) -> None:
    app = tick(open_page(RUNS), filled.baseline)
    assert filled.baseline in words(app)


def test_a_finished_run_is_extended_from_its_row(open_page: Open, filled: Filled, backend: Backend) -> None:
    app = open_page(RUNS, run=filled.distilled)
    app.number_input(key=f"to-{filled.distilled}").set_value(6).run()
    app.button(key=f"extend-{filled.distilled}").click().run()
    assert backend.extended == [(filled.distilled, 6)]


def test_names_tags_and_notes_are_kept(open_page: Open, filled: Filled) -> None:
    app = open_page(RUNS, run=filled.baseline)
    next(t for t in app.text_input if t.label == "Name").set_value("for the report")
    next(t for t in app.text_input if t.label == "Note").set_value("<b>bold</b>")
    next(b for b in app.button if b.label == "Save").click().run()
    assert Store().record(filled.baseline).user["name"] == "for the report"
    assert "for the report" in words(app)


@pytest.mark.parametrize("page", ["", "pages/2_Baselines.py", RUNS])
def test_a_name_is_shown_as_it_was_given_and_not_as_markup(page: str, open_page: Open, filled: Filled) -> None:
    Store().annotate(filled.baseline, name="**bold** :smile: ![x](http://example.org)")
    app = open_page(page, run=filled.baseline)
    shown = words(app) + " ".join(link.proto.label for link in app.get("page_link"))
    assert r"\*\*bold\*\*" in shown
    assert "![x](" not in shown


def test_several_rows_are_compared_under_an_address_that_names_them(open_page: Open, filled: Filled) -> None:
    app = tick(open_page(RUNS), filled.distilled, filled.dm)
    assert "**2 runs selected**" in words(app)
    link = next(link.proto for link in app.get("page_link") if link.proto.label == "Compare")
    assert link.page.endswith("Compare")
    assert filled.distilled in link.query_string
    assert filled.dm in link.query_string


def test_tags_are_given_to_several_runs_and_taken_away(open_page: Open, filled: Filled) -> None:
    Store().annotate(filled.dm, tags=["old", "kept"])
    app = tick(open_page(RUNS), filled.distilled, filled.dm)
    app.multiselect(key="house-add").set_value(["kept"])
    app.multiselect(key="house-remove").set_value(["old"])
    next(b for b in app.button if b.label == "Save").click().run()
    assert [Store().record(run).user["tags"] for run in (filled.distilled, filled.dm)] == [["kept"], ["kept"]]
    assert "Tags of 2 runs changed." in app.success[0].value


def test_several_runs_go_to_the_trash_and_those_that_may_not_are_told(
    open_page: Open, filled: Filled, backend: Backend
) -> None:
    waiting = put(spec("distill", "datadam", {**TINY, "seed": 9}), "queued")
    app = tick(open_page(RUNS), filled.distilled, filled.dm, waiting)
    app.button(key="house-trash").click().run()
    assert {record.id for record in Store().trashed()} == {filled.distilled, filled.dm}
    assert app.success[0].value == "2 runs moved to the trash, at the end of this page."
    assert f"run {waiting} is queued; cancel it first" in app.warning[0].value
    assert "selected" not in words(app), "other runs, which moved up, are not ticked in their place"
    assert not app.run().success, "said once"


def test_runs_come_back_from_the_trash_or_go_for_good_after_a_question(open_page: Open, filled: Filled) -> None:
    for run in (filled.distilled, filled.dm, filled.pad):
        Store().trash(run)
    app = open_page(RUNS)
    assert app.button(key="house-restore").disabled
    tick(app, filled.pad, table=1).button(key="house-restore").click().run()
    assert Store().exists(filled.pad)
    tick(app, filled.dm, table=1)
    assert "Delete **1 run** for good? This frees" in words(app)
    app.button(key="house-Delete for good").click().run()
    assert [record.id for record in Store().trashed()] == [filled.distilled]
    app.button(key="house-Empty the trash").click().run()
    assert not Store().trashed()
    assert app.success[0].value == "1 run deleted."


def test_a_single_run_goes_to_the_trash_from_below_the_table(open_page: Open, filled: Filled) -> None:
    app = open_page(RUNS, run=filled.baseline)
    app.button(key=f"trash-{filled.baseline}").click().run()
    assert not Store().exists(filled.baseline)
    assert "run" not in app.query_params


def packed(*ids: str) -> bytes:
    content = io.BytesIO()
    packing.pack_all(Store(), ids, content)
    return content.getvalue()


def test_finished_runs_are_packed_for_a_download(filled: Filled) -> None:
    assert packing.unpack(Store(), io.BytesIO(house._packed([filled.dm]))).record.id == filled.dm
    became = packing.unpack_all(Store(), io.BytesIO(house._packed([filled.dm, filled.distilled])))
    assert [one.record.id for one in became if isinstance(one, packing.Arrived)] == [filled.dm, filled.distilled]


def test_nothing_is_offered_to_download_of_runs_that_are_not_finished(open_page: Open, home: Path) -> None:
    ids = [put(spec("distill", "datadam", {**TINY, "seed": seed}), "failed") for seed in (0, 1)]
    app = tick(open_page(RUNS), *ids)
    (button,) = app.get("download_button")
    assert button.proto.disabled
    assert "only finished ones can be packed" in button.proto.help


def test_a_run_is_brought_shown_and_marked(open_page: Open, filled: Filled, home: Path) -> None:
    content = packed(filled.distilled)
    Store().trash(filled.distilled)
    Store().purge(filled.distilled)
    app = open_page(RUNS)
    app.file_uploader[0].set_value([("mine.zip", content, "application/zip")]).run()
    assert "Brought: " in app.success[0].value
    assert app.query_params["run"] == filled.distilled
    assert f"from {filled.distilled}.ddrun, just now" in words(app)
    row = app.dataframe[0].value.set_index("id").loc[filled.distilled]
    assert row["state"] == "done (imported)"


def test_a_file_that_is_refused_is_told_with_its_problems(open_page: Open, home: Path) -> None:
    app = open_page(RUNS)
    app.file_uploader[0].set_value([("*evil*.ddrun", b"PK nothing", "application/zip")]).run()
    assert r"\*evil\*.ddrun: it is no packed run" in app.warning[0].value
    assert not Store().records()


def test_the_disk_used_is_measured_when_somebody_asks(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(RUNS)
    assert not any("Share" in table.value.columns for table in app.dataframe)
    app.session_state["house-disk"] = True
    app.run()
    shown = next(table.value for table in app.dataframe if "Share" in table.value.columns)
    assert {"Distillation", "Trash"} <= set(shown["What"])


def test_a_run_that_was_deleted_under_the_open_page_is_said_plainly(open_page: Open, filled: Filled) -> None:
    app = tick(open_page(RUNS), filled.dm)
    Store().trash(filled.dm)
    Store().purge(filled.dm)
    app.run()
    assert f"No longer here: {filled.dm}." in app.warning[0].value


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
    info = {"id": "c" * 16, "kind": "distill", "name": "no such method", "config": {"ipc": [1]}, "parents": [],
            "times": {}, "summary": {"accuracy": None}}  # fmt: skip
    (ids["unknown"] / "run.json").write_text(json.dumps(info))
    future = home / "runs" / "future" / ("f" * 16)
    future.mkdir(parents=True)
    (future / "run.json").write_text(json.dumps({**info, "id": "f" * 16, "kind": "future"}))
    return {**ids, "notes": root / "my *notes*", "link": root / ("e" * 16), "future": future}


def test_foreign_folders_are_shown_as_what_they_are_and_can_be_put_away(open_page: Open, home: Path) -> None:
    found = foreign(home)
    app = open_page(RUNS)
    assert set(app.dataframe[0].value["id"]) == {folder.name for folder in found.values()}
    for which, folder in found.items():
        shown = words(tick(app, folder.name))
        assert "error it does not know" not in shown
        assert ("This run's folder cannot be read." in shown) == (which not in ("unknown", "future"))
        assert ("knows no" in shown) == (which in ("unknown", "future"))
        app.button(key=f"trash-{folder.name}").click().run()
    assert {record.id for record in Store().trashed()} == {folder.name for folder in found.values()}
    app.button(key="house-Empty the trash").click().run()
    assert not Store().trashed()
    assert (home / "runs").is_dir(), "what a link leads to stays"
