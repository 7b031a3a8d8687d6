"""MNIST: 60,000 + 10,000 handwritten digits of 28×28 pixels (LeCun, Cortes, Burges).

torchvision fetches and unpacks the four archives under <data root>/MNIST/raw, but afterwards believes
any unpacked file that exists, so a process killed while unpacking would poison every later run. Here
every file is held against its MD5 before it is read; what does not agree is removed and fetched again.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ddcore.data.base import Availability, Dataset, Split
from ddcore.data.fingerprint import fingerprint
from ddcore.errors import DataBroken, DataMissing

_OFFLINE_SECONDS = 5.0  # a network that stays silent for this long counts as none
_LOCK_SECONDS = 900.0  # another worker's download may take this long


@dataclass(frozen=True)
class _File:
    """One of the four files: its archive `<name>.gz` and what comes out of it."""

    name: str
    archive_bytes: int
    archive_md5: str
    bytes: int
    md5: str

    @property
    def archive(self) -> str:
        return f"{self.name}.gz"


# The archives' sums are torchvision's; those of the unpacked files were taken from these archives.
FILES = (
    _File("train-images-idx3-ubyte", 9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873",
          47040016, "6bbc9ace898e44ae57da46a324031adb"),
    _File("train-labels-idx1-ubyte", 28881, "d53e105ee54ea40749a09fcbcd1e9432",
          60008, "a25bea736e30d166cdddb491f175f624"),
    _File("t10k-images-idx3-ubyte", 1648877, "9fb629c4189551a2d022fa330f9573f3",
          7840016, "2646ac647ad5339dbf082846283269ea"),
    _File("t10k-labels-idx1-ubyte", 4542, "ec29112dd5afa0611ce80d1b7f02629c",
          10008, "27ae3e4e09519cfbb04c329615203637"),
)  # fmt: skip


def raw_folder(root: Path) -> Path:
    """Where torchvision looks for the archives and unpacks them."""
    return root / "MNIST" / "raw"


def read(root: Path, resolution: int) -> tuple[Split, Split]:
    """The official (train, test) splits, fetched first where they are not on disk.

    Raises DataMissing where they are not and cannot be fetched, DataBroken where a damaged file could
    not be replaced. Verifying all four files takes about a tenth of a second.
    """
    raw = raw_folder(root)
    if not all(_is_whole(raw / f.name, f.bytes, f.md5) for f in FILES):
        _fetch(root)
    return _split(raw, "train"), _split(raw, "t10k")


def check(root: Path) -> Availability:
    """Judged by file sizes alone; sums are taken when the data is read."""
    raw = raw_folder(root)
    if all(_size(raw / f.name) == f.bytes or _size(raw / f.archive) == f.archive_bytes for f in FILES):
        return Availability("ready", f"MNIST is in {raw}.")
    damaged = [f.archive for f in FILES if _size(raw / f.archive) not in (None, f.archive_bytes)]
    again = f" Truncated, will be fetched again: {', '.join(damaged)}." if damaged else ""
    return Availability("download", f"MNIST (11.6 MB) is downloaded to {raw} at first use.{again}")


def _fetch(root: Path) -> None:
    """Bring the four unpacked files to disk, whole; one process at a time."""
    import filelock

    raw = raw_folder(root)
    removed: list[str] = []
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(raw / ".lock", timeout=_LOCK_SECONDS):
            removed = _remove_damaged(raw)
            with _impatient_network():
                _torchvision_mnist()(str(root), download=True)
            removed += _remove_damaged(raw)
    except filelock.Timeout:
        raise DataMissing(f"MNIST is being fetched by another process, unfinished after {_LOCK_SECONDS:.0f} s: "
                          f"{raw}") from None  # fmt: skip
    except (OSError, RuntimeError, EOFError, zlib.error, http.client.HTTPException) as error:
        raise _unavailable(raw, removed, error) from error
    if absent := [f.name for f in FILES if not (raw / f.name).is_file()]:
        raise _unavailable(raw, removed, f"unpacking gave no usable {', '.join(absent)}")


def _remove_damaged(raw: Path) -> list[str]:
    """Remove every file that is not what it should be; a sentence on each damaged archive.

    A damaged unpacked file is not worth a word: it is unpacked anew, from an archive that is whole.
    """
    found = []
    for f in FILES:
        if _damage(raw / f.name, f.bytes, f.md5):
            (raw / f.name).unlink()
        if damage := _damage(raw / f.archive, f.archive_bytes, f.archive_md5):
            (raw / f.archive).unlink()
            found.append(damage)
    return found


def _damage(path: Path, size: int, md5: str) -> str | None:
    """What is wrong with the file at `path`; None when it is whole or not there.

    The size is looked at first, so that a truncated file says how much of it is there.
    """
    found = _size(path)
    if found is None:
        return None
    if found != size:
        return f"{path.name} has {found:,} bytes instead of {size:,}"
    return None if _md5(path) == md5 else f"{path.name} has the wrong content (its MD5 does not agree)"


def _is_whole(path: Path, size: int, md5: str) -> bool:
    return _size(path) == size and _md5(path) == md5


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unavailable(raw: Path, removed: list[str], reason: object) -> DataMissing | DataBroken:
    """The error for people: what was looked for, where, what was found wrong, how to get it."""
    why = " ".join(str(reason).split())
    how = (
        f"Connect to the internet and try again, or place the four archives "
        f"{', '.join(f.archive for f in FILES)} into {raw} by hand (any copy of MNIST has them)."
    )
    if removed:
        return DataBroken(f"MNIST in {raw} is damaged and could not be fetched again: {'; '.join(removed)} "
                          f"(removed). {how} [{why}]")  # fmt: skip
    return DataMissing(f"MNIST was not found in {raw} and could not be downloaded. {how} [{why}]")


@contextmanager
def _impatient_network() -> Iterator[None]:
    """torchvision sets no time limit: behind a wall that drops packets it would wait for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_OFFLINE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _torchvision_mnist() -> Any:
    """torchvision's MNIST, without its way round our checks: it prefers an old `processed/*.pt`, unverified.

    The folder on disk is named after the class, so this one is named MNIST too.
    """
    from torchvision import datasets

    return type("MNIST", (datasets.MNIST,), {"_check_legacy_exist": lambda self: False})


def _split(raw: Path, part: str) -> Split:
    """The images and labels of two verified files: after a head of 16 and 8 bytes, one byte a value.

    torchvision would read the same, but importing it takes 3 s of every job, and the sums were checked.
    """
    images = np.fromfile(raw / f"{part}-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(raw / f"{part}-labels-idx1-ubyte", np.uint8, offset=8)
    return Split(images.reshape(-1, 1, 28, 28), labels.astype(np.int64))


DATASET = Dataset(
    name="mnist",
    title="MNIST",
    channels=1,
    resolution=28,
    resolutions=(28,),
    classes=tuple(str(digit) for digit in range(10)),
    network="convnet3",
    augment="siamese-no-flip",
    val_share=Fraction(1, 12),
    source="LeCun, Cortes, Burges: the MNIST database of handwritten digits, through torchvision",
    read=read,
    # The sums are verified before reading, so they name the content without looking at the disk.
    fingerprint=lambda root, resolution: fingerprint("mnist", resolution, *(f.md5 for f in FILES)),
    check=check,
    mean=(0.1307,),
    std=(0.3081,),
    sizes=(60_000, 10_000),
    rank=20,
)
