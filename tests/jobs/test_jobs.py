"""Jobs from submit to their end, in real processes."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from toyjobs import finish, job, reached, toy, until

from ddcore import jobs
from ddcore.errors import Cancelled, ConfigError, DDCoreError, JobFailed, RunNotFound
from ddcore.jobs.worker import execute
from ddcore.runs import Store

pytestmark = pytest.mark.usefixtures("toys")


def test_a_submitted_run_is_computed_in_a_process_of_its_own_and_recorded():
    run_id = jobs.submit(toy(steps=5))
    summary = finish(run_id)
    assert summary["steps"] == 5
    assert summary["pid"] != os.getpid()
    assert not summary["torch"], "a worker loads torch only when its kind does"
    record = Store().record(run_id)
    assert record.state == "done"
    assert [e["step"] for e in jobs.events(run_id)[0] if e["event"] == "step"] == [1, 2, 3, 4, 5]
    assert record.info["times"]["finished"] >= record.info["times"]["started"] >= record.info["times"]["submitted"]
    assert record.info["libraries"]["torch"]
    assert record.info["device"]["type"] == "cpu"
    assert jobs.list_jobs() == []


def test_status_says_how_far_a_run_is_and_how_long_it_will_take():
    run_id = jobs.submit(toy(steps=200, pause=0.02))
    until(lambda: (jobs.status(run_id).eta_seconds or 0) > 0)
    status = jobs.status(run_id)
    assert status.state == "running"
    assert 0 < status.done < 200
    assert status.total == 200
    assert status.phase == "Counting"
    assert status.elapsed_seconds > 0
    assert 0 < status.eta_seconds < 60
    assert status.heartbeat_age < 5
    assert jobs.list_jobs()[0][0] == run_id
    jobs.cancel(run_id)


def test_a_finished_run_is_answered_at_once_and_started_no_more():
    run_id = jobs.run_inline(toy())
    began = time.process_time()
    assert jobs.submit(toy()) == run_id
    assert jobs.status(run_id).state == "done"
    assert time.process_time() - began < 0.05
    assert jobs.list_jobs() == []
    assert jobs.resume(run_id) == run_id
    assert job(run_id)["sessions"] == 1


def test_many_who_ask_the_same_at_once_share_one_run():
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(jobs.submit(toy(steps=4)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    finish(ids[0])
    assert job(ids[0])["sessions"] == 1


def test_the_queue_keeps_its_order_and_says_the_position():
    slow = jobs.submit(toy(steps=2000, pause=0.02))
    later = [jobs.submit(toy(steps=1, seed=seed)) for seed in (5, 3)]
    until(lambda: jobs.status(slow).state == "running")
    assert [jobs.status(run_id).position for run_id in later] == [1, 2]
    assert [run_id for run_id, _ in jobs.list_jobs()] == [slow, *later]
    jobs.cancel(slow)
    for run_id in later:
        finish(run_id)
    assert sorted(later, key=lambda run_id: job(run_id)["started"]) == later


def test_a_failure_carries_its_sentence_and_its_traceback():
    run_id = jobs.submit(toy(manner="fail"))
    with pytest.raises(JobFailed, match="it cannot be done"):
        jobs.wait(run_id)
    assert jobs.status(run_id).message == "it cannot be done"
    assert "Traceback" in Store().error(run_id)
    assert "toykind.py" in Store().error(run_id)


def test_a_crash_inside_a_library_reads_as_interrupted_and_names_the_signal():
    run_id = jobs.submit(toy(manner="crash"))
    with pytest.raises(JobFailed, match="interrupted"):
        jobs.wait(run_id)
    until(lambda: "SIGSEGV" in jobs.status(run_id).message)
    assert "Segmentation fault" in Store().log(run_id)


def test_parents_are_computed_before_their_children():
    parent = jobs.submit(toy(steps=4))
    child = jobs.submit(toy(parent=parent, steps=2))
    alone = Store().record(jobs.run_inline(toy(steps=2)))
    assert finish(child)["total"] != alone.summary["total"]
    assert job(parent)["finished"] <= job(child)["started"]


def test_a_failed_parent_fails_the_child_with_a_sentence():
    parent = jobs.submit(toy(manner="fail"))
    child = jobs.submit(toy(parent=parent))
    with pytest.raises(JobFailed, match=f"The run {parent} that it builds on failed"):
        jobs.wait(child)


def test_an_unknown_parent_is_refused_at_once():
    with pytest.raises(RunNotFound, match="0123456789abcdef"):
        jobs.submit(toy(parent="0123456789abcdef"))
    assert Store().records("toy") == [], "nothing is left behind"


def test_a_cancelled_run_stops_at_its_next_step_and_can_go_on_later():
    run_id = jobs.submit(toy(steps=30, pause=0.03))
    until(lambda: reached(run_id, 3))
    jobs.cancel(run_id)
    with pytest.raises(Cancelled):
        jobs.wait(run_id)
    stopped_at = max(e["step"] for e in jobs.events(run_id)[0])
    assert stopped_at < 30
    assert jobs.resume(run_id) == run_id
    assert finish(run_id)["steps"] == 30
    steps = [e["step"] for e in jobs.events(run_id)[0] if e["event"] == "step"]
    assert steps == list(range(1, 31)), "each step is told once"
    assert f"from {stopped_at}" in Store().log(run_id)


def test_a_run_cancelled_while_it_waits_never_starts():
    slow = jobs.submit(toy(steps=100, pause=0.03))
    waiting = jobs.submit(toy(seed=1))
    jobs.cancel(waiting)
    assert jobs.status(waiting).state == "cancelled"
    jobs.cancel(slow)
    with pytest.raises(Cancelled):
        jobs.wait(slow)
    assert "started" not in job(waiting)


def test_a_longer_run_continues_the_longest_finished_shorter_one(toys: Path):
    short, _ = (jobs.run_inline(toy(steps=n)) for n in (6, 2))
    long = jobs.extend(short, 9)
    extended = finish(long)
    record = Store().record(long)
    assert record.info["continued_from"] == short
    steps = [e["step"] for e in jobs.events(long)[0] if e["event"] == "step"]
    assert steps == list(range(1, 10)), "the history begins with the shorter run's"
    elsewhere = Store(toys / "other")
    assert extended["total"] == elsewhere.record(jobs.run_inline(toy(steps=9), elsewhere)).summary["total"]


def test_only_a_finished_run_can_be_extended_and_only_to_more():
    run_id = jobs.run_inline(toy(steps=2))
    with pytest.raises(ConfigError, match="steps must be above the 2 that are done, got 2"):
        jobs.extend(run_id, 2)
    unfinished = Store().create(toy(steps=3)).id
    with pytest.raises(DDCoreError, match="only a finished run can be extended"):
        jobs.extend(unfinished, 9)


def test_a_run_whose_code_has_changed_is_not_resumed_under_its_old_name(monkeypatch):
    run_id = Store().create(toy()).id
    monkeypatch.setenv("TOY_VERSION", "2")
    with pytest.raises(JobFailed, match="has changed since"):
        jobs.resume(run_id)
    assert execute(Store(), Store().record(run_id)) == "failed"
    assert "has changed since" in jobs.status(run_id).message
