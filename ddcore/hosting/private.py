"""Private runs: where somebody's lie, who sees them, and what keeps their keys apart from everybody's.

<home>/private/<person id>/
    <kind>/<run id>/, .trash/    as runs lie below runs/
    .salt                        drawn once, part of the keys of this person's private questions: nobody else has it, so
                                 nobody who asks the same has their ids, and a run that is packed names nobody
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from ddcore import home
from ddcore.hosting.people import PERSON_ID, Person

SALT = re.compile(r"[0-9a-f]{16}")
_FOLDER = re.compile(rf"/private/({PERSON_ID.pattern})(?:/\.trash)?/[^/]+/[^/]+$")


def roots(place: Path, person: Person) -> Iterator[Path]:
    """The folders below `place` in which the private runs lie that a person sees: their own, of an admin and of the
    machine's own user everybody's."""
    if person.role == "admin":
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            ids = sorted(one.name for one in entries if PERSON_ID.fullmatch(one.name) and one.is_dir())
            yield from (place / one for one in ids)
    elif person.signed_in and os.path.isdir(own := f"{place}/{person.id}"):
        yield Path(own)


def owner(folder: Path | str) -> str:
    """The id of the person whose private run lies in this folder; "" of one that everybody sees."""
    match = _FOLDER.search(Path(folder).as_posix())
    return match[1] if match else ""


def salt(person_id: str) -> str:
    """What enters the keys of a person's private questions, 16 hex digits; drawn when it is first asked for."""
    assert PERSON_ID.fullmatch(person_id), f"no id of a person: {person_id!r}"
    place = home.private_root() / person_id
    if not (known := _read(place)):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        drawn = place / f".{os.getpid()}.{secrets.token_hex(8)}.tmp"
        drawn.write_text(secrets.token_hex(8))
        with contextlib.suppress(FileExistsError):  # drawn by somebody else meanwhile
            os.link(drawn, place / ".salt")
        drawn.unlink()
        known = _read(place)
    return known


def salted_by(word: str) -> str:
    """The id of the person whose salt this is; "" where it is nobody's."""
    with contextlib.suppress(OSError):
        return next((one for one in os.listdir(home.private_root())
                     if PERSON_ID.fullmatch(one) and _read(home.private_root() / one) == word), "")
    return ""


def _read(place: Path) -> str:
    try:
        word = (place / ".salt").read_text()
    except OSError:
        return ""
    return word if SALT.fullmatch(word) else ""
