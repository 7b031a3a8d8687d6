"""The queue is looked after: runners that cannot start, processes that stand still, interrupted runs that go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from toyjobs import finish, job, kill, reached, runner, toy, until

from ddcore import home as places
from ddcore import jobs
from ddcore.cli import main
from ddcore.errors import DDCoreError
from ddcore.experiments import KINDS
from ddcore.jobs import keeper, launch
from ddcore.jobs import runner as runners
from ddcore.jobs.job import mark_queued, mark_resumed, mark_running
from ddcore.jobs.keeper import Keeper
from ddcore.jobs.queue import Queue
from ddcore.jobs.runner import Runner
from ddcore.runs import Store
from ddcore.runs.files import sweep, write_json
from ddcore.runs.process import is_alive, start_mark
from ddcore.runs.state import STANDS, STOOD, resumed

pytestmark = pytest.mark.usefixtures("toys")


def test_a_folder_in_the_queue_starts_no_runner_and_holds_up_nobody(toys: Path):
    (toys / "jobs/queue/00000000000000000003.dir").mkdir(parents=True)
    (toys / "jobs/active/cpu.dir").mkdir(parents=True)
    assert jobs.list_jobs() == []
    assert not [*toys.glob("jobs/slots/*")]
    assert finish(jobs.submit(toy(steps=1))).steps == 1


@pytest.fixture
def no_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python that cannot start; the file has a line for every try."""
    tries, python = tmp_path / "tries", tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho $$ >> {tries}\necho 'no such library: libfoo' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    return tries


def test_what_waits_for_a_runner_that_cannot_start_ends_with_the_reason_after_a_few_tries(
    no_python: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(launch, "PATIENCE", (0.05, 0.1))
    run_id, second = jobs.submit(toy(steps=2)), jobs.submit(toy(steps=3))
    until(lambda: jobs.status(run_id).state == "failed")
    assert "no such library: libfoo." in jobs.status(run_id).message
    assert jobs.status(second).state == "failed"
    assert len(no_python.read_text().split()) == 3
    monkeypatch.undo()
    time.sleep(0.2)
    assert Queue().idle()


def test_a_runner_that_is_killed_again_and_again_is_started_more_often_than_one_that_cannot_start(
    no_python: Path, monkeypatch: pytest.MonkeyPatch
):
    python = Path(sys.executable)
    python.write_text(f"#!/bin/sh\necho $$ >> {no_python}\nkill -9 $$\n")
    monkeypatch.setattr(launch, "PATIENCE", (0.02, 0.05))
    monkeypatch.setattr(launch, "KILLED_STARTS", 6)
    run_id = jobs.submit(toy(steps=2))
    until(lambda: jobs.status(run_id).state == "failed")
    assert "it died without a word" in jobs.status(run_id).message
    assert len(no_python.read_text().split()) == 7


def test_runners_that_die_are_started_later_each_time(no_python: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch, "PATIENCE", (0.4, 60.0))
    began = time.monotonic()
    run_id = jobs.submit(toy(steps=2))
    until(lambda: jobs.status(run_id) and len(no_python.read_text().split()) == 2)
    assert time.monotonic() - began > 0.35
    for _ in range(20):
        assert jobs.status(run_id).state == "queued"
    assert len(no_python.read_text().split()) == 2


def test_once_it_can_start_again_everything_goes_on(no_python: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch, "PATIENCE", (0.05,))
    run_id = jobs.submit(toy(steps=2))
    until(lambda: jobs.status(run_id).state == "failed")
    monkeypatch.setattr(sys, "executable", os.environ["_PYTHON"])
    assert jobs.resume(run_id) == run_id
    assert finish(run_id).steps == 2


@pytest.fixture(autouse=True)
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PYTHON", sys.executable)


@pytest.mark.slow  # it waits until a runner has shown no sign of life for some seconds
def test_a_stopped_runner_is_ended_and_the_next_one_takes_over_its_worker(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch, "SILENT", 2 * runners.BEAT_SECONDS)
    run_id = jobs.submit(toy(steps=300, pause=0.03))
    until(lambda: reached(run_id, 1))
    worker, stopped = job(run_id)["pid"], runner()
    os.kill(stopped["pid"], signal.SIGSTOP)
    until(lambda: jobs.status(run_id) and runner()["pid"] != stopped["pid"])
    until(lambda: not is_alive(stopped["pid"], stopped["mark"]))
    assert finish(run_id).pid == worker


def sleeper() -> subprocess.Popen[bytes]:
    """A process in a session of its own that stands still."""
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    os.kill(process.pid, signal.SIGSTOP)
    return process


def test_a_stopped_worker_is_told_at_once_and_its_slot_is_freed_after_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(runners, "STOPPED_SECONDS", 0.1)
    monkeypatch.setattr(runners, "BEAT_SECONDS", 0.02)
    record, process = Store().create(toy(steps=2)), sleeper()
    mark_running(record.folder, "cpu")
    write_json(record.folder / "job.json", {**job(record.id), "pid": process.pid, "mark": start_mark(process.pid)})
    write_json(record.folder / "progress.json", {"done": 1, "total": 2, "eta": 49.0})
    until(lambda: jobs.status(record.id).message == STANDS)
    assert jobs.status(record.id).eta_seconds is None
    main(["show", record.id])
    assert STANDS in capsys.readouterr().out
    Runner("cpu")._watch(record.folder, process.pid, start_mark(process.pid), process)
    assert process.returncode == -signal.SIGKILL
    assert (jobs.status(record.id).state, jobs.status(record.id).message) == ("interrupted", STOOD)


def claimed(run_id: str) -> None:
    queue = Queue()
    queue.add(run_id)
    queue.claim(queue.waiting()[0], "cpu")


@pytest.mark.parametrize("work", [lambda one: one._settle("0" * 16, 0),
                                  lambda one: one._safely(one._run, "0" * 16)], ids=["ended", "about to start"])
def test_a_run_that_is_put_into_the_trash_the_moment_it_ends_costs_nobody_the_runner(work: Callable[[Runner], None]):
    claimed("0" * 16)
    work(Runner("cpu"))
    assert Queue().idle()


def test_a_job_whose_log_cannot_be_written_fails_and_the_runner_goes_on():
    record = Store().create(toy(steps=2))
    (record.folder / "log.txt").mkdir()
    jobs.submit(toy(steps=2))
    until(lambda: jobs.status(record.id).state == "failed")
    assert "log.txt" in jobs.status(record.id).message
    assert finish(jobs.submit(toy(steps=3))).steps == 3


def interrupted(run_id: str) -> None:
    """Kill its worker, and wait until its runner has seen it."""
    until(lambda: job(run_id).get("state") == "running" and reached(run_id, 0))
    kill(job(run_id))
    until(lambda: job(run_id).get("state") == "interrupted" and Queue().idle())


def test_an_interrupted_run_goes_on_by_itself_so_many_times_and_again_once_somebody_asks():
    run_id, kept = jobs.submit(toy(manner="stuck")), Keeper(1)
    until(lambda: job(run_id).get("state") == "running")
    kept.look()
    interrupted(run_id)
    kept.look()
    assert jobs.status(run_id).active
    until(lambda: job(run_id).get("state") == "running")
    kept.look()
    interrupted(run_id)
    kept.look()
    assert jobs.status(run_id).state == "interrupted"
    jobs.resume(run_id)
    until(lambda: job(run_id).get("state") == "running")
    kept.look()
    interrupted(run_id)
    kept.look()
    assert jobs.status(run_id).active


@pytest.mark.parametrize("most", [0, 1])
def test_after_a_reboot_what_was_interrupted_goes_on_if_that_is_wished(most: int):
    run_id = jobs.submit(toy(manner="stuck"))
    until(lambda: reached(run_id, 0))
    kill(runner())
    kill(job(run_id))
    Queue().release("cpu", run_id)
    Keeper(most).look()
    assert Store().state(run_id) in (("queued", "running") if most else ("interrupted",))


def test_what_waits_and_was_lost_from_the_queue_in_a_reboot_is_put_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs.api, "tend", lambda *_: None)
    run_id, queue = jobs.submit(toy(steps=1)), Queue()
    queue.remove(queue.waiting()[0])
    Keeper(0).look()
    until(lambda: (Store().record(run_id).folder / "run.json").exists())


def test_one_that_cannot_go_on_after_a_reboot_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch):
    asked, runs = list[str](), [Store().create(toy(seed=seed)).id for seed in range(2)]

    def go_on(run_id: str) -> None:
        asked.append(run_id)
        raise DDCoreError("what it builds on is gone")

    monkeypatch.setattr(jobs.api, "go_on", go_on)
    for run_id in runs:
        write_json(Store().record(run_id).folder / "job.json", {"state": "running", "pid": 1, "mark": "gone"})
    Keeper(1).look()
    assert sorted(asked) == sorted(runs)


def test_what_was_left_in_a_slot_at_a_reboot_goes_on_though_the_next_runner_is_quick(monkeypatch: pytest.MonkeyPatch):
    run_id = jobs.submit(toy(manner="stuck"))
    until(lambda: reached(run_id, 0))
    kill(runner())
    kill(job(run_id))
    tend = launch.tend

    def quick(store: Store, queue: Queue) -> None:
        tend(store, queue)
        until(lambda: job(run_id).get("state") == "interrupted")

    monkeypatch.setattr(keeper, "tend", quick)
    Keeper(1).look()
    until(lambda: job(run_id).get("state") == "running")


def test_a_run_that_starts_and_dies_between_two_looks_goes_on():
    kept = Keeper(1)
    kept.look()
    run_id = jobs.submit(toy(manner="stuck"))
    interrupted(run_id)
    kept.look()
    assert Store().state(run_id) in ("queued", "running")


def test_a_run_that_is_interrupted_while_there_is_no_keeper_goes_on_at_the_first_look_of_the_next():
    run_id = jobs.submit(toy(manner="stuck"))
    interrupted(run_id)
    assert Queue().interrupted().keys() == {run_id}
    Keeper(1).look()
    assert Store().state(run_id) in ("queued", "running")
    assert Queue().interrupted() == {}


def test_a_keeper_that_lets_nothing_go_on_leaves_that_to_another_one_for_a_while(monkeypatch: pytest.MonkeyPatch):
    run_id = jobs.submit(toy(manner="stuck"))
    interrupted(run_id)
    Keeper(0).look()
    assert Queue().interrupted().keys() == {run_id}
    monkeypatch.setattr(keeper, "UNDECIDED_SECONDS", 0.0)
    Keeper(0).look()
    Keeper(1).look()
    assert Store().state(run_id) == "interrupted"


def test_a_worker_that_is_killed_before_it_said_hello_is_interrupted_and_goes_on(monkeypatch: pytest.MonkeyPatch):
    child = launch.child

    def slow(words: list[str], log: IO[bytes], **more: str) -> subprocess.Popen[bytes]:
        return child(["-c", "import time; time.sleep(60)"] if "ddcore.jobs.worker" in words else words, log, **more)

    claimed(run_id := Store().create(toy(steps=2)).id)
    mark_queued(Store().record(run_id).folder)
    watch = Runner._watch

    def killed(self: Runner, folder: Path, pid: int, *more: Any) -> int | None:
        os.kill(pid, signal.SIGKILL)
        return watch(self, folder, pid, *more)

    with monkeypatch.context() as patch:
        patch.setattr(runners, "child", slow)
        patch.setattr(Runner, "_watch", killed)
        Runner("cpu")._run(run_id)
    assert Store().state(run_id) == "interrupted"
    assert "SIGKILL" in (Store().record(run_id).problem or "")
    assert job(run_id)["sessions"] == 1
    Keeper(1).look()
    assert finish(run_id).steps == 2


@pytest.mark.slow  # it waits for a keeper
def test_what_builds_on_an_interrupted_run_goes_on_with_it():
    parent, kept = jobs.submit(toy(steps=40, pause=0.05)), Keeper(1)
    child = jobs.submit(toy(parent=parent))
    until(lambda: job(parent).get("state") == "running" and reached(parent, 0))
    kill(job(parent))
    until(lambda: job(child).get("state") == "interrupted")
    assert "that it builds on was interrupted" in (Store().record(child).problem or "")
    until(lambda: kept.look() or Queue().interrupted() == {})
    assert finish(child).steps == 3
    assert [resumed(Store().record(one).folder) for one in (parent, child)] == [1, 1]


@pytest.mark.slow  # three runs, one of them twice
def test_what_builds_on_a_run_that_somebody_resumes_goes_on_with_it():
    parent = jobs.submit(toy(steps=40, pause=0.05))
    child = jobs.submit(toy(parent=parent))
    grandchild = jobs.submit(toy(parent=child, seed=1))
    until(lambda: job(parent).get("state") == "running" and reached(parent, 0))
    kill(job(parent))
    until(lambda: jobs.status(grandchild).state == "interrupted")
    jobs.resume(parent)
    assert finish(grandchild).steps == 3
    assert Store().state(child) == "done"


def test_what_builds_on_a_run_that_goes_on_no_more_stays_too(monkeypatch: pytest.MonkeyPatch):
    parent, kept = jobs.submit(toy(manner="stuck")), Keeper(1)
    child = jobs.submit(toy(parent=parent))
    mark_resumed(Store().record(parent).folder)
    interrupted(parent)
    until(lambda: job(child).get("state") == "interrupted")
    until(lambda: kept.look() or Queue().interrupted() == {})
    assert [Store().state(one) for one in (parent, child)] == ["interrupted", "interrupted"]


def test_two_keepers_count_one_time_once():
    run_id = jobs.submit(toy(manner="stuck"))
    interrupted(run_id)
    for _ in range(2):  # both saw that it was interrupted
        jobs.api.go_on(run_id)
    assert resumed(Store().record(run_id).folder) == 1


@pytest.fixture
def light(toys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Toys go on beside the slots, in every process."""
    monkeypatch.setenv("TOY_ASIDE", "1")
    KINDS.__dict__.pop("_entries", None)
    before = sys.modules.pop("toykind", None)
    yield
    sys.modules.pop("toykind", None)
    if before is not None:
        sys.modules["toykind"] = before


@pytest.mark.usefixtures("light")
@pytest.mark.slow  # it waits for a keeper
def test_a_killed_light_run_goes_on_by_itself_if_that_is_wished():
    run_id, kept = jobs.submit(toy(steps=40, pause=0.05)), Keeper(1)
    until(lambda: reached(run_id, 2))
    assert job(run_id)["slot"] == "aside"
    interrupted(run_id)
    kept.look()
    until(lambda: job(run_id).get("state") in ("running", "done"))
    assert finish(run_id).steps == 40
    assert (job(run_id)["slot"], job(run_id)["sessions"]) == ("aside", 2)


@pytest.mark.usefixtures("light")
def test_light_runs_that_wait_at_a_reboot_start_at_a_look_of_the_keeper(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs.api, "tend", lambda *_: None)
    run_id = jobs.submit(toy(steps=1))
    Keeper(0).look()
    until(lambda: (Store().record(run_id).folder / "run.json").exists())


@pytest.mark.usefixtures("light")
def test_a_light_run_that_ignores_a_cancel_is_killed_after_its_grace():
    run_id = jobs.submit(toy(manner="stuck"))
    until(lambda: job(run_id).get("state") == "running" and reached(run_id, 0))
    jobs.cancel(run_id, grace=0.2)
    until(lambda: job(run_id).get("state") == "cancelled" and Queue().idle())
    assert Queue().interrupted() == {}


def test_what_a_killed_worker_left_half_written_is_swept():
    run_id = jobs.submit(toy(manner="stuck"))
    until(lambda: job(run_id).get("state") == "running" and reached(run_id, 0))
    left = Store().record(run_id).folder / f".progress.json.{job(run_id)['pid']}.7.tmp"
    left.touch()
    interrupted(run_id)
    assert not left.exists()


def test_an_error_that_nobody_thought_of_does_not_end_the_keeper(monkeypatch: pytest.MonkeyPatch):
    looks = list[int]()

    def look(self: Keeper) -> None:
        looks.append(len(looks))
        raise KeyError("unheard of")

    monkeypatch.setattr(Keeper, "look", look)
    monkeypatch.setattr(keeper, "POLL_SECONDS", 0.0)
    keeper.keep(0, lambda: len(looks) < 3)
    assert len(looks) == 3


def test_a_cancelled_run_does_not_go_on_by_itself():
    run_id, kept = jobs.submit(toy(manner="gated")), Keeper(1)
    until(lambda: job(run_id).get("state") == "running")
    kept.look()
    jobs.cancel(run_id)
    until(lambda: Queue().idle())
    kept.look()
    assert jobs.status(run_id).state == "cancelled"


@pytest.mark.slow  # processes of their own: the keeper, the runner, the worker
def test_the_keeper_starts_what_waits_without_anybody_looking(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs.api, "tend", lambda *_: None)
    run_id = jobs.submit(toy(steps=2))
    serve = subprocess.Popen([sys.executable, "-m", "ddcore", "serve"], cwd=places.PROJECT, start_new_session=True)
    try:
        until(lambda: (Store().record(run_id).folder / "run.json").exists())
    finally:
        serve.kill()
        serve.wait()


def test_the_number_of_times_is_a_whole_number(monkeypatch: pytest.MonkeyPatch):
    assert keeper.resumes() == 0
    monkeypatch.setenv("DDCORE_RESUMES", "3")
    assert keeper.resumes() == 3
    monkeypatch.setenv("DDCORE_RESUMES", "-1")
    with pytest.raises(DDCoreError, match="0 or more; got '-1'"):
        keeper.resumes()


def test_a_file_that_is_being_written_is_not_swept_and_what_a_crash_left_is(tmp_path: Path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / "snapshots").mkdir()
    mine, left = tmp_path / f".cancel.{os.getpid()}.0.tmp", tmp_path / "snapshots" / f".20.safetensors.{dead.pid}.1.tmp"
    old, odd = tmp_path / f".old.{os.getpid()}.1.tmp", tmp_path / ".odd.tmp"
    for path in (mine, left, old, odd):
        path.touch()
    os.utime(old, (1, 1))
    sweep(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.tmp")] == [mine.name]
