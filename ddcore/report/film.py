"""How a set took shape: the first image of each class at every kept step, as pictures of the same size."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ddcore.ops.pictures import denormalise
from ddcore.runs.images import Images
from ddcore.runs.store import RunRecord, Store

COLUMNS, GAP = 5, 1  # images in a row; pixels between them


@dataclass(frozen=True)
class Frame:
    """The images after so many steps, as a PNG in their own resolution."""

    step: int
    png: bytes


def shown(store: Store) -> RunRecord | None:
    """The shipped run to show somebody who has seen none: one that began as noise, if there is one."""
    with_steps = [r for r in store.records() if r.demo and r.makes_images and len(store.snapshots(r.id)) > 1]
    return next(iter(sorted(with_steps, key=lambda record: record.config.get("init") != "noise")), None)


def frames(store: Store, run: RunRecord) -> list[Frame]:
    """From the start to the result."""
    return [Frame(step, _png(store.snapshot(run.id, step))) for step in store.snapshots(run.id)]


def _png(images: Images) -> bytes:
    """The first image of each class, COLUMNS beside each other."""
    firsts = [int(np.flatnonzero(images.labels == label)[0]) for label in np.unique(images.labels)]
    pixels = denormalise(images.images[firsts], images.mean, images.std)
    height, width = (side + GAP for side in pixels.shape[1:3])
    columns = min(COLUMNS, len(firsts))
    rows = -(-len(firsts) // columns)
    canvas = Image.new("RGBA", (columns * width - GAP, rows * height - GAP), (0, 0, 0, 0))
    for i, image in enumerate(pixels):
        canvas.paste(Image.fromarray(image), (i % columns * width, i // columns * height))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()
