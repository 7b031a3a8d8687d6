"""A run that asks for others on its way: it holds no slot while it waits, and goes on whatever becomes of them."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from toyjobs import finish, job, kill, reached, runner, toy, until
from toykind import asked

from ddcore import jobs
from ddcore.experiments import Spec
from ddcore.runs import Store

pytestmark = pytest.mark.usefixtures("toys")


def begun(run_id: str, step: int = 1) -> bool:
    return Store().exists(run_id) and reached(run_id, step)


def totals(one: object) -> list[int]:
    return [Store().record(spec.key).summary.total for spec in asked(one.config)]  # type: ignore[attr-defined]


def test_what_it_asks_for_is_computed_in_the_one_slot_and_summed_up_without_what_failed():
    one = toy(asks=3, failing=2)
    first, second, third = asked(one.config)
    summary = finish(jobs.submit(one))
    assert summary.total == sum(Store().record(spec.key).summary.total for spec in (first, third)) > 0
    assert Store().record(second.key).state == "failed"
    assert job(one.key)["sessions"] == 2, "it asks, and it sums up"


@pytest.mark.slow
def test_what_is_known_is_not_computed_again_and_a_longer_one_asks_for_the_rest_only():
    first = toy(asks=2)
    finish(jobs.submit(first))
    sessions = {spec.key: job(spec.key)["sessions"] for spec in asked(first.config)}
    longer = toy(asks=3)
    finish(jobs.submit(longer))
    assert {key: job(key)["sessions"] for key in sessions} == sessions
    assert Store().record(asked(longer.config)[2].key).state == "done"


def test_cancelling_it_cancels_what_only_it_waits_for():
    one, own = toy(asks=3, steps=400, pause=0.02), toy(seed=2, steps=400, pause=0.02)
    run_id = jobs.submit(one)
    first, second, third = (spec.key for spec in asked(one.config))
    until(lambda: begun(first))
    assert own.key == second
    jobs.submit(own)  # somebody asks for the same
    jobs.cancel(run_id)
    assert Store().record(run_id).state == "cancelled"
    assert Store().record(third).state == "cancelled"
    until(lambda: Store().record(first).state == "cancelled")
    assert Store().record(second).active
    jobs.cancel(second)


@pytest.mark.slow
def test_asked_again_it_goes_on_with_what_was_cancelled():
    one = toy(asks=2, steps=30, pause=0.02)
    run_id = jobs.submit(one)
    until(lambda: begun(asked(one.config)[0].key))
    jobs.cancel(run_id)
    until(lambda: not Store().record(asked(one.config)[0].key).active)
    summary = finish(jobs.submit(one))
    assert summary.steps == 2
    assert summary.total == sum(totals(one))


@pytest.mark.slow
@pytest.mark.parametrize("who", ["worker", "runner", "both"])
def test_killed_in_the_middle_it_gives_the_total_of_an_unbroken_one(who: str):
    one = toy(asks=3, steps=15, pause=0.03)
    run_id = jobs.submit(one)
    first = asked(one.config)[0].key
    until(lambda: begun(first, 3))
    for process in {"worker": [job(first)], "runner": [runner()], "both": [runner(), job(first)]}[who]:
        kill(process)
    assert finish(run_id).steps == 3
    broken = totals(one)
    assert broken == [counted(spec).total for spec in asked(one.config)]


def counted(spec: Spec) -> Any:
    """The same run, but for what does not enter its key, counted anew in a home of its own."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as place:
        patch.setenv("DDCORE_HOME", place)
        return Store().record(jobs.run_inline(toy(**{**spec.config.values(), "pause": 0.0}))).summary


def test_in_one_process_it_is_the_same():
    one = toy(asks=3, failing=3)
    assert Store().record(jobs.run_inline(one)).summary.steps == 2
