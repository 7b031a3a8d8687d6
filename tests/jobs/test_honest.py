"""What went wrong is told as what it is: broken runs, clocks that are off, full and read-only disks."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest
from toyjobs import toy

from ddcore import jobs
from ddcore.cli import main
from ddcore.errors import DDCoreError, RunBroken
from ddcore.evaluation import plans
from ddcore.experiments import spec
from ddcore.jobs import worker
from ddcore.runs import Store, packing, validation
from ddcore.runs import files as written
from ddcore.runs.files import FolderUnusable, write_json

pytestmark = pytest.mark.usefixtures("toys")


@pytest.mark.parametrize("content", ["", '{"id": "', '{"kind": "distill"}'])
def test_a_set_that_cannot_be_read_is_not_judged_and_says_so(content: str):
    record = Store().create(spec("distill", "random", {"dataset": "digits", "ipc": 1}))
    (record.folder / "run.json").write_text(content)
    with pytest.raises(RunBroken, match=f"run {record.id} cannot be read: "):
        plans.plan(Store().record(record.id), plans.Question("quick"))


@pytest.mark.parametrize(("clock", "told"), [(-3e8, 0.0), (9e9, 4e9)], ids=["before 1970", "after 2096"])
def test_a_clock_that_is_off_by_decades_costs_no_run(clock: float, told: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time, "time", lambda: clock)
    run_id = jobs.run_inline(toy(steps=2))
    record = Store().record(run_id)
    assert (record.state, record.created, record.info["times"]["finished"]) == ("done", told, told)


def full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which there is no room as long as this run's progress lies there."""
    write = written.write_bytes

    def write_bytes(path: Path, content: bytes, durable: bool = True) -> None:
        if path.name in ("job.json", "error.txt", "run.json") and (folder / "progress.json").exists():
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content, durable)

    for module in ("ddcore.runs.files", "ddcore.jobs.job"):
        monkeypatch.setattr(f"{module}.write_bytes", write_bytes)


def test_a_disk_that_fills_up_is_the_reason_that_is_told(monkeypatch: pytest.MonkeyPatch):
    record = Store().create(toy(steps=2))
    full(record.folder, monkeypatch)
    assert worker.execute(Store(), record) == "failed"
    assert "No space left on device" in str(Store().record(record.id).problem)


def test_a_run_of_a_home_that_cannot_be_written_is_looked_at(monkeypatch: pytest.MonkeyPatch):
    record = Store().create(toy(steps=2))
    write_json(record.folder / "job.json", {"state": "queued"})

    def refused(self: Store) -> None:
        raise FolderUnusable("the folder cannot be used: Read-only file system")

    monkeypatch.setattr(Store, "lock", refused)
    assert jobs.status(record.id).state == "queued"
    assert jobs.list_jobs() == []


@pytest.mark.parametrize("when", ["between two files", "while they are listed"])
def test_a_run_that_is_put_away_while_it_is_packed_gives_no_part_of_a_pack(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run_id, store, listed = jobs.run_inline(toy(steps=2)), Store(), validation.names
    if when == "between two files":
        add = packing._add
        monkeypatch.setattr(packing, "_add", lambda *a: [add(*a), store.exists(run_id) and store.trash(run_id)][0])
    else:
        names = iter([["run.json"]])
        monkeypatch.setattr(validation, "names", lambda folder: next(names, listed(folder)))
    with pytest.raises(DDCoreError, match="was put away or changed while it was packed"):
        packing.pack(store, run_id, tmp_path / "one.ddrun")
    assert not [*tmp_path.glob("*.ddrun")]


def test_runs_that_cannot_be_listed_are_not_told_as_none(toys: Path, capsys: pytest.CaptureFixture[str]):
    store = Store()
    assert store.trouble() == ""
    jobs.run_inline(toy(steps=2))
    assert store.trouble() == ""
    store.root.rename(toys / "elsewhere")
    assert store.trouble() == f"The folder {store.root}, which was there before, is gone."
    store.root.write_text("")
    assert store.trouble() == f"The folder {store.root} cannot be read: Not a directory."
    assert main(["runs"]) == 1
    assert "cannot be read: Not a directory." in capsys.readouterr().err
