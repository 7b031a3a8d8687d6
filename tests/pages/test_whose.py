"""Whose runs: the switch, the names, and nothing of either for whom has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.experiments import Spec, spec
from ddcore.hosting import owners, people
from ddcore.hosting.people import NOBODY, Person
from ddcore.jobs.queue import Queue
from ddcore.runs.store import Store
from tests.pages.conftest import ANNE, BOB, DM, TINY, Backend, Visit, finish, opened, put, words
from tests.runs import shelf

RUNS, COMPARE, METHOD = "pages/8_Runs.py", "pages/7_Compare.py", "pages/3_DataDAM.py"


def made(asked: Spec, *whose: Person) -> str:
    """A finished run of these people."""
    record = shelf.finished(Store(), asked, images=10, seconds=1.0, pixel_change=0.1)
    (record.folder / "pictures" / "final.png").unlink()
    for person in whose:
        owners.take(person.id, record.id)
    return record.id


@pytest.fixture
def ids(home: Path) -> dict[str, str]:
    """Finished runs, by whose they are."""
    whose = {"Anne's": (ANNE,), "both's": (ANNE, BOB), "Bob's": (BOB,), "nobody's": ()}
    return {name: made(spec("distill", "dm", {**DM, "ipc": n}), *whose[name])
            for n, name in enumerate(whose, 1)}


def listed(app: AppTest) -> set[str]:
    shown = app.dataframe[0].value
    return set(shown["id" if "id" in shown.columns else "Id"])


@pytest.mark.parametrize("page", [RUNS, COMPARE])
def test_only_ones_own_runs_are_listed_where_the_switch_or_the_address_says_so(
    visited_by: Visit, backend: Backend, ids: dict[str, str], page: str
) -> None:
    visited_by(ANNE)
    app = opened(page)
    assert listed(app) == set(ids.values())
    app.toggle(key="mine").set_value(True).run()
    assert listed(app) == {ids["Anne's"], ids["both's"]}
    visited_by(BOB)
    assert listed(opened(page, mine="true")) == {ids["Bob's"], ids["both's"]}


def test_compare_tells_how_many_runs_are_not_listed_because_others_asked_for_them(
    visited_by: Visit, backend: Backend, ids: dict[str, str]
) -> None:
    visited_by(ANNE)
    app = opened(COMPARE, mine="true")
    assert "2 rows; not listed: 2 that others asked for." in words(app)
    app.button(key="show-all").click().run()
    assert listed(app) == set(ids.values())


def test_the_latest_results_and_what_runs_on_home_are_ones_own_on_request(
    visited_by: Visit, backend: Backend, ids: dict[str, str]
) -> None:
    mine, other = (put(spec("distill", "datadam", {**TINY, "seed": n}), "queued") for n in (1, 2))
    owners.take(ANNE.id, mine)
    owners.take(BOB.id, other)
    Queue().add(mine, other)
    visited_by(ANNE)

    def shown(app: AppTest) -> set[str]:
        links = " ".join(link.proto.query_string for link in app.get("page_link"))
        return {run_id for run_id in (mine, other, *ids.values()) if run_id in links}

    assert {mine, other, ids["nobody's"], ids["Bob's"], ids["both's"]} == shown(opened(""))  # the newest three
    assert {mine, ids["Anne's"], ids["both's"]} == shown(opened("", mine="true"))


def test_a_run_whose_evaluation_one_asked_for_is_listed_among_ones_own(
    visited_by: Visit, backend: Backend, ids: dict[str, str]
) -> None:
    asked = spec("evaluate", "evaluate", {"dataset": "digits", "run": ids["nobody's"], "nets": 1})
    owners.take(BOB.id, finish(asked, {}))
    visited_by(BOB)
    assert listed(opened(RUNS, mine="true")) == {ids["Bob's"], ids["both's"], ids["nobody's"]}


def test_whose_a_run_is_stands_in_the_list_is_searched_and_stands_on_its_page(
    visited_by: Visit, backend: Backend, ids: dict[str, str]
) -> None:
    visited_by(ANNE)
    app = opened(RUNS)
    shown = app.dataframe[0].value.set_index("id")["whose"].to_dict()
    assert {name: shown[run_id] for name, run_id in ids.items()} == {
        "Anne's": "you", "both's": "you, Bob [x]", "Bob's": "Bob [x]", "nobody's": "–"}
    assert listed(app.text_input(key="runs-search").set_value("bob").run()) == {ids["both's"], ids["Bob's"]}
    for page in (RUNS, METHOD):
        run_id = ids["both's"] if page == RUNS else made(spec("distill", "datadam", TINY), ANNE, BOB)
        assert r" · asked by you, Bob \[x\]" in words(opened(page, run=run_id))
    assert "asked by" not in words(opened(RUNS, run=ids["nobody's"]))


@pytest.mark.parametrize("who", ["somebody who has not signed in", "the machine's own user, hosted", "nobody hosts it"])
@pytest.mark.parametrize("page", ["", RUNS, COMPARE, METHOD])
def test_who_has_no_runs_of_their_own_sees_neither_switch_nor_names(
    home: Path, visited_by: Visit, backend: Backend, ids: dict[str, str], page: str, who: str
) -> None:
    visited_by(Person(NOBODY.id, "viewer") if who.startswith("somebody") else people.MACHINE)
    if who == "nobody hosts it":
        (home / "hosting.toml").unlink()
        visited_by(ANNE)
    shown = {"run": made(spec("distill", "datadam", TINY), ANNE)} if page == METHOD else {"mine": "true"}
    app = opened(page, **shown)
    assert not [one for one in app.toggle if one.key == "mine"]
    assert "Anne" not in str(app)
    assert "asked by" not in words(app)
    if page in (RUNS, COMPARE):
        assert listed(app) == set(ids.values())
        assert "whose" not in app.dataframe[0].value
