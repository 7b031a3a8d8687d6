"""What all networks have in common: logits, an embedding, and the maps between, without hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn


class Net(nn.Module):
    """A body that ends in a flat embedding, and one linear classifier on it.

    Subclasses set `classifier` and write `body`.
    """

    classifier: nn.Linear

    if TYPE_CHECKING:

        def __call__(self, images: Tensor) -> Tensor: ...

    def body(self, images: Tensor, maps: list[Tensor] | None) -> Tensor:
        """The embedding (N, F) of `images` (N, C, H, W).

        Every map after an activation is appended to `maps`, unless that is None, and is never written again.
        """
        raise NotImplementedError

    def embed(self, images: Tensor) -> Tensor:
        """What the classifier sees: (N, F)."""
        return self.body(images, None)

    def maps(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """(maps after each activation, shallow to deep, each (N, C, H, W); embedding (N, F)) of one forward pass."""
        maps: list[Tensor] = []
        return maps, self.body(images, maps)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes)."""
        logits: Tensor = self.classifier(self.body(images, None))
        return logits
