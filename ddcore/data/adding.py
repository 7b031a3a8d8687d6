"""Making a data set of what a person brought: which images go where, how they are stored, what is said of them."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from ddcore.data import images, own
from ddcore.data.base import Dataset
from ddcore.data.layout import ARRANGED, Row, images_counted
from ddcore.data.preview import Fact, Preview, Progress, is_narrow, merged, stored, threaded
from ddcore.data.source import Source
from ddcore.data.split import hold_out
from ddcore.errors import ConfigError, DataRefused
from ddcore.hosting import rights
from ddcore.params import Config, Param

MAX_STORED_BYTES = 8 * 2**30  # runs hold a whole set in memory
RESERVE = 10  # % of what the disk has free: other things are written meanwhile
NETWORK_FROM = ((0, "convnet3"), (48, "convnet5"), (128, "convnet7"))  # each block halves the side
NOTED = (  # rules that stay told of a data set
    "validation", "one part", "left out", "votes", "alike", "merged", "format", "links", "near leak", "near copy",
)
_TEST_SEED = 4


class AddConfig(Config):
    """How the images that a person brought become a data set."""

    name: str = Param("my-data", label="Name", group="Your data",
                      help="What menus and the command line call it: 2 to 32 small letters, digits and hyphens, "
                           "a letter first.")
    side: int = Param(32, label="Side", unit="pixels", ge=8, le=512, group="Your data",
                      help="Every image is brought to a square of this side. Small sides are fast; "
                           "details smaller than a pixel are lost.")
    colour: Literal["rgb", "grey"] = Param("rgb", label="Colour", group="Your data",
                                           help="Three channels, or one of grey levels.")
    fit: Literal["crop", "stretch"] = Param("crop", label="Not square", group="Your data",
                                            help="What becomes of an image that is not square: "
                                                 "its centre square is cut out, or all of it is stretched.")
    levels: Literal["upper", "used"] = Param("upper", label="16-bit levels", group="Your data",
                                             help="What becomes of 16 bits a grey level: the upper 8 are kept, or the "
                                                  "range that all images use together is spread over 0 to 255, which "
                                                  "keeps what a camera of 10 or 12 bits saw.")
    ground: Literal["white", "black"] = Param("white", label="Behind transparency", group="Your data",
                                              help="What transparent images are drawn on.")
    test_share: int = Param(20, label="Test share", unit="%", ge=5, le=50, group="Your data",
                            help="Used only where no test part was given: "
                                 "this share of each class is held out to test on, the same for everybody.")
    duplicates: Literal["drop", "keep"] = Param("drop", label="Identical images", group="Your data",
                                                help="Drop: a training image that is also a test image leaves the "
                                                     "training part, and of copies within a part the first stays.")
    unreadable: Literal["refuse", "skip"] = Param("refuse", label="Unreadable images", group="Your data",
                                                  help="Refuse the data set, or leave such images out.")
    labels: Literal["keep", "merge"] = Param("keep", label="Labels that read the same", group="Your data",
                                             help="Keep: each is a class of its own. Merge: those that differ only in "
                                                  "capitals, spaces or .0 are one class.")
    mirror: bool = Param(True, label="Mirroring keeps the class", group="Your data",
                         help="Whether a mirrored image is still of its class, so that training may flip images: "
                              "yes for photographs, no for digits.")

    def problems(self) -> list[str]:
        return [*super().problems(), *name_problems(self.name)]


@dataclass(frozen=True)
class _Plan:
    """The images to store and, for people, how they were selected."""

    train: Sequence[Row]
    test: Sequence[Row]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[Row]:
        """All of them in the order in which they are stored."""
        return [*self.train, *self.test]


def name_problems(name: str) -> list[str]:
    """Why no own data set can have this name; [] if it can."""
    from ddcore.data import DATASETS

    if not own.NAME.fullmatch(name):
        return [f"name must be 2 to 32 small letters, digits and hyphens, a letter first, got {name!r}"]
    return [f"name: {name!r} is a data set that comes with the app; choose another"] if name in DATASETS.shipped else []


def add(
    source: Source, preview: Preview, config: AddConfig, root: Path, on_progress: Progress = lambda done, total: None,
    reserved: Callable[[], bool] = lambda: True,
) -> Dataset:
    """Store the previewed images as the data set `config.name` under the data root `root`.

    reserved: whether runs name a removed data set of this name, so that only the same content may come back under it;
    asked last, for storing takes minutes. Raises ConfigError or DataRefused, and leaves nothing behind then.
    """
    rights.require("add-data", config.name)
    place = own.place(root)
    if (place / config.name).exists():
        raise ConfigError([_taken(config.name)])
    if config.labels == "merge":
        preview = merged(preview)
    plan = _plan(preview, config)
    size = _check_room(len(plan.rows), config, root)
    try:
        with own.unfinished(place) as folder:
            _store(source, preview, plan.rows, config, folder, on_progress)
            facts = _facts(source, preview, config, plan, folder)
            (folder / "dataset.json").write_text(json.dumps(facts, indent=1))
            _check_removed(facts, place, reserved)
            _rename(folder, place / config.name)
    except OSError as error:
        raise DataRefused(f"{images_counted(len(plan.rows))} that take {size:,} bytes cannot be stored in {place}: "
                          f"{error.strerror or error}") from None
    shutil.rmtree(place / own.REMOVED / config.name, ignore_errors=True)
    return own.described(facts, removed=False)


def _taken(name: str) -> str:
    return f"name: there is an own data set {name!r} already; remove it or choose another name"


def _check_removed(facts: Mapping[str, Any], place: Path, reserved: Callable[[], bool]) -> None:
    """Refuse to give the name of a removed data set that runs still name to other content."""
    removed = own.read_facts(place / own.REMOVED / facts["name"])
    if removed is not None and removed["fingerprint"] != facts["fingerprint"] and reserved():
        train, test = removed["sizes"]
        text = f"{train:,} + {test:,} images of {removed['side']} px, {removed['colour']}"
        raise DataRefused(f"another data set ({text}) was called {facts['name']!r} before it was removed, and its runs "
                          "would be taken for runs of this one: choose another name, or bring the same images with the "
                          "same choices")


def _rename(folder: Path, to: Path) -> None:
    """Put the finished folder in its place, unless somebody else was faster."""
    try:
        folder.rename(to)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        raise ConfigError([_taken(to.name)]) from None


def _plan(preview: Preview, config: AddConfig) -> _Plan:
    """Which images become training and test part; raises DataRefused where a problem stops it."""
    if stops := [p.text for p in preview.problems
                 if p.stops and not (p.param and getattr(config, p.param) == p.value)]:
        raise DataRefused("; ".join(stops))
    notes = [p.text for p in preview.problems if p.rule in NOTED]
    notes += _of_pixels(preview, config)
    if count := len(preview.unreadable):
        notes.append(f"{images_counted(count)} could not be read and {_were(count)} left out")
    rows, two_labels = preview.readable, "they were kept"
    if config.duplicates == "drop":
        rows, copies = _without_copies(rows, preview.facts)
        notes += copies
        two_labels = "the first of each was kept, a test image before a training image"
    else:
        notes += [f"{p.text}; they were kept" for p in preview.problems if p.rule in ("leak", "duplicate")]
    notes += [f"{p.text}; {two_labels}" for p in preview.problems if p.rule == "two labels"]
    if not preview.layout.split:
        rows = _split(rows, preview.facts, Fraction(config.test_share, 100))
    train, test = ([row for row in rows if row.part == part] for part in ("train", "test"))
    for part, members, least in (("training", train, 2), ("test", test, 1)):
        counts = np.bincount([row.label for row in members], minlength=len(preview.layout.classes))
        if few := [name for name, n in zip(preview.layout.classes, counts, strict=True) if n < least]:
            flat = sum(config.ground in fact.flat for fact in preview.facts.values())
            why = f" ({images_counted(flat)} {_were(flat)} of one flat colour, and so copies)" if flat else ""
            raise DataRefused(f"fewer than {least} {part} images are left of class {', '.join(few[: images.SHOWN])}, "
                              f"once copies are dropped and the test part is made{why}")
    return _Plan(train, test, tuple(notes))


def _of_pixels(preview: Preview, config: AddConfig) -> list[str]:
    """What every user must know of how pixels became those that are stored."""
    notes = []
    if preview.levels and config.levels == "used":
        low, high = preview.levels
        notes.append(f"of 16-bit levels {low:,} to {high:,} were spread over 0 to 255")
    elif preview.levels and is_narrow(preview.levels):
        low, high = preview.levels
        notes.append(f"of 16-bit levels {low:,} to {high:,} the upper 8 bits were kept, {low >> 8} to {high >> 8}")
    hidden = [fact for fact in preview.facts.values() if config.ground in fact.flat]
    if hidden:
        notes.append(f"{images_counted(len(hidden))} {_were(len(hidden))} of one flat colour")
    if pages := [fact for fact in preview.facts.values() if fact.pages > 1]:
        notes.append(f"of {images_counted(len(pages))} with more than one page the first was kept")
    return notes


def _without_copies(rows: Sequence[Row], facts: Mapping[str, Fact]) -> tuple[list[Row], list[str]]:
    """Rows of which no two show the same image, test images before training images; and what was left out."""
    test_digests = {facts[row.path].digest for row in rows if row.part == "test"}
    distinct, leaks, copies = dict[tuple[bytes, bool], Row](), 0, 0
    for row in rows:
        digest, in_test = facts[row.path].digest, row.part == "test"
        if not in_test and digest in test_digests:
            leaks += 1
        elif distinct.setdefault((digest, in_test), row) is not row:
            copies += 1
    notes = []
    if leaks:
        notes.append(f"{images_counted(leaks)} of the training part {_were(leaks)} left out, "
                     "being in the test part too")
    if copies:
        notes.append(f"{images_counted(copies)} {_were(copies)} left out as "
                     f"{'copies' if copies > 1 else 'a copy'} of others")
    return list(distinct.values()), notes


def _split(rows: Sequence[Row], facts: Mapping[str, Fact], share: Fraction) -> list[Row]:
    """The rows, this share of each class (at least one image) as test part; copies of an image stay on one side."""
    label_of: dict[bytes, int] = {}  # of the first row that shows the image
    for row in rows:
        label_of.setdefault(facts[row.path].digest, row.label)
    digests, labels = list(label_of), np.array(list(label_of.values()))
    train, test = (part.tolist() for part in hold_out(labels, share, _TEST_SEED))
    for label in set(labels[train].tolist()) - set(labels[test].tolist()):
        test.append(next(i for i in train if labels[i] == label))
    test_digests = {digests[i] for i in test}
    return [replace(row, part="test" if facts[row.path].digest in test_digests else "train") for row in rows]


def _check_room(count: int, config: AddConfig, root: Path) -> int:
    """The bytes that the images take; refuses more than a set may have, or than the disk can give."""
    size = count * math.prod(_shape(config))
    free = shutil.disk_usage(next(folder for folder in (root, *root.parents) if folder.is_dir())).free
    for allowed, limit in (
        (MAX_STORED_BYTES, f"allowed are {MAX_STORED_BYTES:,}"),
        (free * (100 - RESERVE) // 100, f"the disk has {free:,}, of which {RESERVE} % stay free"),
    ):
        if size > allowed:
            raise DataRefused(f"{images_counted(count)} of {config.side}×{config.side} pixels take {size:,} bytes, "
                              f"{limit}: choose a smaller side, or grey")
    return size


def most_bytes(preview: Preview, config: AddConfig) -> int:
    """The bytes that the images take if none of them is a copy."""
    return len(preview.readable) * math.prod(_shape(config))


def _shape(config: AddConfig) -> tuple[int, int, int]:
    return (3 if config.colour == "rgb" else 1, config.side, config.side)


def _store(
    source: Source, preview: Preview, rows: Sequence[Row], config: AddConfig, folder: Path, on_progress: Progress
) -> None:
    """Write the arrays, decoding the images anew; raises DataRefused where one is not what was previewed.

    The images are written like any file, and not into a memory map, in which a full disk would kill the process.
    """
    shape, lock = _shape(config), threading.Lock()
    levels = preview.levels if config.levels == "used" else None
    with (folder / "images.npy").open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *shape)}
        np.lib.format.write_array_header_1_0(stream, header)
        start = stream.tell()
        _take_room(stream, start + len(rows) * math.prod(shape))

        def fill(position: int) -> None:
            path = rows[position].path
            try:
                pixels, digest = stored(source, path, config.side, config.colour, config.fit, config.ground, levels)
            except images.Unreadable as error:
                raise DataRefused(f"{path} could be read before and cannot now: {error}") from None
            if digest != preview.facts[path].digest:
                raise DataRefused(f"{path} has changed since it was looked at")
            with lock:
                stream.seek(start + position * pixels.nbytes)
                stream.write(pixels.tobytes())

        with contextlib.closing(threaded(fill, range(len(rows)))) as writes:
            for done, _ in enumerate(writes, 1):
                on_progress(done, len(rows))
        stream.flush()
        os.fsync(stream.fileno())
    np.save(folder / "labels.npy", np.array([row.label for row in rows], dtype=np.int64), allow_pickle=False)
    if all(row.votes is not None for row in rows):
        np.save(folder / "votes.npy", np.array([row.votes for row in rows], dtype=np.int64), allow_pickle=False)


def _take_room(stream: BinaryIO, size: int) -> None:
    """Reserve the whole size on the disk, where it can: a full one then fails before minutes of decoding."""
    if not hasattr(os, "posix_fallocate"):
        return
    stream.flush()
    try:
        os.posix_fallocate(stream.fileno(), 0, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that cannot promise anything
            raise


def _facts(source: Source, preview: Preview, config: AddConfig, plan: _Plan, folder: Path) -> dict[str, Any]:
    """What dataset.json says of the arrays in `folder`."""
    layout, sizes = preview.layout, (len(plan.train), len(plan.test))
    origin = "uploaded as" if source.kind == "zip" else "read from the folder"
    arrangement = ARRANGED[layout.kind]
    if any(problem.rule == "layout" for problem in layout.problems):
        arrangement += f", read as {layout.reading}"
    return {
        "format": own.FORMAT, "name": config.name, "title": config.name, "classes": list(layout.classes),
        "channels": _shape(config)[0], "side": config.side, "sizes": list(sizes),
        "network": next(name for least, name in reversed(NETWORK_FROM) if config.side >= least),
        "augment": "siamese" if config.mirror else "siamese-no-flip", "voters": layout.voters,
        "counts": np.bincount([row.label for row in plan.train], minlength=len(layout.classes)).tolist(),
        "source": f"{origin} {source.name}, {images_counted(len(layout.rows))} {arrangement}",
        "fingerprint": own.content(config.name, layout.classes, sizes, layout.voters, folder),
        "fit": config.fit, "colour": config.colour, "levels": config.levels, "ground": config.ground,
        "split": "given" if layout.split else f"made, {config.test_share} % for testing",
        "notes": list(plan.notes), "created": time.time(),
    }


def _were(count: int) -> str:
    return "were" if count != 1 else "was"
