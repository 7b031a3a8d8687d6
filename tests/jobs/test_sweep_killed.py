"""A sweep of real runs whose processes are all killed on the way: its table is that of one that nobody disturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from toyjobs import finish, job, kill, reached, runner, until

from ddcore import home as places
from ddcore import jobs
from ddcore.experiments import Spec
from ddcore.experiments.sweep import SweepConfig, replay
from ddcore.report import sweeps
from ddcore.runs import Store
from ddcore.runs.files import read_json
from tests.sweeping import question

SMALL = {"num_inits": 12, "lambda_task": 100.0}
SERVER = """
import json, sys, time
from ddcore import jobs
from ddcore.experiments import spec
run_id = jobs.submit(spec("sweep", "datadam", json.loads(sys.argv[1])))
while True:
    jobs.status(run_id)
    time.sleep(0.1)
"""
UNDISTURBED = """
import json, sys
from ddcore import jobs
from ddcore.experiments import spec
jobs.run_inline(spec("sweep", "datadam", json.loads(sys.argv[1])))
"""


@pytest.fixture
def clean(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Whatever still runs at the end is killed."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    yield home
    for process in [*home.glob("jobs/slots/*.json"), *home.glob("runs/*/*/job.json")]:
        kill(read_json(process))


def started(code: str, asked: Spec, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, json.dumps(asked.config.values())], cwd=places.PROJECT,
                            env={**os.environ, **environment}, start_new_session=True)


def told(asked: Spec) -> dict[str, Any]:
    """Everything that is said of a sweep but for the time that it took."""
    assert isinstance(asked.config, SweepConfig)
    answer = sweeps.to_json(sweeps.answer(asked.config, Store()))
    cells = [{name: v for name, v in cell.items() if not name.startswith("seconds")} for cell in answer["cells"]]
    return {**answer, "cells": cells}


@pytest.mark.slow  # nine workers, one after another
@pytest.mark.timeout(400)
def test_killed_worker_runner_and_server_leave_the_table_of_an_undisturbed_sweep(
    clean: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = question(vary="lr_img=1,10000", **SMALL)
    assert isinstance(asked.config, SweepConfig)
    first = replay(asked.config, lambda one: None).missing[0].key
    undisturbed, server = started(UNDISTURBED, asked, DDCORE_HOME=str(tmp_path / "other")), started(SERVER, asked)
    until(lambda: Store().exists(first) and reached(first, 2), seconds=60)
    for process in (job(first), runner()):
        kill(process)
    server.send_signal(signal.SIGKILL)
    server.wait()
    assert Store().record(first).state == "interrupted"
    finish(jobs.submit(asked))
    assert undisturbed.wait(60) == 0
    assert job(first)["sessions"] == 2
    after = told(asked)
    assert [(cell["values"], cell["state"]) for cell in after["cells"]] == [({"lr_img": 1.0}, "done"),
                                                                             ({"lr_img": 10000.0}, "failed")]
    folders = {record.id for record in Store().records()}
    monkeypatch.setenv("DDCORE_HOME", str(tmp_path / "other"))
    assert after == told(asked)
    assert folders == {record.id for record in Store().records()}
