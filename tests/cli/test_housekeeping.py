"""Keeping house from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddcore.cli import main
from ddcore.runs import RunRecord, Store
from tests.runs import shelf

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(home: Path) -> Store:
    return Store()


@pytest.fixture
def runs(store: Store) -> list[RunRecord]:
    """Two finished runs, whose pictures are real ones."""
    found = [shelf.finished(store, shelf.question(seed=seed)) for seed in (0, 1)]
    for record in found:
        (record.folder / "pictures" / "final.png").unlink()
    return found


@pytest.fixture
def say(capsys: Any) -> Say:
    def called(*arguments: object) -> tuple[int, str, str]:
        status = main([str(one) for one in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return called


def answer(say: Say, *arguments: object) -> Any:
    return json.loads(say(*arguments, "--json")[1])


def test_a_run_is_named_tagged_and_noted_by_the_beginning_of_its_id(say: Say, store: Store, runs: Any) -> None:
    run = runs[0].id
    assert answer(say, "rename", run[:8], " for  the report ")["name"] == "for the report"
    assert answer(say, "tag", run, "b", "a", "b")["tags"] == ["a", "b"]
    assert answer(say, "tag", run, "b", "--remove")["tags"] == ["a"]
    assert "note 'look again'" in say("note", run, "look again")[1]
    assert store.record(run).user == {"name": "for the report", "tags": ["a"], "note": "look again"}


def test_a_name_without_end_is_refused(say: Say, runs: Any) -> None:
    status, _, error = say("rename", runs[0].id, "x" * 201)
    assert status == 1
    assert "a name may have 200 characters" in error


def test_tags_given_meanwhile_stay(say: Say, store: Store, runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run, lock = runs[0].id, Store.lock

    def late(self: Store) -> Any:
        """Somebody else gets the lock first."""
        monkeypatch.setattr(Store, "lock", lock)
        store.annotate(run, tags=["theirs"])
        return lock(self)

    monkeypatch.setattr(Store, "lock", late)
    assert answer(say, "tag", run, "mine")["tags"] == ["mine", "theirs"]


def test_a_tag_that_is_not_there_cannot_be_taken_away(say: Say, runs: Any) -> None:
    status, _, error = say("tag", runs[0].id, "x", "--remove")
    assert status == 1
    assert error == f"error: run {runs[0].id} has no tag 'x'\n"


def test_runs_go_into_the_trash_and_back_and_what_cannot_is_told(say: Say, store: Store, runs: Any) -> None:
    ids = [record.id for record in runs]
    status, out, error = say("trash", *ids, "0" * 16)
    assert (status, out) == (1, "2 runs put into the trash\n")
    assert f"error: no run '{'0' * 16}'" in error
    assert {row["run"] for row in answer(say, "trash")["trash"]} == set(ids)
    assert answer(say, "restore", ids[0]) == {"done": [ids[0]], "refused": {}}
    assert [record.id for record in store.records()] == [ids[0]]
    assert say("restore", ids[0])[0] == 1
    say("restore", ids[1])
    assert say("trash")[1] == "the trash is empty\n"


def test_nothing_is_deleted_before_somebody_said_yes(say: Say, store: Store, runs: Any, monkeypatch: Any) -> None:
    say("trash", *(record.id for record in runs))
    asked: list[str] = []
    monkeypatch.setattr("click.confirm", lambda question, **_: bool(asked.append(question)))
    assert say("purge", "--all")[0] == 1
    assert asked[0].startswith("Delete 2 runs for good? This frees ")
    assert len(store.trashed()) == 2
    assert answer(say, "purge", runs[0].id, "--yes")["done"] == [runs[0].id]
    assert answer(say, "purge", "--all", "--yes")["done"] == [runs[1].id]
    assert store.trashed() == []
    assert say("purge")[2] == "error: name the runs to delete, or say --all\n"


def test_runs_are_packed_and_brought_into_another_home(
    say: Say, runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = answer(say, "pack", *(record.id[:9] for record in runs), "--out", tmp_path)["packed"]
    assert [Path(one["file"]).name for one in told] == [f"{record.id}.ddrun" for record in runs]
    assert told[0]["left_out"] == ["checkpoint.safetensors"]
    one = tmp_path / "one.ddrun"
    assert "--heavy takes all" in say("pack", runs[0].id, "--out", one)[1]
    monkeypatch.setenv("DDCORE_HOME", str(tmp_path / "elsewhere"))
    (tmp_path / "bad.ddrun").write_text("no run")
    status, out, error = say("unpack", one, tmp_path / f"{runs[1].id}.ddrun", tmp_path / "bad.ddrun")
    assert status == 1
    assert out.count("here now") == 2
    assert error.startswith("error: bad.ddrun: it is no packed run")
    (again,) = answer(say, "unpack", one)["arrived"]
    assert (again["run"][:17], again["new"]) == (f"{runs[0].id}-", False)
    assert {record.key for record in Store().records()} == {record.id for record in runs}


def test_where_runs_cannot_be_packed_is_said(say: Say, store: Store, runs: Any, tmp_path: Path) -> None:
    unfinished = store.create(shelf.question(seed=9)).id
    status, _, error = say("pack", unfinished, "--out", tmp_path)
    assert (status, "only a finished run can be packed" in error) == (1, True)
    assert "no folder" in say("pack", runs[0].id, "--out", tmp_path / "none")[2]
    several = say("pack", *(record.id for record in runs), "--out", tmp_path / "x.ddrun")[2]
    assert "several runs need a folder" in several


def test_the_disk_used_is_told_by_kind(say: Say, runs: Any) -> None:
    told = answer(say, "usage")
    assert told["usage"][0] | {"bytes": 0} == {"what": "runs", "kind": "distill", "runs": 2, "bytes": 0}
    assert told["bytes"] == sum(row["bytes"] for row in told["usage"]) > 0
    assert "Distillation (2)" in say("usage")[1]


def test_files_that_changed_at_rest_are_found_by_check(
    say: Say, runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for record in runs:
        shelf.sealed(record)
    told = answer(say, "check", "--all")
    assert {one["run"]: (one["problems"], one["known"]) for one in told["runs"]} == {r.id: ([], True) for r in runs}
    images = runs[0].folder / "images.safetensors"
    images.write_bytes(images.read_bytes()[:-1] + b"\1")
    status, out, error = say("check", runs[0].id)
    assert (status, out) == (1, "1 run checked\n")
    assert f"error: run {runs[0].id} " in error
    assert "images.safetensors is damaged: its " in error
    assert say("check", runs[1].id)[0] == 0
    assert say("check")[2] == "error: name the runs to check, or say --all\n"
    shelf.unsealed(runs[1])
    why = "an earlier version made it and kept no hashes, so whether its files changed cannot be told"
    assert say("check", runs[1].id)[1] == f"0 runs checked\n1 run could not be checked: {why}\n"
    assert say("check", "--all")[1] == (f"1 run and 0 own data sets checked\n1 run could not be checked: {why}\n")
    (demo := tmp_path / "demo" / "distill").mkdir(parents=True)
    runs[1].folder.rename(demo / runs[1].id)
    monkeypatch.setattr("ddcore.home.demo_root", lambda: demo.parent)
    assert say("check", "--all")[1].endswith(f"\n1 run shipped with the workbench could not be checked: {why}\n")
