"""Whose turn it is: least used first, equals in turn, one's own first come first served; alone, as ever."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hosted import ANN, BEN, CLEO, ask, in_turn, share
from hypothesis import given
from hypothesis import strategies as st
from toyjobs import toy

from ddcore import jobs
from ddcore.experiments import spec
from ddcore.hosting import ledger
from ddcore.hosting.people import Person, acting_as
from ddcore.jobs import launch, turns
from ddcore.jobs.queue import Queue
from ddcore.jobs.slots import Slot
from ddcore.jobs.turns import Line, Turn, is_next, order, rules
from ddcore.runs import Store

A, B, C = ("a",), ("b",), ("c",)


def taken(waiting: Sequence[tuple[str, ...]], used: Mapping[str, float], *working: tuple[str, ...]) -> str:
    return "".join("".join(waiting[place]) for place in order(waiting, used, working, 10.0))


def test_whose_people_used_least_goes_first() -> None:
    assert taken([A, B, C], {"a": 30.0, "b": 20.0, "c": 10.0}) == "cba"
    assert taken([A, B, C], {"a": 3.0}) == "bca"


def test_equals_take_turns_beginning_with_who_came_first() -> None:
    assert taken([A] * 4 + [B] * 2 + [C], {}) == "abcabaa"
    assert taken([B] + [A] * 3 + [B, C], {}) == "bacaba"


def test_who_used_less_goes_on_until_it_has_used_as_much() -> None:
    assert taken([A] * 5 + [B] * 2, {"b": 25.0}) == "aaababa"


def test_one_persons_jobs_are_taken_first_come_first_served() -> None:
    assert order([A] * 5, {"a": 7.0}) == [0, 1, 2, 3, 4]


def test_what_computes_elsewhere_counts_as_used() -> None:
    assert taken([A, B], {"b": 5.0}) == "ab"
    assert taken([A, B], {"b": 5.0}, A) == "ba"


def test_a_job_that_two_wait_for_goes_when_either_is_due_and_costs_each_half() -> None:
    assert order([A, ("a", "b"), A], {"a": 50.0}, each=10.0) == [1, 0, 2]
    assert order([("a", "b"), A, B, C], {}, each=10.0) == [0, 3, 1, 2]
    assert order([("a", "b"), C, A], {"c": 7.0}, each=10.0) == [0, 2, 1]


def test_a_job_that_works_is_next_again_unless_somebody_elses_would_go_first_and_can() -> None:
    assert is_next(A, 0, [], {"a": 9.0})
    assert is_next(A, 1, [A], {"a": 9.0}), "that of its own person is no reason"
    assert not is_next(A, 1, [A, B], {"a": 9.0})
    assert is_next(A, 1, [A, B], {"b": 10.0, "a": 9.0})
    assert is_next(A, 1, [A, B], {"a": 9.0}, ready=lambda place: place != 1)
    assert not is_next(A, 0, [("a", "b")], {"a": 9.0}), "somebody else waits for it, too"
    assert is_next(("a", "b"), 0, [A, B], {"a": 9.0}), "nobody else waits"


people = st.lists(st.sampled_from("abcde"), min_size=1, max_size=2, unique=True).map(tuple)
uses = st.dictionaries(st.sampled_from("abcde"), st.floats(0, 1e6))


@given(st.lists(people, max_size=60), uses, st.lists(people, max_size=4))
def test_every_job_is_taken_once_and_those_of_the_same_people_as_they_came(
    waiting: list[tuple[str, ...]], used: dict[str, float], working: list[tuple[str, ...]]
) -> None:
    places = order(waiting, used, working)
    assert sorted(places) == list(range(len(waiting)))
    for some in set(waiting):
        own = [place for place in places if waiting[place] == some]
        assert own == sorted(own)


@given(st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=60), uses)
def test_nobody_who_used_more_goes_before_one_who_used_less(waiting: list[tuple[str]], used: dict[str, float]) -> None:
    spent = {one: used.get(one, 0.0) for one in "abc"}
    left = list(waiting)
    for place in order(waiting, used, each=10.0):
        (one,) = waiting[place]
        assert spent[one] == min(spent[other] for (other,) in left)
        spent[one] += 10.0
        left.remove(waiting[place])


def test_of_two_thousand_jobs_the_order_is_found_in_milliseconds_and_of_a_hundred_thousand_in_a_moment() -> None:
    def seconds(n: int) -> float:
        waiting = [(f"{i * 7919 % 30:016x}",) for i in range(n)]
        began = time.process_time()
        assert len(order(waiting, {})) == n
        return time.process_time() - began

    assert min(seconds(2_000) for _ in range(5)) < 0.02
    assert seconds(100_000) < 1.5


@pytest.fixture
def still(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No runner is started, so that the queue can be looked at."""
    monkeypatch.setattr(launch, "_start", lambda slot: None)


def held_since(slot: str, run_id: str, person: Person, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: now)
        ledger.begin(slot, run_id)
        patch.setattr(time, "monotonic", lambda: now + seconds)
        ledger.count(slot, (person.id,))


def use(person: Person, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    held_since("cpu", "r" * 16, person, seconds, monkeypatch)
    ledger.end("cpu")


def position(run_id: str) -> int | None:
    return jobs.status(run_id).position


def test_a_workbench_of_ones_own_is_first_come_first_served(still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [*ask(ANN, *(toy(seed=seed) for seed in range(3))), *ask(BEN, toy(seed=9))]
    use(ANN, 1000.0, monkeypatch)
    assert in_turn() == ids
    assert [position(run_id) for run_id in ids] == [1, 2, 3, 4]
    assert [run_id for run_id, _ in jobs.list_jobs()] == ids
    assert jobs.status(ids[0]).turn is None
    assert not (Store().record(ids[0]).folder / "asking").exists()


def test_pages_say_the_order_in_which_jobs_are_taken(still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    share()
    many, (one,) = ask(ANN, *(toy(seed=seed) for seed in range(3))), ask(BEN, toy(seed=9))
    use(ANN, 60.0, monkeypatch)
    assert in_turn() == [one, *many]
    assert [position(run_id) for run_id in (one, *many)] == [1, 2, 3, 4]
    assert [run_id for run_id, _ in jobs.list_jobs()] == [one, *many]
    use(BEN, 600.0, monkeypatch)
    assert in_turn() == [many[0], one, *many[1:]]


def test_a_run_is_told_why_it_stands_where_it_stands(still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    share()
    (foremost,) = ask(BEN, toy(seed=8))
    ask(CLEO, toy(seed=9))
    first, second = ask(ANN, toy(seed=1), toy(seed=2))
    use(ANN, 720.0, monkeypatch)
    use(CLEO, 20.0, monkeypatch)
    with acting_as(ANN):
        turns = [jobs.status(run_id).turn for run_id in (first, second)]
    assert turns[0] is not None
    assert (turns[0].mine, turns[0].own, turns[0].others, turns[0].less) == (True, 0, 2, True)
    assert turns[0].used == pytest.approx(720, rel=0.01)
    assert turns[1] is not None
    assert turns[1].own == 1
    with acting_as(BEN):
        other, own = jobs.status(second).turn, jobs.status(foremost).turn
    assert own == Turn(True, 0.0, 0, 0, True)
    assert other is not None
    assert (other.mine, other.used) == (False, pytest.approx(720, rel=0.01))


def test_who_asks_for_what_somebody_else_waits_for_brings_it_forward(
    still: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    share()
    use(ANN, 60.0, monkeypatch)
    mine, shared, other = *ask(ANN, toy(seed=1), toy(seed=2)), *ask(CLEO, toy(seed=3))
    use(CLEO, 30.0, monkeypatch)
    assert in_turn() == [other, mine, shared]
    ask(BEN, toy(seed=2))
    assert in_turn() == [shared, other, mine]


def test_what_the_machine_itself_asked_for_is_that_of_one_owner(still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [jobs.submit(toy(seed=seed)) for seed in range(2)]
    share()
    after = jobs.submit(toy(seed=2))
    (one,) = ask(ANN, toy(seed=3))
    assert in_turn() == [before[0], one, before[1], after]


def test_a_free_slot_goes_to_whom_no_other_slot_works_for(still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    share()
    monkeypatch.setattr(turns, "slots", lambda: (Slot("gpu0", "cuda:0", "0"), Slot("gpu1", "cuda:0", "1")))
    working, mine = ask(ANN, toy(seed=1), toy(seed=2))
    (other,), (third,) = ask(BEN, toy(seed=3)), ask(CLEO, toy(seed=4))
    use(BEN, 60.0, monkeypatch)
    use(CLEO, 900.0, monkeypatch)
    assert in_turn() == [working, other, mine, third]
    queue = Queue()
    queue.claim(queue.waiting()[0], "gpu0")
    assert in_turn("gpu1") == [other, mine, third]
    assert in_turn() == [other, mine, third], "a slot is free, and that is the next"
    assert in_turn("gpu0") == [mine, other, third], "it is its own slot that comes free"
    queue.claim(next(ticket for ticket in queue.waiting() if ticket.run_id == third), "gpu1")
    held_since("gpu0", working, ANN, 50.0, monkeypatch)
    assert in_turn() == [mine, other], "the slot that was held longest is the next"
    held_since("gpu1", third, CLEO, 100.0, monkeypatch)
    assert in_turn() == [other, mine]


def test_the_place_beside_the_slots_is_first_come_first_served(still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    share()
    monkeypatch.setattr("ddcore.runs.record.RunRecord.aside", property(lambda record: record.kind == "describe"))
    asked = [spec("describe", "describe", {"dataset": "digits", "seed": seed}) for seed in range(3)]
    ids = [*ask(ANN, *asked[:2]), *ask(BEN, asked[2])]
    use(ANN, 100.0, monkeypatch)
    assert [position(run_id) for run_id in ids] == [1, 2, 3]
    assert jobs.status(ids[2]).turn is None


def test_turns_are_taken_also_while_the_settings_are_wrong(still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    share()
    many, (one,) = ask(ANN, toy(seed=1), toy(seed=2)), ask(BEN, toy(seed=9))
    (Store().root.parent / "hosting.toml").write_text("[queue]\nslice_minute = 3\n")
    assert in_turn() == [many[0], one, many[1]]
    assert rules() is not None


def test_two_thousand_jobs_of_thirty_people_are_ordered_in_milliseconds(toys: Path) -> None:
    share()
    root, queue = Store().root, Queue()
    ids = [f"{i:016x}" for i in range(2000)]
    for i, run_id in enumerate(ids):
        folder = root / "toy" / run_id
        folder.mkdir(parents=True)
        (folder / "asking").write_text(f"{i % 30:016x}")
    queue.add(*ids)

    def seconds() -> float:
        began = time.process_time()
        assert len(in_turn()) == 2000
        return time.process_time() - began

    assert seconds() < 2.0
    assert min(seconds() for _ in range(5)) < 0.08
    assert in_turn()[:31] == [*ids[:30], ids[30]]


def test_a_line_without_people_tells_no_turn() -> None:
    assert Line([]).turn(0) is None
