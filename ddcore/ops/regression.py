"""Kernel ridge regression from a small set to real images, and what is asked of learnt labels.

Notation: R real and S synthetic images with features (·, F), C classes. Targets are centred one-hot labels, with mean 0
over the classes: one-hot − 1/C.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def centred(labels: Tensor, classes: int) -> Tensor:
    """One-hot − 1/C of class numbers (N,): (N, C) float32."""
    return F.one_hot(labels, classes).float() - 1 / classes


def kernel_ridge(real: Tensor, syn: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """What regression on the synthetic images, targets (S, C), predicts for the real ones: (R, C), float64.

    P = F_R·F_Sᵀ (K + λ·I)⁻¹ Y with K = F_S·F_Sᵀ and λ = ridge·tr(K)/S, in double precision: K is singular where
    images are alike. Not a number where K + λ·I is not positive definite (all features 0).
    """
    real, syn, targets = real.double(), syn.double(), targets.double()
    kernel = syn @ syn.T
    damping = ridge * kernel.trace() / len(syn)
    factor, _ = torch.linalg.cholesky_ex(kernel + damping * torch.eye(len(syn), dtype=kernel.dtype, device=syn.device))
    return real @ (syn.T @ torch.cholesky_solve(targets, factor))


def squared_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Mean over images of half the squared distance: a scalar."""
    return (predicted - targets).square().sum(1).mean() / 2


def margin_loss(targets: Tensor) -> Tensor:
    """Mean over images of −min(largest − second largest target, 1/C): it keeps learnt labels of their class."""
    first, second = targets.topk(2, dim=1).values.unbind(1)
    return -(first - second).clamp(max=1 / targets.shape[1]).mean()
