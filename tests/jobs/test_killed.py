"""Processes that are really killed: nothing is lost and nothing is computed twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from toyjobs import finish, job, kill, reached, runner, toy, until, work

from ddcore import home as places
from ddcore import jobs
from ddcore.errors import Cancelled
from ddcore.experiments import KINDS, Spec, spec
from ddcore.jobs import launch
from ddcore.jobs.queue import Queue
from ddcore.jobs.runner import ALREADY_RUNNING
from ddcore.runs import Store
from ddcore.runs.files import write_json
from ddcore.runs.process import is_alive, start_mark

pytestmark = pytest.mark.usefixtures("toys")

SUBMIT = """
import os, signal
from ddcore import jobs
from ddcore.experiments import spec
print(jobs.submit(spec("toy", "toy", {"steps": 20, "pause": 0.03})), flush=True)
os.killpg(0, signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_job_goes_on_when_the_server_that_submitted_it_is_killed():
    server = subprocess.run(
        [sys.executable, "-c", SUBMIT], cwd=places.PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert server.returncode == -signal.SIGKILL
    assert finish(server.stdout.strip()).steps == 20


def test_a_killed_worker_reads_as_interrupted_at_once_and_its_runner_says_why():
    run_id = jobs.submit(toy(manner="stuck"))
    until(lambda: reached(run_id, 0))
    kill(job(run_id))
    assert jobs.status(run_id).state == "interrupted"
    until(lambda: "SIGKILL" in jobs.status(run_id).message)


@pytest.mark.slow
def test_a_worker_goes_on_when_its_runner_is_killed_and_a_new_runner_takes_over():
    run_id = jobs.submit(toy(steps=40, pause=0.03))
    behind = jobs.submit(toy(seed=7))
    until(lambda: reached(run_id, 2))
    old = runner()
    kill(old)
    status = jobs.status(run_id)  # any look starts a new runner
    assert status.state == "running"
    assert runner()["pid"] != old["pid"]
    finish(behind)
    assert finish(run_id).steps == 40
    assert job(run_id)["sessions"] == 1, "it was never started again"
    assert job(run_id)["finished"] <= job(behind)["started"], "one slot, one job at a time"


@pytest.mark.slow
def test_a_cancel_reaches_a_worker_whose_runner_was_killed():
    run_id = jobs.submit(toy(manner="stuck"))
    until(lambda: Store().events(run_id)[0])
    kill(runner())
    child = Store().events(run_id)[0][0]["pid"]
    mark = start_mark(child)
    jobs.cancel(run_id, grace=0.2)
    assert jobs.status(run_id).state == "cancelling"
    with pytest.raises(Cancelled):
        jobs.wait(run_id)
    assert "killed" in jobs.status(run_id).message
    until(lambda: not is_alive(child, mark))  # the whole process group is gone


def test_a_run_whose_worker_and_runner_were_killed_resumes_to_the_same_result(toys: Path):
    run_id = jobs.submit(toy(steps=30, pause=0.03))
    until(lambda: reached(run_id, 3))
    kill(runner())
    kill(job(run_id))
    assert Store().record(run_id).state == "interrupted"
    assert "resumed" in Store().record(run_id).problem
    assert jobs.submit(toy(steps=30, pause=0.0)) == run_id
    resumed = finish(run_id)
    elsewhere = Store(toys / "other")
    assert resumed.total == elsewhere.record(jobs.run_inline(toy(steps=30), elsewhere)).summary.total
    assert job(run_id)["sessions"] == 2
    steps = [e["step"] for e in Store().events(run_id)[0] if e["event"] == "step"]
    assert steps == list(range(1, 31)), "what was done after the last checkpoint is told once"


STAGED = {
    "dataset": "digits", "ipc": 1, "width": 4, "device": "cpu", "train_images": 300, "agents": 1, "score_epochs": 12,
    "experts": 4, "train_epochs": 5, "batch_train": 50, "add_end_epoch": 2, "student_steps": 4, "expert_epochs": 1,
    "first_max_start_epoch": 2, "max_start_epoch": 4, "expansion_iters": 20, "num_iters": 18,
}
STAGES = {  # when to kill, at an event that lies behind the first checkpoint; what is kept in the end
    "scores": (lambda e: e["epoch"] >= 2, ["scores.safetensors", "network.safetensors"]),
    "experts": (lambda e: e.get("first", 0) >= 1, ["trajectories.npy"]),
    "distill": (lambda e: e.get("step", 0) >= 3, ["images.safetensors", "initial.safetensors"]),
}


def stages(last: Spec) -> list[Spec]:
    """A question and all that it needs, first things first."""
    return [*(one for need in KINDS[last.kind].needs(last.name, last.config) for one in stages(need)), last]


def told(store: Store, run_id: str) -> list[dict]:
    """What a run told, without its sessions and times."""
    events = [e for e in store.events(run_id)[0] if e["event"] != "resumed"]
    return [{k: v for k, v in e.items() if k != "seconds"} for e in events]


def kept(store: Store, run_id: str, name: str) -> dict[str, bytes]:
    """Every bit of what a run kept in a file, by name."""
    path = store.record(run_id).folder / name
    arrays = {"": np.load(path)} if path.suffix == ".npy" else load_file(path)
    return {one: array.tobytes() for one, array in arrays.items()}


@pytest.mark.slow  # nine workers, three of them killed: a quarter of a minute
def test_each_stage_of_pad_killed_goes_on_from_its_checkpoint_to_the_same_bits(toys: Path):
    processes = multiprocessing.get_context("forkserver")  # torch is imported once for all of them, not nine times
    processes.set_forkserver_preload(["torch.fx.experimental.symbolic_shapes", "ddcore.jobs.worker"])

    def start(store: Store, run_id: str) -> multiprocessing.process.BaseProcess:
        process = processes.Process(target=work, args=(str(store.root.parent), run_id))
        process.start()
        return process

    store, elsewhere = Store(), Store(toys / "other" / "runs")
    asked = stages(spec("distill", "pad", STAGED))
    assert [one.kind for one in asked] == list(STAGES)
    for one in asked:
        run_id, (far_enough, files) = store.create(one).id, STAGES[one.kind]
        whole, killed = start(elsewhere, elsewhere.create(one).id), start(store, run_id)
        until(lambda: any(map(far_enough, store.events(run_id)[0])), seconds=60)  # noqa: B023
        killed.kill()
        killed.join()
        assert store.record(run_id).state == "interrupted"
        resumed = start(store, run_id)
        for process in (resumed, whole):
            process.join(60)
            assert process.exitcode == 0
        assert job(run_id)["sessions"] == 2
        assert "Goes on" in store.log(run_id), "from a checkpoint, not from the beginning"
        assert told(store, run_id) == told(elsewhere, run_id)
        for name in files:
            assert kept(store, run_id, name) == kept(elsewhere, run_id, name), name


def test_a_recycled_pid_is_not_taken_for_a_live_worker():
    run_id = jobs.run_inline(toy())
    folder = Store().record(run_id).folder
    (folder / "run.json").unlink()
    write_json(folder / "job.json", {"state": "running", "pid": os.getpid(), "mark": "another boot/123"})
    assert Store().record(run_id).state == "interrupted"
    write_json(folder / "job.json", {"state": "running", "pid": os.getpid(), "mark": start_mark(os.getpid())})
    assert Store().record(run_id).state == "running"
    (folder / "job.json").unlink()


@pytest.mark.slow
def test_a_second_worker_for_a_run_steps_back():
    run_id = jobs.submit(toy(steps=2000, pause=0.03))
    until(lambda: reached(run_id, 1))
    second = subprocess.run([sys.executable, "-m", "ddcore.jobs.worker", run_id], cwd=places.PROJECT)
    assert second.returncode == ALREADY_RUNNING
    assert jobs.status(run_id).state == "running"
    jobs.cancel(run_id)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runner is started, so the queue can be looked at."""
    monkeypatch.setattr(launch, "_start", lambda slot: None)


def queued() -> str:
    """A run that says it is queued and is not in the queue."""
    record = Store().create(toy(steps=2))
    write_json(record.folder / "job.json", {"state": "queued"})
    return record.id


def test_a_job_that_fell_out_of_the_queue_is_put_back(still: None):
    run_id = queued()
    assert jobs.status(run_id).position == 1
    assert [t.run_id for t in Queue().waiting()] == [run_id]


def test_a_job_claimed_by_a_slot_that_is_no_longer_there_goes_back_to_the_queue(still: None):
    run_id, queue = queued(), Queue()
    queue.add(run_id)
    queue.claim(queue.waiting()[0], "gpu7")
    assert jobs.status(run_id).position == 1
    assert queue.active() == {}


def test_the_order_of_the_queue_survives_a_clock_that_is_set_back(still: None, monkeypatch: pytest.MonkeyPatch):
    queue = Queue()
    queue.add("first")
    monkeypatch.setattr(time, "time_ns", lambda: 5)
    queue.add("second")
    assert [t.run_id for t in queue.waiting()] == ["first", "second"]


def test_jobs_find_a_home_given_relative_to_where_the_user_stands(toys: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(toys.parent)
    monkeypatch.setenv("DDCORE_HOME", toys.name)
    assert finish(jobs.submit(toy(steps=1))).steps == 1


def test_a_flipped_bit_in_the_checkpoint_of_a_killed_run_changes_no_result():
    whole = finish(jobs.submit(toy(steps=30, seed=5)))
    run_id = jobs.submit(toy(steps=30, pause=0.03, seed=5, manner="good", failing=1))
    until(lambda: reached(run_id, 4))
    kill(job(run_id))
    until(lambda: jobs.status(run_id).state == "interrupted")
    place = Store().record(run_id).folder / "checkpoint.safetensors"
    content = place.read_bytes()
    at = content.index(b'\\"total\\": ') + len(b'\\"total\\": ')
    place.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    jobs.resume(run_id)
    assert finish(run_id).total == whole.total
    assert "Begins anew: checkpoint.safetensors is damaged: it is not what was written." in Store().log(run_id)
