"""What takes how much of the disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from shelf import finished, many, question

from ddcore.runs import Store, usage


def bytes_by_title(store: Store) -> dict[str, int]:
    return {used.title: used.bytes for used in usage.usage(store)}


def test_every_place_is_told_and_an_empty_home_takes_nothing(store: Store) -> None:
    found = usage.usage(store)
    assert [used.what for used in found] == ["trash", "own", "prepared", "memo", "compiled"]
    assert not any(used.bytes for used in found)


def test_runs_are_counted_by_kind_and_the_trash_by_itself(store: Store, home: Path) -> None:
    record = finished(store, question())
    (home / "compiled" / "ab").mkdir(parents=True)
    (home / "compiled" / "ab" / "kernel.so").write_bytes(bytes(1000))
    whole = sum(path.stat().st_size for path in record.folder.rglob("*") if path.is_file())
    runs = next(used for used in usage.usage(store) if used.what == "runs")
    assert (runs.kind, runs.title, runs.number, runs.bytes) == ("distill", "Distillation", 1, whole)
    store.trash(record.id)
    found = {used.what: used for used in usage.usage(store)}
    assert (found["trash"].number, found["trash"].bytes) == (1, whole)
    assert found["compiled"].bytes == 1000
    assert "runs" not in found or not found["runs"].bytes


def test_what_is_being_deleted_is_told_with_the_trash_until_it_is_gone(store: Store) -> None:
    record = finished(store, question())
    whole = usage.run_bytes(record.folder)
    store.trash(record.id)
    (store.root / ".trash" / "distill" / record.id).rename(store.root / ".trash" / "distill" / f".{record.id}.1")
    arriving = store.root / ".arriving-x"
    arriving.mkdir()
    (arriving / "file").write_bytes(bytes(10))
    assert next(used for used in usage.usage(store) if used.what == "trash").bytes == whole + 10


def test_a_file_that_vanishes_meanwhile_takes_nothing_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(bytes(10))
    scan = os.scandir

    class Late:
        """A folder whose file b is deleted between being listed and being looked at."""

        def __init__(self, folder: str) -> None:
            self.entries = sorted(scan(folder), key=lambda entry: entry.name)
            (tmp_path / "b").unlink()

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Late)
    assert usage.bytes_of(tmp_path) == 20


def test_a_finished_run_is_measured_again_when_it_changed(store: Store) -> None:
    record = finished(store, question())
    os.utime(record.folder, (1, 1))  # two changes within a tick of the clock would have the same time
    before = usage.run_bytes(record.folder)
    store.annotate(record.id, note="x" * 1000)
    assert usage.run_bytes(record.folder) > before + 1000


def test_links_and_foreign_things_in_the_store_take_nothing_and_stop_nothing(store: Store, tmp_path: Path) -> None:
    finished(store, question())
    before = bytes_by_title(store)
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "file").write_bytes(bytes(10_000))
    (tmp_path / "large" / "run.json").write_bytes(bytes(10_000))
    (store.root / "distill" / "linked").symlink_to(tmp_path / "large")
    (store.root / "distill" / "a file").write_text("x")
    assert bytes_by_title(store) == before


def test_a_thousand_runs_are_measured_without_waiting(store: Store) -> None:
    many(store, 1000)
    began = time.process_time()
    found = usage.usage(store)
    first = time.process_time() - began
    assert next(used for used in found if used.kind == "distill").number == 1000
    began = time.process_time()
    usage.usage(store)
    assert first < 1.0
    assert time.process_time() - began < 0.2
