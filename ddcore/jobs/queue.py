"""The queue on disk. Every change of it happens under the store's lock."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ddcore import home

ASIDE = ".aside"  # at the end of a ticket's name


@dataclass(frozen=True)
class Ticket:
    """A job that waits: its run's id, its file, and whether it waits for the place beside the slots."""

    run_id: str
    path: Path
    aside: bool = False

    @property
    def number(self) -> int:
        """By which jobs are sorted: about the nanoseconds since 1970 when it came."""
        return int(self.path.name.partition(".")[0])


class Queue:
    """The jobs that wait, those that a slot has taken, and those that were interrupted and of which nobody has decided
    yet whether they go on: each an empty file whose name says it all."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or home.jobs_root()
        self._waiting, self._active, self._interrupted = (self.root / n for n in ("queue", "active", "interrupted"))

    def waiting(self) -> list[Ticket]:
        """The jobs that wait, first come first."""
        names = sorted(name for name in _names(self._waiting) if name.partition(".")[0].isdecimal())
        return [self._ticket(name) for name in names]

    def active(self) -> dict[str, str]:
        """slot name → id of the run that its runner has taken."""
        return {slot: run_id for slot, dot, run_id in (name.partition(".") for name in _names(self._active)) if dot}

    def idle(self) -> bool:
        """Whether nothing waits and nothing is taken; two looks at folders."""
        return not _names(self._waiting) and not _names(self._active)

    def held(self) -> set[str]:
        """Ids of the runs that wait or that a slot has taken."""
        return {*self.active().values(), *(ticket.run_id for ticket in self.waiting())}

    def holds(self, run_id: str) -> bool:
        return run_id in self.held()

    def add(self, *run_ids: str, aside: bool = False) -> None:
        """Put jobs at the end, in this order; aside: for the place beside the slots."""
        if not run_ids:
            return
        self._waiting.mkdir(parents=True, exist_ok=True)
        last = max((ticket.number for ticket in self.waiting()), default=0)
        first = max(time.time_ns(), last + 1)  # the clock may be set back; the order may not
        for number, run_id in enumerate(run_ids, first):
            (self._waiting / f"{number:020d}.{run_id}{ASIDE * aside}").touch()
            self.forget(run_id)

    def put_back(self, run_id: str, number: int) -> None:
        """A job that has stepped aside waits again where it came."""
        self._waiting.mkdir(parents=True, exist_ok=True)
        (self._waiting / f"{number:020d}.{run_id}").touch()

    def remove(self, ticket: Ticket) -> None:
        ticket.path.unlink(missing_ok=True)

    def claim(self, ticket: Ticket, slot: str) -> None:
        """Move a job from the queue to a slot, in one step."""
        self._active.mkdir(parents=True, exist_ok=True)
        os.replace(ticket.path, self._active / f"{slot}.{ticket.run_id}")

    def release(self, slot: str, run_id: str) -> None:
        (self._active / f"{slot}.{run_id}").unlink(missing_ok=True)

    def interrupted(self) -> dict[str, float]:
        """run id → seconds since it was interrupted, for those of which nobody has decided whether they go on."""
        ages = {}
        for run_id in _names(self._interrupted):
            with contextlib.suppress(FileNotFoundError):  # decided meanwhile
                ages[run_id] = time.time() - (self._interrupted / run_id).stat().st_mtime
        return ages

    def interrupt(self, run_id: str) -> None:
        """This run was interrupted: whoever looks after the queue decides whether it goes on."""
        self._interrupted.mkdir(parents=True, exist_ok=True)
        (self._interrupted / run_id).touch()

    def forget(self, run_id: str) -> None:
        """It is decided."""
        (self._interrupted / run_id).unlink(missing_ok=True)

    def _ticket(self, name: str) -> Ticket:
        run_id, dot, place = name.partition(".")[2].partition(".")
        return Ticket(run_id, self._waiting / name, dot + place == ASIDE)


def _names(folder: Path) -> list[str]:
    """The plain files of a folder; whatever else lies there is none of ours, and nothing to start a runner for."""
    try:
        with os.scandir(folder) as entries:
            return [one.name for one in entries if not one.name.startswith(".") and one.is_file(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
