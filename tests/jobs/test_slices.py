"""A run that has had its time lets others go first, and goes on later; whatever dies or is cancelled meanwhile."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosted import ANN, BEN, CLEO, ask, in_turn, share
from safetensors.numpy import load_file
from toyjobs import finish, job, kill, reached, runner, toy, until

from ddcore import home as places
from ddcore import jobs
from ddcore.errors import StepsAside
from ddcore.experiments import Spec, spec
from ddcore.hosting import ledger
from ddcore.hosting.people import Person, acting_as
from ddcore.jobs import asking, launch, worker
from ddcore.jobs import runner as runners
from ddcore.jobs.job import grant, mark_queued, request_cancel
from ddcore.jobs.launch import runner_file
from ddcore.jobs.queue import Queue
from ddcore.jobs.runner import Runner
from ddcore.jobs.turns import gives_way
from ddcore.runs import Store
from ddcore.runs.recorder import FolderRecorder
from ddcore.runs.state import ASKER, ASKING, RESUMED, SLICE_FLAG

pytestmark = pytest.mark.usefixtures("toys")
SHORT = 0.005  # minutes of a slice
UNDISTURBED = """
import json, sys
from ddcore import jobs
from ddcore.experiments import spec
jobs.run_inline(spec("distill", "dm", json.loads(sys.argv[1])))
"""
LONG = {"steps": 40, "pause": 0.05}


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runner is started: what it does is done here, step by step."""
    monkeypatch.setattr(launch, "_start", lambda slot: None)


@pytest.fixture
def served(still: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Starts the runner of the slot, in this process, which looks around more often; at the end it has signed off."""
    monkeypatch.setattr(runners, "BEAT_SECONDS", 0.1)
    runner_file("cpu").parent.mkdir(parents=True)
    thread = threading.Thread(target=lambda: Runner("cpu").work(), daemon=True)
    yield thread.start
    for ticket in Queue().waiting():
        Queue().remove(ticket)
    for run_id in Queue().active().values():
        kill(job(run_id))
    thread.join(30)


def total(one: Spec, toys: Path) -> int:
    """What the run of a question adds up to where nobody disturbs it."""
    elsewhere = Store(toys / "other" / "runs")
    quick = toy(**{**one.config.values(), "pause": 0.0})
    return elsewhere.record(jobs.run_inline(quick, elsewhere)).summary.total


def log(run_id: str) -> str:
    return Store().log(run_id)


def settled() -> None:
    """Wait until the runner has signed off."""
    until(lambda: Queue().idle() and ledger.holding("cpu") is None)


def test_a_run_that_has_had_its_time_lets_somebody_elses_go_first_and_goes_on_where_it_stood(
    toys: Path, served: Callable[[], None]
) -> None:
    share(SHORT)
    (long,) = ask(ANN, toy(**LONG))
    began = time.monotonic()
    served()
    until(lambda: reached(long, 2))
    (other,) = ask(BEN, toy(seed=5))
    states = set[str]()
    until(lambda: (states.add(jobs.status(long).state), jobs.status(other).state == "done")[1])
    assert jobs.status(long).state != "done"
    summary = finish(long)
    settled()
    took = time.monotonic() - began
    assert states <= {"running", "queued"}, "it is never shown as interrupted"
    assert "Steps aside for others" in log(long)
    assert summary.total == total(toy(**LONG), toys)
    assert [e["step"] for e in Store().events(long)[0] if e["event"] == "step"] == [*range(1, 41)]
    assert (job(long)["sessions"], job(other)["sessions"]) == (1, 1)
    times = Store().record(long).info["times"]
    assert 2.0 <= times["seconds"] < times["finished"] - times["started"], "of its own sessions, without the wait"
    used = ledger.last_day()
    assert used[ANN.id] > times["seconds"] - 0.5
    assert 0 < used[BEN.id] < used[ANN.id] < sum(used.values()) < took
    assert not (Store().record(long).folder / SLICE_FLAG).exists()


@pytest.mark.slow  # a worker that is watched for seconds in which nothing happens
@pytest.mark.parametrize("who", ["alone", "own", "nobody hosts", "no slices"])
def test_a_run_alone_or_before_runs_of_the_same_person_is_never_set_aside(
    who: str, served: Callable[[], None]
) -> None:
    if who != "nobody hosts":
        share(0.0 if who == "no slices" else SHORT)
    (long,) = ask(ANN, toy(**LONG))
    served()
    if who != "alone":
        ask(ANN if who == "own" else BEN, toy(seed=5))
    finish(long)
    settled()
    assert "Steps aside" not in log(long)
    assert ledger.path().exists() == (who != "nobody hosts")


@pytest.mark.slow  # twenty-one workers, one after another
def test_one_run_of_somebody_else_is_next_and_not_the_twenty_first() -> None:
    share()
    many = ask(ANN, *(toy(seed=seed, steps=3, pause=0.05) for seed in range(20)))
    until(lambda: Store().record(many[0]).state in ("running", "done"))
    (one,) = ask(BEN, toy(seed=99))
    working = [run_id for run_id in many if Store().record(run_id).state != "queued"]
    assert len(working) < 4
    with acting_as(BEN):
        assert jobs.status(one).position in (1, None)
    finish(one)
    assert sum(Store().record(run_id).state == "done" for run_id in many) <= len(working) + 1
    for run_id in many:
        finish(run_id)
    began = sorted((job(run_id)["started"], run_id) for run_id in many)
    assert [run_id for _, run_id in began] == many, "those of one person come in their order"


@pytest.mark.slow  # some sessions of two runs, one after another
def test_two_runs_that_both_take_long_take_turns(toys: Path, served: Callable[[], None]) -> None:
    share(SHORT)
    ids = [*ask(ANN, toy(seed=1, steps=150, pause=0.05)), *ask(BEN, toy(seed=2, steps=150, pause=0.05))]
    served()
    for run_id, seed in zip(ids, (1, 2), strict=True):
        assert finish(run_id).total == total(toy(seed=seed, steps=150), toys)
    assert sum(log(run_id).count("Steps aside") for run_id in ids) >= 2
    assert [job(run_id)["sessions"] for run_id in ids] == [1, 1]


@pytest.mark.slow  # workers that load torch, one after another
@pytest.mark.timeout(400)
def test_two_distillations_that_take_turns_have_the_bits_of_undisturbed_ones(
    toys: Path, served: Callable[[], None]
) -> None:
    share(0.02)
    small = {"dataset": "digits", "device": "cpu", "ipc": 1, "width": 4, "batch_real": 16, "num_iters": 400}
    asked = [spec("distill", "dm", {**small, "seed": seed}) for seed in (1, 2)]
    ids = [*ask(ANN, asked[0]), *ask(BEN, asked[1])]
    served()
    until(lambda: all(Store().record(run_id).state == "done" for run_id in ids), seconds=300)
    assert sum(log(run_id).count("Steps aside") for run_id in ids) >= 3
    elsewhere = Store(toys / "other" / "runs")
    for one, run_id in zip(asked, ids, strict=True):
        subprocess.run([sys.executable, "-c", UNDISTURBED, json.dumps(one.config.values())], cwd=places.PROJECT,
                       check=True, env={**os.environ, "DDCORE_HOME": str(toys / "other")})
        for name in ("images", "initial"):
            taken, whole = (load_file(store.record(run_id).folder / f"{name}.safetensors")
                            for store in (Store(), elsewhere))
            assert {n: array.tobytes() for n, array in taken.items()} == {n: a.tobytes() for n, a in whole.items()}
        steps = [[{**e, "seconds": 0} for e in store.events(run_id)[0] if e["event"] == "step"]
                 for store in (Store(), elsewhere)]
        assert len(steps[0]) == 400
        assert steps[0] == steps[1]


def begin(run_id: str) -> None:
    """What a runner does until it starts a worker."""
    (ticket,) = [one for one in Queue().waiting() if one.run_id == run_id]
    Queue().claim(ticket, "cpu")
    Runner("cpu")._count(run_id, begins=True)


def work(run_id: str, spoil: Callable[[pytest.MonkeyPatch], None] = lambda patch: None) -> int | None:
    """A worker in a process of its own, which has had its time at once; its exit code. spoil: what goes wrong in it."""
    def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FolderRecorder, "slice_over", lambda recorder: True)
            spoil(patch)
            os._exit(worker.main(run_id, "cpu"))

    process = multiprocessing.get_context("fork").Process(target=main)
    process.start()
    process.join(30)
    return process.exitcode


def dies(patch: pytest.MonkeyPatch, where: object, name: str, after: bool = False) -> None:
    """From now on the process is killed when it calls this, or when it has."""
    called = getattr(where, name)

    def killed(*values: object) -> None:
        if after:
            called(*values)
        os.kill(os.getpid(), signal.SIGKILL)

    patch.setattr(where, name, killed)


def computed(run_id: str) -> int:
    """The total of a run once somebody has taken care that it goes on."""
    if Store().record(run_id).state != "queued":
        jobs.resume(run_id)
    assert [ticket.run_id for ticket in Queue().waiting()] == [run_id]
    Queue().remove(Queue().waiting()[0])
    assert worker.execute(Store(), Store().record(run_id)) == "done"
    return Store().record(run_id).summary.total


@pytest.mark.parametrize(("spoil", "state"), [
    (lambda patch: dies(patch, FolderRecorder, "give_way"), "interrupted"),
    (lambda patch: dies(patch, worker, "step_aside"), "interrupted"),
    (lambda patch: dies(patch, Queue, "put_back"), "interrupted"),
    (lambda patch: dies(patch, Queue, "put_back", after=True), "interrupted"),
    (lambda patch: dies(patch, asking, "mark_aside"), "interrupted"),
    (lambda patch: dies(patch, asking, "mark_aside", after=True), "queued"),
    (lambda patch: dies(patch, worker, "step_aside", after=True), "queued"),
], ids=["at the checkpoint", "before", "before its ticket", "after its ticket", "before its state", "after its state",
        "after all"])
@pytest.mark.parametrize("watched", [True, False], ids=["watched", "and the runner with it"])
def test_a_worker_that_is_killed_while_it_steps_aside_loses_nothing(
    still: None, toys: Path, spoil: Callable[[pytest.MonkeyPatch], None], state: str, watched: bool
) -> None:
    share(SHORT)
    (run_id,) = ask(ANN, toy(steps=5))
    begin(run_id)
    assert work(run_id, spoil) == -signal.SIGKILL
    if watched:
        Runner("cpu")._settle(run_id, -signal.SIGKILL)
    else:
        Runner("cpu")._adopt(run_id)
    assert Queue().active() == {}
    with Store().lock():
        ready = [Runner("cpu")._ready(ticket, Store().state) for ticket in Queue().waiting()]
    assert Store().record(run_id).state == state
    assert (ready == [True]) == (state == "queued")
    assert computed(run_id) == total(toy(steps=5), toys)
    steps = [e["step"] for e in Store().events(run_id)[0] if e["event"] == "step"]
    assert steps == [1, 2, 3, 4, 5]


def test_a_runner_that_dies_between_leaves_the_turn_to_the_next(still: None, toys: Path) -> None:
    share(SHORT)
    (long,) = ask(ANN, toy(steps=5))
    begin(long)
    (other,) = ask(BEN, toy(seed=5))
    assert work(long) == 0
    Runner("cpu")._count(long)
    assert (Queue().active(), Store().record(long).state) == ({"cpu": long}, "queued")
    after = Runner("cpu")
    after._adopt(long)
    assert Queue().active() == {}
    assert ledger.holding("cpu") is None
    assert after._take() == other
    assert in_turn() == [long]


def test_cancelled_between_it_is_cancelled_at_once_and_stays_so(still: None) -> None:
    share(SHORT)
    (run_id,) = ask(ANN, toy(steps=5))
    begin(run_id)
    assert work(run_id) == 0
    jobs.cancel(run_id)
    assert Store().record(run_id).state == "cancelled"
    Runner("cpu")._settle(run_id, 0)
    assert (Store().record(run_id).state, Queue().waiting(), Queue().active()) == ("cancelled", [], {})


def test_cancelled_while_it_steps_aside_it_stops(still: None) -> None:
    share(SHORT)
    (run_id,) = ask(ANN, toy(steps=5))
    begin(run_id)
    step_aside, folder = worker.step_aside, Store().record(run_id).folder

    def first_cancelled(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(worker, "step_aside", lambda *values: (request_cancel(folder, 5.0), step_aside(*values)))

    assert work(run_id, first_cancelled) == 0
    assert (Store().record(run_id).state, Queue().waiting()) == ("cancelled", [])
    assert Store().record(run_id).problem == "It was cancelled."


def test_cancelled_while_it_waits_it_leaves_the_queue_and_goes_on_when_it_is_resumed(still: None, toys: Path) -> None:
    share(SHORT)
    (run_id,) = ask(ANN, toy(steps=5))
    begin(run_id)
    work(run_id)
    Runner("cpu")._settle(run_id, 0)
    with acting_as(ANN):
        assert jobs.status(run_id).aside
        jobs.cancel(run_id)
        assert (jobs.status(run_id).state, Queue().waiting()) == ("cancelled", [])
        jobs.resume(run_id)
        assert not jobs.status(run_id).aside, "it waits because somebody asked"
    assert computed(run_id) == total(toy(steps=5), toys)


def test_it_keeps_its_people_its_place_among_their_runs_and_the_files_of_who_asked(still: None) -> None:
    share(SHORT)
    first, second = ask(ANN, toy(seed=1, steps=5), toy(seed=2))
    folder = Store().record(first).folder
    (folder / RESUMED).write_text("2")
    (folder / ASKER).write_text("f" * 16)
    begin(first)
    work(first)
    Runner("cpu")._settle(first, 0)
    assert in_turn() == [first, second]
    assert (folder / ASKING).read_text() == ANN.id
    assert ((folder / RESUMED).read_text(), (folder / ASKER).read_text()) == ("2", "f" * 16)
    status = jobs.status(first)
    assert (status.state, status.position, status.aside, status.done, status.total) == ("queued", 1, True, 1, 5)


def test_going_on_after_stepping_aside_is_no_session_of_its_own_and_after_a_kill_it_is(still: None) -> None:
    share(SHORT)
    (run_id,) = ask(ANN, toy(steps=9))
    for _ in range(3):
        begin(run_id)
        work(run_id)
        Runner("cpu")._settle(run_id, 0)
        assert job(run_id)["sessions"] == 1
    begin(run_id)
    work(run_id, lambda patch: dies(patch, FolderRecorder, "give_way"))
    Runner("cpu")._settle(run_id, -9)
    assert (Store().record(run_id).state, job(run_id)["sessions"]) == ("interrupted", 1)
    with Store().lock():
        asking.requeue(Store(), Queue(), Store().record(run_id))
    begin(run_id)
    work(run_id)
    assert job(run_id)["sessions"] == 2


def test_a_run_gives_way_only_where_somebody_elses_job_would_be_next(
    still: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(SHORT)
    (long,) = ask(ANN, toy(steps=5))
    begin(long)

    def way(ready: bool = True) -> bool:
        return gives_way(Store(), Queue(), "cpu", long, lambda ticket: ready)

    def use(slot: str, person: Person, seconds: float) -> None:
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + seconds)
        ledger.count(slot, (person.id,))

    use("cpu", ANN, 60.0)
    assert not way(), "nobody waits"
    ask(ANN, toy(seed=1))
    assert not way(), "its own person waits"
    ask(BEN, toy(seed=2))
    assert way()
    assert not way(ready=False), "what somebody else asked for cannot start yet"
    ledger.begin("gpu9", "r" * 16)
    use("gpu9", BEN, 600.0)
    assert not way(), "who waits used more"
    ask(CLEO, toy(seed=1))
    assert way(), "one of its own person's runs is somebody else's, too"
    (Store().root.parent / "hosting.toml").unlink()
    assert not way(), "nobody shares this workbench"


def test_a_ticket_whose_run_is_gone_keeps_nobody_from_their_turn(
    still: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(SHORT)
    (long,) = ask(ANN, toy(steps=5))
    begin(long)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60.0)
    ledger.count("cpu", (ANN.id,))
    Queue().add("e" * 16)
    assert not Runner("cpu")._gives_way(long)
    ask(BEN, toy(seed=1))
    assert Runner("cpu")._gives_way(long)


def test_what_a_run_was_told_when_it_ended_is_put_away(still: None) -> None:
    share(SHORT)
    (run_id,) = ask(ANN, toy(steps=2))
    begin(run_id)
    assert worker.execute(Store(), Store().record(run_id)) == "done"
    folder = Store().record(run_id).folder
    grant(folder, 10.0)
    Runner("cpu")._settle(run_id, 0)
    assert not (folder / SLICE_FLAG).exists()


def test_its_time_begins_with_its_work_and_is_over_only_while_others_wait(
    still: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Store().create(toy())
    mark_queued(record.folder)
    recorder, now = FolderRecorder(Store(), record.id), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    grant(record.folder, 10.0)
    now[0] += 500.0  # reading the data, compiling
    assert not recorder.slice_over()
    now[0] += 9.0
    assert not recorder.slice_over()
    recorder.give_way()
    now[0] += 2.0
    assert recorder.slice_over()
    grant(record.folder, None)
    assert not recorder.slice_over()
    grant(record.folder, 10.0)
    with pytest.raises(StepsAside):
        recorder.give_way()


@pytest.mark.slow  # a worker that is watched for ten seconds
def test_a_runner_that_takes_over_goes_on_counting_and_slicing(toys: Path) -> None:
    share(SHORT)
    began = time.monotonic()
    (long,) = ask(ANN, toy(steps=200, pause=0.05))
    until(lambda: reached(long, 2))
    kill(runner())
    (other,) = ask(BEN, toy(seed=5))  # whoever asks starts another runner
    finish(other)
    assert Store().record(long).state != "done"
    assert finish(long).total == total(toy(steps=200), toys)
    assert "Steps aside" in log(long)
    settled()
    assert ledger.last_day()[ANN.id] > Store().record(long).info["times"]["seconds"] - 0.5
    assert sum(ledger.last_day().values()) < time.monotonic() - began


def test_what_nobody_watched_is_not_counted_when_its_worker_died(still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    share()
    (run_id,) = ask(ANN, toy(steps=5))
    begin(run_id)
    work(run_id, lambda patch: dies(patch, FolderRecorder, "give_way"))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 5000.0)
    runners.Runner("cpu")._adopt(run_id)
    assert ledger.last_day().get(ANN.id, 0.0) < 1000.0
    assert ledger.holding("cpu") is None
