"""A synthetic set as one PNG, for eyes only: the float images are the artefact."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ddcore.experiments.base import ImageSet
from ddcore.lazy import lazy

if TYPE_CHECKING:
    import torch
    import torchvision
else:
    torch, torchvision = lazy("torch"), lazy("torchvision")


def grid_png(images: ImageSet, columns: int) -> bytes:
    """One row a class, `columns` images each, denormalised and clipped to what a screen can show."""
    from PIL import Image

    mean = torch.tensor(images.mean).view(1, -1, 1, 1)
    std = torch.tensor(images.std).view(1, -1, 1, 1)
    shown = (images.images.detach().cpu().float() * std + mean).clamp(0, 1)
    grid = torchvision.utils.make_grid(shown, nrow=columns, padding=1, pad_value=0.5)
    pixels = (grid * 255).round().byte().permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
