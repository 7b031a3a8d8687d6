"""Private runs among everybody's: what becomes everybody's with one, and which of them tell nothing new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ddcore.runs.record import RunRecord


def along(record: RunRecord, private: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs that become everybody's with this one, each behind what it builds on.

    What it builds on, for nobody could look at it without; and what builds on these, unless it was asked for privately
    itself or builds on something else that is private. private: all private runs of its owner.
    """
    own = {one.id: one for one in private}
    shared: dict[str, RunRecord] = {}

    def take(one: RunRecord) -> None:
        for parent in _parents(one, own):
            take(own[parent])
        shared.setdefault(one.id, one)

    take(record)
    resting = [one for one in own.values() if not one.info.get("salt") and _parents(one, own)]
    while new := [one for one in resting if one.id not in shared and shared.keys() >= {*_parents(one, own)}]:
        shared |= {one.id: one for one in new}
    return list(shared.values())


def _parents(record: RunRecord, own: Mapping[str, RunRecord]) -> list[str]:
    return [run_id for run_id in record.info.get("parents") or () if run_id in own]


def repeats(
    records: Sequence[RunRecord], sets: Mapping[str, RunRecord] = MappingProxyType({})
) -> dict[str, str]:
    """Run that was asked for privately → another of these that asks the very same: the same numbers once more, which
    count once where numbers are pooled. sets: run → record, for evaluations of runs that were asked for privately."""
    def of(record: RunRecord) -> RunRecord | None:
        return sets.get(str(record.config.get("run")))

    def roughly(record: RunRecord) -> tuple[Any, ...]:
        return record.kind, record.name, *map(record.config.get, ("dataset", "ipc", "seed"))

    def is_salted(record: RunRecord | None) -> bool:
        return record is not None and "salt" in record.info

    salted = {record.id for record in records if is_salted(record) or is_salted(of(record))}
    if not salted:
        return {}
    near = {roughly(record) for record in records if record.id in salted}
    first, again = dict[str, str](), dict[str, str]()
    for record in sorted(records, key=lambda record: record.id in salted):  # a question takes long to write down
        if roughly(record) in near:
            question = record.without(run=one.without() if (one := of(record)) else None)
            if (other := first.setdefault(question, record.id)) != record.id and record.id in salted:
                again[record.id] = other
    return again


def distinct(records: Sequence[RunRecord]) -> list[RunRecord]:
    """These runs without those that repeat another one of them."""
    again = repeats(records)
    return [record for record in records if record.id not in again]
