"""The toy kind, known to this process and to the workers that it starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from toyjobs import kill

from ddcore.experiments import KINDS
from ddcore.runs.files import read_json

HERE = Path(__file__).parent


@pytest.fixture
def toys(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home in which the toy kind exists; whatever still runs at the end is killed."""
    monkeypatch.setenv("DDCORE_PLUGINS", "toykind")
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    KINDS.__dict__.pop("_entries", None)
    yield home
    for process in [*home.glob("jobs/slots/*.json"), *home.glob("runs/*/*/job.json")]:
        kill(read_json(process))
    monkeypatch.undo()
    KINDS.__dict__.pop("_entries", None)


@pytest.fixture
def still(hosted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hosted home of these tests, in which nothing is started."""
    monkeypatch.setattr("ddcore.jobs.api.tend", lambda *_: None)
    return hosted
