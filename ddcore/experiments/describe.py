"""Describe a data set: sizes, balance, statistics, votes, what is odd about it, and examples to look at."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from PIL import Image

from ddcore.data.base import Data, Dataset, Split
from ddcore.data.load import load
from ddcore.experiments.base import Kind, Recorder
from ddcore.settings import DataConfig

EXAMPLES = 10  # images in each row of the picture
_CELL = 64  # pixels, about, that one of them gets
_GAP = 2


class DescribeConfig(DataConfig):
    """Which data set to describe; the seed chooses the examples."""


def run(name: str, config: DescribeConfig, recorder: Recorder) -> dict[str, Any]:
    """The summary of the data set; reading it fetches or prepares it first where that was not done yet."""
    recorder.progress(0, 3, f"reading {config.dataset}")
    data = load(config.dataset, config.resolution)
    recorder.check_cancelled()
    recorder.progress(1, 3, "checking")
    found = checks(config.facts, data)
    for check in found:
        recorder.note(check["text"])
    recorder.progress(2, 3, "drawing examples")
    recorder.save_picture("examples", examples(data, config.seed))
    recorder.progress(3, 3, "done")
    parts = {"train": data.train, "val": data.val, "test": data.test}
    return {
        "classes": list(data.classes),
        "shape": list(data.shape),
        "mean": list(data.mean),
        "std": list(data.std),
        "voters": config.facts.voters,
        "splits": {part: describe_split(split, len(data.classes), config.facts.voters)
                   for part, split in parts.items()},
        "checks": found,
    }  # fmt: skip


def describe_split(split: Split, classes: int, voters: int) -> dict[str, Any]:
    """Size, images per class, share of the largest class, and how many images got 0, 1, … votes.

    `majority` is what always guessing that class scores; `votes` is None where nobody voted.
    """
    per_class = np.bincount(split.labels, minlength=classes).tolist()
    votes = None if split.votes is None else np.bincount(split.votes, minlength=voters + 1).tolist()
    majority = max(per_class) / len(split) if len(split) else None
    return {"size": len(split), "per_class": per_class, "majority": majority, "votes": votes}


def checks(dataset: Dataset, data: Data) -> list[dict[str, Any]]:
    """What was expected of the data set and what was found; a difference is shown, never hidden.

    Each is {what, expected, found, ok, text}; text is one sentence for people.
    """
    results = []
    if dataset.sizes:
        read = {"training": len(data.train) + len(data.val), "test": len(data.test)}
        results = [_counted(part, expected, found)
                   for (part, found), expected in zip(read.items(), dataset.sizes, strict=True)]  # fmt: skip
    shared = shared_images(data)
    results.append(_none_of(shared, "test images that are also training images"))
    if dataset.voters:
        contradicting = sum(_against_votes(s, dataset.voters) for s in (data.train, data.val, data.test))
        results.append(_none_of(contradicting, "images whose label is not the majority of their votes"))
    return results


def shared_images(data: Data) -> int:
    """How many test images agree in every pixel with an official training image (train or val)."""
    training = _digests(data.train) | _digests(data.val)
    return sum(_digest(image) in training for image in data.test.images)


def examples(data: Data, seed: int) -> bytes:
    """A PNG with a row of random training images for each class."""
    rows = []
    for c in range(len(data.classes)):
        members = np.flatnonzero(data.train.labels == c)
        order = np.random.Generator(np.random.PCG64([seed, c])).permutation(len(members))
        row = [_cell(image) for image in data.train.images[members[order[:EXAMPLES]]]]
        row += [np.full_like(row[0], 255)] * (EXAMPLES - len(row))
        rows.append(np.concatenate([_framed(cell) for cell in row], axis=1))
    stream = io.BytesIO()
    Image.fromarray(np.concatenate(rows, axis=0)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _counted(part: str, expected: int, found: int) -> dict[str, Any]:
    text = f"{found:,} {part} images, as many as the official set has"
    if found != expected:
        text = f"{found:,} {part} images; the official set has {expected:,}"
    return {"what": f"{part} images", "expected": expected, "found": found, "ok": found == expected, "text": text}


def _none_of(found: int, what: str) -> dict[str, Any]:
    return {"what": what, "expected": 0, "found": found, "ok": found == 0, "text": f"{found or 'no'} {what}"}


def _against_votes(split: Split, voters: int) -> int:
    """Images of two classes whose label is not what most annotators said (votes are for class 1)."""
    return 0 if split.votes is None else int(((2 * split.votes > voters) != (split.labels == 1)).sum())


def _digests(split: Split) -> set[bytes]:
    return {_digest(image) for image in split.images}


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def _cell(image: np.ndarray) -> np.ndarray:
    """uint8 (C, H, W) → (h, w, C or nothing): small images enlarged pixel by pixel, large ones reduced."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    side = pixels.shape[0]
    if side <= _CELL:
        return pixels.repeat(_CELL // side, axis=0).repeat(_CELL // side, axis=1)
    return np.asarray(Image.fromarray(pixels).resize((_CELL, _CELL), Image.Resampling.BILINEAR))


def _framed(cell: np.ndarray) -> np.ndarray:
    margin = ((_GAP, _GAP), (_GAP, _GAP), (0, 0))[: cell.ndim]
    return np.pad(cell, margin, constant_values=255)


KIND = Kind(
    name="describe",
    title="Description of a data set",
    names=lambda: ("describe",),
    config=lambda name: DescribeConfig,
    run=run,
)
