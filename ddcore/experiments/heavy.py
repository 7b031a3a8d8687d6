"""Torch and what computes with it, each imported when it is first used: the web process only reads declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddcore.lazy import lazy

if TYPE_CHECKING:
    import torch

    from ddcore.ops import acceleration, coreset, device, embedding, flops, nets, schedule, scoring, seeds, train
    from ddcore.ops.nets import layers
else:
    torch, layers = lazy("torch"), lazy("ddcore.ops.nets.layers")
    acceleration, coreset, device, embedding, flops, nets, schedule, scoring, seeds, train = (
        lazy(f"ddcore.ops.{module}") for module in ("acceleration", "coreset", "device", "embedding", "flops", "nets",
                                                    "schedule", "scoring", "seeds", "train")
    )
