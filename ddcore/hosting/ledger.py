"""The ledger: how long each person's runs held a slot. One JSON line for each session of a worker, only ever added to.

<home>/use/
    sessions.jsonl     the sessions that have ended
    <slot>.json        the session that holds this slot now, brought up to date every few seconds by the slot's runner

Who waits for a run at the moment shares its seconds equally. They are counted by a clock that only runs forward, and
only while somebody watches: a wall clock that is set, or a machine that was off, makes nobody's use longer. The wall
clock says no more than how long ago it was.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ddcore import home
from ddcore.disk import append, last_lines, write_bytes
from ddcore.hosting.people import MACHINE

TAIL = 3_000_000  # bytes at its end that are looked at: more than ten thousand sessions
LAST = 100  # sessions among which one is looked for that ended and still seems to hold its slot
DAY = 86_400.0  # seconds
SHORTEST = 60.0  # half-life in seconds: who went last is known for some minutes, so that people go round in turn
Version = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Session:
    """One session of a worker. id: its own; run: what it computed; when: of its last second, in seconds since 1970;
    seconds: of each person, by id; counted: until when, in seconds since the machine came up."""

    id: str
    run: str
    slot: str
    when: float
    seconds: Mapping[str, float]
    counted: float = 0.0

    @property
    def length(self) -> float:
        """Seconds that it held the slot."""
        return sum(self.seconds.values())


def begin(slot: str, run: str) -> None:
    """From now on a run holds this slot. OSError where it cannot be written, here and below."""
    end(slot)
    _write(Session(f"{run}.{time.time_ns()}", run, slot, time.time(), {}, time.monotonic()))


def count(slot: str, people: Collection[str]) -> None:
    """What holds this slot has held it until now for these people; for the machine's own user where there are none."""
    if (held := holding(slot)) is not None:
        now, each = time.monotonic(), people or (MACHINE.id,)
        share = max(0.0, now - held.counted) / len(each)
        seconds = {**held.seconds, **{one: held.seconds.get(one, 0.0) + share for one in each}}
        _write(replace(held, when=time.time(), seconds=seconds, counted=now))


def holding(slot: str) -> Session | None:
    """The session that holds this slot, as far as it was written down."""
    try:
        return _session(json.loads(_live(slot).read_bytes()))
    except (OSError, ValueError):
        return None


def end(slot: str) -> None:
    """The session that holds this slot, if one does, is over: it becomes a line."""
    held = holding(slot)
    if held is not None and held.seconds and held.id not in _ended_ids():
        line = {**asdict(held), "seconds": {one: round(value, 3) for one, value in held.seconds.items()}}
        del line["counted"]
        append(path(), json.dumps(line))
    _live(slot).unlink(missing_ok=True)


def recent(half_life: float, now: float | None = None) -> Mapping[str, float]:
    """Seconds that each person used lately, by id: one that lies `half_life` hours back counts half, and so on; so does
    one of a minute ago where that is less. now: seconds since 1970, in place of the clock."""
    return _recent(_version(), half_life, float(int(time.time())) if now is None else now)


def last_day(now: float | None = None) -> dict[str, float]:
    """Seconds that each person used in the last 24 hours, by id. now: as for `recent`."""
    now, used = time.time() if now is None else now, dict[str, float]()
    for one, age in _aged(_known(_version()), now):
        within = max(0.0, min(one.length, DAY - age))
        for person, seconds in one.seconds.items() if within else ():
            used[person] = used.get(person, 0.0) + seconds * within / one.length
    return used


def path() -> Path:
    return home.home() / "use" / "sessions.jsonl"


def faded(sessions: Sequence[Session], half_life: float, now: float) -> dict[str, float]:
    """Seconds of each person in these sessions, oldest first, as `recent` counts them."""
    half, used = max(SHORTEST, half_life * 3600.0), dict[str, float]()
    for one, age in _aged(sessions, now):
        worth = _worth(one.length, age, half)
        for person, seconds in one.seconds.items():
            used[person] = used.get(person, 0.0) + seconds * worth
    return used


@lru_cache(maxsize=8)  # asked for by every look at a place in the queue
def _recent(version: Version, half_life: float, now: float) -> Mapping[str, float]:
    return MappingProxyType(faded(_known(version), half_life, now))


def _worth(length: float, age: float, half: float) -> float:
    """What a second of a session counts on average that took `length` seconds and ended `age` seconds ago:
    ∫ 2^(-t/half) dt from age to age + length, over length."""
    rate = math.log(2) / half
    return math.exp(-rate * age) * (-math.expm1(-rate * length) / (rate * length) if length else 1.0)


def _aged(sessions: Sequence[Session], now: float) -> Iterator[tuple[Session, float]]:
    """Each session with the seconds since its end, the latest first.

    One that a clock which ran ahead put into the future ended at the latest before the next one did, or just now.
    """
    ended = now
    for one in reversed(sessions):
        if one.when <= now:
            ended = one.when
        yield one, now - ended


def _version() -> Version:
    """What differs once something was written: of every file that sessions are read from."""
    found = list[tuple[str, int, int, int]]()
    with contextlib.suppress(OSError), os.scandir(path().parent) as entries:
        for one in entries:
            if one.name == path().name or (one.name.endswith(".json") and not one.name.startswith(".")):
                with contextlib.suppress(OSError):  # ended meanwhile
                    stat = os.stat(one.path)
                    found.append((one.path, stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(found))


@lru_cache(maxsize=4)
def _known(version: Version) -> tuple[Session, ...]:
    """All sessions, oldest first; those that hold a slot now come last."""
    ended, known = _ended(), _ended_ids()
    held = (holding(Path(name).stem) for name, *_ in version if name.endswith(".json"))
    return (*ended, *(one for one in held if one is not None and one.id not in known))


def _ended_ids() -> set[str]:
    """Ids of the last sessions that have ended: a runner may die between writing down one's end and forgetting it."""
    return {one.id for one in _ended()[-LAST:]}


def _ended() -> tuple[Session, ...]:
    try:
        stat = path().stat()
    except OSError:
        return ()
    return _read(path(), stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2)
def _read(path: Path, *_: int) -> tuple[Session, ...]:
    try:
        lines = last_lines(path, TAIL)
    except OSError:
        return ()
    return tuple(one for line in lines if (one := _parsed(line)) is not None)


def _parsed(line: bytes) -> Session | None:
    """The session of a line; None for what a full disk or the beginning of what is looked at cut short."""
    try:
        return _session(json.loads(line))
    except ValueError:
        return None


def _session(stored: Any) -> Session | None:
    try:
        seconds = {str(one): float(value) for one, value in stored["seconds"].items()}
        read = Session(str(stored["id"]), str(stored["run"]), str(stored["slot"]), float(stored["when"]), seconds,
                       float(stored.get("counted") or 0.0))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return read if all(math.isfinite(value) and value >= 0 for value in (read.when, *seconds.values())) else None


def _write(held: Session) -> None:
    path = _live(held.slot)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps(asdict(held)).encode(), durable=False)


def _live(slot: str) -> Path:
    return path().with_name(f"{slot}.json")
