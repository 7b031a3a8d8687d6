"""Distances between real and synthetic batches.

Notation: batches are sorted by class and hold equally many images of each class, so (classes·n, …) is
(classes, n, …). All distances are sums over classes and positions, as published: the papers' learning rates of the
images are tuned to sums, not to means.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ddcore.ops.attention import attention

ATTENTION_SCALE = 100.0  # factor of the published DataDAM loss (it multiplies λ·feature_loss there too)


def class_means(x: Tensor, classes: int) -> Tensor:
    """Mean over the images of each class: (classes·n, …) → (classes, …), in float32.

    Raises ValueError where the batch cannot be split evenly.
    """
    if len(x) == 0 or len(x) % classes:
        raise ValueError(f"a batch must hold equally many images of each of {classes} classes, got {len(x)} images")
    return x.unflatten(0, (classes, -1)).mean(1, dtype=torch.float32)


def attention_loss(real_maps: Sequence[Tensor], syn_maps: Sequence[Tensor], classes: int, p: float) -> Tensor:
    """Distance of the mean attention of each class, one term a layer: (layers,).

    real_maps, syn_maps: one (classes·n, C, H, W) each layer; n may differ between real and synthetic. Each term is
    100·Σ_classes Σ_positions (mean a_real − mean a_syn)². No gradient flows to the real side. DataDAM leaves out the
    last layer; so does the caller. (DataDAM, eq. 3, with the factor of the published code.)
    """
    with torch.no_grad():
        targets = [attention(real, p) for real in real_maps]
    return attention_distance(targets, [attention(syn, p) for syn in syn_maps], classes)


def attention_distance(real: Sequence[Tensor], syn: Sequence[Tensor], classes: int) -> Tensor:
    """The same of attention that is known: one (classes·n, positions) each layer → (layers,)."""
    terms = [
        (class_means(ours.detach(), classes) - class_means(theirs, classes)).square().sum()
        for ours, theirs in zip(real, syn, strict=True)
    ]
    return ATTENTION_SCALE * torch.stack(terms)


def feature_loss(real: Tensor, syn: Tensor, classes: int) -> Tensor:
    """Σ_classes ‖mean of real − mean of syn‖² of embeddings (classes·n, F): a scalar.

    No gradient flows to the real side. This is DM's loss (Zhao & Bilen, WACV 2023, eq. 4); DataDAM adds it times
    100·λ.
    """
    return (class_means(real.detach(), classes) - class_means(syn, classes)).square().sum()
