"""Distances between real and synthetic batches.

Notation: batches are sorted by class and hold equally many images of each class, so (classes·n, …) is (classes, n, …).
All distances are sums over classes and positions, as published: the papers' learning rates of the images are tuned to
sums, not to means.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

CHARACTERISTIC_SCALE = 300.0  # factor of the published characteristic-function distance
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


def characteristic_loss(real: Tensor, syn: Tensor, frequencies: Tensor, amplitude: float = 0.5) -> Tensor:
    """Distance of the characteristic functions of two sets of embeddings (R, F) and (S, F): a scalar.

    Rows are l2-normalised; φ(t) = mean of exp(i·⟨t, f⟩) at the frequencies t (T, F). With α = `amplitude` the loss is
    300·mean_t √(α·(|φ_r| − |φ_s|)² + (1 − α)·P), P = 2·(|φ_r|·|φ_s| − Re φ_r·Re φ_s − Im φ_r·Im φ_s) cut at 1e-12. No
    gradient flows to the real side. (NCFM, Wang et al., CVPR 2025, with the factor of the published code.)
    """
    (re_r, im_r), (re_s, im_s) = (_characteristic(x, frequencies) for x in (real.detach(), syn))
    size_r, size_s = (re_r.square() + im_r.square()).sqrt(), (re_s.square() + im_s.square()).sqrt()
    phase = (2 * (size_r * size_s - re_r * re_s - im_r * im_s)).clamp(min=1e-12)
    squares = amplitude * (size_r - size_s).square() + (1 - amplitude) * phase
    return CHARACTERISTIC_SCALE * squares.sqrt().mean()


def _characteristic(x: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of φ at the frequencies, each (T,)."""
    angles = torch.nn.functional.normalize(x.float()) @ frequencies.T
    return angles.cos().mean(0), angles.sin().mean(0)


def kernel_mmd(real: Tensor, syn: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of embeddings (R, F) and (S, F) with a Gaussian kernel: a scalar, 0 to 2.

    mean k(r, r') − 2·mean k(r, s) + mean k(s, s'), k(a, b) = exp(−‖a − b‖²/σ²) with σ² the mean squared distance
    between real embeddings. No gradient flows to the real side.
    """
    real, syn = real.detach().float(), syn.float()
    theirs, between, ours = (_squared_distances(a, b) for a, b in ((real, real), (real, syn), (syn, syn)))
    width = theirs.mean().clamp(min=torch.finfo(theirs.dtype).tiny)
    means = [(-distances / width).exp().mean() for distances in (theirs, between, ours)]
    return means[0] - 2 * means[1] + means[2]


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)
