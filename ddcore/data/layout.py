"""What is known of how the images of a source are arranged: the class and the part of each, and what is in doubt."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from ddcore.data.images import SHOWN
from ddcore.data.source import shown
from ddcore.errors import DataRefused

Part = Literal["train", "test"]

PART_WORDS = {
    "train": ("train", "training", "trainval"), "test": ("test", "testing"),
    "val": ("val", "valid", "validation", "dev"),
    "unlabelled": ("unlabelled", "unlabeled", "nolabel", "nolabels", "pred", "predict", "prediction", "predictions"),
}
THINGS = ("set", "data", "dataset", "images", "imgs", "image", "img", "samples", "files", "part", "split",
          "folder", "x", "y")  # words beside which a part is still one: "training_set", "X_test"
MISSING = ("nan", "na", "n/a", "#n/a", "null", "none", "?", "-")  # as tables write that there is none
MAX_CLASSES = 1000  # as many as ImageNet; a label that is different on every line is a mistake
MAX_CLASS_NAME = 100

_PART_OF = {f"{word}{thing}": part for part, words in PART_WORDS.items() for word in words
            for thing in ("", "s", "set", "data", "images")}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")


ARRANGED = {"folders": "in class folders", "table": "listed in a table", "file": "with their labels in the same file"}


@dataclass(frozen=True)
class Problem:
    """Something suspicious: `rule` is a short word ("duplicate"), `text` a sentence for people, `examples` paths.

    stops: the data set cannot be added as long as it is there; param: of adding.AddConfig, which decides what becomes
    of it; value: the one that decides otherwise than is done unasked, "" where the text speaks of none.
    """

    rule: str
    text: str
    stops: bool = False
    examples: tuple[str, ...] = ()
    param: str = ""
    value: str = ""


@dataclass(frozen=True)
class Row:
    """One image: its path in the source, the index of its class, its part (None: no split was given)."""

    path: str
    label: int
    part: Part | None = None
    votes: int | None = None


@dataclass(frozen=True)
class Layout:
    """What a source holds; voters: annotators of each image where the table has their votes (for the last class).

    reading: how it was read, a key of Doubtful.choices: "part/class", or the path of the table.
    """

    kind: Literal["folders", "table", "file"]
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    voters: int = 0
    problems: tuple[Problem, ...] = ()
    reading: str = ""

    @property
    def split(self) -> bool:
        """Whether training and test part were given; else they are made when the set is added."""
        return any(row.part for row in self.rows)

    @property
    def alike(self) -> list[list[str]]:
        """Classes whose names differ only in capitals, spaces or ".0", those with the most images first in each."""
        counts, groups = Counter(row.label for row in self.rows), defaultdict[str, list[int]](list)
        for index, name in enumerate(self.classes):
            groups[_read_as(name)].append(index)
        return [[self.classes[index] for index in sorted(group, key=lambda index: -counts[index])]
                for group in groups.values() if len(group) > 1]

    def merged(self) -> Layout:
        """The same with the classes that are alike made one, which is called as most of their images are."""
        title = {name: group[0] for group in self.alike for name in group}
        names = [title.get(name, name) for name in self.classes]
        classes = tuple(name for name in self.classes if title.get(name, name) == name)
        index = {name: c for c, name in enumerate(classes)}
        rows = tuple(replace(row, label=index[names[row.label]]) for row in self.rows)
        said = "; ".join(f"{', '.join(map(shown, group[1:]))} with {shown(group[0])}" for group in self.alike)
        problems = [problem for problem in self.problems if problem.rule != "alike"]
        if said:
            problems.append(Problem("merged", f"labels that read the same were merged: {said}"))
        voters = self.voters if names[-1:] == list(classes[-1:]) else 0
        if self.voters and not voters:
            rows = tuple(replace(row, votes=None) for row in rows)
        return replace(self, classes=classes, rows=rows, voters=voters, problems=tuple(problems))


class Choice(NamedTuple):
    """A way to read a source: `key` is what `arrange` takes, `text` what comes of it."""

    key: str
    text: str


class Doubtful(DataRefused):
    """A source that can be read in more than one way, or only with something left out.

    text: why, a sentence for people; choices: the ways, the likeliest first.
    """

    def __init__(self, text: str, choices: Sequence[Choice]) -> None:
        self.text, self.choices = text, tuple(choices)
        super().__init__(text, self.choices)

    def __str__(self) -> str:
        return f"{self.text}; it could be read as {' or as '.join(f'{key} ({text})' for key, text in self.choices)}"


class PartName(NamedTuple):
    """A name that speaks of a part: which one ("train", "test", "val", "unlabelled"), and its words that do not."""

    part: str
    others: tuple[str, ...]

    @property
    def sure(self) -> bool:
        """Whether nothing in the name speaks of anything else: "training_set_2", and not "train_station"."""
        return all(word in THINGS or word.isdigit() for word in self.others)


def part_name(name: str) -> PartName | None:
    """What `name` says of a part by its words, None where it says nothing, or speaks of two parts."""
    words = [word.casefold() for word in _WORD.findall(name)]
    parts = {_PART_OF[word] for word in words if word in _PART_OF}
    if len(parts) != 1:
        return None
    return PartName(parts.pop(), tuple(word for word in words if word not in _PART_OF))


def part_of(name: str) -> str:
    """The part that `name` is sure to speak of, "" where there is none."""
    known = part_name(name)
    return known.part if known and known.sure else ""


def naturally(name: str) -> tuple[str, str]:
    """A sorting key that puts "class 2" before "class 10": each number is preceded by its number of digits."""

    def with_length(number: re.Match[str]) -> str:
        digits = number[0].lstrip("0")
        return f"\1{chr(len(digits))}{digits}"

    return re.sub(r"\d+", with_length, name.casefold()), name


def on_labels(layout: Layout) -> list[Problem]:
    """Notes on labels that a person may not mean as classes of their own."""
    problems, alike = [], layout.alike
    if alike:
        groups = "; ".join(" and ".join(map(shown, group)) for group in alike[:SHOWN])
        problems.append(Problem("alike", f"labels that read the same are classes of their own: {groups}",
                                param="labels", value="merge"))
    if missing := [name for name in layout.classes if name.strip().casefold() in MISSING]:
        of_missing = {layout.classes.index(name) for name in missing}
        count = sum(row.label in of_missing for row in layout.rows)
        problems.append(Problem("missing label", f"{images_counted(count)} {'has' if count == 1 else 'have'} the label "
                                                 f"{' or '.join(map(shown, missing))}, which often stands for none"))
    return problems


def _read_as(name: str) -> str:
    """What names have in common that a person reads as one: "Benign", " benign"; "1", "1.0"."""
    plain = "".join(unicodedata.normalize("NFKC", name).casefold().split())
    return re.sub(r"(?<=\d)\.0+$", "", plain) if re.fullmatch(r"[+-]?\d+\.0+", plain) else plain


def same_letters(names: Collection[str]) -> dict[str, str]:
    """Each name → the class's: names that differ only in how Unicode writes their letters are one."""
    alike = Counter(unicodedata.normalize("NFC", name) for name in names)
    return {name: plain if alike[plain] > 1 else name for name in names
            for plain in [unicodedata.normalize("NFC", name)]}


def check_classes(names: Collection[str], called: str, hint: str) -> None:
    """Refuse too many classes, and names that none can have."""
    if len(names) > MAX_CLASSES:
        raise DataRefused(f"{called} has {len(names):,} classes, allowed are {MAX_CLASSES:,}; {hint}")
    if wrong := [name for name in names if len(name) > MAX_CLASS_NAME or not name.isprintable()]:
        raise DataRefused(f"{shown(min(wrong))} cannot be the name of a class: allowed are "
                          f"{MAX_CLASS_NAME} printable characters")


def assign_parts(names: Sequence[str]) -> tuple[list[Part | None], list[Problem]]:
    """Training or test part of each image from "train", "test", "val" or "", and notes on what was decided."""
    counts = Counter(names)
    if len(counts) == 1:
        only = names[0]
        text = f"only a {only} part was given, so a test part is made of it"
        return [None] * len(names), [Problem("one part", text)] if only else []
    problems: list[Problem] = []
    val: Part = "train" if counts["test"] else "test"
    if counts["val"]:
        as_what = "the test part, for no other was given" if val == "test" else "training images"
        text = f"{counts['val']:,} validation images count as {as_what}; a validation part is held out of the training "
        problems.append(Problem("validation", f"{text}part here, the same for everybody"))
    to: dict[str, Part] = {"train": "train", "test": "test", "val": val}
    return [to.get(name) for name in names], problems


def left_out(paths: Sequence[str], where: str) -> Problem:
    """The note on images that are not used."""
    return Problem("left out", f"{images_counted(len(paths))} {where} {'are' if len(paths) != 1 else 'is'} left out",
                   examples=tuple(paths[:SHOWN]))


def images_counted(count: int) -> str:
    """ "1 image", "1,234 images"."""
    return f"{count:,} images" if count != 1 else "1 image"


def lie(images: Sequence[str]) -> str:
    """ "1 image lies", "2 images lie"."""
    return f"{images_counted(len(images))} {'lie' if len(images) > 1 else 'lies'}"


def outcome(of_class: Counter[str], of_part: Counter[str], without: int) -> str:
    """What comes of a reading: "2 classes (cat, dog), 8 training and 4 test images, 3 images left out"."""
    names = sorted(of_class, key=naturally)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    titles = {"train": "training", "val": "validation", "test": "test"}
    found = [f"{of_part[part]:,} {title}" for part, title in titles.items() if of_part[part]]
    images = f"{' and '.join(found)} images" if found else images_counted(of_part[""])
    rest = f", {images_counted(without)} left out" if without else ""
    return f"{len(names):,} classes ({', '.join(names[:SHOWN])}{more}), {images}{rest}"
