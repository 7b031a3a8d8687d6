from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ddcore.experiments import Spec, spec
from ddcore.experiments.search import SearchConfig
from ddcore.report.nas import study
from ddcore.runs.store import Store
from pages.components import frame
from pages.components.nas import search_status, winner
from tests.pages.conftest import Backend, Filled, Open, away, finish, put, words

PAGE = "pages/6_NAS.py"
ASKED = {"dataset": "digits", "subset": "depth=2 width=16,32", "steps": 4, "nets": 2, "truth": "all",
         "truth_steps": 9}
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


def space() -> dict[str, Any]:
    """The fields of a summary that the question alone decides, as they are stored."""
    about = config().about()
    return {**about, "networks": [one.to_json() for one in about["networks"]]}


def searched(proxies: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The summary of a search whose networks reached these accuracies."""
    told = [
        {"proxy": name, "title": name, "run": None, "method": None, "ipc": 10, "images": 100, "stored_floats": 6400,
         "seconds": 12.0, "seconds_set": 1.0, "order": list(range(12)), "asked": 12, "pruned": [],
         "scores": {str(i): {"accuracies": [one, one], "seconds": 1.0, "trial": "0" * 16}
                    for i, one in enumerate(accuracies)}}
        for name, accuracies in proxies.items()
    ]
    return {**space(), "proxies": told, "val_images": 180, "majority": 0.1, "split": "val", "notes": [],
            "seconds": 24.0}


def sampled() -> tuple[Spec, Spec]:
    """The same search compared with 6 of the networks, and its truth."""
    search = spec("search", "search", {**ASKED, "truth": "sample", "truth_sample": 6})
    assert isinstance(search.config, SearchConfig)
    found = search.config.truth_config()
    assert found
    return search, Spec("truth", "truth", found)


def foreign() -> Spec:
    """A truth of the same networks that was trained in another way."""
    return spec("truth", "truth", {**truth().config.values(), "steps": 77, "lr": 0.9})


def begun(proxy: str) -> dict[str, Any]:
    return {"event": "proxy", "proxy": proxy, "title": proxy, "networks": 12}


def tried(proxy: str, network: int, accuracy: float) -> dict[str, Any]:
    return {"event": "trial", "proxy": proxy, "network": network, "trial": "0" * 16, "seconds": 2.0, "known": False,
            "accuracies": [accuracy, accuracy], "pruned": False}


def tell(run: str, *events: dict[str, Any]) -> None:
    """Write what a run has found so far."""
    with (Store().record(run).folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in events)


def held_against(networks: int = 12) -> dict[str, Any]:
    """The summary of the truth of so many of the 12 networks."""
    scores = {str(i): {"accuracies": [one], "accuracies_test": [one - 0.02], "seconds": 60.0, "trial": "1" * 16}
              for i, one in enumerate(TRUE[:networks])}
    return {**space(), "sampled": list(range(networks)), "scores": scores, "images": 1437, "val_images": 180,
            "test_images": 360, "majority": 0.1, "majority_test": 0.1, "notes": [], "seconds": 720.0}


def test_the_form_names_what_fits_and_submits_the_search_and_its_truth(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    assert "36 of 54 networks" in words(app)
    assert any("on disk" in (one.help or "") for one in app.markdown)
    assert "TPE" in next(one for one in app.selectbox if one.label == "Strategy").options
    app.button(key="launch-search").click().run()
    assert [one.kind for one in backend.submitted] == ["search", "truth"]
    asked = backend.submitted[0].config
    assert isinstance(asked, SearchConfig)
    assert asked.names() == ("random", "early")
    assert backend.submitted[1].config == asked.truth_config()
    assert app.query_params["run"] == backend.submitted[0].key


def test_an_answer_begins_with_words_and_holds_each_proxy_beside_random(open_page: Open, backend: Backend) -> None:
    run = finish(SEARCH, searched({"random": TURNED, "early": AS_TRUE}))
    finish(truth(), held_against())
    app = open_page(PAGE, run=run)
    said = words(app)
    assert not app.error
    assert "its ranking is the reverse of the whole data's: Spearman's ρ −0.99 (" in said
    assert "reached the same accuracy as the best known" in said
    assert "11.0 points behind the best known" in said
    assert "13 s instead of about 24 min" in said
    assert "**early** picked the best of 12 networks, ρ 0.99 (" in said
    brief, every = (table.value for table in app.dataframe[:2])
    assert list(brief["Ranked on"]) == ["random", "early"]
    assert list(brief["Its true place"]) == ["12 of 12", "1 of 12"]
    assert list(brief["Better than chance"]) == ["no, reversed", "yes"]
    assert list(every["Ranked on"]) == ["random", "early", "Whole data"]
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
    assert "depth must be at most 3 for 1×8×8 images" in words(app)
    assert app.button(key="launch-search").disabled


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
    assert backend.submitted[0].key == run


def test_a_size_of_coresets_that_is_not_allowed_starts_no_search(open_page: Open) -> None:
    app = open_page(PAGE)
    next(one for one in app.text_input if "Images per class" in one.label).set_value("0").run()
    assert ":red[IPC: from 1 to 1,000; got 0]" in words(app)
    assert app.button(key="launch-search").disabled


@pytest.mark.slow
def test_proxies_of_unequal_size_are_warned_of(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE)
    next(one for one in app.text_input if "Images per class" in one.label).set_value("5").run()
    assert "not the same stored size" in words(app)


@pytest.mark.slow
def test_search_and_truth_are_followed_and_stopped_each_by_itself(open_page: Open, backend: Backend) -> None:
    run, true = put(SEARCH, "running"), put(truth(), "queued")
    tell(run, begun("random"), {**tried("random", 3, 0.5), "accuracies": [0.5, 0.75]})
    app = open_page(PAGE, run=run)
    assert {f"cancel-{run}", f"cancel-{true}"} <= {b.key for b in app.button}
    assert "1 of 12 networks tried" in words(app)
    assert list(app.dataframe[0].value["accuracy"]) == ["62 ± 18 % (n = 2)"]


@pytest.mark.slow
def test_a_failed_truth_is_told_and_can_be_resumed_while_the_search_stands(open_page: Open, backend: Backend) -> None:
    run, true = finish(SEARCH, searched({"random": AS_TRUE})), put(truth(), "failed")
    app = open_page(PAGE, run=run)
    assert "The loss is not a number." in words(app)
    assert f"resume-{true}" in [b.key for b in app.button]
    assert "so nobody can say how well a set ranks" in words(app)


@pytest.mark.slow
def test_without_a_truth_it_is_offered_with_its_time(open_page: Open, backend: Backend) -> None:
    run = finish(SEARCH, searched({"random": AS_TRUE}))
    app = open_page(PAGE, run=run)
    assert "so nobody can say how well a set ranks" in words(app)
    button = app.button(key="ask-truth")
    assert "about" in button.label
    button.click().run()
    assert [one.key for one in backend.submitted] == [truth().key]
    assert app.query_params["truth"] == truth().key


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
    })
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
    app = open_page(PAGE, run=finish(SEARCH, summary, "broken"))
    assert "This run's folder cannot be read." in words(app)
    assert "proxies.0.scores.0.accuracies.0" in words(app)
    assert "xample/b.png)" in words(app), "what it holds, shortened"
    assert foreign not in words(app)


@pytest.mark.slow
def test_events_that_no_search_tells_are_told_and_nothing_of_them_is_fetched(
    open_page: Open, backend: Backend
) -> None:
    run, foreign = put(SEARCH, "running"), "![x](https://a.example/b.png)"
    tell(run, begun("random"), {**tried("random", 0, 0.5), "accuracies": [foreign]})
    app = open_page(PAGE, run=run)
    assert "holds what no search writes there" in words(app)
    assert foreign not in words(app)


@pytest.mark.slow
def test_a_truth_that_cannot_be_read_is_told_and_no_search_is_held_against_it(
    open_page: Open, backend: Backend
) -> None:
    run = finish(SEARCH, searched({"random": AS_TRUE}))
    true = finish(truth(), {**held_against(), "scores": 7}, "broken")
    assert "its 'scores' is 7" in words(open_page(PAGE, run=true)).replace("\\", "")
    app = open_page(PAGE, run=run)
    assert not app.error
    assert "so nobody can say how well a set ranks" in words(app)


@pytest.mark.slow
def test_a_search_is_shown_when_its_data_set_is_away(
    open_page: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, true = sampled()
    run, own = finish(search, searched({"random": AS_TRUE, "early": TURNED})), finish(true, held_against(6))
    finish(foreign(), held_against())
    monkeypatch.setattr("ddcore.experiments.base.dataset_identity", away)
    app = open_page(PAGE, run=run)
    assert not app.error
    assert "Spearman's ρ" in words(app)
    assert app.selectbox(key=f"truth-{run}").value == own
    assert app.button(key="ask-truth").disabled
    assert app.button(key="train-winner").disabled
    assert "the folder of the data set is not there" in words(app)


@pytest.mark.slow
def test_the_truth_that_was_just_asked_for_is_shown_and_back_leads_to_the_one_before(
    open_page: Open, backend: Backend
) -> None:
    search, own = sampled()
    run = finish(search, searched({"random": AS_TRUE}))
    first = finish(own, held_against(6))
    finish(foreign(), held_against())
    app = open_page(PAGE, run=run)
    menu = f"truth-{run}"
    assert app.selectbox(key=menu).value == first
    app.button(key="ask-truth").click().run()
    asked = backend.submitted[0].key
    assert (app.query_params["truth"], app.selectbox(key=menu).value) == (asked, asked)
    app.query_params["truth"] = first
    assert app.run().selectbox(key=menu).value == first


def test_another_truth_of_the_same_networks_is_never_taken_unasked_and_told_apart(
    open_page: Open, backend: Backend
) -> None:
    run, other = finish(SEARCH, searched({"random": AS_TRUE})), finish(foreign(), held_against())
    app = open_page(PAGE, run=run)
    menu = app.selectbox(key=f"truth-{run}")
    assert menu.value == ""
    assert "77 steps" in menu.options[1]
    assert app.button(key="ask-truth")
    menu.select(other).run()
    assert app.query_params["truth"] == other
    assert "optimiser steps 77 instead of 9; learning rate 0.9 instead of" in words(app)
    assert app.button(key="ask-truth")  # its own can still be asked for


@pytest.mark.slow
def test_a_search_that_asked_for_no_truth_is_not_given_the_failure_of_another(
    open_page: Open, backend: Backend
) -> None:
    run = finish(spec("search", "search", {**ASKED, "truth": "none"}), searched({"random": AS_TRUE}))
    failed = put(foreign(), "failed")
    app = open_page(PAGE, run=run)
    assert f"resume-{failed}" not in [b.key for b in app.button]
    assert app.button(key="ask-truth")
    app.selectbox(key=f"truth-{run}").select(failed).run()
    assert "This search was started without a truth. It was trained in another way: learning rate 0.9" in words(app)
    assert f"resume-{failed}" in [b.key for b in app.button]


@pytest.mark.slow
def test_a_linked_truth_that_is_gone_is_told(open_page: Open, backend: Backend) -> None:
    run = finish(SEARCH, searched({"random": AS_TRUE}))
    finish(truth(), held_against())
    app = open_page(PAGE, run=run, truth="deadbeefdeadbeef")
    assert "The truth that the address names, deadbeefdeadbeef, is not here" in words(app)
    assert "Spearman's ρ" in words(app)


class Again(BaseException):
    """The page is drawn anew."""


def test_a_run_that_was_deleted_meanwhile_draws_the_page_anew(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def again() -> None:
        raise Again

    monkeypatch.setattr("streamlit.rerun", again)
    run, gone = finish(SEARCH, searched({"random": AS_TRUE})), "deadbeefdeadbeef"
    with pytest.raises(Again):
        search_status._tick([run, gone], [gone])
    with pytest.raises(Again):
        search_status._answer([run, gone])


def test_the_winner_is_trained_in_the_setting_of_the_truth_that_it_is_held_against(home: object) -> None:
    search = Store().record(finish(SEARCH, searched({"random": AS_TRUE})))
    other = Store().record(finish(foreign(), held_against()))
    best = study.study(search).candidates[0]
    asked = winner.question(search, other, best).config.values()
    assert (asked["steps"], asked["lr"]) == (77, 0.9)
    alone = winner.question(search, None, best).config.values()
    assert (alone["steps"], alone["lr"]) == (9, search.config["lr"])


@pytest.mark.slow
@pytest.mark.parametrize("state", ["failed", "cancelled", "interrupted"])
def test_what_a_search_had_found_when_it_stopped_is_answered_so_far(
    state: str, open_page: Open, backend: Backend
) -> None:
    run = put(SEARCH, state)
    tell(run, begun("random"), *(tried("random", i, one) for i, one in enumerate(AS_TRUE)))
    finish(truth(), held_against())
    app = open_page(PAGE, run=run)
    assert not app.error or state == "failed"
    assert " picked the " in words(app)
    assert "Spearman's ρ" in words(app)
    assert f"resume-{run}" in [b.key for b in app.button]


@pytest.mark.slow
def test_a_proxy_that_begins_leaves_the_reader_where_he_is(open_page: Open, backend: Backend) -> None:
    run = put(SEARCH, "running")
    tell(run, begun("random"), tried("random", 0, 0.5), begun("early"), tried("early", 0, 0.75))
    app = open_page(PAGE, run=run)
    app.button_group(key=f"board-{run}").set_value("early").run()
    assert app.query_params["board-on"] == "early"
    tell(run, begun("herding"), tried("herding", 0, 0.25))
    app.run()
    assert app.button_group(key=f"board-{run}").value == "early"
    assert list(app.dataframe[0].value["accuracy"]) == ["75.0 ± 0.0 % (n = 2)"]


@pytest.mark.slow
def test_a_network_that_diverged_is_told_on_the_leaderboard(open_page: Open, backend: Backend) -> None:
    run = put(SEARCH, "running")
    tell(run, begun("random"), tried("random", 0, 0.5))
    app = open_page(PAGE, run=run)
    assert "state" not in app.dataframe[0].proto.column_order
    card = next(one.proto.body for one in app.get("html") if 'class="cards"' in one.proto.body)
    assert "conv ×" in card.partition("</p>")[0]
    assert "<dt>Rank</dt><dd>1</dd>" in card
    tell(run, {**tried("random", 1, 0.1), "diverged": True})
    board = open_page(PAGE, run=run).dataframe[0]
    assert "state" in board.proto.column_order
    assert list(board.value["state"]) == ["", "diverged"]


@pytest.mark.slow
def test_a_truth_tells_its_test_accuracies_and_leads_to_its_searches(open_page: Open, backend: Backend) -> None:
    run, true = finish(SEARCH, searched({"random": AS_TRUE})), finish(truth(), held_against())
    app = open_page(PAGE, run=true)
    assert app.dataframe[0].value["test"][0] == "88.0 % (n = 1)"
    assert "test" in app.dataframe[0].proto.column_order
    app.button(key=f"open-{run}").click().run()
    assert (app.query_params["run"], app.query_params["truth"]) == (run, true)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [{"proxies": 7}, {"dataset": "nowhere"}, {"steps": "many"}])
def test_parameters_of_a_foreign_search_are_refused_with_reasons(
    wrong: dict[str, Any], open_page: Open, backend: Backend
) -> None:
    run = put(SEARCH, "failed")
    file = Store().record(run).folder / "spec.json"
    told = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**told, "config": {**told["config"], **wrong}}), "utf-8")
    app = open_page(PAGE, like=run)
    assert not app.error
    assert "These parameters start no search here" in words(app)


@pytest.mark.slow
@pytest.mark.parametrize("shown", ["Ranks", "Accuracy and FLOPs", "Options", "Leaderboard"])
def test_each_closer_look_can_be_opened_for_each_set_while_the_truth_grows(
    shown: str, open_page: Open, backend: Backend
) -> None:
    run, true = finish(SEARCH, searched({"random": AS_TRUE, "early": TURNED})), put(truth(), "running")
    tell(true, *({**tried("whole", i, one), "accuracies_test": [one, one]} for i, one in enumerate(TRUE[:7])))
    for chosen in ("random", "early", "whole"):
        app = open_page(PAGE, run=run, closer=shown, **{"closer-on": chosen})
        assert not app.error
        assert "has ranked 7 of 12 networks so far" in words(app)
        assert app.button_group(key=f"closer-{run}").value == chosen


@pytest.mark.slow
def test_the_space_of_the_papers_can_be_chosen(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    next(one for one in app.selectbox if one.label == "Space").select("convnet720").run()
    next(one for one in app.multiselect if one.label == "Width").select(32).run()
    app.button(key="launch-search").click().run()
    asked = backend.submitted[0].config.values()
    assert (asked["space"], asked["subset"]) == ("convnet720", "width=32")


def test_searches_and_truths_open_on_this_page(home: object) -> None:
    for asked in (SEARCH, truth()):
        assert frame.page_of(Store().record(put(asked, "failed"))).file == PAGE
