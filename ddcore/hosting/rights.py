"""Who may do what: one table, and the one place where it is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ddcore.errors import NotAllowed, QuotaReached
from ddcore.hosting import audit
from ddcore.hosting.owners import owners as owners_of
from ddcore.hosting.people import Person, acting
from ddcore.hosting.settings import ROLES, settings

# A run or data set is one's own when one asked for it or brought it. Somebody else's private run is there for nobody
# but admins and the machine's own user, whatever is said here.
TABLE = """
deed         viewer  student  teacher  admin
look         all     all      all      all
submit       no      all      all      all
resume       no      own      all      all
extend       no      own      all      all
cancel       no      own      all      all
rename       no      own      all      all
tag          no      own      all      all
note         no      own      all      all
trash        no      own      all      all
restore      no      own      all      all
purge        no      no       all      all
share        no      own      own      all
unpack       no      all      all      all
add-data     no      all      all      all
remove-data  no      own      all      all
oversee      no      no       all      all
steer        no      no       all      all
"""
WORDS = {"look": "look at results", "submit": "start runs", "note": "write a note on {run}",
         "trash": "put {run} into the trash", "purge": "delete runs for good", "unpack": "bring runs from elsewhere",
         "add-data": "add data sets", "remove-data": "remove {data}", "oversee": "see what everybody uses",
         "steer": "change the queue or a quota"}  # behind "may not"; of the others: the deed and "{run}"
LOOKS = ("look", "oversee")  # of which nothing is written into the audit log
_, *_ROLES = TABLE.split("\n")[1].split()
RIGHTS = {deed: dict(zip(_ROLES, scopes, strict=True))
          for deed, *scopes in (line.split() for line in TABLE.strip().split("\n")[1:])}


@dataclass
class Outcome:
    """How a deed ended, for the audit log. private: whether it was done to a private run, of which no more is told."""

    word: str = "done"
    private: bool = False


def may(deed: str, owners: Collection[str] = (), person: Person | None = None) -> bool:
    """Whether somebody, else who acts here and now, may do this to what belongs to `owners` (ids of people)."""
    one = person or acting()
    scope = RIGHTS[deed].get(one.role, "no")
    return scope == "all" or (scope == "own" and one.id in owners)


def refusal(deed: str, *ids: str) -> str:
    """Why who acts may do this to none of these runs or data sets, in a sentence; "" where they may. ids: as `owners`
    knows them; none for what is done to nothing that is there already."""
    if settings() is None or may(deed) or any(may(deed, owners_of(one)) for one in ids):
        return ""
    return _sentence(deed)


def require(deed: str, what: str = "", owners: Collection[str] = ()) -> None:
    """NotAllowed, and a line in the audit log, where who acts may not do this. what: the id or name it is done to."""
    if settings() is not None and not may(deed, owners):
        audit.write(deed, what, "refused")
        raise NotAllowed(_sentence(deed))


@contextlib.contextmanager
def deed(name: str, what: str = "", owners: Collection[str] = (), private: bool = False) -> Iterator[Outcome]:
    """Do something that not everybody may: refused by `require`, and written into the audit log with how it ended; the
    word of the Outcome says it otherwise than "done"."""
    require(name, what, owners)
    outcome = Outcome(private=private)
    try:
        yield outcome
    except BaseException as error:
        how = "refused" if isinstance(error, QuotaReached) else "failed"
        outcome.word = how if outcome.private else f"{how}: {error}"
        raise
    finally:
        if settings() is not None and name not in LOOKS:
            audit.write(name, what, outcome.word, **({audit.PRIVATE: "yes"} if outcome.private else {}))


def _sentence(deed: str) -> str:
    one = acting()
    who = "Somebody who has not signed in"
    if one.signed_in:
        who = "Somebody without a role" if one.role == ROLES[0] else f"A {one.role}"
    own = " of somebody else" if RIGHTS[deed].get(one.role) == "own" else ""
    words = WORDS.get(deed, f"{deed} {{run}}").format(run=f"a run{own}", data=f"a data set{own}")
    return f"{who} may not {words}."
