"""Small pictures of sets for tables: the first image of each class in a row."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ddcore.errors import DDCoreError
from ddcore.ops.pictures import denormalise
from ddcore.runs import memo
from ddcore.runs.images import Images
from ddcore.runs.store import RunRecord, Store

CLASSES, SIDE, GAP = 5, 28, 2  # at most so many classes, each so many pixels


def thumbnail(store: Store, record: RunRecord) -> bytes | None:
    """A PNG of a finished set, kept in the memo; None for a run that has no images, or none that can be read."""
    if not record.makes_images or record.state != "done":
        return None
    key = f"thumbnail 3:{record.id}:{record.created}"
    if (png := memo.get_bytes(key)) is not None:
        return png
    try:
        png = strip(store.images(record.id))
    except DDCoreError:
        return None
    memo.put_bytes(key, png)
    return png


def strip(images: Images) -> bytes:
    """A PNG: the first image of each of the first CLASSES classes, side by side."""
    firsts = [int(np.flatnonzero(images.labels == label)[0]) for label in np.unique(images.labels)[:CLASSES]]
    pixels = denormalise(images.images[firsts], images.mean, images.std)
    canvas = Image.new("RGBA", (len(firsts) * (SIDE + GAP) - GAP, SIDE), (0, 0, 0, 0))
    for i, image in enumerate(pixels):
        how = Image.Resampling.NEAREST if len(image) <= SIDE else Image.Resampling.BILINEAR
        canvas.paste(Image.fromarray(image).resize((SIDE, SIDE), how), (i * (SIDE + GAP), 0))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()
