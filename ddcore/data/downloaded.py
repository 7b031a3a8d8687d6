"""Data sets that torchvision fetches: every file is held against its MD5 before it is read.

torchvision believes any unpacked file that exists, so a process killed while unpacking would poison every later run.
Here what does not agree is removed and fetched again, by one process at a time.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
import stat
import zlib
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from ddcore.data import prepared
from ddcore.data.base import Availability, Split
from ddcore.data.fingerprint import fingerprint
from ddcore.errors import DataBroken, DataMissing

_OFFLINE_SECONDS = 5.0  # a network that stays silent for this long counts as none
_LOCK_SECONDS = 900.0  # another worker's download may take this long
_PARTS = ("train", "test")
SHOWN = 8  # names of what lies there instead


@dataclass(frozen=True)
class File:
    """A file by its path in the folder of its data set; contents: the files that an archive is unpacked to."""

    name: str
    bytes: int
    md5: str
    contents: tuple[File, ...] = ()


@dataclass(frozen=True)
class Package:
    """A package of the operating system that brings the same archives.

    name: as it is installed, and of which system; folder: where it puts them; original(file name, bytes): the bytes as
    they are published, of those that the package has.
    """

    name: str
    folder: Path
    original: Callable[[str, bytes], bytes]


@dataclass(frozen=True)
class Download:
    """The files of a data set and how they get to disk.

    name, title: of the data set; place: its folder under the data root, where torchvision looks for it too; archives:
    the files that are downloaded; fetch(root): download with torchvision what is not there, and unpack it; package:
    where they are taken from before anything is downloaded.
    """

    name: str
    title: str
    place: str
    archives: tuple[File, ...]
    fetch: Callable[[Path], object]
    package: Package | None = field(default=None, kw_only=True)

    @property
    def files(self) -> tuple[File, ...]:
        """The files that are read: what the archives are unpacked to, else the archives."""
        return tuple(file for archive in self.archives for file in archive.contents or (archive,))

    @property
    def published(self) -> tuple[str, ...]:
        """The names of the archives and of what comes out of them, without folders."""
        return tuple(Path(file.name).name for archive in self.archives for file in (archive, *archive.contents))

    def folder(self, root: Path) -> Path:
        return root / self.place

    def fingerprint(self, root: Path, resolution: int) -> str:
        """The sums are verified before reading, so they name the content without looking at the disk."""
        return fingerprint(self.name, resolution, *(file.md5 for file in self.files))

    def check(self, root: Path) -> Availability:
        """Judged by file sizes alone; sums are taken when the data is read."""
        folder = self.folder(root)
        if all(_is_there(folder, archive) for archive in self.archives):
            return Availability("ready", f"{self.title} is in {folder}.")
        if all(_is_there(folder, archive) or self._packaged(archive) for archive in self.archives):
            assert self.package
            return Availability("ready", f"{self.title} is in {self.package.folder}.")
        others = self._others(folder)
        if all(_is_there(folder, archive, others) for archive in self.archives):
            return Availability("ready", f"{self.title} is in {folder}, under other names.")
        damaged = [f.name for f in self.archives if _size(folder / f.name) not in (None, f.bytes)]
        again = f" Truncated, will be fetched again: {', '.join(damaged)}." if damaged else ""
        size = sum(f.bytes for f in self.archives) / 1e6
        return Availability("download", f"{self.title} ({size:.1f} MB) is downloaded to {folder} at first use.{again}")

    def ensure(self, root: Path) -> None:
        """Have every file on disk, whole: fetched first where one is not.

        Raises DataMissing where they are not there and cannot be fetched, DataBroken where a damaged archive could
        not be replaced.
        """
        folder = self.folder(root)
        if not all((folder / f.name).is_file() and _damage(folder, f) is None for f in self.files):
            self._fetch(root)

    def _fetch(self, root: Path) -> None:
        """Bring the files to disk; one process at a time."""
        import filelock

        folder = self.folder(root)
        removed: list[str] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(folder / f".{self.name}.lock", timeout=_LOCK_SECONDS):
                removed = self._remove_damaged(folder)
                self._take_renamed(folder)
                self._take_packaged(folder)
                if not all((folder / f.name).is_file() for f in self.files):
                    with _impatient_network():
                        self.fetch(root)
                removed += self._remove_damaged(folder)
        except filelock.Timeout:
            raise DataMissing(f"{self.title} is being fetched by another process, unfinished after "
                              f"{_LOCK_SECONDS:.0f} s: {folder}") from None
        except (OSError, RuntimeError, EOFError, zlib.error, http.client.HTTPException) as error:
            raise self._unavailable(folder, removed, error) from error
        if absent := [f.name for f in self.files if not (folder / f.name).is_file()]:
            raise self._unavailable(folder, removed, f"no usable {', '.join(absent)} came of it")

    def _others(self, folder: Path) -> dict[int, list[Path]]:
        """Files under other names by their size: in the folder, around it where that is in the data root, too, and in
        folders of it, as sites pack them."""
        own = {folder / file.name for archive in self.archives for file in (archive, *archive.contents)}
        around = [path for place in (folder, folder.parent)[: 1 + bool(self.place)] for path in _listed(place)]
        inside = [path for place in _listed(folder) if os.path.isdir(place) for path in _listed(place)]
        others: dict[int, list[Path]] = {}
        for path in (*around, *inside):
            if path not in own and not path.name.startswith(".") and (size := _size(path)) is not None:
                others.setdefault(size, []).append(path)
        return others

    def _take_renamed(self, folder: Path) -> None:
        """Put under its right name what lies there whole under another one: dots for dashes, unpacked by hand."""
        others = self._others(folder)
        for archive in self.archives:
            for file in (archive, *archive.contents):
                place = folder / file.name
                same = next((path for path in others.get(file.bytes, ()) if _md5(path) == file.md5), None)
                if same is None or place.is_file():
                    continue
                unfinished = place.with_name(f".{place.name}.copy")
                unfinished.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(same, unfinished)
                if place.is_dir():  # a folder that is called as the file in it
                    place.rename(place.with_name(f"{place.name} (folder)"))
                unfinished.replace(place)

    def _packaged(self, archive: File) -> Path | None:
        """The archive as a package brought it, if one did."""
        place = self.package and self.package.folder / archive.name
        return place if place and place.is_file() else None

    def _take_packaged(self, folder: Path) -> None:
        """Put into the data root what is not there and what a package brought whole."""
        for archive in self.archives:
            place = self._packaged(archive)
            if place and self.package and not (folder / archive.name).exists():
                content = self.package.original(archive.name, place.read_bytes())
                if hashlib.md5(content, usedforsecurity=False).hexdigest() == archive.md5:
                    (folder / archive.name).write_bytes(content)

    def _remove_damaged(self, folder: Path) -> list[str]:
        """Remove every damaged file and return a sentence on each damaged archive.

        A damaged unpacked file needs none: it is unpacked anew from an archive that is whole.
        """
        sentences = []
        for archive in self.archives:
            for file in (*archive.contents, archive):
                if damage := _damage(folder, file):
                    (folder / file.name).unlink()
                    sentences += [damage] if file is archive else []
        return sentences

    def _unavailable(self, folder: Path, removed: list[str], reason: object) -> DataMissing | DataBroken:
        """The error for people: what was looked for, where, what was found wrong, how to get it."""
        why = " ".join(str(reason).split())
        how = (f"Connect to the internet and try again, or place {', '.join(f.name for f in self.archives)} "
               f"into {folder} by hand (any copy of {self.title} will do)"
               f"{f', or install {self.package.name}' if self.package else ''}.")
        others = (path for paths in self._others(folder).values() for path in paths)
        # In the data root itself lie other sets, too.
        if names := sorted({path.name for path in others if self.place or path.parent == folder}):
            how += f" What lies there is none of them by size and MD5: {', '.join(names[:SHOWN])}" \
                   f"{' …' if len(names) > SHOWN else ''}."
        if removed:
            return DataBroken(f"{self.title} in {folder} is damaged and could not be fetched again: "
                              f"{'; '.join(removed)} (removed). {how} [{why}]")
        return DataMissing(f"{self.title} was not found in {folder} and could not be downloaded. {how} [{why}]")


@dataclass(frozen=True)
class Kept(Download):
    """A download whose decoded arrays are kept, and then read without its files and without torchvision.

    side: of the images in pixels; decode(root): the official (train, test), from files that were verified.
    """

    side: int
    decode: Callable[[Path], tuple[Split, Split]]

    def read(self, root: Path, resolution: int) -> tuple[Split, Split]:
        """The official (train, test) splits, fetched and decoded first where they are not kept; raises as `ensure`."""

        @cache
        def decoded() -> dict[str, Split]:
            self.ensure(root)
            return dict(zip(_PARTS, self.decode(root), strict=True))

        def array(part: str, what: str) -> np.ndarray:
            return prepared.array(self._kept(root, part, what), lambda: getattr(decoded()[part], what))

        train, test = (Split(array(part, "images"), array(part, "labels")) for part in _PARTS)
        # Training images are copied when the validation part is taken out of them. The test part is used as it is, and
        # torch complains about arrays that it could not write to.
        return train, Split(np.array(test.images), np.array(test.labels))

    def check(self, root: Path) -> Availability:
        """As `Download.check`; ready too where only the arrays are left."""
        if all(self._kept(root, part, what).is_file() for part in _PARTS for what in ("images", "labels")):
            return Availability("ready", f"{self.title} is in {prepared.folder(root)}.")
        return super().check(root)

    def _kept(self, root: Path, part: str, what: str) -> Path:
        return prepared.folder(root) / f"{self.fingerprint(root, self.side)}-{part}-{what}.npy"


def _is_there(folder: Path, archive: File, sizes: Container[int] = ()) -> bool:
    """Whether the archive, or all that comes out of it, has its size; sizes: of files under other names."""
    def there(file: File) -> bool:
        return _size(folder / file.name) == file.bytes or file.bytes in sizes

    return (bool(archive.contents) and all(map(there, archive.contents))) or there(archive)


def _listed(folder: Path) -> list[Path]:
    """What lies in a folder, in the order of names; nothing where it cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _damage(folder: Path, file: File) -> str | None:
    """What is wrong with the file, its size first; None when it is whole or not there."""
    size, name = _size(folder / file.name), Path(file.name).name
    if size is None:
        return None
    if size != file.bytes:
        return f"{name} has {size:,} bytes instead of {file.bytes:,}"
    return None if _md5(folder / file.name) == file.md5 else f"{name} has the wrong content (its MD5 does not agree)"


def _size(path: Path) -> int | None:
    """The bytes of a file; None where there is none, or a folder of that name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def _impatient_network() -> Iterator[None]:
    """A time limit, which torchvision does not set: behind a firewall that drops packets it would wait for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_OFFLINE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
