"""Data sets that a person brought: plain arrays and their facts under <data root>/own/<name>/.

    dataset.json   the facts
    images.npy     uint8 (N, C, side, side), the official training images first, then the test images
    labels.npy     int64 (N,)
    votes.npy      int64 (N,), where annotators voted

Nothing of the original files is kept. A new data set (see adding.py) comes to its place by one rename of a finished
folder; the facts of a removed one stay under own/.removed/<name>/ as long as runs name it.
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
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ddcore.data.base import Availability, Dataset, Split
from ddcore.data.fingerprint import fingerprint
from ddcore.errors import DataBroken, DataMissing, UnknownName
from ddcore.home import OWN
from ddcore.hosting import owners, rights

FORMAT = 1
NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
REMOVED = ".removed"
UNFINISHED = ".unfinished-"
STALE_SECONDS = 24 * 3600  # an unfinished folder this old belongs to a process that died
VAL_SHARE = Fraction(1, 10)
_ARRAYS = ("images", "labels", "votes")


def remove(name: str, root: Path, keep_facts: bool) -> None:
    """Delete the images of an own data set; keep_facts: leave its facts to the finished runs that name it.

    The caller says whether runs name it and sees those of one home only: runs of another home that shares this data
    root lose the facts with keep_facts=False, and the name may then be given to other images. Raises UnknownName.
    """
    with rights.deed("remove-data", name, owners.owners(owners.data_set(name))):
        _remove(name, root, keep_facts)


def _remove(name: str, root: Path, keep_facts: bool) -> None:
    own, removed = place(root), place(root) / REMOVED / name
    if not exists(name, root) and (not NAME.fullmatch(name) or not removed.is_dir()):
        raise UnknownName("own data set", name, known(root))
    if not keep_facts:
        shutil.rmtree(removed, ignore_errors=True)
    elif read_facts(own / name) is not None:
        removed.parent.mkdir(exist_ok=True)
        with unfinished(own) as folder:
            shutil.copyfile(own / name / "dataset.json", folder / "dataset.json")
            shutil.rmtree(removed, ignore_errors=True)
            folder.rename(removed)
    if exists(name, root):
        with unfinished(own) as folder:  # away at once, then deleted: nobody sees half of it
            (own / name).rename(folder / name)


def exists(name: str, root: Path) -> bool:
    """Whether the images of an own data set lie there, in whatever state."""
    return NAME.fullmatch(name) is not None and (place(root) / name).is_dir()


def verify(name: str, root: Path) -> list[str]:
    """What is wrong with the stored files of an own data set, by its fingerprint taken anew; [] where nothing is."""
    folder = place(root) / name
    if not exists(name, root):
        return [f"{name} is not there"]
    if (facts := read_facts(folder)) is None:
        return [f"{folder / 'dataset.json'} cannot be read"]
    try:
        _arrays(facts, root)
        return [wrong] if (wrong := damage(facts, root)) else []
    except DataBroken as error:
        return [str(error)]


def damage(facts: Mapping[str, Any], root: Path) -> str:
    """Why the stored values are not those that were added, by their fingerprint taken anew; "" where they are."""
    folder = place(root) / facts["name"]
    told = (facts["name"], tuple(facts["classes"]), tuple(facts["sizes"]), facts["voters"])
    actual = _content(*told, folder, tuple(_changed(folder / f"{part}.npy") for part in _ARRAYS))
    if actual == facts["fingerprint"]:
        return ""
    return (f"the images in {folder} are not those that were added: their fingerprint is {actual}, "
            f"it was {facts['fingerprint']}")


@functools.lru_cache(maxsize=64)
def _content(
    name: str, classes: tuple[str, ...], sizes: tuple[int, ...], voters: int, folder: Path, changed: tuple[int, ...]
) -> str:
    """`content`, taken once in a process as long as no file changes."""
    return content(name, classes, sizes, voters, folder)


def known(root: Path) -> dict[str, Dataset]:
    """Own data sets of a data root by name, the removed ones last; a folder whose facts cannot be read is left out."""
    datasets: dict[str, Dataset] = {}
    for parent, removed in ((place(root), False), (place(root) / REMOVED, True)):
        for folder in _folders(parent):
            if folder.name not in datasets and (facts := read_facts(folder)) is not None:
                datasets[folder.name] = described(_counted(facts, folder), removed)
    return datasets


def state(root: Path) -> tuple[Any, ...]:
    """A value that differs after a data set was added or removed; costs two listings of small folders."""
    places = (place(root), place(root) / REMOVED)
    if not (changed := _changed(places[0])):
        return (str(root),)
    # Times of change are coarse: two changes may have the same, but never the same folders as well.
    inodes = tuple((entry.name, entry.inode()) for place in places for entry in _entries(place))
    return str(root), changed, _changed(places[1]), inodes


def content(name: str, classes: Sequence[str], sizes: Sequence[int], voters: int, folder: Path) -> str:
    """A name for the classes, the parts, the number of voters and every stored value.

    Raises DataBroken where a file cannot be read.
    """
    digests = []
    for array in (_open(folder / f"{part}.npy") for part in _ARRAYS if (folder / f"{part}.npy").exists()):
        digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), 256):
            digest.update(array[start : start + 256].tobytes())
        digests.append(digest.digest())
    return fingerprint(name, len(classes), *classes, *sizes, voters, *digests)


@contextlib.contextmanager
def unfinished(own: Path) -> Iterator[Path]:
    """A hidden folder to work in; afterwards it is deleted with all that was not renamed away from it."""
    for folder in _folders(own, hidden=True):
        if folder.name.startswith(UNFINISHED) and time.time() - _changed(folder) / 1e9 > STALE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
    folder = own / f"{UNFINISHED}{os.getpid()}-{uuid.uuid4().hex}"
    for _ in range(10):
        with contextlib.suppress(FileNotFoundError):  # another's rmdir below took the place away meanwhile
            folder.mkdir(parents=True)
            break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            own.rmdir()  # only where nothing is in it


def clear(root: Path, pid: int) -> None:
    """Delete what a process of ours that was killed has left unfinished."""
    for folder in _folders(place(root), hidden=True):
        if folder.name.startswith(f"{UNFINISHED}{pid}-"):
            shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        place(root).rmdir()  # only where nothing is in it


def place(root: Path) -> Path:
    """The folder of all own data sets."""
    return root / OWN


def _entries(place: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, sorted by name; [] where there is no such folder."""
    try:
        with os.scandir(place) as listing:
            return sorted(listing, key=lambda entry: entry.name)
    except OSError:
        return []


def _folders(place: Path, hidden: bool = False) -> list[Path]:
    return [Path(entry.path) for entry in _entries(place)
            if entry.name.startswith(".") == hidden and entry.is_dir(follow_symlinks=False)]


def _changed(place: Path) -> int:
    """The time of the last change in nanoseconds, 0 where there is no such folder."""
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def read_facts(folder: Path) -> dict[str, Any] | None:
    """What dataset.json says, or None where it is not there or not ours."""
    try:
        facts = json.loads((folder / "dataset.json").read_bytes())
        whole = facts["format"] == FORMAT and facts["name"] == folder.name and NAME.fullmatch(facts["name"])
        described(facts, removed=False)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if whole else None


def _counted(facts: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """The facts with the training images of each class, which earlier versions did not write down."""
    if "counts" in facts or not (folder / "labels.npy").is_file():
        return facts
    try:
        labels = _open(folder / "labels.npy")[: facts["sizes"][0]]
        return {**facts, "counts": np.bincount(labels, minlength=len(facts["classes"])).tolist()}
    except (DataBroken, ValueError, TypeError):  # told where it is read
        return facts


def described(facts: Mapping[str, Any], removed: bool) -> Dataset:
    """The data set of these facts; raises KeyError, TypeError or ValueError where they are none."""
    train, test = facts["sizes"]
    counts = tuple(map(int, facts["counts"])) if "counts" in facts else None
    if counts is not None and len(counts) != len(facts["classes"]):
        raise ValueError("counts of other classes")
    return Dataset(
        name=facts["name"], title=facts["title"], channels=int(facts["channels"]), resolution=int(facts["side"]),
        resolutions=(int(facts["side"]),), classes=tuple(map(str, facts["classes"])), network=facts["network"],
        augment=facts["augment"], val_share=VAL_SHARE, source=facts["source"], read=functools.partial(_read, facts),
        fingerprint=lambda root, resolution: str(facts["fingerprint"]),
        check=functools.partial(_check, facts), sizes=(int(train), int(test)),
        counts=counts, voters=int(facts["voters"]), own=True,
        removed=removed, notes=tuple(map(str, facts["notes"])),
    )


def _read(facts: Mapping[str, Any], root: Path, resolution: int) -> tuple[Split, Split]:
    """The (train, test) splits, the test images in memory; raises DataMissing or DataBroken."""
    pixels, labels, votes = _arrays(facts, root)
    if wrong := damage(facts, root):
        raise DataBroken(f"{wrong}; remove the data set and add it again")
    cut = facts["sizes"][0]
    train, test = (Split(pixels[part], labels[part], None if votes is None else votes[part])
                   for part in (slice(cut), slice(cut, None)))
    return train, Split(np.array(test.images), test.labels, test.votes)


def _check(facts: Mapping[str, Any], root: Path) -> Availability:
    try:
        _arrays(facts, root)
    except DataMissing as error:
        return Availability("missing", str(error))
    except DataBroken as error:
        return Availability("broken", str(error))
    return Availability("ready", f"{sum(facts['sizes']):,} images are in {place(root) / facts['name']}.")


def _arrays(facts: Mapping[str, Any], root: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(images memory-mapped, labels, votes), of the shapes that follow from the facts."""
    folder = place(root) / facts["name"]
    if not folder.is_dir():
        raise DataMissing(f"{facts['name']} was removed; add it again to compute with it.")
    pixels, labels = _open(folder / "images.npy"), np.array(_open(folder / "labels.npy"))
    votes = np.array(_open(folder / "votes.npy")) if facts["voters"] else None
    count, side = sum(facts["sizes"]), facts["side"]
    wrong = [part for part, array, dtype, shape in (
        ("images", pixels, np.uint8, (count, facts["channels"], side, side)),
        ("labels", labels, np.int64, (count,)),
        *([] if votes is None else [("votes", votes, np.int64, (count,))]),
    ) if array.dtype != dtype or array.shape != shape]
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
