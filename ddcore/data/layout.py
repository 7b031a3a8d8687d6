"""How the images of a source are arranged: in folders named after their classes, or listed in a table."""

from __future__ import annotations

import csv
import io
import itertools
import posixpath
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from ddcore.data.images import SHOWN
from ddcore.data.source import MAX_ENTRIES, MAX_TABLE_BYTES, TABLE, Source, is_image, shown
from ddcore.errors import DataRefused

Part = Literal["train", "test"]

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test",
         "val": "val", "valid": "val", "validation": "val"}
IMAGE_COLUMNS = ("image name", "image", "image path", "filename", "file name", "file", "path")
LABEL_COLUMNS = ("majority vote label", "label", "class", "class name", "target")
PART_COLUMNS = ("partition", "split", "set", "subset")
VOTES_COLUMN = re.compile(r"number of annotators who selected (.+) \(out of (\d{1,3})\)")
MAX_CLASSES = 1000  # as many as ImageNet; a label that is different on every line is a mistake
MAX_CLASS_NAME = 100
MAX_COLUMNS = 1000
MAX_TABLES_BYTES = 4 * MAX_TABLE_BYTES  # of all tables together: each is read to see whether it is the one


@dataclass(frozen=True)
class Problem:
    """Something suspicious: `rule` is a short word ("duplicate"), `text` a sentence for people, `examples` paths.

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
    """What a source holds; voters: annotators of each image where the table has their votes (for the last class)."""

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
class _Columns:
    """The index of each column of a table that is used; None where it has no such column."""

    image: int
    label: int
    part: int | None
    votes: int | None
    voted: str  # the class that the votes are for, as _plain has it; "" without votes
    voters: int


@dataclass(frozen=True)
class _Line:
    """A line of the table: its number there, and the text in the columns that are used."""

    number: int
    image: str
    label: str
    part: str
    votes: str


@dataclass(frozen=True)
class _Table:
    path: str
    columns: _Columns
    lines: tuple[_Line, ...]


def arrange(source: Source) -> Layout:
    """The layout of `source`; raises DataRefused where there is none, or where the table has wrong lines."""
    images = [path for path in source.entries if is_image(path)]
    if not images:
        raise DataRefused(f"{source.name} holds no images (.png, .jpg, .bmp or .tiff)")
    table, others = _table(source)
    layout = _by_table(table, images, source.name) if table else _by_folder(images, source, others)
    return replace(layout, problems=(*layout.problems, *others))


def naturally(name: str) -> tuple[str, str]:
    """A sorting key that puts "class 2" before "class 10": each number is preceded by its number of digits."""

    def with_length(number: re.Match[str]) -> str:
        digits = number[0].lstrip("0")
        return f"\1{chr(len(digits))}{digits}"

    return re.sub(r"\d+", with_length, name.casefold()), name


def _check_classes(names: Collection[str], called: str, hint: str) -> None:
    """Refuse too many classes, and names that none can have."""
    if len(names) > MAX_CLASSES:
        raise DataRefused(f"{called} has {len(names):,} classes, allowed are {MAX_CLASSES:,}; {hint}")
    if wrong := [name for name in names if len(name) > MAX_CLASS_NAME or not name.isprintable()]:
        raise DataRefused(f"{shown(min(wrong))} cannot be the name of a class: allowed are "
                          f"{MAX_CLASS_NAME} printable characters")


# Folders


def _by_folder(images: Sequence[str], source: Source, others: Sequence[Problem]) -> Layout:
    """Class folders, inside folders of parts (train/, test/) or by themselves."""
    outer = _outer(images, source.folders)
    # No more than the first two folders matter: of a part, of a class.
    inside = {path: path.removeprefix(outer).split("/", 2) for path in sorted(images, key=naturally)}
    folders = [f.removeprefix(outer).split("/", 2) for f in source.folders if f.startswith(outer) and f != outer]
    split = sorted({folder[0] for folder in folders if folder[0].casefold() in PARTS})
    depth = 1 if split else 0  # of the class folder
    labelled: dict[str, tuple[str, str]] = {}  # path → (class, part)
    for path, pieces in inside.items():
        if len(pieces) > depth + 1 and (not split or pieces[0].casefold() in PARTS):
            labelled[path] = (pieces[depth], PARTS[pieces[0].casefold()] if split else "")
    names = {f[depth] for f in folders if len(f) > depth and (not split or f[0].casefold() in PARTS)}
    if not labelled:
        raise DataRefused("; ".join([_no_classes(source.name, split), *(problem.text for problem in others)]))
    _check_classes(names, source.name, "is a class a folder?")
    classes = tuple(sorted(names, key=naturally))
    index = {name: c for c, name in enumerate(classes)}
    parts, problems = _parts([part for _, part in labelled.values()])
    rows = [Row(path, index[name], part) for (path, (name, _)), part in zip(labelled.items(), parts, strict=True)]
    if loose := [path for path in inside if path not in labelled]:
        where = f" of {', '.join(map(shown, split))}" if split else ""
        problems.append(_left_out(loose, f"lie in no class folder{where}"))
    return Layout("folders", classes, tuple(rows), problems=tuple(problems))


def _no_classes(called: str, parts: Sequence[str]) -> str:
    """Why no image has a class, where `parts` are the folders that are taken for a training or test part."""
    if parts:
        return (f"{called} has {'folders' if len(parts) > 1 else 'a folder'} called {', '.join(map(shown, parts))}, "
                "taken for the training or the test part, but no image lies in a class folder in there; a class that "
                "is called so needs another name")
    return (f"the images of {called} have no classes: put them into folders named after their classes (inside train/ "
            "and test/ or not), or add a table with the columns image and label")


def _outer(images: Sequence[str], folders: Iterable[str]) -> str:
    """The path of the folder around everything, "data/tiles/", or "" where there is none."""
    shared = posixpath.commonpath(images)
    shared = posixpath.commonpath([shared, *(f for f in folders if not f"{shared}/".startswith(f"{f}/"))])
    most = max(path.count("/") for path in images) - 1  # the innermost folder may be a class
    around = itertools.takewhile(lambda piece: piece.casefold() not in PARTS, PurePosixPath(shared).parts)
    return "".join(f"{piece}/" for piece in itertools.islice(around, max(0, most)))


# Tables


def _table(source: Source) -> tuple[_Table | None, list[Problem]]:
    """The table with an image and a label column, if there is one, and why the others are not used.

    Raises DataRefused where there are two, as their headings tell, or more than can be looked at.
    """
    paths = [path for path in source.entries if path.lower().endswith(TABLE)]
    if (total := sum(source.entries[path].size for path in paths)) > MAX_TABLES_BYTES:
        raise DataRefused(f"the {len(paths):,} tables of {source.name} have {total:,} bytes, "
                          f"allowed are {MAX_TABLES_BYTES:,}; bring one")
    candidate: tuple[str, Iterator[tuple[int, list[str]]], _Columns] | None = None
    unused: list[tuple[str, Exception]] = []
    for path in paths:
        try:
            rows = _rows(source.entries[path].read())
            columns = _columns(next(rows, (0, []))[1])
        except (OSError, ValueError, csv.Error) as error:
            unused.append((path, error))
            continue
        if candidate:
            raise DataRefused(f"{source.name} holds more than one table with an image and a label column: "
                              f"{candidate[0]} and {path}; bring one")
        candidate = path, rows, columns
    table = None
    if candidate:
        path, rows, columns = candidate
        try:
            table = _Table(path, columns, tuple(_line(number, row, columns) for number, row in rows if row))
        except (ValueError, csv.Error) as error:
            unused.append((path, error))
    others = [Problem("table", f"{path} is not used: {error}", examples=(path,)) for path, error in unused[:SHOWN]]
    if more := tuple(path for path, _ in unused[SHOWN:]):
        others.append(Problem("table", f"{len(more):,} more tables are not used", examples=more[:SHOWN]))
    return table, others


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """(its number, its cells) of each line of a CSV file; raises ValueError or csv.Error where it is none."""
    try:
        stream = io.StringIO(content.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8; save it as such") from None
    heading = stream.readline()
    stream.seek(0)
    lines = csv.reader(stream, strict=True, delimiter=max(",;\t", key=heading.count))
    for index, row in enumerate(lines):
        if index > MAX_ENTRIES:
            raise ValueError(f"it has more than the {MAX_ENTRIES:,} lines allowed")
        if len(row) > MAX_COLUMNS:
            raise ValueError(f"line {lines.line_num} has {len(row):,} columns, allowed are {MAX_COLUMNS:,}")
        yield lines.line_num, row


def _columns(heading: Sequence[str]) -> _Columns:
    """The columns that this heading names; raises ValueError where none is of images, or of labels."""
    index = {_plain(name): i for i, name in reversed([*enumerate(heading)])}
    image, label, part = (next((index[name] for name in names if name in index), None)
                          for names in (IMAGE_COLUMNS, LABEL_COLUMNS, PART_COLUMNS))
    if image is None or label is None:
        absent = [word for word, column in (("image", image), ("label", label)) if column is None]
        raise ValueError(f"it has no column named {' and none named '.join(absent)}")
    for name, votes in index.items():
        if match := VOTES_COLUMN.fullmatch(name):
            return _Columns(image, label, part, votes, match[1], int(match[2]))
    return _Columns(image, label, part, None, "", 0)


def _line(number: int, row: Sequence[str], columns: _Columns) -> _Line:
    indices = (columns.image, columns.label, columns.part, columns.votes)
    return _Line(number, *(row[i].strip() if i is not None and i < len(row) else "" for i in indices))


def _plain(heading: str) -> str:
    return " ".join(re.split(r"[\s_-]+", heading.strip().casefold()))


def _by_table(table: _Table, images: Sequence[str], called: str) -> Layout:
    """A row for each line of the table; raises DataRefused with all that is wrong with its lines."""
    classes, problems = _classes(table, called)
    voters = table.columns.voters if not problems else 0
    find = _Finder(table.path, images)
    count, faults, line_of = 0, list[str](), dict[str, int]()
    for line in table.lines:
        path, wrong = _check_line(line, table.columns.part is not None, voters, find)
        if path and (first := line_of.setdefault(path, line.number)) != line.number:
            wrong.append(f"{shown(line.image)} is already on line {first}")
        count += len(wrong)
        faults += [f"line {line.number}: {fault}" for fault in wrong[: SHOWN - len(faults)]]
    if not table.lines:
        count, faults = 1, ["it has no lines but its heading"]
    if faults:
        more = f"; and {count - SHOWN:,} more" if count > SHOWN else ""
        total = f"{count:,} problems: " if count > 1 else ""
        raise DataRefused(f"{table.path} in {called}: {total}{'; '.join(faults)}{more}")
    parts, of_parts = _parts([PARTS.get(line.part.casefold(), "") for line in table.lines])
    problems += of_parts
    index = {name: c for c, name in enumerate(classes)}
    rows = [Row(path, index[line.label], part, int(line.votes) if voters else None)
            for path, line, part in zip(line_of, table.lines, parts, strict=True)]
    if unlisted := [path for path in images if path not in line_of]:
        problems.append(_left_out(unlisted, f"are on no line of {table.path}"))
    return Layout("table", classes, tuple(rows), voters, tuple(problems))


def _classes(table: _Table, called: str) -> tuple[tuple[str, ...], list[Problem]]:
    """The labels in natural order, but the one that the votes are for comes last."""
    names = {line.label for line in table.lines}
    _check_classes(names, called, "is it the right label column?")
    ordered, voted = sorted(names, key=naturally), table.columns.voted
    if voted:
        last = [name for name in ordered if _plain(name) == voted]
        if len(last) != 1:
            why = "more than one label is" if last else "no label is"
            return tuple(ordered), [Problem("votes", f"the votes are not used: they are for {shown(voted)}, and {why} "
                                                     "called so")]
        ordered = [name for name in ordered if name != last[0]] + last
    return tuple(ordered), []


def _check_line(line: _Line, has_parts: bool, voters: int, find: _Finder) -> tuple[str, list[str]]:
    """(path of the line's image, what is wrong with the line)."""
    faults, paths = list[str](), find(line.image)
    if len(paths) > 1:
        faults.append(f"{shown(line.image)} could be {' or '.join(paths)}; name the folder too")
    elif not paths:
        faults.append(f"no image {shown(line.image)}")
    if not line.label:
        faults.append("no label")
    if has_parts and line.part.casefold() not in PARTS:
        faults.append(f"no part {shown(line.part)}; allowed: train, test, val")
    votes = line.votes
    if voters and not (len(votes) <= 3 and votes.isascii() and votes.isdigit() and int(votes) <= voters):
        faults.append(f"votes must be a whole number from 0 to {voters}, got {shown(votes)}")
    return paths[0] if len(paths) == 1 else "", faults


class _Finder:
    """Images by what a table calls them: their whole path, or as much of its end as is unique."""

    def __init__(self, table: str, images: Sequence[str]) -> None:
        self._folder, self._paths = PurePosixPath(table).parent, set(images)
        self._backwards = sorted(path[::-1] for path in images)  # paths with the same end stand side by side

    def __call__(self, name: str) -> list[str]:
        """The path of this image; two paths where several images may be meant; [] where none is."""
        name = str(PurePosixPath(name.replace("\\", "/")))
        for path in (str(self._folder / name), name):
            if path in self._paths:
                return [path]
        end = f"/{name}"[::-1]
        first = bisect_left(self._backwards, end)
        return [path[::-1] for path in self._backwards[first : first + 2] if path.startswith(end)]


# Both


def _parts(names: Sequence[str]) -> tuple[list[Part | None], list[Problem]]:
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
    parts: dict[str, Part] = {"train": "train", "test": "test", "val": val}
    return [parts.get(name) for name in names], problems


def _left_out(paths: Sequence[str], why: str) -> Problem:
    return Problem("left out", f"{images_counted(len(paths))} that {why} will be left out",
                   examples=tuple(paths[:SHOWN]))


def images_counted(count: int) -> str:
    """ "1 image", "1,234 images"."""
    return f"{count:,} images" if count != 1 else "1 image"
