"""Jobs from submit to their end, in real processes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toyjobs import finish, job, reached, toy, until

from ddcore import home as places
from ddcore import jobs
from ddcore.errors import Cancelled, ConfigError, DDCoreError, JobFailed, RunBroken, RunNotFound
from ddcore.experiments import spec
from ddcore.jobs import launch, worker
from ddcore.jobs.asking import enqueue
from ddcore.jobs.job import mark_queued
from ddcore.jobs.queue import Queue
from ddcore.jobs.worker import execute
from ddcore.runs import RunRecord, Store
from ddcore.runs.files import FolderUnusable
from ddcore.runs.recorder import FolderRecorder

pytestmark = pytest.mark.usefixtures("toys")


def test_a_submitted_run_is_computed_in_a_process_of_its_own_and_recorded():
    run_id = jobs.submit(toy(steps=5))
    summary = finish(run_id)
    assert summary.steps == 5
    assert summary.pid != os.getpid()
    assert not summary.torch, "a worker loads torch only when its kind does"
    record = Store().record(run_id)
    assert record.state == "done"
    assert [e["step"] for e in Store().events(run_id)[0] if e["event"] == "step"] == [1, 2, 3, 4, 5]
    assert record.info["times"]["finished"] >= record.info["times"]["started"] >= record.info["times"]["submitted"]
    assert record.info["libraries"]["torch"]
    assert record.info["device"]["type"] == "cpu"
    assert jobs.list_jobs() == []


def test_status_says_how_far_a_run_is_and_how_long_it_will_take():
    run_id = jobs.submit(toy(steps=200, pause=0.02))
    until(lambda: (jobs.status(run_id).eta_seconds or 0) > 0)
    status = jobs.status(run_id)
    assert status.state == "running"
    assert 0 < status.done < 200
    assert status.total == 200
    assert status.phase == "Counting"
    assert status.elapsed_seconds > 0
    assert 0 < status.eta_seconds < 60
    assert status.heartbeat_age < 5
    assert jobs.list_jobs()[0][0] == run_id
    jobs.cancel(run_id)


def test_a_finished_run_is_answered_at_once_and_started_no_more():
    run_id = jobs.run_inline(toy())
    began = time.process_time()
    assert jobs.submit(toy()) == run_id
    assert jobs.status(run_id).state == "done"
    assert time.process_time() - began < 0.05
    assert jobs.list_jobs() == []
    assert jobs.resume(run_id) == run_id
    assert job(run_id)["sessions"] == 1


def test_many_who_ask_the_same_at_once_share_one_run():
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(jobs.submit(toy(steps=4)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    finish(ids[0])
    assert job(ids[0])["sessions"] == 1


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs a system that tells a process's environment")
@pytest.mark.parametrize(
    ("said", "found"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_that_wait_in_a_worker_soon_sleep_unless_somebody_said_otherwise(
    said: dict[str, str], found: str | None, monkeypatch: pytest.MonkeyPatch
):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    run_id = jobs.submit(toy(manner="gated"))
    until(lambda: jobs.status(run_id).state == "running")
    words = Path(f"/proc/{job(run_id)['pid']}/environ").read_text().split("\0")
    (places.home() / "gate").touch()
    finish(run_id)
    assert dict(word.split("=", 1) for word in words if word).get("GOMP_SPINCOUNT") == found


@pytest.mark.slow
def test_the_queue_keeps_its_order_and_says_the_position():
    slow = jobs.submit(toy(steps=2000, pause=0.02))
    later = [jobs.submit(toy(steps=1, seed=seed)) for seed in (5, 3)]
    until(lambda: jobs.status(slow).state == "running")
    assert [jobs.status(run_id).position for run_id in later] == [1, 2]
    assert [run_id for run_id, _ in jobs.list_jobs()] == [slow, *later]
    jobs.cancel(slow)
    for run_id in later:
        finish(run_id)
    assert sorted(later, key=lambda run_id: job(run_id)["started"]) == later


def test_what_is_asked_again_while_it_starts_beside_the_slots_is_started_once(monkeypatch: pytest.MonkeyPatch):
    started, child = list[str](), launch.child
    monkeypatch.setattr(launch, "child", lambda words, log, **more: (started.append(words[-1]), child(words, log))[1])
    described = {jobs.submit(spec("describe", "describe", {"dataset": "digits"})) for _ in range(3)}
    assert started == ["aside"]
    assert finish(described.pop()).classes
    assert not described


def test_all_jobs_are_listed_in_their_order_with_one_look_at_the_queue(monkeypatch: pytest.MonkeyPatch):
    ids, looks, waiting = [toy(seed=seed) for seed in range(20)], [], Queue.waiting
    with Store().lock():
        enqueue(Store(), Queue(), ids)
    monkeypatch.setattr("ddcore.jobs.api.tend", lambda store, queue: None)
    monkeypatch.setattr(Queue, "waiting", lambda queue: (looks.append(queue), waiting(queue))[1])
    assert [(run_id, status.position) for run_id, status in jobs.list_jobs()] == [
        (one.key, place) for place, one in enumerate(ids, 1)]
    assert len(looks) == 1


def test_what_only_reads_goes_on_beside_what_fills_the_slots(toys: Path):
    busy = jobs.submit(toy(manner="gated"))
    waiting = jobs.submit(toy(seed=1))
    until(lambda: jobs.status(busy).state == "running")
    described = jobs.submit(spec("describe", "describe", {"dataset": "digits"}))
    assert finish(described).classes
    assert job(described)["slot"] == "aside"
    assert (jobs.status(busy).state, jobs.status(waiting).state) == ("running", "queued")
    (toys / "gate").touch()
    finish(waiting)
    assert jobs.list_jobs() == []
    assert job(described)["sessions"] == 1


@pytest.mark.slow  # many processes, one after another
def test_beside_the_slots_one_runner_takes_all_that_only_reads(toys: Path, monkeypatch: pytest.MonkeyPatch):
    busy, started, child = jobs.submit(toy(manner="gated")), list[str](), launch.child
    until(lambda: jobs.status(busy).state == "running")
    monkeypatch.setattr(launch, "child", lambda words, log, **more: (started.append(words[-1]), child(words, log))[1])
    questions = spec("describe", "describe", {"dataset": "digits"}), spec("flops", "flops", {})
    described = [jobs.submit(one) for one in questions]
    for run_id in described:
        finish(run_id)
        assert job(run_id)["slot"] == "aside"
    assert started == ["aside"]
    assert job(described[0])["finished"] <= job(described[1])["started"]
    (toys / "gate").touch()
    finish(busy)


def test_what_was_cancelled_before_its_worker_came_up_is_not_computed(toys: Path):
    busy = jobs.submit(toy(manner="gated"))
    until(lambda: jobs.status(busy).state == "running")
    described = jobs.submit(spec("describe", "describe", {"dataset": "digits"}))
    jobs.cancel(described)
    assert worker.main(described, "aside") == 0
    assert jobs.status(described).state == "cancelled"
    jobs.cancel(busy)


def test_a_failure_carries_its_sentence_and_its_traceback():
    run_id = jobs.submit(toy(manner="fail"))
    with pytest.raises(JobFailed, match="it cannot be done"):
        jobs.wait(run_id)
    assert jobs.status(run_id).message == "it cannot be done"
    assert "Traceback" in Store().error(run_id)
    assert "toykind.py" in Store().error(run_id)


def test_a_crash_inside_a_library_reads_as_interrupted_and_names_the_signal():
    run_id = jobs.submit(toy(manner="crash"))
    with pytest.raises(JobFailed, match="interrupted"):
        jobs.wait(run_id)
    until(lambda: "SIGSEGV" in jobs.status(run_id).message)
    assert "Segmentation fault" in Store().log(run_id)


@pytest.mark.slow
def test_parents_are_computed_before_their_children():
    parent = jobs.submit(toy(steps=4))
    child = jobs.submit(toy(parent=parent, steps=2))
    alone = Store().record(jobs.run_inline(toy(steps=2)))
    assert finish(child).total != alone.summary.total
    assert job(parent)["finished"] <= job(child)["started"]


def test_a_failed_parent_fails_the_child_with_a_sentence():
    parent = jobs.submit(toy(manner="fail"))
    child = jobs.submit(toy(parent=parent))
    with pytest.raises(JobFailed, match=f"The run {parent} that it builds on failed"):
        jobs.wait(child)


def test_an_unknown_parent_is_refused_at_once():
    with pytest.raises(RunNotFound, match="0123456789abcdef"):
        jobs.submit(toy(parent="0123456789abcdef"))
    assert Store().records("toy") == [], "nothing is left behind"


def test_a_parent_that_cannot_be_read_is_refused_with_a_sentence_until_it_is_computed_again():
    parent = jobs.run_inline(toy(steps=1))
    (Store().record(parent).folder / "run.json").write_text("{}")
    for _ in range(2):
        with pytest.raises(RunBroken, match=f"run {parent}, which this toy run builds on, cannot be read"):
            jobs.submit(toy(parent=parent))
    assert [r.id for r in Store().records("toy")] == [parent], "nothing is left behind"
    assert jobs.run_inline(toy(steps=1)) == parent
    finish(jobs.submit(toy(parent=parent)))


@pytest.fixture
def shipped(toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[RunRecord], Path]:
    """Moves a run of the user's below a demo root; its new folder."""
    monkeypatch.setattr(places, "demo_root", lambda: tmp_path / "demo")

    def move(record: RunRecord) -> Path:
        target = tmp_path / "demo" / record.kind / record.id
        target.parent.mkdir(parents=True)
        return Path(shutil.move(record.folder, target))

    return move


@pytest.mark.parametrize("spec", ["{", '{"parents": null}', None])
def test_a_waiting_run_that_cannot_be_read_leaves_the_queue_and_holds_up_nobody(spec: str | None):
    broken = Store().create(toy(steps=7))
    mark_queued(broken.folder)
    Queue().add(broken.id)
    (broken.folder / "spec.json").unlink()
    if spec is not None:
        (broken.folder / "spec.json").write_text(spec)
    assert finish(jobs.submit(toy(steps=1))).steps == 1
    assert not Queue().holds(broken.id)
    assert Store().record(broken.id).state == "broken"


def test_an_unfinished_demo_folder_is_no_run_and_its_question_is_computed_at_home(shipped: Callable, toys: Path):
    record = Store().create(toy(steps=2))
    before = contents(folder := shipped(record))
    assert not Store().exists(record.id)
    assert Store().records() == []
    with pytest.raises(RunNotFound):
        jobs.submit(toy(parent=record.id))
    for deed in (jobs.resume, jobs.cancel, jobs.status, Store().trash, Store().annotate):
        with pytest.raises(RunNotFound):
            deed(record.id)
    assert finish(jobs.submit(toy(steps=2))).steps == 2
    assert Store().record(record.id).folder.is_relative_to(toys)
    assert contents(folder) == before


@pytest.mark.parametrize("damage", ["", "{}"])
def test_nothing_is_ever_written_into_a_demo_run(shipped: Callable, damage: str):
    run_id = jobs.run_inline(toy(steps=2))
    folder = shipped(Store().record(run_id))
    if damage:
        (folder / "run.json").write_text(damage)
    before = contents(folder)
    store = Store()
    deeds = (
        jobs.resume,
        jobs.cancel,
        jobs.status,
        lambda run_id: jobs.extend(run_id, 2),
        lambda run_id: jobs.submit(toy(parent=run_id, manner="fail")),
        lambda run_id: worker.main(run_id, "inline"),
        lambda run_id: FolderRecorder(store, run_id),
        store.trash,
        store.annotate,
    )
    for deed in deeds:
        with contextlib.suppress(DDCoreError):
            deed(run_id)
    assert contents(folder) == before
    assert jobs.run_inline(toy(steps=2)) == run_id
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_full_disk_at_submit_is_a_sentence_that_names_the_folder_and_leaves_nothing(toys: Path):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FolderUnusable, match=f"the folder {toys / 'runs'} cannot be used: No space left"):
            jobs.submit(toy(steps=1))
    assert Store().records() == []
    assert jobs.list_jobs() == []
    finish(jobs.submit(toy(steps=1)))


def test_a_home_that_is_no_folder_is_a_sentence_and_looks_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DDCORE_HOME", str(tmp_path / "file"))
    assert Store().records() == []
    assert jobs.list_jobs() == []
    for deed in (jobs.submit, jobs.run_inline, Store().create):
        with pytest.raises(FolderUnusable, match=f"the folder {tmp_path / 'file'}.* cannot be used: .*DDCORE_HOME"):
            deed(toy())


def test_a_cancelled_run_stops_at_its_next_step_and_can_go_on_later():
    run_id = jobs.submit(toy(steps=30, pause=0.03))
    until(lambda: reached(run_id, 3))
    jobs.cancel(run_id)
    with pytest.raises(Cancelled):
        jobs.wait(run_id)
    stopped_at = max(e["step"] for e in Store().events(run_id)[0])
    assert stopped_at < 30
    assert jobs.resume(run_id) == run_id
    assert finish(run_id).steps == 30
    steps = [e["step"] for e in Store().events(run_id)[0] if e["event"] == "step"]
    assert steps == list(range(1, 31)), "each step is told once"
    assert f"from {stopped_at}" in Store().log(run_id)


def test_a_run_cancelled_while_it_waits_never_starts():
    slow = jobs.submit(toy(steps=100, pause=0.03))
    waiting = jobs.submit(toy(seed=1))
    jobs.cancel(waiting)
    assert jobs.status(waiting).state == "cancelled"
    jobs.cancel(slow)
    with pytest.raises(Cancelled):
        jobs.wait(slow)
    assert "started" not in job(waiting)


def test_a_longer_run_continues_the_longest_finished_shorter_one(toys: Path):
    short, _ = (jobs.run_inline(toy(steps=n)) for n in (6, 2))
    long = jobs.extend(short, 9)
    extended = finish(long)
    record = Store().record(long)
    assert record.info["continued_from"] == short
    steps = [e["step"] for e in Store().events(long)[0] if e["event"] == "step"]
    assert steps == list(range(1, 10)), "the history begins with the shorter run's"
    elsewhere = Store(toys / "other")
    assert extended.total == elsewhere.record(jobs.run_inline(toy(steps=9), elsewhere)).summary.total


def test_only_a_finished_run_can_be_extended_and_only_to_more():
    run_id = jobs.run_inline(toy(steps=2))
    with pytest.raises(ConfigError, match="steps must be above the 2 that are done, got 2"):
        jobs.extend(run_id, 2)
    unfinished = Store().create(toy(steps=3)).id
    with pytest.raises(DDCoreError, match="only a finished run can be extended"):
        jobs.extend(unfinished, 9)


def test_a_run_whose_code_has_changed_is_not_resumed_under_its_old_name(monkeypatch):
    run_id = Store().create(toy()).id
    monkeypatch.setenv("TOY_VERSION", "2")
    with pytest.raises(JobFailed, match="has changed since"):
        jobs.resume(run_id)
    assert execute(Store(), Store().record(run_id)) == "failed"
    assert "has changed since" in jobs.status(run_id).message
