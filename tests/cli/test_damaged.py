"""One bit turns over on the disk: every process that would compute with it says so and computes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ddcore import home as places
from ddcore.experiments import spec
from ddcore.runs import Store
from tests.cli.test_forged import JUDGE, command

TINY = {"dataset": "digits", "ipc": 1, "num_iters": 2, "width": 8, "batch_real": 8}
MAKE = f"""
import os, signal, sys
from ddcore import jobs
from ddcore.experiments import spec
from ddcore.ops import acceleration
from ddcore.runs.recorder import FolderRecorder

acceleration.has_half = lambda device: sys.argv[1] == "half"
if sys.argv[2] == "killed":
    FolderRecorder.finish = lambda self, summary, job: os.kill(os.getpid(), signal.SIGKILL)
jobs.run_inline(spec("distill", "dm", {TINY!r}))
"""


@pytest.mark.slow  # six processes that import torch
def test_a_flipped_bit_in_a_set_is_told_by_evaluate_pack_and_check(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = command(home, "run", "random", "--dataset", "digits", "--ipc", "1", "--wait", "--json")["run"]
    assert command(home, "check", "--all", "--json")["runs"][0]["problems"] == []
    images = home / "runs" / "distill" / run / "images.safetensors"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    for words in (("evaluate", run, *JUDGE), ("pack", run, "--out", tmp_path), ("check", run)):
        assert "images.safetensors is damaged: its " in command(home, *words, fails=True), words[0]


@pytest.mark.slow  # two processes that import torch
def test_a_run_killed_before_its_answer_was_written_tells_how_it_was_computed(home: Path) -> None:
    """Computed in bfloat16 up to the last checkpoint, then answered by a process that has no bfloat16."""
    for half, manner, code in (("half", "killed", -signal.SIGKILL), ("plain", "answers", 0)):
        done = subprocess.run([sys.executable, "-c", MAKE, half, manner], cwd=places.PROJECT, env=os.environ)
        assert done.returncode == code
    record = Store().record(spec("distill", "dm", TINY).key)
    assert record.state == "done"
    assert record.summary.arithmetic is not None
    assert record.summary.arithmetic.half
