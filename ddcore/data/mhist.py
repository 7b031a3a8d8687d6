"""MHIST: 3,152 H&E tiles of colorectal polyps, 224×224 RGB, hyperplastic (HP) or sessile serrated (SSA).

Wei, Suriawinata, Ren, et al., "A Petri Dish for Histopathology Image Analysis" (AIME 2021). Seven pathologists voted on
each tile; the label is the majority's. The owners hand the set out on request only, so it is read from where a person
has put it:

    <data root>/MHIST/annotations.csv
    <data root>/MHIST/images/*.png   or   <data root>/MHIST/images.zip
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ddcore.data import images, prepared
from ddcore.data.base import Availability, Dataset, Split
from ddcore.data.fingerprint import fingerprint
from ddcore.errors import DataBroken, DataMissing, suggestion

CLASSES = ("HP", "SSA")
VOTERS = 7
PARTITIONS = ("train", "test")
NAME, LABEL, PARTITION = "Image Name", "Majority Vote Label", "Partition"
VOTES = "Number of Annotators who Selected SSA (Out of 7)"
OFFICIAL = {"training": (1545, 630), "test": (617, 360)}  # images of each class

STEPS = (
    "Open https://bmirds.github.io/MHIST/ and fill in its form: a research use agreement.",
    "An e-mail follows with links. You need `annotations.csv` and `images.zip` (354 MB).",
    "Put both into the folder that is named above. `images.zip` may stay packed; the folder `images/` from it will do.",
    "Open this page again: it counts what it finds, and says so where that is not the official set.",
)
HOW_TO_GET = (
    "MHIST is handed out by its owners for research use: fill in the form at https://bmirds.github.io/MHIST/ "
    "and put annotations.csv and images.zip (or the folder images/ from it) there."
)


@dataclass(frozen=True)
class Row:
    """One line of annotations.csv."""

    name: str
    label: int
    votes: int
    test: bool


def folder(root: Path) -> Path:
    return root / "MHIST"


def read(root: Path, resolution: int) -> tuple[Split, Split]:
    """The official (train, test) splits with votes, uint8 (N, 3, resolution, resolution).

    The first reading at a resolution decodes every image and keeps the result under <data root>/prepared; later ones
    map that file. Raises DataMissing or DataBroken.
    """
    content, rows, entries = _files(root)
    file = prepared.folder(root) / f"{_fingerprint(content, rows, entries, resolution)}.npy"
    pixels = prepared.array(file, lambda: images.decode([(r.name, entries[r.name]) for r in rows], resolution,
                                                        _images(root)))
    labels, votes = np.array([r.label for r in rows]), np.array([r.votes for r in rows])
    in_test = np.array([r.test for r in rows])
    train, test = (Split(pixels[part], labels[part], votes[part]) for part in (~in_test, in_test))
    return train, test


def check(root: Path) -> Availability:
    """Read the annotations and look for the images, without decoding any.

    Other images in this layout can be worked with, but their numbers must never be taken for MHIST's.
    """
    try:
        _, rows, _ = _files(root)
    except DataMissing as error:
        return Availability("missing", str(error))
    except DataBroken as error:
        return Availability("broken", str(error))
    return Availability("ready", f"{len(rows):,} images are in {folder(root)}.", _caveat(rows))


def _caveat(rows: list[Row]) -> str:
    """How the counts in each part and class differ from the official ones; "" where they do not."""
    counts = {part: tuple(sum(r.test is test and r.label == label for r in rows) for label in range(len(CLASSES)))
              for part, test in (("training", False), ("test", True))}
    other = [f"{_counted(counts[part])} {part} images where MHIST has {_counted(official)}"
             for part, official in OFFICIAL.items() if counts[part] != official]
    if not other:
        return ""
    return f"These are not the official MHIST images: {', '.join(other)}. Numbers of them are not MHIST's."


def _counted(images: tuple[int, ...]) -> str:
    return " + ".join(f"{count:,} {name}" for name, count in zip(CLASSES, images, strict=True))


def read_annotations(content: bytes, where: Path) -> list[Row]:
    """The rows of annotations.csv in its order; raises DataBroken with all their problems."""
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        lines.fieldnames = columns = [c.strip() for c in lines.fieldnames or ()]
        if absent := [c for c in (NAME, LABEL, VOTES, PARTITION) if c not in columns]:
            raise images.broken(where, [f"no column {c!r}{suggestion(c, columns)}" for c in absent])
        numbered = [(lines.line_num, {c: (line[c] or "").strip() for c in (NAME, LABEL, VOTES, PARTITION)})
                    for line in lines]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataBroken(f"{where} is not a CSV text file: {error}") from None
    problems = [f"line {number}: {problem}" for number, line in numbered for problem in _line_problems(line)]
    problems += _twice(numbered)
    problems += [f"no line says {part!r} in {PARTITION}" for part in PARTITIONS
                 if part not in {line[PARTITION].lower() for _, line in numbered}]
    if problems:
        raise images.broken(where, problems)
    return [Row(line[NAME], CLASSES.index(line[LABEL]), int(line[VOTES]), line[PARTITION].lower() == "test")
            for _, line in numbered]


def _line_problems(line: dict[str, str]) -> list[str]:
    problems = []
    if not images.is_plain_name(line[NAME]):
        problems.append(f"{line[NAME]!r} is not the name of a file")
    if line[LABEL] not in CLASSES:
        problems.append(f"no label {line[LABEL]!r}{suggestion(line[LABEL], CLASSES)}")
    if line[PARTITION].lower() not in PARTITIONS:
        problems.append(f"no partition {line[PARTITION]!r}{suggestion(line[PARTITION], PARTITIONS)}")
    if line[VOTES] not in map(str, range(VOTERS + 1)):
        problems.append(f"votes must be a whole number from 0 to {VOTERS}, got {line[VOTES]!r}")
    return problems


def _twice(numbered: list[tuple[int, dict[str, str]]]) -> list[str]:
    seen: dict[str, int] = {}
    return [f"line {number}: {line[NAME]} is already on line {first}"
            for number, line in numbered if (first := seen.setdefault(line[NAME], number)) != number]


def _images(root: Path) -> Path:
    """The folder of images where there is one, else the archive."""
    loose = folder(root) / "images"
    return loose if loose.is_dir() else folder(root) / "images.zip"


def _files(root: Path) -> tuple[bytes, list[Row], dict[str, images.Entry]]:
    """(content of annotations.csv, its rows, the image file of every row by name)."""
    table, source = folder(root) / "annotations.csv", _images(root)
    if absent := [name for name, path in (("annotations.csv", table), ("images/ or images.zip", source))
                  if not path.exists()]:
        raise DataMissing(f"MHIST was not found: looked for {' and '.join(absent)} in {folder(root)}. {HOW_TO_GET}")
    try:
        content = table.read_bytes()
    except OSError as error:
        raise DataBroken(f"{table} cannot be read: {error.strerror}") from None
    rows = read_annotations(content, table)
    names = [r.name for r in rows]
    if source.is_dir():
        entries = images.in_folder(source, names, prepared.folder(root) / "mhist-files.json")
    else:
        entries = images.in_zip(source, names)
    if without := [f"no image {name}, which annotations.csv names" for name in names if name not in entries]:
        raise images.broken(source, without)
    return content, rows, entries


def _fingerprint(content: bytes, rows: list[Row], entries: dict[str, images.Entry], resolution: int) -> str:
    """The same for a folder and for an archive of the same files."""
    listed = (f"{r.name}:{entries[r.name].size}:{entries[r.name].crc}" for r in rows)
    return fingerprint(f"mhist-{resolution}", content, *listed)


def _fingerprint_of(root: Path, resolution: int) -> str:
    return _fingerprint(*_files(root), resolution)


DATASET = Dataset(
    name="mhist", title="MHIST", channels=3, resolution=128, resolutions=(64, 128, 224), classes=CLASSES,
    network="convnet7", augment="siamese", val_share=Fraction(1, 10),
    source="Wei et al., A Petri Dish for Histopathology Image Analysis (AIME 2021); https://bmirds.github.io/MHIST/",
    read=read, fingerprint=_fingerprint_of, check=check, sizes=(2175, 977),
    counts=OFFICIAL["training"], voters=VOTERS, rank=30, steps=STEPS,
)
