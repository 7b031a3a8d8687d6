"""A table that lists the images: which columns it has, and what they say of each image."""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ddcore.data.images import SHOWN
from ddcore.data.layout import Layout, Problem, Row, assign_parts, check_classes, left_out, naturally, part_of
from ddcore.data.source import MAX_ENTRIES, MAX_TABLE_BYTES, TABLE, Source, shown
from ddcore.errors import DataRefused

ALLOWED_PARTS = ("train", "test", "val")
IMAGE_COLUMNS = ("image name", "image", "image path", "filename", "file name", "file", "path")
LABEL_COLUMNS = ("majority vote label", "label", "class", "class name", "target")
PART_COLUMNS = ("partition", "split", "set", "subset")
VOTES_COLUMN = re.compile(r"number of annotators who selected (.+) \(out of (\d{1,3})\)")
MAX_COLUMNS = 1000
MAX_TABLES_BYTES = 4 * MAX_TABLE_BYTES  # of all tables together: each is read to see whether it is the one


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
class Table:
    path: str
    columns: _Columns
    lines: tuple[_Line, ...]


def find_table(source: Source) -> tuple[Table | None, list[Problem]]:
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
            table = Table(path, columns, tuple(_line(number, row, columns) for number, row in rows if row))
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


def by_table(table: Table, images: Sequence[str], called: str) -> Layout:
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
    parts, of_parts = assign_parts([part_of(line.part) for line in table.lines])
    problems += of_parts
    index = {name: c for c, name in enumerate(classes)}
    rows = [Row(path, index[line.label], part, int(line.votes) if voters else None)
            for path, line, part in zip(line_of, table.lines, parts, strict=True)]
    if unlisted := [path for path in images if path not in line_of]:
        problems.append(left_out(unlisted, f"on no line of {table.path}"))
    return Layout("table", classes, tuple(rows), voters, tuple(problems), table.path)


def _classes(table: Table, called: str) -> tuple[tuple[str, ...], list[Problem]]:
    """The labels in natural order, but the one that the votes are for comes last."""
    names = {line.label for line in table.lines}
    check_classes(names, called, "is it the right label column?")
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
    if has_parts and part_of(line.part) not in ALLOWED_PARTS:
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
