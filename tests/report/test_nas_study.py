"""A search and its truth as they stand: from events while they run, from summaries when they are done."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from ddcore.errors import RunBroken
from ddcore.report.nas import study as studies
from ddcore.report.nas.study import Study, study
from ddcore.runs import RunRecord
from tests.report.studies import MACS, NAMES, NETWORKS, TRUE, each, proxy, record, scored, search, truth, whole


def begun(name: str, **told: Any) -> dict[str, Any]:
    return {"event": "proxy", "proxy": name, "title": name.title(), "networks": 36, **told}


def trial(index: int, *accuracies: float, proxy: str | None = "random", **told: Any) -> dict[str, Any]:
    of = {"proxy": proxy} if proxy else {}
    return {"event": "trial", **of, "network": index, "trial": f"{index:016x}", "accuracies": list(accuracies),
            "seconds": 1.5, "known": False, "pruned": False, **told}


def live(*events: dict[str, Any], **config: Any) -> Study:
    """A search of the course's space on digits that is under way, and its truth that has not begun."""
    return study(record("search", {}, dataset="digits", **config), events, record("truth", {}, sample=12))


def test_a_search_under_way_is_read_from_its_events():
    found = live(begun("random"), trial(0, 0.5, 0.7), trial(3, 0.8, 0.8), begun("early"))
    assert [(one.name, one.title, one.asked, one.tried) for one in found.proxies] == [
        ("random", "Random", 36, 2), ("early", "Early", 36, 0),
    ]
    random = found.proxies[0]
    assert random.scores[0].mean == pytest.approx(0.6)
    assert random.seconds == 3.0
    assert random.scores[3].trial == "0000000000000003"
    assert len(found.candidates) == 36
    assert found.candidates[0].name == "2 conv × 16, fc 64, ReLU"
    assert found.candidates[0].macs > 0
    assert found.options == ("depth", "width", "units", "activation")
    assert found.whole is not None
    assert (found.whole.tried, found.whole.asked) == (0, 12)


def test_before_the_first_event_there_is_nothing_to_rank():
    found = live()
    assert found.proxies == ()
    assert studies.frame(found).empty


def test_of_a_trial_that_is_told_twice_the_last_counts():
    told = (begun("random"), trial(0, 0.5, pruned=True), trial(1, 0.6), trial(0, 0.7))
    random = live(*told).proxies[0]
    assert {index: one.mean for index, one in random.scores.items()} == {1: 0.6, 0: 0.7}
    assert not random.pruned


def test_a_network_that_was_given_up_has_no_rank_but_took_time():
    random = live(begun("random"), trial(0, 0.5, 0.6), trial(1, 0.2, pruned=True)).proxies[0]
    assert (list(random.scores), list(random.pruned), random.tried, random.seconds) == ([0], [1], 2, 3.0)


def test_a_strategy_asks_for_as_many_networks_as_it_has_trials():
    assert live(begun("random"), strategy="tpe", trials=10).proxies[0].asked == 10


def test_the_events_of_a_truth_tell_both_accuracies():
    told = [trial(2, 0.9, proxy=None, accuracies_test=[0.88])]
    found = study(record("search", {}, dataset="digits"), [], record("truth", {}, dataset="digits"), told)
    assert found.whole is not None
    assert (found.whole.scores[2].mean, found.whole.scores[2].tested, found.whole.asked) == (0.9, (0.88,), 36)


def test_a_truth_may_be_looked_at_by_itself():
    under_way = study(record("truth", {}, dataset="digits"), [trial(2, 0.9, proxy=None, accuracies_test=[0.88])])
    done = study(truth(each(*TRUE)))
    assert [(found.proxies, list(found.whole.scores)) for found in (under_way, done) if found.whole] == [
        ((), [2]), ((), list(range(8))),
    ]


def test_a_finished_search_and_truth_need_no_events():
    found = whole(proxy("random", each(0.5, 0.6), order=[1, 0], pruned=[0], seconds_set=None))
    random = found.proxies[0]
    assert (list(random.scores), list(random.pruned)) == ([1], [0])
    assert (random.images, random.stored_floats, random.ipc, random.seconds_set) == (100, 6400, 10, None)
    assert found.whole is not None
    assert (found.whole.images, found.whole.asked, found.whole.tried, found.whole.seconds) == (1300, 8, 8, 320.0)
    assert (found.majority, found.majority_test, found.val_images, found.test_images) == (0.11, 0.12, 150, 360)
    assert found.notes == ("a note",)
    assert [one.name for one in found.candidates] == NAMES


def test_two_runs_of_one_method_are_told_apart():
    runs = [proxy(name, each(0.5), title="DM, IPC 10") for name in ("0123456789abcdef", "fedcba9876543210")]
    found = whole(*runs, proxy("random", each(0.5)))
    assert [one.title for one in found.proxies] == ["DM, IPC 10 (012345)", "DM, IPC 10 (fedcba)", "Random"]


def test_the_same_number_of_right_answers_is_the_same_rank_whatever_the_last_bit_says():
    a, b = (0.1, 0.7), (0.3, 0.5)
    assert math.fsum(a) / 2 != math.fsum(b) / 2
    random = whole(proxy("random", {0: a, 1: b})).proxies[0]
    assert random.scores[0].mean == random.scores[1].mean


def test_the_frame_has_a_row_for_each_proxy_and_network_beside_the_truth():
    found = whole(proxy("random", {0: [0.5, 0.7], 2: [0.8]}), true=each(0.9, 0.91))
    frame = studies.frame(found)
    assert list(zip(frame["proxy"], frame["index"], strict=True)) == [
        ("random", 0), ("random", 2), ("whole", 0), ("whole", 1),
    ]
    first, second = frame.iloc[0], frame.iloc[1]
    assert (first["accuracy"], first["std"], first["n"]) == pytest.approx((60, 100 * math.sqrt(0.02), 2))
    assert (first["true"], first["test"], first["depth"], first["width"]) == pytest.approx((90, 89, 2, 16))
    assert math.isnan(second["true"])
    assert math.isnan(second["std"])
    assert first["flops"] == 2 * MACS[0]
    assert list(studies.frame(found, "whole")["index"]) == [0, 1]


def test_the_leaderboard_puts_the_cheaper_of_equals_first_and_those_given_up_last():
    told = {0: [0.9], 1: [0.8], 2: [0.95], 4: [0.9]}
    found = whole(proxy("random", told, pruned=[2]))
    board = studies.leaderboard(found, found.proxies[0])
    assert board["network"].tolist() == [NAMES[0], NAMES[4], NAMES[1], NAMES[2]]
    assert board["rank"].tolist()[:3] == [1, 1, 3]
    assert board["rank"].isna().tolist() == [False, False, False, True]
    assert board["state"].tolist() == ["", "", "", "given up early"]
    assert board["accuracy"][0] == "90.0 % (n = 1)"
    assert board["true"][0] == "90.0 % (n = 1)"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scores": scored({99: [0.5]})}, {"scores": scored({0: [1.5]})}, {"scores": scored({0: []})},
        {"scores": {"0": "?"}}, {"scores": {"first": scored({0: [0.5]})["0"]}}, {"ipc": "ten"}, {"scores": None},
    ],
    ids=["network", "share", "no accuracy", "text", "index", "number", "nothing"],
)
def test_a_brought_run_that_holds_something_else_is_broken_not_an_accident(wrong: dict[str, Any]):
    with pytest.raises(RunBroken, match="what no search writes"):
        whole(proxy("random", each(0.5), **wrong))


def test_options_that_are_no_plain_values_are_refused():
    told = search(proxy("random", each(0.5))).summary
    networks = [{**one, "options": {"depth": [2]}} for one in NETWORKS]
    with pytest.raises(RunBroken, match="option"):
        study(record("search", {**told, "networks": networks}))


def test_a_truth_of_other_networks_is_refused():
    with pytest.raises(RunBroken):
        study(search(proxy("random", each(0.5))), truth=truth({len(NETWORKS): [0.5]}))


def test_a_truth_that_orders_its_networks_otherwise_is_joined_by_what_they_are():
    true = truth({7 - index: one for index, one in each(*TRUE).items()}, networks=NETWORKS[::-1])
    found = study(search(proxy("random", each(*TRUE))), truth=true)
    assert found.whole is not None
    assert {index: score.mean for index, score in found.whole.scores.items()} == dict(enumerate(TRUE))


@pytest.mark.parametrize(
    "networks",
    [
        [{**one, "options": {**one["options"], "width": 128}} for one in NETWORKS],
        [NETWORKS[0], NETWORKS[0], *NETWORKS[2:]],
    ],
    ids=["others", "one of them twice"],
)
def test_a_truth_whose_networks_are_not_those_of_the_search_is_refused(networks: list[dict[str, Any]]):
    with pytest.raises(RunBroken):
        study(search(proxy("random", each(*TRUE))), truth=truth(each(*TRUE), networks=networks))


def asked(**config: Any) -> RunRecord:
    shared = {"dataset": "digits", "lr": 0.1, "steps": 100, "nets": 2, "truth_steps": 9, "truth_nets": 1}
    return record("search", {"networks": NETWORKS}, **{**shared, "truth_sample": 6, **config})


def test_how_a_truth_differs_from_the_one_that_was_asked_for():
    own = {"dataset": "digits", "lr": 0.1, "steps": 9, "nets": 1, "sample": 6}
    assert studies.differences(asked(), record("truth", {}, **own)) == {}
    other = record("truth", {}, **{**own, "lr": 0.9, "steps": 100, "sample": None})
    assert studies.differences(asked(), other) == {"lr": (0.9, 0.1), "steps": (100, 9), "sample": (None, 6)}
    every = record("truth", {}, **{**own, "sample": None})
    assert studies.differences(asked(truth_sample=8), every) == {}  # there are no more than 8


def test_winners_do_not_stand_beside_a_truth_that_trains_in_another_way():
    winner = {"winners": scored({3: [0.5]})}
    told = replace(asked(), summary={**search(proxy("random", each(*TRUE))).summary, **winner})
    own = {"dataset": "digits", "lr": 0.1, "steps": 9, "nets": 1, "sample": 6}
    for true, known in ((own, [3]), ({**own, "sample": None}, [3]), ({**own, "lr": 0.9}, [])):
        assert list(study(told, truth=record("truth", {}, **true)).winners) == known
