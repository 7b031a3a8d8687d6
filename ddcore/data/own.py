"""Data sets that a person brought: plain arrays and their facts under <data root>/own/<name>/.

    dataset.json   the facts
    images.npy     uint8 (N, C, side, side), the official training images first, then the test images
    labels.npy     int64 (N,)
    votes.npy      int64 (N,), where annotators voted

Nothing of the original files is kept. What is added comes to its place by one rename of a finished folder; of
what is removed, the facts stay under own/.removed/<name>/ as long as runs name it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ddcore.data import images
from ddcore.data.base import Availability, Dataset, Split
from ddcore.data.fingerprint import fingerprint
from ddcore.data.layout import Row
from ddcore.data.preview import Fact, Preview, stored, threaded
from ddcore.data.source import Source
from ddcore.data.split import hold_out
from ddcore.errors import ConfigError, DataBroken, DataMissing, DataRefused, UnknownName
from ddcore.params import Config, Param

Progress = Callable[[int, int], object]

FORMAT = 1
NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
REMOVED = ".removed"
UNFINISHED = ".unfinished-"
STALE_SECONDS = 24 * 3600  # an unfinished folder this old belongs to a process that died
MAX_STORED_BYTES = 8 * 2**30  # runs hold a whole set in memory
VAL_SHARE = Fraction(1, 10)
NETWORK_FROM = ((0, "convnet3"), (48, "convnet5"), (128, "convnet7"))  # each block halves the side
_TEST_SEED = 4
_ARRAYS = ("images", "labels", "votes")


class AddConfig(Config):
    """How the images that a person brought become a data set."""

    name: str = Param(
        "my-data", label="Name", group="Your data",
        help="What menus and the command line call it: 2 to 32 small letters, digits and hyphens, a letter first.",
    )  # fmt: skip
    side: int = Param(
        32, label="Side", unit="pixels", ge=8, le=512, group="Your data",
        help="Every image is brought to a square of this side. Small sides are fast; details smaller than a pixel "
        "are lost.",
    )  # fmt: skip
    colour: Literal["rgb", "grey"] = Param(
        "rgb", label="Colour", group="Your data", help="Three channels, or one of grey levels."
    )
    fit: Literal["crop", "stretch"] = Param(
        "crop", label="Not square", group="Your data",
        help="What becomes of an image that is not square: its centre square is cut out, or all of it is stretched.",
    )  # fmt: skip
    test_share: int = Param(
        20, label="Test share", unit="%", ge=5, le=50, group="Your data",
        help="Used only where no test part was given: this share of each class is held out to test on, the same for "
        "everybody.",
    )  # fmt: skip
    duplicates: Literal["drop", "keep"] = Param(
        "drop", label="Identical images", group="Your data",
        help="Drop: a training image that is also a test image leaves the training part, and of copies within a part "
        "the first stays.",
    )  # fmt: skip
    unreadable: Literal["refuse", "skip"] = Param(
        "refuse", label="Unreadable images", group="Your data", help="Refuse the data set, or leave such images out."
    )
    mirror: bool = Param(
        True, label="Mirroring keeps the class", group="Your data",
        help="Whether a mirrored image is still of its class, so that training may flip images: yes for photographs, "
        "no for digits.",
    )  # fmt: skip

    def problems(self) -> list[str]:
        return [*super().problems(), *name_problems(self.name)]


@dataclass(frozen=True)
class _Plan:
    """The images to store, training part first, and what to tell of how they were chosen."""

    train: Sequence[Row]
    test: Sequence[Row]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[Row]:
        return [*self.train, *self.test]


def name_problems(name: str) -> list[str]:
    """Why no own data set can have this name; [] if it can."""
    from ddcore.data import DATASETS

    if not NAME.fullmatch(name):
        return [f"name must be 2 to 32 small letters, digits and hyphens, a letter first, got {name!r}"]
    return [f"name: {name!r} is a data set that comes with the app; choose another"] if name in DATASETS.shipped else []


def add(
    source: Source,
    preview: Preview,
    config: AddConfig,
    root: Path,
    on_progress: Progress = lambda done, total: None,
    reserved: bool = True,
) -> Dataset:
    """Store the previewed images as the data set `config.name` under the data root `root`.

    reserved: runs name a removed data set of this name, so only the same content may come back under it.
    Raises ConfigError or DataRefused, and leaves nothing behind then.
    """
    own = _own(root)
    if (own / config.name).exists():
        raise ConfigError([f"name: there is an own data set {config.name!r} already; remove it or choose another name"])
    plan = _plan(preview, config)
    classes = preview.layout.classes
    _check_room(len(plan.rows), config, root)
    with _unfinished(own) as folder:
        _store(source, preview.facts, plan.rows, config, folder, on_progress)
        sizes = (len(plan.train), len(plan.test))
        facts = _facts(source, preview, config, plan, _fingerprint(config.name, classes, sizes, folder))
        before = _read_facts(own / REMOVED / config.name)
        if reserved and before is not None and before["fingerprint"] != facts["fingerprint"]:
            raise DataRefused(f"another data set was called {config.name!r} before it was removed, and its runs would "
                              "be taken for runs of this one: choose another name")  # fmt: skip
        (folder / "dataset.json").write_text(json.dumps(facts, indent=1))
        try:
            folder.rename(own / config.name)
        except OSError:  # somebody else was faster
            raise ConfigError([f"name: there is an own data set {config.name!r} already"]) from None
    shutil.rmtree(own / REMOVED / config.name, ignore_errors=True)
    return _dataset(facts, removed=False)


def remove(name: str, root: Path, keep_facts: bool) -> None:
    """Delete the images of an own data set; keep_facts: its finished runs go on to know what it was.

    Raises UnknownName.
    """
    own, kept = _own(root), _own(root) / REMOVED / name
    if not exists(name, root) and (not NAME.fullmatch(name) or not kept.is_dir()):
        raise UnknownName("own data set", name, known(root))
    if not keep_facts:
        shutil.rmtree(kept, ignore_errors=True)
    elif _read_facts(own / name) is not None:
        kept.parent.mkdir(exist_ok=True)
        with _unfinished(own) as folder:
            shutil.copyfile(own / name / "dataset.json", folder / "dataset.json")
            shutil.rmtree(kept, ignore_errors=True)
            folder.rename(kept)
    if exists(name, root):
        with _unfinished(own) as folder:  # away at once, then deleted: nobody sees half of it
            (own / name).rename(folder / name)


def exists(name: str, root: Path) -> bool:
    """Whether the images of an own data set lie there, in whatever state."""
    return NAME.fullmatch(name) is not None and (_own(root) / name).is_dir()


def verify(name: str, root: Path) -> list[str]:
    """What is wrong with the stored files of an own data set, its fingerprint taken anew; [] where nothing."""
    folder = _own(root) / name
    if not exists(name, root):
        return [f"{name} is not there"]
    if (facts := _read_facts(folder)) is None:
        return [f"{folder / 'dataset.json'} cannot be read"]
    try:
        _arrays(facts, root)
        taken = _fingerprint(name, facts["classes"], facts["sizes"], folder)
    except DataBroken as error:
        return [str(error)]
    if taken != facts["fingerprint"]:
        return [f"the images in {folder} are not those that were added: their fingerprint is {taken}, "
                f"it was {facts['fingerprint']}"]  # fmt: skip
    return []


def known(root: Path) -> dict[str, Dataset]:
    """Own data sets of a data root by name, the removed ones last; a folder whose facts cannot be read is left out."""
    found: dict[str, Dataset] = {}
    for place, removed in ((_own(root), False), (_own(root) / REMOVED, True)):
        for folder in sorted(_folders(place), key=lambda f: f.name):
            if folder.name not in found and (facts := _read_facts(folder)) is not None:
                found[folder.name] = _dataset(facts, removed)
    return found


def state(root: Path) -> tuple[Any, ...]:
    """Something that differs after a data set was added or removed; costs two listings of small folders."""
    places = (_own(root), _own(root) / REMOVED)
    if not (changed := _changed(places[0])):
        return (str(root),)
    # Times of change are coarse: two changes may have the same, but never the same folders as well.
    listed = tuple((entry.name, entry.inode()) for place in places for entry in _entries(place))
    return str(root), changed, _changed(places[1]), listed


# What to store


def _plan(preview: Preview, config: AddConfig) -> _Plan:
    """Which images become training and test part; raises DataRefused where a problem stops it."""
    stopping = [p.text for p in preview.problems
                if p.stops and not (p.rule == "unreadable" and config.unreadable == "skip")]  # fmt: skip
    if stopping:
        raise DataRefused("; ".join(stopping))
    notes = [p.text for p in preview.problems if p.rule in ("validation", "one part", "left out", "votes")]
    if count := len(preview.unreadable):
        notes.append(f"{_images(count)} could not be read and {_were(count)} left out")
    rows = preview.readable
    if config.duplicates == "drop":
        rows, dropped = _without_copies(rows, preview.facts)
        notes += dropped
    else:
        notes += [f"{p.text}; they were kept" for p in preview.problems if p.rule in ("leak", "duplicate")]
    torn = "one of each was kept" if config.duplicates == "drop" else "they were kept"
    notes += [f"{p.text}; {torn}" for p in preview.problems if p.rule == "two labels"]
    if not preview.layout.split:
        rows = _split(rows, preview.facts, Fraction(config.test_share, 100))
    train, test = ([row for row in rows if row.part == part] for part in ("train", "test"))
    for part, some, least in (("training", train, 2), ("test", test, 1)):
        counts = np.bincount([row.label for row in some], minlength=len(preview.layout.classes))
        if few := [name for name, n in zip(preview.layout.classes, counts, strict=True) if n < least]:
            raise DataRefused(f"fewer than {least} {part} images are left of class {', '.join(few[: images.SHOWN])}, "
                              "once copies are dropped and the test part is made")  # fmt: skip
    return _Plan(train, test, tuple(notes))


def _without_copies(rows: Sequence[Row], facts: Mapping[str, Fact]) -> tuple[list[Row], list[str]]:
    """Rows of which no two show the same image, test images before training images; and what was left out."""
    tested = {facts[row.path].digest for row in rows if row.part == "test"}
    seen: set[tuple[bytes, bool]] = set()
    kept, leaks, copies = list[Row](), 0, 0
    for row in rows:
        mark = (facts[row.path].digest, row.part == "test")
        if row.part != "test" and mark[0] in tested:
            leaks += 1
        elif mark in seen:
            copies += 1
        else:
            seen.add(mark)
            kept.append(row)
    notes = []
    if leaks:
        notes.append(f"{_images(leaks)} of the training part {_were(leaks)} left out, being in the test part too")
    if copies:
        notes.append(f"{_images(copies)} {_were(copies)} left out as {'copies' if copies > 1 else 'a copy'} of others")
    return kept, notes


def _split(rows: Sequence[Row], facts: Mapping[str, Fact], share: Fraction) -> list[Row]:
    """The rows with a test part made, of every class at least one; copies of an image stay on one side."""
    first = {facts[row.path].digest: row for row in reversed(rows)}
    digests = list(dict.fromkeys(facts[row.path].digest for row in rows))
    labels = np.array([first[digest].label for digest in digests])
    kept, held = (side.tolist() for side in hold_out(labels, share, _TEST_SEED))
    for label in set(labels[kept].tolist()) - set(labels[held].tolist()):
        held.append(next(i for i in kept if labels[i] == label))
    tested = {digests[i] for i in held}
    return [replace(row, part="test" if facts[row.path].digest in tested else "train") for row in rows]


def _check_room(count: int, config: AddConfig, root: Path) -> None:
    """Refuse what would take more than a set may, or more than the disk has."""
    needed = count * (3 if config.colour == "rgb" else 1) * config.side**2
    there = next(folder for folder in (root, *root.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    for allowed, what in ((MAX_STORED_BYTES, "allowed are"), (free, "the disk has")):
        if needed > allowed:
            raise DataRefused(f"{_images(count)} of {config.side}×{config.side} pixels take {needed:,} bytes, {what} "
                              f"{allowed:,}: choose a smaller side, or grey")  # fmt: skip


# Storing


def _store(
    source: Source,
    facts: Mapping[str, Fact],
    rows: Sequence[Row],
    config: AddConfig,
    folder: Path,
    on_progress: Progress,
) -> None:
    """Write the arrays, decoding the images anew; raises DataRefused where one is not what was previewed."""
    shape = (len(rows), 3 if config.colour == "rgb" else 1, config.side, config.side)
    out = np.lib.format.open_memmap(folder / "images.npy", mode="w+", dtype=np.uint8, shape=shape)

    def fill(position: int) -> None:
        path = rows[position].path
        try:
            pixels, digest = stored(source, path, config.side, config.colour, config.fit)
        except images.UNREADABLE as error:
            raise DataRefused(f"{path} could be read before and cannot now: {error}") from None
        if digest != facts[path].digest:
            raise DataRefused(f"{path} has changed since it was looked at")
        out[position] = pixels

    with contextlib.closing(threaded(fill, range(len(rows)))) as filled:
        for done, _ in enumerate(filled, 1):
            on_progress(done, len(rows))
    out.flush()
    np.save(folder / "labels.npy", np.array([row.label for row in rows], dtype=np.int64), allow_pickle=False)
    if all(row.votes is not None for row in rows):
        np.save(folder / "votes.npy", np.array([row.votes for row in rows], dtype=np.int64), allow_pickle=False)


def _facts(source: Source, preview: Preview, config: AddConfig, plan: _Plan, content: str) -> dict[str, Any]:
    """What dataset.json says."""
    layout = preview.layout
    place = "uploaded as" if source.kind == "zip" else "read from the folder"
    listed = "listed in a table" if layout.kind == "table" else "in class folders"
    return {
        "format": FORMAT,
        "name": config.name,
        "title": config.name,
        "classes": list(layout.classes),
        "channels": 3 if config.colour == "rgb" else 1,
        "side": config.side,
        "sizes": [len(plan.train), len(plan.test)],
        "network": next(name for least, name in reversed(NETWORK_FROM) if config.side >= least),
        "augment": "siamese" if config.mirror else "siamese-no-flip",
        "voters": layout.voters,
        "source": f"{place} {source.name}, {_images(len(layout.rows))} {listed}",
        "fingerprint": content,
        "fit": config.fit,
        "colour": config.colour,
        "split": "given" if layout.split else f"made, {config.test_share} % for testing",
        "notes": list(plan.notes),
        "created": time.time(),
    }


def _fingerprint(name: str, classes: Sequence[str], sizes: Sequence[int], folder: Path) -> str:
    """A name for the classes, the parts and every stored value; raises DataBroken where a file cannot be read."""
    digests = []
    for array in (_open(folder / f"{part}.npy") for part in _ARRAYS if (folder / f"{part}.npy").exists()):
        digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), 256):
            digest.update(array[start : start + 256].tobytes())
        digests.append(digest.digest())
    return fingerprint(name, len(classes), *classes, *sizes, *digests)


@contextlib.contextmanager
def _unfinished(own: Path) -> Iterator[Path]:
    """A hidden folder to work in, gone afterwards with all that was not renamed away from it."""
    for left in _folders(own, hidden=True):
        if left.name.startswith(UNFINISHED) and time.time() - _changed(left) / 1e9 > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    folder = own / f"{UNFINISHED}{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            own.rmdir()  # only where nothing is in it


# Reading


def _own(root: Path) -> Path:
    return root / "own"


def _entries(place: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as listing:
            return sorted(listing, key=lambda entry: entry.name)
    except OSError:
        return []


def _folders(place: Path, hidden: bool = False) -> list[Path]:
    return [Path(entry.path) for entry in _entries(place)
            if entry.name.startswith(".") == hidden and entry.is_dir(follow_symlinks=False)]  # fmt: skip


def _changed(place: Path) -> int:
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def _read_facts(folder: Path) -> dict[str, Any] | None:
    """What dataset.json says, or None where it is not there or not ours."""
    try:
        facts = json.loads((folder / "dataset.json").read_bytes())
        whole = facts["format"] == FORMAT and facts["name"] == folder.name and NAME.fullmatch(facts["name"])
        _dataset(facts, removed=False)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if whole else None


def _dataset(facts: Mapping[str, Any], removed: bool) -> Dataset:
    train, test = facts["sizes"]
    return Dataset(
        name=facts["name"],
        title=facts["title"],
        channels=int(facts["channels"]),
        resolution=int(facts["side"]),
        resolutions=(int(facts["side"]),),
        classes=tuple(map(str, facts["classes"])),
        network=facts["network"],
        augment=facts["augment"],
        val_share=VAL_SHARE,
        source=facts["source"],
        read=functools.partial(_read, facts),
        fingerprint=lambda root, resolution: str(facts["fingerprint"]),
        check=functools.partial(_check, facts),
        sizes=(int(train), int(test)),
        voters=int(facts["voters"]),
        own=True,
        removed=removed,
        notes=tuple(map(str, facts["notes"])),
    )


def _read(facts: Mapping[str, Any], root: Path, resolution: int) -> tuple[Split, Split]:
    """The (train, test) splits; raises DataMissing or DataBroken."""
    pixels, labels, votes = _arrays(facts, root)
    cut = facts["sizes"][0]
    train, test = (Split(pixels[part], labels[part], None if votes is None else votes[part])
                   for part in (slice(cut), slice(cut, None)))  # fmt: skip
    return train, Split(np.array(test.images), test.labels, test.votes)


def _check(facts: Mapping[str, Any], root: Path) -> Availability:
    try:
        _arrays(facts, root)
    except DataMissing as error:
        return Availability("missing", str(error))
    except DataBroken as error:
        return Availability("broken", str(error))
    return Availability("ready", f"{sum(facts['sizes']):,} images are in {_own(root) / facts['name']}.")


def _arrays(facts: Mapping[str, Any], root: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(images memory-mapped, labels, votes) as they lie on disk, of the shape that the facts tell."""
    folder = _own(root) / facts["name"]
    if not folder.is_dir():
        raise DataMissing(f"{facts['name']} was removed; add it again to compute with it.")
    pixels, labels = _open(folder / "images.npy"), np.array(_open(folder / "labels.npy"))
    votes = np.array(_open(folder / "votes.npy")) if facts["voters"] else None
    count, side = sum(facts["sizes"]), facts["side"]
    wrong = [part for part, array, dtype, shape in (
        ("images", pixels, np.uint8, (count, facts["channels"], side, side)),
        ("labels", labels, np.int64, (count,)),
        *([] if votes is None else [("votes", votes, np.int64, (count,))]),
    ) if array.dtype != dtype or array.shape != shape]  # fmt: skip
    if not wrong and (labels.min() < 0 or labels.max() >= len(facts["classes"])):
        wrong = ["labels"]
    if wrong:
        raise DataBroken(f"{folder / wrong[0]}.npy is not what dataset.json says; remove the data set and add it again")
    return pixels, labels, votes


def _open(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DataBroken(f"{path} cannot be read ({error}); remove the data set and add it again") from None


def _images(count: int) -> str:
    return f"{count:,} images" if count != 1 else "1 image"


def _were(count: int) -> str:
    return "were" if count != 1 else "was"
