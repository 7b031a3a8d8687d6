"""Choosing a few real points that stand for many.

Notation: N points of F features, k of them chosen.
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def k_center(points: Tensor, k: int, start: int | None = None) -> Tensor:
    """Indices (k,) of points (N, F) that cover all of them: greedy, farthest first.

    Begins with `start`, or with the point nearest the mean, then takes again and again the point farthest from all
    chosen ones; no point twice. At most twice as far from the farthest point as the best choice (Gonzalez 1985). In
    the order of choosing, so the first j are the answer for j. Nothing is drawn; DeepCore, whose code others build on,
    draws the first point. Raises ValueError unless 1 ≤ k ≤ N.
    """
    _check(points, k)
    points = points.flatten(1).float()
    if start is None:
        newest = (points - points.mean(0)).square().sum(1).argmin()
    else:
        newest = torch.tensor(start, device=points.device)
    centres = [newest]
    nearest = torch.full((len(points),), torch.inf, device=points.device)  # squared distance to the nearest centre
    for _ in range(k - 1):
        nearest = torch.minimum(nearest, (points - points[newest]).square().sum(1))
        nearest[newest] = -1.0  # below every distance: identical points are not a reason to choose one twice
        newest = nearest.argmax()
        centres.append(newest)
    return torch.stack(centres)


@torch.no_grad()
def herding(points: Tensor, k: int) -> Tensor:
    """Indices (k,) of points (N, F) whose mean stays as near to the mean of all as greedy choice allows.

    Takes again and again the point that brings the mean of the chosen ones nearest to the mean of all, no point
    twice (Welling 2009, as class-balanced coresets use it). In the order of choosing, so the first j are the answer
    for j, and the first is the point nearest the mean. Raises ValueError unless 1 ≤ k ≤ N.
    """
    _check(points, k)
    points = points.flatten(1).float()
    points = points - points.mean(0)
    # With the mean at 0 the next one minimises ‖sum + x‖² = ‖x‖² + 2·x·sum + const: one product for all points.
    lengths = points.square().sum(1)
    total = torch.zeros_like(points[0])
    indices: list[Tensor] = []
    for _ in range(k):
        newest = (lengths + 2 * points @ total).argmin()
        total += points[newest]
        lengths[newest] = torch.inf
        indices.append(newest)
    return torch.stack(indices)


def ranked(scores: Tensor, generator: torch.Generator, descending: bool = False) -> Tensor:
    """Indices (N,) that sort scores (N,); equal scores come in an order drawn from `generator`."""
    shuffled = torch.randperm(len(scores), generator=generator, device=scores.device)
    return shuffled[scores[shuffled].argsort(stable=True, descending=descending)]


def _check(points: Tensor, k: int) -> None:
    if not 1 <= k <= len(points):
        raise ValueError(f"k must be between 1 and the number of points, {len(points)}; got {k}")
