"""A set of images as files that other programs read: arrays for NumPy, one picture of all, a picture of each."""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile

import numpy as np

from ddcore.ops import pictures
from ddcore.runs.images import Images

COLUMNS = 10  # of the sheet


def npz(images: Images) -> bytes:
    """What `numpy.load` reads without pickle: images, labels, classes, mean, std; label_logits and lr where learnt.

    Pixels are normalised float32 (N, C, H, W): images * std + mean lies in 0 to 1, but for what a method moved beyond.
    """
    arrays = {name: np.array(value) for name, value in dataclasses.asdict(images).items() if value is not None}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def sheet(images: Images) -> bytes:
    """A PNG of all images, a row for each class."""
    most = int(np.bincount(images.labels).max(initial=1))
    return pictures.grid(images.images, images.labels, images.classes, images.mean, images.std, most, COLUMNS)


def singles(images: Images) -> bytes:
    """A zip with a PNG of each image, as large as it is: "3-three/07.png" is the eighth of class 3."""
    file = io.BytesIO()
    shown = pictures.denormalise(images.images, images.mean, images.std)
    with zipfile.ZipFile(file, "w") as archive:  # PNGs are compressed already
        for label, name in enumerate(images.classes):
            folder = f"{label}-{re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:40]}"
            for i, image in enumerate(shown[images.labels == label]):
                archive.writestr(f"{folder}/{i:02d}.png", pictures.png(image))
    return file.getvalue()
