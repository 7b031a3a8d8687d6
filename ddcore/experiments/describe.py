"""Describe a data set: sizes, balance, statistics, votes, what is odd about it, and examples to look at."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from ddcore import home
from ddcore.data import agreement
from ddcore.data.base import Data, Dataset, Split
from ddcore.data.load import load
from ddcore.experiments.base import Kind, Recorder
from ddcore.settings import DataConfig
from ddcore.summary import Answer, Count, Flag, Number, Share, Summary

EXAMPLES = 10  # images in each row of the picture
ROWS = 30  # classes shown; a picture of a thousand would be a hundred screens high
PAIRS = 5  # identical images that are named; the rest are counted
_CELL = 64  # pixels, about, that one of them gets
_GAP = 2
_FRAME = 4  # width of the frame in the colour of the annotators' agreement


class DescribeConfig(DataConfig):
    """Which data set to describe; the seed chooses the examples."""


class Part(Answer):
    """A split: images of each class, share of the largest class, and how many images got 0, 1, … votes (None where
    nobody voted)."""

    size: Count
    per_class: tuple[Count, ...]
    majority: Share | None = None
    votes: tuple[Count, ...] | None = None


class Majority(Answer):
    """What always answering the class `name` is right on: a share of so many images."""

    name: str = Field(alias="class")
    share: Share
    images: Count


class Check(Answer):
    """What was expected of the data set and what was found; text is one sentence for people."""

    what: str
    expected: Count
    found: Count
    ok: Flag
    text: str
    pairs: tuple[tuple[Count, Count], ...] | None = None


class DescribeSummary(Summary):
    """A data set: splits by name ("train", "val", "test"), majorities of "test" and "all" images, what was checked.

    shape: (C, H, W); mean, std: of each channel; voters: people who labelled each image, 0 where that is not known.
    """

    splits: Mapping[str, Part] = {}
    majorities: Mapping[str, Majority] = {}
    shape: tuple[Count, ...] = ()
    mean: tuple[Number, ...] = ()
    std: tuple[Number, ...] = ()
    voters: Count = 0
    checks: tuple[Check, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Parts, classes, the majority class, what was checked."""
        lines = []
        for name, part in self.splits.items():
            each = ", ".join(f"{label} {n:,}" for label, n in zip(self.classes, part.per_class, strict=True))
            lines.append(f"{name:<5} {part.size:,} images: {each}")
        lines += [in_words(name, majority) for name, majority in self.majorities.items()]
        return (*lines, *(f"{'ok' if check.ok else 'NOTE'}: {check.text}" for check in self.checks))


def run(name: str, config: DescribeConfig, recorder: Recorder) -> DescribeSummary:
    """The summary of the data set; reading it fetches or prepares it first where that was not done yet."""
    recorder.progress(0, 3, f"reading {config.dataset}")
    data = load(config.dataset, config.resolution)
    recorder.check_cancelled()
    recorder.progress(1, 3, "checking")
    # Read again for the order that the data set has of itself: `load` has taken the validation part out of it.
    checked = checks(config.facts, *config.facts.read(home.data_root(), data.shape[1]))
    parts = {"train": data.train, "val": data.val, "test": data.test}
    splits = {part: describe_split(split, len(data.classes), config.facts.voters) for part, split in parts.items()}
    largest = majorities(splits, data.classes)
    for text in [check.text for check in checked] + [in_words(part, one) for part, one in largest.items()]:
        recorder.note(text)
    recorder.progress(2, 3, "drawing examples")
    recorder.save_picture("examples", examples(data, config.seed, config.facts.voters))
    recorder.progress(3, 3, "done")
    return DescribeSummary(
        classes=data.classes, shape=data.shape, mean=data.mean, std=data.std, voters=config.facts.voters,
        splits=splits, majorities=largest, checks=checked,
    )


def describe_split(split: Split, classes: int, voters: int) -> Part:
    """A split counted. `majority` is what always guessing its largest class scores."""
    per_class = np.bincount(split.labels, minlength=classes).tolist()
    votes = None if split.votes is None else np.bincount(split.votes, minlength=voters + 1).tolist()
    return Part(size=len(split), per_class=per_class, majority=max(per_class) / len(split) if len(split) else None,
                votes=votes)


def majorities(splits: Mapping[str, Part], classes: Sequence[str]) -> dict[str, Majority]:
    """The most frequent class of the test images and of all images.

    Both are told because both were taken for results: the second is what a network reaches that says nothing else
    and is tested on everything, its own training images among it.
    """
    counts = {part: np.array(split.per_class) for part, split in splits.items()}
    counts = {"test": counts["test"], "all": np.sum(list(counts.values()), axis=0)}
    return {
        part: Majority(name=classes[int(of.argmax())], share=float(of.max() / of.sum()), images=int(of.sum()))
        for part, of in counts.items()
    }


def in_words(part: str, majority: Majority) -> str:
    """ "always answering HP is right on 63.15 % of the 977 test images"."""
    what = f"the {majority.images:,} test images" if part == "test" else f"all {majority.images:,} images"
    return f"always answering {majority.name} is right on {100 * majority.share:.2f} % of {what}"


def checks(dataset: Dataset, official: Split, test: Split) -> tuple[Check, ...]:
    """What was expected of the data set and what was found; a difference is shown, never hidden."""
    results = []
    if dataset.sizes:
        sizes = zip(("training and validation images", "test images"), (len(official), len(test)), dataset.sizes,
                    strict=True)
        total = ("images in all", len(official) + len(test), sum(dataset.sizes))
        results = [_counted(*size) for size in (*sizes, total)]
    pairs = identical(official, test)
    leaks = _none_of(len(pairs), "test images that are also training images")
    results.append(leaks.model_copy(update={"text": leaks.text + _named(pairs), "pairs": tuple(pairs[:PAIRS])}))
    if dataset.voters:
        contradicting = sum(_against_votes(part, dataset.voters, len(dataset.classes)) for part in (official, test))
        results.append(_none_of(contradicting, "images whose label is not the majority of their votes"))
    return tuple(results)


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


def _counted(what: str, found: int, expected: int) -> Check:
    text = f"{found:,} {what}" + (", as there should be" if found == expected else f"; there should be {expected:,}")
    return Check(what=what, expected=expected, found=found, ok=found == expected, text=text)


def _named(pairs: list[tuple[int, int]]) -> str:
    """ ": test 5 = training 17, …", the positions counted from 0."""
    if not pairs:
        return ""
    shown = ", ".join(f"test {test} = training {train}" for test, train in pairs[:PAIRS])
    more = f" and {len(pairs) - PAIRS:,} more" if len(pairs) > PAIRS else ""
    return f": {shown}{more} (positions in the data set's own order, from 0)"


def _none_of(found: int, what: str) -> Check:
    return Check(what=what, expected=0, found=found, ok=found == 0, text=f"{found or 'no'} {what}")


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
    name="describe", title="Description of a data set",
    help="Read a data set and count it: splits, classes, statistics.",
    config=lambda name: DescribeConfig, summary=DescribeSummary, run=run,
    version=lambda name: 2,  # 2: the total, identical pairs by name, the majority of all images, framed examples
    page="Datasets", of_data=True, aside=True,
)
