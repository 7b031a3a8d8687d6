"""The ledger of who used the slots: seconds are counted once, fade, and do not depend on the wall clock."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from ddcore.hosting import ledger

pytestmark = pytest.mark.usefixtures("home")
ANN, BEN = "a" * 16, "b" * 16
HOUR = 3600.0


class Clock:
    """A wall clock that can be set, and one that only runs forward."""

    def __init__(self, now: float) -> None:
        self.wall, self.up = now, 100.0

    def time(self) -> float:
        return self.wall

    def time_ns(self) -> int:
        return int(self.wall * 1e9)

    def monotonic(self) -> float:
        return self.up

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.up += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(1_800_000_000.0)
    monkeypatch.setattr(ledger, "time", clock)
    return clock


def session(clock: Clock, seconds: float, *people: str, run: str = "r" * 16, slot: str = "cpu") -> None:
    ledger.begin(slot, run)
    clock.wait(seconds)
    ledger.count(slot, people)
    ledger.end(slot)


def written(*lines: tuple[float, Mapping[str, float]]) -> None:
    """A ledger with such sessions, each (when it ended, seconds of people)."""
    ledger.path().parent.mkdir(parents=True, exist_ok=True)
    with open(ledger.path(), "a") as file:
        for when, seconds in lines:
            one = {"id": f"r.{when}", "run": "r", "slot": "cpu", "when": when, "seconds": seconds}
            file.write(json.dumps(one) + "\n")


def test_a_session_counts_its_seconds_for_whoever_waits_shared_equally(clock: Clock) -> None:
    session(clock, 30.0, ANN)
    session(clock, 20.0, ANN, BEN)
    session(clock, 5.0)
    assert ledger.last_day() == {ANN: 40.0, BEN: 10.0, "machine": 5.0}
    assert [json.loads(line)["seconds"] for line in ledger.path().read_text().splitlines()] == [
        {ANN: 30.0}, {ANN: 10.0, BEN: 10.0}, {"machine": 5.0}]


def test_who_joins_in_the_midst_shares_only_what_comes_after(clock: Clock) -> None:
    ledger.begin("cpu", "r" * 16)
    for people in ((ANN,), (ANN, BEN)):
        clock.wait(10.0)
        ledger.count("cpu", people)
    assert ledger.last_day() == {ANN: 15.0, BEN: 5.0}, "also while it works"
    ledger.end("cpu")
    assert ledger.last_day() == {ANN: 15.0, BEN: 5.0}


def test_seconds_fade_by_half_in_each_half_life_and_a_long_session_as_many_short_ones(clock: Clock) -> None:
    session(clock, 60.0, ANN)
    assert ledger.recent(1.0)[ANN] == pytest.approx(60.0, rel=0.01)
    clock.wait(HOUR)
    assert ledger.recent(1.0)[ANN] == pytest.approx(30.0, rel=0.01)
    clock.wait(2 * HOUR)
    assert ledger.recent(1.0)[ANN] == pytest.approx(7.5, rel=0.01)
    for _ in range(600):
        clock.wait(60.0)
    session(clock, 10 * HOUR, BEN)
    short = sum(60.0 * 0.5 ** (minute / 60) for minute in range(600))
    assert ledger.recent(1.0)[BEN] == pytest.approx(short, rel=0.01)


def test_the_shortest_memory_is_of_who_went_last(clock: Clock) -> None:
    session(clock, 600.0, ANN)
    session(clock, 600.0, BEN)
    used = ledger.recent(0.0)
    assert 0.0 < used[ANN] < 0.1 < used[BEN] < 100.0


def test_of_a_session_that_began_yesterday_only_today_is_of_the_last_day(clock: Clock) -> None:
    session(clock, 30 * HOUR, ANN, BEN)
    clock.wait(HOUR)
    assert ledger.last_day() == {ANN: pytest.approx(11.5 * HOUR), BEN: pytest.approx(11.5 * HOUR)}
    clock.wait(23 * HOUR)
    assert ledger.last_day() == {}


def test_a_clock_that_is_set_while_a_run_works_makes_it_neither_longer_nor_shorter(clock: Clock) -> None:
    for jump in (-50 * HOUR, 400 * 24 * HOUR, -400 * 24 * HOUR):
        ledger.begin("cpu", "r" * 16)
        clock.wait(10.0)
        clock.wall += jump
        ledger.count("cpu", (ANN,))
        ledger.end("cpu")
    assert sum(json.loads(line)["seconds"][ANN] for line in ledger.path().read_text().splitlines()) == 30.0


def test_what_a_clock_that_ran_ahead_wrote_ages_from_the_next_session_on(clock: Clock) -> None:
    now = clock.wall
    written((now - HOUR, {BEN: 8.0}), (now + 10_000 * HOUR, {ANN: 8.0}), (now - 2 * HOUR, {BEN: 4.0}))
    clock.wall = now
    assert ledger.recent(1.0)[ANN] == pytest.approx(2.0, rel=0.01)
    assert ledger.recent(1.0)[BEN] == pytest.approx(4.0 + 1.0, rel=0.01)


def test_a_clock_set_back_keeps_all_that_was_used_and_set_right_again_its_age(clock: Clock) -> None:
    now = clock.wall
    written((now - HOUR, {BEN: 8.0}))
    clock.wall = now - 1000 * HOUR
    assert ledger.recent(1.0)[BEN] == pytest.approx(8.0, rel=0.01)
    assert ledger.last_day() == {BEN: 8.0}
    session(clock, 1.0, ANN)
    clock.wall = now
    assert ledger.recent(1.0)[BEN] == pytest.approx(4.0, rel=0.01)


def test_a_runner_that_dies_between_writing_and_forgetting_counts_once(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.begin("cpu", "r" * 16)
    clock.wait(10.0)
    ledger.count("cpu", (ANN,))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, missing_ok=False: None)
        ledger.end("cpu")
    assert ledger.holding("cpu") is not None
    assert ledger.last_day() == {ANN: 10.0}
    ledger.end("cpu")
    assert ledger.holding("cpu") is None
    assert ledger.last_day() == {ANN: 10.0}


def test_a_slot_that_nobody_watched_was_not_used_and_what_is_left_over_is_no_longer_counted(clock: Clock) -> None:
    ledger.begin("cpu", "r" * 16)
    clock.wait(10.0)
    ledger.count("cpu", (ANN,))
    clock.wait(5 * HOUR)  # the runner died, and nobody looked
    ledger.begin("cpu", "s" * 16)
    clock.wait(1.0)
    ledger.count("cpu", (BEN,))
    assert ledger.last_day() == {ANN: 10.0, BEN: 1.0}


def test_a_reboot_takes_no_second_back(clock: Clock) -> None:
    ledger.begin("cpu", "r" * 16)
    clock.wait(10.0)
    ledger.count("cpu", (ANN,))
    clock.up = 1.0
    ledger.count("cpu", (ANN,))
    assert ledger.last_day() == {ANN: 10.0}


@pytest.mark.parametrize("line", [
    "", "{", "[]", "7", '{"id": "x"}', '{"id": "x", "run": "r", "slot": "cpu", "when": 1, "seconds": [1]}',
    '{"id": "x", "run": "r", "slot": "cpu", "when": NaN, "seconds": {"a": 1}}',
    '{"id": "x", "run": "r", "slot": "cpu", "when": 1799999999, "seconds": {"a": -1}}',
])
def test_a_damaged_line_is_left_out(clock: Clock, line: str) -> None:
    written((clock.wall, {ANN: 3.0}))
    with open(ledger.path(), "a") as file:
        file.write(line + "\n")
    written((clock.wall, {BEN: 2.0}))
    assert ledger.last_day() == {ANN: 3.0, BEN: 2.0}


def test_ten_thousand_sessions_are_read_in_a_moment_and_asked_for_in_none(clock: Clock) -> None:
    written(*((clock.wall - 600.0 * i, {f"{i % 30:016x}": 600.0}) for i in range(10_000, 0, -1)))

    def seconds() -> float:
        began = time.process_time()
        assert len(ledger.recent(24.0)) == 30
        return time.process_time() - began

    assert seconds() < 0.5
    assert min(seconds() for _ in range(5)) < 0.002


def test_nothing_is_there_where_nobody_was_counted() -> None:
    assert ledger.recent(24.0) == {}
    assert ledger.last_day() == {}
    ledger.count("cpu", (ANN,))
    ledger.end("cpu")
    assert not ledger.path().exists()
    assert ledger.holding("cpu") is None
