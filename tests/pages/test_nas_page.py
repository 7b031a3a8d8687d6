from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ddcore.experiments import Spec, spec
from ddcore.experiments.search import SearchConfig
from ddcore.report.nas import answer, study
from ddcore.report.nas.ranking import Coefficient
from ddcore.runs.key import key
from ddcore.runs.store import Store
from pages.components import frame
from pages.components.nas import verdict
from tests.pages.conftest import Backend, Filled, Open, away, finish, put, words

PAGE = "pages/6_NAS.py"
ASKED = {"dataset": "digits", "subset": "depth=2 width=16,32", "steps": 4, "nets": 2, "truth": "all",
         "truth_steps": 9}  # fmt: skip
SEARCH = spec("search", "search", ASKED)
TRUE = [0.90 - 0.01 * i for i in range(12)]  # the first of the 12 networks is the best
AS_TRUE = [*TRUE[:10], TRUE[11], TRUE[10]]  # but for the last two, whose order is turned round
TURNED = AS_TRUE[::-1]


def config() -> SearchConfig:
    assert isinstance(SEARCH.config, SearchConfig)
    return SEARCH.config


def truth() -> Spec:
    found = config().truth_config()
    assert found
    return Spec("truth", "truth", found)


def searched(proxies: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The summary of a search whose networks reached these accuracies."""
    told = [
        {"proxy": name, "title": name, "run": None, "method": None, "ipc": 10, "images": 100, "stored_floats": 6400,
         "seconds": 12.0, "seconds_set": 1.0, "order": list(range(12)), "asked": 12, "pruned": [],
         "scores": {str(i): {"accuracies": [one, one], "seconds": 1.0, "trial": "0" * 16}
                    for i, one in enumerate(accuracies)}}
        for name, accuracies in proxies.items()
    ]  # fmt: skip
    return {**config().about(), "proxies": told, "val_images": 180, "majority": 0.1, "split": "val", "notes": [],
            "seconds": 24.0}  # fmt: skip


def held_against() -> dict[str, Any]:
    """The summary of the truth of all 12 networks."""
    scores = {str(i): {"accuracies": [one], "accuracies_test": [one - 0.02], "seconds": 60.0, "trial": "1" * 16}
              for i, one in enumerate(TRUE)}  # fmt: skip
    return {**config().about(), "sampled": list(range(12)), "scores": scores, "images": 1437, "val_images": 180,
            "test_images": 360, "majority": 0.1, "majority_test": 0.1, "notes": [], "seconds": 720.0}  # fmt: skip


def test_the_form_names_what_fits_and_submits_the_search_and_its_truth(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    assert "36 of 54 networks" in words(app)
    app.button(key="launch-search").click().run()
    assert [one.kind for one in backend.submitted] == ["search", "truth"]
    asked = backend.submitted[0].config
    assert isinstance(asked, SearchConfig)
    assert asked.names() == ("random", "early")
    assert backend.submitted[1].config == asked.truth_config()
    assert app.query_params["run"] == key(backend.submitted[0])


def test_an_answer_begins_with_words_and_holds_each_proxy_beside_random(open_page: Open, backend: Backend) -> None:
    run = finish(SEARCH, searched({"random": TURNED, "early": AS_TRUE}))
    finish(truth(), held_against())
    app = open_page(PAGE, run=run)
    said = words(app)
    assert not app.error
    assert "its ranking is turned round against that of the whole data: Spearman's ρ -0.99 (" in said
    assert "is as good as the best known on the whole data" in said
    assert "11.0 points behind the best known" in said
    assert "on the whole data a network takes 60 times as long" in said
    assert list(app.dataframe[0].value["Ranked on"]) == ["random", "early", "Whole data"]
    app.button(key="train-winner").click().run()
    asked = backend.submitted[0]
    assert (asked.kind, asked.config.values()["steps"]) == ("baseline", 9)
    assert asked.config.values()["units"] == config().members()[-1].options["units"]  # random chose the worst


@pytest.mark.slow
def test_a_choice_of_options_is_the_subset_that_is_searched(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    depth = next(one for one in app.multiselect if one.label == "Depth")
    depth.select(2).run()
    assert "18 networks" in words(app)
    app.button(key="launch-search").click().run()
    assert backend.submitted[0].config.values()["subset"] == "depth=2"


@pytest.mark.slow
def test_a_depth_that_the_images_are_too_small_for_is_refused_with_the_reason(open_page: Open) -> None:
    app = open_page(PAGE)
    next(one for one in app.multiselect if one.label == "Depth").select(4).run()
    assert "depth must be at most 3 for 1x8x8 images" in words(app)
    assert "launch-search" not in [b.key for b in app.button]


@pytest.mark.slow
def test_the_newest_distilled_run_is_a_proxy_and_coresets_get_its_size(
    open_page: Open, backend: Backend, filled: Filled
) -> None:
    app = open_page(PAGE)
    app.button(key="launch-search").click().run()
    asked = backend.submitted[0].config
    assert isinstance(asked, SearchConfig)
    assert set(asked.runs()) <= {filled.dm, filled.pad, filled.distilled}
    assert len(asked.runs()) == 1
    assert asked.ipc == 2


@pytest.mark.slow
def test_the_parameters_of_an_earlier_search_are_used_again(open_page: Open, backend: Backend) -> None:
    again = {**ASKED, "proxies": "herding,kcenter", "ipc": 3, "strategy": "tpe", "trials": 5}
    run = put(spec("search", "search", again), "failed")
    app = open_page(PAGE, like=run)
    app.button(key="launch-search").click().run()
    assert key(backend.submitted[0]) == run


@pytest.mark.slow
def test_proxies_of_unequal_size_are_warned_of(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE)
    next(one for one in app.number_input if "Images per class" in one.label).set_value(5).run()
    assert "not the same stored size" in words(app)


@pytest.mark.slow
def test_search_and_truth_are_followed_and_stopped_each_by_itself(open_page: Open, backend: Backend) -> None:
    run, true = put(SEARCH, "running"), put(truth(), "queued")
    events = [
        {"event": "proxy", "proxy": "random", "title": "Random real images", "networks": 12},
        {"event": "trial", "proxy": "random", "network": 3, "trial": "0" * 16, "accuracies": [0.5, 0.75],
         "seconds": 2.0, "known": False, "pruned": False},
    ]  # fmt: skip
    lines = "".join(json.dumps(one) + "\n" for one in events)
    (Store().record(run).folder / "events.jsonl").write_text(lines, "utf-8")
    app = open_page(PAGE, run=run)
    assert {f"cancel-{run}", f"cancel-{true}"} <= {b.key for b in app.button}
    assert "1 of 12 networks tried" in words(app)
    assert list(app.dataframe[0].value["accuracy"]) == ["62.5 ± 17.7 % (n = 2)"]


@pytest.mark.slow
def test_a_failed_truth_is_told_and_can_be_resumed_while_the_search_stands(open_page: Open, backend: Backend) -> None:
    run, true = finish(SEARCH, searched({"random": AS_TRUE})), put(truth(), "failed")
    app = open_page(PAGE, run=run)
    assert "The loss is not a number." in words(app)
    assert f"resume-{true}" in [b.key for b in app.button]
    assert "Without networks trained on the whole data nobody can say" in words(app)


@pytest.mark.slow
def test_without_a_truth_it_is_offered_with_its_time(open_page: Open, backend: Backend) -> None:
    run = finish(SEARCH, searched({"random": AS_TRUE}))
    app = open_page(PAGE, run=run)
    assert "nothing to hold its ranking against yet" in words(app)
    button = app.button(key="ask-truth")
    assert "about" in button.label
    button.click().run()
    assert [key(one) for one in backend.submitted] == [key(truth())]
    assert app.query_params["truth"] == key(truth())


@pytest.mark.slow
def test_a_trained_winner_tells_its_accuracy_and_leads_to_compare(open_page: Open, backend: Backend) -> None:
    run = finish(SEARCH, searched({"random": AS_TRUE}))
    finish(truth(), held_against())
    app = open_page(PAGE, run=run)
    app.button(key="train-winner").click().run()
    asked = backend.submitted[0]
    baseline = finish(asked, {
        "accuracy": {"mean": 0.875, "std": None, "n": 1, "protocol": "own setting"}, "majority": 0.1,
        "seconds_train": 3.0, "steps": 9, "images": 1437,
    })  # fmt: skip
    app = open_page(PAGE, run=run)
    assert "Test accuracy 87.50 %" in words(app)
    links = [one for one in app.get("page_link") if "Compare" in one.proto.label]
    assert any(baseline in one.proto.query_string for one in links)


@pytest.mark.slow
def test_words_that_a_brought_search_holds_are_shown_as_they_are(open_page: Open, backend: Backend) -> None:
    summary, foreign = searched({"random": AS_TRUE}), "![x](https://a.example/b.png)"
    summary["proxies"][0]["title"] = summary["networks"][0]["name"] = foreign
    app = open_page(PAGE, run=finish(SEARCH, summary))
    assert "a.example" in words(app)
    assert foreign not in words(app)


@pytest.mark.slow
def test_a_search_that_no_search_wrote_is_told_and_nothing_of_it_is_fetched(open_page: Open, backend: Backend) -> None:
    summary, foreign = searched({"random": AS_TRUE}), "![x](https://a.example/b.png)"
    summary["proxies"][0]["scores"]["0"]["accuracies"] = [foreign]
    app = open_page(PAGE, run=finish(SEARCH, summary))
    assert "holds what no search writes there" in words(app)
    assert foreign not in words(app)


@pytest.mark.slow
def test_a_search_is_shown_when_its_data_set_is_away(
    open_page: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finish(SEARCH, searched({"random": AS_TRUE, "early": TURNED}))
    finish(truth(), held_against())
    monkeypatch.setattr("ddcore.runs.key.dataset", away)
    app = open_page(PAGE, run=run)
    assert not app.error
    assert "Spearman's ρ" in words(app)


@pytest.mark.slow
def test_another_truth_of_the_same_networks_can_be_held_against(open_page: Open, backend: Backend) -> None:
    run = finish(SEARCH, searched({"random": AS_TRUE}))
    own = finish(truth(), held_against())
    longer = put(spec("truth", "truth", {**truth().config.values(), "steps": 77}), "queued")
    app = open_page(PAGE, run=run)
    assert app.selectbox(key=f"truth-{run}").value == own
    assert "77 steps" in app.selectbox(key=f"truth-{run}").options[1]
    app.selectbox(key=f"truth-{run}").select_index(1).run()
    assert app.query_params["truth"] == longer
    assert "nothing to hold its ranking against yet" in words(app)


def test_searches_and_truths_open_on_this_page(home: object) -> None:
    for asked in (SEARCH, truth()):
        assert frame.page_of(Store().record(put(asked, "failed"))) == PAGE


@pytest.mark.parametrize(
    ("rho", "said"),
    [
        (
            Coefficient(0.82, 0.71, 0.90, 54),
            "agrees well with that of the whole data: Spearman's ρ 0.82 (0.71 to 0.90)",
        ),
        (Coefficient(0.82, 0.45, 0.95, 12), "agrees fairly well with"),
        (Coefficient(0.60, 0.05, 0.90, 12), "but how well is not sure"),
        (Coefficient(0.60, -0.05, 0.90, 12), "cannot be told from chance"),
        (Coefficient(-0.60, -0.90, -0.10, 12), "is turned round"),
        (Coefficient(0.90, None, None, 4, "4 networks are too few for an interval"), "of which nothing is claimed"),
        (Coefficient(None, None, None, 2, "2 networks: a ranking needs at least 3"), "cannot be told: 2 networks"),
        (Coefficient(None, None, None, 0), "nothing to hold its ranking against yet"),
    ],
)
def test_the_verdict_claims_what_the_lower_end_of_the_interval_allows(rho: Coefficient, said: str) -> None:
    assert said in verdict.agreement(rho)


def test_the_doubt_of_a_regret_is_that_of_two_accuracies(home: object) -> None:
    """Best 0.90 of 180 images: 100 · √(2 · 0.9 · 0.1 / 180) = 3.16 points."""
    search = Store().record(finish(SEARCH, searched({"random": AS_TRUE})))
    true = Store().record(finish(truth(), held_against()))
    found = answer.answer(study.study(search, (), true))
    assert "two equally good networks differ by about 3.2 points by chance" in verdict.doubt(found)
