"""How the images of a source are arranged: in folders named after their classes, or listed in a table."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from ddcore.data.images import SHOWN
from ddcore.data.source import TABLE, Source, is_image
from ddcore.errors import DataRefused

Part = Literal["train", "test"]

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test",
         "val": "val", "valid": "val", "validation": "val"}  # fmt: skip
IMAGE_COLUMNS = ("image name", "image", "image path", "filename", "file name", "file", "path")
LABEL_COLUMNS = ("majority vote label", "label", "class", "class name", "target")
PART_COLUMNS = ("partition", "split", "set", "subset")
VOTES_COLUMN = re.compile(r"number of annotators who selected (.+) \(out of (\d{1,3})\)")
MAX_CLASSES = 1000  # as many as ImageNet; a label that is different on every line is a mistake
MAX_CLASS_NAME = 100


@dataclass(frozen=True)
class Problem:
    """Something found: `rule` is a short word ("duplicate"), `text` a sentence for people, `examples` paths.

    stops: the data set cannot be added as long as it is there.
    """

    rule: str
    text: str
    stops: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One image: its path in the source, the index of its class, its part (None: no split was given)."""

    path: str
    label: int
    part: Part | None = None
    votes: int | None = None


@dataclass(frozen=True)
class Layout:
    """voters: annotators of each image where the table tells their votes (for the last class), else 0."""

    kind: Literal["folders", "table"]
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    voters: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def split(self) -> bool:
        """Whether training and test part were given; else they are made when the set is added."""
        return any(row.part for row in self.rows)


@dataclass(frozen=True)
class _Line:
    """A line of the table as text: its number there, and what the known columns say."""

    number: int
    image: str
    label: str
    part: str
    votes: str


@dataclass(frozen=True)
class _Table:
    path: str
    lines: tuple[_Line, ...]
    has_parts: bool
    voted: str  # the class that the votes are for, as the header names it; "" without votes
    voters: int


def arrange(source: Source) -> Layout:
    """The layout of `source`; raises DataRefused where there is none, or where the table has wrong lines."""
    images = [path for path in source.entries if is_image(path)]
    if not images:
        raise DataRefused(f"{source.name} holds no images (.png, .jpg, .bmp or .tiff)")
    tables, others = list[_Table](), list[Problem]()
    for path in source.entries:
        if path.lower().endswith(TABLE):
            try:
                tables.append(_read_table(path, source.entries[path].read()))
            except (OSError, ValueError, csv.Error) as error:
                others.append(Problem("table", f"{path} is not used: {error}", examples=(path,)))
    if len(tables) > 1:
        raise DataRefused(f"{source.name} holds {len(tables)} tables with an image and a label column: "
                          f"{', '.join(t.path for t in tables[:SHOWN])}; bring one")  # fmt: skip
    layout = _by_table(tables[0], images, source.name) if tables else _by_folder(images, source, others)
    if len(layout.classes) > MAX_CLASSES:
        raise DataRefused(f"{source.name} has {len(layout.classes):,} classes, allowed are {MAX_CLASSES:,}; "
                          "is it the right label column?" if tables else "is a class a folder?")  # fmt: skip
    if long := [name for name in layout.classes if len(name) > MAX_CLASS_NAME or not name.isprintable()]:
        raise DataRefused(f"{long[0][:MAX_CLASS_NAME]!r} cannot be the name of a class: allowed are "
                          f"{MAX_CLASS_NAME} printable characters")  # fmt: skip
    return Layout(layout.kind, layout.classes, layout.rows, layout.voters, (*layout.problems, *others))


def naturally(name: str) -> tuple[object, ...]:
    """A sorting key that puts "class 2" before "class 10"."""
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pieces), name


# Folders


def _by_folder(images: Sequence[str], source: Source, others: Sequence[Problem]) -> Layout:
    """Class folders, inside folders of parts (train/, test/) or by themselves."""
    outer = _outer(images, source.folders)
    inside = {path: path.removeprefix(outer).split("/") for path in sorted(images, key=naturally)}
    folders = [f.removeprefix(outer).split("/") for f in source.folders if f.startswith(outer) and f != outer]
    split = any(folder[0].casefold() in PARTS for folder in folders)
    depth = 1 if split else 0  # of the class folder
    found: dict[str, tuple[str, str]] = {}  # path → (class, part)
    for path, pieces in inside.items():
        if len(pieces) > depth + 1 and (not split or pieces[0].casefold() in PARTS):
            found[path] = (pieces[depth], PARTS[pieces[0].casefold()] if split else "")
    names = {f[depth] for f in folders if len(f) > depth and (not split or f[0].casefold() in PARTS)}
    if not found:
        said = "".join(f"; {p.text}" for p in others)
        raise DataRefused(
            f"the images of {source.name} have no classes: put them into folders named after their classes (inside "
            f"train/ and test/ or not), or add a table with the columns image and label{said}"
        )
    classes = tuple(sorted(names, key=naturally))
    parts, problems = _parts([part for _, part in found.values()])
    rows = [Row(path, classes.index(name), part) for (path, (name, _)), part in zip(found.items(), parts, strict=True)]
    if loose := [path for path in inside if path not in found]:
        problems.append(_left_out(loose, "lie in no class folder"))
    return Layout("folders", classes, tuple(rows), problems=tuple(problems))


def _outer(images: Sequence[str], folders: Iterable[str]) -> str:
    """The path of the folder around everything, "data/tiles/", or "" where there is none."""
    outer = ""
    while True:
        inside = [path.removeprefix(outer).split("/") for path in images]
        first = {pieces[0] for pieces in inside}
        first |= {f.removeprefix(outer).split("/")[0] for f in folders if f.startswith(outer)}
        if len(first) > 1 or all(len(pieces) <= 2 for pieces in inside) or {*map(str.casefold, first)} & {*PARTS}:
            return outer
        outer += f"{first.pop()}/"


# Tables


def _read_table(path: str, content: bytes) -> _Table:
    """The table in a CSV file; raises ValueError or csv.Error where it is none, or has no image and label column."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8; save it as such") from None
    heading = text.split("\n", 1)[0]
    lines = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=max(",;\t", key=heading.count))
    plain = {_plain(name): name for name in reversed(lines.fieldnames or ())}
    image, label, part = (next((plain[c] for c in known if c in plain), None)
                          for known in (IMAGE_COLUMNS, LABEL_COLUMNS, PART_COLUMNS))  # fmt: skip
    if image is None or label is None:
        absent = [word for word, column in (("image", image), ("label", label)) if column is None]
        raise ValueError(f"it has no column named {' and none named '.join(absent)}")
    votes = next((name for c, name in plain.items() if VOTES_COLUMN.fullmatch(c)), None)
    asked = VOTES_COLUMN.fullmatch(_plain(votes)) if votes else None

    def cell(line: Mapping[str, str | None], column: str | None) -> str:
        return (line[column] or "").strip() if column else ""

    read = [_Line(lines.line_num, *(cell(line, c) for c in (image, label, part, votes))) for line in lines]
    return _Table(path, tuple(read), part is not None, asked[1] if asked else "", int(asked[2]) if asked else 0)


def _plain(heading: str) -> str:
    return " ".join(re.split(r"[\s_-]+", heading.strip().casefold()))


def _by_table(table: _Table, images: Sequence[str], called: str) -> Layout:
    """A row for each line of the table; raises DataRefused with all that is wrong with its lines."""
    classes, problems = _classes(table)
    voters = table.voters if not problems else 0
    find = _Finder(table.path, images)
    wrong, seen = list[str](), dict[str, int]()
    for line in table.lines:
        path, faults = _check_line(line, table.has_parts, voters, find)
        if path and (first := seen.setdefault(path, line.number)) != line.number:
            faults.append(f"{line.image!r} is already on line {first}")
        wrong += [f"line {line.number}: {fault}" for fault in faults]
    if not table.lines:
        wrong.append("it has no lines but its heading")
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        count = f"{len(wrong):,} problems: " if len(wrong) > 1 else ""
        raise DataRefused(f"{table.path} in {called}: {count}{'; '.join(wrong[:SHOWN])}{more}")
    parts, of_parts = _parts([PARTS.get(line.part.casefold(), "") for line in table.lines])
    problems += of_parts
    index = {name: c for c, name in enumerate(classes)}
    rows = [Row(path, index[line.label], part, int(line.votes) if voters else None)
            for path, line, part in zip(seen, table.lines, parts, strict=True)]  # fmt: skip
    if unlisted := [path for path in images if path not in seen]:
        problems.append(_left_out(unlisted, f"are on no line of {table.path}"))
    return Layout("table", classes, tuple(rows), voters, tuple(problems))


def _classes(table: _Table) -> tuple[tuple[str, ...], list[Problem]]:
    """The labels in natural order, but the one that the votes are for comes last."""
    names = sorted({line.label for line in table.lines}, key=naturally)
    if table.voted:
        last = [name for name in names if name.casefold() == table.voted]
        if not last:
            return tuple(names), [Problem("votes", f"the votes are not used: they are for {table.voted!r}, and no "
                                                   "label is called so")]  # fmt: skip
        names = [name for name in names if name != last[0]] + last[:1]
    return tuple(names), []


def _check_line(line: _Line, has_parts: bool, voters: int, find: _Finder) -> tuple[str, list[str]]:
    """(path of the line's image, what is wrong with the line)."""
    path, faults = "", list[str]()
    found = find(line.image)
    if len(found) == 1:
        path = found[0]
    elif found:
        faults.append(f"{line.image!r} could be {' or '.join(found[:2])}; name the folder too")
    else:
        faults.append(f"no image {line.image!r}")
    if not line.label:
        faults.append("no label")
    if has_parts and line.part.casefold() not in PARTS:
        faults.append(f"no part {line.part!r}; allowed: train, test, val")
    if voters and not (line.votes.isascii() and line.votes.isdigit() and int(line.votes[:4]) <= voters):
        faults.append(f"votes must be a whole number from 0 to {voters}, got {line.votes!r}")
    return path, faults


class _Finder:
    """Images by what a table calls them: their whole path, or as much of its end as is unique."""

    def __init__(self, table: str, images: Sequence[str]) -> None:
        self._beside = PurePosixPath(table).parent
        self._whole = set(images)
        self._ends: dict[str, list[str]] = {}
        for path in images:
            self._ends.setdefault(path.rsplit("/", 1)[-1], []).append(path)

    def __call__(self, given: str) -> list[str]:
        """Every image that can be meant."""
        asked = str(PurePosixPath(given.replace("\\", "/")))
        for exact in (str(self._beside / asked), asked):
            if exact in self._whole:
                return [exact]
        return [p for p in self._ends.get(asked.rsplit("/", 1)[-1], []) if p == asked or p.endswith(f"/{asked}")]


# Both


def _parts(given: Sequence[str]) -> tuple[list[Part | None], list[Problem]]:
    """Training or test part of each image from "train", "test", "val" or "", with what was decided about them."""
    counts = Counter(given)
    problems: list[Problem] = []
    val: Part = "train" if counts["test"] else "test"
    if counts["val"] and len(+counts) > 1:
        as_what = "the test part, for no other was given" if val == "test" else "training images"
        text = f"{counts['val']:,} validation images count as {as_what}; a validation part is held out of the training "
        problems.append(Problem("validation", f"{text}part here, the same for everybody"))
    known: dict[str, Part | None] = {"train": "train", "test": "test", "val": val}
    if len(+counts) == 1:
        if only := given[0]:
            problems.append(Problem("one part", f"only a {only} part was given, so a test part is made of it"))
        known = {}
    return [known.get(part) for part in given], problems


def _left_out(paths: Sequence[str], why: str) -> Problem:
    count = f"{len(paths):,} images" if len(paths) > 1 else "1 image"
    return Problem("left out", f"{count} that {why} will be left out", examples=tuple(paths[:SHOWN]))
