"""Torch, what computes with it, and Optuna, each imported at its first use: the web process reads declarations only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddcore.lazy import lazy

if TYPE_CHECKING:
    import optuna
    import torch

    from ddcore.ops import acceleration, coreset, device, embedding, flops, nets, schedule, scoring, seeds, train
    from ddcore.ops.nets import layers
else:
    optuna, torch, layers = lazy("optuna"), lazy("torch"), lazy("ddcore.ops.nets.layers")
    acceleration, coreset, device, embedding, flops, nets, schedule, scoring, seeds, train = (
        lazy(f"ddcore.ops.{module}") for module in ("acceleration", "coreset", "device", "embedding", "flops", "nets",
                                                    "schedule", "scoring", "seeds", "train")
    )
