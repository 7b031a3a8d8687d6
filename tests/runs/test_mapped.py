"""Arrays that lie on disk: kept over sessions, read-only afterwards, refused where there is no room."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from shelf import question

from ddcore.errors import RunBroken, RunNotFound
from ddcore.runs import Store
from ddcore.runs.files import FolderUnusable
from ddcore.runs.parent import finished
from ddcore.runs.recorder import FolderRecorder
from ddcore.summary import Summary

SHAPE = (2, 3, 5)


@pytest.fixture
def recorder(store: Store) -> FolderRecorder:
    return FolderRecorder(store, store.create(question()).id)


def again(recorder: FolderRecorder) -> FolderRecorder:
    """The recorder of the next session of the same run."""
    return FolderRecorder(recorder.store, recorder.record.id)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_mapped_array_begins_with_zeros_and_goes_on_with_what_was_written(recorder: FolderRecorder, dtype: str):
    array = recorder.mapped("rows", SHAPE, dtype)
    assert (array.shape, array.dtype.name, array.any()) == (SHAPE, dtype, False)
    array[1, 2] = 0.5
    recorder.checkpoint({}, {})
    kept = again(recorder).mapped("rows", SHAPE, dtype)
    assert (kept[1, 2] == 0.5).all()
    assert kept.sum() == 2.5


@pytest.mark.parametrize(("shape", "dtype"), [((2, 3, 6), "float32"), (SHAPE, "float16")])
def test_an_array_of_another_shape_or_precision_is_begun_anew(
    recorder: FolderRecorder, shape: tuple[int, ...], dtype: str
):
    recorder.mapped("rows", SHAPE, "float32")[:] = 1
    assert not again(recorder).mapped("rows", shape, dtype).any()


@pytest.mark.parametrize("length", [0, 20, 200])
def test_an_array_that_was_cut_short_is_begun_anew(recorder: FolderRecorder, length: int):
    recorder.mapped("rows", SHAPE, "float32")[:] = 1
    recorder.checkpoint({}, {})
    path = recorder.folder / "rows.npy"
    path.write_bytes(path.read_bytes()[:length])
    assert not again(recorder).mapped("rows", SHAPE, "float32").any()


def test_the_run_that_builds_on_it_reads_the_array_and_cannot_write_it(recorder: FolderRecorder):
    recorder.mapped("rows", SHAPE, "float32")[0, 1] = 3
    recorder.finish(Summary(), {})
    seen = finished(recorder.store, recorder.record.id).mapped("rows")
    assert (seen[0, 1] == 3).all()
    with pytest.raises(ValueError, match="read-only"):
        seen[0, 1] = 4


def test_an_array_that_is_not_there_or_not_whole_is_named(recorder: FolderRecorder):
    recorder.mapped("rows", SHAPE, "float32")
    recorder.finish(Summary(), {})
    parent = finished(recorder.store, recorder.record.id)
    with pytest.raises(RunNotFound, match="kept nothing called 'columns'"):
        parent.mapped("columns")
    (recorder.folder / "rows.npy").write_bytes((recorder.folder / "rows.npy").read_bytes()[:140])
    with pytest.raises(RunBroken, match=r"rows\.npy of run .* cannot be read"):
        parent.mapped("rows")


def test_an_array_that_the_disk_has_no_room_for_is_refused_with_the_numbers(
    recorder: FolderRecorder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=3_200_000_000))
    with pytest.raises(FolderUnusable, match=r"needs 12\.8 GB, 3\.2 GB are free in /.*DDCORE_HOME"):
        recorder.mapped("rows", (100, 101, 317_706), "float32")
    assert not list(recorder.folder.glob("*.npy"))
    assert not list(recorder.folder.glob(".*.tmp"))


def test_a_disk_that_fills_up_meanwhile_is_refused_and_leaves_nothing(
    recorder: FolderRecorder, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(FolderUnusable, match="No space left on device"):
        recorder.mapped("rows", SHAPE, "float32")
    assert not [p for p in Path(recorder.folder).iterdir() if "npy" in p.name]


def test_the_place_of_an_array_is_taken_from_the_disk_at_once(recorder: FolderRecorder):
    recorder.mapped("rows", (1, 1, 2**18), "float32")
    assert (recorder.folder / "rows.npy").stat().st_blocks * 512 >= 2**20
