"""SVHN: 73,257 + 26,032 house numbers' digits of 32×32 pixels, cropped from street views (Netzer et al., 2011).

The classes are uneven: every fifth digit is a 1. The 531,131 easier images of `extra` are not used, as in the DC, DSA
and DM code (VICO-UoE/DatasetCondensation), whose normalisation (`utils.py` at 306245d) and augmentation (`readme.md` at
53f63a6: no flip for digits, MNIST and SVHN) these are.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from ddcore.data.base import Dataset, Split
from ddcore.data.downloaded import File, Kept

_PARTS = ("train", "test")


def _fetch(root: Path) -> None:
    """Download, as torchvision's SVHN does, without reading the files yet."""
    from torchvision.datasets import SVHN
    from torchvision.datasets.utils import download_url

    for part in _PARTS:
        url, name, md5 = SVHN.split_list[part]
        download_url(url, str(root), name, md5)


def _decode(root: Path) -> tuple[Split, Split]:
    """torchvision turns the files' label 10 into the digit 0 that it stands for."""
    from torchvision import datasets

    train, test = (datasets.SVHN(str(root), split=part) for part in _PARTS)
    return _split(train.data, train.labels), _split(test.data, test.labels)


def _split(pixels: np.ndarray, labels: np.ndarray) -> Split:
    """pixels: uint8 (N, C, H, W), in the order of the file, where N runs fastest."""
    return Split(np.ascontiguousarray(pixels), labels)


# The sums are torchvision's.
DOWNLOAD = Kept(
    name="svhn", title="SVHN", place="",
    archives=(File("train_32x32.mat", 182040794, "e26dedcc434d2e4c54c9b2d4a06d8373"),
              File("test_32x32.mat", 64275384, "eb5a983be6a315427106f1b164d9cef3")),
    fetch=_fetch, side=32, decode=_decode,
)

DATASET = Dataset(
    name="svhn", title="SVHN", rank=60, sizes=(73_257, 26_032), channels=3, resolution=32, resolutions=(32,),
    mean=(0.4377, 0.4438, 0.4728), std=(0.1980, 0.2010, 0.1970), network="convnet3", augment="siamese-no-flip",
    val_share=Fraction(1, 10), classes=tuple("0123456789"),
    source="Netzer et al.: Reading Digits in Natural Images with Unsupervised Feature Learning (2011), "
           "cropped digits without its extra part",
    read=DOWNLOAD.read, fingerprint=DOWNLOAD.fingerprint, check=DOWNLOAD.check, published=DOWNLOAD.published,
)
