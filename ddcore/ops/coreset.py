"""Choosing a few real points that stand for many."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def k_center(points: Tensor, k: int, start: int | None = None) -> Tensor:
    """Indices (k,) of points (N, F) that cover all of them: greedy, farthest first.

    Begins with `start`, or with the point nearest the mean, then takes again and again the point farthest from all
    chosen ones; no point twice. At most twice as far from the farthest point as the best choice (Gonzalez 1985). In
    the order of choosing, so the first j are the answer for j. Raises ValueError unless 1 ≤ k ≤ N.
    """
    if not 1 <= k <= len(points):
        raise ValueError(f"k must be between 1 and the number of points, {len(points)}; got {k}")
    points = points.flatten(1).float()
    if start is None:
        newest = (points - points.mean(0)).square().sum(1).argmin()
    else:
        newest = torch.tensor(start, device=points.device)
    chosen = [newest]
    nearest = torch.full((len(points),), torch.inf, device=points.device)  # squared distance to the chosen ones
    for _ in range(k - 1):
        nearest = torch.minimum(nearest, (points - points[newest]).square().sum(1))
        nearest[newest] = -1.0  # below every distance: identical points are not a reason to choose one twice
        newest = nearest.argmax()
        chosen.append(newest)
    return torch.stack(chosen)
