"""A source looked at before it is accepted: every image decoded once, everything suspicious named."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import PurePosixPath
from statistics import median_low
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from ddcore.data import images
from ddcore.data.layout import Layout, Problem, Row, images_counted
from ddcore.data.source import Source
from ddcore.errors import DataRefused

Progress = Callable[[int, int], object]
Item = TypeVar("Item")
Result = TypeVar("Result")

SIDES = (28, 32, 64, 128, 224)  # of the field's data sets
SHOWN = images.SHOWN
EDGE = 96  # pixels: of an example on a page
UNEQUAL = 4  # times: the largest side over the smallest
MAX_PIXELS = 20_000_000_000  # of all images together: some minutes of decoding on two cores
BECOMES = {
    "P": "a palette: its colours are put in, on white where it is transparent",
    "alpha": "transparency: drawn on white",
    "16 bit": "16 bits a level: the upper 8 are kept",
    "CMYK": "print colours (CMYK): turned into RGB, a little off",
    "1": "two levels: black and white",
    "other": "an unusual colour space: turned into RGB",
}


@dataclass(frozen=True)
class Fact:
    """One image as it was decoded: mode is PIL's, grey its content, digest names its RGB pixels (copies share it)."""

    width: int
    height: int
    mode: str
    grey: bool
    digest: bytes


@dataclass(frozen=True)
class Preview:
    """What a source was found to hold.

    counts: {part: {class: readable images}}, the part being "all" where no split was given; sizes: (width, height) →
    images; modes: PIL's mode → images; facts: path → what was decoded; unreadable: path → why; problems: those that
    stop first.
    """

    layout: Layout
    counts: Mapping[str, Mapping[str, int]]
    sizes: Counter[tuple[int, int]]
    modes: Counter[str]
    facts: Mapping[str, Fact]
    unreadable: Mapping[str, str]
    problems: tuple[Problem, ...]

    @property
    def stops(self) -> bool:
        """Whether a problem is there that no choice in the form mends ("unreadable" is mended by skipping)."""
        return any(p.stops and p.rule != "unreadable" for p in self.problems)

    @property
    def readable(self) -> list[Row]:
        """The rows whose images could be decoded."""
        return [row for row in self.layout.rows if row.path in self.facts]


def look(source: Source, layout: Layout, on_progress: Progress = lambda done, total: None) -> Preview:
    """Decode every image of the layout once (nothing is kept of the pixels but their digest).

    Raises DataRefused where the source proves hostile or changes meanwhile.
    """
    facts, unreadable, pixels = dict[str, Fact](), dict[str, str](), 0
    paths = [row.path for row in layout.rows]
    with closing(threaded(lambda path: _fact(source, path), paths)) as results:
        for done, (path, fact) in enumerate(zip(paths, results, strict=True), 1):
            if isinstance(fact, Fact):
                facts[path] = fact
                pixels += fact.width * fact.height
                if pixels > MAX_PIXELS:
                    raise DataRefused(f"the first {done:,} images of {source.name} already have {pixels:,} pixels, "
                                      f"allowed are {MAX_PIXELS:,} in all: bring smaller images")
            else:
                unreadable[path] = fact
            on_progress(done, len(paths))
    readable = [row for row in layout.rows if row.path in facts]
    counts = {part: dict.fromkeys(layout.classes, 0) for part in (("train", "test") if layout.split else ("all",))}
    for row in readable:
        counts[row.part or "all"][layout.classes[row.label]] += 1
    problems = [*layout.problems, *_unreadable(unreadable, len(paths)), *_classes(counts, layout.classes),
                *_copies(readable, facts, layout.classes), *_modes(facts), *_sizes(facts), *_ignored(source)]
    sizes = Counter((fact.width, fact.height) for fact in facts.values())
    modes = Counter(fact.mode for fact in facts.values())
    return Preview(layout, counts, sizes, modes, facts, unreadable, tuple(sorted(problems, key=lambda p: not p.stops)))


def suggested(source: Source, preview: Preview, most: int = 128) -> dict[str, Any]:
    """Values for adding.AddConfig that fit these images: name, side (at most `most`), colour."""
    from ddcore.data import DATASETS

    name = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(source.name).stem.casefold()).strip("-")
    name = re.sub(r"^[^a-z]+", "", name)[:32].rstrip("-")
    name = f"my-{name}" if name in DATASETS.shipped else name
    side = median_low([min(f.width, f.height) for f in preview.facts.values()] or [SIDES[0]])
    grey = bool(preview.facts) and all(fact.grey for fact in preview.facts.values())
    return {
        "name": name if len(name) > 1 else "my-data",
        "side": max((s for s in SIDES if s <= min(side, most)), default=max(side, 8)),
        "colour": "grey" if grey else "rgb",
    }


def examples(
    source: Source, preview: Preview, *, classes: int, each: int, side: int, colour: str, fit: str
) -> dict[str, list[np.ndarray]]:
    """The first `each` readable images of each of the first `classes` classes that have any, as they would be stored.

    uint8 (C, edge, edge), the edge being the side, or EDGE where that is larger: a page shows them no larger.
    """
    of_class: dict[int, list[str]] = {}
    for row in preview.readable:
        of_class.setdefault(row.label, []).append(row.path)
    paths_of = {preview.layout.classes[label]: of_class[label][:each] for label in sorted(of_class)[:classes]}
    paths = list(chain(*paths_of.values()))
    thumbnails = threaded(lambda path: _reduced(stored(source, path, side, colour, fit)[0]), paths)
    thumbnail = dict(zip(paths, thumbnails, strict=True))
    return {name: [thumbnail[path] for path in paths] for name, paths in paths_of.items()}


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """uint8 (C, side, side) → (C, edge, edge)."""
    edge = min(EDGE, pixels.shape[1])
    return np.stack([np.asarray(Image.fromarray(channel).resize((edge, edge), Image.Resampling.BILINEAR))
                     for channel in pixels])


def stored(source: Source, path: str, side: int, colour: str, fit: str) -> tuple[np.ndarray, bytes]:
    """(the image as it is kept, the digest of what it was)."""
    image = images.opened(source.entries[path])
    with images.turn(image):
        plain = images.plain(image)
        return images.fitted(plain, side, colour, fit), images.digest(plain)


def threaded(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """`map` with a few threads: PIL decodes outside the interpreter lock. Closed early, the rest is not begun."""
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)


def _fact(source: Source, path: str) -> Fact | str:
    """What the image is, or why it cannot be read."""
    try:
        image = images.opened(source.entries[path])
        with images.turn(image):
            transparent = image.has_transparency_data
            plain = images.plain(image)
            mode = "RGBA" if transparent and image.mode == "RGB" else image.mode
            return Fact(*plain.size, mode, _is_grey(plain), images.digest(plain))
    except images.Unreadable as error:
        return str(error)


def _is_grey(image: Any) -> bool:
    if image.mode == "L":
        return True
    levels = np.asarray(image)
    return bool((levels[..., :1] == levels[..., 1:]).all())


def _unreadable(why: Mapping[str, str], total: int) -> list[Problem]:
    """Each reason once, after the images that it holds for."""
    if not why:
        return []
    paths_of: dict[str, list[str]] = {}
    for path, reason in why.items():
        paths_of.setdefault(reason, []).append(path)
    reasons = [f"{_some(paths)}: {reason}" for reason, paths in islice(paths_of.items(), SHOWN)]
    more = f"; and {rest:,} more" if (rest := sum(map(len, islice(paths_of.values(), SHOWN, None)))) else ""
    return [Problem("unreadable", f"{len(why):,} of {total:,} images cannot be read: {'; '.join(reasons)}{more}",
                    stops=True, examples=tuple(why)[:SHOWN])]


def _classes(counts: Mapping[str, Mapping[str, int]], classes: Sequence[str]) -> list[Problem]:
    """Problems with the numbers of images in each class."""
    if len(classes) < 2:
        return [Problem("one class", f"there is one class only, {classes[0]}; a network tells at least two apart",
                        stops=True)]
    problems = []
    least = 2 if "train" in counts else 3
    for part, of_class in counts.items():
        where = {"train": "training image", "test": "test image", "all": "image"}[part]
        if empty := [name for name, count in of_class.items() if not count]:
            problems.append(Problem("empty class", f"no {where} of class {_some(empty)}", stops=True))
        if part != "test" and (few := [name for name, count in of_class.items() if 0 < count < least]):
            needed = "2 to train on" if part == "train" else "2 to train on and 1 to test on"
            problems.append(Problem("few", f"too few {where}s of class {_some(few)}: at least {needed} are asked for",
                                    stops=True))
    return problems


def _copies(rows: Sequence[Row], facts: Mapping[str, Fact], classes: Sequence[str]) -> list[Problem]:
    """Problems with images whose pixels are the same: across the parts, within one, and with two labels."""
    same: dict[bytes, list[Row]] = {}
    for row in rows:
        same.setdefault(facts[row.path].digest, []).append(row)
    groups = [group for group in same.values() if len(group) > 1]
    leaks = [(a, b) for group in groups for b in [row for row in group if row.part == "test"][:1]
             for a in group if a.part == "train"]
    duplicates = [(members[0], copy) for group in groups for part in ("train", "test", None)
                  for members in [[row for row in group if row.part == part]] for copy in members[1:]]
    two_labels = [(group[0], other) for group in groups for other in group if other.label != group[0].label]
    problems = []
    if leaks:
        problems.append(Problem(
            "leak", f"{_images_are(leaks, ' of the training part')} in the test part too: {_pairs(leaks)}",
            examples=tuple(path for a, b in leaks[:SHOWN] for path in (a.path, b.path))))
    if duplicates:
        problems.append(Problem(
            "duplicate", f"{_images_are(duplicates)} the same as another one of the same part: {_pairs(duplicates)}",
            examples=tuple(copy.path for _, copy in duplicates[:SHOWN])))
    if two_labels:
        pairs = _some([f"{a.path} ({classes[a.label]}) and {b.path} ({classes[b.label]})" for a, b in two_labels])
        problems.append(Problem("two labels", f"{_images_are(two_labels)} the same as one of another class: {pairs}",
                                examples=tuple(b.path for _, b in two_labels[:SHOWN])))
    return problems


def _modes(facts: Mapping[str, Fact]) -> list[Problem]:
    """What becomes of images that are neither 8-bit grey nor 8-bit RGB, and of mixtures of the two."""
    paths_of: dict[str, list[str]] = {}
    for path, fact in facts.items():
        if (kind := _kind(fact.mode)) not in ("L", "RGB"):
            paths_of.setdefault(kind, []).append(path)
    problems = [Problem("mode", f"{images_counted(len(paths))} {'has' if len(paths) == 1 else 'have'} {BECOMES[kind]}",
                        examples=tuple(paths[:SHOWN])) for kind, paths in paths_of.items()]
    grey = [path for path, fact in facts.items() if fact.grey]
    if grey and len(grey) < len(facts):
        problems.append(Problem(
            "mixed colours", f"{len(grey):,} of {len(facts):,} images are grey, the others in colour; where one class "
            "has more of them, a network learns that", examples=tuple(grey[:SHOWN])))
    return problems


def _kind(mode: str) -> str:
    if mode in ("L", "RGB", "P", "1", "CMYK"):
        return mode
    if mode.startswith("I"):
        return "16 bit"
    return "alpha" if mode.upper().endswith("A") else "other"


def _sizes(facts: Mapping[str, Fact]) -> list[Problem]:
    problems = []
    if oblong := [path for path, fact in facts.items() if fact.width != fact.height]:
        problems.append(Problem(
            "not square", f"{_images_are(oblong)} not square: the centre is cut out, or all of it is stretched, as is "
            "chosen", examples=tuple(oblong[:SHOWN])))
    by_side = sorted((min(fact.width, fact.height), path) for path, fact in facts.items())
    if by_side and by_side[-1][0] > UNEQUAL * by_side[0][0]:
        (small, smallest), (large, largest) = by_side[0], by_side[-1]
        problems.append(Problem(
            "unequal sizes", f"the images are of very unequal sizes, from {small} to {large} pixels; small ones will "
            "be blurred, large ones lose detail", examples=(smallest, largest)))
    return problems


def _ignored(source: Source) -> list[Problem]:
    if not source.ignored:
        return []
    count = f"{len(source.ignored):,} other files" if len(source.ignored) > 1 else "1 other file"
    return [Problem("ignored", f"{count} will not be read: {_some(source.ignored)}", examples=source.ignored[:SHOWN])]


def _pairs(pairs: Sequence[tuple[Row, Row]]) -> str:
    return _some([f"{a.path} and {b.path}" for a, b in pairs])


def _some(names: Sequence[str]) -> str:
    """The first few of many names, and the number of the others."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _images_are(items: Sequence[object], which: str = "") -> str:
    """ "1 image is", "2 images of the training part are"."""
    return f"{images_counted(len(items))}{which} {'are' if len(items) != 1 else 'is'}"
