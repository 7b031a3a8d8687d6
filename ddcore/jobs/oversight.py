"""Who uses what, where many people share one workbench, and what a teacher can do about it.

Somebody's private runs are counted and never named: whoever may not see a run is told None for its id.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ddcore import home
from ddcore.hosting import audit, ledger, owners, quotas, rights
from ddcore.hosting import people as known
from ddcore.hosting.people import MACHINE, Person, acting_as
from ddcore.hosting.settings import Quota, settings
from ddcore.jobs import api
from ddcore.jobs.launch import lives
from ddcore.jobs.queue import Queue
from ddcore.jobs.slots import ASIDE, slots
from ddcore.run_id import RUN_ID
from ddcore.runs.state import asker, asking
from ddcore.runs.store import Store


@dataclass(frozen=True)
class Use:
    """What a person uses. seen: when they were here last, seconds since 1970, 0 for never; waiting, working, done:
    runs; today, lately: GPU seconds, in the last 24 hours and by the half-life of the queue; disk: bytes, of what
    several own their share; quota: their limits; allowed: those of them that a teacher gave."""

    person: Person
    seen: float
    waiting: int
    working: int
    done: int
    today: float
    lately: float
    disk: float
    datasets: int
    quota: Quota
    allowed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """A run that waits or works. id: None of one that who looks may not see; people: who wait for it; slot: that works
    on it, "" while it waits; position: 1 for the one that is taken next, 0 for one that works."""

    id: str | None
    people: tuple[Person, ...]
    state: str
    slot: str
    position: int


@dataclass(frozen=True)
class SlotUse:
    """A slot. run: what it works on, None for nothing and for what who looks may not see; working: whether it does;
    alive: whether its runner is there, which it is only while there is something to do."""

    name: str
    working: bool
    alive: bool
    run: str | None


def uses() -> list[Use]:
    """What everybody uses who was here once or owns something, by name."""
    rights.require("oversee")
    store, queue = Store().whole(), Queue()
    ids = [one.id for one in known.people()]
    folders = {folder.name: folder for each in store.folders().values() for folder in each}
    waiting = Counter(one for ticket in queue.waiting() if not ticket.aside and ticket.run_id in folders
                      for one in asking(folders[ticket.run_id]))
    working = Counter(one for slot, run_id in queue.active().items() if slot != ASIDE.name and run_id in folders
                      for one in asking(folders[run_id]))
    done = {name for name, folder in folders.items() if os.path.exists(f"{folder}/run.json")}
    hosted = settings()
    today, lately = ledger.last_day(), ledger.recent(hosted.queue.half_life if hosted else 24.0)
    disk = quotas.disk(ids)
    return [Use(one, known.seen(one.id), waiting[one.id], working[one.id], len(owners.owned(one.id) & done),
                today.get(one.id, 0.0), lately.get(one.id, 0.0), disk[one.id], len(data_sets(one.id)),
                quotas.of(one.id), quotas.allowed(one.id)) for one in known.people()]


def data_sets(person: str) -> list[str]:
    """The names of the own data sets that a person brought and that are here."""
    begin = owners.data_set("")
    names = sorted(one.removeprefix(begin) for one in owners.owned(person) if one.startswith(begin))
    return [name for name in names if (home.data_root() / home.OWN / name).is_dir()]


def queue() -> list[Place]:
    """What works and what waits, in the order in which it is taken."""
    rights.require("oversee")
    taken = {run_id: slot for slot, run_id in Queue().active().items()}
    with acting_as(MACHINE):
        jobs = api.list_jobs()
        people = {run_id: asking(Store().record(run_id).folder) for run_id, _ in jobs}
    seen = _seen(run_id for run_id, _ in jobs)
    return [Place(run_id if run_id in seen else None, tuple(map(known.person, people[run_id])), status.state,
                  taken.get(run_id, "") if status.state != "queued" else "", status.position or 0)
            for run_id, status in jobs]


def slot_uses() -> list[SlotUse]:
    """Every slot, and what it works on."""
    rights.require("oversee")
    taken = Queue().active()
    seen = _seen(taken.values())
    return [SlotUse(one.name, one.name in taken, lives(one.name),
                    run_id if (run_id := taken.get(one.name)) in seen else None) for one in slots()]


def cancel_all(person: str) -> int:
    """Nothing that waits or works does so for this person any longer: what somebody else waits for goes on, the rest
    is stopped. How many runs that were."""
    with rights.deed("steer", person) as outcome:
        with acting_as(MACHINE):
            folders = [Store().record(run_id).folder for run_id, _ in api.list_jobs()]
            theirs = sorted((one for one in folders if person in asking(one)), key=lambda one: bool(asker(one)))
            for folder in theirs:  # first those that ask for others, which end with them
                api.withdraw(folder.name, known.person(person))
        outcome.word = f"done: cancelled {len(theirs)} run{'s' * (len(theirs) != 1)}"
    return len(theirs)


def log(person: str = "", deed: str = "", most: int = 200) -> list[dict[str, Any]]:
    """The last lines of the audit log, newest first, of this person and this deed where they are named. A run that who
    looks may not see is "" in it."""
    rights.require("oversee")
    lines = [line for line in audit.lines(10**9) if person in ("", line.get("who")) and deed in ("", line.get("deed"))]
    lines = lines[:most]
    runs = {str(line.get("what")) for line in lines if line.get("deed") != "steer"}
    with acting_as(MACHINE):
        there = _seen(runs)
    private = {str(line.get("what")) for line in lines if audit.PRIVATE in line}
    hidden = (there | private) - _seen(there)
    return [_without(line, hidden) for line in lines]


def _without(line: dict[str, Any], hidden: Iterable[str]) -> dict[str, Any]:
    """A line of the log that names none of these runs."""
    for one in hidden:
        line = {name: "" if value == one else value.replace(one, "…") if isinstance(value, str) else value
                for name, value in line.items()}
    return line


def _seen(run_ids: Iterable[str]) -> set[str]:
    """Those of these runs that are there for who acts."""
    store = Store()
    return {one for one in run_ids if RUN_ID.fullmatch(one) and store.exists(one)}
