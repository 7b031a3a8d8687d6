"""The word on one's turn, on pages and on the command line of a workbench that many share."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ddcore import jobs
from ddcore.cli.inspect import show_run
from ddcore.cli.waiting import _Lines
from ddcore.experiments import spec
from ddcore.hosting import ledger, people
from ddcore.hosting.people import Person, acting_as
from ddcore.jobs import launch
from ddcore.jobs.api import submit
from ddcore.jobs.job import mark_aside, mark_running
from ddcore.runs.files import write_json
from ddcore.runs.store import Store
from tests.pages.conftest import DM, Open, words

ANNE, BEN = Person("a" * 16, "student", "Anne", "anne@uni.example"), Person("b" * 16, "student", "Ben")


def bars(app: AppTest) -> str:
    """What stands at the bars of a page."""
    return "\n".join(bar.proto.text for bar in app.get("progress"))


@pytest.fixture
def queue(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A workbench in which Ben's run and two of Anne's wait, who used 12 minutes; their ids. Anne looks."""
    (home / "hosting.toml").write_text("")
    monkeypatch.setattr(launch, "_start", lambda slot: None)
    for person in (ANNE, BEN):
        people.remember(person)
    ids = []
    for ipc, person in enumerate((BEN, ANNE, ANNE), 1):
        with acting_as(person):
            ids.append(submit(spec("distill", "dm", {**DM, "ipc": ipc})))
    now = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: now)
        ledger.begin("cpu", "f" * 16)
        patch.setattr(time, "monotonic", lambda: now + 720.0)
        ledger.count("cpu", (ANNE.id,))
        ledger.end("cpu")
    monkeypatch.setattr(people, "found_by", lambda find: None)
    monkeypatch.setattr(people, "_finder", [lambda: ANNE])
    return ids


def test_home_and_a_runs_page_say_whose_turn_it_is_and_name_nobody(queue: list[str], open_page: Open) -> None:
    home = bars(open_page())
    assert "**Waiting** · next, when a slot is free. The run goes on if you close this page." in home
    assert "second in turn: you used 12 minutes lately, one person with less goes first" in home
    app = open_page("pages/8_Runs.py", run=queue[2])
    told = "third in turn: you used 12 minutes lately, one person with less and one run of yours go first"
    assert f"**Waiting** · {told}. The run goes on if you close this page." in bars(app)
    assert "Ben" not in words(app) + bars(app)


def test_a_run_that_stepped_aside_says_so_with_how_far_it_is(queue: list[str], open_page: Open) -> None:
    folder = Store().record(queue[1]).folder
    mark_running(folder, "cpu")
    write_json(folder / "progress.json", {"done": 40, "total": 100, "phase": "Distilling", "elapsed": 600.0})
    mark_aside(folder)
    (bar,) = (one for one in open_page("pages/8_Runs.py", run=queue[1]).get("progress") if "aside" in one.proto.text)
    assert bar.proto.text.startswith("**Waiting** · it stepped aside after its 10 minutes, as others wait; goes on "
                                     "second in turn: you used 12 minutes lately")
    assert bar.proto.value == 40


def test_a_form_says_what_would_go_before_a_run_of_ones_own(
    queue: list[str], open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "slots", tuple)
    assert "; 3 runs wait before it" in words(open_page("pages/5_DM.py"))
    monkeypatch.setattr(people, "_finder", [lambda: BEN])
    assert "; 1 run waits before it" in words(open_page("pages/5_DM.py"))


def test_the_command_line_says_it_too(queue: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    show_run.main([queue[1]], standalone_mode=False)
    assert "  Second in turn: you used 12 minutes lately, one person with less goes first.\n" in capsys.readouterr().out
    _Lines("dm")(jobs.status(queue[0]))
    assert capsys.readouterr().err == "dm: next, when a slot is free\n"
