"""Fonts of this machine that have the signs of a text: class names may be in any script.

What no font has is told by its code, "U+732B", so that names stay apart.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from PIL import ImageFont

if TYPE_CHECKING:
    from matplotlib.font_manager import FontEntry

_NOWHERE = "\U0010ffff"  # a sign that no font has: what a font draws for it stands for all that it lacks
_PLACEHOLDERS = "Last Resort"  # a font of matplotlib's with a picture of each script, and of no sign
_MOST_FILES = 400  # fonts that are looked into, a few milliseconds each


def for_names(names: list[str], size: float) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """(the font that draws most of these names, the names with the codes of signs that it lacks)."""
    own = ImageFont.load_default(size)
    assert isinstance(own, ImageFont.FreeTypeFont)
    signs = frozenset("".join(names))
    if not (absent := _absent(signs)):
        return own, names
    file = next(iter(_entries(absent)), None)
    font = own if file is None else ImageFont.truetype(file.fname, size, index=0)
    lacked = absent if file is None else signs - _signs(file.fname)
    return font, [coded(name, lacked) for name in names]


def families(text: str) -> tuple[list[str], list[str]]:
    """(matplotlib's families that together have the signs of a text, the first for all others; the signs in none)."""
    from matplotlib import font_manager

    first = "DejaVu Sans"  # comes with matplotlib
    left = set(text) - _signs(font_manager.findfont(first)) - set("\n")
    names = [first]
    while left and (entry := next(iter(_entries(frozenset(left))), None)) is not None:
        names.append(entry.name)
        left -= _signs(entry.fname)
    return names, sorted(left)


def code(sign: str) -> str:
    return f"U+{ord(sign):04X}"


def coded(text: str, lacked: frozenset[str]) -> str:
    """The text with codes for the signs that are lacked."""
    return "".join(code(sign) if sign in lacked else sign for sign in text)


@lru_cache(maxsize=64)
def _absent(signs: frozenset[str]) -> frozenset[str]:
    """Those that PIL's own font lacks."""
    font = ImageFont.load_default(16)
    box = bytes(font.getmask(_NOWHERE))
    return frozenset(sign for sign in signs if not sign.isascii() and bytes(font.getmask(sign)) == box)


@lru_cache(maxsize=64)
def _entries(signs: frozenset[str]) -> list[FontEntry]:
    """The fonts that have some of these signs, that with most of them first, upright and regular ones before others."""
    from matplotlib.font_manager import fontManager

    known = [entry for entry in fontManager.ttflist if not entry.name.startswith(_PLACEHOLDERS)]
    entries = sorted(known, key=lambda e: (e.style != "normal", abs(_weight(e.weight) - 400), e.name))
    having = [(len(signs & _signs(entry.fname)), entry) for entry in entries[:_MOST_FILES]]
    return [entry for count, entry in sorted(having, key=lambda one: -one[0]) if count]


def _weight(weight: int | str) -> int:
    return weight if isinstance(weight, int) else 400 if weight in ("normal", "regular", "book") else 700


@cache
def _signs(file: str) -> frozenset[str]:
    """The signs that a font has; none where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(file).get_charmap()))
    except (OSError, RuntimeError, ValueError):
        return frozenset()
