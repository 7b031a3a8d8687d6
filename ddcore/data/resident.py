"""A split that lives on the device as uint8 and is normalised batch by batch.

One that does not fit stays in host memory, and only the images of a batch are sent to the device, still as bytes: the
same numbers to the bit, a quarter of the traffic of floats.

Notation: N images, classes counted from 0, n images drawn of each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ddcore.data.base import Data, Split
from ddcore.errors import DataBroken
from ddcore.lazy import lazy

if TYPE_CHECKING:
    import torch
else:
    torch = lazy("torch")  # the registry of data sets looks into this module too, in the web process

SHARE = 0.5  # of a GPU's free memory that images may take; the rest is for networks and their maps


class Resident:
    """Images and labels on the device, with everything needed to draw normalised batches from them.

    images: uint8 (N, C, H, W); labels: int64 (N,); mean, std: per channel on the 0..1 scale. Drawing is arithmetic on
    indices on the device with the caller's generator: no host synchronisation, no hidden state. With `host` the images
    stay where they are, and every batch waits for its indices and is sent to the labels' device.
    """

    def __init__(
        self, images: torch.Tensor, labels: torch.Tensor, classes: Sequence[str], mean: Sequence[float],
        std: Sequence[float], host: bool = False,
    ) -> None:
        self.images, self.labels, self.host = images, labels, host
        self.classes, self.mean, self.std = tuple(classes), tuple(mean), tuple(std)
        # x/255 normalised is x·scale + shift, one pass over the batch.
        m, s = (torch.tensor(v, dtype=torch.float64).view(-1, 1, 1) for v in (self.mean, self.std))
        self._scale, self._shift = ((1 / (255 * s)).float().to(labels.device), (-m / s).float().to(labels.device))
        counts = torch.bincount(labels, minlength=len(self.classes))
        self.counts: tuple[int, ...] = tuple(counts.tolist())
        self._counts = counts[:, None]
        self._members = self._by_class()

    @classmethod
    def from_split(cls, split: Split, data: Data, device: torch.device | str, room: float | None = None) -> Resident:
        """The split of `data` on `device`; its images in pinned host memory where they take more than `room` bytes.

        room None: a GPU's SHARE of what is free, and no bound on a CPU, whose memory they are in anyway.
        """
        where = torch.device(device)
        images, labels = torch.from_numpy(split.images), torch.from_numpy(split.labels).to(where)
        host = images.nbytes > (_room(where) if room is None else room)
        if not host:
            images = images.to(where)
        elif where.type == "cuda":
            images = images.pin_memory()
        return cls(images, labels, data.classes, data.mean, data.std, host)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def device(self) -> torch.device:
        return self.labels.device

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        c, h, w = self.images.shape[1:]
        return c, h, w

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 (B, C, H, W) → float32 (x/255 − mean) / std."""
        return images.float().mul_(self._scale).add_(self._shift)

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        """The images at `indices`, normalised: float32 (B, C, H, W)."""
        return self.normalise(self._sent(indices) if self.host else self.images[indices])

    def _sent(self, indices: torch.Tensor) -> torch.Tensor:
        """The images at `indices`, gathered on the host and sent to the device."""
        flat = indices.flatten().cpu()
        # Only from pinned memory does a copy to a GPU run beside its work.
        batch = torch.empty((len(flat), *self.shape), dtype=torch.uint8, pin_memory=self.images.is_pinned())
        torch.index_select(self.images, 0, flat, out=batch)
        return batch.to(self.device, non_blocking=True).view(*indices.shape, *self.shape)

    def all(self) -> torch.Tensor:
        """Every image, normalised: float32 (N, C, H, W), four times the memory. For small sets only."""
        return self.normalise(self.images.to(self.device))

    def of_class(self, c: int) -> torch.Tensor:
        """Indices of the images of class c, ascending."""
        return self._members[c, : self.counts[c]]

    def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """n random images of each class, normalised, sorted by class: float32 (classes·n, C, H, W)."""
        return self.batch(self.sample_indices(n, generator))

    def sample_indices(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Indices (classes·n,) of n random images of each class, sorted by class.

        No image twice, except in a class that has fewer than n: there with replacement. Raises DataBroken where a
        class has no image at all. The generator lives on the same device.
        """
        if empty := [name for name, count in zip(self.classes, self.counts, strict=True) if not count]:
            raise DataBroken(f"no images to draw of class {', '.join(empty)}")
        # Each image draws a key and the n largest of a class win; 62 bits leave no ties to chance.
        keys = torch.randint(2**62, self._members.shape, generator=generator, device=self.device)
        keys = torch.where(self._members >= 0, keys, -1)
        columns = keys.topk(min(n, keys.shape[1]), dim=1).indices  # of _members
        if n > min(self.counts):
            repeated = torch.randint(2**62, (len(self.classes), n), generator=generator, device=self.device)
            padded = torch.nn.functional.pad(columns, (0, n - columns.shape[1]))
            columns = torch.where(self._counts < n, repeated % self._counts, padded)
        return self._members.gather(1, columns).flatten()

    def _by_class(self) -> torch.Tensor:
        """(classes, images of the largest class): the indices of each class, padded with −1."""
        order = torch.argsort(self.labels, stable=True)
        members = torch.full((len(self.classes), max(self.counts)), -1, device=self.labels.device)
        first = self._counts.cumsum(0).flatten() - self._counts.flatten()
        sorted_labels = self.labels[order]
        position = torch.arange(len(order), device=self.labels.device) - first[sorted_labels]
        members[sorted_labels, position] = order
        return members


def _room(device: torch.device) -> float:
    """Bytes that images may take on this device."""
    return SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")
