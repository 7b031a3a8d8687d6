"""The pixels of an image file without its metadata: text, colour profiles, a camera's notes decide over no pixels.

A decoder that stumbles over one of them gives up an image whose pixels are fine, so it never gets to see them. Three
facts are read of what is left out: how the camera was held, how many pages there are, how pixels are stored.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

ORIENTATION = 0x0112  # the tag of a TIFF, and of the EXIF in other files, for how the camera was held
TILE_SIDES = (322, 323)  # the tags of a TIFF for a tile's width and length

_PIXEL_TAGS = frozenset((
    256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, *TILE_SIDES, 324, 325, 332, 334, 338,
    339, 347, *range(512, 522), 529, 530, 531, 532, 0xBC01, 50674,
))  # all that libtiff and PIL need to unfold them
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # bytes of a tag's types
_WHOLE = {3: "H", 4: "L", 8: "h", 9: "l"}  # its types of whole numbers
_SIDE_TYPES = (3, 4)  # the types that the standard allows a tile's sides
_MOST_TAGS = 4096  # as libtiff has it
_MOST_VALUES = 2**20  # of one tag: an image of 40 million pixels has 160,000 tiles of 16×16
_MOST_PAGES = 1000
_MOST_BLOCKS = 2**17  # of a PNG: 1 GiB in the usual 8 KiB
_MOST_PROFILE = 2**20  # bytes of EXIF that are unpacked from a PNG's text
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


@dataclass(frozen=True)
class Bare:
    """An image file without metadata, and what the metadata said.

    orientation: of EXIF, 1 to 8, 1 being upright; pages: images in the file, previews not counted; depth: bits of one
    level (0: not told); tile: pixels of a TIFF's tile (0: it has none); stored: how a TIFF says its pixels are stored.
    """

    content: bytes
    orientation: int = 1
    pages: int = 1
    depth: int = 0
    tile: int = 0
    stored: str = ""


def bare(content: bytes) -> Bare:
    """The image file without metadata; one of another kind comes back as it is.

    Raises ValueError or struct.error where a TIFF is not what the standard allows.
    """
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(content)
    if content[:2] in (b"II", b"MM") and {42, 43} & {*content[2:4]}:
        return _tiff(content)
    return Bare(content)


# JPEG


def _jpeg(content: bytes) -> Bare:
    """Without its application segments and comments, but for those of JFIF and Adobe, which say what colours mean."""
    dropped, exif, xmp, depth = list[tuple[int, int]](), b"", b"", 0
    for marker, start, end in _segments(content):
        body = content[start + 4 : end]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif += body[6 if exif else 0 :]
        elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            xmp = body
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            depth = body[0] if body else 0
        of_colours = (marker == 0xE0 and body.startswith(b"JFIF") and len(body) >= 14) or (
            marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12)
        if (0xE0 <= marker <= 0xEF or marker == 0xFE) and not of_colours:
            dropped.append((start, end))
    return Bare(_without(content, dropped), _orientation(exif, xmp), depth=depth)


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment before the pixels; what lies between them is passed over, as PIL does."""
    at = 2
    while (at := content.find(b"\xff", at)) >= 0 and at + 4 <= len(content):
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # these have no length
            at += 2
        else:
            (length,) = struct.unpack_from(">H", content, at + 2)
            if marker in (0xD9, 0xDA) or length < 2 or at + 2 + length > len(content):
                return
            yield marker, at, at + 2 + length
            at += 2 + length


# PNG


def _png(content: bytes) -> Bare:
    """Without its ancillary blocks, but for that of transparency."""
    dropped, exif, profile, xmp = list[tuple[int, int]](), b"", b"", b""
    pages, depth, count = 1, content[24] if len(content) > 24 else 0, 0
    for kind, start, end in _blocks(content):
        if (count := count + 1) > _MOST_BLOCKS:
            raise ValueError(f"more than the {_MOST_BLOCKS:,} blocks allowed")
        if not kind[0] & 0x20 or kind == b"tRNS":
            continue
        dropped.append((start, end))
        body = content[start + 8 : end - 4]
        if kind == b"eXIf":
            exif = body
        elif kind == b"acTL" and len(body) == 8:
            pages = max(1, int.from_bytes(body[:4], "big"))
        elif kind == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0\0"):
            xmp = body
        elif kind in (b"zTXt", b"tEXt") and body.startswith(b"Raw profile type exif\0"):
            profile = _profile(body.partition(b"\0")[2], packed=kind == b"zTXt")
    return Bare(_without(content, dropped), _orientation(exif or profile, xmp), pages, depth)


def _blocks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each whole block up to the last."""
    at = 8
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">L4s", content, at)
        if at + 12 + length > len(content):
            return
        yield kind, at, at + 12 + length
        if kind == b"IEND":
            return
        at += 12 + length


def _profile(text: bytes, packed: bool) -> bytes:
    """The EXIF that ImageMagick writes into a text as hexadecimal digits, below three lines; b"" where it is not."""
    try:
        text = zlib.decompressobj().decompress(text[1:], _MOST_PROFILE) if packed else text
        return bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:]))
    except (ValueError, zlib.error):
        return b""


# TIFF


@dataclass(frozen=True)
class _Tag:
    """An entry of a directory: its number, its type, how many values it has, the 12 bytes themselves."""

    number: int
    type: int
    count: int
    entry: bytes


def _tiff(content: bytes) -> Bare:
    """Without the tags that are not about pixels, and the directory of its first page alone."""
    order = "<" if content.startswith(b"II") else ">"
    if 43 in content[2:4]:
        raise ValueError("a BigTIFF, which is for files beyond 4 GB; save it as TIFF")
    (at,) = struct.unpack(f"{order}L", content[4:8])
    tags, following = _directory(content, at, order)
    kept = [tag for tag in tags if tag.number in _PIXEL_TAGS]
    for tag in kept:
        if tag.count > _MOST_VALUES:
            raise ValueError(f"a tag of {tag.count:,} values, allowed are {_MOST_VALUES:,}")
    values = {tag.number: _values(content, tag, order) for tag in tags
              if tag.number in (ORIENTATION, 258, 259, 262, 277, 339)}
    xmp = next((content[value : value + tag.count] for tag in tags if tag.number == 700 and tag.count > 4
                for value in struct.unpack(f"{order}L", tag.entry[8:])), b"")
    turned = next(iter(values.pop(ORIENTATION, ())), 0) or _from_xmp(xmp)
    bits = values.get(258, [1])
    written = bytearray(content)
    struct.pack_into(f"{order}H", written, at, len(kept))
    entries = b"".join(tag.entry for tag in kept) + bytes(4)
    written[at + 2 : at + 2 + len(entries)] = entries
    return Bare(bytes(written), turned if 1 <= turned <= 8 else 1, _pages(content, following, order),
                max(bits, default=0), _tile(kept, order), _stored(values))


def _directory(content: bytes, at: int, order: str) -> tuple[list[_Tag], int]:
    """(the tags of the directory there, where the next one is)."""
    (count,) = struct.unpack(f"{order}H", content[at : at + 2])
    if count > _MOST_TAGS:
        raise ValueError(f"{count:,} tags, allowed are {_MOST_TAGS:,}")
    listed = content[at + 2 : at + 2 + 12 * count]
    tags = [_Tag(number, kind, values, entry)
            for entry in (listed[i : i + 12] for i in range(0, len(listed) // 12 * 12, 12))
            for number, kind, values in struct.iter_unpack(f"{order}HHL", entry[:8])]
    end = content[at + 2 + 12 * count : at + 6 + 12 * count]
    return tags, struct.unpack(f"{order}L", end)[0] if len(end) == 4 else 0


def _values(content: bytes, tag: _Tag, order: str) -> list[int]:
    """The whole numbers of a tag, at most sixteen of them; [] where it has none."""
    if (letter := _WHOLE.get(tag.type)) is None or not tag.count:
        return []
    size, count = _SIZES[tag.type], min(tag.count, 16)
    at = struct.unpack(f"{order}L", tag.entry[8:])[0]
    told = tag.entry[8:] if tag.count * size <= 4 else content[at : at + count * size]
    return list(struct.unpack_from(f"{order}{count}{letter}", told)) if len(told) >= count * size else []


def _tile(tags: list[_Tag], order: str) -> int:
    """Pixels of one tile, 0 where it has none; raises ValueError.

    libtiff unfolds a whole tile, however small the image is (of a strip no more than the image has). Read from the
    bytes, since PIL may see other tags than libtiff does where one is there twice.
    """
    sides = dict.fromkeys(TILE_SIDES, 0)
    for tag in tags:
        if tag.number in sides:
            if tag.type not in _SIDE_TYPES:
                raise ValueError("its tiles are measured in a way that the standard does not allow")
            value = struct.unpack_from(f"{order}{_WHOLE[tag.type]}", tag.entry, 8)
            sides[tag.number] = max(sides[tag.number], *value)
    return math.prod(sides.values())


def _pages(content: bytes, at: int, order: str) -> int:
    """Images in the file, the first one counted; reduced ones and masks, as microscopes write them, are none."""
    pages, seen = 1, set[int]()
    while at and at not in seen and len(seen) < _MOST_PAGES:
        seen.add(at)
        try:
            tags, following = _directory(content, at, order)
        except (ValueError, struct.error):
            break
        kinds = [value for tag in tags[:1] if tag.number == 254 for value in _values(content, tag, order)]
        pages += bool(tags) and not any(kind & 0b101 for kind in kinds)
        at = following
    return pages


def _stored(values: dict[int, list[int]]) -> str:
    """How its pixels are stored, in words."""
    bits, samples = values.get(258) or [1], (values.get(277) or [1])[0]
    kind = {2: "signed ", 3: "floating-point ", 5: "complex ", 6: "complex "}.get((values.get(339) or [1])[0], "")
    depth = "/".join(map(str, dict.fromkeys(bits)))
    return (f"{samples} {kind}sample{'s' if samples != 1 else ''} of {depth} bits a pixel, "
            f"compression {(values.get(259) or [1])[0]}, colours {(values.get(262) or [0])[0]}")


# All


def _orientation(exif: bytes, xmp: bytes) -> int:
    """How the camera was held, 1 to 8, of EXIF or else of XMP; 1 where neither says it in a way that can be read."""
    exif = exif.removeprefix(b"Exif\0\0").removeprefix(b"Exif\0\0")
    told = 0
    if exif[:2] in (b"II", b"MM") and 42 in exif[2:4]:
        order = "<" if exif.startswith(b"II") else ">"
        try:
            tags, _ = _directory(exif, struct.unpack(f"{order}L", exif[4:8])[0], order)
            told = next((value for tag in tags if tag.number == ORIENTATION
                         for value in _values(exif, tag, order)[:1]), 0)
        except (ValueError, struct.error):
            told = 0
    turned = told or _from_xmp(xmp)
    return turned if 1 <= turned <= 8 else 1


def _from_xmp(xmp: bytes) -> int:
    match = _XMP.search(xmp)
    return int(match[1]) if match else 0


def _without(content: bytes, spans: list[tuple[int, int]]) -> bytes:
    """The bytes that lie in none of these spans, which are in order."""
    if not spans:
        return content
    starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(content)]
    return b"".join(content[start:end] for start, end in zip(starts, ends, strict=True))
