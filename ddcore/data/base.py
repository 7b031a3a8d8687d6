"""What a data set is: facts that need no torch, and a reader that ends in plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Split:
    """images: uint8 (N, C, H, W); labels: int64 (N,); votes: int64 (N,) where annotators voted."""

    images: np.ndarray
    labels: np.ndarray
    votes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """A data set in memory. `val` is held out of the official training part; `test` is official.

    mean, std: per channel on the 0..1 scale, of the training data.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        c, h, w = self.train.images.shape[1:]
        return c, h, w


@dataclass(frozen=True)
class Availability:
    """Whether a data set can be used now, without reading it whole.

    state: "ready" (on disk), "download" (will be fetched at first use), "missing" (a person must act) or "broken";
    message: one or two sentences for that person; caveat: what to know of every number computed with it, where other
    images lie in the place of the official ones.
    """

    state: Literal["ready", "download", "missing", "broken"]
    message: str
    caveat: str = ""


@dataclass(frozen=True)
class Dataset:
    """Everything known of a data set before it is read.

    read(root, resolution) returns the official (train, test) splits; fingerprint(root, resolution) names the content
    and enters every cache key, so it must be cheap and torch-free; both raise DataMissing or DataBroken. mean and std
    None: measured on the training data when read. sizes: images in the official (train, test), so that a different
    count can be shown; counts: of the official training part in each class, where a class may have fewer than a small
    set can ask for; voters: annotators who voted on each image, their votes for the last class being `Split.votes`
    (0: nobody voted). own: a person brought it, and `notes` says what to know of it; removed: its images are gone, its
    facts stay for its finished runs. steps: what a person must do to get it, where it cannot be downloaded; published:
    the names of the files that it is published as, so that whoever brings them is told that it is known.
    """

    name: str
    title: str
    channels: int
    resolution: int
    resolutions: tuple[int, ...]
    classes: tuple[str, ...]
    network: str
    augment: str
    val_share: Fraction
    source: str
    read: Callable[[Path, int], tuple[Split, Split]]
    fingerprint: Callable[[Path, int], str]
    check: Callable[[Path], Availability]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    sizes: tuple[int, int] | None = None
    counts: tuple[int, ...] | None = None
    voters: int = 0
    rank: int = 100
    own: bool = False
    removed: bool = False
    notes: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    published: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, int]:
        """Images in each part, "train", "val" and "test", as `load` splits the official sizes; {} where unknown."""
        if self.sizes is None:
            return {}
        official, test = self.sizes
        held = int(self.val_share * official + Fraction(1, 2))  # rounded half up, as hold_out does
        return {"train": official - held, "val": held, "test": test}

    def shape(self, resolution: int | None = None) -> tuple[int, int, int]:
        """(C, H, W) at this resolution (the default one when None)."""
        side = resolution or self.resolution
        return self.channels, side, side
