"""Synthetic images beside the real training images nearest to them, by pixels and by features."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ddcore.experiments.features import WAYS, FeaturesSummary
from ddcore.ops import pictures
from ddcore.report import tables
from ddcore.runs.store import RunRecord, Store

EACH = 5  # images in a strip: so many fill a narrow screen
CELL = 64  # smallest side of an image, px
GAP = 6
LETTERS = 14
ROWS = {"pixels": "by pixels", "features": "by features"}  # what is below an image
SAME = 1e-3  # a real image so near by pixels is the image itself, but for rounding


@dataclass(frozen=True)
class Near:
    """The nearest real image to one synthetic one. image: uint8 (H, W, 3)."""

    image: np.ndarray
    label: str
    distance: float
    index: int


@dataclass(frozen=True)
class Pair:
    """A synthetic image and the real ones nearest to it, by way of measuring. label: its class."""

    image: np.ndarray
    label: str
    near: dict[str, Near]


def pairs(store: Store, run: RunRecord, subject: str, label: str) -> list[Pair]:
    """What a finished features run found for the images of one class of the run `subject`, in their order."""
    nearest, space = store.arrays(run.id, "nearest"), store.arrays(run.id, "space")
    classes, number = tables.classes(run), run.answer(FeaturesSummary).runs.index(subject)
    of_run = np.flatnonzero(space["run"] == number)
    of_class = np.flatnonzero(space["labels"][of_run] == classes.index(label))
    stored = store.images(subject)
    shown = pictures.denormalise(stored.images[of_class], stored.mean, stored.std)
    return [
        Pair(image, label, {
            way: Near(_colour(nearest[f"{way}_image"][row]), classes[int(nearest[f"{way}_label"][row])],
                      float(nearest[f"{way}_distance"][row]), int(nearest[f"{way}_index"][row]))
            for way in WAYS
        })
        for image, row in zip(shown, of_run[of_class], strict=True)
    ]


def copies(pairs: Sequence[Pair]) -> int:
    """How many of these are a real training image, pixel by pixel."""
    return sum(pair.near["pixels"].distance < SAME for pair in pairs)


def strip(pairs: Sequence[Pair]) -> bytes:
    """A PNG of up to EACH pairs, one a column: the image of the set, and below it the real ones with their distances.

    The class of a real image is told where it is another. As wide as EACH of them, so that strips line up.
    """
    font = ImageFont.load_default(LETTERS)
    titles = ("in the set", *ROWS.values())
    cells = [[pictures.enlarged(image, CELL, shrink=True) for image in (p.image, *(n.image for n in p.near.values()))]
             for p in pairs]
    side = len(cells[0][0])
    left, words = round(max(map(font.getlength, titles))) + 2 * GAP, round(1.5 * LETTERS)
    tops = [0, side + GAP, 2 * (side + GAP) + words]
    canvas = Image.new("RGBA", (left + EACH * (side + GAP), tops[-1] + side + words), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    for top, title in zip(tops, titles, strict=True):
        draw.rounded_rectangle((0, top, left - GAP // 2 - 1, top + side - 1), GAP, pictures.PLATE)
        draw.text((left - GAP, top + side // 2), title, pictures.INK, font, anchor="rm")
    for c, (pair, images) in enumerate(zip(pairs, cells, strict=True)):
        x = left + c * (side + GAP)
        for top, image in zip(tops, images, strict=True):
            canvas.paste(Image.fromarray(image), (x, top))
        for top, near in zip(tops[1:], pair.near.values(), strict=True):
            draw.rectangle((x, top + side, x + side - 1, top + side + words - 1), pictures.PLATE)
            draw.text((x + side // 2, top + side + 2), _caption(pair, near, side), pictures.INK, font, anchor="ma")
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _caption(pair: Pair, near: Near, side: int) -> str:
    """ "5.1", or "5.1 · cat" where the real image is of another class, as far as there is room."""
    words = f"{near.distance:.3g}" if near.distance >= SAME else "0"
    if near.label != pair.label:
        words += f" · {near.label}"
    font = ImageFont.load_default(LETTERS)
    while font.getlength(words) > side and len(words) > 1:
        words = words.rstrip("…")[:-1] + "…"
    return words


def _colour(image: np.ndarray) -> np.ndarray:
    """uint8 (C, H, W) → (H, W, 3)."""
    return np.repeat(image, 3 // len(image), axis=0).transpose(1, 2, 0)
