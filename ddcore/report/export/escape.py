"""Anybody's words in LaTeX, Markdown and CSV: read as they are, never as code.

What comes out for LaTeX is plain ASCII, so that it compiles whatever encoding and fonts a document has.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
_NAMES = ("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi "
          "psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega")
_GREEK = dict(zip(_LETTERS, _NAMES.split(), strict=True))
_SYMBOLS = {"±": r"\pm", "×": r"\times", "·": r"\cdot", "†": r"\dagger", "→": r"\rightarrow", "√": r"\surd", "−": "-",
            "²": "^2", "³": "^3", "°": r"^\circ", "≤": r"\leq", "≥": r"\geq", "≈": r"\approx", "∞": r"\infty",
            "⁺": "^+", "⁻": "^-"}
_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\char34{}", "–": "--", "—": "---", "…": r"\dots{}",
    "‘": "`", "’": "'", "“": "``", "”": "''", "ß": r"\ss{}", "æ": r"\ae{}", "ø": r"\o{}", "œ": r"\oe{}",
    "ł": r"\l{}", "Æ": r"\AE{}", "Ø": r"\O{}", "Œ": r"\OE{}", "Ł": r"\L{}", "ı": r"\i{}",
    # The end of a table's row would take these for its own.
    "[": "{[}", "]": "{]}", "*": "{*}",
    **{sign: f"\\{sign}" for sign in "{}$&%#_"},
    **{sign: f"$\\{name}$" for sign, name in _GREEK.items()},
    **{sign: f"${name}$" for sign, name in _SYMBOLS.items()},
}
_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
            "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c"}

_SUBSCRIPT = re.compile(rf"([{_LETTERS}]_(?:[{_LETTERS}]|[A-Za-z0-9]+)\b)")  # symbols of parameters: η_S, ζ_θ
_FORMULA = re.compile(r"(^|;[\s\"']*)([=+@＝＋－＠-])")


def one_line(words: object) -> str:
    """The words on one line, without signs that cannot be seen."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(words)).split())


def latex(words: object) -> str:
    """For LaTeX; what its oldest fonts cannot set is named by its number, as in "[U+4E2D]"."""
    parts = _SUBSCRIPT.split(unicodedata.normalize("NFC", one_line(words)))
    return "".join(_subscript(part) if i % 2 else _plain(part) for i, part in enumerate(parts))


def _plain(signs: str) -> str:
    # Two hyphens would become one dash, as in "--lr-img".
    return "".join("-{}" if pair == ("-", "-") else _set(pair[0]) for pair in pairwise(f"{signs} "))


def _subscript(symbol: str) -> str:
    """ "η_S" → "$\\eta_{S}$"."""
    sign, below = (rf"\{_GREEK[one]}" if one in _GREEK else one for one in symbol.split("_"))
    return f"${sign}_{{{below}}}$"


def _set(sign: str) -> str:
    if sign in _LATEX:
        return _LATEX[sign]
    if sign.isascii():
        return sign
    base, *marks = list(unicodedata.normalize("NFD", sign))
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii():
        return f"\\{_ACCENTS[marks[0]]}{{{base}}}"
    return f"{{[}}U+{ord(sign):04X}{{]}}"


def markdown(words: object) -> str:
    """For Markdown, cells of its tables included."""
    return re.sub(r"([\\`*_\[\]<>$~|#&])", r"\\\1", one_line(words))


def csv(words: object) -> str:
    """For a quoted cell of a CSV file, which a spreadsheet must not take for a formula.

    Nor what is behind a semicolon: some take that for the end of a cell, whatever is quoted.
    """
    line = one_line(words)
    try:
        float(line)
    except ValueError:
        return _FORMULA.sub(r"\1'\2", line)
    return line
