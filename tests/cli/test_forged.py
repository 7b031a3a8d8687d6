"""A packed evaluation is given other numbers and right checksums: whoever unpacks it computes for himself."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddcore import home as places

JUDGE = ("--nets", "2", "--protocol", "course", "--network", "mlp", "--width", "8")


def command(home: Path, *arguments: str | Path, fails: bool = False) -> Any:
    """What a process of its own answers in this home."""
    done = subprocess.run(
        [sys.executable, "-m", "ddcore", *map(str, arguments)], cwd=places.PROJECT, capture_output=True, text=True,
        env={**os.environ, "DDCORE_HOME": str(home), "CUDA_VISIBLE_DEVICES": ""},
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else json.loads(done.stdout.splitlines()[-1])


def forged(source: Path, target: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """The packed run with another summary, and the hashes that belong to it."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    info, manifest = json.loads(files["run.json"]), json.loads(files.pop("manifest.json"))
    change(info["summary"])
    files["run.json"] = json.dumps(info).encode()
    manifest["files"] = [{"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                         for name, content in files.items()]
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **files}.items():
            archive.writestr(name, content)
    return target


def perfect(summary: dict[str, Any]) -> None:
    """Everything right, and nothing left that says otherwise."""
    summary["accuracy"] |= {"mean": 1.0, "std": 0.0, "values": [1.0, 1.0]}
    summary["balanced_accuracy"] |= {"mean": 1.0, "std": 0.0, "values": [1.0, 1.0]}
    for name in ("confusion", "per_class"):
        del summary[name]


@pytest.mark.slow  # eight processes, two of which train networks
def test_a_forged_evaluation_is_refused_or_stands_beside_what_is_computed_here(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    run = command(there, "run", "random", "--dataset", "digits", "--ipc", "1", "--wait", "--json")["run"]
    honest = command(there, "evaluate", run, *JUDGE, "--json")
    file = tmp_path / f"{honest['run']}.ddrun"
    command(there, "pack", honest["run"], "--out", file, "--json")
    crude = forged(file, tmp_path / "crude.ddrun", lambda summary: summary["accuracy"].update(mean=1.0))
    assert "its mean is 1, that of its values is" in command(here, "unpack", crude, "--json", fails=True)

    command(here, "run", "random", "--dataset", "digits", "--ipc", "1", "--wait", "--json")
    (arrived,) = command(here, "unpack", forged(file, tmp_path / "perfect.ddrun", perfect), "--json")["arrived"]
    own = command(here, "evaluate", run, *JUDGE, "--json")
    assert (own["run"], own["accuracy"]) == (honest["run"], honest["accuracy"])
    runs = {one["run"]: one for one in command(here, "runs", "--json")["runs"]}
    assert (runs[own["run"]]["imported"], runs[arrived["run"]]["imported"]["file"]) == (None, "perfect.ddrun")
    assert runs[arrived["run"]]["accuracy"]["mean"] == 1.0
    assert runs[arrived["run"]]["title"].endswith(" (imported)")
