"""What a teacher looks at, as tables: who uses what, what waits, what was done."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ddcore.hosting.people import Person
from ddcore.hosting.people import person as known_as
from ddcore.hosting.settings import Quota
from ddcore.jobs.oversight import Place, SlotUse, Use
from ddcore.lazy import pd
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord

PRIVATE = "a private run"
LIMITS = {"waiting": "Runs waiting", "working": "Runs working", "gpu_minutes": "GPU minutes in 24 h",
          "disk_gb": "Disk (GB)", "datasets": "Own data sets", "run_hours": "Hours of one run"}


def people(uses: Sequence[Use]) -> pd.DataFrame:
    """One row a person. What is limited is told with its limit: "12 of 50"."""
    rows = [{"id": use.person.id, "person": called(use.person), "email": use.person.email, "role": use.person.role,
             "seen": text.ago(use.seen), "waiting": _of(use.waiting, use, "waiting"),
             "working": _of(use.working, use, "working"), "done": use.done,
             "today": _of(round(use.today / 60), use, "gpu_minutes"), "lately": round(use.lately / 60),
             "disk": f"{text.bytes_(use.disk)}{_limit(use, 'disk_gb', ' GB')}",
             "datasets": _of(use.datasets, use, "datasets")} for use in uses]
    return pd.DataFrame(rows, columns=["id", "person", "email", "role", "seen", "waiting", "working", "done", "today",
                                       "lately", "disk", "datasets"])


def _of(number: int, use: Use, limit: str) -> str:
    return f"{number:,}{_limit(use, limit)}"


def _limit(use: Use, name: str, unit: str = "") -> str:
    """ " of 50", "" for whom there is no limit."""
    most = getattr(use.quota, name) if use.person.role not in ("teacher", "admin") else 0
    return f" of {most:,g}{unit}" if most else ""


def queue(places: Sequence[Place], records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """One row a run that works or waits: run, people, state, place."""
    rows = [{"id": place.id or "", "run": _run(place.id, records), "people": ", ".join(map(called, place.people)),
             "state": place.state, "place": place.slot or (f"number {place.position}" if place.position else text.NONE)}
            for place in places]
    return pd.DataFrame(rows, columns=["id", "run", "people", "state", "place"])


def slots(uses: Sequence[SlotUse], records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """One row a slot: slot, run, runner."""
    rows = [{"slot": use.name, "run": _run(use.run, records) if use.working else text.NONE,
             "runner": "alive" if use.alive else "none: nothing to do" if not use.working else "gone"} for use in uses]
    return pd.DataFrame(rows, columns=["slot", "run", "runner"])


def log(lines: Iterable[Mapping[str, Any]], records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """One row a line of the audit log, newest first: when, who, id, role, deed, what, its id, outcome."""
    rows = [{"when": moment(line.get("when")), "who": called(known_as(str(line.get("who")))),
             "who_id": str(line.get("who")), "role": line.get("role"), "deed": line.get("deed"),
             "what": _what(line, records), "what_id": str(line.get("what")), "outcome": line.get("outcome")}
            for line in lines]
    return pd.DataFrame(rows, columns=["when", "who", "who_id", "role", "deed", "what", "what_id", "outcome"])


def _what(line: Mapping[str, Any], records: Mapping[str, RunRecord]) -> str:
    """What it was done to, by its name."""
    what = str(line.get("what"))
    if line.get("deed") == "steer":
        return "the queue" if what == "queue" else called(known_as(what))
    return _run(what or None, records) if what in records or not what else what


def _run(run_id: str | None, records: Mapping[str, RunRecord]) -> str:
    if not run_id:
        return PRIVATE
    return tables.title(records[run_id]) if run_id in records else run_id


def called(person: Person) -> str:
    """A person's name; what is known where they gave none."""
    return person.name or person.email or person.id


def moment(seconds: Any) -> str:
    """ "30 Nov 2026, 18:45:07", by the clock of the machine."""
    if not isinstance(seconds, int | float):
        return text.NONE
    return time.strftime("%d %b %Y, %H:%M:%S", time.localtime(seconds))


def quota(limits: Quota, allowed: Mapping[str, Any]) -> pd.DataFrame:
    """One row a limit: what it is, how much, and whether a teacher allowed it."""
    rows = [{"limit": title, "most": f"{most:,g}" if (most := getattr(limits, name)) else "no limit",
             "from": "allowed by a teacher" if name in allowed else "settings"} for name, title in LIMITS.items()]
    return pd.DataFrame(rows)
