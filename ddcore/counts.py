"""How large networks are, how much one forward pass of one image costs, and when compiling pays, without torch.

Exact for ConvNets, CourseNets and MLPs with any options, in closed form. The others are looked up among the sizes that
were counted with fvcore (macs.json).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from ddcore.networks import NETWORKS, Shape

NORM_MACS = {"instance": 5, "batch": 2, "layer": 5, "group": 5, "none": 0}  # for each element, as fvcore counts

# Multiply-adds of a run from which compiling pays. On two slow cores the graphs of DM at MNIST's size take 43 s to
# compile and make a step 1.6 times as fast; eager, they do some 30e9 multiply-adds a second, so this is a run of five
# minutes. On a GPU, where this was not measured, it is an estimate: half a minute of eager steps.
WORTH_COMPILING = {"cpu": 1e13, "cuda": 3e14}
Options = Mapping[str, Any] | None


@dataclass(frozen=True)
class Layer:
    """One layer: its name for people, multiply-adds for one image, parameters, numbers in the maps of one image."""

    name: str
    macs: int
    parameters: int
    maps: int = 0


@cache
def shipped() -> dict[str, Any]:
    """The counts that come with the code: {"macs": {network: {"1x28x28x10": n}}, "parameters": likewise}."""
    return json.loads((Path(__file__).parent / "macs.json").read_text("utf-8"))


def macs(network: str, shape: Shape, classes: int, options: Options = None) -> int:
    """Multiply-adds of one forward pass of one image, as fvcore counts them.

    Exact for ConvNets, CourseNets and MLPs with any options, and for the others as published on the data sets' sizes;
    scaled by the number of pixels for other sizes.
    """
    if (layers := _closed_form(network, shape, classes, options)) is not None:
        return sum(layer.macs for layer in layers)
    key, number = _nearest(shipped()["macs"][network], shape, classes)
    return round(number * shape[1] * shape[2] / _pixels(key))


def parameters(network: str, shape: Shape, classes: int, options: Options = None) -> int:
    """Weights of a network; exact where `macs` is, else those at the nearest size that was counted."""
    if (layers := _closed_form(network, shape, classes, options)) is not None:
        return sum(layer.parameters for layer in layers)
    return _nearest(shipped()["parameters"][network], shape, classes)[1]


def maps(network: str, shape: Shape, options: Options = None) -> int | None:
    """Numbers in all maps of one image before pooling, which fill the memory; None where no formula gives them."""
    layers = _closed_form(network, shape, 1, options)
    return None if layers is None else sum(layer.maps for layer in layers)


def layers(network: str, shape: Shape, classes: int, options: Options = None) -> tuple[tuple[str, int], ...] | None:
    """(name, parameters) of each layer, shallow to deep, a normalisation with the convolution before it.

    None where no formula gives them.
    """
    form = _closed_form(network, shape, classes, options)
    return None if form is None else tuple((layer.name, layer.parameters) for layer in form)


def before_layer(sizes: Sequence[int], share: float) -> int:
    """How many parameters lie before the layer boundary nearest to this share of all; the last layer never does.

    sizes: the parameters of each layer, shallow to deep.
    """
    ends = accumulate(sizes[:-1], initial=0)
    return min(ends, key=lambda end: abs(end - share * sum(sizes)))


def _nearest(table: Mapping[str, int], shape: Shape, classes: int) -> tuple[str, int]:
    """(key, number) of this size, else of the one with the most similar number of pixels."""
    key = "x".join(map(str, (*shape, classes)))
    if key not in table:
        key = min(table, key=lambda size: abs(_pixels(size) - shape[1] * shape[2]))
    return key, table[key]


def _pixels(key: str) -> int:
    _, height, width, _ = map(int, key.split("x"))
    return height * width


def _closed_form(network: str, shape: Shape, classes: int, options: Options) -> list[Layer] | None:
    """The layers of a ConvNet, CourseNet or MLP; None for the others."""
    values = NETWORKS[network].all_options(options)
    if network.startswith("convnet"):
        return _convnet(shape, classes, values)
    if network == "coursenet":
        return _coursenet(shape, classes, values)
    return _mlp(shape, classes, values["width"]) if network == "mlp" else None


def _convnet(shape: Shape, classes: int, options: Mapping[str, Any]) -> list[Layer]:
    channels, height, width = shape
    filters, norm, blocks = options["width"], options["norm"], []
    extra = 4 if channels == 1 else 0  # pixels: the first layer pads one-channel images by 3 instead of 1
    height, width = height + extra, width + extra
    for block in range(options["depth"]):
        maps = height * width * filters
        affine = 0 if norm == "none" else 2 * (maps if norm == "layer" else filters)
        macs, weights = maps * (9 * channels + NORM_MACS[norm]), filters * (9 * channels + 1)
        blocks.append(Layer(f"block {block + 1}", macs, weights + affine, maps))
        channels = filters
        if options["pooling"] != "none":
            height, width = height // 2, width // 2
    return [*blocks, _linear("classifier", channels * height * width, classes)]


def _coursenet(shape: Shape, classes: int, options: Mapping[str, Any]) -> list[Layer]:
    channels, height, width = shape
    filters, blocks = options["width"], []
    for block in range(options["depth"]):
        maps = height * width * filters
        blocks.append(Layer(f"block {block + 1}", 9 * channels * maps, filters * (9 * channels + 1), maps))
        channels, height, width = filters, height // 2, width // 2
    hidden = _linear("hidden layer", channels * height * width, options["units"])
    return [*blocks, hidden, _linear("classifier", options["units"], classes)]


def _mlp(shape: Shape, classes: int, width: int) -> list[Layer]:
    return [_linear("hidden layer 1", math.prod(shape), width), _linear("hidden layer 2", width, width),
            _linear("classifier", width, classes)]


def _linear(name: str, inputs: int, outputs: int) -> Layer:
    return Layer(name, inputs * outputs, inputs * outputs + outputs)


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Optimiser steps in which each of so many images is learnt once; the last batch may be smaller."""
    return -(-images // batch_size)


def optimiser_steps(images: int, batch_size: int, epochs: int | None, steps: int | None) -> int:
    """Optimiser steps of a training on so many images; its length is given in epochs or in steps."""
    return steps or (epochs or 0) * steps_per_epoch(images, batch_size)


def passes(images: int, batch_size: int, steps: int) -> float:
    """How often a training of so many steps sees each image: its epochs, a part of one where steps are few."""
    return steps / steps_per_epoch(images, batch_size)
