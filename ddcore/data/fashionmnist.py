"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes, of 28×28 pixels (Xiao, Rasul & Vollgraf, 2017).

Normalisation and augmentation are those of the DC, DSA and DM code (VICO-UoE/DatasetCondensation: `utils.py` at
306245d, `readme.md` at 53f63a6): clothes are mirrored, other than digits.
"""

from __future__ import annotations

import gzip
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np

from ddcore.data.base import Dataset, Split
from ddcore.data.downloaded import File, Kept, Package

PACKED = {"train": 1504176606, "t10k": 1504176627}  # when the archives were made, in seconds since 1970


def _fetch(root: Path) -> None:
    """The archives alone: what torchvision unpacks them to has no published sums to hold it against."""
    from torchvision import datasets
    from torchvision.datasets.utils import download_url

    for name, md5 in datasets.FashionMNIST.resources:
        download_url(f"{datasets.FashionMNIST.mirrors[0]}{name}", str(DOWNLOAD.folder(root)), name, md5)


def _decode(root: Path) -> tuple[Split, Split]:
    raw = DOWNLOAD.folder(root)
    return _split(raw, "train"), _split(raw, "t10k")


def _split(raw: Path, part: str) -> Split:
    """The images and labels of two verified archives, in MNIST's format: a head of 16 and 8 bytes, one byte a value."""
    images = np.frombuffer(gzip.decompress((raw / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((raw / f"{part}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    return Split(images.reshape(-1, 1, 28, 28), labels.astype(np.int64))


def _original(name: str, content: bytes) -> bytes:
    """The published archive, of Debian's: that was packed with `gzip --no-name`, so its head lacks the name and has
    another time (RFC 1952, 2.3). With both put back its sum is the published one."""
    head = struct.pack("<4sI", b"\x1f\x8b\x08\x08", PACKED[name.partition("-")[0]])
    return head + content[8:10] + name.removesuffix(".gz").encode() + b"\0" + content[10:]


# The sums are torchvision's.
DOWNLOAD = Kept(
    name="fashionmnist", title="Fashion-MNIST", place="FashionMNIST/raw",
    archives=(File("train-images-idx3-ubyte.gz", 26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
              File("train-labels-idx1-ubyte.gz", 29515, "25c81989df183df01b3e8a0aad5dffbe"),
              File("t10k-images-idx3-ubyte.gz", 4422102, "bef4ecab320f06d8554ea6380940ec79"),
              File("t10k-labels-idx1-ubyte.gz", 5148, "bb300cfdad3c16e7a12a480ee83cd310")),
    fetch=_fetch, side=28, decode=_decode,
    package=Package("dataset-fashion-mnist (Debian, Ubuntu)", Path("/usr/share/datasets/fashion-mnist"), _original),
)

DATASET = Dataset(
    name="fashionmnist", title="Fashion-MNIST", rank=40, sizes=(60_000, 10_000), channels=1, resolution=28,
    resolutions=(28,), mean=(0.2861,), std=(0.3530,), network="convnet3", augment="siamese", val_share=Fraction(1, 12),
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    source="Xiao, Rasul & Vollgraf: Fashion-MNIST (2017)",
    read=DOWNLOAD.read, fingerprint=DOWNLOAD.fingerprint, check=DOWNLOAD.check, published=DOWNLOAD.published,
)
