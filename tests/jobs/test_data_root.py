"""The data root belongs to the job: whoever's runner computes it, it is that of the one who asked."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from brought import added, folders
from toyjobs import finish, job, kill, reached, runner, toy, until

from ddcore import jobs
from ddcore.experiments import spec
from ddcore.home import data_root
from ddcore.jobs.job import data_of, mark_waiting
from ddcore.jobs.queue import Queue
from ddcore.runs import Store
from ddcore.runs.files import read_json, write_json
from ddcore.runs.state import resumed

pytestmark = pytest.mark.usefixtures("toys")


def data_of_worker(run_id: str) -> str:
    """The data root in the environment of the process that computes this run."""
    until(lambda: job(run_id)["state"] == "running")
    return psutil.Process(job(run_id)["pid"]).environ()["DDCORE_DATA"]


def test_a_runner_of_another_shell_computes_with_the_data_of_the_one_who_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "first"))
    first = jobs.submit(toy(steps=60, pause=0.02))
    until(lambda: reached(first, 1))
    pid = runner()["pid"]
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "second"))
    second = jobs.submit(toy(steps=61, pause=0.02))
    assert data_of_worker(second) == str(tmp_path / "second")
    assert runner()["pid"] == pid
    assert psutil.Process(pid).environ()["DDCORE_DATA"] == str(tmp_path / "first")
    finish(second)


@pytest.mark.slow  # several processes
def test_a_set_that_only_the_asking_shell_knows_is_computed_by_the_first_shells_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "first"))
    first = jobs.submit(toy(steps=100, pause=0.02))
    until(lambda: reached(first, 1))
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "second"))
    added(folders(12, 2), data_root())
    question = {"dataset": "pets", "ipc": 1, "device": "cpu"}
    jobs.wait(jobs.submit(spec("distill", "random", question)))


def test_a_keeper_with_other_data_lets_a_run_go_on_about_a_set_that_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.api, "tend", lambda *_: None)
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "asked"))
    added(folders(12, 2), data_root())
    question = spec("distill", "random", {"dataset": "pets", "ipc": 1, "device": "cpu"})
    run_id = jobs.submit(question)
    along = jobs.submit(spec("evaluate", "evaluate", {"run": run_id, "device": "cpu"}), asked_by=run_id)
    folders_of = [Store().record(one).folder for one in (run_id, along)]
    for ticket in Queue().waiting():
        Queue().remove(ticket)
    for folder in folders_of:
        gone = {"state": "running", "pid": 1, "mark": "gone"}
        write_json(folder / "job.json", {**read_json(folder / "job.json"), **gone})
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "keeper"))
    jobs.api.go_on(run_id)
    assert {ticket.run_id for ticket in Queue().waiting()} == {run_id, along}
    assert {data_of(folder) for folder in folders_of} == {str(tmp_path / "asked")}
    assert [resumed(folder) for folder in folders_of] == [1, 1]


@pytest.mark.slow  # seconds of processes
def test_a_run_that_goes_on_by_itself_keeps_its_data_and_one_that_a_person_resumes_takes_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "asked"))
    run_id = jobs.submit(toy(steps=400, pause=0.02))
    until(lambda: reached(run_id, 1))
    folder = Store().record(run_id).folder
    for data, deed, expected in (("keeper", jobs.api.go_on, "asked"), ("person", jobs.resume, "person")):
        kill(job(run_id))
        until(lambda: Store().record(run_id).state == "interrupted")
        monkeypatch.setenv("DDCORE_DATA", str(tmp_path / data))
        deed(run_id)
        assert data_of_worker(run_id) == data_of(folder) == str(tmp_path / expected)
    mark_waiting(folder, [])
    assert data_of(folder) == str(tmp_path / "person")
