"""CIFAR-10: 50,000 + 10,000 colour photographs of 32×32 pixels (Krizhevsky, 2009).

Normalisation and augmentation are those of the DC, DSA and DM code (VICO-UoE/DatasetCondensation: `utils.py` at
306245d, `readme.md` at 53f63a6). The six batches are pickles, which could run anything: torchvision opens them only
after their sums agreed, and the one file beside them that it need not open, with the names of the classes, it does not.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from ddcore.data.base import Dataset, Split
from ddcore.data.downloaded import File, Kept


def _fetch(root: Path) -> None:
    """Download and unpack, as torchvision's CIFAR10 does, without reading the batches yet."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import download_and_extract_archive

    download_and_extract_archive(CIFAR10.url, str(root), filename=CIFAR10.filename, md5=CIFAR10.tgz_md5)


def _decode(root: Path) -> tuple[Split, Split]:
    from torchvision import datasets

    reader = type("CIFAR10", (datasets.CIFAR10,), {"_load_meta": lambda self: None})
    train, test = (reader(str(root), train=part) for part in (True, False))
    return _split(train.data, train.targets), _split(test.data, test.targets)


def _split(pixels: np.ndarray, labels: list[int]) -> Split:
    """pixels: uint8 (N, H, W, C)."""
    return Split(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), np.array(labels, np.int64))


# The sums are torchvision's.
DOWNLOAD = Kept(
    name="cifar10", title="CIFAR-10", place="",
    archives=(File("cifar-10-python.tar.gz", 170498071, "c58f30108f718f92721af3b95e74349a",
                   (File("cifar-10-batches-py/data_batch_1", 31035704, "c99cafc152244af753f735de768cd75f"),
                    File("cifar-10-batches-py/data_batch_2", 31035320, "d4bba439e000b95fd0a9bffe97cbabec"),
                    File("cifar-10-batches-py/data_batch_3", 31035999, "54ebc095f3ab1f0389bbae665268c751"),
                    File("cifar-10-batches-py/data_batch_4", 31035696, "634d18415352ddfa80567beed471001a"),
                    File("cifar-10-batches-py/data_batch_5", 31035623, "482c414d41f54cd18b22e5b47cb7c3cb"),
                    File("cifar-10-batches-py/test_batch", 31035526, "40351d587109b95175f43aff81a1287e"))),),
    fetch=_fetch, side=32, decode=_decode,
)

DATASET = Dataset(
    name="cifar10", title="CIFAR-10", rank=50, sizes=(50_000, 10_000), channels=3, resolution=32, resolutions=(32,),
    mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010), network="convnet3", augment="siamese",
    val_share=Fraction(1, 10),
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    source="Krizhevsky: Learning Multiple Layers of Features from Tiny Images (2009)",
    read=DOWNLOAD.read, fingerprint=DOWNLOAD.fingerprint, check=DOWNLOAD.check, published=DOWNLOAD.published,
)
