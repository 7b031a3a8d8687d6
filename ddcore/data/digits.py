"""digits: 1,797 handwritten digits of 8×8 pixels that come with scikit-learn; no network needed.

They are the test part of UCI's "Optical recognition of handwritten digits" (Alpaydin & Kaynak, 1998), so there is no
official split: a fifth, stratified and the same for every run, serves as test part.
"""

from __future__ import annotations

import gzip
import importlib.util
from fractions import Fraction
from pathlib import Path

import numpy as np

from ddcore.data.base import Availability, Dataset, Split
from ddcore.data.fingerprint import fingerprint
from ddcore.data.split import hold_out, take
from ddcore.errors import DataMissing

_TEST_SHARE = Fraction(1, 5)
_TEST_SEED = 1
_MISSING = "digits comes with scikit-learn, which is not installed; install the project's requirements"


def read(root: Path, resolution: int) -> tuple[Split, Split]:
    """The (train, test) splits: 1,438 and 359 images, uint8 (N, 1, 8, 8)."""
    table = _table()
    levels = table[:, :64].reshape(-1, 1, 8, 8).astype(np.uint16)  # 0..16
    everything = Split(((levels * 255 + 8) // 16).astype(np.uint8), table[:, 64].astype(np.int64))
    train, test = hold_out(everything.labels, _TEST_SHARE, _TEST_SEED)
    return take(everything, train), take(everything, test)


def _table() -> np.ndarray:
    """A row for each image: 64 grey levels 0..16 and the digit.

    Read straight from scikit-learn's file: 10 ms, against 3 s (two cores) for importing sklearn.datasets, which every
    worker would pay. Through the import where the file is elsewhere.
    """
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise DataMissing(_MISSING)
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if file.is_file():
        with gzip.open(file) as stream:
            return np.loadtxt(stream, delimiter=",", dtype=np.uint8)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target]).astype(np.uint8)


def check(root: Path) -> Availability:
    if importlib.util.find_spec("sklearn") is None:
        return Availability("missing", _MISSING)
    return Availability("ready", "digits comes with scikit-learn.")


DATASET = Dataset(
    name="digits", title="Digits 8×8", rank=10, sizes=(1438, 359),
    counts=(142, 146, 142, 146, 145, 146, 145, 143, 139, 144), channels=1, resolution=8, resolutions=(8,),
    network="convnet3", augment="siamese-no-flip", val_share=Fraction(1, 10), classes=tuple("0123456789"),
    source="UCI optical recognition of handwritten digits, as shipped with scikit-learn",
    read=read, fingerprint=lambda root, resolution: fingerprint("digits", resolution), check=check,
)
