"""How much one forward pass of one image costs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ddcore.ops.nets import build

CONVENTION = (
    "fvcore, forward pass of one image in evaluation mode; MACs: one multiply-add is one, and normalisation and "
    "adaptive pooling count by element; FLOPs = 2 × MACs; activations are free, the operators listed as uncounted "
    "are left out"
)


@dataclass(frozen=True)
class Flops:
    """Cost of a network: `by_operator` sums up to `macs`; `uncounted`: operator → how often it ran."""

    macs: int
    parameters: int
    by_operator: dict[str, int]
    uncounted: dict[str, int]
    convention: str = CONVENTION

    @property
    def flops(self) -> int:
        return 2 * self.macs


def count(name: str, shape: tuple[int, int, int], classes: int, options: Mapping[str, Any] | None = None) -> Flops:
    """Cost of the network `name` on images (C, H, W). Raises what `build` raises."""
    net = build(name, shape, classes, options).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # fvcore traces with the old torch.jit, which says so at every call
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(net, torch.zeros(1, *shape))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        by_operator = {operator: round(cost) for operator, cost in sorted(analysis.by_operator().items())}
    return Flops(
        macs=sum(by_operator.values()), parameters=sum(p.numel() for p in net.parameters()), by_operator=by_operator,
        uncounted=dict(sorted(analysis.unsupported_ops().items())),
    )
