"""Image grids for eyes: class rows, denormalised, enlarged without smoothing."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL = 48  # smallest side of a shown image, px
GREY = (128, 134, 145, 255)  # legible on white and on near-black


def denormalise(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """uint8 (N, H, W, 3) of normalised float images (N, C, H, W); values out of range are clipped."""
    shape = (1, -1, 1, 1)
    plain = images.astype(np.float32) * np.reshape(std, shape) + np.reshape(mean, shape)
    pixels = np.clip(np.rint(plain * 255), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels


def grid(
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    mean: Sequence[float],
    std: Sequence[float],
    per_class: int = 10,
    columns: int = 10,
) -> bytes:
    """A PNG with a row for each class (more when it has over `columns` images), names on the left.

    images: float (N, C, H, W) normalised; at most `per_class` of each class are shown. Background transparent.
    """
    pixels = denormalise(images, mean, std)
    scale = max(1, -(-CELL // pixels.shape[1]))
    side, gap = pixels.shape[1] * scale, max(2, scale // 2)
    rows: list[tuple[str, list[np.ndarray]]] = []
    for number, name in enumerate(classes):
        chosen = [pixels[i] for i in np.flatnonzero(labels == number)[:per_class]]
        for at in range(0, len(chosen), columns):
            rows.append((name if at == 0 else "", chosen[at : at + columns]))
    size = max(13, side // 4)
    font = ImageFont.load_default(size)
    left = int(max((font.getlength(name) for name in classes), default=0)) + size
    width = left + max((len(row) for _, row in rows), default=1) * (side + gap)
    canvas = Image.new("RGBA", (width, max(1, len(rows)) * (side + gap)), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    for r, (name, row) in enumerate(rows):
        top = r * (side + gap)
        draw.text((left - size // 2, top + side // 2), name, GREY, font, anchor="rm")
        for c, image in enumerate(row):
            shown = Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)
            canvas.paste(shown, (left + c * (side + gap), top))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
