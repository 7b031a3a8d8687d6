"""A home with many finished runs, made from those that ship with the code: to time pages on, not to learn from.

    DDCORE_HOME=/tmp/many python -m benchmarks.shelf 1000

Copies differ from the shipped runs in seed and learning rate alone. Each has the key of its own question, so that
pages find the evaluations and the controls of every set as they would find real ones.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from ddcore import home
from ddcore.experiments import spec
from ddcore.runs.record import RunRecord
from ddcore.runs.store import Store

SEEDS = 3  # of one setting, as people make them
APART = 20  # seconds from one variant to the next


def fill(number: int) -> int:
    """Put `number` finished runs below DDCORE_HOME, the shipped ones not counted; how many there are now."""
    root, shipped = home.runs_root(), Store(root=home.home() / "no runs").records()
    for record, info in islice(_copies(shipped, root), number):
        folder = root / info["kind"] / info["id"]
        shutil.copytree(record.folder, folder)
        for name in ("run.json", "spec.json"):
            known = json.loads((record.folder / name).read_bytes())
            told = {n: info.get(n, value) for n, value in {"in_key": None, **known}.items()}
            (folder / name).write_text(json.dumps(told) + "\n")
    return sum(not record.demo for record in Store().records())


def _copies(shipped: list[RunRecord], root: Path) -> Iterator[tuple[RunRecord, dict[str, Any]]]:
    """(a shipped run, what run.json says of a copy with another seed or learning rate), on and on."""
    sets = [record for record in shipped if record.kind == "distill"]
    evaluations = [record for record in shipped if record.kind == "evaluate"]
    made: set[str] = set()
    for variant in count(1):
        ids: dict[str, str] = {}
        for record in (*sets, *evaluations):
            info = _varied(record, variant, ids)
            ids[record.id] = info["id"]
            if info["id"] not in made:
                made.add(info["id"])
                yield record, info


def _varied(record: RunRecord, variant: int, ids: dict[str, str]) -> dict[str, Any]:
    """What run.json says of this variant of a shipped run; ids: of the variant's sets, by the shipped set's id."""
    config = dict(record.config)
    if record.kind == "evaluate":
        config["run"] = ids[config["run"]]
    else:
        config["seed"] += variant % SEEDS
        if "lr_img" in config:
            config["lr_img"] = round(config["lr_img"] * (1 + variant // SEEDS / 100), 4)
    asked = spec(record.kind, record.name, config)
    later = time.time() - variant * APART - record.info["times"]["submitted"]
    times = {name: moment + later for name, moment in record.info["times"].items() if name != "seconds"}
    return {
        **record.info, "id": asked.key, "config": asked.config.values(), "in_key": asked.identity["config"],
        "parents": asked.identity["parents"],
        "seed": config["seed"], "family": asked.family, "times": {**record.info["times"], **times},
    }


if __name__ == "__main__":
    print(f"{fill(int(sys.argv[1]))} runs in {home.runs_root()}")
