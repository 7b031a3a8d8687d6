"""The queue on disk. Every change of it happens under the store's lock."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from ddcore import home


@dataclass(frozen=True)
class Ticket:
    """A job that waits: its run's id and its file."""

    run_id: str
    path: Path


class Queue:
    """The jobs that wait and those that a slot has taken, each an empty file whose name says it all."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or home.jobs_root()
        self._waiting, self._active = self.root / "queue", self.root / "active"

    def waiting(self) -> list[Ticket]:
        """The jobs that wait, first come first."""
        names = sorted(name for name in _names(self._waiting) if name.partition(".")[0].isdecimal())
        return [Ticket(name.partition(".")[2], self._waiting / name) for name in names]

    def active(self) -> dict[str, str]:
        """slot name → id of the run that its runner has taken."""
        return {slot: run_id for slot, dot, run_id in (name.partition(".") for name in _names(self._active)) if dot}

    def idle(self) -> bool:
        """Whether nothing waits and nothing is taken; two looks at folders."""
        return not _names(self._waiting) and not _names(self._active)

    def crowded(self, slots: int) -> bool:
        """Whether more is taken or waits than there are slots, so that what came last has to wait."""
        return len(self.active()) + len(self.waiting()) > slots

    def held(self) -> set[str]:
        """Ids of the runs that wait or that a slot has taken."""
        return {*self.active().values(), *(ticket.run_id for ticket in self.waiting())}

    def holds(self, run_id: str) -> bool:
        return run_id in self.held()

    def add(self, *run_ids: str) -> None:
        """Put jobs at the end, in this order."""
        self._waiting.mkdir(parents=True, exist_ok=True)
        last = max((int(ticket.path.name.partition(".")[0]) for ticket in self.waiting()), default=0)
        first = max(time.time_ns(), last + 1)  # the clock may be set back; the order may not
        for number, run_id in enumerate(run_ids, first):
            (self._waiting / f"{number:020d}.{run_id}").touch()

    def remove(self, ticket: Ticket) -> None:
        ticket.path.unlink(missing_ok=True)

    def claim(self, ticket: Ticket, slot: str) -> None:
        """Move a job from the queue to a slot, in one step."""
        self._active.mkdir(parents=True, exist_ok=True)
        os.replace(ticket.path, self._active / f"{slot}.{ticket.run_id}")

    def release(self, slot: str, run_id: str) -> None:
        (self._active / f"{slot}.{run_id}").unlink(missing_ok=True)


def _names(folder: Path) -> list[str]:
    """The plain files of a folder; whatever else lies there is none of ours, and nothing to start a runner for."""
    try:
        with os.scandir(folder) as entries:
            return [one.name for one in entries if not one.name.startswith(".") and one.is_file(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
