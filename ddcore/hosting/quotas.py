"""Quotas: what one person may use at most. The limits stand in the settings; a teacher can allow somebody more.

Teachers, admins and the machine's own user have none. Checked before anything is queued or stored, and by runners
before they begin a run: `held_back`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ddcore import home
from ddcore.disk import bytes_of, run_bytes, write_bytes
from ddcore.errors import ConfigError, QuotaReached, suggestion
from ddcore.hosting import owners, private, rights
from ddcore.hosting.people import MACHINE, PERSON_ID, Person, acting
from ddcore.hosting.people import person as known_as
from ddcore.hosting.settings import Quota, settings

FREE = ("teacher", "admin")
GB = 1e9
TYPES: Mapping[str, type] = {one.name: type(one.default) for one in fields(Quota)}
# Of each limit: what was used and is allowed, in words with its unit, and when it can go in.
_WORDS = {
    "waiting": ("You have {used} waiting", "run", "It can go in when one has started."),
    "gpu_minutes": ("You have used {used} in the last 24 hours", "GPU minute",
                    "It can go in when some of them are older, or when a teacher allows more."),
    "disk_gb": ("With it your runs and data sets take {used}", "GB",
                "It can go in when a teacher has deleted some that you put into the trash, or allows more."),
    "datasets": ("You have {used} of your own", "data set", "It can be added when you have removed one."),
    "run_hours": ("It has computed for {used}", "hour", "A teacher can resume it."),
}


def limited(one: Person | None = None) -> bool:
    """Whether there are limits for somebody, else for who acts here and now."""
    one = one or acting()
    return settings() is not None and one.signed_in and one.role not in FREE


def of(person: str) -> Quota:
    """The limits of a person, with what was allowed beyond those of the settings; 0 for no limit."""
    hosted = settings()
    return replace(hosted.quota, **allowed(person)) if hosted else Quota(0, 0, 0.0, 0.0, 0, 0.0)


def allowed(person: str) -> dict[str, Any]:
    """What a teacher allowed this person, by the names of the settings."""
    path = _path(person)
    try:
        return _allowed(path, path.stat().st_mtime_ns) if PERSON_ID.fullmatch(person) else {}
    except OSError:
        return {}


def allow(person: str, limit: str, number: float | None) -> None:
    """Allow a person so much of a limit, 0 for as much as they like; None: what the settings say.

    Raises ConfigError for what is no limit or no number, NotAllowed for whom the table forbids it.
    """
    with rights.deed("steer", person) as outcome:
        if limit not in TYPES:
            raise ConfigError([f"there is no limit {limit!r}{suggestion(limit, TYPES)}"])
        if not PERSON_ID.fullmatch(person):
            raise ConfigError([f"a person is named by 16 hex digits, got {person!r}"])
        if number is not None and not (math.isfinite(number) and number >= 0):
            raise ConfigError([f"{limit} must be 0 or more, got {number!r}"])
        if number and number != TYPES[limit](number):  # cut to 0 it would be no limit at all
            raise ConfigError([f"{limit} must be a whole number, got {number!r}"])
        given = {name: value for name, value in {**allowed(person), limit: number}.items() if value is not None}
        _path(person).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(_path(person), json.dumps(given).encode(), durable=False)
        outcome.word = f"done: {limit} {'as in the settings' if number is None else f'{number:g}'}"


def check(limit: str, used: float, more: float = 0.0) -> None:
    """QuotaReached where who acts has used all that is allowed, or would use more. used, more: in the unit of the
    limit."""
    if limited() and (most := getattr(of(acting().id), limit)) and (used >= most or used + more > most):
        raise QuotaReached(sentence(limit, used + more, most))


def check_disk(needed: Callable[[], float]) -> None:
    """QuotaReached where so many bytes more would take too much of what who acts may have on the disk."""
    me = acting().id
    if limited() and of(me).disk_gb:
        check("disk_gb", disk([me])[me] / GB, needed() / GB)


def sentence(limit: str, used: float, most: float) -> str:
    """ "You have 50 runs waiting; 50 are allowed. It can go in when one has started." """
    words, unit, remedy = _WORDS[limit]
    used_up, are = words.format(used=_counted(used, unit)), "is" if most == 1 else "are"
    return f"{used_up}; {_number(most)} {are} allowed. {remedy}"


def held_back(people: Collection[str], working: Callable[[str], int], spent: Callable[[str], float]) -> str:
    """Why a run that could start has to wait, as a sentence; "" where it need not.

    people: who wait for it; working: how many runs work for a person; spent: GPU seconds of a person in the last 24
    hours. It starts as soon as one of those who wait for it may have it.
    """
    reasons = [_reason(one, working, spent) for one in people]
    return reasons[0] if reasons and all(reasons) else ""


def _reason(person: str, working: Callable[[str], int], spent: Callable[[str], float]) -> str:
    if not limited(known_as(person)):
        return ""
    most = of(person)
    if most.working and (number := working(person)) >= most.working:
        runs = _counted(number, "run")
        return f"Held back: whoever asked for it has {runs} working, as many as are allowed at once."
    if most.gpu_minutes and spent(person) >= 60 * most.gpu_minutes:
        minutes = _counted(most.gpu_minutes, "GPU minute")
        return f"Held back: whoever asked for it has used what is allowed in 24 hours, {minutes}."
    return ""


def run_seconds(people: Collection[str]) -> float:
    """Seconds that a run of these people may compute in all its sessions; inf where one of them has no limit."""
    hours = [of(one).run_hours if limited(known_as(one)) else 0.0 for one in people]
    return 3600 * max(hours) if hours and all(hours) else math.inf


def disk(people: Iterable[str]) -> dict[str, float]:
    """Bytes of the runs, also of those in the trash, and of the data sets that each of these people owns; what several
    own is shared among them."""
    owned = {one: owners.owned(one) for one in people}
    of_several = owners.belongs(frozenset().union(*owned.values()))
    sizes = {name: size / len(of_several[name]) for name, size in _sizes(of_several)}
    return {one: sum(sizes.get(name, 0.0) for name in names) for one, names in owned.items()}


def _sizes(names: Collection[str]) -> Iterable[tuple[str, float]]:
    for root in (home.runs_root(), *private.roots(home.private_root(), MACHINE)):
        for kind in (*_listed(root), *_listed(root / home.TRASH)):
            yield from ((one.name, run_bytes(one)) for one in _listed(kind) if one.name in names)
    for folder in _listed(home.data_root() / home.OWN):
        if (name := owners.data_set(folder.name)) in names:
            yield name, bytes_of(folder)


def _listed(folder: Path) -> list[Path]:
    try:
        return [one for one in folder.iterdir() if not one.name.startswith(".")]
    except OSError:
        return []


def _counted(number: float, unit: str) -> str:
    """ "1 run", "50 runs", "1.2 GB"."""
    return f"{_number(number)} {unit}{'' if unit == 'GB' or _number(number) == '1' else 's'}"


def _number(number: float) -> str:
    """Without digits that say nothing: "1,200", "10.5", "0.003"."""
    return f"{number:.2g}" if number < 1 else f"{number:,.0f}" if number >= 100 else f"{round(number, 1):g}"


def _path(person: str) -> Path:
    return home.home() / "people" / f"{person}.quota.json"


@lru_cache(maxsize=512)
def _allowed(path: Path, _: int) -> dict[str, Any]:
    """What the file says, without what is no limit or no number."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {name: TYPES[name](value) for name, value in told.items()
            if name in TYPES and isinstance(value, int | float) and not isinstance(value, bool)
            and math.isfinite(value) and value >= 0} if isinstance(told, dict) else {}
