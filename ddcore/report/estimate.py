"""How long a run will take, before it starts, without torch.

A simple model of this kind of device (multiply-adds at an assumed speed, a least time for each step) is corrected by
how the latest finished runs compared with it: the median factor over those most like it (same kind, data set and
network; else same kind; else any). Before any run has finished, the cautious model alone is used and marked rough.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from ddcore.data import DATASETS
from ddcore.methods import METHODS
from ddcore.networks import NETWORKS
from ddcore.protocols import PROTOCOLS
from ddcore.report import text

if TYPE_CHECKING:
    from ddcore.runs.store import RunRecord

ASSUMED = {"cpu": 20e9, "cuda": 1e12}  # multiply-adds per second, cautious: two laptop cores, a small GPU
LIKE = ("", "of this kind ", "of this kind on this data set ", "of this kind, data set and network ")
START = 4.0  # seconds: a worker starts, imports torch, reads the data
STEP = {"cpu": 0.02, "cuda": 0.005}  # seconds at least for a step, however small the network
RECENT = 5  # runs the median is taken over


@dataclass(frozen=True)
class Estimate:
    """seconds, whether that is more than a guess, and where it comes from in words."""

    seconds: float
    rough: bool
    basis: str

    def __str__(self) -> str:
        return f"about {text.duration(self.seconds)}" + (" (rough)" if self.rough else "")


@cache
def shipped() -> dict[str, Any]:
    """The table that ships with the code: {"macs": {network: {"1x28x28x10": n}}, "sizes": {data set: {split: n}}}."""
    return json.loads((Path(__file__).parent / "macs.json").read_text("utf-8"))


def macs(network: str, shape: tuple[int, int, int], classes: int, options: Mapping[str, Any] | None = None) -> int:
    """Multiply-adds of one forward pass of one image.

    Exact for published networks on the data sets' sizes; scaled by the convolutions' closed form for other
    ConvNet and MLP options, and by the number of pixels for other sizes.
    """
    table = shipped()["macs"][network]
    wanted = "x".join(map(str, (*shape, classes)))
    if wanted in table:
        known, factor = table[wanted], 1.0
    else:
        pixels = shape[1] * shape[2]
        nearest = min(table, key=lambda key: abs(_pixels(key) - pixels))
        known, factor = table[nearest], pixels / _pixels(nearest)
    defaults = NETWORKS[network].options
    chosen = {**defaults, **{k: v for k, v in (options or {}).items() if v is not None}}
    if chosen != dict(defaults) and network.startswith("convnet"):
        factor *= _convnet(shape, classes, chosen) / _convnet(shape, classes, defaults)
    elif network == "mlp" and chosen.get("width") != defaults["width"]:
        factor *= _mlp(shape, classes, chosen["width"]) / _mlp(shape, classes, defaults["width"])
    return round(known * factor)


def cost(kind: str, name: str, config: Any, images: int | None = None) -> int:
    """Multiply-adds of a whole run; `images` is the size of the set an evaluation trains on. 0 where unknown.

    A training step is three forward passes (forward, gradient of activations, gradient of weights).
    """
    if kind not in ("distill", "baseline", "evaluate"):
        return 0
    facts = DATASETS[config.dataset]
    classes, sizes = len(facts.classes), shipped()["sizes"].get(config.dataset, {})
    network = getattr(config, "network", facts.network)
    options = config.network_options() if hasattr(config, "network_options") else {}
    one = macs(network, config.shape, classes, options)
    if kind == "distill":
        return METHODS[name].cost(config, one, classes)
    if kind == "baseline":
        each_epoch = 3 * sizes.get("train", 0) + sizes.get("val", 0)
        return one * (config.epochs * each_epoch + sizes.get("test", 0))
    epochs = PROTOCOLS[config.protocol].values["epochs"]
    return config.nets * one * (3 * epochs * (images or 10 * classes) + sizes.get("test", 0))


def steps(kind: str, name: str, config: Any, images: int | None = None) -> int:
    """Optimiser steps of a whole run, without those of networks trained inside a method."""
    if kind == "distill":
        return METHODS[name].steps(config)
    if kind == "baseline":
        return config.epochs * -(-shipped()["sizes"].get(config.dataset, {}).get("train", 0) // config.batch_size)
    training = config.training()
    per_epoch = -(-(images or 10 * len(config.facts.classes)) // training.batch_size)
    return config.nets * training.epochs * per_epoch


def estimate(
    kind: str, name: str, config: Any, records: Iterable[RunRecord], device: str = "cpu", images: int | None = None
) -> Estimate:
    """The time of a run that is about to start; records: the runs of the store, newest first."""
    modelled = _model(kind, name, config, device, images)
    if not modelled:
        return Estimate(START, True, "it only reads and counts")
    found = [(_likeness(record, kind, config), f) for record in records if (f := _factor(record, device)) is not None]
    if not found:
        speed = text.count(ASSUMED[device])
        guess = f"no run has finished on this {device.upper()} yet; assumes {speed} multiply-adds a second"
        return Estimate(START + modelled, True, guess)
    best = max(likeness for likeness, _ in found)
    chosen = [factor for likeness, factor in found if likeness == best][:RECENT]
    number = "the last finished run" if len(chosen) == 1 else f"the last {len(chosen)} finished runs"
    basis = f"measured on {number} {LIKE[best]}on this {device.upper()}"
    return Estimate(START + modelled * median(chosen), best < 2, basis)


def _model(kind: str, name: str, config: Any, device: str, images: int | None) -> float:
    """Seconds of a run without its start, before any correction; 0 for runs that only read and count."""
    work = cost(kind, name, config, images)
    return work / ASSUMED[device] + STEP[device] * steps(kind, name, config, images) if work else 0.0


def _factor(record: RunRecord, device: str) -> float | None:
    """How much longer a finished run took than modelled, on this kind of device; None where it cannot be told."""
    from ddcore.errors import DDCoreError
    from ddcore.experiments import spec

    if record.state != "done" or record.demo or (record.info.get("device") or {}).get("type") != device:
        return None
    seconds = (record.info.get("times") or {}).get("seconds") or 0
    try:
        config = spec(record.kind, record.name, record.config).config
        modelled = _model(record.kind, record.name, config, device, record.summary.get("images"))
    except (DDCoreError, KeyError):  # an older or foreign run: it says nothing about the next one
        return None
    return max(seconds - START, 0.2) / modelled if modelled and seconds else None


def _likeness(record: RunRecord, kind: str, config: Any) -> int:
    if record.kind != kind:
        return 0
    if record.config.get("dataset") != config.dataset:
        return 1
    return 3 if record.config.get("network") == getattr(config, "network", None) else 2


def _pixels(key: str) -> int:
    _, height, width, _ = map(int, key.split("x"))
    return height * width


def _convnet(shape: tuple[int, int, int], classes: int, options: Mapping[str, Any]) -> int:
    channels, height, width = shape
    grown = 4 if channels == 1 else 0  # one-channel images: the first layer pads by 3 instead of 1
    height, width, total = height + grown, width + grown, 0
    for _ in range(options["depth"]):
        total += height * width * options["width"] * 9 * channels
        channels = options["width"]
        if options["pooling"] != "none":
            height, width = max(1, height // 2), max(1, width // 2)
    return total + channels * height * width * classes


def _mlp(shape: tuple[int, int, int], classes: int, width: int) -> int:
    return shape[0] * shape[1] * shape[2] * width + width * width + width * classes
