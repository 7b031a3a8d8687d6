"""What searches and truths store, as it is read again: the same, or a broken run that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ddcore.experiments import Spec, spec
from ddcore.experiments.search_results import ProxyResult, SearchSummary, TruthSummary
from ddcore.runs import RunRecord, Store
from tests.report.studies import NETWORKS, each, proxy, scored, search_summary, truth_summary

SEARCH = {"dataset": "digits", "subset": "depth=2", "steps": 4}


@pytest.fixture(autouse=True)
def _home(home: Path) -> None: ...


def stored(asked: Spec, summary: dict[str, Any]) -> RunRecord:
    """A finished run whose run.json holds this."""
    folder = Store().create(asked).folder
    info = json.loads((folder / "spec.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps({**info, "summary": summary}), "utf-8")
    return Store().record(folder.name)


def searched(**told: Any) -> RunRecord:
    return stored(spec("search", "search", SEARCH), search_summary(proxy("random", each(0.5, 0.6)), **told))


def ranked_on(**told: Any) -> RunRecord:
    return searched(proxies=[proxy("random", each(0.5, 0.6), **told)])


def true(**told: Any) -> RunRecord:
    return stored(spec("truth", "truth", {"dataset": "digits"}), truth_summary(each(0.9, 0.8), **told))


def test_what_is_stored_is_read_again_under_the_names_of_the_file() -> None:
    told = searched(winners=scored({3: [0.5]})).answer(SearchSummary)
    (random,) = told.proxies
    assert (random.name, random.results[1].accuracies, told.winners[3].mean) == ("random", (0.6,), 0.5)
    content = told.to_json()
    assert {"proxy", "scores"} <= {*content["proxies"][0]}
    assert SearchSummary.model_validate_json(json.dumps(content)) == told
    truth = true().answer(TruthSummary)
    assert {index: one.mean for index, one in truth.results.items()} == {0: 0.9, 1: 0.8}
    assert TruthSummary.model_validate_json(json.dumps(truth.to_json())) == truth
    assert "scores" in truth.to_json()


def test_networks_stand_in_the_order_in_which_they_were_tried_and_those_given_up_apart() -> None:
    told = proxy("random", {0: [0.5], 1: [0.6, 0.7], 2: [0.1], 3: [0.9]}, order=[3, 2, 1], pruned=[2])
    random = ProxyResult.model_validate(told)
    assert (list(random.ranked), list(random.given_up), random.trainings) == ([3, 1, 0], [2], 5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scores": scored({99: [0.5]})}, "network 99 of 8"), ({"order": [0, 8]}, "network 8 of 8"),
        ({"pruned": [8]}, "network 8 of 8"), ({"pruned": [-1]}, "'proxies.0.pruned.0' is -1"),
        ({"scores": scored({-1: [0.5]})}, "network -1 of 8"),
        ({"scores": scored({0: [1.5]})}, "'proxies.0.scores.0.accuracies.0' is 1.5"),
        ({"scores": scored({0: []})}, "'proxies.0.scores.0.accuracies' is []"),
        ({"scores": {"0": "?"}}, "'proxies.0.scores.0' is '?'"), ({"scores": None}, "'proxies.0.scores' is None"),
        ({"scores": {"first": scored({0: [0.5]})["0"]}}, "'first'"), ({"ipc": "ten"}, "'proxies.0.ipc' is 'ten'"),
        ({"seconds": None}, "'proxies.0.seconds' is None"), ({"title": ["x"]}, "'proxies.0.title' is ['x']"),
    ],
    ids=["network", "order", "pruned", "pruned below 0", "below 0", "share", "no accuracy", "text", "nothing",
         "index", "number", "seconds", "title"],
)
def test_a_brought_search_that_holds_something_else_is_broken_and_says_what(wrong: dict[str, Any], said: str) -> None:
    run = ranked_on(**wrong)
    assert run.state == "broken"
    assert said in (run.problem or "")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"networks": [{**one, "options": {"depth": [2]}} for one in NETWORKS]}, "'networks.0.options.depth"),
        ({"networks": [NETWORKS[0], *NETWORKS[:-1]]}, "the same network twice"),
        ({"networks": None}, "'networks' is None"), ({"winners": scored({8: [0.5]})}, "network 8 of 8"),
        ({"majority": 2}, "'majority' is 2"), ({"proxies": 7}, "'proxies' is 7"),
    ],
    ids=["options", "twice", "nothing", "winner", "share", "proxies"],
)
def test_a_space_that_no_search_has_is_broken_and_says_what(wrong: dict[str, Any], said: str) -> None:
    run = searched(**wrong)
    assert run.state == "broken"
    assert said in (run.problem or "")


def test_a_truth_of_networks_that_its_space_has_not_is_broken() -> None:
    for wrong in ({"scores": scored({8: [0.5]})}, {"sampled": [8]}):
        assert "network 8 of 8" in (true(**wrong).problem or "")
