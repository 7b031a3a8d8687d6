"""Who acts: a person of the course, or the machine's own user.

Whoever serves people says once how the person of a request is found (`found_by`); inside `acting_as` it is another.
Where nobody says anything (command line, runner, worker, a workbench of one's own) it is the machine's own user.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from ddcore import home
from ddcore.disk import write_bytes

PERSON_ID = re.compile(r"[0-9a-f]{16}")
SEEN_SECONDS = 3600.0  # after which it is written down anew that somebody was here


@dataclass(frozen=True)
class Person:
    """id: 16 hex digits made of issuer and subject, or the name of one of those below; role: one of settings.ROLES;
    name, email: for people's eyes only, nothing is decided by them."""

    id: str
    role: str
    name: str = ""
    email: str = ""

    @property
    def signed_in(self) -> bool:
        """Whether this is one of the people who signed in, who can own something."""
        return PERSON_ID.fullmatch(self.id) is not None


MACHINE = Person("machine", "admin", "the machine's own user")
NOBODY = Person("nobody", "none", "somebody who has not signed in")

_ACTING: ContextVar[Person | None] = ContextVar("acting", default=None)
_finder: list[Callable[[], Person]] = []  # at most one


def person_id(issuer: str, subject: str) -> str:
    """The id of whom an issuer calls by this subject: the pair names one person for ever, e-mail and name do not."""
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()[:16]


def acting() -> Person:
    """Who acts here and now."""
    return _ACTING.get() or (_finder[0]() if _finder else MACHINE)


@contextlib.contextmanager
def acting_as(person: Person) -> Iterator[None]:
    """All that is done inside is done by this person."""
    before = _ACTING.set(person)
    try:
        yield
    finally:
        _ACTING.reset(before)


def found_by(find: Callable[[], Person] | None) -> None:
    """From now on `find` says who acts in this process, wherever `acting_as` does not; None: the machine's own user."""
    _finder[:] = [find] if find else []


def remember(person: Person) -> None:
    """Write down somebody's name, e-mail and role for those who look at what belongs to whom."""
    path = _place() / f"{person.id}.json"
    known = _read(str(path), _changed(path))
    if not person.signed_in or (known == person and time.time() - _changed(path) / 1e9 < SEEN_SECONDS):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, json.dumps(asdict(person)).encode(), durable=False)


def people() -> list[Person]:
    """Everybody who signed in once, by name."""
    paths = [path for path in _place().glob("*.json") if PERSON_ID.fullmatch(path.stem)]
    known = (_read(str(path), _changed(path)) for path in paths)
    return sorted(filter(None, known), key=lambda one: (one.name.lower(), one.id))


def person(id_: str) -> Person:
    """Who has this id: as far as it was written down."""
    if id_ == MACHINE.id:
        return MACHINE
    path = _place() / f"{id_}.json"
    known = _read(str(path), _changed(path)) if PERSON_ID.fullmatch(id_) else None
    return known or Person(id_, "none", "somebody unknown")


def seen(id_: str) -> float:
    """When somebody was here last, to within an hour: seconds since 1970, 0 for never."""
    return _changed(_place() / f"{id_}.json") / 1e9


@lru_cache(maxsize=1024)
def _read(path: str, _: int) -> Person | None:
    try:
        stored = json.loads(Path(path).read_bytes())
        known = Person(*(str(stored[name]) for name in ("id", "role", "name", "email")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return replace(known, id=Path(path).stem)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _place() -> Path:
    return home.home() / "people"
