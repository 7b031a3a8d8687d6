"""Browsing the images of a data set: which of a part, in which order, each as a small picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from ddcore.data.base import Dataset, Split
from ddcore.experiments import Spec, spec
from ddcore.lazy import np
from ddcore.methods import METHODS
from ddcore.ops import pictures
from ddcore.report import difficulty
from ddcore.runs.store import RunRecord, Store

Order = Literal["as they lie", "easiest first", "hardest first"]

MOST_VALUES = 320_000_000  # bytes of pixels that may be held to be looked at: SVHN, the largest set here, has 305 MB
SIDE = 96  # pixels of a larger image


@dataclass(frozen=True)
class Difficulty:
    """The scores by which images are ordered. indices: of the scored images in the training part; values: theirs."""

    run: RunRecord
    title: str
    indices: np.ndarray
    values: np.ndarray


def values(dataset: Dataset) -> int | None:
    """How many pixel values the data set has, None where that is not known before it is read."""
    channels, height, width = dataset.shape()
    return sum(dataset.sizes) * channels * height * width if dataset.sizes else None


def scored(store: Store, dataset: str) -> Difficulty | None:
    """The finished scores of most of these very images, of such the newest; None where there are none."""
    runs = [(run, names[0]) for run in store.records("scores")
            if run.state == "done" and _same_images(run, dataset) and (names := difficulty.names(store, run))]
    if not runs:
        return None
    run, name = max(runs, key=lambda one: one[0].summary.images or 0)  # of equals the first, which is the newest
    arrays = store.arrays(run.id, "scores")
    return Difficulty(run, difficulty.TITLES[name], arrays["indices"], arrays[name].astype(float))


def _same_images(run: RunRecord, dataset: str) -> bool:
    """Whether a run worked on what this data set is now: another may have been added under its name."""
    if run.config.get("dataset") != dataset:
        return False
    now = spec("describe", "describe", {"dataset": dataset, "resolution": run.config.get("resolution")})
    return now.identity["dataset"] == run.info.get("dataset")


def question(dataset: str) -> Spec:
    """The scores to ask for where there are none: those that the first preset of EL2N coresets needs, so both share a
    run."""
    coreset = METHODS["el2n"]
    asked = spec("distill", coreset.name, coreset.preset_values(coreset.presets[0].name, dataset))
    return next(need for need in asked.needs if need.kind == "scores")


def chosen(part: Split, label: int | None, order: Order, scores: Difficulty | None) -> np.ndarray:
    """Positions in the part of the images of this class (of all, where None), in this order.

    By difficulty only those that have a score are there, equals as they lie.
    """
    if order == "as they lie" or scores is None:
        positions = np.arange(len(part))
    else:
        falling = order == "hardest first"
        positions = scores.indices[np.argsort(-scores.values if falling else scores.values, kind="stable")]
    return positions if label is None else positions[part.labels[positions] == label]


def thumbnails(part: Split, positions: Iterable[int]) -> list[bytes]:
    """A PNG of each of these images, large ones reduced."""
    return [pictures.png(_small(part.images[position])) for position in positions]


def _small(image: np.ndarray) -> np.ndarray:
    """uint8 (C, H, W) → (h, w, 3), at most SIDE high."""
    drawn = image.transpose(1, 2, 0)
    drawn = np.repeat(drawn, 3, axis=2) if drawn.shape[2] == 1 else drawn
    if len(drawn) <= SIDE:
        return drawn
    return np.asarray(Image.fromarray(drawn).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
