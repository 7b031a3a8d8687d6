"""The simulated course: nothing of it is lost, it is served as the queue serves, and the docs say what came out."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import fairness, machine
from ddcore.home import PROJECT

DOCS, KEPT = PROJECT / "docs" / "measured.md", PROJECT / "benchmarks" / "results" / "fairness.json"


@pytest.mark.parametrize("policy", fairness.POLICIES)
def test_every_run_of_a_course_is_computed_once_and_the_slot_holds_one_at_a_time(policy: str) -> None:
    course = fairness.course(3)
    asked = {id(run): run.length for run in course}
    runs, sessions = fairness.simulated(course, *fairness.POLICIES[policy])
    assert {id(run): run.length for run in runs} == asked
    assert all(run.left == 0 and run.started is not None and run.asked <= run.started < run.ended for run in runs)
    slot = sum(one.length for one in sessions)
    assert slot == pytest.approx(sum(asked.values()) + fairness.START * len(sessions))
    assert all(before.when <= after.when - after.length + 1e-6 for before, after in pairwise(sessions))
    assert (len(sessions) > len(runs)) == ("slices" in policy)


def test_first_come_first_served_starts_runs_as_they_were_asked_for() -> None:
    runs, _ = fairness.simulated(fairness.course(3), False, 0.0)
    assert [run.started for run in runs] == sorted(run.started or 0.0 for run in runs)


def test_in_turns_those_of_one_student_start_as_they_were_asked_for_and_a_first_run_waits_for_no_fifty() -> None:
    runs, sessions = fairness.simulated(fairness.course(3), True, 600.0)
    many = [run.started or 0.0 for run in runs if run.student == "student 0"]
    assert many == sorted(many)
    alone = fairness.measured(*fairness.simulated(fairness.course(3), False, 0.0))
    shared = fairness.measured(runs, sessions)
    assert shared["first run, p95"] < 15 < 300 < alone["first run, p95"]
    assert shared["longest wait"] > alone["longest wait"], "somebody waits: the one with the fifty"


def test_jains_index_is_one_of_equals_and_a_share_of_one_who_has_all() -> None:
    assert fairness.jain([3.0] * 4) == 1.0
    assert fairness.jain([5.0, 0.0, 0.0, 0.0]) == 0.25
    assert fairness.jain([1.0, 2.0, 3.0]) == pytest.approx(36 / 42)


def test_the_docs_say_what_is_kept() -> None:
    kept = json.loads(KEPT.read_text())
    assert kept["command"] == "python -m benchmarks.fairness"
    page = DOCS.read_text("utf-8")
    assert "\n".join(fairness.table(kept["policies"])) in page
    assert f"n = {kept['seeds']}" in page.partition("## Taking turns")[2].partition("\n## ")[0]


@pytest.mark.slow  # fifty courses under three policies
def test_what_is_kept_comes_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["fairness.py"])
    fairness.main()
    assert json.loads((tmp_path / "fairness.json").read_text())["policies"] == json.loads(KEPT.read_text())["policies"]
