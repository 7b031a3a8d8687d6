"""Writes ddcore/macs.json: `python -m tests.report.macs_table` after a network or a data set was added."""

from __future__ import annotations

import json
from pathlib import Path

from ddcore import counts
from ddcore.data import DATASETS
from ddcore.networks import NETWORKS
from ddcore.ops import flops


def table() -> dict[str, dict[str, dict[str, int]]]:
    """{"macs" | "parameters": {network: {"1x28x28x10": n}}} for every network at every size of every shipped set."""
    shipped = [facts for facts in DATASETS.values() if not facts.own]
    inputs = sorted({(facts.shape(side), len(facts.classes)) for facts in shipped for side in facts.resolutions})
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
    path.write_text(json.dumps(table(), indent=1) + "\n", "utf-8")
