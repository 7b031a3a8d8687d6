"""`python -m ddcore hosting …` and `health`: the machine's own user looks after a workbench that many share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddcore.cli import main
from ddcore.hosting import quotas
from ddcore.hosting.people import Person, remember
from ddcore.jobs import drain, health

ANNE, BOB = Person("a" * 16, "student", "Anne", "anne@example.org"), Person("b" * 16, "student", "Bob")


@pytest.fixture
def hosted(home: Path) -> Path:
    (home / "hosting.toml").write_text("[quota]\nwaiting = 7\n")
    remember(ANNE)
    remember(BOB)
    return home


def test_people_are_told_with_what_they_use(hosted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hosting", "people"]) == 0
    told = capsys.readouterr().out
    assert "anne@example.org" in told
    assert "0 of 7" in told
    assert main(["hosting", "people", "--json"]) == 0
    anne, bob = json.loads(capsys.readouterr().out)["people"]
    assert (anne["person"]["id"], anne["waiting"], bob["quota"]["waiting"]) == (ANNE.id, 0, 7)


@pytest.mark.parametrize("named", [ANNE.id, "anne@example.org", "ANNE"])
def test_somebody_is_allowed_more_by_id_address_or_name(
    hosted: Path, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    assert main(["hosting", "allow", named, "waiting", "12"]) == 0
    assert quotas.of(ANNE.id).waiting == 12
    assert main(["hosting", "allow", named, "waiting", "default", "--json"]) == 0
    assert quotas.of(ANNE.id).waiting == 7
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["allowed"] == {}


@pytest.mark.parametrize(("arguments", "said"), [
    (["nobody", "waiting", "1"], "no people are called 'nobody'"), (["Anne", "wating", "1"], "did you mean 'waiting'"),
    (["Anne", "waiting", "many"], "NUMBER is a number or “default”"), (["Anne", "waiting", "nan"], "must be 0 or more"),
])
def test_what_makes_no_sense_is_refused(
    hosted: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["hosting", "allow", *arguments]) == 1
    assert said in capsys.readouterr().err
    assert quotas.of(ANNE.id).waiting == 7


def test_two_people_of_one_name_are_not_taken_for_each_other(
    hosted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remember(Person("c" * 16, "student", "Anne"))
    assert main(["hosting", "allow", "Anne", "waiting", "12"]) == 1
    assert "2 people are called 'Anne'" in capsys.readouterr().err


def test_the_queue_runs_empty_and_goes_on(hosted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hosting", "drain"]) == 0
    assert drain.draining()
    assert main(["hosting", "queue", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"queue": [], "draining": True}
    assert main(["hosting", "go-on"]) == 0
    assert not drain.draining()
    assert main(["hosting", "cancel", "Bob"]) == 0
    assert "0 runs cancelled" in capsys.readouterr().out
    assert main(["hosting", "log", "--json", "--last", "2"]) == 0
    lines = json.loads(capsys.readouterr().out)["log"]
    assert [(line["what"], line["outcome"]) for line in lines] == \
        [(BOB.id, "done: cancelled 0 runs"), ("queue", "done: goes on")]
    assert main(["hosting", "log", "--person", "Bob"]) == 0
    assert "nothing yet" in capsys.readouterr().out


def test_health_is_told_and_is_the_exit_status(
    hosted: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    assert main(["health", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "ok"
    monkeypatch.setattr(health, "LEAST_FREE", 1e18)
    assert main(["health"]) == 1
    assert "The disk is nearly full" in capsys.readouterr().out
