"""All runs of a place as they were listed last, with what was made of them: that holds until one of them changes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ddcore.runs.record import RunRecord

MANY = 1000  # records that are new at once, from which on they are kept out of the garbage collector's way

Place = tuple[Path, Path]  # the user's own runs, those that ship
T = TypeVar("T")


class Listing:
    """read: the records as they were read; imports: what imported ones build on; records: newest first, linked."""

    def __init__(self, place: Place, read: Sequence[RunRecord], imports: Mapping[str, str],
                 records: Sequence[RunRecord]) -> None:
        self.place, self.read, self.imports, self.records = place, read, imports, records
        self._made: dict[Callable[..., Any], tuple[tuple[Hashable, ...], Any]] = {}

    def holds(self, place: Place, read: Sequence[RunRecord], imports: Mapping[str, str]) -> bool:
        """Whether all runs are what they were; finished ones are the same objects until a file is replaced."""
        return (place == self.place and len(read) == len(self.read) and imports == self.imports
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


_last: Listing | None = None  # a process looks at one place over and over


def listed(place: Place, read: Sequence[RunRecord], imports: Mapping[str, str],
           order: Callable[[], Sequence[RunRecord]]) -> Listing:
    """The listing of these records: the last one as long as it holds, else a new one in this order."""
    global _last
    last = _last
    if last is not None and last.holds(place, read, imports):
        return last
    begun = _last = Listing(place, read, imports, order())
    if len(read) - (len(last.read) if last and last.place == place else 0) >= MANY:
        _set_aside()
    return begun


def _set_aside() -> None:
    """Spare the garbage collector all that there is: to look through ten thousand records takes it longer than a page
    takes. Records hold no cycles: they go without it."""
    gc.collect()
    gc.freeze()
