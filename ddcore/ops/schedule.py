"""Which images are in use while a network trains: of each class, those between two shares from easy to hard.

Notation: N images of any number of classes, of any size each.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ddcore.ops import coreset


def places(scores: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """The place (N,) of each image in its own class, from easy (lowest score) to hard, counted from 0.

    Equal scores come in an order drawn from `generator`.
    """
    place = torch.empty_like(labels)
    for label in labels.unique():
        members = (labels == label).nonzero().flatten()
        place[members[coreset.ranked(scores[members], generator)]] = torch.arange(len(members), device=labels.device)
    return place


def in_use(place: Tensor, labels: Tensor, low: float, high: float) -> Tensor:
    """Indices, ascending, of the images whose place in their class lies between the shares `low` and `high` of it.

    Both ends are rounded to whole images of each class, however large it is, so that each class keeps its share to
    within one image; at least one image of each class is in use. Raises ValueError unless 0 ≤ low < high ≤ 1.
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"shares must be 0 ≤ low < high ≤ 1, got {low} and {high}")
    sizes = labels.bincount()[labels].double()  # of the class of each image
    first = torch.minimum((low * sizes + 0.5).floor(), sizes - 1)
    last = torch.maximum((high * sizes + 0.5).floor(), first + 1)
    return ((place >= first) & (place < last)).nonzero().flatten()
