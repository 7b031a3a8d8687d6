"""Spatial attention maps (DataDAM; Sajedi et al., ICCV 2023, eq. 2; after Zagoruyko & Komodakis, ICLR 2017).

Notation: f (N, C, H, W) features after an activation; p the power; a (N, H·W) attention.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def attention(features: Tensor, p: float, eps: float = 1e-12) -> Tensor:
    """a = Σ_c |f_c|^p flattened to (N, H·W) and divided by its own l2 norm, in float32 whatever comes in.

    |f|^4 leaves the range of half precision, hence float32. A map shorter than `eps` (a dead layer) is divided by
    `eps` instead, and so an all-zero map stays zero with a zero gradient.
    """
    f = features.float()
    powered = f.pow(p) if p % 2 == 0 else f.abs().pow(p) if p != 1 else f.abs()  # each pass over the maps costs
    return F.normalize(powered.sum(1).flatten(1), dim=1, eps=eps)
