"""Writes ddcore/macs.json: `python -m tests.report.macs_table` after a network or a data set was added."""

from __future__ import annotations

import json
from pathlib import Path

from ddcore import counts
from ddcore.data import DATASETS
from ddcore.networks import NETWORKS
from ddcore.ops import flops

# Images in train, val and test, by the official partitions and the held-out shares.
SIZES = {
    "digits": {"train": 1294, "val": 144, "test": 359},
    "mnist": {"train": 55_000, "val": 5_000, "test": 10_000},
    "mhist": {"train": 1957, "val": 218, "test": 977},
}


def table() -> dict[str, dict[str, dict[str, int]]]:
    """{"macs" | "parameters": {network: {"1x28x28x10": n}}} for every network at every size of every data set."""
    inputs = sorted({(f.shape(side), len(f.classes)) for f in DATASETS.values() for side in f.resolutions})
    counted = {
        name: {
            "x".join(map(str, (*shape, classes))): flops.count(name, shape, classes)
            for shape, classes in inputs
            if not entry.problems(shape, {})
        }
        for name, entry in NETWORKS.items()
    }
    return {
        field: {name: {key: getattr(one, field) for key, one in row.items()} for name, row in counted.items()}
        for field in ("macs", "parameters")
    }


if __name__ == "__main__":
    path = Path(counts.__file__).parent / "macs.json"
    path.write_text(json.dumps({**table(), "sizes": SIZES}, indent=1) + "\n", "utf-8")
