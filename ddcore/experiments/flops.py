"""The FLOPs table: every network at every size that a data set has."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

from ddcore.data import DATASETS
from ddcore.experiments.base import Kind, Recorder
from ddcore.experiments.heavy import flops
from ddcore.networks import NETWORKS
from ddcore.params import Config, Param
from ddcore.summary import Answer, Count, Summary


class FlopsConfig(Config):
    """One data set's sizes, or those of all that ship."""

    dataset: str = Param(
        "all", label="Data set", group="Data", help="Whose image sizes are counted.",
        choices=lambda: ("all", *DATASETS),
    )


class NetworkCount(Answer):
    """A network at one image shape (C, H, W). by_operator: multiply-adds; uncounted: operators fvcore leaves out."""

    network: str
    title: str = ""
    shape: tuple[Count, ...]
    classes: Count
    parameters: Count
    macs: Count
    flops: Count
    by_operator: Mapping[str, Count] = {}
    uncounted: Mapping[str, Count] = {}


class FlopsSummary(Summary):
    """convention: how it is counted, in words."""

    rows: tuple[NetworkCount, ...] = ()
    convention: str = ""


def run(name: str, config: FlopsConfig, recorder: Recorder) -> FlopsSummary:
    """Count each network once for each (shape, classes); networks too deep for a size are left out."""
    datasets = list(DATASETS.shipped.values()) if config.dataset == "all" else [DATASETS[config.dataset]]
    sizes = sorted({(facts.shape(side), len(facts.classes)) for facts in datasets for side in facts.resolutions})
    rows, convention = [], ""
    for done, (shape, classes) in enumerate(sizes):
        for entry in NETWORKS.values():
            recorder.check_cancelled()
            recorder.progress(done, len(sizes), f"Counting {entry.title} at {'x'.join(map(str, shape))}")
            if entry.problems(shape, {}):
                continue
            counted = flops.count(entry.name, shape, classes)
            convention = counted.convention
            rows.append(NetworkCount(
                network=entry.name, title=entry.title, shape=shape, classes=classes, parameters=counted.parameters,
                macs=counted.macs, flops=counted.flops, by_operator=counted.by_operator, uncounted=counted.uncounted,
            ))
    return FlopsSummary(rows=tuple(rows), convention=convention)


def _version(name: str) -> int:
    """Another network, option or size is another table, though the parameters are the same."""
    counted = [
        [(n.name, dict(n.options)) for n in NETWORKS.values()],
        [(d.name, d.channels, d.resolutions, len(d.classes)) for d in DATASETS.shipped.values()],
    ]
    return zlib.crc32(json.dumps(counted).encode())


KIND = Kind(
    name="flops", title="FLOPs table", help="Count parameters and multiply-adds of every network.",
    config=lambda name: FlopsConfig, summary=FlopsSummary, run=run, version=_version, page="Baselines", command=None,
    aside=True,
)
