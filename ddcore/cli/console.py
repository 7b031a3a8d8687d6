"""Output for consoles whose encoding has not all signs: others stand for them, and nothing ends in a traceback."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

HANDLER = "ddcore.signs"
PLAIN = {"×": "x", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≈": "~", "…": "...", "–": "-", "—": "-", "−": "-",
         "±": "+/-", "·": "-", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "²": "2", "³": "3", "∞": "inf",
         "°": " degrees", "\N{NARROW NO-BREAK SPACE}": " ", "\N{NO-BREAK SPACE}": " "}


def show_any_sign() -> None:
    """From here on, what standard output and error cannot encode is written in ASCII."""
    codecs.register_error(HANDLER, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(sign: str) -> str:
    """ "λ" is "lambda", "→" is "->"; of a script that ASCII has nothing for, its code, "\\u732b": names stay apart."""
    name = unicodedata.name(sign, "")
    if name.startswith("GREEK ") and " LETTER " in name and " WITH " not in name:
        letter = name.rpartition(" ")[2].replace("LAMDA", "LAMBDA")
        return letter.capitalize() if " CAPITAL " in name else letter.lower()
    letters = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()  # "ł" has none, "é" is "e"
    return PLAIN.get(sign) or letters or sign.encode("ascii", "backslashreplace").decode()
