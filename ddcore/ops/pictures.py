"""Image grids for eyes: class rows, denormalised, enlarged without smoothing."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from ddcore.ops import fonts

CELL = 48  # smallest side of a shown image, px
LETTERS = 13  # size of the names beside the cells, px on the screen
INK, PLATE = (244, 247, 248, 255), (52, 66, 74, 255)  # of names: no ink alone is legible on white and on near-black
LESS, MORE = (0, 114, 178), (213, 94, 0)  # the two ends of a signed number, with white between them

Row = tuple[str, Sequence[np.ndarray] | np.ndarray]  # a name, and uint8 images (H, W, 3)
Stored = Literal["small", "quickly", "lossy"]  # a PNG for good, a PNG to look at, a WebP a fraction as large
LOSSY = 90  # of 100, the quality of a WebP


def pixels(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Float pixels (N, C, H, W), 0 black and 255 white, of normalised images; any may lie beyond."""
    shape = (1, -1, 1, 1)
    return 255 * (images.astype(np.float32) * np.reshape(std, shape) + np.reshape(mean, shape))


def denormalise(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """uint8 (N, H, W, 3) of normalised float images (N, C, H, W); values out of range are clipped."""
    clipped = np.clip(np.rint(pixels(images, mean, std)), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return np.repeat(clipped, 3, axis=3) if clipped.shape[3] == 1 else clipped


def signed(values: np.ndarray, most: float) -> np.ndarray:
    """uint8 (…, 3) of numbers: -most or less in blue, 0 in white, most or more in orange."""
    share = np.clip(values / most, -1, 1)[..., None]
    end = np.where(share < 0, LESS, MORE)
    return np.rint(255 + (end - 255) * np.abs(share)).astype(np.uint8)


def grid(
    images: np.ndarray, labels: np.ndarray, classes: Sequence[str], mean: Sequence[float], std: Sequence[float],
    per_class: int = 10, columns: int = 10,
) -> bytes:
    """A PNG with a row for each class (more when it has over `columns` images), names on the left.

    images: float (N, C, H, W) normalised; at most `per_class` of each class are shown. Background transparent.
    """
    shown = denormalise(images, mean, std)
    rows: list[Row] = []
    for number, name in enumerate(classes):
        of_class = shown[np.flatnonzero(labels == number)[:per_class]]
        for at in range(0, len(of_class), columns):
            rows.append((name if at == 0 else "", of_class[at : at + columns]))
    return sheet(rows, max((len(row) for _, row in rows), default=1))


def sheet(
    rows: Sequence[Row], columns: int, cell: int = CELL, across: int = 1, shrink: bool = False,
    stored: Stored = "small",
) -> bytes:
    """A picture of rows of images of one size, their names on the left; background transparent.

    Its width over its height does not follow from the size of the images: sheets of smaller and of larger ones, shown
    at one width, line up row by row. across: so many rows stand side by side; shrink: as in `enlarged`.
    """
    cells = [[enlarged(image, cell, shrink) for image in row] for _, row in rows]
    side = next((len(image) for row in cells for image in row), cell)
    step = side + max(2, side // 24)
    step += step % 2
    size = LETTERS * side / cell
    font, names = fonts.for_names([name for name, _ in rows], size)
    left = step // 2 * _halves([name for name, _ in rows], cell)
    wide = left + columns * step
    canvas = np.zeros((max(1, -(-len(rows) // across)) * step, across * wide, 4), np.uint8)
    corners = [(r // across * step, r % across * wide) for r in range(len(rows))]
    for (top, start), row in zip(corners, cells, strict=True):
        for c, image in enumerate(row):
            place = canvas[top:, start + left + c * step :][:side, :side]
            place[..., :3], place[..., 3] = image, 255
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for (top, start), name in zip(corners, names, strict=True):
        if name:
            draw.rounded_rectangle((start, top, start + left - step + side - 1, top + side - 1), size / 3, PLATE)
            draw.text((start + left - size / 2, top + side / 2), name, INK, font, anchor="rm")
    return _encoded(picture, stored)


def extent(names: Sequence[str], lines: int, columns: int, across: int, cell: int) -> tuple[int, int]:
    """(width, height) on the screen of a `sheet` of so many lines, `across` rows in each, its images `cell` high."""
    step = cell + max(2, cell // 24)
    step += step % 2
    return across * (step // 2 * _halves(names, cell) + columns * step), lines * step


def enlarged(image: np.ndarray, cell: int = CELL, shrink: bool = False) -> np.ndarray:
    """The uint8 image (H, W, 3) at least `cell` high, in whole multiples of its pixels.

    shrink: one that is twice as high or more gets nearly as small as that.
    """
    if shrink and len(image) >= 2 * cell:
        return np.asarray(Image.fromarray(image).reduce(len(image) // cell))
    times = max(1, -(-cell // len(image)))
    return image.repeat(times, axis=0).repeat(times, axis=1)


def png(image: np.ndarray) -> bytes:
    """A PNG of one uint8 image (H, W, 3), to look at."""
    return _encoded(Image.fromarray(image), "quickly")


def _halves(names: Sequence[str], cell: int) -> int:
    """Room for the names, in halves of a cell."""
    font, drawn = fonts.for_names([*names], LETTERS)
    widest = max(map(font.getlength, drawn), default=0)
    return math.ceil((widest + LETTERS) / (cell / 2))


def _encoded(picture: Image.Image, stored: Stored) -> bytes:
    buffer = io.BytesIO()
    if stored == "lossy":
        picture.save(buffer, "WEBP", quality=LOSSY, method=0)
    elif stored == "quickly":
        # Drawn at each move of a slider: the best compression takes 5 to 25 times as long, to save 0 to 35 %.
        picture.save(buffer, "PNG", compress_level=1)
    else:
        picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
