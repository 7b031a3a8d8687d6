"""Whose runs: the switch between everybody's and one's own, the names of those who asked for a run, and whether what
is asked now is private.

Nothing of it where nobody hosts the workbench, and for whom has not signed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import streamlit as st

from ddcore.experiments import KINDS, Spec
from ddcore.hosting import owners, people, private
from ddcore.hosting.people import acting
from ddcore.hosting.settings import settings
from ddcore.report import text
from pages.components.markdown import plain

MINE = "mine"  # in the address and in the session
PRIVATE = "asks privately"  # in the session
NAMED = 3  # people of a run that are named


def here() -> bool:
    """Whether whoever looks can have runs of their own."""
    return settings() is not None and acting().signed_in


def switch() -> frozenset[str] | None:
    """The switch; the ids of one's own runs where it is on, None where everybody's are wanted."""
    if here() and st.toggle("Only mine", key=MINE, bind="query-params", help="Runs that you asked for or brought."):
        return owners.owned(acting().id)
    return None


def among(run_id: str, mine: Collection[str] | None) -> bool:
    """Whether a run is wanted; mine: what `switch` says."""
    return mine is None or run_id in mine


def asked(question: Spec) -> Spec:
    """What is asked in place of this, as `tick` stands."""
    if here() and st.session_state.get(PRIVATE) and _can_be_private(question.kind):
        return question.private(private.salt(acting().id))
    return question


def tick(kind: str) -> None:
    """The tick that makes what is asked private, or why there is none for this kind."""
    if here() and KINDS[kind].not_private:
        st.caption(KINDS[kind].not_private, width="content")
    elif here() and _can_be_private(kind):
        st.checkbox("Private until I share it", key=PRIVATE, persist_state="session", help="Nobody but you and admins "
                    "sees the run, what it needs and what is made of it. What others know already is computed once "
                    "more.")


def _can_be_private(kind: str) -> bool:
    """Whether there is something to keep: not in what only counts."""
    return not (KINDS[kind].not_private or KINDS[kind].aside)


def names(run_ids: Iterable[str]) -> dict[str, str]:
    """Who asked for these runs: {id: "you, Anne and 2 more"}; nobody's are left out."""
    if not here():
        return {}
    me = acting().id
    return {run_id: text.listed(["you"] * (me in ids) + [people.person(one).name for one in ids if one != me], NAMED)
            for run_id, ids in owners.belongs(run_ids).items()}


def told(run_id: str) -> str:
    """ " · asked by you, Anne", in markdown behind what is said of a run; "" where nobody is to be named."""
    return "".join(f" · asked by {plain(words)}" for words in names([run_id]).values())
