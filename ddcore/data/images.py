"""Image files by name, from a folder or straight from a zip archive, into one uint8 array.

Nothing is ever unpacked to disk and only the files with the given names are opened, so an archive's entries cannot
write anywhere. Sizes are checked before anything is read or decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import stat
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from ddcore.data import formats, metadata, prepared
from ddcore.errors import DataBroken, DDCoreError

MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 40_000_000  # an image bomb unfolds to far more than its file
LARGE_PIXELS = 8_000_000  # from here on images unfold one at a time, whatever the number of threads
TILE_PIXELS = 2**20  # a TIFF's tile of 1024×1024, the largest that is usual, may be larger than the image
TILE_TIMES = 4  # beyond that: pixels of a tile, over those of the image
MAX_SCANS = 100  # of a JPEG: each goes over all pixels; usual are up to ten
SHOWN = 5  # problems named in an error; the rest are counted

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_large = threading.Lock()


class Unreadable(ValueError):
    """One image that cannot be read, whatever its decoder raised, with the reason in words."""


@dataclass(frozen=True)
class Entry:
    """One file: its size in bytes, the CRC-32 of its content (None: not known), how to read it."""

    size: int
    crc: int | None
    read: Callable[[], bytes]


def is_plain_name(name: str) -> bool:
    """Whether this is the name of a file and nothing else: no folder, no drive, no way up."""
    return bool(name) and name not in (".", "..") and not set(name) & set("/\\:\0")


def in_folder(folder: Path, names: Iterable[str], memo: Path) -> dict[str, Entry]:
    """Those of `names` that lie in `folder`.

    Their sums are kept in the file `memo` with size and time of change, so that only the first call reads the images.
    """
    stored = _read_memo(memo)
    facts: dict[str, tuple[int, int, int]] = {}
    for name in names:
        try:
            info = os.stat(folder / name)
        except OSError:
            continue
        if not stat.S_ISREG(info.st_mode):
            continue
        fact = stored.get(name)
        if fact is None or fact[:2] != (info.st_size, info.st_mtime_ns):
            fact = (info.st_size, info.st_mtime_ns, _crc(folder / name))
        facts[name] = fact
    if facts != stored:
        with contextlib.suppress(OSError):  # a data root shared read-only
            prepared.write(memo, lambda stream: stream.write(json.dumps(facts).encode()))
    return {name: Entry(size, crc, (folder / name).read_bytes) for name, (size, _, crc) in facts.items()}


def in_zip(archive: Path, names: Iterable[str]) -> dict[str, Entry]:
    """Those of `names` that the archive holds, in whichever folder of it; sizes and sums are the archive's own.

    Raises DataBroken where it is no zip archive (a truncated one has lost its directory), or holds a name twice.
    """
    names, entries, twice = set(names), dict[str, Entry](), list[str]()
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataBroken(f"{archive} cannot be read as a zip archive ({error}); truncated download?") from None
    for info in opened.infolist():
        path = PurePosixPath(info.filename)
        if path.name not in names or info.is_dir() or path.parts[0] == "__MACOSX":
            continue
        if path.name in entries:
            twice.append(path.name)
        entries[path.name] = Entry(info.file_size, info.CRC, lambda info=info: _unzip(opened, info))  # type: ignore[misc]
    if twice:
        raise broken(archive, [f"holds {name} more than once" for name in twice])
    return entries


def decode(entries: Sequence[tuple[str, Entry]], side: int, where: Path) -> np.ndarray:
    """All images as uint8 (N, 3, side, side), antialiased bilinear where the size differs.

    Raises DataBroken naming the first few that cannot be read, with their number.
    """
    out = np.empty((len(entries), 3, side, side), dtype=np.uint8)

    def fill(position: int) -> str:
        name, entry = entries[position]
        try:
            out[position] = _pixels(entry, side)
        except Unreadable as error:
            return f"{name}: {error}"
        return ""

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # PIL decodes outside the interpreter lock
        if problems := list(filter(None, pool.map(fill, range(len(entries))))):
            raise broken(where, problems)
    return out


def broken(where: Path, problems: Sequence[str]) -> DataBroken:
    """The error that gathers what is wrong with `where`: the first few problems and the number of all."""
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    count = f"{len(problems)} problems: " if len(problems) > 1 else ""
    return DataBroken(f"{where}: {count}{'; '.join(problems[:SHOWN])}{more}")


@contextlib.contextmanager
def decoding() -> Iterator[None]:
    """In here whatever reading and decoding one image raises becomes Unreadable, but for our own errors."""
    try:
        yield
    except (DDCoreError, Unreadable):
        raise
    except MemoryError:
        raise Unreadable("it takes more memory than there is") from None
    except Exception as error:  # a decoder may raise anything, and it is this one image that cannot be read
        why = str(error) or type(error).__name__
        raise Unreadable(f"{why}, fetch or copy it again" if "truncated" in why else why) from error


def opened(entry: Entry) -> Image.Image:
    """The image of an entry, its header read and checked, its pixels not yet unfolded.

    Its `info` says how the camera was held ("orientation"), how many pages there are ("pages") and the bits of one
    level in the file ("depth"). Raises Unreadable.
    """
    with decoding():
        if entry.size > MAX_FILE_BYTES:
            raise Unreadable(f"{entry.size:,} bytes, allowed are {MAX_FILE_BYTES:,}")
        content = entry.read()
        if (form := formats.decoded(content)) is None:
            raise Unreadable(formats.named(content))
        bare = metadata.bare(content)
        image = _begun(form, bare)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise Unreadable(f"{width}×{height} pixels, allowed are {MAX_PIXELS:,}")
        if bare.tile > (allowed := min(MAX_PIXELS, max(TILE_PIXELS, TILE_TIMES * width * height))):
            raise Unreadable(f"{width}×{height} pixels in tiles of {bare.tile:,}, allowed are {allowed:,}")
        if form == "JPEG" and (scans := bare.content.count(b"\xff\xda")) > MAX_SCANS:
            raise Unreadable(f"its pixels are stored in {scans:,} scans, allowed are {MAX_SCANS}")
        image.info |= {"orientation": bare.orientation, "pages": bare.pages, "depth": bare.depth}
        return image


def _begun(form: str, bare: metadata.Bare) -> Image.Image:
    """PIL's image of this format; raises Unreadable with what of the file it does not know.

    `Image.open` would say of a file that it knows in part what it says of a text: that it is no image.
    """
    Image.preinit()
    if form not in Image.OPEN:
        Image.init()
    try:
        return Image.OPEN[form][0](io.BytesIO(bare.content), "")
    except Exception as error:
        stored = f" ({bare.stored})" if bare.stored else ""
        kind = f"it is a {form} of a kind that is not read, or damaged"
        why = str(error) or type(error).__name__
        raise Unreadable(f"{kind}{stored}: {why}, {formats.SAVE_AS}") from error


@contextlib.contextmanager
def turn(image: Image.Image) -> Iterator[None]:
    """In here the pixels of an opened image may be unfolded: large ones wait for one another, so memory is bounded.

    What their decoder raises becomes Unreadable.
    """
    times = TILE_TIMES if image.format == "TIFF" else 1  # a tile is in memory whole
    large = times * image.width * image.height > LARGE_PIXELS
    with _large if large else contextlib.nullcontext(), decoding():
        yield


def upright(image: Image.Image) -> Image.Image:
    """The image turned as the camera was held."""
    if (turned := _UPRIGHT.get(image.info.get("orientation", 1))) is None:
        return image
    image = image.transpose(turned)
    image.info["orientation"] = 1
    return image


def plain(image: Image.Image, ground: str = "white", levels: tuple[int, int] | None = None) -> Image.Image:
    """The image upright, as 8-bit grey ("L") or colour ("RGB").

    ground: what is behind transparency, "white" or "black"; levels: (lowest, highest) of 16-bit grey, spread over 0 to
    255; None: the upper 8 bits are kept.
    """
    image = upright(image)
    if image.mode == "F":
        raise Unreadable("its levels are floating-point numbers, which say nothing of what is white: save it with 8 or "
                         "16 bits")
    if image.mode.startswith("I"):
        deep = deep_levels(image)
        if levels is None or levels[0] == levels[1]:
            return Image.fromarray((deep >> 8).astype(np.uint8))
        (low, high), width = levels, levels[1] - levels[0]
        rounded = ((deep.clip(low, high) - low) * 510 + width) // (2 * width)  # in whole numbers: the same everywhere
        return Image.fromarray(rounded.astype(np.uint8))
    if image.has_transparency_data:
        behind = Image.new("RGBA", image.size, ground)
        behind.alpha_composite(image.convert("RGBA"))
        return behind.convert("RGB")
    if image.mode in ("L", "RGB"):
        image.load()
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def deep_levels(image: Image.Image) -> np.ndarray:
    """int64 (height, width): the levels of a grey image of more than 8 bits, 0 to 65,535."""
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() >= 2**16:
        raise Unreadable(f"its levels, {levels.min():,} to {levels.max():,}, are not those of 16 bits: save it with 8 "
                         "or 16 bits")
    return levels


def is_flat(plain: Image.Image) -> bool:
    """Whether every pixel of a plain image has the same colour."""
    return all(low == high for low, high in np.reshape(plain.getextrema(), (-1, 2)))


def digest(image: Image.Image) -> bytes:
    """A name for the pixels of an image: copies share it, in whatever file format they lie.

    For all 16 bits of a grey level, and for what transparency alone shows where white behind it leaves nothing to see.
    """
    image = upright(image)
    if image.mode.startswith("I"):
        return _named(deep_levels(image).astype("<u2").tobytes(), image.size)
    shown = plain(image)
    content = shown.convert("RGB").tobytes()
    if image.has_transparency_data and is_flat(shown) and not is_flat(on_black := plain(image, "black")):
        content += on_black.tobytes()
    return _named(content, image.size)


def _named(content: bytes, size: tuple[int, int]) -> bytes:
    return hashlib.blake2b(content, digest_size=16, salt=b"%dx%d" % size).digest()


def fitted(image: Image.Image, side: int, colour: str, fit: str) -> np.ndarray:
    """A plain image as uint8 (C, side, side).

    colour: "rgb" or "grey"; fit: what happens where it is not square, "crop" (its centre is taken) or "stretch".
    """
    image = image.convert("L" if colour == "grey" else "RGB")
    width, height = image.size
    if fit == "crop" and width != height:
        edge = min(width, height)
        left, upper = (width - edge) // 2, (height - edge) // 2
        image = image.crop((left, upper, left + edge, upper + edge))
    levels = np.asarray(_resized(image, side))
    return levels[None] if levels.ndim == 2 else levels.transpose(2, 0, 1)


def _pixels(entry: Entry, side: int) -> np.ndarray:
    """One square image as uint8 (3, side, side)."""
    image = opened(entry)
    if image.width != image.height:
        raise Unreadable(f"{image.width}×{image.height} pixels, must be square")
    with turn(image):
        return np.asarray(_resized(image.convert("RGB"), side)).transpose(2, 0, 1)


def _resized(image: Image.Image, side: int) -> Image.Image:
    """Antialiased bilinear: PIL widens the filter by the scale when it shrinks an image."""
    return image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BILINEAR)


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
