"""How hard each image is for networks in training.

Notation: n images, K classes, E epochs; h is an image's embedding, what the last layer, linear, sees of it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def el2n(logits: Tensor, labels: Tensor) -> Tensor:
    """‖softmax(logits) − onehot‖₂ of each image (n,), from logits (n, K): 0 where surely right, √2 where surely wrong.

    EL2N of Paul et al., Deep Learning on a Data Diet (NeurIPS 2021); there the mean over networks early in training.
    """
    return (logits.softmax(1) - F.one_hot(labels, logits.shape[1])).norm(dim=1)


def grad_norm(logits: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """The length (n,) of each image's own gradient of the cross-entropy with respect to the last layer.

    From logits (n, K) and lengths ‖h‖₂ (n,). The gradient is (p − y)·hᵀ for the weights and p − y for the biases, so
    its length is ‖p − y‖₂·√(1 + ‖h‖²). GraNd of Paul et al. (NeurIPS 2021), of the last layer alone as DeepCore and
    PAD's code take it.
    """
    return el2n(logits, labels) * (1 + lengths.square()).sqrt()


def forgetting_counts(right: Tensor) -> Tensor:
    """How often each image (n,) was right after one epoch and wrong after the next, from right, bool (E, n).

    Never right: E, which is more than any image can be forgotten. Toneva et al. (ICLR 2019) look at an image when it
    is in the batch, in the middle of an epoch and before the step on it; here all are looked at together, after the
    epoch, so that their counts are of the same networks.
    """
    forgotten = (right[:-1] & ~right[1:]).sum(0)
    return torch.where(right.any(0), forgotten, len(right))
