"""Files that hold many images each: read like a folder of images, `train/<class>/<number>.png`, class by class.

What comes after (layout, preview, adding) knows one thing only. A format is one file with a `PACKING` (see npz.py):
nothing of it is unpickled, and what it declares is checked before it is read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from ddcore.data.images import Entry
from ddcore.errors import DataRefused
from ddcore.registry import Registry

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
READING = "part/class"
MAX_IMAGES = 250_000  # TissueMNIST, the largest of MedMNIST's, has 236,386
Files = Sequence[tuple[str, Path | BinaryIO]]  # (relative path, the file)


class PackedImage(NamedTuple):
    """part: "train", "val", "test" or "unlabelled", which is left out; label: the name of its class; name: of the
    image, ending as its kind does."""

    part: str
    label: str
    name: str
    entry: Entry


@dataclass(frozen=True)
class Packing:
    """A format: its file ending, and images(files, called): those in these files of what is called so; raises
    DataRefused with the rule that is broken."""

    name: str
    ending: str
    images: Callable[[Files, str], Iterator[PackedImage]]


class Last(Generic[K, V]):
    """read(key), the last one alone in memory; threads take turns."""

    def __init__(self, read: Callable[[K], V]) -> None:
        self._read, self._turn, self._held = read, threading.Lock(), dict[K, V]()

    def __call__(self, key: K) -> V:
        with self._turn:
            if key not in self._held:
                self._held.clear()  # let go of before the next one is there
                self._held[key] = self._read(key)
            return self._held[key]


PACKINGS: Registry[Packing] = Registry("packing", "ddcore.data", "PACKING")


def packing_of(name: str) -> Packing | None:
    """The format of a file of this name."""
    return next((packing for packing in PACKINGS.values() if name.lower().endswith(packing.ending)), None)


def entries(images: Iterable[PackedImage], called: str) -> dict[str, Entry]:
    """Relative path → how to read it, as of a folder of classes; raises DataRefused for too many, for none, and where
    two would have one path."""
    found = dict[str, Entry]()
    for image in images:
        if len(found) == MAX_IMAGES:
            raise DataRefused(f"{called} holds more than the {MAX_IMAGES:,} images allowed")
        label = image.label.replace("/", "∕").strip()  # a class called "and/or" is one folder, not two
        path = f"{image.part}/{label or 'no name'}/{image.name}"
        if path in found:
            raise DataRefused(f"{called} holds more than one image that would be called {path!r}")
        found[path] = image.entry
    if not found:
        raise DataRefused(f"{called} holds no images")
    return found
