"""A home that is copied while it works: what is restored is whole, and what was computing goes on to the same bits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from toyjobs import finish, job, reached, toy, until

from ddcore import home as places
from ddcore import jobs
from ddcore.runs import Store, whole

pytestmark = [
    pytest.mark.usefixtures("toys"),
    pytest.mark.slow,  # real workers, for half a minute
    pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync, with which deploy/backup copies"),
]


def backup(home: Path, folder: Path) -> Path:
    """The copy that deploy/backup makes."""
    done = subprocess.run([places.PROJECT / "deploy" / "backup", home, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_a_run_that_was_copied_while_it_computed_goes_on_to_the_same_result(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = jobs.submit(toy(seed=3))
    finish(finished)
    run_id = jobs.submit(toy(steps=40, pause=0.05))
    until(lambda: reached(run_id, 5))
    copy = backup(toys, tmp_path / "copies")
    total = finish(run_id).total
    monkeypatch.setenv("DDCORE_HOME", str(copy))
    assert Store().record(finished).state == "done"
    assert not whole.problems(Store().record(finished))
    until(lambda: Store().record(run_id).state == "interrupted")  # its worker has ended, here as after a crash
    assert jobs.resume(run_id) == run_id
    assert finish(run_id).total == total
    assert job(run_id)["sessions"] == 2
    steps = [e["step"] for e in Store().events(run_id)[0] if e["event"] == "step"]
    assert steps == list(range(1, 41))


def test_copies_of_a_busy_home_hold_no_run_that_cannot_be_read(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids = [jobs.submit(toy(seed=seed, steps=2, pause=0.01)) for seed in range(12)]
    copies = []
    while any(jobs.status(one).active for one in run_ids):
        copies.append(backup(toys, tmp_path / f"copies{len(copies)}"))
    assert len(copies) > 5
    seen = set()
    for copy in copies:
        store = Store(copy / "runs")
        seen |= {record.state for record in store.records()}
        for record in store.records():
            assert record.state != "broken", record.problem
            assert not (record.state == "done" and whole.problems(record))
    assert {"done", "queued"} <= seen


def test_a_second_copy_shares_the_files_that_did_not_change(toys: Path, tmp_path: Path) -> None:
    run_id = jobs.submit(toy())
    finish(run_id)
    one = backup(toys, tmp_path / "copies")
    one = one.rename(one.with_name("2000-01-01T00-00-00Z"))
    two = backup(toys, tmp_path / "copies")
    answers = [next(copy.glob(f"runs/*/{run_id}/run.json")).stat() for copy in (one, two)]
    assert answers[0].st_ino == answers[1].st_ino


def test_what_is_no_home_is_not_copied(tmp_path: Path) -> None:
    command = [places.PROJECT / "deploy" / "backup", tmp_path, tmp_path / "to"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "is no home" in done.stderr
