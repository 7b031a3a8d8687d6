"""The axes of a sweep: which parameters are varied, and over which values.

    lambda_task=0,0.01,0.1,1            these values
    lr_img=0.1..100:4                   four from 0.1 to 100, evenly; on a logarithm where the parameter is declared so
    lr_img+momentum_img=1+0.5,10+0.9    two that move together
    evaluate.protocol=course,steps      of how each set is judged
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ddcore.errors import ConfigError, suggestion
from ddcore.params import ParamInfo, shown

EVALUATION = "evaluate."  # before the name of a parameter that judges a set instead of making it
MOST_VALUES = 100  # of one axis


@dataclass(frozen=True)
class Axis:
    """names: of the parameters that move along it; points: for each position, a value of each of them."""

    names: tuple[str, ...]
    points: tuple[tuple[Any, ...], ...]

    def __str__(self) -> str:
        """As it is written: "lr_img=0.1,1,10"."""
        return f"{'+'.join(self.names)}={','.join('+'.join(map(_written, point)) for point in self.points)}"

    def at(self, position: int) -> dict[str, Any]:
        """Parameter → value at a position."""
        return dict(zip(self.names, self.points[position], strict=True))

    def of(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The point on it that these values of all parameters have."""
        return tuple(values[name] for name in self.names)


def axes(text: str, params: Mapping[str, ParamInfo]) -> tuple[Axis, ...]:
    """The axes that `text` describes, with semicolons between; params: what may be varied, by name.

    Raises ConfigError with every problem: no axis, a name twice or that is not there, values that are no such values.
    """
    parsed, problems = list[Axis](), list[str]()
    for part in filter(None, map(str.strip, text.split(";"))):
        try:
            parsed.append(_axis(part, params))
        except ConfigError as error:
            problems += error.problems
    names = [name for axis in parsed for name in axis.names]
    problems += [f"{name} is varied twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    if not parsed and not problems:
        problems.append("a sweep varies at least one parameter, such as lambda_task=0,0.01,1; got none")
    if problems:
        raise ConfigError(problems)
    return tuple(parsed)


def _axis(text: str, params: Mapping[str, ParamInfo]) -> Axis:
    left, equals, right = text.partition("=")
    names = tuple(name.strip().replace("-", "_") for name in left.split("+"))
    problems = [f"no parameter {name!r} to vary{suggestion(name, params)}" for name in names if name not in params]
    if not equals or not right.strip():
        problems.append(f"an axis is written name=value,value, got {text!r}")
    if problems:
        raise ConfigError(problems)
    if ".." in right:
        if len(names) > 1:
            raise ConfigError([f"a range is of one parameter; write the values of {left.strip()} one by one"])
        points = [(value,) for value in _range(params[names[0]], right)]
    else:
        points = list(_points(names, right, params))
    points = list(dict.fromkeys(points))
    if len(points) > MOST_VALUES:
        raise ConfigError([f"at most {MOST_VALUES} values of {left.strip()}, got {len(points):,}"])
    return Axis(names, tuple(points))


def _points(names: tuple[str, ...], text: str, params: Mapping[str, ParamInfo]) -> Iterator[tuple[Any, ...]]:
    """The values that stand there one by one."""
    for part in text.split(","):
        words = _words([params[name] for name in names], part.strip())
        if len(words) != len(names):
            raise ConfigError([f"{'+'.join(names)} takes {len(names)} values at a time, with + between, got {part!r}"])
        yield tuple(_value(params[name], word) for name, word in zip(names, words, strict=True))


def _words(params: Sequence[ParamInfo], part: str) -> list[str]:
    """ "0.1+0.9": a word for each parameter. A choice or a number may have a + in itself: "real+noise", "1e+20"."""
    if len(params) == 1:
        return [part]
    own = ("|".join(map(re.escape, sorted(p.choices, key=len, reverse=True))) if p.choices else r"[^+]*[eE]\+\d+|[^+]*"
           for p in params)
    found = re.fullmatch(r"\+".join(rf"\s*({one})\s*" for one in own), part)
    return [word.strip() for word in (found.groups() if found else part.split("+"))]


def _value(p: ParamInfo, word: str) -> Any:
    """One value of this parameter. Bounds and names are checked by the Config of the run that gets it."""
    if p.type in ("choice", "text"):
        return word
    if p.type == "bool":
        if word.lower() not in ("yes", "no", "true", "false"):
            raise ConfigError([f"{p.name} must be yes or no, got {word!r}"])
        return word.lower() in ("yes", "true")
    number = _number(p, word)
    if p.type == "int" and number != int(number):
        raise ConfigError([f"{p.name} must be a whole number, got {word!r}"])
    return int(number) if p.type == "int" else number


def _number(p: ParamInfo, word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError([f"{p.name} must be a number, got {word!r}"])
    return number


def _range(p: ParamInfo, text: str) -> list[Any]:
    """ "0.1..100:4": spaced values, both ends among them; whole numbers are rounded, each once.

    On a logarithm where the parameter is declared so; evenly from a 0 that it may be, for that has no logarithm.
    """
    ends, _, count = text.partition(":")
    first, _, last = ends.partition("..")
    if p.type not in ("int", "float"):
        raise ConfigError([f"{p.name} has no range: it is no number; write its values one by one"])
    low, high = _number(p, first), _number(p, last)
    if not count.strip().isdecimal() or not 2 <= int(count) <= MOST_VALUES:
        raise ConfigError([f"a range says how many values it has (2 to {MOST_VALUES}), as in {first}..{last}:4; "
                           f"got {text.strip()!r}"])
    log = p.log and (low != 0 or p.low != 0 or p.low_open)
    if low >= high or (log and low <= 0):
        above = " above 0, for its values are spaced on a logarithm" if log else ""
        raise ConfigError([f"the range of {p.name} goes from a smaller number to a larger one{above}; got {ends!r}"])
    steps = int(count) - 1
    between = [low * (high / low) ** (i / steps) if log else low + (high - low) * i / steps for i in range(1, steps)]
    rounded = [low, *(float(f"{value:.3g}") for value in between), high]
    return [*dict.fromkeys(map(round, rounded))] if p.type == "int" else rounded


def _written(value: Any) -> str:
    return shown(value) if isinstance(value, bool) else str(value) if not isinstance(value, float) else f"{value:.12g}"
