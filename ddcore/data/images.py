"""Image files by name, from a folder or straight from a zip archive, into one uint8 array.

Nothing is ever unpacked to disk and only names that were asked for are opened, so an archive's
entries cannot write anywhere. Sizes are checked before anything is read or decoded.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from ddcore.data import prepared
from ddcore.errors import DataBroken

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 40_000_000  # an image bomb unfolds to far more than its file
SHOWN = 5  # problems named in an error; the rest are counted


@dataclass(frozen=True)
class Entry:
    """One image file: its size in bytes, what its content sums to (CRC-32), and how to get it."""

    size: int
    crc: int
    read: Callable[[], bytes]


def is_plain_name(name: str) -> bool:
    """Whether this is the name of a file and nothing else: no folder, no drive, no way up."""
    return bool(name) and name not in (".", "..") and not set(name) & set("/\\:\0")


def in_folder(folder: Path, names: Iterable[str], memo: Path) -> dict[str, Entry]:
    """Those of `names` that lie in `folder`.

    Their sums are kept in the file `memo` with size and time of change, so that only the first call
    reads the images.
    """
    known = _read_memo(memo)
    facts: dict[str, tuple[int, int, int]] = {}
    for name in names:
        try:
            info = os.stat(folder / name)
        except OSError:
            continue
        if not stat.S_ISREG(info.st_mode):
            continue
        before = known.get(name)
        if before is None or before[:2] != (info.st_size, info.st_mtime_ns):
            before = (info.st_size, info.st_mtime_ns, _crc(folder / name))
        facts[name] = before
    if facts != known:
        with contextlib.suppress(OSError):  # a data root shared read-only
            prepared.write(memo, lambda stream: stream.write(json.dumps(facts).encode()))
    return {name: Entry(size, crc, (folder / name).read_bytes) for name, (size, _, crc) in facts.items()}


def in_zip(archive: Path, names: Iterable[str]) -> dict[str, Entry]:
    """Those of `names` that the archive holds, in whichever folder of it; sizes and sums are the archive's own.

    Raises DataBroken where it is no zip archive (a truncated one has lost its directory), or holds a
    name twice.
    """
    wanted, found, twice = set(names), dict[str, Entry](), list[str]()
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataBroken(f"{archive} cannot be read as a zip archive ({error}); truncated download?") from None
    for info in opened.infolist():
        path = PurePosixPath(info.filename)
        if path.name not in wanted or info.is_dir() or path.parts[0] == "__MACOSX":
            continue
        if path.name in found:
            twice.append(path.name)
        found[path.name] = Entry(info.file_size, info.CRC, lambda info=info: _unzip(opened, info))  # type: ignore[misc]
    if twice:
        raise broken(archive, [f"holds {name} more than once" for name in twice])
    return found


def decode(entries: Sequence[tuple[str, Entry]], side: int, where: Path) -> np.ndarray:
    """All images as uint8 (N, 3, side, side), antialiased bilinear where the size differs.

    Raises DataBroken naming the first few that cannot be read, with their number.
    """
    out = np.empty((len(entries), 3, side, side), dtype=np.uint8)
    problems: dict[int, str] = {}
    lock = threading.Lock()

    def fill(position: int) -> None:
        name, entry = entries[position]
        try:
            out[position] = _pixels(entry, side)
        except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, NotImplementedError,
                zipfile.BadZipFile, zlib.error, Image.DecompressionBombError) as error:  # fmt: skip
            with lock:
                problems[position] = f"{name}: {error}"

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # PIL decodes outside the interpreter lock
        list(pool.map(fill, range(len(entries))))
    if problems:
        raise broken(where, [text for _, text in sorted(problems.items())])
    return out


def broken(where: Path, problems: Sequence[str]) -> DataBroken:
    """The error that gathers what is wrong with `where`: the first few problems and the number of all."""
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    count = f"{len(problems)} problems: " if len(problems) > 1 else ""
    return DataBroken(f"{where}: {count}{'; '.join(problems[:SHOWN])}{more}")


def _pixels(entry: Entry, side: int) -> np.ndarray:
    """One image as uint8 (3, side, side)."""
    if entry.size > MAX_FILE_BYTES:
        raise ValueError(f"{entry.size:,} bytes, allowed are {MAX_FILE_BYTES:,}")
    content = entry.read()
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise ValueError(f"not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image") from None
    width, height = image.size
    if width != height:
        raise ValueError(f"{width}×{height} pixels, must be square")
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}×{height} pixels, allowed are {MAX_PIXELS:,}")
    rgb = image.convert("RGB")
    if rgb.size != (side, side):
        # PIL widens the filter by the scale when it shrinks an image: that is the antialiasing.
        rgb = rgb.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(rgb).transpose(2, 0, 1)


def _unzip(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with opened.open(info) as stream:  # reads file_size bytes at most, then compares the sum
        return stream.read()


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as stream:
        while chunk := stream.read(2**20):
            crc = zlib.crc32(chunk, crc)
    return crc


def _read_memo(path: Path) -> dict[str, tuple[int, int, int]]:
    try:
        return {name: (size, time, crc) for name, (size, time, crc) in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # not there, or not ours: sums are taken anew
        return {}
