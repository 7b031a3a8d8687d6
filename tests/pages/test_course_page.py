"""The page of whoever looks after a hosted workbench: who finds it, what it shows, and what its buttons do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.experiments import spec
from ddcore.hosting import audit, ledger, owners, people, quotas
from ddcore.hosting.people import MACHINE, NOBODY, Person, acting_as
from ddcore.jobs import drain, health
from ddcore.jobs.job import mark_asking, mark_ended, request_cancel
from ddcore.jobs.queue import Queue
from ddcore.runs.store import Store
from pages.components import menu
from tests.pages.conftest import TINY, Filled, Open, put, words

PAGE = "pages/9_Course.py"
ANNE, BOB = Person("a" * 16, "student", "Anne", "anne@uni.example"), Person("b" * 16, "student", "Bob [x]")
TEACHER = Person("c" * 16, "teacher", "Tess")

Visit = Callable[[Person], None]


@pytest.fixture
def visited_by(home: Path, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """visited_by(person): from now on it is this person who opens pages, of a hosted workbench."""
    (home / "hosting.toml").write_text("[quota]\nwaiting = 7\n[retention]\ntrash = 30\n")
    monkeypatch.setattr(people, "found_by", lambda find: None)
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    finder: list[Callable[[], Person]] = []
    monkeypatch.setattr(people, "_finder", finder)

    def by(person: Person) -> None:
        finder[:] = [lambda: person]

    return by


@pytest.fixture
def course(visited_by: Visit) -> dict[str, str]:
    """Anne has a run that waits and one, shared with Bob, that works; ids of the two."""
    for one in (ANNE, BOB, TEACHER):
        people.remember(one)
    ids = {}
    for name, seed, state, whose in (("waits", 1, "queued", [ANNE]), ("works", 2, "running", [ANNE, BOB])):
        ids[name] = put(spec("distill", "datadam", {**TINY, "seed": seed}), state)
        mark_asking(Store().record(ids[name]).folder, [one.id for one in whose])
        for one in whose:
            owners.take(one.id, ids[name])
        Queue().add(ids[name])
    Queue().claim(Queue().waiting()[1], "cpu")
    ledger.path().parent.mkdir(exist_ok=True)
    session = {"id": "x", "run": "x", "slot": "cpu", "when": time.time(), "seconds": {ANNE.id: 600.0}}
    ledger.path().write_text(json.dumps(session) + "\n")
    with acting_as(BOB):
        audit.write("submit", ids["works"], "done")
    visited_by(TEACHER)
    return ids


def tick(app: AppTest, *rows: int) -> AppTest:
    """The page once the people in these rows are ticked, and no others."""
    for box in app.checkbox:
        if (box.key or "").startswith("course-people-"):
            box.set_value(int(box.key.rpartition("-")[2]) in rows)
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


@pytest.mark.parametrize(("person", "there"), [
    (NOBODY, False), (Person("f" * 16, "viewer"), False), (ANNE, False), (TEACHER, True),
    (Person("d" * 16, "admin"), True)], ids=lambda one: getattr(one, "role", ""))
def test_the_menu_has_it_for_whom_the_table_lets_oversee(visited_by: Visit, person: Person, there: bool) -> None:
    visited_by(person)
    assert [entry.title for entry in menu.entries() if menu.is_for_me(entry)].count("Course") == there


def test_a_workbench_of_ones_own_has_no_such_page(home: Path) -> None:
    assert "Course" not in [entry.title for entry in menu.entries() if menu.is_for_me(entry)]
    (home / "hosting.toml").write_text("wrong")
    assert "Course" not in [entry.title for entry in menu.entries() if menu.is_for_me(entry)]


def test_a_student_who_reaches_it_all_the_same_is_refused_by_the_engine(
    course: dict[str, str], visited_by: Visit, monkeypatch: pytest.MonkeyPatch, open_page: Open
) -> None:
    monkeypatch.setattr(menu, "is_for_me", lambda entry: True)
    visited_by(ANNE)
    app = open_page(PAGE)
    assert [error.value for error in app.error] == ["A student may not see what everybody uses."]
    assert not app.dataframe
    assert audit.lines(1)[0]["outcome"] == "refused"


def test_an_empty_one_says_so(visited_by: Visit, open_page: Open) -> None:
    visited_by(TEACHER)
    app = open_page(PAGE)
    told = words(app)
    assert not app.error
    for said in ("Nothing works and nothing waits.", "Nothing was done yet."):
        assert said in told
    assert list(app.dataframe[0].value["person"]) == ["Tess"]


def test_it_shows_who_uses_what_the_queue_and_the_log(course: dict[str, str], open_page: Open) -> None:
    app = open_page(PAGE)
    assert not app.error
    assert {metric.label: metric.value for metric in app.metric if metric.label != "Disk free"} == {
        "Working": "1 of 1", "Waiting": "1", "GPU minutes, 24 h": "10"}
    who, queue, slots, log = (table.value for table in app.dataframe)
    assert list(who["person"]) == ["Anne", "Bob [x]", "Tess"]
    assert list(who["waiting"]) == ["1 of 7", "0 of 7", "0"]
    assert list(who["working"]) == ["1", "1", "0"]
    assert list(who["today"]) == ["10", "0", "0"]
    assert list(queue["id"]) == [course["works"], course["waits"]]
    assert list(queue["people"]) == ["Anne, Bob [x]", "Anne"]
    assert list(queue["place"]) == ["cpu", "number 1"]
    assert list(slots["slot"]) == ["cpu"]
    assert list(log["who"]) == ["Bob [x]"]
    assert log["what"][0].startswith("DataDAM")
    assert log["what_id"][0] == course["works"]


def test_the_log_is_filtered_by_person_and_deed(course: dict[str, str], open_page: Open) -> None:
    with acting_as(ANNE):
        audit.write("cancel", course["works"], "refused")
    app = open_page(PAGE)
    assert list(app.dataframe[-1].value["deed"]) == ["cancel", "submit"]
    app.selectbox(key="course-who").set_value(BOB.id).run()
    assert list(app.dataframe[-1].value["who"]) == ["Bob [x]"]
    app.selectbox(key="course-deed").set_value("cancel").run()
    assert "Nothing like this was done yet." in words(app)


def test_the_queue_runs_empty_and_everybody_is_told(
    course: dict[str, str], open_page: Open, visited_by: Visit
) -> None:
    app = press(open_page(PAGE), "Let the queue run empty")
    assert drain.draining()
    assert drain.TOLD in words(app)
    visited_by(ANNE)
    assert drain.TOLD in words(open_page("pages/8_Runs.py"))
    visited_by(TEACHER)
    app = press(open_page(PAGE), "Let the queue go on")
    assert not drain.draining()
    assert drain.TOLD not in words(app)


def test_one_person_is_allowed_more_and_what_the_settings_say_again(course: dict[str, str], open_page: Open) -> None:
    app = tick(open_page(PAGE), 0)
    field = app.number_input(key=f"quota-{ANNE.id}-waiting")
    assert (field.label, field.value) == ("Runs waiting", 7)
    field.set_value(20)
    app = press(app, "Save")
    assert quotas.allowed(ANNE.id) == {"waiting": 20}
    field = app.number_input(key=f"quota-{ANNE.id}-waiting")
    assert (field.label, field.value) == ("Runs waiting (allowed)", 20)
    app = press(app, "As in the settings")
    assert quotas.allowed(ANNE.id) == {}
    assert app.number_input(key=f"quota-{ANNE.id}-waiting").value == 7
    assert [line["outcome"] for line in audit.lines(2)] == ["done: waiting as in the settings", "done: waiting 20"]


def test_all_of_one_person_is_cancelled_and_what_others_wait_for_goes_on(
    course: dict[str, str], open_page: Open
) -> None:
    app = press(tick(open_page(PAGE), 0), "Cancel all")
    assert Store().state(course["waits"]) == "cancelled"
    assert Store().state(course["works"]) == "running"
    assert list(app.dataframe[0].value["waiting"]) == ["0 of 7", "0 of 7", "0"]


def test_teachers_have_no_limits_and_two_people_cannot_be_changed_at_once(
    course: dict[str, str], open_page: Open
) -> None:
    app = open_page(PAGE)
    assert "There are no limits for a teacher." in words(tick(app, 2))
    assert not app.number_input
    assert "Tick one person to change what they may use." in words(tick(app, 0, 1))


def test_what_is_deleted_soon_is_told_here_and_on_runs(course: dict[str, str], open_page: Open) -> None:
    run = put(spec("distill", "datadam", {**TINY, "seed": 9}), "failed")
    with acting_as(MACHINE):
        Store().trash(run)
    (Store().root / ".trash" / "distill" / run / "trashed").touch()
    os.utime(Store().root / ".trash" / "distill" / run / "trashed", (0, 0))
    for page in (PAGE, "pages/8_Runs.py"):
        assert "1 run in the trash is deleted for good." in words(open_page(page)), page


def test_a_run_that_its_time_ended_says_so(course: dict[str, str], open_page: Open) -> None:
    run = put(spec("distill", "datadam", {**TINY, "seed": 3}), "running")
    why = "It has computed for 8 hours; 8 are allowed. A teacher can resume it."
    request_cancel(Store().record(run).folder, 60, why)
    mark_ended(Store().record(run).folder, "cancelled", why)
    other = put(spec("distill", "datadam", {**TINY, "seed": 4}), "cancelled")
    for one, said in ((run, f"{why} "), (other, "")):
        told = words(open_page("pages/8_Runs.py", run=one))
        assert f"**This run was cancelled.** {said}What it had done so far is kept." in told


def test_who_would_extend_a_run_is_told_how_long_its_checkpoint_is_kept(
    filled: Filled, visited_by: Visit, open_page: Open, home: Path
) -> None:
    visited_by(TEACHER)
    (home / "hosting.toml").write_text("[retention]\ncheckpoints = 30\n")
    assert "Its checkpoint is kept until " in words(open_page("pages/5_DM.py", run=filled.dm))
    (home / "hosting.toml").write_text("")
    assert "Its checkpoint" not in words(open_page("pages/5_DM.py", run=filled.dm))
