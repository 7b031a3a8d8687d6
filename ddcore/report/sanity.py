"""Sanity checks of finished runs: what went wrong though no error stopped the run, a sentence each.

They look at what a run answered, at its first recorded step and at the scale of its images, so that lists of runs can
afford them. Numbers that are not finite end a run as failed, and need no check here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ddcore.experiments.distill import DistillSummary
from ddcore.methods import METHODS
from ddcore.report import text
from ddcore.runs.events import first_event
from ddcore.runs.images import read_std
from ddcore.runs.record import KEPT
from ddcore.runs.store import RunRecord
from ddcore.summary import Accuracy

# Mean change of the pixels, in the data's own range from black to white. Good images made from noise, at IPC 1, moved
# by 2.5 of it and others by at most 1.2; those that moved by 3.2 of it were black and white grain.
PIXEL_CHANGE = 3.0
RANGE = 4.0  # in σ, where a set does not tell: 3 to 5 on the data sets here
# Losses of single steps differ by a factor of ten from network to network; a hundred is far beyond that.
GROWTH = 100.0
WARNED = "done, with a warning"


def state(record: RunRecord) -> str:
    """The state as people are told it: that of the run, or WARNED where it is done and looks wrong."""
    return WARNED if record.state == "done" and warnings(record) else record.state


def warnings(record: RunRecord) -> tuple[str, ...]:
    """A sentence for each thing that looks wrong about a finished run; none of one in another state."""
    return (*_moved(record), *_losses(record), *_chance(record)) if record.state == "done" else ()


def _moved(record: RunRecord) -> Iterator[str]:
    """Images that were thrown about by too large a step."""
    change = record.summary.pixel_change if isinstance(record.summary, DistillSummary) else None
    times = change and change / _range(str(record.folder), record.created)
    if change and times and times > PIXEL_CHANGE:
        yield (f"The images moved by {change:,.0f} σ on average, {times:,.1f} times as far as from black to white: the "
               f"learning rate is far too large.{_smaller(record, change)}")


@lru_cache(maxsize=KEPT)
def _range(folder: str, created: float) -> float:
    """From black to white in σ, mean over the channels; `created` as in `_first`."""
    std = read_std(Path(folder, "images.safetensors"))
    return 1 / (sum(std) / len(std)) if std else RANGE


def _smaller(record: RunRecord, change: float) -> str:
    """ " Try η_S 1.": the learning rate that would have moved them by about 1 σ, as a power of ten."""
    config = METHODS[record.name].Config if record.name in METHODS else None
    rate = record.config.get("lr_img")
    if config is None or not isinstance(rate, int | float):
        return ""
    p = config.param("lr_img")
    try_ = 10.0 ** math.floor(math.log10(rate / change))
    return f" Try {p.symbol or p.label.lower()} {try_:,g} instead of {rate:,g}."


def _losses(record: RunRecord) -> Iterator[str]:
    """A loss that grew instead of falling."""
    last = record.summary.losses if isinstance(record.summary, DistillSummary) else {}
    name = next((name for name in last if "loss" in name), None)  # further ones are parts of it
    if name is None:
        return
    start, end = _first(str(record.folder), record.created, name), last[name]
    if isinstance(start, int | float) and 0 < GROWTH * start < end:
        yield f"The loss grew from {start:.3g} to {end:.3g}, and it should fall: the learning rate is too large."


@lru_cache(maxsize=KEPT)
def _first(folder: str, created: float, name: str) -> Any:
    """What the first recorded step of a finished run told. `created` is in the key: a run can be computed again."""
    return (first_event(Path(folder, "events.jsonl"), "step") or {}).get(name)


def _chance(record: RunRecord) -> Iterator[str]:
    """Networks that learnt nothing."""
    if record.summary.accuracy:
        yield from no_better(record.summary.accuracy, record.summary.majority, len(record.summary.per_class))


def no_better(accuracy: Accuracy, majority: float | None, classes: int = 0) -> Iterator[str]:
    """That an accuracy is what one gets without learning, where it is."""
    guess = max(majority or 0.0, 1 / classes if classes else 0.0)
    if guess and accuracy.mean <= guess:
        yield (f"The accuracy, {text.percent(accuracy.mean)}, is no better than guessing ({text.percent(guess)}): the "
               "networks learnt nothing.")
