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
from ddcore.summary import Summary
from tests.report.studies import MACS, NAMES, NETWORKS, TRUE, each, proxy, record, scored, search, truth, whole


def begun(name: str, **told: Any) -> dict[str, Any]:
    return {"event": "proxy", "proxy": name, "title": name.title(), "networks": 36, **told}


def trial(index: int, *accuracies: float, proxy: str | None = "random", **told: Any) -> dict[str, Any]:
    of = {"proxy": proxy} if proxy else {}
    return {"event": "trial", **of, "network": index, "trial": f"{index:016x}", "accuracies": list(accuracies),
            "seconds": 1.5, "known": False, "pruned": False, **told}


def live(*events: dict[str, Any], **config: Any) -> Study:
    """A search of the course's space on digits that is under way, and its truth that has not begun."""
    return study(record("search", dataset="digits", **config), events, record("truth", sample=12))


def test_a_search_under_way_is_read_from_its_events():
    found = live(begun("random"), trial(0, 0.5, 0.7), trial(3, 0.8, 0.8), begun("early"))
    assert [(one.name, one.title, one.asked, len(one.results)) for one in found.proxies] == [
        ("random", "Random", 36, 2), ("early", "Early", 36, 0),
    ]
    random = found.proxies[0]
    assert random.results[0].mean == pytest.approx(0.6)
    assert random.seconds == 3.0
    assert random.results[3].trial == "0000000000000003"
    assert len(found.candidates) == 36
    assert found.candidates[0].name == "2 conv × 16, fc 64, ReLU"
    assert found.candidates[0].macs > 0
    assert found.options == ("depth", "width", "units", "activation")
    assert found.whole is not None
    assert (found.whole.results, found.whole.asked) == ({}, 12)


def test_before_the_first_event_there_is_nothing_to_rank():
    found = live()
    assert found.proxies == ()
    assert studies.frame(found).empty


def test_of_a_trial_that_is_told_twice_the_last_counts():
    told = (begun("random"), trial(0, 0.5, pruned=True), trial(1, 0.6), trial(0, 0.7))
    random = live(*told).proxies[0]
    assert [(index, one.mean) for index, one in random.ranked.items()] == [(1, 0.6), (0, 0.7)]
    assert not random.given_up


def test_a_network_that_was_given_up_has_no_rank_but_took_time():
    random = live(begun("random"), trial(0, 0.5, 0.6), trial(1, 0.2, pruned=True)).proxies[0]
    assert (list(random.ranked), list(random.given_up), random.trainings, random.seconds) == ([0], [1], 3, 3.0)


def test_a_strategy_asks_for_as_many_networks_as_it_has_trials():
    assert live(begun("random"), strategy="tpe", trials=10).proxies[0].asked == 10


def test_the_events_of_a_truth_tell_both_accuracies():
    told = [trial(2, 0.9, proxy=None, accuracies_test=[0.88])]
    found = study(record("search", dataset="digits"), [], record("truth", dataset="digits"), told)
    assert found.whole is not None
    assert (found.true[2].mean, found.true[2].accuracies_test, found.whole.asked) == (0.9, (0.88,), 36)


def test_a_truth_may_be_looked_at_by_itself():
    under_way = study(record("truth", dataset="digits"), [trial(2, 0.9, proxy=None, accuracies_test=[0.88])])
    done = study(truth(each(*TRUE)))
    assert [(found.proxies, list(found.true)) for found in (under_way, done)] == [((), [2]), ((), list(range(8)))]


def test_a_finished_search_and_truth_need_no_events():
    found = whole(proxy("random", each(0.5, 0.6), order=[1, 0], pruned=[0], seconds_set=None))
    random = found.proxies[0]
    assert (list(random.ranked), list(random.given_up)) == ([1], [0])
    assert (random.images, random.stored_floats, random.ipc, random.seconds_set) == (100, 6400, 10, None)
    assert found.whole is not None
    assert (found.whole.images, found.whole.asked, len(found.true), found.whole.seconds) == (1300, 8, 8, 320.0)
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
    assert random.results[0].mean == random.results[1].mean


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


def test_the_frame_has_those_that_were_given_up_behind_the_others_of_their_proxy():
    frame = studies.frame(whole(proxy("random", each(0.5, 0.9, 0.7), pruned=[1])), "random")
    assert list(zip(frame["index"], frame["place"], frame["pruned"], strict=True)) == [
        (0, 1, False), (2, 0, False), (1, 2, True),
    ]


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
    ("event", "wrong"),
    [
        (trial(99, 0.5), "network 99 of 36"), (trial(-1, 0.5), "'network' is -1"), (trial(0, 1.5), "is 1.5"),
        (trial(0), "'accuracies' is"), ({**trial(0, 0.5), "accuracies": None}, "'accuracies' is None"),
        (begun("dm", networks="ten"), "'networks' is 'ten'"), (begun("dm", title=7), "'title' is 7"),
        ({"event": "winner", "network": 0}, "'accuracies' is"), ({**trial(0, 0.5), "proxy": ["dm"]}, "'proxy' is"),
    ],
    ids=["network", "below 0", "share", "no accuracy", "nothing", "number", "title", "winner", "proxy"],
)
def test_an_event_that_no_search_tells_is_a_broken_run_and_not_an_accident(event: dict[str, Any], wrong: str):
    with pytest.raises(RunBroken, match="what no search writes there") as told:
        live(begun("random"), event)
    assert wrong in str(told.value)


@pytest.mark.parametrize("broken", ["search", "truth"])
def test_a_run_that_cannot_be_read_is_told_with_what_is_wrong(broken: str):
    runs = {"search": search(proxy("random", each(0.5))), "truth": truth(each(0.5))}
    runs[broken] = replace(runs[broken], state="broken", summary=Summary(), config={}, problem="its 'x' is '?'")
    with pytest.raises(RunBroken, match=r"run 0123456789abcdef cannot be read: its 'x' is '\?'"):
        study(runs["search"], truth=runs["truth"])


def test_a_truth_that_has_told_nothing_need_not_be_one_that_can_be_asked_here():
    found = study(search(proxy("random", each(*TRUE))), truth=record("truth", dataset="nowhere", sample=6))
    assert found.whole is not None
    assert (found.whole.results, found.whole.asked) == ({}, 6)


def test_a_truth_that_orders_its_networks_otherwise_is_joined_by_what_they_are():
    true = truth({7 - index: one for index, one in each(*TRUE).items()}, networks=NETWORKS[::-1])
    found = study(search(proxy("random", each(*TRUE))), truth=true)
    assert {index: result.mean for index, result in found.true.items()} == dict(enumerate(TRUE))


def test_a_truth_whose_networks_are_not_those_of_the_search_is_refused():
    networks = [{**one, "options": {**one["options"], "width": one["options"]["width"] + 1}} for one in NETWORKS]
    with pytest.raises(RunBroken, match="other networks"):
        study(search(proxy("random", each(*TRUE))), truth=truth(each(*TRUE), networks=networks))


def asked(**config: Any) -> RunRecord:
    shared = {"dataset": "digits", "lr": 0.1, "steps": 100, "nets": 2, "truth_steps": 9, "truth_nets": 1}
    told = search(proxy("random", each(*TRUE)), winners=scored({3: [0.5]}))
    return replace(told, config={**shared, "truth_sample": 6, **config})


def test_how_a_truth_differs_from_the_one_that_was_asked_for():
    own = {"dataset": "digits", "lr": 0.1, "steps": 9, "nets": 1, "sample": 6}
    assert studies.differences(asked(), record("truth", **own)) == {}
    other = record("truth", **{**own, "lr": 0.9, "steps": 100, "sample": None})
    assert studies.differences(asked(), other) == {"lr": (0.9, 0.1), "steps": (100, 9), "sample": (None, 6)}
    every = record("truth", **{**own, "sample": None})
    assert studies.differences(asked(truth_sample=8), every) == {}  # there are no more than 8


def test_winners_do_not_stand_beside_a_truth_that_trains_in_another_way():
    own = {"dataset": "digits", "lr": 0.1, "steps": 9, "nets": 1, "sample": 6}
    for true, known in ((own, [3]), ({**own, "sample": None}, [3]), ({**own, "lr": 0.9}, [])):
        assert list(study(asked(), truth=record("truth", **true)).winners) == known
