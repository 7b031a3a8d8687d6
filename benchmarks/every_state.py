"""A home with a run of every kind and in every state, really computed on the built-in digits: to look at pages with.

About a minute on two idle cores. For benchmarks.screens.
"""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ddcore import jobs
from ddcore.errors import JobFailed
from ddcore.experiments import Spec, spec
from ddcore.jobs.job import read_job
from ddcore.runs import packing
from ddcore.runs.store import Store

WIDTH = {"width": 8}
DIGITS = {"dataset": "digits", **WIDTH}
SETS = {
    "datadam": {**DIGITS, "num_inits": 20, "num_iters": 1, "net_steps": 0, "batch_real": 16, "ipc": 2, "init": "noise"},
    "dm": {**DIGITS, "num_iters": 20, "batch_real": 16, "ipc": 2},
    "pad": {**DIGITS, "agents": 1, "experts": 2, "train_epochs": 6, "train_images": 300, "score_epochs": 2,
            "add_end_epoch": 2, "remove_epoch": 3, "second_remove_epoch": 4, "ipc": 2, "num_iters": 6,
            "student_steps": 2, "expert_epochs": 1, "first_max_start_epoch": 2, "max_start_epoch": 4,
            "expansion_iters": 4},
    "herding": {**DIGITS, "agents": 1, "score_epochs": 2, "train_images": 300, "ipc": 2},
    "random": {"dataset": "digits", "ipc": 2},
}
CELLS = {**SETS["datadam"], "protocol": "course", "nets": 2}
SWEEPS = {"sweep": {**CELLS, "vary": "lambda_task=0,0.01,1,100"},
          "grid": {**CELLS, "vary": "lambda_task=0,0.01,1; ipc=1,2,5"}}
JUDGED = ("datadam", "dm", "pad", "random")
SPACE = {"dataset": "digits", "space": "course", "subset": "depth=2 width=16,32 units=64,128", "nets": 1, "lr": 0.05}
# Such steps on the images, and nothing that keeps the features in bounds.
DIVERGING = {**DIGITS, "norm": "none", "lr_img": 1e4, "num_iters": 300, "batch_real": 16, "ipc": 1}
GROWING = {**SWEEPS["grid"], "vary": "lambda_task=0,0.01,1; ipc=1,2,5,10"}  # three of its cells are not there yet
LONG = {**DIGITS, "num_inits": 100_000, "batch_real": 16, "exact": True}  # exact: begins without compiling first


def fill() -> dict[str, str]:
    """Put finished, failed, cancelled, interrupted and imported runs below DDCORE_HOME; their ids by what they are."""
    made = {name: _computed("distill", config, name) for name, config in SETS.items()}
    for name in JUDGED:
        _computed("evaluate", {**DIGITS, "run": made[name], "nets": 2, "protocol": "course"})
    made["baseline"] = _computed("baseline", {**DIGITS, "epochs": 2})
    made["search"] = _computed("search", {**SPACE, "steps": 10, "batch_size": 20, "ipc": 2, "proxies": "random,early"})
    made["truth"] = _computed("truth", {**SPACE, "steps": 20})
    made |= {name: _computed("sweep", config, "datadam") for name, config in SWEEPS.items()}
    made["imported"] = _imported({"dataset": "digits", "ipc": 2, "seed": 7}, "random")
    _computed("describe", {"dataset": "digits"})
    made["failed"] = _failed(spec("distill", "dm", DIVERGING))
    made["cancelled"] = _ended({**LONG, "seed": 3}, jobs.cancel, "cancelled")
    made["interrupted"] = _ended({**LONG, "seed": 4}, _kill, "interrupted")
    return made


@contextmanager
def working(finished: str) -> Iterator[dict[str, str]]:
    """While one run computes and others wait behind it, as one that judges a finished set: their ids by state."""
    running, queued = (jobs.submit(spec("distill", "datadam", {**LONG, "seed": seed})) for seed in (5, 6))
    sweeping = jobs.submit(spec("sweep", "datadam", GROWING))
    judging = jobs.submit(spec("evaluate", "evaluate", {**DIGITS, "run": finished, "nets": 3, "protocol": "course"}))
    try:
        _wait(lambda: jobs.status(running).done >= 20)
        yield {"running": running, "queued": queued, "sweeping": sweeping, "judged": finished}
    finally:
        for run_id in (judging, sweeping, queued, running):
            jobs.cancel(run_id, grace=0)
        _wait(lambda: not jobs.list_jobs())


def _computed(kind: str, config: dict[str, Any], name: str = "") -> str:
    return jobs.run_inline(spec(kind, name or kind, config))


def _imported(config: dict[str, Any], name: str) -> str:
    """A run that came in a file, as from another machine."""
    store, file = Store(), io.BytesIO()
    packing.pack(store, run_id := _computed("distill", config, name), file)
    store.trash(run_id)
    store.purge(run_id)
    return packing.unpack(store, file, "random-digits.ddrun").record.id


def _failed(asked: Spec) -> str:
    with suppress(JobFailed):
        jobs.run_inline(asked)
    return asked.key


def _ended(config: dict[str, Any], stop: Callable[[str], object], state: str) -> str:
    """A DataDAM run that was stopped after some steps, in the state to which that led."""
    run_id = jobs.submit(spec("distill", "datadam", config))
    _wait(lambda: jobs.status(run_id).done >= 20)
    stop(run_id)
    _wait(lambda: jobs.status(run_id).state == state)
    return run_id


def _kill(run_id: str) -> None:
    """End the worker of this run, as a restart of the machine would."""
    os.kill(read_job(Store().record(run_id).folder)["pid"], signal.SIGKILL)


def _wait(reached: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError("a run did not come to the state that it was made for")
        time.sleep(0.2)
