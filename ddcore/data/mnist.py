"""MNIST: 60,000 + 10,000 handwritten digits of 28×28 pixels (LeCun, Cortes, Burges)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ddcore.data.base import Dataset, Split
from ddcore.data.downloaded import Download, File


def read(root: Path, resolution: int) -> tuple[Split, Split]:
    """The official (train, test) splits, fetched first where they are not on disk.

    Raises DataMissing where they are not and cannot be fetched, DataBroken where a damaged file could
    not be replaced. Verifying all four files takes about a tenth of a second.
    """
    DOWNLOAD.ensure(root)
    raw = DOWNLOAD.folder(root)
    return _split(raw, "train"), _split(raw, "t10k")


def _split(raw: Path, part: str) -> Split:
    """The images and labels of two verified files: after a head of 16 and 8 bytes, one byte a value.

    torchvision would read the same, but importing it takes 3 s of every job, and the sums were checked.
    """
    images = np.fromfile(raw / f"{part}-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(raw / f"{part}-labels-idx1-ubyte", np.uint8, offset=8)
    return Split(images.reshape(-1, 1, 28, 28), labels.astype(np.int64))


def _torchvision_mnist() -> Any:
    """torchvision's MNIST, without its way round our checks: it prefers an old `processed/*.pt`, unverified.

    The folder on disk is named after the class, so this one is named MNIST too.
    """
    from torchvision import datasets

    return type("MNIST", (datasets.MNIST,), {"_check_legacy_exist": lambda self: False})


# The archives' sums are torchvision's; those of the unpacked files were taken from these archives.
DOWNLOAD = Download(
    name="mnist", title="MNIST", place="MNIST/raw",
    archives=(File("train-images-idx3-ubyte.gz", 9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                   (File("train-images-idx3-ubyte", 47040016, "6bbc9ace898e44ae57da46a324031adb"),)),
              File("train-labels-idx1-ubyte.gz", 28881, "d53e105ee54ea40749a09fcbcd1e9432",
                   (File("train-labels-idx1-ubyte", 60008, "a25bea736e30d166cdddb491f175f624"),)),
              File("t10k-images-idx3-ubyte.gz", 1648877, "9fb629c4189551a2d022fa330f9573f3",
                   (File("t10k-images-idx3-ubyte", 7840016, "2646ac647ad5339dbf082846283269ea"),)),
              File("t10k-labels-idx1-ubyte.gz", 4542, "ec29112dd5afa0611ce80d1b7f02629c",
                   (File("t10k-labels-idx1-ubyte", 10008, "27ae3e4e09519cfbb04c329615203637"),))),
    fetch=lambda root: _torchvision_mnist()(str(root), download=True),
)

DATASET = Dataset(
    name="mnist", title="MNIST", rank=20, sizes=(60_000, 10_000), channels=1, resolution=28, resolutions=(28,),
    mean=(0.1307,), std=(0.3081,), network="convnet3", augment="siamese-no-flip", val_share=Fraction(1, 12),
    classes=tuple("0123456789"),
    source="LeCun, Cortes, Burges: the MNIST database of handwritten digits",
    read=read, fingerprint=DOWNLOAD.fingerprint, check=DOWNLOAD.check, published=DOWNLOAD.published,
)
