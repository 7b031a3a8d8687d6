"""Numbers as people read them. Accuracies are fractions below this floor and percentages here."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

from ddcore.params import shown as value
from ddcore.runs.files import size
from ddcore.summary import Accuracy, Scores

__all__ = ["value"]

NONE = "–"
POINT = 0.1  # accuracies are told to a tenth of a percent
SMALL = 1e-4  # smaller numbers are told with an exponent
DIGITS = 3  # after the point, of a mean without any spread
BESIDE = {"balanced_accuracy": "balanced", "auc": "AUC"}  # what is told beside an accuracy, in short


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.9342 → "93.4 %"; a dash for None and for what is not a number."""
    if fraction is None or not math.isfinite(fraction):
        return NONE
    return f"{100 * fraction:.{digits}f} %"


def plus_minus(mean: float, spread: float, finest: float = 0.0) -> str:
    """ "4,230 ± 850": two significant digits of the spread, and the mean to the same place.

    finest: no digit below this power of ten, 0.1 for accuracies in percent as the field prints them.
    """
    if not (math.isfinite(mean) and math.isfinite(spread)):
        return NONE
    rounded = float(f"{spread:.1e}")  # 0.996 becomes 1.0 before its digits are counted
    place = math.floor(math.log10(rounded)) - 1 if rounded else -DIGITS
    if finest:
        place = max(place, round(math.log10(finest)))
    return f"{_to(mean, place)} ± {_to(spread, place)}"


def number(value: float) -> str:
    """A number in three significant digits as people write it: "4,270", "0.0123"; "1.2e-7" of very small ones."""
    if not math.isfinite(value):
        return NONE
    if not value or abs(value) >= SMALL:
        place = math.floor(math.log10(abs(float(f"{value:.2e}")))) - 2 if value else 0
        digits = _to(value, min(place, 0))
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{value:.1e}".replace("e-0", "e-")


def _to(value: float, place: int) -> str:
    """The value rounded to this power of ten, with thousands apart and no minus before nothing."""
    return f"{round(value, -place):z,.{max(0, -place)}f}"


def _minus(number: str) -> str:
    """The number with a real minus in place of a hyphen."""
    return number.replace("-", "−")


def accuracy(value: Accuracy | None) -> str:
    """ "93.4 ± 0.5 % (n = 3)"; without the spread when there is only one network; "93.4 % imported (n = 1)" where it
    was not measured here."""
    if value is None:
        return NONE
    several = value.n > 1 and value.std is not None
    told = f"{plus_minus(100 * value.mean, 100 * (value.std or 0), POINT)} %" if several else percent(value.mean)
    return f"{told}{mark(value)} (n = {value.n})"


def mark(value: Accuracy) -> str:
    """ " imported" behind a number that was not measured here, "" behind all others."""
    return " imported" if value.imported else ""


def spread(value: Accuracy | None) -> str:
    """ "93.4 ± 0.5 %", where n is told beside it."""
    return accuracy(value).partition(" (")[0]


def beside(scores: Scores, names: Iterable[str] = BESIDE) -> str:
    """ ", balanced 61.0 ± 0.5 %, AUC 70.2 ± 0.4 %": of these names, what is known beside an accuracy."""
    return "".join(f", {BESIDE[name]} {spread(scores.get(name))}" for name in names if scores.get(name))


def difference(one: Accuracy, other: Accuracy) -> str:
    """ "+1.2 ± 0.4 points": how much higher the first accuracy is, ± one standard error.

    √(s₁²/n₁ + s₂²/n₂); without it where one of them has no spread. "no difference" where they agree to a digit.
    """
    more, came = one.mean - other.mean, mark(one) or mark(other)
    if one.std is None or other.std is None:
        return points(more) + came if round(100 * more, 1) else "no difference"
    error = math.sqrt(one.std**2 / one.n + other.std**2 / other.n)
    told = plus_minus(100 * more, 100 * error, POINT)
    rises = more > 0 and any(digit in told.partition(" ")[0] for digit in "123456789")  # no plus before nothing
    return _minus(f"{'+' if rises else ''}{told} points") + came


def ordinal(place: int) -> str:
    """ "1st", "2nd", "11th"."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{ending}"


def points(fraction: float | None) -> str:
    """0.042 → "+4.2 points": a difference of two accuracies."""
    return NONE if fraction is None else _minus(f"{100 * fraction:+.1f} points")


def signed(low: float, high: float) -> str:
    """(−0.288, 0.155) → "−28.8 to +15.5": where a difference in points lies."""
    return _minus(f"{100 * low:+.1f} to {100 * high:+.1f}")


def times(ratio: float) -> str:
    """11.6 → "12 times", 2.93 → "2.9 times"."""
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def duration(seconds: float | None) -> str:
    """0.01 → "< 0.1 s"; 0.42 → "0.4 s"; 200 → "3 min 20 s"; 7500 → "2 h 05 min"."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if 0 < seconds < 0.05:
        return "< 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest:02d} s" if rest and minutes < 10 else f"{round(whole / 60)} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole / 86400:.1f} days"


def count(number: float | None) -> str:
    """49246208 → "49.2 M"; below ten thousand the number itself with thousands separated."""
    if number is None:
        return NONE
    for unit, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= unit:
            scaled = number / (1e3 if letter == "k" else unit)
            return f"{scaled:.1f} {letter}" if scaled < 100 else f"{scaled:.0f} {letter}"
    return f"{number:,.0f}"


def bytes_(number: float | None) -> str:
    """25600 → "25.6 kB"; 44_000_000 → "44 MB"."""
    if number is None or not math.isfinite(number):
        return NONE
    if number < 1e6:
        return f"{number / 1e3:.{0 if number >= 1e5 else 1}f} kB"
    return size(int(number))


def listed(words: Sequence[str], most: int, apart: str = ", ") -> str:
    """ "a, b and 3 more": the first `most` of these, and how many are left."""
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return f"{apart.join(words[:most])}{more}"


def shortened(name: str, most: int) -> str:
    """The name in at most so many letters, with … for the rest."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def ago(moment: float | None, now: float | None = None) -> str:
    """How long ago a time stamp (seconds since 1970) was: "just now", "5 min ago", else its date."""
    if not moment:
        return NONE
    passed = (time.time() if now is None else now) - moment
    if passed < 60:
        return "just now"
    if passed < 3600:
        return f"{passed // 60:.0f} min ago"
    if passed < 24 * 3600:
        return f"{passed // 3600:.0f} h ago"
    return time.strftime("%d %b %Y", time.localtime(moment))


def measured(name: str, figure: Any, share: bool = False) -> str:
    """A figure of a summary by its name: seconds as a duration, a share in percent, counts with thousands apart."""
    if name.startswith("seconds"):
        return duration(figure)
    if share:
        return percent(figure, 2)
    return f"{figure:,}" if isinstance(figure, int) and not isinstance(figure, bool) else value(figure)
