"""The networks of the field, as declarations: names, options and limits, without torch.

`ddcore.ops.nets` holds the layers. A variant is one more entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ddcore.errors import UnknownName

NORMS = ("instance", "batch", "layer", "group", "none")
ACTIVATIONS = ("relu", "leakyrelu", "sigmoid")
GROUPS = 4  # of group norm, as in the published ConvNet
POOLINGS = ("avg", "max", "none")
Shape = tuple[int, int, int]  # (channels, height, width) of an image


@dataclass(frozen=True)
class Network:
    """One named network.

    build: "module:callable" taking (shape, classes, **options); options: what may be varied, with the defaults that
    make it the published network; grows: whether its first layer adds 4 pixels to one-channel images, as the published
    ConvNet's does.
    """

    name: str
    title: str
    build: str
    options: Mapping[str, Any] = field(default_factory=dict)
    grows: bool = True

    def all_options(self, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Every option with its value: that of `options`, else the published one (also where `options` has None)."""
        return {**self.options, **{name: v for name, v in (options or {}).items() if v is not None}}

    def problems(self, shape: Shape, options: Mapping[str, Any]) -> list[str]:
        """Why this network cannot be built with these options on `shape` (C, H, W); [] if it can."""
        values = self.all_options(options)
        problems = [f"{name} is not an option of {self.name}; it has {', '.join(self.options) or 'none'}"
                    for name in values if name not in self.options]
        if values.get("norm") == "group" and values.get("width", GROUPS) % GROUPS:
            problems.append(f"width must be a multiple of {GROUPS} with group norm, got {values['width']}")
        if "depth" in values and values.get("pooling") != "none":
            deepest, (c, h, w) = max_depth(shape, self.grows), shape
            if values["depth"] > deepest:
                problems.append(f"depth must be at most {deepest} for {c}×{h}×{w} images "
                                f"(each block halves the side), got {values['depth']}")
        return problems


def max_depth(shape: Shape, grows: bool = True) -> int:
    """How many halvings a ConvNet can make of an image of shape (C, H, W) before nothing is left.

    One-channel images gain 4 pixels where it `grows`: the published first layer pads by 3 (28 → 32).
    """
    side = min(shape[1:]) + (4 if grows and shape[0] == 1 else 0)
    return side.bit_length() - 1


def _convnet(depth: int) -> Network:
    return Network(
        f"convnet{depth}", f"ConvNet-{depth}", "ddcore.ops.nets.convnet:ConvNet",
        {"width": 128, "depth": depth, "norm": "instance", "activation": "relu", "pooling": "avg"},
    )


NETWORKS: Mapping[str, Network] = {
    network.name: network
    for network in (
        _convnet(3), _convnet(5), _convnet(7),
        Network("mlp", "MLP", "ddcore.ops.nets.mlp:MLP", {"width": 128}),
        Network("lenet", "LeNet", "ddcore.ops.nets.lenet:LeNet"),
        Network("alexnet", "AlexNet", "ddcore.ops.nets.alexnet:AlexNet"),
        Network("vgg11", "VGG11", "ddcore.ops.nets.vgg:VGG11", {"norm": "instance"}),
        Network("resnet18", "ResNet18", "ddcore.ops.nets.resnet:ResNet18", {"norm": "instance"}),
        Network("coursenet", "CourseNet", "ddcore.ops.nets.coursenet:CourseNet",
                {"width": 32, "depth": 3, "units": 128, "activation": "relu"}, grows=False),
    )
}


def network(name: str) -> Network:
    """The declaration of `name`; raises UnknownName with the nearest match."""
    if name not in NETWORKS:
        raise UnknownName("network", name, NETWORKS)
    return NETWORKS[name]


@dataclass(frozen=True)
class Variant:
    """A network with some of its options changed; what is not named has its published value."""

    network: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """The network and all of its options, as a Config takes them."""
        return {"network": self.network, **network(self.network).options, **self.options}

    def problems(self, shape: Shape) -> list[str]:
        """Why it cannot be built on `shape` (C, H, W); [] if it can."""
        return network(self.network).problems(shape, self.options)


# What a distilled set is tried on: the six networks of the field, then the ConvNet in other norms, depths and widths.
LINEUP: tuple[Variant, ...] = (
    Variant("convnet3"), Variant("mlp"), Variant("lenet"), Variant("alexnet"), Variant("vgg11"), Variant("resnet18"),
    Variant("convnet3", {"norm": "batch"}), Variant("convnet3", {"norm": "none"}),
    Variant("convnet3", {"depth": 4}), Variant("convnet3", {"width": 256}),
)
