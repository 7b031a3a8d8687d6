from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ddcore import jobs
from ddcore.experiments import spec
from ddcore.hosting import owners, people
from ddcore.hosting.people import Person
from ddcore.jobs import Status
from ddcore.jobs.job import mark_ended, mark_queued
from ddcore.runs.store import Store
from pages.components import activity
from tests.pages.conftest import TINY, Open, put


def test_what_runs_is_counted_with_its_mean_progress_and_what_waits_has_none() -> None:
    running = [Status("running", done=30, total=100), Status("cancelling", done=50, total=100)]
    assert activity.count([*running, Status("queued", 1)]) == "2 running, 1 waiting · 40 %"
    assert activity.share([*running, Status("queued", 1)]) == pytest.approx(0.4)
    assert activity.count([Status("queued", 1), Status("queued", 2)]) == "2 waiting · 0 %"


def look(app: AppTest, monkeypatch: pytest.MonkeyPatch, *active: str) -> AppTest:
    """Draw the page while these runs are under way."""
    monkeypatch.setattr(jobs, "list_jobs", lambda: [(run, jobs.status(run)) for run in active])
    return app.run()


def test_an_end_is_told_once(open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (put(spec("distill", "datadam", {**TINY, "seed": seed}), "running") for seed in (1, 2))
    app = look(open_page(), monkeypatch, one, other)
    assert not app.toast
    mark_ended(Store().record(one).folder, "failed", "The loss is not a number.")
    app = look(app, monkeypatch, other)
    (toast,) = app.toast
    assert toast.value.startswith("**Failed:** DataDAM")
    assert not look(app, monkeypatch, other).toast


def test_what_a_run_asked_for_ends_without_a_word_while_that_one_goes_on(
    open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, *cells = (put(spec("distill", "datadam", {**TINY, "seed": seed}), "queued") for seed in range(4))
    for cell in cells:
        mark_queued(Store().record(cell).folder, asking)
    app = look(open_page(), monkeypatch, asking, *cells)
    mark_ended(Store().record(cells[0]).folder, "failed")
    app = look(app, monkeypatch, asking, *cells[1:])
    assert not app.toast
    for run in (asking, *cells[1:]):
        mark_ended(Store().record(run).folder, "cancelled")
    (toast,) = look(app, monkeypatch).toast
    assert "seed 0" in toast.value


def test_a_run_that_another_one_asked_for_ends_without_a_word(
    open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = put(spec("distill", "datadam", TINY), "running")
    judge = put(spec("evaluate", "evaluate", {"dataset": "digits", "run": judged}), "queued")
    app = look(open_page(), monkeypatch, judged, judge)
    mark_ended(Store().record(judged).folder, "cancelled")
    app = look(app, monkeypatch, judge)
    assert not app.toast
    mark_ended(Store().record(judge).folder, "cancelled")
    (toast,) = look(app, monkeypatch).toast
    assert toast.value.startswith("**Cancelled:** Evaluation")


def told(app: AppTest) -> list[str]:
    return [toast.value for toast in app.toast]


def test_where_many_share_the_workbench_only_ones_own_end_is_told_also_in_the_tab(
    open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anne = Person("a" * 16, "student", "Anne")
    (home / "hosting.toml").write_text("")
    monkeypatch.setattr(people, "found_by", lambda find: None)
    monkeypatch.setattr(people, "_finder", [lambda: anne])
    own, other = (put(spec("distill", "datadam", {**TINY, "seed": seed}), "running") for seed in (1, 2))
    owners.take(anne.id, own)
    app = look(open_page(), monkeypatch, own, other)
    for run in (own, other):
        mark_ended(Store().record(run).folder, "cancelled")
    app = look(app, monkeypatch)
    (toast,) = told(app)
    assert "seed 1" in toast
    (ended,) = app.session_state[activity.TOLD]
    assert ended["id"] == own
    assert ended["tab"].startswith("■ DataDAM · digits")
    assert ended["tab"].endswith(" · ")
