"""NumPy's .npz with images and labels: MedMNIST's files, and any of that layout.

`train_images` (N, H, W) or (N, H, W, 3), uint8, and `train_labels` (N,) or (N, 1), likewise `val_…` and `test_…`
(Yang et al.: MedMNIST v2, Scientific Data 10:41, 2023); `x_train` and `y_train` (Keras) are the same.
"""

from __future__ import annotations

import functools
import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ddcore.data.images import Entry
from ddcore.data.packed import Files, Last, PackedImage, Packing
from ddcore.errors import DataRefused

MAX_ARRAY_BYTES = 3 * 2**29  # of one part, which is in memory while its images are read: MedMNIST's at 64 pixels
PARTS = ("train", "val", "test")
KINDS = {"U": "words", "S": "words", "f": "numbers with fractions", "b": "truth values"}  # of labels that are none
ORGANS = ("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left",
          "lung-right", "pancreas", "spleen")
MEDMNIST: Mapping[str, Sequence[str]] = {  # what the labels of its files mean, which do not say so themselves
    "pathmnist": ("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
                  "cancer-associated stroma", "colorectal adenocarcinoma epithelium"),
    "dermamnist": ("actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma",
                   "benign keratosis-like lesions", "dermatofibroma", "melanoma", "melanocytic nevi",
                   "vascular lesions"),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "breastmnist": ("malignant", "normal, benign"),
    "bloodmnist": ("basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte",
                   "neutrophil", "platelet"),
    "tissuemnist": ("Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule", "Glomerular endothelial cells",
                    "Interstitial endothelial cells", "Leukocytes", "Podocytes", "Proximal Tubule Segments",
                    "Thick Ascending Limb"),
    **dict.fromkeys(("organamnist", "organcmnist", "organsmnist"), ORGANS),
}

Heads = Mapping[str, tuple[int, ...]]  # the shape of each array


def _images(files: Files, called: str) -> Iterator[PackedImage]:
    (path, place), *others = files
    if others:
        raise DataRefused(f"{called} holds {len(files):,} .npz files, each of which is a data set of its own: bring "
                          f"one of them, such as {path}")
    yield from _of_file(place, path)


def _of_file(place: Path | BinaryIO, called: str) -> Iterator[PackedImage]:
    try:
        with zipfile.ZipFile(place) as archive:
            heads = dict(_heads(archive, called))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, zlib.error, OSError) as error:
        raise DataRefused(f"{called} is no .npz file, or damaged: {error}") from None
    pairs = {part: pair for part in PARTS if (pair := _pair(heads, part))}
    if not pairs:
        raise DataRefused(f"{called} holds {', '.join(map(repr, [*heads][:8])) or 'nothing'}; looked for are "
                          "train_images and train_labels, val_… and test_… (MedMNIST), or x_train and y_train (Keras)")
    array = Last(functools.partial(_array, place))
    names = MEDMNIST.get(re.split(r"[_.]", Path(called).name.lower())[0], ())
    for part, (images, labels) in pairs.items():
        shape = heads[images]
        values = _labels(array(labels), shape[0], f"{labels!r} in {called}").tolist()
        known = names if max(values, default=0) < len(names) else ()
        for index, value in enumerate(values):
            entry = Entry(math.prod(shape[1:]), None, functools.partial(_png, array, images, index))
            yield PackedImage(part, known[value] if known else str(value), f"{index:06}.png", entry)


def _heads(archive: zipfile.ZipFile, called: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(name, shape) of each array, from its head alone."""
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if info.flag_bits & 1 or name == info.filename:
            raise DataRefused(f"{called} holds {info.filename!r}; allowed are plain arrays (.npy)")
        with archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
        if dtype.hasobject:
            raise DataRefused(f"{name!r} in {called} holds Python objects, which are never read")
        size, allowed = math.prod(shape) * dtype.itemsize, min(MAX_ARRAY_BYTES, info.file_size)
        if size > allowed:
            raise DataRefused(f"{name!r} in {called} says that it has {size:,} bytes; allowed are {allowed:,}")
        is_image = dtype == np.uint8 and len(shape) in (3, 4) and shape[3:] in ((), (1,), (3,))
        if (name.endswith("_images") or name.startswith("x_")) and not is_image:
            raise DataRefused(f"{name!r} in {called} is {dtype} of {'×'.join(map(str, shape))}; images are uint8 of "
                              "N×height×width or N×height×width×3")
        yield name, shape


def _pair(heads: Heads, part: str) -> tuple[str, str] | None:
    """The names of a part's images and labels."""
    known = ((f"{part}_images", f"{part}_labels"), (f"x_{part}", f"y_{part}"))
    return next((pair for pair in known if all(name in heads for name in pair)), None)


def _labels(values: np.ndarray, count: int, which: str) -> np.ndarray:
    """One whole number for each image."""
    if values.ndim == 2 and values.shape[1] > 1:
        raise DataRefused(f"{which} has {values.shape[1]} labels for each image; a data set here has one class each")
    values = values.reshape(-1)
    if len(values) != count:
        raise DataRefused(f"{which} has {len(values):,} labels for {count:,} images")
    if values.dtype.kind not in "iu":
        such = f", such as {str(values[0])[:50]!r}" if len(values) else ""
        kind = KINDS.get(values.dtype.kind, "other values")
        raise DataRefused(f"{which} holds {kind}{such}; labels are whole numbers from 0")
    if len(values) and values.min() < 0:
        raise DataRefused(f"{which} holds {values.min()}; labels are whole numbers from 0")
    return values


def _array(place: Path | BinaryIO, name: str) -> np.ndarray:
    with np.load(place, allow_pickle=False) as archive:
        return np.asarray(archive[name])


def _png(array: Last[str, np.ndarray], name: str, index: int) -> bytes:
    """An image as a file, without a loss."""
    from PIL import Image

    pixels, stream = array(name)[index], io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


PACKING = Packing("npz", ".npz", _images)
