"""Whose runs and data sets: everybody who asked for a run owns it. Outside of the run and of its key, so that equal
questions share one run, and what is packed or exported names nobody."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ddcore import home
from ddcore.disk import append
from ddcore.hosting.people import PERSON_ID

GONE = "-"  # before what belongs to a person no longer


def take(person: str, *run_ids: str) -> None:
    """These runs belong to this person, too; `data_set` names a data set here and below as an id does a run."""
    if not PERSON_ID.fullmatch(person) or not (new := [one for one in run_ids if one not in owned(person)]):
        return
    _add(person, *new)


def take_over(person: str, run_id: str) -> None:
    """It belongs to this person, and no longer to whom it belonged before: a data set of a name that was free again."""
    for one in owners(run_id):
        if one != person:
            _add(one, f"{GONE}{run_id}")
    take(person, run_id)


def owned(person: str) -> frozenset[str]:
    """Ids of the runs that this person asked for."""
    return _owned(_place() / f"{person}.owns") if PERSON_ID.fullmatch(person) else frozenset()


def owners(run_id: str) -> tuple[str, ...]:
    """Ids of the people who asked for a run; none for one that was made before anybody signed in."""
    return tuple(sorted(one for one in _people() if run_id in owned(one)))


def belongs(run_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """`owners` of many runs at once; those of nobody are left out."""
    found: dict[str, tuple[str, ...]] = {}
    wanted = frozenset(run_ids)
    for person in sorted(_people()):
        for run_id in owned(person) & wanted:
            found[run_id] = (*found.get(run_id, ()), person)
    return found


def data_set(name: str) -> str:
    """What stands for an own data set among the ids of runs."""
    return f"data:{name}"


def _add(person: str, *words: str) -> None:
    append(_place() / f"{person}.owns", *words)


def _people() -> list[str]:
    try:
        names = os.listdir(_place())
    except OSError:
        return []
    return [one.removesuffix(".owns") for one in names
            if one.endswith(".owns") and PERSON_ID.fullmatch(one.removesuffix(".owns"))]


def _owned(path: Path) -> frozenset[str]:
    try:
        stat = path.stat()
    except OSError:
        return frozenset()
    return _lines(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=512)
def _lines(path: Path, *_: int) -> frozenset[str]:
    try:
        words = path.read_text("ascii", errors="replace").split()
    except OSError:
        return frozenset()
    owns = {word.removeprefix(GONE): not word.startswith(GONE) for word in words}  # the last line says it
    return frozenset(word for word, here in owns.items() if here)


def _place() -> Path:
    return home.home() / "people"
