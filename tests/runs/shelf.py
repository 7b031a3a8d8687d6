"""Runs for tests of the store, made through the recorder without any computation."""

from __future__ import annotations

import builtins
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddcore.experiments import KINDS, ImageSet, Spec, spec
from ddcore.runs import RunRecord, Store, validation, whole
from ddcore.runs.apart import apart
from ddcore.runs.files import read_json, sha256, write_json
from ddcore.runs.record import IMPORTED, read_record
from ddcore.runs.recorder import FolderRecorder
from ddcore.summary import Summary

PNG = b"\x89PNG\r\n\x1a\n"
LEAST: dict[str, dict[str, Any]] = {  # that a run of a kind answers with
    "baseline": {"accuracy": {"mean": 0.5, "n": 1}}, "evaluate": {"accuracy": {"mean": 0.5, "n": 1}},
    "scores": {"agents": 1, "epochs": 1}, "experts": {"experts": 1, "epochs": 1, "parameters": 1, "bytes": 8},
    "trial": {"accuracy": {"mean": 0.5, "n": 1}, "seconds": 1.0, "members": []},
    "truth": {"network": "coursenet", "networks": []},
    "search": {"network": "coursenet", "networks": [], "proxies": []},
}


def summary(kind: str, **values: Any) -> Summary:
    """What a run of this kind answers with: these values, and what its Summary cannot do without."""
    return KINDS[kind].summary.model_validate({**LEAST.get(kind, {}), **values})


def question(**values: Any) -> Spec:
    return spec("distill", "random", {"dataset": "digits", "ipc": 1, **values})


def image_set(value: float = 0.0) -> ImageSet:
    images = np.full((10, 1, 8, 8), value, np.float32)
    return ImageSet(images, np.arange(10), tuple("0123456789"), (0.3,), (0.25,))  # type: ignore[arg-type]


def finished(store: Store, one: Spec, steps: int = 4, **values: Any) -> RunRecord:
    """A finished run with initial and final images, snapshots at 1 and 2, a picture, two events and a checkpoint."""
    record = store.create(one)
    recorder = FolderRecorder(store, record.id)
    recorder.save_images("initial", image_set(0.0))
    for step in (1, 2):
        recorder.snapshot(step, image_set(step))
        recorder.event("step", step=step, loss=1.0 / step)
    recorder.checkpoint({}, {"step": steps})
    recorder.save_images("images", image_set(9.0))
    recorder.save_picture("final", PNG)
    recorder.finish(summary(one.kind, steps=steps, **values), {"started": 1.0})
    return store.record(record.id)


def sealed(record: RunRecord) -> RunRecord:
    """The run as one that wrote what lies in its folder by now."""
    files = whole.hashes(record.folder, validation.names(record.folder))
    write_json(record.folder / "run.json", {**record.stored(), "files": files})
    return read_record(record.folder)


def unsealed(record: RunRecord) -> RunRecord:
    """The run as one of a version that kept no hashes."""
    write_json(record.folder / "run.json", {name: told for name, told in record.stored().items() if name != "files"})
    return read_record(record.folder)


def imported(record: RunRecord) -> RunRecord:
    """The run as one that was not computed here."""
    folder = record.folder.with_name(apart(record.id, {"run.json": sha256(record.folder / "run.json")}))
    write_json(record.folder / IMPORTED, {"when": 1.0, "file": "x.ddrun"})
    record.folder.rename(folder)
    return read_record(folder)


def many(store: Store, number: int) -> None:
    """`number` copies of one finished run under other ids."""
    many_like(finished(store, question()), number - 1)


def many_like(run: RunRecord, number: int, told: Callable[[int], dict[str, Any]] = lambda index: {}) -> None:
    """`number` copies of this run under other ids, those that are there already among them; told: what else run.json
    says of each."""
    info = read_json(run.folder / "run.json")
    for index in range(number):
        folder = run.folder.with_name(f"{index:016x}")
        folder.mkdir(exist_ok=True)
        write_json(folder / "run.json", {**info, "id": folder.name, **told(index)}, durable=False)


@contextmanager
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths of files and folders that are looked at inside, each as often as that."""
    paths: list[str] = []

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda path=".", *rest, **options: (paths.append(str(path)), function(path, *rest, **options))[1]

    with monkeypatch.context() as patched:
        for module, name in ((os, "stat"), (os, "lstat"), (os, "scandir"), (os, "listdir"), (builtins, "open"),
                             (io, "open")):
            patched.setattr(module, name, noted(getattr(module, name)))
        yield paths


def copy(record: RunRecord, root: Path) -> None:
    """Put a copy of a run below another root."""
    shutil.copytree(record.folder, root / record.kind / record.id)
