"""Make the finished runs that ship with the code, from nothing: `python -m benchmarks.make_demo`.

Their seeds differ from the presets', so that nobody's first run is answered by ours. About ten minutes
on two cores. What a finished run does not need (checkpoints, logs, job states) is left out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ddcore import home

RUNS = (
    "describe --dataset digits --wait",
    "flops-table",
    "run datadam --preset quick --dataset digits --seed 7 --evaluate course --nets 5 --with-full --wait",
    "run dm --preset quick --dataset digits --seed 7 --evaluate course --nets 5 --wait",
    "run datadam --preset quick --dataset mnist --ipc 1 --init noise --seed 7 --evaluate course --nets 5 --wait",
    "nas --preset quick --dataset digits --seed 7 --proxies random,early,{datadam},{dm} --wait",
)
KEPT = ("run.json", "spec.json", "events.jsonl", "images.safetensors", "initial.safetensors", "user.json")
SUMMED_UP = ("search", "truth")  # their summaries say all that their events and trials do
FOLDERS = ("snapshots", "pictures")


def main() -> None:
    from ddcore.runs.store import parts

    data = home.data_root()
    with tempfile.TemporaryDirectory() as place:
        shutil.rmtree(home.demo_root(), ignore_errors=True)  # else they would answer for themselves
        os.environ |= {"DDCORE_HOME": place, "DDCORE_DATA": str(data)}
        _compute()
        for folder in sorted(Path(place, "runs").glob("[a-z]*/*/run.json")):
            if folder.parent.parent.name not in parts():
                _keep(folder.parent, home.demo_root() / folder.parent.relative_to(Path(place, "runs")))
    total = sum(f.stat().st_size for f in home.demo_root().rglob("*") if f.is_file())
    print(f"{total / 1000:.0f} kB in {home.demo_root().name}/")


def _compute() -> None:
    from ddcore import jobs
    from ddcore.cli import main as command
    from ddcore.experiments import spec

    for line in RUNS:
        if line == "flops-table":
            jobs.wait(jobs.submit(spec("flops", "flops", {})))
        elif status := command(line.format(**_distilled()).split()):
            raise RuntimeError(f"{line} ended with status {status}")


def _distilled() -> dict[str, str]:
    """The sets of digits that are there by now: method → run id."""
    from ddcore.runs.store import Store

    return {one.name: one.id for one in Store().records("distill") if one.config["dataset"] == "digits"}


def _keep(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for name in KEPT:
        if (source / name).exists() and not (name == "events.jsonl" and source.parent.name in SUMMED_UP):
            shutil.copyfile(source / name, target / name)
    for name in FOLDERS:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)


if __name__ == "__main__":
    main()
