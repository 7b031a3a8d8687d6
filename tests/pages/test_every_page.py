"""Every page has an answer for nothing yet, running, failed and done."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ddcore import jobs
from ddcore.errors import RunNotFound
from ddcore.experiments import spec
from ddcore.home import PROJECT
from ddcore.runs.store import Store
from pages.components import frame
from tests.pages.conftest import DM, PAD, PAGES, TINY, Filled, Open, put, words


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_store_leads_to_a_first_step(page: str, open_page: Open) -> None:
    app = open_page(page)
    assert not app.error
    assert app.title
    assert app.button or "No run yet" in words(app) or "No finished run yet" in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_filled_store_is_shown_without_an_error(page: str, open_page: Open, filled: Filled) -> None:
    app = open_page(page)
    assert not app.error


def test_the_page_of_a_finished_run_lists_the_runs_once(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, listed, records = open_page("pages/3_DataDAM.py", run=filled.distilled), [], Store._read
    monkeypatch.setattr(Store, "_read", lambda *given: (listed.append(given), records(*given))[1])
    app.run()
    assert len(listed) == 1


@pytest.mark.parametrize("page", PAGES)
def test_failed_and_broken_runs_never_stop_a_page(page: str, open_page: Open, home: Path) -> None:
    put(spec("distill", "datadam", TINY), "failed")
    put(spec("baseline", "baseline", {"dataset": "digits"}), "failed")
    (home / "runs" / "distill" / ("f" * 16)).mkdir(parents=True)
    app = open_page(page)
    assert "does not know" not in words(app)


@pytest.mark.parametrize(
    ("page", "kind", "name", "config"),
    [
        ("pages/3_DataDAM.py", "distill", "datadam", TINY),
        ("pages/4_PAD.py", "distill", "pad", PAD),
        ("pages/4_PAD.py", "experts", "experts", {"dataset": "digits"}),
        ("pages/4_PAD.py", "scores", "scores", {"dataset": "digits"}),
        ("pages/5_DM.py", "distill", "dm", DM),
        ("pages/2_Baselines.py", "baseline", "baseline", {"dataset": "digits"}),
        ("pages/2_Baselines.py", "distill", "random", {"dataset": "digits"}),
        ("pages/1_Datasets.py", "describe", "describe", {"dataset": "digits"}),
        ("pages/6_NAS.py", "search", "search", {"dataset": "digits"}),
        ("pages/6_NAS.py", "truth", "truth", {"dataset": "digits", "sample": 4}),
        ("pages/8_Runs.py", "distill", "datadam", TINY),
    ],
)
@pytest.mark.parametrize(
    ("state", "said", "button"),
    [
        pytest.param("queued", "", "Cancel", marks=pytest.mark.slow), ("running", "", "Cancel"),
        pytest.param("failed", "The loss is not a number.", "Resume", marks=pytest.mark.slow),
        pytest.param("cancelled", "This run was cancelled.", "Resume", marks=pytest.mark.slow),
        pytest.param("interrupted", "This run was interrupted", "Resume", marks=pytest.mark.slow),
    ],
)
def test_an_unfinished_run_says_how_it_stands_and_offers_what_can_be_done(
    page: str, kind: str, name: str, config: dict, state: str, said: str, button: str, open_page: Open
) -> None:
    run = put(spec(kind, name, config), state)
    app = open_page(page, run=run)
    assert said in words(app)
    assert button in [b.label for b in app.button]


@pytest.mark.parametrize(
    ("run", "said"),
    [pytest.param("../../etc", "in a form that no run has", marks=pytest.mark.slow), ("0" * 16, "There is no run")],
)
def test_a_link_to_no_run_is_said_plainly(run: str, said: str, open_page: Open) -> None:
    for page in PAGES[1:]:
        assert said in words(open_page(page, run=run)), page


@pytest.mark.parametrize("page", PAGES)
def test_an_error_nobody_expected_is_a_box_not_a_broken_page(
    page: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ddcore.runs.store import Store

    def broken(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Store, "_read", broken)
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60).run()
    if page:
        app.switch_page(page).run()
    assert "the disk is gone" in words(app)


@pytest.mark.parametrize("part", ["progress", "pending", "home"])
def test_a_live_part_that_draws_itself_again_says_its_errors_in_words(
    part: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise RunNotFound("it was moved to the trash in another tab")

    monkeypatch.setattr(jobs, "status", gone)
    monkeypatch.setattr(jobs, "list_jobs", gone)
    app = AppTest.from_function(_alone, kwargs={"part": part}).run()
    assert not app.exception
    assert [e.value for e in app.error] == ["it was moved to the trash in another tab"]


def _alone(part: str) -> None:
    """A fragment as it runs by itself, without the page and its guard around it."""
    from ddcore.errors import RunNotFound
    from pages.components import home, pending, progress

    def gather() -> None:
        raise RunNotFound("it was moved to the trash in another tab")

    if part == "progress":
        progress._tick("0" * 16, None)
    elif part == "pending":
        pending._again(gather, list, print)  # type: ignore[arg-type]
    else:
        home._jobs(None)


def test_a_download_lists_the_runs_once_however_often_it_asks(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, read = [], Store._read
    monkeypatch.setattr(Store, "_read", lambda *given: (listed.append(given), read(*given))[1])
    made = frame.later(lambda store: (store.records(), store.records("distill"))[1])
    assert listed == []
    assert {record.kind for record in made()} == {"distill"}
    assert len(listed) == 1
    made()
    assert len(listed) == 2  # another look each time that somebody asks
