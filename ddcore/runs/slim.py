"""The same values in a fraction of the memory, to be kept with ten thousand others and not to be changed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from sys import intern
from typing import Any, TypeVar

from ddcore.summary import Answer

V = TypeVar("V")
MOST = 1024  # values that are shared
SPLIT = 30  # names, from which on Python's objects share them no longer
NUMBERS = {int, float, bool, type(None)}
PLAIN = {str, *NUMBERS}
_SHARED: dict[Any, Any] = {}


def slim(value: V) -> V:
    """An equal value with one copy of each text, and of each flat dictionary, list of texts and answer of switches, in
    all that came through here; names lie beside what they name once for all that have the same."""
    same: V = _slim(value)
    return same


def _slim(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return intern(value)
    if kind is dict:
        one = _dict({_slim(name): each if type(each) in NUMBERS else _slim(each) for name, each in value.items()})
        return _shared(one, one.values(), {str, bool})
    if kind is list or kind is tuple:
        return value if NUMBERS.issuperset(map(type, value)) else _shared(kind(map(_slim, value)), value, {str})
    return _answer(value) if isinstance(value, Answer) else value


def _shared(value: V, parts: Iterable[Any], told: set[type]) -> V:
    """The first of all that are equal in value and types, where these parts are plain and some of them is `told`."""
    kinds = set(map(type, parts))
    if not kinds <= PLAIN or kinds.isdisjoint(told):
        return value
    if len(_SHARED) >= MOST:
        _SHARED.clear()
    shared: V = _SHARED.setdefault(repr(value), value)  # -0.0 is equal to 0.0, and True to 1
    return shared


def _answer(answer: Answer) -> Answer:
    one = answer.__class__.__new__(answer.__class__)
    for name, value in answer.__dict__.items():  # one by one, or they would not share their names
        object.__setattr__(one, name, value if type(value) in NUMBERS else _slim(value))
    for slot in ("__pydantic_extra__", "__pydantic_private__"):
        object.__setattr__(one, slot, getattr(answer, slot))
    names = frozenset(answer.__pydantic_fields_set__)
    object.__setattr__(one, "__pydantic_fields_set__", _names(names))
    if {bool}.issuperset(map(type, one.__dict__.values())):
        one = _SHARED.setdefault((type(one), *one.__dict__.values(), names), one)
    return one


def _dict(values: dict[Any, Any]) -> dict[Any, Any]:
    """A dictionary that shares its names with all that have the same ones in the same order, as objects of a class do:
    it takes a third."""
    if (holder := _holder(tuple(values))) is None:
        return values
    one = vars(holder())
    for name, value in values.items():
        one[name] = value
    return one


@lru_cache(maxsize=1024)
def _holder(names: tuple[Any, ...]) -> type[Any] | None:
    """A class for the dictionaries of these names; None where it would save nothing."""
    return type("Holder", (), {}) if len(names) < SPLIT and {str}.issuperset(map(type, names)) else None


@lru_cache(maxsize=4096)
def _names(names: frozenset[str]) -> set[str]:
    return set(names)
