"""All runs of a place as they were listed last, with what was made of them: that holds until one of them changes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ddcore.runs.record import RunRecord

PLACES = 8  # that are kept: that of all who have no private runs, and those of the last few who have
MANY = 1000  # records that are new at once, from which on they are kept out of the garbage collector's way

Place = tuple[Path, ...]  # everybody's runs, private ones, those that ship
T = TypeVar("T")


class Listing:
    """read: the records as they were read; imports: what imported ones build on; records: newest first, linked."""

    def __init__(self, read: Sequence[RunRecord], imports: Mapping[str, str], records: Sequence[RunRecord]) -> None:
        self.read, self.imports, self.records = read, imports, records
        self._made: dict[Callable[..., Any], tuple[tuple[Hashable, ...], Any]] = {}

    def holds(self, read: Sequence[RunRecord], imports: Mapping[str, str]) -> bool:
        """Whether all runs are what they were; finished ones are the same objects until a file is replaced."""
        return (len(read) == len(self.read) and imports == self.imports
                and all(one is other or one == other for one, other in zip(read, self.read, strict=True)))

    def of(self, kind: str | None) -> list[RunRecord]:
        return list(self.records if kind is None else self._by_kind.get(kind, ()))

    @cached_property
    def _by_kind(self) -> Mapping[str, Sequence[RunRecord]]:
        kinds: dict[str, list[RunRecord]] = {}
        for record in self.records:
            kinds.setdefault(record.kind, []).append(record)
        return kinds

    def made(self, make: Callable[..., T], of: tuple[Hashable, ...], now: Callable[[], T]) -> T:
        """What `now` makes, once for these runs and `of`; of other values of `of`, the last is kept."""
        if (kept := self._made.get(make)) is None or kept[0] != of:
            kept = self._made[make] = of, now()
        value: T = kept[1]
        return value


_last: dict[Place, Listing] = {}  # a process looks at few places over and over; the last one last


def listed(place: Place, read: Sequence[RunRecord], imports: Mapping[str, str],
           order: Callable[[], Sequence[RunRecord]]) -> Listing:
    """The listing of these records: the last one of this place as long as it holds, else a new one in this order."""
    known = max((len(one.read) for one in [*_last.values()]), default=0)
    last = _last.get(place)
    listing = last if last is not None and last.holds(read, imports) else Listing(read, imports, order())
    _last.pop(place, None)
    _last[place] = listing
    for oldest in [*_last][:-PLACES]:
        _last.pop(oldest, None)
    if listing is not last and len(read) - known >= MANY:
        _set_aside()
    return listing


def _set_aside() -> None:
    """Spare the garbage collector all that there is: to look through ten thousand records takes it longer than a page
    takes. Records hold no cycles: they go without it."""
    gc.collect()
    gc.freeze()
