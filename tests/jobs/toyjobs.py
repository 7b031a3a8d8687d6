"""What tests of the job system say often."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from ddcore import jobs
from ddcore.experiments import Spec, spec
from ddcore.jobs import worker
from ddcore.jobs.launch import runner_file
from ddcore.runs import Store
from ddcore.runs.files import read_json
from ddcore.runs.process import is_alive


def toy(**values: Any) -> Spec:
    return spec("toy", "toy", values)


def kill(process: dict[str, Any]) -> None:
    """SIGKILL a process that was written down as {pid, mark}, with its session; one that is gone is fine."""
    if process.get("pid") != os.getpid() and is_alive(process.get("pid"), process.get("mark")):
        os.killpg(process["pid"], signal.SIGKILL)
        until(lambda: not is_alive(process["pid"], process["mark"]))


def job(run_id: str) -> dict[str, Any]:
    return read_json(Store().record(run_id).folder / "job.json")


def runner(slot: str = "cpu") -> dict[str, Any]:
    return read_json(runner_file(slot))


def until(true: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def reached(run_id: str, step: int) -> bool:
    """Whether a counting run has come this far, without asking the job system (which would tend the queue)."""
    return any(e.get("step", 0) >= step for e in Store().events(run_id)[0])


def finish(run_id: str) -> Any:
    """Wait for a run to be done; its summary."""
    jobs.wait(run_id, poll=0.05)
    return Store().record(run_id).summary


def work(home: str, run_id: str) -> None:
    """What a worker process does, for processes that a test starts itself."""
    os.environ["DDCORE_HOME"] = home
    sys.exit(worker.main(run_id, "none"))
