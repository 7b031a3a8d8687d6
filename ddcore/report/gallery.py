"""Images of several runs side by side: what each shows at one place of a slider, in which rows, and how two differ.

A place lies on the slider's axis: a step, a share of the run in percent, or seconds of distilling.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from ddcore.methods import METHODS
from ddcore.ops import pictures
from ddcore.report import text
from ddcore.report.text import shortened
from ddcore.runs.images import Images
from ddcore.runs.store import RunRecord, Store

Over = Literal["step", "share", "time"]

NEWEST = math.inf  # the place where each run shows the last that it has, also while it goes on
COLUMNS = 10  # images in a row
ACROSS = 5  # images in all rows that stand side by side
MOST = 120  # images shown before somebody asks for all
CELLS = range(44, 22, -2)  # sizes of an image on the screen, px: larger ones show no more, smaller ones too little
STRIP = 10  # images in a strip
LONGEST = 14  # letters of a class's name: more take the room of the images


@dataclass(frozen=True)
class Snapshots:
    """When the images of a run can be seen: at these steps, ascending, of `total`.

    made: whether they changed at all; those of a coreset were chosen. seconds: {step: time spent until then}, of those
    known.
    """

    steps: tuple[int, ...]
    total: int = 0
    made: bool = True
    seconds: Mapping[int, float] = field(default_factory=dict)


def snapshots(record: RunRecord, steps: Sequence[int], events: Iterable[Mapping[str, Any]]) -> Snapshots:
    """What a run kept at `steps`, with the times that its events tell."""
    every = [e for e in events if e.get("event") == "step" and isinstance(e.get("step"), int)]
    totals = [e["total"] for e in every if isinstance(e.get("total"), int)]
    spent = {e["step"]: float(e["seconds"]) for e in every if isinstance(e.get("seconds"), int | float)}
    seconds = {step: 0.0 if step == 0 else spent[step] for step in steps if spent and (step == 0 or step in spent)}
    method = METHODS.get(record.name)
    return Snapshots(tuple(steps), max([*totals, *steps, 0]), method is None or method.step is not None, seconds)


def missing(record: RunRecord, steps: Sequence[int] | None) -> str | None:
    """Why a run has no images to show, None where it has some; steps: those kept, None where the run was deleted."""
    if record.state == "broken":
        return "its folder cannot be read"
    if steps is None:
        return "it was deleted meanwhile"
    if not record.makes_images:
        return "such a run makes no images"
    if steps:
        return None
    return "it has no images yet" if record.active else "it kept no images"


def places(run: Snapshots, over: Over) -> dict[int, float]:
    """{step: its place}, of the steps that have one on this axis."""
    if over == "time":
        return dict(run.seconds)
    return {step: float(step) if over == "step" else 100 * step / max(1, run.total) for step in run.steps}


def stops(runs: Iterable[Snapshots], over: Over, growing: bool = False) -> list[float]:
    """The places where one of the runs has images of its own, ascending; of those that read alike, the last.

    growing: the newest comes last, wherever that will be.
    """
    ordered = sorted(place for run in runs if run.made for place in places(run, over).values())
    return [*{words(place, over): place for place in ordered}.values(), *([NEWEST] if growing and ordered else [])]


def words(place: float, over: Over) -> str:
    """A place as people and addresses name it: "500", "12.5 %", "3 min 20 s"."""
    if place == NEWEST:
        return "newest"
    if over == "time":
        return text.duration(place)
    return f"{place:.0f}" if over == "step" else f"{place:.3g} %"


def step_at(run: Snapshots, over: Over, at: float) -> int:
    """The kept step nearest to a place, of two equally near the earlier; the last where the run has no places there."""
    by_step = places(run, over)
    if not by_step or at == NEWEST:
        return [*(by_step or run.steps)][-1]
    return min(by_step, key=lambda step: abs(by_step[step] - at))


def caption(run: Snapshots, over: Over, at: float) -> str:
    """ "step 500 · nearest to 700": what a run shows at a place, and whether it has images of just that."""
    if not run.made:
        return "chosen real images, no steps"
    step = step_at(run, over, at)
    place, sentence = places(run, over).get(step), f"step {step:,}"
    if place is None:
        return f"{sentence} · times not known"
    if over != "step":
        sentence = f"{words(place, over)} · {sentence}"
    near = at == NEWEST or words(place, over) == words(at, over)
    return sentence if near else f"{sentence} · nearest to {words(at, over)}"


@dataclass(frozen=True)
class Layout:
    """The rows that all sets on a page are laid out in: so many images of each class, some in a row.

    across: short rows stand side by side; named: with the names of their classes.
    """

    most: tuple[tuple[str, int], ...]
    columns: int
    across: int = 1
    named: bool = True

    @property
    def images(self) -> int:
        """How many images a set has that fills it."""
        return sum(most for _, most in self.most)


def counts(images: Images) -> dict[str, int]:
    """{class: how many images of it there are}."""
    return {name: int((images.labels == number).sum()) for number, name in enumerate(images.classes)}


def aligned(
    own: Mapping[str, int], sets: Iterable[Mapping[str, int]], per_class: int | None = None,
    classes: Collection[str] = (),
) -> Layout:
    """Rows for every class (of `classes`, if any) of those `sets` that share one with the set `own`, or are it.

    A set is given by its counts. All have room in these rows; per_class: no more images of a class than that.
    """
    most: dict[str, int] = {}
    for counts in sets:
        if counts.keys() & own.keys():
            most |= {name: max(most.get(name, 0), n) for name, n in counts.items()}
    return _layout(most, per_class, classes)


def shared(
    one: Mapping[str, int], other: Mapping[str, int], per_class: int | None = None, classes: Collection[str] = ()
) -> Layout:
    """Rows for the classes that both sets have, with as many images as both have."""
    return _layout({name: min(n, other[name]) for name, n in one.items() if name in other}, per_class, classes)


def strip(sets: Iterable[Mapping[str, int]], lines: int = 1) -> Layout:
    """One line, or as many as asked, for each of these sets, of which all share the classes: the first images of as
    many as have room."""
    most: dict[str, int] = {}
    for counts in sets:
        most |= {name: max(most.get(name, 0), n) for name, n in counts.items() if n}
    names = list(most)[:STRIP]
    layout = _layout(most, max(1, STRIP // max(1, len(names))), names)
    return replace(layout, across=max(1, math.ceil(len(names) / lines)), named=False)


def _layout(most: Mapping[str, int], per_class: int | None, classes: Collection[str]) -> Layout:
    rows = {name: min(n, per_class or n) for name, n in most.items() if n and (not classes or name in classes)}
    columns = min(COLUMNS, max(rows.values(), default=1))
    return Layout(tuple(rows.items()), columns, across=max(1, min(ACROSS // columns, len(rows))))


@dataclass(frozen=True)
class Fitted:
    """A layout with the size of its images and the width of the whole, in pixels of the screen."""

    layout: Layout
    cell: int
    width: int


def fitted(own: Mapping[str, int], per_class: int, width: int, height: float) -> Fitted:
    """How a set fits these sides: its images as large as CELLS has them, short rows side by side in few lines.

    What does not fit even with the smallest is as high as it has to be.
    """
    layout = replace(_layout(own, per_class, ()), across=1)
    names = [shortened(name, LONGEST) for name, _ in layout.most]
    rows = sum(-(-n // layout.columns) for _, n in layout.most)
    most = rows if rows == len(names) else 1  # a class of several rows keeps them below one another
    for cell in CELLS:
        for across in range(max(1, most), 0, -1):
            lines = -(-rows // across)
            even = -(-rows // max(1, lines))
            wide, high = pictures.extent(names, lines, layout.columns, even, cell)
            if wide <= width and (high <= height or cell == CELLS[-1]):
                return Fitted(replace(layout, across=even), cell, wide)
    return Fitted(layout, CELLS[-1], width)


def folded(own: Mapping[str, int], per_class: int) -> dict[str, int]:
    """The first classes of a set, as many as may be seen without asking for all."""
    here = [(name, n) for name, n in own.items() if n]
    return dict(here[: max(1, MOST // max(1, per_class))])


def rows(values: np.ndarray, images: Images, layout: Layout) -> list[tuple[str, np.ndarray]]:
    """(name, values) row by row: `values` has one entry for each image of the set, rows may lack some or all."""
    return [
        (shortened(name, LONGEST) if layout.named and at == 0 else "",
         values[members(images, name)[:most]][at : at + layout.columns])
        for name, most in layout.most for at in range(0, most, layout.columns)
    ]


def members(images: Images, name: str) -> np.ndarray:
    """The indices of a class's images, none for a class that the set does not know."""
    return np.flatnonzero(images.labels == images.classes.index(name)) if name in images.classes else np.arange(0)


def sheet(images: Images, layout: Layout, cell: int, stored: pictures.Stored = "quickly") -> bytes:
    """A picture of the set in these rows, clipped to what a screen can show."""
    drawn = pictures.denormalise(images.images, images.mean, images.std)
    return _sheet(rows(drawn, images, layout), layout, cell, stored)


def _sheet(drawn: Sequence[pictures.Row], layout: Layout, cell: int, stored: pictures.Stored = "quickly") -> bytes:
    return pictures.sheet(drawn, layout.columns, cell, across=layout.across, shrink=True, stored=stored)


@dataclass(frozen=True)
class Difference:
    """Rows of differences (…, H, W) between pixels, 255 from black to white; their largest and mean size."""

    rows: list[tuple[str, np.ndarray]]
    most: float
    mean: float


def mismatch(one: Images, other: Images) -> str | None:
    """Why two sets cannot be laid over each other, None where they can."""
    if one.images.shape[1:] != other.images.shape[1:]:
        return f"the images of one are {_size(one)}, those of the other {_size(other)}"
    if not set(one.classes) & set(other.classes):
        return "they have no class in common"
    return None


def difference(one: Images, other: Images, layout: Layout) -> Difference:
    """How much brighter `other` is, pixel by pixel before any clipping; colours by the mean of their channels.

    layout: rows that both sets fill (`shared`).
    """
    greys = (pictures.pixels(images.images, images.mean, images.std).mean(axis=1) for images in (one, other))
    first, second = (rows(grey, images, layout) for grey, images in zip(greys, (one, other), strict=True))
    changes = [(name, after - before) for (name, before), (_, after) in zip(first, second, strict=True)]
    sizes = np.abs(np.concatenate([values.ravel() for _, values in changes] or [np.zeros(1)]))
    return Difference(changes, float(sizes.max(initial=0)), float(sizes.mean()))


def _size(images: Images) -> str:
    channels, height, width = images.images.shape[1:]
    return f"{height} × {width} px in {'grey' if channels == 1 else 'colour'}"


def contrast(difference: Difference, layout: Layout, cell: int) -> bytes:
    """A PNG of the differences, from blue (darker) over white to orange (brighter), one scale for all images."""
    drawn = [(name, pictures.signed(values, difference.most or 1)) for name, values in difference.rows]
    return _sheet(drawn, layout, cell)


def film(store: Store, record: RunRecord, steps: Iterable[int], name: str, number: int, cell: int) -> list[bytes]:
    """A PNG of the class's `number`th image (from 0) at each of the steps."""
    frames = []
    for step in steps:
        images = store.snapshot(record.id, step)
        at = members(images, name)[number]
        [drawn] = pictures.denormalise(images.images[at : at + 1], images.mean, images.std)
        frames.append(pictures.png(pictures.enlarged(drawn, cell)))
    return frames
