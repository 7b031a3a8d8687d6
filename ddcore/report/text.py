"""Numbers as people read them. Accuracies are fractions below this floor and percentages here."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ddcore.runs.files import size

NONE = "–"
BESIDE = {"balanced_accuracy": "balanced", "auc": "AUC"}  # what is told beside an accuracy, in short


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.9342 → "93.4 %"; a dash for None and for what is not a number."""
    if fraction is None or not math.isfinite(fraction):
        return NONE
    return f"{100 * fraction:.{digits}f} %"


def accuracy(value: Mapping[str, Any] | None) -> str:
    """ "93.4 ± 0.5 % (n = 3)" from {mean, std, n}; without the spread when there is only one network."""
    if not value or value.get("mean") is None:
        return NONE
    n, std = value.get("n") or 1, value.get("std")
    if n > 1 and std is not None:
        return f"{100 * value['mean']:.1f} ± {100 * std:.1f} % (n = {n})"
    return f"{percent(value['mean'])} (n = {n})"


def spread(value: Mapping[str, Any] | None) -> str:
    """ "93.4 ± 0.5 %" from {mean, std, n}, where n is told beside it."""
    return accuracy(value).partition(" (")[0]


def beside(accuracy: Mapping[str, Any], names: Iterable[str] = BESIDE) -> str:
    """ ", balanced 61.0 ± 0.5 %, AUC 70.2 ± 0.4 %": of these names, what is known beside an accuracy."""
    return "".join(f", {BESIDE[name]} {spread(accuracy[name])}" for name in names if accuracy.get(name))


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """ "+1.2 ± 0.4 points": how much higher the first accuracy {mean, std, n} is, ± one standard error.

    √(s₁²/n₁ + s₂²/n₂); without it where one of them has no spread. "no difference" where they agree to a digit.
    """
    points = f"{100 * (one['mean'] - other['mean']):+.1f}"
    if all(value.get("std") is not None and value["n"] > 1 for value in (one, other)):
        error = math.sqrt(sum(value["std"] ** 2 / value["n"] for value in (one, other)))
        return f"{points if float(points) else '0.0'} ± {100 * error:.1f} points"
    return f"{points} points" if float(points) else "no difference"


def duration(seconds: float | None) -> str:
    """0.42 → "0.4 s"; 200 → "3 min 20 s"; 7500 → "2 h 05 min"."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
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


def value(given: Any) -> str:
    """A parameter's value: 0.01, "yes", a dash for None."""
    if given is None:
        return NONE
    if isinstance(given, bool):
        return "yes" if given else "no"
    return f"{given:g}" if isinstance(given, float) else str(given)
