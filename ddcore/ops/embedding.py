"""Images as points: what a network makes of them, the plane in which they differ most, who is nearest to whom.

Notation: N points of F features, Q queries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ddcore.ops.nets import Net
from ddcore.ops.train import Batch, images_at_once


@torch.no_grad()
def embed(network: Net, images: Batch, indices: Tensor, on_piece: Callable[[], None] = lambda: None) -> Tensor:
    """The embeddings of the images at `indices` (N,), in evaluation mode, piece by piece: float32 (N, F)."""
    network.eval().to(memory_format=torch.channels_last)
    pieces = []
    for piece in indices.split(images_at_once(images(indices[:1]).shape)):
        on_piece()
        pieces.append(network.embed(images(piece).contiguous(memory_format=torch.channels_last)))
    return torch.cat(pieces)


@dataclass(frozen=True)
class Plane:
    """The two directions in which some points differ most. mean: (F,); components: (2, F), of length 1."""

    mean: Tensor
    components: Tensor

    def coords(self, points: Tensor) -> Tensor:
        """Where points (N, F), these or others, lie in the plane: float32 (N, 2)."""
        return ((points.double() - self.mean.double()) @ self.components.double().T).float()


def principal_plane(points: Tensor) -> tuple[Plane, list[float]]:
    """(the plane of the first two principal components of points (N, F), the share of the variance along each).

    Each component points to where its largest entry is positive, so that the same points give the same picture.
    """
    wide = points.detach().cpu().double()
    mean = wide.mean(0)
    _, lengths, directions = torch.linalg.svd(wide - mean, full_matrices=False)
    missing = 2 - min(2, len(directions))  # a single feature has one direction only
    components = functional.pad(directions[:2], (0, 0, 0, missing))
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    variance = functional.pad(lengths[:2].square(), (0, missing)) / lengths.square().sum().clamp(min=1e-30)
    return Plane(mean.float(), (components * largest.sign()).float()), variance.tolist()


class Nearest:
    """The nearest point to each query, of points that are looked at piece by piece.

    indices: int64 (Q,), the number of the nearest point so far, the first of equal ones. In float64: in float32 the
    difference of two long vectors that are nearly the same is all rounding.
    """

    def __init__(self, queries: Tensor) -> None:
        self._queries = queries.flatten(1).double()
        self._lengths = self._queries.square().sum(1)
        self._squared = torch.full_like(self._lengths, torch.inf)
        self.indices = torch.zeros(len(queries), dtype=torch.long, device=queries.device)

    def look(self, points: Tensor, first: int) -> None:
        """Look at points (n, …), which are number `first` and the following ones."""
        wide = points.flatten(1).double()
        squared = self._lengths[:, None] + wide.square().sum(1) - 2 * self._queries @ wide.T
        nearest, at = squared.min(1)
        closer = nearest < self._squared
        self._squared = torch.where(closer, nearest, self._squared)
        self.indices = torch.where(closer, at + first, self.indices)

    @property
    def distances(self) -> Tensor:
        """‖query − nearest‖₂: float32 (Q,)."""
        return self._squared.clamp(min=0).sqrt().float()


def neighbour_map(
    points: Tensor, perplexity: float, seed: int, on_stage: Callable[[], None] = lambda: None
) -> tuple[Tensor, float]:
    """(t-SNE coordinates of points (N, F): float32 (N, 2); the perplexity used, at most a third of the points).

    It begins with the points in their principal plane, as scikit-learn's own beginning is but for points that are all
    the same or have a single feature. On one thread: the order in which several add up changes the last bits, and t-SNE
    makes another picture of them.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    used = min(perplexity, (len(points) - 1) / 3)
    with threadpool_limits(1):
        first = principal_plane(points)[0].coords(points.cpu()).double()
        spread = first[:, 0].std(correction=0).clamp(min=torch.finfo(torch.float32).tiny)
        on_stage()
        tsne = TSNE(2, init=(first / spread * 1e-4).float().numpy(), perplexity=used, random_state=seed % 2**32)
        coords = tsne.fit_transform(points.cpu().numpy())
    return torch.from_numpy(coords).float(), used
