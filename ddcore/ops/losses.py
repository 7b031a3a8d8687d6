"""Distances between real and synthetic batches.

Notation: batches are sorted by class and hold equally many images of each class, so (classes·n, …) is (classes, n, …).
All distances are sums over classes and positions, as published: the papers' learning rates of the images are tuned to
sums, not to means.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

ATTENTION_SCALE = 100.0  # factor of the published DataDAM loss (it multiplies λ·feature_loss there too)


def class_means(x: Tensor, classes: int) -> Tensor:
    """Mean over the images of each class: (classes·n, …) → (classes, …), in float32.

    Raises ValueError where the batch cannot be split evenly.
    """
    if len(x) == 0 or len(x) % classes:
        raise ValueError(f"a batch must hold equally many images of each of {classes} classes, got {len(x)} images")
    return x.unflatten(0, (classes, -1)).mean(1, dtype=torch.float32)


def attention_distance(real: Sequence[Tensor], syn: Sequence[Tensor], classes: int) -> Tensor:
    """Distance of the mean attention of each class, one term a layer: (layers,).

    real, syn: attention (classes·n, positions) for each layer; n may differ between real and synthetic. Each term is
    100·Σ_classes Σ_positions (mean a_real − mean a_syn)². No gradient flows to the real side. DataDAM leaves out the
    last layer; so does the caller. (DataDAM, eq. 3, with the factor of the published code.)
    """
    return ATTENTION_SCALE * torch.stack([feature_loss(a_real, a_syn, classes)
                                          for a_real, a_syn in zip(real, syn, strict=True)])


def feature_loss(real: Tensor, syn: Tensor, classes: int) -> Tensor:
    """Σ_classes ‖mean of real − mean of syn‖² of embeddings (classes·n, F): a scalar.

    No gradient flows to the real side. This is DM's loss (Zhao & Bilen, WACV 2023, eq. 4); DataDAM adds it times 100·λ.
    """
    return (class_means(real.detach(), classes) - class_means(syn, classes)).square().sum()
