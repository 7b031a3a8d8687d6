"""Every error the engine raises on purpose.

DDCoreError
├── ConfigError     parameters that cannot run; holds all problems at once
├── UnknownName     a name that no registry knows, with the nearest one
├── DataMissing     a data set that is not there: what was looked for, where, how to get it
├── DataBroken      a data set that is there and malformed or truncated
├── DataRefused     what a person brought to make a data set of breaks a rule
├── RunNotFound     no run folder has this id
├── RunBroken       a run folder that cannot be read
├── NotAllowed      something that the role of who asks does not allow
├── QuotaReached    more than one person may use: what was used, what is allowed
├── Diverged        a run whose numbers stopped being finite: the step, the likely cause, what is kept
├── JobFailed       a job that ended with an error, or could not be started
├── Waits           raised inside a worker whose run goes on when other runs have ended
├── StepsAside      raised inside a worker whose run has had its time and lets others go first
└── Cancelled       raised inside a worker when the user asked it to stop
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any, Self


class Worded(str):
    """A problem as the command line tells it, by the names of flags and code; words: the same by what parameters are
    called, as a form tells it, "" where the form has another way to say it."""

    words: str

    def __new__(cls, text: str, words: str) -> Self:
        problem = super().__new__(cls, text)
        problem.words = words
        return problem

    @classmethod
    def join(cls, problems: Iterable[str]) -> Self:
        """Several as one."""
        each = tuple(problems)
        return cls("; ".join(each), "; ".join(filter(None, map(in_words, each))))


def in_words(problem: str) -> str:
    """A problem as a form tells it."""
    return problem.words if isinstance(problem, Worded) else problem


class DDCoreError(Exception):
    """Base of all errors meant to be read by a person; `str(error)` is one clear sentence or list."""


class ConfigError(DDCoreError):
    """Parameters that cannot run.

    `problems` holds one sentence for each thing that is wrong; `in_words` tells it in a form.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class UnknownName(DDCoreError):
    """A name that is not registered: "no dataset 'minst'; did you mean 'mnist'?"."""

    def __init__(self, kind: str, name: str, allowed: Iterable[str]) -> None:
        self.kind, self.name, self.allowed = kind, name, tuple(allowed)
        super().__init__(f"no {kind} {name!r}{suggestion(name, self.allowed)}")


class DataMissing(DDCoreError):
    """A data set that was not found: says what was looked for, where, and how to get it."""


class DataBroken(DDCoreError):
    """A data set that was found but is malformed or truncated: says which file and what is wrong."""


class DataRefused(DDCoreError):
    """What a person brought as a data set breaks a rule: says which, what was found and what is allowed."""


class NotAllowed(DDCoreError):
    """Something that the role of who asks does not allow."""


class QuotaReached(DDCoreError):
    """More than one person may use: says what was used, what is allowed and when it can be had."""


class RunNotFound(DDCoreError):
    """No run has this id: "no run '027662eacc16b545'; did you mean '027662eacc16b546'?".

    known: the ids of the runs that there are, looked up only when the error is told, since most such errors are not.
    """

    def __init__(self, problem: str, run_id: str = "", known: Callable[[], Iterable[str]] = tuple) -> None:
        super().__init__(problem)
        self.run_id, self.known = run_id, known

    def __str__(self) -> str:
        return super().__str__() + nearest(self.run_id, self.known(), least=0.8)


class RunBroken(DDCoreError):
    """A run folder whose files cannot be read."""


class Diverged(DDCoreError):
    """A run whose numbers stopped being finite: says at which step, the likely cause and what is kept."""


class JobFailed(DDCoreError):
    """A job that ended with an error or could not start."""


class Waits(DDCoreError):
    """Raised inside a worker whose run asked for others: it goes on when each of them has ended.

    `specs` holds the questions.
    """

    def __init__(self, specs: Iterable[Any]) -> None:
        self.specs = tuple(specs)
        super().__init__(f"waits for {len(self.specs)} runs")


class StepsAside(DDCoreError):
    """Raised inside a worker whose run has had its time while others wait: it goes on later, from its checkpoint."""


class Cancelled(DDCoreError):
    """Raised inside a worker at the next safe point after a request to stop."""


def suggestion(name: str, allowed: Iterable[str]) -> str:
    """The tail of an error about a wrong name: the nearest allowed one, else all of them."""
    allowed = sorted(allowed)
    return nearest(name, allowed) or (f"; allowed: {', '.join(allowed)}" if allowed else "; none exist")


def nearest(name: str, allowed: Iterable[str], least: float = 0.6) -> str:
    """The nearest allowed name as a question, "" where none is near; least: how alike, from 0 to 1, it has to be."""
    near = difflib.get_close_matches(name, list(allowed), n=1, cutoff=least)
    return f"; did you mean {near[0]!r}?" if near else ""
