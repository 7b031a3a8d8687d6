"""Emptying the queue: what works is finished, and nothing new begins, until it goes on. For an upgrade, or an exam.

<home>/jobs/draining is there meanwhile, and says who wanted it when. Runners and whoever would start one look for it.
"""

from __future__ import annotations

from ddcore import home
from ddcore.hosting import rights
from ddcore.hosting.people import acting
from ddcore.runs import clock
from ddcore.runs.files import usable, write_json

TOLD = "The queue is being emptied: what works is finished, and nothing new begins. What is started waits until the " \
       "queue goes on."
_FILE = "draining"


def drain() -> None:
    """Let nothing begin any longer. NotAllowed for whom the table forbids it."""
    with rights.deed("steer", "queue") as outcome, usable(home.jobs_root()):
        home.jobs_root().mkdir(parents=True, exist_ok=True)
        write_json(home.jobs_root() / _FILE, {"who": acting().id, "when": clock.now()})
        outcome.word = "done: nothing new begins"


def go_on() -> None:
    """Let what waits begin again; runners start at the next look at the queue."""
    with rights.deed("steer", "queue") as outcome, usable(home.jobs_root()):
        (home.jobs_root() / _FILE).unlink(missing_ok=True)
        outcome.word = "done: goes on"


def draining() -> bool:
    """Whether nothing may begin."""
    return (home.jobs_root() / _FILE).exists()
