"""Reads the reference numbers; see tests/reference/README.md for where they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parent.parent / "reference"
LOSS, GRADIENT = 1e-4, 1e-3  # relative tolerances that the reference allows


def arrays(name: str) -> dict[str, Any]:
    with np.load(FOLDER / f"{name}.npz") as stored:
        return dict(stored)


def networks() -> dict[str, dict[str, Any]]:
    return json.loads((FOLDER / "networks.json").read_text())


def set_weights(net: nn.Module, seed: int) -> None:
    """The weights that the reference used: drawn by numpy, parameter after parameter."""
    g = np.random.default_rng(int(seed))
    with torch.no_grad():
        for p in net.parameters():
            scale = 0.05 if p.ndim > 1 else 0.1
            p.copy_(torch.from_numpy(g.standard_normal(tuple(p.shape)).astype(np.float32) * np.float32(scale)))


def sorted_by_class(stored: np.ndarray) -> Tensor:
    """(classes, n, C, H, W) → (classes·n, C, H, W)."""
    return torch.from_numpy(stored).flatten(0, 1)


def relative_error(ours: Tensor, theirs: np.ndarray) -> float:
    """‖ours − theirs‖ / ‖theirs‖."""
    expected = torch.from_numpy(theirs).reshape(ours.shape)
    return float((ours - expected).norm() / expected.norm())
