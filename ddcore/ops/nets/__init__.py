"""The networks of the field, one family a file, and the way they are made and made anew."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ddcore.errors import ConfigError
from ddcore.networks import network
from ddcore.ops import seeds
from ddcore.ops.nets.base import Net


def build(
    name: str, shape: tuple[int, int, int], classes: int, options: Mapping[str, Any] | None = None,
    generator: torch.Generator | None = None, device: torch.device | str = "cpu",
) -> Net:
    """The network `name` for images (C, H, W), in train mode, with weights drawn from `generator` alone.

    Options that are None keep the published value. Without a generator the weights are those of seed 0. Raises
    UnknownName for the name, ConfigError for options that it does not have or that do not fit the shape.
    """
    declared = network(name)
    if problems := declared.problems(shape, options or {}):
        raise ConfigError(problems)
    module, _, factory = declared.build.partition(":")
    # On the meta device the layers' own initialisation draws nothing, so the global generator stays as it is.
    with torch.device("meta"):
        net: Net = getattr(importlib.import_module(module), factory)(shape, classes, **declared.all_options(options))
    net.to_empty(device=device)
    reinitialise(net, seeds.generator(0, "network") if generator is None else generator)
    return net


@torch.no_grad()
def reinitialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights anew, in place: exactly the ones that `build` would draw from this generator.

    Convolutions and linear layers: uniform in ±1/√fan-in, weights and biases (torch's default, as published).
    Normalisations: scale 1, shift 0, running statistics forgotten. The generator may live on another device than
    the weights, so that a CPU generator gives the same network everywhere.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            _draw(layer.weight, bound, generator)
            if layer.bias is not None:
                _draw(layer.bias, bound, generator)
        elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            layer.reset_parameters()
        elif next(layer.parameters(recurse=False), None) is not None:
            raise TypeError(f"no initialisation is known for the parameters of {type(layer).__name__}")


def _draw(weight: Tensor, bound: float, generator: torch.Generator) -> None:
    if weight.device == generator.device:
        weight.uniform_(-bound, bound, generator=generator)
    else:
        drawn = torch.empty(weight.shape, dtype=weight.dtype, device=generator.device)
        weight.copy_(drawn.uniform_(-bound, bound, generator=generator))


__all__ = ["Net", "build", "reinitialise"]
