"""Tables that list the images: which columns they have, and what they say of each image."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from ddcore.data.finder import Finder
from ddcore.data.images import SHOWN
from ddcore.data.layout import (
    Choice,
    Doubtful,
    Layout,
    Problem,
    Row,
    assign_parts,
    check_classes,
    images_counted,
    left_out,
    lie,
    naturally,
    outcome,
    part_name,
    part_of,
    same_letters,
)
from ddcore.data.source import MAX_ENTRIES, MAX_TABLE_BYTES, TABLE, Source, shown
from ddcore.errors import DataRefused

TABLES = "tables"  # the reading by all tables together, of which there is one for each part
ALLOWED_PARTS = ("train", "test", "val")
# Headings, the likeliest first; capitals, spaces, hyphens and underscores do not matter.
IMAGE_COLUMNS = ("image name", "image", "image path", "filename", "file name", "file", "path")
LABEL_COLUMNS = ("majority vote label", "label", "class", "class name", "target")
# Known, too, but not where another table has one of those above; an id only where an image is called so.
OTHER_IMAGE_COLUMNS = ("images", "image file", "image filename", "filepath", "filepaths", "filenames", "files", "paths",
                       "img", "img name", "img path", "img file")
ID_COLUMNS = ("image id", "img id", "id code", "isic id", "id", "name")
OTHER_LABEL_COLUMNS = ("labels", "classes", "class label", "label name", "category", "diagnosis", "dx", "species",
                       "breed", "level", "class id")
PART_COLUMNS = ("partition", "split", "set", "subset")
LOOSE_PART_COLUMNS = ("data set", "data split", "phase", "part", "fold")  # only where all that they say are parts
VOTES_COLUMN = re.compile(r"number of annotators who selected (.+) \(out of (\d{1,3})\)")
MAX_COLUMNS = 1000
MAX_TABLES_BYTES = 4 * MAX_TABLE_BYTES  # of all tables together: each is read to see whether it is the one

_BITS = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.I)  # the line by which a spreadsheet tells how cells are parted


@dataclass(frozen=True)
class _Columns:
    """The index of each column of a table that is used; None where it has no such column."""

    heading: tuple[str, ...]
    image: int
    label: int | None  # None: it has a column for each class
    part: int | None
    votes: int | None = None
    voted: str = ""  # the class that the votes are for, as _plain has it; "" without votes
    voters: int = 0

    def named(self, column: int | None, names: Sequence[str]) -> bool:
        """Whether this column is called one of these."""
        return column is not None and _squashed(self.heading[column]) in set(map(_squashed, names))

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """Lower where the headings speak more of images and labels."""
        known = self.named(self.image, IMAGE_COLUMNS), self.named(self.label, LABEL_COLUMNS)
        return self.label is None, not known[0], not known[1]


@dataclass(frozen=True)
class _Line:
    """A line of a table: its number there, and the text in the columns that are used."""

    number: int
    image: str
    label: str
    part: str
    votes: str


@dataclass(frozen=True)
class Table:
    """part: that all of it is of, as its name says, where there is a table for each part."""

    path: str
    columns: _Columns
    lines: tuple[_Line, ...]
    part: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """A table by its heading; its other lines are read when it is the one."""

    path: str
    columns: _Columns
    rows: Iterator[tuple[int, list[str]]] = field(compare=False)


def find_tables(source: Source, images: Sequence[str], only: str = "") -> tuple[list[Table], list[Problem]]:
    """The table with an image and a label column, or one for each part, and why the others are not used.

    only: the path of the one to use. Raises Doubtful where there are several, as their headings tell; DataRefused where
    there are more than can be looked at, or not this one.
    """
    paths = [path for path in source.entries if path.lower().endswith(TABLE)]
    if (total := sum(source.entries[path].size for path in paths)) > MAX_TABLES_BYTES:
        raise DataRefused(f"the {len(paths):,} tables of {source.name} have {total:,} bytes, "
                          f"allowed are {MAX_TABLES_BYTES:,}; bring one")
    unused, candidates, find = list[tuple[str, object]](), list[_Candidate](), Finder(images)
    for path in paths:
        try:
            if only and path != only:
                raise ValueError(f"{only} is, as was chosen")
            if len(paths) > 1 and "submission" in path.rpartition("/")[2].lower():
                raise ValueError("it is called a submission, which holds no labels that are known")
            candidates.append(_candidate(path, source.entries[path].read(), find))
        except (OSError, ValueError, csv.Error) as error:
            unused.append((path, error))
    if only and not candidates:
        raise DataRefused(next((f"{path} cannot be used: {why}" for path, why in unused if path == only),
                               f"{source.name} holds no table {shown(only)}"))
    best = min((candidate.columns.rank for candidate in candidates), default=None)
    unused += [(candidate.path, "another one has headings that speak of images and labels more clearly")
               for candidate in candidates if candidate.columns.rank != best]
    candidates = [candidate for candidate in candidates if candidate.columns.rank == best]
    tables = list[Table]()
    for candidate, part in _of_parts(candidates, source.name):
        try:
            tables.append(_read(candidate, part))
        except (ValueError, csv.Error) as error:
            if len(candidates) > 1:
                raise DataRefused(f"{candidate.path} in {source.name}: {error}") from None
            unused.append((candidate.path, error))
    others = [Problem("table", f"{path} is not used: {error}", examples=(path,)) for path, error in unused[:SHOWN]]
    if more := tuple(path for path, _ in unused[SHOWN:]):
        others.append(Problem("table", f"{len(more):,} more tables are not used", examples=more[:SHOWN]))
    return tables, others


def _candidate(path: str, content: bytes, find: Finder) -> _Candidate:
    """The table by its heading; raises ValueError where it has none, or one that does not speak of images."""
    rows = _rows(content)
    heading = next(rows, (0, []))[1]
    try:
        columns = _columns(heading)
    except ValueError:
        folder = path.rpartition("/")[0]
        if named := [cell for cell in heading if cell.strip() and find(cell.strip(), folder).paths]:
            raise ValueError(f"its first line is no heading, for it names an image, {shown(named[0])}; put a line such "
                             "as image,label above it") from None
        raise
    if columns.named(columns.image, ID_COLUMNS):
        begun = list(itertools.islice(rows, SHOWN))
        names = [row[columns.image].strip() for _, row in begun if len(row) > columns.image]
        if not any(find(name, path.rpartition("/")[0]).paths for name in names if name):
            raise ValueError(f"its column {shown(heading[columns.image])} names no image")
        rows = itertools.chain(begun, rows)
    return _Candidate(path, columns, rows)


def _part_named(table: str) -> str:
    """The part that a table's name, or that of its folder, speaks of; "" where there is none."""
    *folders, name = PurePosixPath(table).with_suffix("").parts
    known = part_name(name)
    return known.part if known else next(filter(None, map(part_of, reversed(folders))), "")


def _of_parts(candidates: Sequence[_Candidate], called: str) -> list[tuple[_Candidate, str]]:
    """The candidates with the part that each is for; raises Doubtful where several do not tell theirs apart."""
    if len(candidates) < 2:
        return [(candidate, "") for candidate in candidates]
    parts = [_part_named(candidate.path) for candidate in candidates]
    if len(set(parts)) == len(parts) and set(parts) <= set(ALLOWED_PARTS):
        return list(zip(candidates, parts, strict=True))
    raise Doubtful(f"{called} holds more than one table with an image and a label column",
                   [Choice(candidate.path, f"columns {', '.join(filter(None, candidate.columns.heading))}")
                    for candidate in candidates])


def _read(candidate: _Candidate, part: str) -> Table:
    """All lines of the table; raises ValueError or csv.Error where they cannot be read."""
    columns, rows = candidate.columns, candidate.rows
    if columns.named(columns.part, LOOSE_PART_COLUMNS):
        rows = iter(every := list(rows))
        values = {row[columns.part].strip() for _, row in every if columns.part is not None and len(row) > columns.part}
        if not all(part_of(value) in ALLOWED_PARTS for value in values):
            columns = replace(columns, part=None)
    if columns.label is None:
        every = list(rows)
        labels = _one_hot(columns, every)
        lines = tuple(replace(_line(number, row, columns), label=label)
                      for (number, row), label in zip(every, labels, strict=True))
        names = sorted(set(labels), key=columns.heading.index)
        note = f"the class is the one of the columns of {candidate.path} that is 1: {_listed(names)}"
        return Table(candidate.path, columns, lines, part, (note,))
    return Table(candidate.path, columns, tuple(_line(number, row, columns) for number, row in rows), part)


def _one_hot(columns: _Columns, rows: Sequence[tuple[int, list[str]]]) -> list[str]:
    """The class of each row where each class has a column of ones and zeros; raises ValueError where none has."""
    used = {columns.image, columns.part, columns.votes}

    def bit(row: Sequence[str], column: int) -> bool | None:
        return _BITS.get(row[column].strip().casefold() if column < len(row) else "")

    hot = [i for i, name in enumerate(columns.heading) if name.strip() and i not in used
           and all(bit(row, i) is not None for _, row in rows)]
    absent = f"it has no column named label; its headings are {_listed(columns.heading)}"
    if len(hot) < 2:
        raise ValueError(absent)
    labels = list[str]()
    for number, row in rows:
        ones = [columns.heading[i].strip() for i in hot if bit(row, i)]
        if len(ones) != 1:
            what = f"{' and '.join(ones)} are" if ones else "none of them is"
            raise ValueError(f"{absent}, of which exactly one should be 1 on each line; on line {number}, {what}")
        labels += ones
    return labels


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """(its number, its cells) of each line that is not empty; raises ValueError or csv.Error where it is no CSV file.

    Left out before the heading: comments (#), and the line sep=; by which a spreadsheet tells the sign between cells.
    """
    try:
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        stream = io.StringIO(content.decode("utf-16" if wide else "utf-8-sig"), newline="")
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8; save it as such (in a spreadsheet: CSV UTF-8)") from None
    before, heading, delimiter = -1, "", ""
    for before, heading in enumerate(stream):  # noqa: B007
        if separator := _SEPARATOR.fullmatch(heading):
            delimiter = separator[1]
        elif heading.strip(",;|\t \r\n") and not heading.startswith("#"):
            break
    else:
        return
    delimiter = delimiter or max(",;\t|", key=heading.count)
    lines = csv.reader(itertools.chain([heading], stream), strict=True, delimiter=delimiter, skipinitialspace=True)
    count = 0
    for row in lines:
        if not any(map(str.strip, row)):
            continue
        if count > MAX_ENTRIES:
            raise ValueError(f"it has more than the {MAX_ENTRIES:,} lines allowed")
        if len(row) > MAX_COLUMNS:
            raise ValueError(f"line {before + lines.line_num} has {len(row):,} columns, allowed are {MAX_COLUMNS:,}")
        count += 1
        yield before + lines.line_num, row


def _columns(heading: Sequence[str]) -> _Columns:
    """The columns that this heading names; raises ValueError where none is of images, or of labels."""
    index = {_squashed(name): i for i, name in reversed([*enumerate(heading)])}
    image, label, part = (next((index[name] for name in map(_squashed, names) if name in index), None) for names in (
        (*IMAGE_COLUMNS, *OTHER_IMAGE_COLUMNS, *ID_COLUMNS), (*LABEL_COLUMNS, *OTHER_LABEL_COLUMNS),
        (*PART_COLUMNS, *LOOSE_PART_COLUMNS)))
    if image is None or (label is None and len([name for name in heading if name.strip()]) < 3):
        absent = [word for word, column in (("image", image), ("label", label)) if column is None]
        raise ValueError(f"it has no column named {' and none named '.join(absent)}; "
                         f"{'its headings are' if len(heading) > 1 else 'its heading is'} {_listed(heading)}")
    names = tuple(name.strip() for name in heading)
    for votes, name in enumerate(map(_plain, heading)):
        if match := VOTES_COLUMN.fullmatch(name):
            return _Columns(names, image, label, part, votes, match[1], int(match[2]))
    return _Columns(names, image, label, part)


def _line(number: int, row: Sequence[str], columns: _Columns) -> _Line:
    indices = (columns.image, columns.label, columns.part, columns.votes)
    return _Line(number, *(row[i].strip() if i is not None and i < len(row) else "" for i in indices))


def _plain(heading: str) -> str:
    return " ".join(re.split(r"[\s_-]+", heading.strip().casefold()))


def _squashed(heading: str) -> str:
    return _plain(heading).replace(" ", "")


def _listed(names: Sequence[str]) -> str:
    named = [name.strip() for name in names if name.strip()]
    more = f" and {len(named) - SHOWN:,} more" if len(named) > SHOWN else ""
    return f"{', '.join(map(shown, named[:SHOWN]))}{more}" if named else "empty"


@dataclass(frozen=True)
class _Listed:
    """An image that a line lists: which one it is, its label, part and votes."""

    path: str
    label: str
    part: str
    votes: str


def by_tables(tables: Sequence[Table], images: Sequence[str], called: str, sure: bool = False) -> Layout:
    """A row for each line of the tables; sure: images that they do not list are left out.

    Raises DataRefused with all that is wrong with their lines, Doubtful where they do not list every image.
    """
    title = " and ".join(table.path for table in tables)
    names = same_letters({line.label for table in tables for line in table.lines})
    classes, problems = _classes(set(names.values()), tables, called)
    voters = tables[0].columns.voters if not problems else 0
    listed, ways = _listed_images(tables, images, called, voters)
    parts, of_parts = assign_parts([image.part for image in listed])
    index = {name: c for c, name in enumerate(classes)}
    rows = [Row(image.path, index[names[image.label]], part, int(image.votes) if voters else None)
            for image, part in zip(listed, parts, strict=True)]
    problems += [*of_parts, *(Problem("columns", note) for table in tables for note in table.notes)]
    problems += [Problem("matched", f"{images_counted(count)} {'is' if count == 1 else 'are'} not called in {title} as "
                         f"the {'file is' if count == 1 else 'files are'}: {name} {way}, and is read as {path}",
                         examples=(path,))
                 for way, (count, name, path) in ways.items()]
    of_table = {image.path for image in listed}
    nameless = [path for path in images if path not in of_table and any(
        part_of(folder) == "unlabelled" for folder in path.split("/")[:-1])]
    if nameless:
        problems.append(left_out(nameless, f"without a class, as a folder around "
                                           f"{'them' if len(nameless) > 1 else 'it'} says,"))
    if unlisted := [path for path in images if path not in {*of_table, *nameless}]:
        if not sure:
            key = tables[0].path if len(tables) == 1 else TABLES
            of_class, of_part = (Counter(values) for values in ((classes[row.label] for row in rows),
                                                                (row.part or "" for row in rows)))
            raise Doubtful(f"{lie(unlisted)} on no line of {title} ({_listed(unlisted)})",
                           [Choice(key, outcome(of_class, of_part, len(unlisted) + len(nameless)))])
        problems.append(left_out(unlisted, f"on no line of {title}"))
    return Layout("table", classes, tuple(rows), voters, tuple(problems), title)


def _listed_images(
    tables: Sequence[Table], images: Sequence[str], called: str, voters: int
) -> tuple[list[_Listed], dict[str, tuple[int, str, str]]]:
    """What the lines list, and for each way in which names differ from their files the number and an example."""
    find, listed, ways = Finder(images), dict[str, _Listed](), dict[str, tuple[int, str, str]]()
    count, faults, place_of = 0, list[str](), dict[str, str]()
    for table in tables:
        folder, of_name = str(PurePosixPath(table.path).parent), _part_named(table.path)
        for line in table.lines:
            part = part_of(line.part) if table.columns.part is not None else table.part
            match = find(line.image, folder, part or of_name)
            place = f"line {line.number}" if len(tables) == 1 else f"line {line.number} of {table.path}"
            wrong = _faults(line, match.paths, part, table, voters)
            if len(match.paths) == 1:
                path = match.paths[0]
                if (first := place_of.setdefault(path, place)) != place:
                    wrong.append(f"{shown(line.image)} is already on {first}")
                listed[path] = _Listed(path, line.label, part, line.votes)
                if match.ways:
                    way = " and ".join(match.ways)
                    before, name, example = ways.get(way, (0, shown(line.image).replace("\\\\", "\\"), path))
                    ways[way] = (before + 1, name, example)
            count += len(wrong)
            faults += [f"{place}: {fault}" for fault in wrong[: SHOWN - len(faults)]]
    title = " and ".join(table.path for table in tables)
    if empty := [table.path for table in tables if not table.lines]:
        raise DataRefused(f"{empty[0]} in {called}: it has no lines but its heading")
    if faults:
        more = f"; and {count - SHOWN:,} more" if count > SHOWN else ""
        total = f"{count:,} problems: " if count > 1 else ""
        raise DataRefused(f"{title} in {called}: {total}{'; '.join(faults)}{more}")
    return list(listed.values()), ways


def _classes(names: set[str], tables: Sequence[Table], called: str) -> tuple[tuple[str, ...], list[Problem]]:
    """The labels in natural order, but the one that the votes are for comes last."""
    check_classes(names, called, "is it the right label column?")
    ordered, voted = sorted(names, key=naturally), tables[0].columns.voted
    if len({(table.columns.voted, table.columns.voters) for table in tables}) > 1:
        return tuple(ordered), [Problem("votes", "the votes are not used: the tables do not have the same ones")]
    if voted:
        last = [name for name in ordered if _plain(name) == voted]
        if len(last) != 1:
            why = "more than one label is" if last else "no label is"
            return tuple(ordered), [Problem("votes", f"the votes are not used: they are for {shown(voted)}, and {why} "
                                                     "called so")]
        ordered = [name for name in ordered if name != last[0]] + last
    return tuple(ordered), []


def _faults(line: _Line, paths: Sequence[str], part: str, table: Table, voters: int) -> list[str]:
    """What is wrong with the line."""
    faults = list[str]()
    if len(paths) > 1:
        faults.append(f"{shown(line.image)} could be {' or '.join(paths)}; name the folder too")
    elif not paths:
        faults.append(f"no image {shown(line.image)}")
    if not line.label:
        faults.append("no label")
    if table.columns.part is not None and part not in ALLOWED_PARTS:
        faults.append(f"no part {shown(line.part)}; allowed: train, test, val")
    votes = line.votes
    if voters and not (len(votes) <= 3 and votes.isascii() and votes.isdigit() and int(votes) <= voters):
        faults.append(f"votes must be a whole number from 0 to {voters}, got {shown(votes)}")
    return faults
