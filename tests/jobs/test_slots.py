"""Slots: one for each GPU, counted without torch."""

from __future__ import annotations

from pathlib import Path

import pytest
from toyjobs import job, reached, toy, until

from ddcore import jobs
from ddcore.jobs import Slot, slots


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose nvidia-smi lists two GPUs."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'GPU 0: Toy (UUID: a)'\necho '  MIG 1g'\necho 'GPU 1: Toy (UUID: b)'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_without_a_gpu_there_is_one_slot_on_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slots() == (Slot("cpu", "cpu"),)


@pytest.mark.usefixtures("two_gpus")
def test_each_gpu_is_a_slot_and_hidden_ones_are_not(monkeypatch: pytest.MonkeyPatch):
    assert slots() == (Slot("gpu0", "cuda:0", "0"), Slot("gpu1", "cuda:1", "1"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert slots() == (Slot("gpu0", "cuda:0", "1"),)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert slots() == (Slot("cpu", "cpu"),)


def test_two_slots_work_at_the_same_time(toys: Path, two_gpus: None):
    ids = [jobs.submit(toy(steps=200, pause=0.03, seed=seed)) for seed in (1, 2)]
    until(lambda: all(reached(run_id, 1) for run_id in ids))
    assert {job(run_id)["slot"] for run_id in ids} == {"gpu0", "gpu1"}
    assert {jobs.status(run_id).state for run_id in ids} == {"running"}
    for run_id in ids:
        jobs.cancel(run_id)
    until(lambda: not jobs.list_jobs())
