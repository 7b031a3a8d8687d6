"""A run that asks for others on its way: it holds no slot while it waits, and goes on whatever becomes of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from toyjobs import finish, job, kill, reached, runner, toy, until
from toykind import asked

from ddcore import jobs
from ddcore.errors import DataMissing, JobFailed
from ddcore.experiments import Spec
from ddcore.jobs import asking, worker
from ddcore.jobs.job import mark_asked, mark_ended, mark_running, request_cancel
from ddcore.jobs.queue import Queue
from ddcore.runs import Store
from ddcore.runs.recorder import FolderRecorder

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
    assert jobs.status(run_id).awaited == 3
    assert own.key == second
    jobs.submit(own)  # somebody asks for the same
    jobs.cancel(run_id)
    assert Store().record(run_id).state == "cancelled"
    assert Store().record(third).state == "cancelled"
    until(lambda: Store().record(first).state == "cancelled")
    assert Store().record(second).active
    jobs.cancel(second)


def test_what_was_asked_along_with_a_run_is_cancelled_with_it_unless_somebody_else_asks():
    run_id = jobs.submit(toy(steps=400, pause=0.02))
    along, shared = (jobs.submit(toy(seed=seed, steps=400, pause=0.02), asked_by=run_id) for seed in (7, 8))
    jobs.submit(toy(seed=8, steps=400, pause=0.02))
    jobs.cancel(run_id)
    assert Store().record(along).state == "cancelled"
    assert Store().record(shared).active
    jobs.cancel(shared)


def test_what_was_asked_along_with_a_run_and_cancelled_with_it_is_resumed_with_it():
    run_id = jobs.submit(toy(steps=400, pause=0.02))
    judging = jobs.submit(toy(parent=run_id), asked_by=run_id)
    other = jobs.submit(toy(seed=8))
    jobs.cancel(run_id)
    jobs.cancel(other)
    until(lambda: Store().record(run_id).state == Store().record(judging).state == "cancelled")
    assert jobs.resume(run_id) == run_id
    assert [Store().record(one).active for one in (run_id, judging, other)] == [True, True, False]
    jobs.cancel(run_id)
    assert Store().record(judging).state == "cancelled", "it is still only asked along"


def test_a_broken_run_that_was_asked_along_does_not_keep_the_other_from_being_resumed():
    run_id = jobs.submit(toy(steps=400, pause=0.02))
    judging = jobs.submit(toy(parent=run_id), asked_by=run_id)
    jobs.cancel(run_id)
    until(lambda: Store().record(run_id).state == Store().record(judging).state == "cancelled")
    (Store().record(judging).folder / "spec.json").write_text("{")
    assert jobs.resume(run_id) == run_id
    assert Store().record(run_id).active
    jobs.cancel(run_id)


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


def test_what_stops_it_from_asking_is_its_error():
    def refused(*args: object) -> None:
        raise DataMissing("the data set is gone")

    record = Store().create(toy(asks=2))
    assert worker.execute(Store(), record, await_runs=refused) == "failed"
    assert Store().record(record.id).problem == "the data set is gone"


def test_cancelled_at_the_moment_it_asks_it_asks_for_nothing():
    def cancelled(store: Store, record: Any, specs: Any) -> None:
        request_cancel(record.folder, grace=5)
        asking.await_runs(store, record, specs)

    one = toy(asks=2)
    assert worker.execute(Store(), Store().create(one), await_runs=cancelled) == "cancelled"
    assert Queue().idle()
    assert not any(Store().exists(spec.key) for spec in asked(one.config))


def test_what_a_persons_run_needs_further_down_outlives_the_run_that_asked_for_it():
    store, queue, asker = Store(), Queue(), Store().create(toy(asks=1))
    first = toy(seed=1)
    second = toy(seed=2, parent=first.key)
    third = toy(seed=3, parent=second.key)
    with store.lock():
        *_, last = asking.enqueue(store, queue, [first, second, third], asker.id)
        asking.mark_waiting(asker.folder, [last.id])
    queue.add(asker.id)
    assert {one.id for one in asking.only_for(store, queue, asker)} == {first.key, second.key, third.key}
    mark_asked(last.folder)
    assert asking.only_for(store, queue, asker) == []


def test_what_two_wait_for_ends_with_the_second():
    store, queue = Store(), Queue()
    one, other, shared = (store.create(spec) for spec in (toy(asks=1), toy(asks=2), toy(seed=5)))
    with store.lock():
        asking.enqueue(store, queue, [toy(seed=5)], one.id)
    for asker in (one, other):
        asking.mark_waiting(asker.folder, [shared.id])
        queue.add(asker.id)
    assert asking.only_for(store, queue, one) == []
    queue.remove(next(ticket for ticket in queue.waiting() if ticket.run_id == one.id))
    mark_ended(one.folder, "cancelled")
    assert [run.id for run in asking.only_for(store, queue, other)] == [shared.id]


def test_the_queue_is_read_a_few_times_however_many_runs_are_asked_for(monkeypatch: pytest.MonkeyPatch):
    store, reads, waiting = Store(), [], Queue.waiting
    monkeypatch.setattr(Queue, "waiting", lambda self: [reads.append(1), waiting(self)][1])
    with store.lock():
        asking.enqueue(store, Queue(), asked(toy(asks=30).config), "somebody")
    assert len(reads) == 2
    assert [ticket.run_id for ticket in waiting(Queue())] == [spec.key for spec in asked(toy(asks=30).config)]


def test_what_waits_is_read_once_and_again_when_it_changes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs.api, "tend", lambda *_: None)
    waiting = [jobs.submit(one) for one in asked(toy(asks=5).config)]
    assert [run_id for run_id, _ in jobs.list_jobs()] == waiting
    read, read_bytes = list[str](), Path.read_bytes
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda path: [read.append(path.name), read_bytes(path)][1])
        assert [run_id for run_id, _ in jobs.list_jobs()] == waiting
        assert [one.state for one in Store().records("toy")] == ["queued"] * 5
    assert read == ["progress.json"] * 5  # and is not there
    mark_ended(Store().record(waiting[0]).folder, "failed", "It broke.")
    assert [run_id for run_id, _ in jobs.list_jobs()] == waiting[1:]
    assert Store().record(waiting[0]).problem == "It broke."
    mark_running(Store().record(waiting[1]).folder, "cpu")
    assert Store().record(waiting[1]).state == "running"
    monkeypatch.setattr("ddcore.runs.state.is_alive", lambda *_: False)
    assert Store().record(waiting[1]).state == "interrupted"


def test_in_one_process_it_does_not_wait_for_what_another_computes():
    one = toy(asks=1)
    mark_running(Store().create(asked(one.config)[0]).folder, "cpu")
    with pytest.raises(JobFailed, match="elsewhere"):
        jobs.run_inline(one)


def test_what_is_interrupted_is_waited_for_a_few_times_or_as_often_as_it_goes_on_by_itself(
    monkeypatch: pytest.MonkeyPatch
):
    store, one = Store(), toy(seed=1)
    asker, folder = (store.create(spec).folder for spec in (toy(asks=1), one))
    asking.mark_waiting(asker, [one.key])
    recorder, sessions = FolderRecorder(store, toy(asks=1).key), dict[str, int]()
    for resumes in ("0", "5"):
        monkeypatch.setenv("DDCORE_RESUMES", resumes)
        (folder / "job.json").unlink(missing_ok=True)
        while True:
            mark_running(folder, "cpu")
            mark_ended(folder, "interrupted", "It was killed.")
            sessions[resumes] = sessions.get(resumes, 0) + 1
            if recorder.ended(one) is not None:
                break
    assert sessions == {"0": 3, "5": 6}


@pytest.mark.parametrize("lost", ["failed", "interrupted"])
def test_what_was_lost_with_a_killed_run_is_asked_for_again_with_it_and_no_more_once_that_failed(lost: str):
    store, parent, child = Store(), toy(seed=1), toy(seed=2, parent=toy(seed=1).key)
    asker, first, second = (store.create(spec).folder for spec in (toy(asks=1), parent, child))
    asking.mark_waiting(asker, [parent.key, child.key])
    recorder = FolderRecorder(store, toy(asks=1).key)

    def ended() -> list[str | None]:
        return [end and end.state for end in map(recorder.ended, (parent, child))]

    mark_running(first, "cpu")
    mark_ended(first, "interrupted", "It was killed.")
    mark_ended(second, lost, "The run that it builds on was interrupted.")
    assert ended() == [None, None]
    mark_ended(first, "failed", "It diverged.")
    assert ended() == ["failed", lost]
    assert finish(jobs.submit(parent)).steps
    assert ended() == ["done", None], "somebody asked for it again meanwhile"
    mark_ended(second, "failed", "Its worker could not start.")
    assert ended() == ["done", "failed"]
