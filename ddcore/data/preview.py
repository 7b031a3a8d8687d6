"""A source looked at before it is accepted: every image decoded once, everything suspicious named."""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import PurePosixPath
from statistics import median_low
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from ddcore.data import formats, images, lookalikes
from ddcore.data.layout import Layout, Problem, Row, images_counted
from ddcore.data.packed import packing_of
from ddcore.data.source import Source, is_image, left_behind
from ddcore.errors import DataRefused

Progress = Callable[[int, int], object]
Item = TypeVar("Item")
Result = TypeVar("Result")

SIDES = (28, 32, 64, 128, 224)  # of the field's data sets
SHOWN = images.SHOWN
EDGE = 96  # pixels: of an example on a page
UNEQUAL = 4  # times: the largest side over the smallest
MAX_PIXELS = 20_000_000_000  # of all images together: some minutes of decoding on two cores
PLAIN = 500  # pixels a byte, of all images together: simple drawings pack so
FREE_PIXELS = 400_000_000  # as many are looked at however few bytes they take: some seconds
OF_CLASSES = ("one class", "empty class", "few")  # the rules that the numbers of images in each class may break
FEW_LEVELS = 64  # of 256: with fewer of them left, the upper 8 bits are not what somebody wants of 16
BECOMES = {
    "P": "a palette: its colours are put in",
    "alpha": "transparency: drawn on {ground}, unless another ground is chosen",
    "CMYK": "print colours (CMYK): turned into RGB, a little off",
    "1": "two levels: black and white",
    "other": "an unusual colour space: turned into RGB",
}


@dataclass(frozen=True)
class Fact:
    """One image as it was decoded: mode is PIL's, grey its content, digest names its pixels (copies share it).

    levels: the lowest and the highest of 16 bits, in colour as far as the upper 8 tell; None where it has 8; flat: what
    may lie behind it so that all of it has one colour, "white" or "black"; pages: images in its file.
    """

    width: int
    height: int
    mode: str
    grey: bool
    digest: bytes
    levels: tuple[int, int] | None = None
    flat: tuple[str, ...] = ()
    pages: int = 1

    @property
    def deep(self) -> bool:
        """Whether it is grey with 16 bits, whose levels can be spread."""
        return self.levels is not None and self.mode.startswith("I")


@dataclass(frozen=True)
class Preview:
    """What a source was found to hold.

    counts: {part: {class: readable images}}, the part being "all" where no split was given; sizes: (width, height) →
    images; modes: PIL's mode → images; facts: path → what was decoded; unreadable: path → why; problems: those that
    stop first; levels: the lowest and the highest of all 16-bit grey images; ground: what shows most behind transparent
    ones, "" where none is transparent; images: the number of all; grey: whether all that can be read are; together:
    the counts where labels that read the same are merged.
    """

    layout: Layout
    counts: Mapping[str, Mapping[str, int]]
    sizes: Counter[tuple[int, int]]
    modes: Counter[str]
    facts: Mapping[str, Fact]
    unreadable: Mapping[str, str]
    problems: tuple[Problem, ...]
    levels: tuple[int, int] | None = None
    ground: str = ""
    images: int = 0
    grey: bool = False
    together: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def split(self) -> bool:
        """Whether training and test part were given."""
        return "all" not in self.counts

    @property
    def stops(self) -> bool:
        """Whether a problem is there that no choice in the form mends."""
        return any(p.stops and not p.param for p in self.problems)

    @property
    def readable(self) -> list[Row]:
        """The rows whose images could be decoded."""
        return [row for row in self.layout.rows if row.path in self.facts]

    def counted(self, labels: str) -> Mapping[str, Mapping[str, int]]:
        """The counts by what becomes of labels that read the same: "keep" or "merge"."""
        return self.together if labels == "merge" else self.counts


def look(source: Source, layout: Layout, on_progress: Progress = lambda done, total: None) -> Preview:
    """Decode every image of the layout once (nothing is kept of the pixels but their digest).

    Raises DataRefused where the source proves hostile or changes meanwhile.
    """
    facts, unreadable, pixels = dict[str, Fact](), dict[str, str](), 0
    signatures = dict[str, np.ndarray]()
    paths = [row.path for row in layout.rows]
    size = sum(source.entries[path].size for path in paths)
    known = not source.reading  # a file of another format does not say how many bytes an image takes
    allowed = min(MAX_PIXELS, max(FREE_PIXELS, PLAIN * size)) if known else MAX_PIXELS
    with closing(threaded(lambda path: _fact(source, path), paths)) as results:
        for done, (path, (fact, signature)) in enumerate(zip(paths, results, strict=True), 1):
            if isinstance(fact, Fact):
                facts[path], signatures[path] = fact, signature
                pixels += fact.width * fact.height
                if pixels > allowed:
                    raise DataRefused(f"the first {done:,} images of {source.name} already have {pixels:,} pixels, "
                                      f"allowed are {allowed:,} in all{_for(size, allowed)}: bring smaller images")
            else:
                unreadable[path] = fact
            on_progress(done, len(paths))
    readable = [row for row in layout.rows if row.path in facts]
    counts = {part: dict.fromkeys(layout.classes, 0) for part in (("train", "test") if layout.split else ("all",))}
    for row in readable:
        counts[row.part or "all"][layout.classes[row.label]] += 1
    ground, together = _ground(facts), _together(counts, layout)
    # What is wrong however the labels are taken; merging that would leave one class alone mends nothing.
    of_classes = min(_classes(together), _classes(counts), key=len)
    problems = [*layout.problems, *_unreadable(unreadable, len(paths)), *of_classes,
                *_flat(facts), *_copies(readable, facts, layout.classes),
                *_lookalikes(source, readable, facts, signatures),
                *_modes(facts, ground), *_levels(facts),
                *_pages(facts), *_sizes(facts), *_ignored(source)]
    sizes = Counter((fact.width, fact.height) for fact in facts.values())
    modes = Counter(fact.mode for fact in facts.values())
    return Preview(layout, counts, sizes, modes, facts, unreadable, tuple(sorted(problems, key=lambda p: not p.stops)),
                   _range([fact for fact in facts.values() if fact.deep]), ground, len(paths),
                   bool(facts) and all(fact.grey for fact in facts.values()), together)


def merged(preview: Preview) -> Preview:
    """The same where labels that read the same are one class."""
    layout = preview.layout.merged()
    copies = _copies([row for row in layout.rows if row.path in preview.facts], preview.facts, layout.classes)
    again = {problem.rule: problem for problem in copies}
    kept = [again.get(problem.rule, problem) for problem in preview.problems if problem.rule not in (
            "alike", *OF_CLASSES) and (problem.rule != "two labels" or problem.rule in again)]
    told = [problem for problem in layout.problems if problem.rule == "merged"]
    return replace(preview, layout=layout, counts=preview.together,
                   problems=(*_classes(preview.together), *kept, *told))


def suggested(called: str, preview: Preview, most: int = 128) -> dict[str, Any]:
    """Values for adding.AddConfig that fit these images: name, side (at most `most`), colour; levels and ground where
    they are not what they are for other images."""
    from ddcore.data import DATASETS

    name = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(called).stem.casefold()).strip("-")
    name = re.sub(r"^[^a-z]+", "", name)[:32].rstrip("-")
    name = f"my-{name}" if name in DATASETS.shipped else name
    side = median_low([min(size) for size in preview.sizes.elements()] or [SIDES[0]])
    return {
        "name": name if len(name) > 1 else "my-data",
        "side": max((s for s in SIDES if s <= min(side, most)), default=max(side, 8)),
        "colour": "grey" if preview.grey else "rgb",
        **({"levels": "used"} if preview.levels and is_narrow(preview.levels) else {}),
        **({"ground": "black"} if preview.ground == "black" else {}),
    }


def examples(
    source: Source, preview: Preview, *, classes: int, each: int, side: int, colour: str, fit: str,
    ground: str = "white", levels: str = "upper", on_progress: Progress = lambda done, total: None,
) -> dict[str, list[np.ndarray]]:
    """The first `each` readable images of each of the first `classes` classes that have any, as they would be stored.

    uint8 (C, edge, edge), the edge being the side, or EDGE where that is larger: a page shows them no larger.
    """
    of_class: dict[int, list[str]] = {}
    for row in preview.readable:
        of_class.setdefault(row.label, []).append(row.path)
    paths_of = {preview.layout.classes[label]: of_class[label][:each] for label in sorted(of_class)[:classes]}
    paths = list(chain(*paths_of.values()))
    spread = preview.levels if levels == "used" else None
    thumbnail = dict[str, np.ndarray]()
    reduced = threaded(lambda path: _reduced(stored(source, path, side, colour, fit, ground, spread)[0]), paths)
    with closing(reduced) as thumbnails:
        for done, (path, image) in enumerate(zip(paths, thumbnails, strict=True), 1):
            thumbnail[path] = image
            on_progress(done, len(paths))
    return {name: [thumbnail[path] for path in paths] for name, paths in paths_of.items()}


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """uint8 (C, side, side) → (C, edge, edge)."""
    edge = min(EDGE, pixels.shape[1])
    return np.stack([np.asarray(Image.fromarray(channel).resize((edge, edge), Image.Resampling.BILINEAR))
                     for channel in pixels])


def stored(
    source: Source, path: str, side: int, colour: str, fit: str, ground: str = "white",
    levels: tuple[int, int] | None = None,
) -> tuple[np.ndarray, bytes]:
    """(the image as it is kept, the digest of what it was); ground, levels: see images.plain.

    Raises DataRefused where it is no longer there.
    """
    if path not in source.entries:
        raise DataRefused(f"{path} could be read before and is not there now")
    image = images.opened(source.entries[path])
    with images.turn(image):
        image = images.upright(image)
        return images.fitted(images.plain(image, ground, levels), side, colour, fit), images.digest(image)


def threaded(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """`map` with a few threads: PIL decodes outside the interpreter lock. Closed early, the rest is not begun."""
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)


def _for(size: int, allowed: int) -> str:
    """Why no more pixels are allowed, where it is for the few bytes that they take."""
    return f" for files of {size:,} bytes" if allowed < MAX_PIXELS else ""


def _fact(source: Source, path: str) -> tuple[Fact | str, np.ndarray]:
    """(what the image is, or why it cannot be read; its signature to tell lookalikes by)."""
    try:
        image = images.opened(source.entries[path])
        with images.turn(image):
            image = images.upright(image)
            transparent = image.has_transparency_data
            plain = images.plain(image)
            mode = image.mode if not transparent or image.mode.upper().endswith("A") else f"{image.mode}A"
            levels = _levels_of(image, plain)
            on_black = images.plain(image, "black") if transparent else plain
            flat = [name for name, shown in (("white", plain), ("black", on_black)) if images.is_flat(shown)]
            if image.mode.startswith("I") and levels is not None and levels[0] < levels[1]:
                flat = []  # of its lower bits
            fact = Fact(*plain.size, mode, _is_grey(plain), images.digest(image), levels, tuple(flat),
                        image.info["pages"])
            return fact, lookalikes.signature(_compared(image, fact))
    except images.Unreadable as error:
        return str(error), np.empty(0)


def _compared(image: Image.Image, fact: Fact) -> Image.Image:
    """A plain image as it is held against others: with its own range of levels, on the ground on which it shows."""
    ground = "black" if fact.flat == ("white",) else "white"
    return images.plain(image, ground, fact.levels if fact.deep else None)


def _levels_of(image: Image.Image, plain: Image.Image) -> tuple[int, int] | None:
    """The lowest and the highest level of an image of 16 bits."""
    if image.mode.startswith("I"):
        levels = images.deep_levels(image)
        return int(levels.min()), int(levels.max())
    if image.info["depth"] <= 8:
        return None
    levels = np.asarray(plain)
    return int(levels.min()) << 8, int(levels.max()) << 8 | 255


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
                    stops=True, examples=tuple(why)[:SHOWN], param="unreadable", value="skip")]


def _together(counts: Mapping[str, Mapping[str, int]], layout: Layout) -> Mapping[str, Mapping[str, int]]:
    """Images of each class in each part as they are once labels that read the same are merged."""
    title = {name: group[0] for group in layout.alike for name in group}
    together = {part: dict.fromkeys(layout.merged().classes, 0) for part in counts}
    for part, of_class in counts.items():
        for name, count in of_class.items():
            together[part][title.get(name, name)] += count
    return together


def _classes(counts: Mapping[str, Mapping[str, int]]) -> list[Problem]:
    """Problems with the numbers of images in each class."""
    first, *others = next(iter(counts.values()))
    if not others:
        return [Problem("one class", f"there is one class only, {first}; a network tells at least two apart",
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
    """Problems with images whose pixels are the same: across the parts, within one, and with two labels.

    Those of one flat colour are not told here: they have a problem of their own.
    """
    same: dict[bytes, list[Row]] = {}
    for row in (row for row in rows if len(facts[row.path].flat) < 2):
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
            examples=tuple(path for a, b in leaks[:SHOWN] for path in (a.path, b.path)), param="duplicates"))
    if duplicates:
        problems.append(Problem(
            "duplicate", f"{_images_are(duplicates)} the same as another one of the same part: {_pairs(duplicates)}",
            examples=tuple(copy.path for _, copy in duplicates[:SHOWN]), param="duplicates"))
    if two_labels:
        pairs = _some([f"{a.path} ({classes[a.label]}) and {b.path} ({classes[b.label]})" for a, b in two_labels])
        problems.append(Problem("two labels", f"{_images_are(two_labels)} the same as one of another class: {pairs}",
                                examples=tuple(b.path for _, b in two_labels[:SHOWN]), param="duplicates"))
    return problems


def _lookalikes(
    source: Source, rows: Sequence[Row], facts: Mapping[str, Fact], signatures: Mapping[str, np.ndarray]
) -> list[Problem]:
    """Images that look the same though their pixels are not: within a part, and across the two."""
    @functools.lru_cache(maxsize=1024)
    def small(path: str) -> Image.Image:
        image = images.opened(source.entries[path])
        with images.turn(image):
            return _compared(image, facts[path])

    def closer(some: Sequence[Row], others: Sequence[Row]) -> Callable[[int, int], bool]:
        def is_scaled(one: int, other: int) -> bool:
            paths = some[one].path, others[other].path
            sizes = [(facts[path].width, facts[path].height) for path in paths]
            return (sizes[0] != sizes[1] and max(map(max, sizes)) <= lookalikes.SMALL
                    and lookalikes.scaled(*map(small, paths)))

        return is_scaled

    members = {part: [*{facts[row.path].digest: row for row in reversed(rows) if row.part == part}.values()][::-1]
               for part in ("train", "test", None)}
    shown = {part: np.stack([signatures[row.path] for row in some]) for part, some in members.items() if some}
    within = [(members[part][first], members[part][copy])
              for part, pictures in shown.items()
              for copy, first in lookalikes.alike(pictures, closer=closer(members[part], members[part]))]
    across = [] if not {"train", "test"} <= set(shown) else [
        (members["train"][a], members["test"][b]) for a, b in lookalikes.alike(
            shown["train"], shown["test"], closer(members["train"], members["test"]))]
    across = [(a, b) for a, b in across if facts[a.path].digest != facts[b.path].digest]
    problems = []
    for rule, pairs, whose, another in (("near leak", across, " of the training part", "one of the test part"),
                                        ("near copy", within, "", "another one of the same part")):
        if pairs:
            look, stay, one = ("look", "stay", "each two") if len(pairs) != 1 else ("looks", "stays", "the two")
            problems.append(Problem(
                rule, f"{images_counted(len(pairs))}{whose} {look} the same as {another}, saved in another size or "
                f"compressed anew, and {stay} unless you take one of {one} out first: {_pairs(pairs)}",
                examples=tuple(path for a, b in pairs[:SHOWN] for path in (a.path, b.path))))
    return problems


def _modes(facts: Mapping[str, Fact], ground: str) -> list[Problem]:
    """What becomes of images that are neither 8-bit grey nor 8-bit RGB, and of mixtures of the two."""
    paths_of: dict[str, list[str]] = {}
    for path, fact in facts.items():
        if not fact.deep and (kind := _kind(fact.mode)) not in ("L", "RGB"):
            paths_of.setdefault(kind, []).append(path)
    problems = [Problem("mode", f"{images_counted(len(paths))} {'has' if len(paths) == 1 else 'have'} "
                                f"{BECOMES[kind].format(ground=ground)}", examples=tuple(paths[:SHOWN]))
                for kind, paths in paths_of.items()]
    other = "white" if ground == "black" else "black"
    problems = [replace(problem, param="ground", value=other) if kind == "alpha" else problem
                for kind, problem in zip(paths_of, problems, strict=True)]
    grey = [path for path, fact in facts.items() if fact.grey]
    if grey and len(grey) < len(facts):
        problems.append(Problem(
            "mixed colours", f"{len(grey):,} of {len(facts):,} images are grey, the others in colour; where one class "
            "has more of them, a network learns that", examples=tuple(grey[:SHOWN])))
    return problems


def _kind(mode: str) -> str:
    if mode in ("L", "RGB", "P", "1", "CMYK"):
        return mode
    return "alpha" if mode.upper().endswith("A") else "other"


def _levels(facts: Mapping[str, Fact]) -> list[Problem]:
    """What becomes of 16 bits a level, with the range that is used of them."""
    problems = []
    for deep, where in ((True, ""), (False, " in colour")):
        paths = [path for path, fact in facts.items() if fact.levels is not None and fact.deep == deep]
        if (used := _range([facts[path] for path in paths])) is None:
            continue
        narrow = is_narrow(used)
        kept = f"the upper 8 bits alone leave {(used[1] >> 8) - (used[0] >> 8) + 1} of 256 grey levels"
        becomes = "the upper 8 are kept"
        if narrow:
            becomes = (f"{kept}, so this range is spread over all 256, unless the upper 8 are chosen" if deep else
                       f"{kept}; save the images with 8 bits, spread over all 256")
        problems.append(Problem(
            "levels", f"{images_counted(len(paths))} {'has' if len(paths) == 1 else 'have'} 16 bits a level{where} and "
            f"{'uses' if len(paths) == 1 else 'use'} {used[0]:,} to {used[1]:,} of 65,535: {becomes}",
            examples=tuple(paths[:SHOWN]), param="levels" if deep else "",
            value="" if not deep else "upper" if narrow else "used"))
    return problems


def _range(facts: Sequence[Fact]) -> tuple[int, int] | None:
    """The lowest and the highest level of images of 16 bits; None without any."""
    told = [fact.levels for fact in facts if fact.levels is not None]
    return (min(low for low, _ in told), max(high for _, high in told)) if told else None


def is_narrow(levels: tuple[int, int]) -> bool:
    """Whether the upper 8 bits of these levels would leave few of them."""
    return levels[0] < levels[1] and (levels[1] >> 8) - (levels[0] >> 8) + 1 < FEW_LEVELS


def _ground(facts: Mapping[str, Fact]) -> str:
    """What shows the most behind transparent images: "white", "black" where fewer of them are of one colour so."""
    flat = Counter(ground for fact in facts.values() for ground in fact.flat if len(fact.flat) == 1)
    if not any(_kind(fact.mode) == "alpha" for fact in facts.values()):
        return ""
    return "black" if flat["white"] > flat["black"] else "white"


def _flat(facts: Mapping[str, Fact]) -> list[Problem]:
    """Images in which nothing is to be seen, whatever lies behind them or on one ground."""
    problems = []
    plain = [path for path, fact in facts.items() if len(fact.flat) == 2]
    if plain:
        problems.append(Problem("flat", f"{_images_are(plain)} of one flat colour, and copies where it is the same: "
                                        f"{_some(plain)}", examples=tuple(plain[:SHOWN]), param="duplicates"))
    for ground, other in (("white", "black"), ("black", "white")):
        if hidden := [path for path, fact in facts.items() if fact.flat == (ground,)]:
            problems.append(Problem(
                "transparent", f"{_images_are(hidden)} of one flat colour on {ground}, for all they show is "
                f"transparency; on {other} it can be seen: {_some(hidden)}", examples=tuple(hidden[:SHOWN])))
    return problems


def _pages(facts: Mapping[str, Fact]) -> list[Problem]:
    many = {path: fact.pages for path, fact in facts.items() if fact.pages > 1}
    if not many:
        return []
    least, most = min(many.values()), max(many.values())
    number = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    each = f"{images_counted(len(many))} {'has' if len(many) == 1 else 'have'} {number} pages"
    return [Problem("pages", f"{each}, of which the first is kept; save others that you need as images of their own: "
                    f"{_some([*many])}", examples=tuple(islice(many, SHOWN)))]


def _sizes(facts: Mapping[str, Fact]) -> list[Problem]:
    problems = []
    if oblong := [path for path, fact in facts.items() if fact.width != fact.height]:
        problems.append(Problem(
            "not square", f"{_images_are(oblong)} not square: the centre is cut out, or all of it is stretched, as is "
            "chosen", examples=tuple(oblong[:SHOWN]), param="fit", value="stretch"))
    by_side = sorted((min(fact.width, fact.height), path) for path, fact in facts.items())
    if by_side and by_side[-1][0] > UNEQUAL * by_side[0][0]:
        (small, smallest), (large, largest) = by_side[0], by_side[-1]
        problems.append(Problem(
            "unequal sizes", f"the images are of very unequal sizes, from {small} to {large} pixels; small ones will "
            "be blurred, large ones lose detail", examples=(smallest, largest)))
    return problems


def _ignored(source: Source) -> list[Problem]:
    """What is left out: images of other formats, by their ending, and other files."""
    pictures: dict[str, list[str]] = {}
    for path in source.ignored:
        if (ending := PurePosixPath(path).suffix.lower()) in formats.PICTURES:
            pictures.setdefault(ending, []).append(path)
    beside = [path for path in source.ignored if (is_image(path) or packing_of(path)) and not left_behind(path)]
    shown = {*chain(*pictures.values()), *beside}
    others = [path for path in source.ignored if path not in shown]
    problems = [Problem("format", f"{_files(len(paths), ending)} will not be read, save "
                                  f"{'them' if len(paths) > 1 else 'it'} as PNG or JPEG: {_some(paths)}",
                        examples=tuple(paths[:SHOWN])) for ending, paths in pictures.items()]
    if beside:
        which, why = f"{images_counted(len(beside))} in no folder", "for other files here hold images"
        if not source.reading:
            which = "1 file that holds images" if len(beside) == 1 else f"{len(beside):,} files that hold images"
            why = "for images lie here as well; bring such a file by itself"
        problems.append(Problem("beside", f"{which} will not be read, {why}: {_some(beside)}",
                                examples=tuple(beside[:SHOWN])))
    if others:
        what = "files or folders" if len(others) > 1 else "file or folder"
        problems.append(Problem("ignored", f"{len(others):,} other {what} will not be read: {_some(others)}",
                                examples=tuple(others[:SHOWN])))
    return problems


def _files(count: int, which: str) -> str:
    return f"{count:,} {which} {'files' if count > 1 else 'file'}"


def _pairs(pairs: Sequence[tuple[Row, Row]]) -> str:
    return _some([f"{a.path} and {b.path}" for a, b in pairs])


def _some(names: Sequence[str]) -> str:
    """The first few of many names, and the number of the others."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _images_are(items: Sequence[object], which: str = "") -> str:
    """ "1 image is", "2 images of the training part are"."""
    return f"{images_counted(len(items))}{which} {'are' if len(items) != 1 else 'is'}"
