"""Describe a data set: sizes, balance, statistics, votes, what is odd about it, and examples to look at."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ddcore import home
from ddcore.data import agreement
from ddcore.data.base import Data, Dataset, Split
from ddcore.data.load import load
from ddcore.experiments.base import Kind, Recorder
from ddcore.settings import DataConfig

EXAMPLES = 10  # images in each row of the picture
ROWS = 30  # classes shown; a picture of a thousand would be a hundred screens high
PAIRS = 5  # identical images that are named; the rest are counted
_CELL = 64  # pixels, about, that one of them gets
_GAP = 2
_FRAME = 4  # width of the frame in the colour of the annotators' agreement


class DescribeConfig(DataConfig):
    """Which data set to describe; the seed chooses the examples."""


def run(name: str, config: DescribeConfig, recorder: Recorder) -> dict[str, Any]:
    """The summary of the data set; reading it fetches or prepares it first where that was not done yet."""
    recorder.progress(0, 3, f"reading {config.dataset}")
    data = load(config.dataset, config.resolution)
    recorder.check_cancelled()
    recorder.progress(1, 3, "checking")
    # Read again for the order that the data set has of itself: `load` has taken the validation part out of it.
    found = checks(config.facts, *config.facts.read(home.data_root(), data.shape[1]))
    parts = {"train": data.train, "val": data.val, "test": data.test}
    splits = {part: describe_split(split, len(data.classes), config.facts.voters) for part, split in parts.items()}
    majority = majorities(splits, data.classes)
    for text in [check["text"] for check in found] + [in_words(part, told) for part, told in majority.items()]:
        recorder.note(text)
    recorder.progress(2, 3, "drawing examples")
    recorder.save_picture("examples", examples(data, config.seed, config.facts.voters))
    recorder.progress(3, 3, "done")
    return {
        "classes": list(data.classes),
        "shape": list(data.shape),
        "mean": list(data.mean),
        "std": list(data.std),
        "voters": config.facts.voters,
        "splits": splits,
        "majorities": majority,
        "checks": found,
    }


def describe_split(split: Split, classes: int, voters: int) -> dict[str, Any]:
    """Size, images per class, share of the largest class, and how many images got 0, 1, … votes.

    `majority` is what always guessing that class scores; `votes` is None where nobody voted.
    """
    per_class = np.bincount(split.labels, minlength=classes).tolist()
    votes = None if split.votes is None else np.bincount(split.votes, minlength=voters + 1).tolist()
    majority = max(per_class) / len(split) if len(split) else None
    return {"size": len(split), "per_class": per_class, "majority": majority, "votes": votes}


def majorities(splits: Mapping[str, Mapping[str, Any]], classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The most frequent class of the test images and of all images: {class, share, images}.

    Both are told because both were taken for results: the second is what a network reaches that says nothing else
    and is tested on everything, its own training images among it.
    """
    counts = {part: np.array(split["per_class"]) for part, split in splits.items()}
    told = {"test": counts["test"], "all": np.sum(list(counts.values()), axis=0)}
    return {
        part: {"class": classes[int(of.argmax())], "share": float(of.max() / of.sum()), "images": int(of.sum())}
        for part, of in told.items()
    }


def in_words(part: str, majority: Mapping[str, Any]) -> str:
    """ "always answering HP is right on 63.15 % of the 977 test images"."""
    what = f"the {majority['images']:,} test images" if part == "test" else f"all {majority['images']:,} images"
    return f"always answering {majority['class']} is right on {100 * majority['share']:.2f} % of {what}"


def checks(dataset: Dataset, official: Split, test: Split) -> list[dict[str, Any]]:
    """What was expected of the data set and what was found; a difference is shown, never hidden.

    Each is {what, expected, found, ok, text}; text is one sentence for people.
    """
    results = []
    if dataset.sizes:
        read = {"training images": len(official), "test images": len(test)}
        expected = dict(zip(read, dataset.sizes, strict=True))
        read["images in all"], expected["images in all"] = sum(read.values()), sum(dataset.sizes)
        results = [_counted(what, expected[what], found, own=dataset.own) for what, found in read.items()]
    pairs = identical(official, test)
    leaks = _none_of(len(pairs), "test images that are also training images")
    results.append({**leaks, "text": leaks["text"] + _named(pairs), "pairs": pairs[:PAIRS]})
    if dataset.voters:
        contradicting = sum(_against_votes(part, dataset.voters, len(dataset.classes)) for part in (official, test))
        results.append(_none_of(contradicting, "images whose label is not the majority of their votes"))
    return results


def identical(official: Split, test: Split) -> list[tuple[int, int]]:
    """(test image, training image) for each test image that agrees in every pixel with an official training image.

    Both are positions in the data set's own order, from 0; of several such training images the first is named.
    """
    first: dict[bytes, int] = {}
    for i, image in enumerate(official.images):
        first.setdefault(_digest(image), i)
    return [(i, first[digest]) for i, image in enumerate(test.images) if (digest := _digest(image)) in first]


def examples(data: Data, seed: int, voters: int = 0) -> bytes:
    """A PNG with a row of random training images for each of the first ROWS classes.

    Where people voted, a row goes from unanimous to split and each image is framed in the colour of its agreement.
    """
    votes = data.train.votes if voters > 1 else None
    levels = None if votes is None else agreement.level(votes, voters)
    colours = agreement.colours(voters)
    rows = []
    for c in range(min(len(data.classes), ROWS)):
        members = np.flatnonzero(data.train.labels == c)
        order = np.random.Generator(np.random.PCG64([seed, c])).permutation(len(members))
        shown = members[order[:EXAMPLES]]
        if levels is not None:
            shown = shown[np.argsort(levels[shown], kind="stable")]
        row = [_cell(data.train.images[i], None if levels is None else colours[levels[i]]) for i in shown]
        row += [np.full_like(row[0], 255)] * (EXAMPLES - len(row))
        rows.append(np.concatenate(row, axis=1))
    stream = io.BytesIO()
    Image.fromarray(np.concatenate(rows, axis=0)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _counted(what: str, expected: int, found: int, *, own: bool) -> dict[str, Any]:
    text = f"{found:,} {what}, as many as {'when it was added' if own else 'the official set has'}"
    if found != expected:
        text = f"{found:,} {what}; {'when it was added there were' if own else 'the official set has'} {expected:,}"
    return {"what": what, "expected": expected, "found": found, "ok": found == expected, "text": text}


def _named(pairs: list[tuple[int, int]]) -> str:
    """ ": test 5 = training 17, …", the positions counted from 0."""
    if not pairs:
        return ""
    shown = ", ".join(f"test {test} = training {train}" for test, train in pairs[:PAIRS])
    more = f" and {len(pairs) - PAIRS:,} more" if len(pairs) > PAIRS else ""
    return f": {shown}{more} (positions in the data set's own order, from 0)"


def _none_of(found: int, what: str) -> dict[str, Any]:
    return {"what": what, "expected": 0, "found": found, "ok": found == 0, "text": f"{found or 'no'} {what}"}


def _against_votes(split: Split, voters: int, classes: int) -> int:
    """Images whose label is not what most annotators said; votes are for the last class.

    With more than two classes a minority of votes may be the largest group, so only a majority contradicts.
    """
    if split.votes is None:
        return 0
    most, last = 2 * split.votes > voters, split.labels == classes - 1
    return int((most != last if classes == 2 else most & ~last).sum())


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def _cell(image: np.ndarray, frame: tuple[int, int, int] | None) -> np.ndarray:
    """uint8 (C, H, W) → (h, w, C or nothing) within a white gap: small images enlarged, large ones reduced.

    frame: the colour of a frame around it; then a grey image becomes one of colours too.
    """
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    side = pixels.shape[0]
    if side <= _CELL:
        pixels = pixels.repeat(_CELL // side, axis=0).repeat(_CELL // side, axis=1)
    else:
        pixels = np.asarray(Image.fromarray(pixels).resize((_CELL, _CELL), Image.Resampling.BILINEAR))
    if frame is not None:
        coloured = Image.fromarray(pixels).convert("RGB")
        pixels = np.asarray(ImageOps.expand(coloured, _FRAME, frame))
    margin = ((_GAP, _GAP), (_GAP, _GAP), (0, 0))[: pixels.ndim]
    return np.pad(pixels, margin, constant_values=255)


KIND = Kind(
    name="describe",
    title="Description of a data set",
    names=lambda: ("describe",),
    config=lambda name: DescribeConfig,
    run=run,
    version=lambda name: 2,  # 2: the total, identical pairs by name, the majority of all images, framed examples
)
