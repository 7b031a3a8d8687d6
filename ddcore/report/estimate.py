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
from ddcore.errors import DataBroken, DataMissing
from ddcore.experiments import KINDS, Spec
from ddcore.methods import METHODS
from ddcore.networks import NETWORKS
from ddcore.report import text
from ddcore.runs.key import key
from ddcore.settings import TrainConfig

if TYPE_CHECKING:
    from ddcore.runs.store import RunRecord

ASSUMED = {"cpu": 20e9, "cuda": 1e12}  # multiply-adds per second, cautious: two laptop cores, a small GPU
LIKE = ("", "of this kind ", "of this kind on this data set ", "of this kind, data set and network ")
START = 4.0  # seconds: a worker starts, imports torch, reads the data
STEP = {"cpu": 0.02, "cuda": 0.005}  # seconds at least for a step, however small the network
NORM_MACS = {"instance": 5, "batch": 2, "layer": 5, "group": 5, "none": 0}  # for each element, as fvcore counts
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
    """What ships: {"macs": {network: {"1x28x28x10": n}}, "parameters": likewise, "sizes": {data set: {split: n}}}."""
    return json.loads((Path(__file__).parent / "macs.json").read_text("utf-8"))


def macs(network: str, shape: tuple[int, int, int], classes: int, options: Mapping[str, Any] | None = None) -> int:
    """Multiply-adds of one forward pass of one image, as fvcore counts them.

    Exact for ConvNets and MLPs with any options, and for the others as published on the data sets' sizes; scaled by
    the number of pixels for other sizes.
    """
    if (exact := _closed_form(network, shape, classes, options)) is not None:
        return exact[0]
    key, number = _nearest(shipped()["macs"][network], shape, classes)
    return round(number * shape[1] * shape[2] / _pixels(key))


def parameters(
    network: str, shape: tuple[int, int, int], classes: int, options: Mapping[str, Any] | None = None
) -> int:
    """Weights of a network; exact where `macs` is, else those at the nearest size that was counted."""
    if (exact := _closed_form(network, shape, classes, options)) is not None:
        return exact[1]
    return _nearest(shipped()["parameters"][network], shape, classes)[1]


def cost(kind: str, name: str, config: Any, images: int | None = None) -> int:
    """Multiply-adds of a whole run without what it needs; `images` is the size of the set an evaluation trains on.

    A training step is three forward passes (forward, gradient of activations, gradient of weights). 0 where unknown.
    """
    if kind not in ("distill", "baseline", "evaluate", "scores"):
        return 0
    facts = DATASETS[config.dataset]
    classes = len(facts.classes)
    network = getattr(config, "network", facts.network)
    options = config.network_options() if hasattr(config, "network_options") else {}
    one = macs(network, config.shape, classes, options)
    if kind == "distill":
        return METHODS[name].cost(config, one, classes)
    trained, looked_at = _passes(kind, config, images)
    return one * (3 * trained + looked_at)


def _passes(kind: str, config: Any, images: int | None) -> tuple[int, int]:
    """(images trained on, images only predicted) in a whole run, each counted as often as it passes."""
    held = shipped()["sizes"].get(config.dataset, {})
    train, val, test = (held.get(part, 0) for part in ("train", "val", "test"))
    if kind == "baseline":
        trained = _trained(config, train)
        return trained, round(val * trained / max(1, train)) + test
    if kind == "scores":
        scored = config.train_images or train
        return config.agents * config.epochs * scored, config.agents * config.epochs * (scored + val)
    judged = test if config.split == "test" else val
    return config.nets * _trained(config.training(), _set_size(config, images)), config.nets * judged


def _trained(training: TrainConfig, images: int) -> int:
    """Images that pass through a network while it is trained on so many."""
    if training.steps:
        return training.steps * min(training.batch_size, images)
    return (training.epochs or 0) * images


def steps(kind: str, name: str, config: Any, images: int | None = None) -> int:
    """Optimiser steps of a whole run, without those of networks trained inside a method."""
    if kind == "distill":
        return METHODS[name].steps(config)
    if kind == "evaluate":
        return config.nets * config.training().optimiser_steps(_set_size(config, images))
    train = shipped()["sizes"].get(config.dataset, {}).get("train", 0)
    if kind == "scores":
        return config.agents * config.optimiser_steps(config.train_images or train)
    return config.optimiser_steps(train)


def _set_size(config: Any, images: int | None) -> int:
    return images or 10 * len(config.facts.classes)


def estimate(
    kind: str, name: str, config: Any, records: Iterable[RunRecord], device: str = "cpu", images: int | None = None
) -> Estimate:
    """The time of a run that is about to start, with what it needs and nobody has computed.

    records: the runs of the store, newest first.
    """
    known = list(records)
    needed = _unfinished(KINDS[kind].needs(name, config), known)
    return _together([_alone(Spec(kind, name, config), known, device, images), *(
        _alone(one, known, device, images) for one in needed.values()
    )])  # fmt: skip


def total(
    specs: Iterable[Spec], records: Iterable[RunRecord], device: str = "cpu", images: int | None = None
) -> Estimate:
    """The time of several runs one after another, each once, with what they need and without what is computed."""
    known = list(records)
    wanted = _unfinished(specs, known)
    return _together([_alone(one, known, device, images) for one in wanted.values()])


def _unfinished(specs: Iterable[Spec], records: list[RunRecord]) -> dict[str, Spec]:
    """Those of these specs, and of what they need, that no run has answered, by key; needs come first."""
    done = {record.id for record in records if record.state == "done"}
    found: dict[str, Spec] = {}
    for one in specs:
        try:
            run_id = key(one)
        except (DataMissing, DataBroken):  # nothing can have been computed without the data
            run_id = f"{one.kind} {one.name} {one.config.values()}"
        if run_id not in done:
            found |= _unfinished(KINDS[one.kind].needs(one.name, one.config), records)
            found[run_id] = one
    return found


def _together(parts: list[Estimate]) -> Estimate:
    """One after another; the basis is that of the longest. What only starts and reads is no guess."""
    if not parts:
        return Estimate(0.0, False, "everything is computed already")
    longest = max(parts, key=lambda part: part.seconds)
    rough = longest.rough or any(part.rough for part in parts if part.seconds > START)
    return Estimate(sum(part.seconds for part in parts), rough, longest.basis)


def _alone(one: Spec, records: list[RunRecord], device: str, images: int | None) -> Estimate:
    """The time of one run without what it needs."""
    kind, config = one.kind, one.config
    modelled = _model(kind, one.name, config, device, images)
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


def _nearest(table: Mapping[str, int], shape: tuple[int, int, int], classes: int) -> tuple[str, int]:
    """(key, number) of this size, else of the one with the most similar number of pixels."""
    wanted = "x".join(map(str, (*shape, classes)))
    key = wanted if wanted in table else min(table, key=lambda key: abs(_pixels(key) - shape[1] * shape[2]))
    return key, table[key]


def _pixels(key: str) -> int:
    _, height, width, _ = map(int, key.split("x"))
    return height * width


def _closed_form(
    network: str, shape: tuple[int, int, int], classes: int, options: Mapping[str, Any] | None
) -> tuple[int, int] | None:
    """(multiply-adds, parameters) of a ConvNet or MLP; None for the others."""
    chosen = {**NETWORKS[network].options, **{k: v for k, v in (options or {}).items() if v is not None}}
    if network.startswith("convnet"):
        return _convnet(shape, classes, chosen)
    return _mlp(shape, classes, chosen["width"]) if network == "mlp" else None


def _convnet(shape: tuple[int, int, int], classes: int, options: Mapping[str, Any]) -> tuple[int, int]:
    channels, height, width = shape
    wide, norm = options["width"], options["norm"]
    grown = 4 if channels == 1 else 0  # one-channel images: the first layer pads by 3 instead of 1
    height, width, macs, weights = height + grown, width + grown, 0, 0
    for _ in range(options["depth"]):
        maps = height * width * wide
        macs += maps * (9 * channels + NORM_MACS[norm])
        weights += wide * (9 * channels + 1)
        if norm != "none":
            weights += 2 * (maps if norm == "layer" else wide)
        channels = wide
        if options["pooling"] != "none":
            height, width = height // 2, width // 2
    last = channels * height * width * classes
    return macs + last, weights + last + classes


def _mlp(shape: tuple[int, int, int], classes: int, width: int) -> tuple[int, int]:
    macs = shape[0] * shape[1] * shape[2] * width + width * width + width * classes
    return macs, macs + 2 * width + classes
