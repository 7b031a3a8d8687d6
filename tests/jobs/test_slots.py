"""Slots: one for each GPU, counted without torch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from toyjobs import finish, job, reached, toy, until

from ddcore import jobs
from ddcore.jobs import Slot, launch, slots
from ddcore.jobs.job import mark_queued
from ddcore.jobs.launch import runner_file
from ddcore.jobs.queue import Queue
from ddcore.runs import Store
from ddcore.runs.files import write_json
from ddcore.runs.process import start_mark


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose nvidia-smi lists two GPUs."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(
        "#!/bin/sh\necho 'GPU 0: Toy (UUID: GPU-aa-1)'\necho '  MIG 1g'\necho 'GPU 1: Toy (UUID: GPU-ab-1)'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_without_a_gpu_there_is_one_slot_on_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slots() == (Slot("cpu", "cpu"),)


@pytest.mark.usefixtures("two_gpus")
def test_each_gpu_is_a_slot_and_hidden_ones_are_not(monkeypatch: pytest.MonkeyPatch):
    assert slots() == (Slot("gpu0", "cuda:0", "0"), Slot("gpu1", "cuda:0", "1"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert slots() == (Slot("cpu", "cpu"),)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("1", ["gpu1"]),
        ("1, 0", ["gpu1", "gpu0"]),
        ("GPU-ab-1", ["gpu1"]),
        ("GPU-aa,1", ["gpu0", "gpu1"]),
        ("1,GPU-ab-1", ["gpu1"]),
        ("MIG-GPU-ab-1/7/0", ["mig-gpu-ab-1-7-0"]),
        ("0,-1,1", ["gpu0"]),
        ("GPU-a", ["cpu"]),
        ("2", ["cpu"]),
        ("-1", ["cpu"]),
    ],
)
def test_a_gpu_has_the_same_slot_for_everyone_who_sees_it(
    monkeypatch: pytest.MonkeyPatch, visible: str, names: list[str]
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [slot.name for slot in slots()] == names


def test_a_job_sees_its_own_gpu_only(toys: Path, two_gpus: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-ab-1")
    run_id = jobs.submit(toy(steps=1))
    assert finish(run_id).gpus == "GPU-ab-1"
    assert job(run_id)["slot"] == "gpu1"


@pytest.mark.parametrize("visible", ["", "0"])
def test_what_the_runner_of_an_unseen_gpu_has_claimed_is_left_to_it_while_it_lives(
    toys: Path, two_gpus: None, monkeypatch: pytest.MonkeyPatch, visible: str
):
    monkeypatch.setattr(launch, "_start", lambda slot: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    record, queue = Store().create(toy()), Queue()
    mark_queued(record.folder)
    queue.add(record.id)
    queue.claim(queue.waiting()[0], "gpu1")
    runner_file("gpu1").parent.mkdir()
    write_json(runner_file("gpu1"), {"pid": os.getpid(), "mark": start_mark(os.getpid())})
    assert jobs.status(record.id).position is None
    assert queue.active() == {"gpu1": record.id}
    write_json(runner_file("gpu1"), {"pid": os.getpid(), "mark": "of a dead process"})
    assert jobs.status(record.id).position == 1
    assert queue.active() == {}


def test_a_free_slot_leaves_a_job_alone_until_all_its_parents_are_done(toys: Path, two_gpus: None):
    long, short = jobs.submit(toy(manner="gated")), jobs.submit(toy(steps=1))
    child = jobs.submit(toy(parent=f"{long},{short}", steps=1))
    finish(jobs.submit(toy(steps=2)))  # by the slot that is free, to which the child came first
    assert [jobs.status(run_id).state for run_id in (short, long, child)] == ["done", "running", "queued"]
    (toys / "gate").touch()
    finish(child)
    assert job(child)["started"] >= job(long)["finished"]


@pytest.mark.slow
def test_two_slots_work_at_the_same_time(toys: Path, two_gpus: None):
    ids = [jobs.submit(toy(steps=200, pause=0.03, seed=seed)) for seed in (1, 2)]
    until(lambda: all(reached(run_id, 1) for run_id in ids))
    assert {job(run_id)["slot"] for run_id in ids} == {"gpu0", "gpu1"}
    assert {jobs.status(run_id).state for run_id in ids} == {"running"}
    for run_id in ids:
        jobs.cancel(run_id)
    until(lambda: not jobs.list_jobs())
