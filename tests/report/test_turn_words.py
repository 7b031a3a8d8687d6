"""What a person is told of the place of a run in a queue that many share."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddcore.jobs.slots import Slot
from ddcore.jobs.status import Status
from ddcore.jobs.turns import Turn
from ddcore.report import turns

MINE, ANOTHERS = Turn(True, 720.0, 0, 0, True), Turn(False, 720.0, 0, 0, True)


@pytest.fixture(autouse=True)
def gpu(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "slots", lambda: (Slot("gpu0", "cuda:0", "0"),))
    (home / "hosting.toml").write_text("[queue]\nslice_minutes = 10\n")


def told(position: int | None, turn: Turn | None, aside: bool = False) -> str:
    return turns.in_words(Status("queued", position, turn=turn, aside=aside))


@pytest.mark.parametrize(("position", "turn", "words"), [
    (1, MINE, "next, when a slot is free"),
    (3, Turn(True, 720.0, 0, 2, True),
     "third in turn: you used 12 GPU minutes lately, two people with less go first"),
    (2, Turn(True, 40.0, 0, 1, True),
     "second in turn: you used less than a GPU minute lately, one person with less goes first"),
    (12, Turn(True, 60.0, 10, 1, False),
     "number 12 in turn: you used 1 GPU minute lately, one person and ten runs of yours go first"),
    (2, Turn(True, 720.0, 1, 0, True), "second in turn: one run of yours goes first"),
    (30, Turn(True, 5 * 3600.0, 29, 0, True), "number 30 in turn: 29 runs of yours go first"),
    (5, Turn(True, 9000.0, 0, 3, True),
     "fifth in turn: you used 2.5 GPU hours lately, three people with less go first"),
    (4, Turn(False, 720.0, 1, 2, True), "fourth in turn: two people with less and one run of its owner go first"),
    (2, Turn(False, 720.0, 0, 1, False), "second in turn: one person goes first"),
])
def test_a_run_that_waits_is_told_its_place_and_why(position: int, turn: Turn, words: str) -> None:
    assert told(position, turn) == words


def test_a_run_that_stepped_aside_is_told_after_how_long_and_when_it_goes_on(home: Path) -> None:
    assert told(1, MINE, aside=True) == (
        "it stepped aside after its 10 minutes, as others wait; goes on next, when a slot is free")
    assert told(3, Turn(True, 720.0, 0, 2, True), aside=True) == (
        "it stepped aside after its 10 minutes, as others wait; goes on third in turn: you used 12 GPU minutes lately, "
        "two people with less go first")
    (home / "hosting.toml").write_text("[queue]\nslice_minutes = 1\n")
    assert told(1, MINE, aside=True).startswith("it stepped aside after its 1 minute, as")
    (home / "hosting.toml").write_text("[queue]\nslice_minutes = 0\n")
    assert told(1, MINE, aside=True).startswith("it stepped aside, as others wait")


def test_nothing_is_told_where_it_is_first_come_first_served() -> None:
    assert told(2, None) == told(None, MINE) == ""


def test_a_machine_without_a_gpu_speaks_of_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "slots", lambda: (Slot("cpu", "cpu"),))
    assert turns.used(720.0) == "12 minutes"
    assert turns.used(10.0) == "less than a minute"
