"""The FLOPs table: every network at every size that a data set has."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from ddcore.data import DATASETS
from ddcore.experiments.base import Kind, Recorder
from ddcore.lazy import lazy
from ddcore.networks import NETWORKS
from ddcore.params import Config, Param

if TYPE_CHECKING:
    from ddcore.ops import flops
else:
    flops = lazy("ddcore.ops.flops")


class FlopsConfig(Config):
    """One data set's sizes, or those of all that ship."""

    dataset: str = Param(
        "all", label="Data set", group="Data", choices=lambda: ("all", *DATASETS),
        help="Whose image sizes are counted.",
    )


def run(name: str, config: FlopsConfig, recorder: Recorder) -> dict[str, Any]:
    """Count each network once for each (shape, classes); networks too deep for a size are left out."""
    chosen = list(DATASETS.shipped.values()) if config.dataset == "all" else [DATASETS[config.dataset]]
    sizes = sorted({(facts.shape(side), len(facts.classes)) for facts in chosen for side in facts.resolutions})
    rows = []
    convention = ""
    for done, (shape, classes) in enumerate(sizes):
        for entry in NETWORKS.values():
            recorder.check_cancelled()
            recorder.progress(done, len(sizes), f"Counting {entry.title} at {'x'.join(map(str, shape))}")
            if entry.problems(shape, {}):
                continue
            counted = flops.count(entry.name, shape, classes)
            convention = counted.convention
            rows.append({
                "network": entry.name, "title": entry.title, "shape": list(shape), "classes": classes,
                "parameters": counted.parameters, "macs": counted.macs, "flops": counted.flops,
                "by_operator": counted.by_operator, "uncounted": counted.uncounted,
            })
    return {"rows": rows, "convention": convention}


def _version(name: str) -> int:
    """Another network, option or size is another table, though the parameters are the same."""
    counted = [
        [(n.name, dict(n.options)) for n in NETWORKS.values()],
        [(d.name, d.channels, d.resolutions, len(d.classes)) for d in DATASETS.shipped.values()],
    ]
    return zlib.crc32(json.dumps(counted).encode())


KIND = Kind(
    name="flops",
    title="FLOPs table",
    names=lambda: ("flops",),
    config=lambda name: FlopsConfig,
    run=run,
    version=_version,
)
