"""A workbench that several people share, as tests of the queue need it."""

from __future__ import annotations

from ddcore import home, jobs
from ddcore.experiments import Spec
from ddcore.hosting.people import Person, acting_as
from ddcore.jobs.queue import Queue
from ddcore.jobs.turns import lines
from ddcore.runs import Store

ANN, BEN, CLEO = (Person(16 * name[0].lower(), "student", name) for name in ("Ann", "Ben", "Cleo"))


def share(minutes: float = 0.0, half_life: float = 24.0) -> None:
    """From now on people share this home. minutes: of a slice, 0 for ever."""
    (home.home() / "hosting.toml").write_text(f"[queue]\nslice_minutes = {minutes}\nhalf_life = {half_life}\n")


def ask(person: Person, *questions: Spec) -> list[str]:
    """Ids of the runs that somebody asks for."""
    with acting_as(person):
        return [jobs.submit(one) for one in questions]


def in_turn(slot: str | None = None) -> list[str]:
    """Ids of what waits for the slots, in the order in which it is taken."""
    return [ticket.run_id for ticket in lines(Store(), Queue(), slot)[0].tickets]
