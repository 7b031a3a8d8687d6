"""Images by what a table calls them, which need not be how their files are called."""

from __future__ import annotations

import itertools
import posixpath
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

from ddcore.data.layout import part_name
from ddcore.data.source import IMAGES

BACKSLASHES, UP, FOLDERS, CAPITALS, ENDING = (
    "has backslashes", "leads up from the table's folder (..)", "names folders that are not there",
    "is written in other capitals", "has no ending of an image")
MOST_ALIKE = 100  # images of one name that are looked through for the one of a part

_ENDINGS = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".pjpeg": ".jpg", ".tiff": ".tif", ".dib": ".bmp"}
_DRIVE = re.compile(r"[A-Za-z]:")


class Match(NamedTuple):
    """What a name may mean: one path, two where it could be either, none; ways: how it differs from the path."""

    paths: list[str]
    ways: tuple[str, ...] = ()


class Finder:
    """Images by their whole path, or as much of its end as is unique; else by what a person reads as the same.

    Tried in this order, and each time with one folder less before the name, down to the name alone: as it is written,
    in other capitals (`.JPG` for `.jpg`, `.jpeg` too), without an ending. Folders that are there are not left out: an
    image that lacks in them is not the one of its name in another.
    """

    def __init__(self, images: Sequence[str]) -> None:
        self._by = [(_Ends(images, _letters), ""), (_Ends(images, _folded), CAPITALS), (_Ends(images, _stem), ENDING)]
        self._folders = {_folded(name) for path in images for name in PurePosixPath(path).parts[:-1]}

    def __call__(self, name: str, folder: str = "", part: str = "") -> Match:
        """What a table in `folder` means by `name`; part: of the image, where its name alone does not tell."""
        plain = name.replace("\\", "/")
        slashed = _DRIVE.sub("", plain, count=1) if _DRIVE.match(plain) else plain
        beside = posixpath.normpath(posixpath.join(folder, slashed.lstrip("/")))
        pieces = posixpath.normpath(slashed).lstrip("/").split("/")
        inside = [*itertools.dropwhile(lambda piece: piece == "..", pieces)]
        written = [way for way, sign in ((BACKSLASHES, "\\"), (UP, "..")) if sign in re.split(r"(\\)|/", name)]
        for dropped in range(len(inside)):
            if dropped and _folded(inside[dropped - 1]) in self._folders:
                break
            path = "/".join(inside[dropped:])
            moved = [FOLDERS] if dropped else []
            for ends, way in self._by:
                if way == ENDING and path.lower().endswith(IMAGES):
                    continue
                if found := ends.find(path, "" if dropped else beside, part):
                    return Match(found, (*written, *moved, *filter(None, [way])))
        return Match([])


class _Ends:
    """Paths by their end, compared by a key of it."""

    def __init__(self, paths: Sequence[str], key: Callable[[str], str]) -> None:
        self._paths, self._key = paths, key

    @cached_property
    def _backwards(self) -> list[tuple[str, str]]:
        """(key from its end, path), so that those of one end stand side by side."""
        return sorted((self._key(path)[::-1], path) for path in self._paths)

    def find(self, path: str, beside: str, part: str) -> list[str]:
        """The images of this path or with this end, two at most; one of this part where there is one alone."""
        for whole in filter(None, (beside, path)):
            key = self._key(whole)[::-1]
            if found := [image for image, other in self._from(key, 2) if other == key]:
                return found
        found = [image for image, _ in self._from(f"/{self._key(path)}"[::-1], MOST_ALIKE if part else 2)]
        if len(found) > 1 and part:
            of_part = [image for image in found if any(
                known.part == part for known in map(part_name, PurePosixPath(image).parts[:-1]) if known)]
            found = of_part or found
        return found[:2]

    def _from(self, end: str, most: int) -> Iterator[tuple[str, str]]:
        """(path, key) of the images with this end, those first that have no more than it."""
        position = bisect_left(self._backwards, (end, ""))
        for key, path in self._backwards[position : position + most]:
            if not key.startswith(end):
                return
            yield path, key


def _letters(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _folded(path: str) -> str:
    stem, ending = posixpath.splitext(_letters(path).casefold())
    return f"{stem}{_ENDINGS.get(ending, ending)}"


def _stem(path: str) -> str:
    folded = _folded(path)
    return posixpath.splitext(folded)[0] if folded.endswith(IMAGES) else folded
