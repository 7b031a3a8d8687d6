"""How large networks are, how much one forward pass of one image costs, and when compiling pays, without torch.

Exact for ConvNets, CourseNets and MLPs with any options, in closed form. The others are looked up among the sizes that
were counted with fvcore (macs.json).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from ddcore.networks import NETWORKS

NORM_MACS = {"instance": 5, "batch": 2, "layer": 5, "group": 5, "none": 0}  # for each element, as fvcore counts

# Multiply-adds of a run from which compiling pays. On two slow cores the graphs of DM at MNIST's size take 43 s to
# compile and make a step 1.6 times as fast; eager, they do some 30e9 multiply-adds a second, so this is a run of five
# minutes. On a GPU, where this was not measured, it is an estimate: half a minute of eager steps.
WORTH_COMPILING = {"cpu": 1e13, "cuda": 3e14}
Shape = tuple[int, int, int]
Options = Mapping[str, Any] | None


@dataclass(frozen=True)
class Layer:
    """One layer of a network: its name for people, multiply-adds for one image, parameters, numbers in its map."""

    name: str
    macs: int
    parameters: int
    maps: int = 0


@cache
def shipped() -> dict[str, Any]:
    """What ships: {"macs": {network: {"1x28x28x10": n}}, "parameters": likewise}."""
    return json.loads((Path(__file__).parent / "macs.json").read_text("utf-8"))


def macs(network: str, shape: Shape, classes: int, options: Options = None) -> int:
    """Multiply-adds of one forward pass of one image, as fvcore counts them.

    Exact for ConvNets, CourseNets and MLPs with any options, and for the others as published on the data sets' sizes;
    scaled by the number of pixels for other sizes.
    """
    if (found := _closed_form(network, shape, classes, options)) is not None:
        return sum(layer.macs for layer in found)
    key, number = _nearest(shipped()["macs"][network], shape, classes)
    return round(number * shape[1] * shape[2] / _pixels(key))


def parameters(network: str, shape: Shape, classes: int, options: Options = None) -> int:
    """Weights of a network; exact where `macs` is, else those at the nearest size that was counted."""
    if (found := _closed_form(network, shape, classes, options)) is not None:
        return sum(layer.parameters for layer in found)
    return _nearest(shipped()["parameters"][network], shape, classes)[1]


def maps(network: str, shape: Shape, options: Options = None) -> int | None:
    """Numbers in all maps of one image, before pooling, which fill the memory; None where not in closed form."""
    found = _closed_form(network, shape, 1, options)
    return None if found is None else sum(layer.maps for layer in found)


def layers(network: str, shape: Shape, classes: int, options: Options = None) -> tuple[tuple[str, int], ...] | None:
    """(name, parameters) of each layer, shallow to deep, a normalisation with the convolution before it.

    None where they are not known in closed form.
    """
    found = _closed_form(network, shape, classes, options)
    return None if found is None else tuple((layer.name, layer.parameters) for layer in found)


def before_layer(sizes: Sequence[int], share: float) -> int:
    """How many parameters lie before the layer boundary nearest to this share of all; the last layer never does.

    sizes: the parameters of each layer, shallow to deep.
    """
    ends = accumulate(sizes[:-1], initial=0)
    return min(ends, key=lambda end: abs(end - share * sum(sizes)))


def _nearest(table: Mapping[str, int], shape: Shape, classes: int) -> tuple[str, int]:
    """(key, number) of this size, else of the one with the most similar number of pixels."""
    wanted = "x".join(map(str, (*shape, classes)))
    key = wanted if wanted in table else min(table, key=lambda key: abs(_pixels(key) - shape[1] * shape[2]))
    return key, table[key]


def _pixels(key: str) -> int:
    _, height, width, _ = map(int, key.split("x"))
    return height * width


def _closed_form(network: str, shape: Shape, classes: int, options: Options) -> list[Layer] | None:
    """The layers of a ConvNet, CourseNet or MLP; None for the others."""
    chosen = {**NETWORKS[network].options, **{k: v for k, v in (options or {}).items() if v is not None}}
    if network.startswith("convnet"):
        return _convnet(shape, classes, chosen)
    if network == "coursenet":
        return _coursenet(shape, classes, chosen)
    return _mlp(shape, classes, chosen["width"]) if network == "mlp" else None


def _convnet(shape: Shape, classes: int, options: Mapping[str, Any]) -> list[Layer]:
    channels, height, width = shape
    wide, norm, found = options["width"], options["norm"], []
    grown = 4 if channels == 1 else 0  # one-channel images: the first layer pads by 3 instead of 1
    height, width = height + grown, width + grown
    for block in range(options["depth"]):
        maps = height * width * wide
        affine = 0 if norm == "none" else 2 * (maps if norm == "layer" else wide)
        macs, weights = maps * (9 * channels + NORM_MACS[norm]), wide * (9 * channels + 1)
        found.append(Layer(f"block {block + 1}", macs, weights + affine, maps))
        channels = wide
        if options["pooling"] != "none":
            height, width = height // 2, width // 2
    return [*found, _linear("classifier", channels * height * width, classes)]


def _coursenet(shape: Shape, classes: int, options: Mapping[str, Any]) -> list[Layer]:
    channels, height, width = shape
    wide, found = options["width"], []
    for block in range(options["depth"]):
        maps = height * width * wide
        found.append(Layer(f"block {block + 1}", 9 * channels * maps, wide * (9 * channels + 1), maps))
        channels, height, width = wide, height // 2, width // 2
    hidden = _linear("hidden layer", channels * height * width, options["units"])
    return [*found, hidden, _linear("classifier", options["units"], classes)]


def _mlp(shape: Shape, classes: int, width: int) -> list[Layer]:
    pixels = shape[0] * shape[1] * shape[2]
    return [
        _linear("hidden layer 1", pixels, width), _linear("hidden layer 2", width, width),
        _linear("classifier", width, classes),
    ]


def _linear(name: str, inputs: int, outputs: int) -> Layer:
    return Layer(name, inputs * outputs, inputs * outputs + outputs)
