"""The one way to read a data set: official splits, the validation part held out, plain uint8 arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ddcore import home
from ddcore.data import DATASETS
from ddcore.data.base import Data, Dataset, Split
from ddcore.data.split import hold_out, take
from ddcore.errors import ConfigError, DataBroken

_VAL_SEED = 2
_CHUNK = 64  # images counted at once


def load(name: str, resolution: int | None = None, root: Path | None = None) -> Data:
    """The data set `name` at `resolution` (its own when None), read from `root` (the data root when None).

    The validation part is the data set's `val_share` of the official training part, stratified and the same for every
    run. Raises UnknownName, ConfigError for a resolution that is not offered, DataMissing and DataBroken.
    """
    dataset = DATASETS[name]
    official, test = dataset.read(root or home.data_root(), _side(dataset, resolution))
    for part, split in (("training", official), ("test", test)):
        _check(dataset, part, split)
    train, val = (take(official, part) for part in hold_out(official.labels, dataset.val_share, _VAL_SEED))
    mean, std = (dataset.mean, dataset.std) if dataset.mean and dataset.std else statistics(train.images)
    return Data(name, dataset.classes, train, val, test, mean, std)


def fingerprint(name: str, resolution: int | None = None, root: Path | None = None) -> str:
    """A short name for the content that `load` would read with the same arguments; needs no torch."""
    dataset = DATASETS[name]
    return dataset.fingerprint(root or home.data_root(), _side(dataset, resolution))


def statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) of each channel of uint8 images (N, C, H, W), on the 0..1 scale.

    Counted in whole numbers, so exact and independent of the order. A channel of one value gets the std of one grey
    level, lest normalisation divide by zero.
    """
    histogram = np.zeros((images.shape[1], 256), dtype=np.int64)
    for start in range(0, len(images), _CHUNK):
        for c, counts in enumerate(histogram):
            counts += np.bincount(images[start : start + _CHUNK, c].ravel(), minlength=256)
    levels, shares = np.arange(256) / 255, histogram / histogram.sum(axis=1, keepdims=True)
    mean = shares @ levels
    std = np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(axis=1))
    return tuple(mean.tolist()), tuple(np.maximum(std, 1 / 255).tolist())


def _side(dataset: Dataset, resolution: int | None) -> int:
    side = resolution or dataset.resolution
    if side not in dataset.resolutions:
        offered = ", ".join(map(str, dataset.resolutions))
        raise ConfigError([f"resolution of {dataset.name} must be one of {offered}, got {resolution}"])
    return side


def _check(dataset: Dataset, part: str, split: Split) -> None:
    """Raise DataBroken for a class without images: nothing could be drawn from it, or tested on it."""
    counts = np.bincount(split.labels, minlength=len(dataset.classes))
    if empty := [dataset.classes[c] for c in np.flatnonzero(counts == 0)]:
        raise DataBroken(f"{dataset.name}: no {part} images of class {', '.join(empty)}")
