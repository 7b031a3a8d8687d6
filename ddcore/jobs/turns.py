"""Whose turn it is: in which order jobs are taken where many people share one workbench.

Whose people used least lately goes first; who used equally little takes turns; one person's runs go first come, first
served. A workbench of one's own, and the place beside the slots, serve all first come, first served.
"""

from __future__ import annotations

import bisect
import heapq
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from ddcore.errors import ConfigError
from ddcore.hosting import ledger
from ddcore.hosting.people import MACHINE, acting, acting_as
from ddcore.hosting.settings import Queue as Rules
from ddcore.hosting.settings import settings
from ddcore.jobs.job import came_at
from ddcore.jobs.queue import Queue, Ticket
from ddcore.jobs.slots import ASIDE, slots
from ddcore.runs.state import ASKING, asking
from ddcore.runs.store import Store

SLICE_SECONDS = 600.0  # that a run counts as taking where slices are of any length

People = tuple[str, ...]


def rules() -> Rules | None:
    """How people take turns; None where nobody shares this workbench."""
    try:
        hosted = settings()
    except ConfigError:  # told wherever somebody asks for something; meanwhile the queue goes on
        return Rules()
    return hosted.queue if hosted else None


def order(
    waiting: Sequence[People], used: Mapping[str, float], working: Iterable[People] = (), each: float = SLICE_SECONDS
) -> list[int]:
    """The order in which these jobs are taken: places in `waiting`.

    waiting: who waits for each job, first come first; used: seconds that each person used lately; working: who waits
    for each job that computes elsewhere meanwhile; each: seconds that a job counts as taking, shared by its people.
    Always the first job of whoever used least is taken, and then counts as used; of equals, the one that came first.
    """
    spent = defaultdict(float, used)
    for people in working:
        _spend(spent, people, each)
    lines = defaultdict[str, list[int]](list)
    for place, people in enumerate(waiting):
        for one in people:
            lines[one].append(place)
    begins, taken = dict.fromkeys(lines, 0), bytearray(len(waiting))
    due = [(spent[one], line[0], one) for one, line in lines.items()]
    heapq.heapify(due)
    places = list[int]()
    while due:
        before, line = due[0], lines[due[0][2]]
        one, begin = before[2], begins[before[2]]
        while begin < len(line) and taken[line[begin]]:
            begin += 1
        begins[one] = begin
        if begin == len(line):
            heapq.heappop(due)
        elif (now := (spent[one], line[begin], one)) != before:  # a job that was somebody else's, too, was taken
            heapq.heapreplace(due, now)
        else:
            places.append(line[begin])
            taken[line[begin]] = True
            _spend(spent, waiting[line[begin]], each)
    return places


def is_next(
    own: People, came: int, waiting: Sequence[People], used: Mapping[str, float], working: Iterable[People] = (),
    each: float = SLICE_SECONDS, ready: Callable[[int], bool] = lambda place: True,
) -> bool:
    """Whether no job of somebody else would be taken before this one if it waited, too; the rest as for `order`.

    own: who waits for it; came: how many of the others came before it; ready: whether the one at this place of
    `waiting` can start now.
    """
    line = [*waiting[:came], own, *waiting[came:]]
    for place in order(line, used, working, each):
        if place == came:
            return True
        if ready(place - (place > came)):
            return all(one in own for one in line[place])
    return True


def _spend(spent: dict[str, float], people: People, each: float) -> None:
    for one in people:
        spent[one] += each / len(people)


@dataclass(frozen=True)
class Turn:
    """Why a run stands where it stands. mine: whether who asks waits for it; used: seconds that this person used
    lately, else the one of its people who used least; own: jobs of that person that go first; others: people whose jobs
    go first, and who do not wait for it; less: whether all of these used less."""

    mine: bool
    used: float
    own: int
    others: int
    less: bool


class Line:
    """What waits for a slot. tickets: in the order in which they are taken; people: who waits for each, where turns are
    taken; used: seconds that each person used lately; hidden: places of private runs of others."""

    def __init__(
        self, tickets: Sequence[Ticket], people: Sequence[People] = (), used: Mapping[str, float] | None = None,
        hidden: Collection[int] = (),
    ) -> None:
        self.tickets, self.people, self.used, self.hidden = tickets, people, used or {}, hidden

    @cached_property
    def _places(self) -> Mapping[str, list[int]]:
        """The places of each person's jobs, ascending."""
        places = defaultdict[str, list[int]](list)
        for place, people in enumerate(self.people):
            for one in people:
                places[one].append(place)
        return places

    def turn(self, place: int) -> Turn | None:
        """Why the job at this place (from 0) stands there; None where it is first come, first served."""
        if not self.people:
            return None
        own, me = self.people[place], acting().id
        mine = me in own
        who = me if mine else min(own, key=lambda one: self.used.get(one, 0.0))
        used = self.used.get(who, 0.0)
        others = [one for one, places in self._places.items() if places[0] < place and one not in own]
        before_it = self._places[who][: bisect.bisect_left(self._places[who], place)]
        return Turn(mine, used, sum(one not in self.hidden for one in before_it), len(others),
                    all(self.used.get(one, 0.0) < used for one in others))


def lines(store: Store, queue: Queue, slot: str | None = None) -> tuple[Line, Line]:
    """What waits for the slots, and for the place beside them. slot: the one that comes free, where that is known."""
    waiting = queue.waiting()
    came, aside = [one for one in waiting if not one.aside], Line([one for one in waiting if one.aside])
    if not came or (now := rules()) is None:
        return Line(came), aside
    people = asked_by(store, [one.run_id for one in came])
    used, each = ledger.recent(now.half_life), _each(now)
    places = order(people, used, _working(store, queue, slot), each)
    tickets = [came[place] for place in places]
    folders = [] if store.sees_all() else _folders(store.whole(), [one.run_id for one in tickets])
    hidden = {at for at, folder in enumerate(folders) if not store.sees(folder)}
    return Line(tickets, [people[place] for place in places], used, hidden), aside


def before(store: Store, queue: Queue, people: People) -> set[str] | None:
    """Ids of the runs that would go before one that these people asked for now; None where all would."""
    now, came = rules(), [one for one in queue.waiting() if not one.aside]
    if now is None:
        return None
    waiting = [*asked_by(store, [one.run_id for one in came]), people]
    places = order(waiting, ledger.recent(now.half_life), _working(store, queue, None), _each(now))
    return {came[place].run_id for place in places[: places.index(len(came))]}


def gives_way(store: Store, queue: Queue, slot: str, run_id: str, ready: Callable[[Ticket], bool]) -> bool:
    """Whether a job that somebody else waits for would be next in this slot if the run that holds it stepped aside.

    ready: whether a job can start now.
    """
    if (now := rules()) is None:
        return False
    came = [one for one in queue.waiting() if not one.aside]
    people, (own,) = asked_by(store, [one.run_id for one in came]), asked_by(store, [run_id])
    if all(one in own for some in people for one in some):
        return False
    earlier = bisect.bisect([one.number for one in came], came_at(store.record(run_id).folder))
    used, working = ledger.recent(now.half_life), _working(store, queue, slot)
    return not is_next(own, earlier, people, used, working, _each(now), lambda place: ready(came[place]))


def asked_by(store: Store, run_ids: Iterable[str]) -> list[People]:
    """Who waits for each of these runs: ids of people, the machine's own user where nobody wrote it down."""
    with acting_as(MACHINE):  # the order is the same whoever looks
        return [_asking(folder) or (MACHINE.id,) for folder in _folders(store.whole(), list(run_ids))]


def _each(now: Rules) -> float:
    return now.slice_minutes * 60 or SLICE_SECONDS


def _working(store: Store, queue: Queue, slot: str | None) -> list[People]:
    """Who waits for each run that goes on computing elsewhere when a job is taken: in the slot that is named, else in
    one that is free, else in the one that was held longest."""
    held = {name: run_id for name, run_id in queue.active().items() if name != ASIDE.name}
    if slot is None and len(held) >= len(slots()):
        slot = max(held, key=lambda name: _held(name))
    return asked_by(store, [run_id for name, run_id in held.items() if name != slot])


def _held(slot: str) -> float:
    session = ledger.holding(slot)
    return session.length if session else 0.0


def _folders(store: Store, run_ids: Sequence[str]) -> list[str]:
    """The folder of each of these runs, "" where there is none: one look at all folders finds those of many."""
    known = _PLACES.setdefault(store.root, {})
    if any(one not in known for one in run_ids):
        wanted = {*run_ids} - known.keys()
        known |= {folder.name: str(folder) for folders in store.folders().values() for folder in folders
                  if folder.name in wanted}
    return [known.get(one, "") for one in run_ids]


def _asking(folder: str) -> People:
    try:
        stat = os.stat(f"{folder}/{ASKING}") if folder else None
    except OSError:
        if not os.path.isdir(folder):  # it was shared, which moved it: looked for anew the next time
            for places in _PLACES.values():
                places.pop(os.path.basename(folder), None)
        return ()
    return _read(folder, stat.st_ino, stat.st_mtime_ns) if stat else ()


@lru_cache(maxsize=2**17)
def _read(folder: str, *_: int) -> People:
    return asking(Path(folder))


_PLACES: dict[Path, dict[str, str]] = {}  # root → run → folder, of runs that have waited
