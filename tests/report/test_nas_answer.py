"""What a search answers: coefficients, the selected network, regret, cost; as a table and for scripts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ddcore.experiments.search_results import NetworkResult
from ddcore.report.nas import answer as answers
from ddcore.report.nas.answer import answer, table, to_json
from ddcore.report.nas.ranking import Coefficient
from ddcore.report.nas.study import Study, leaderboard, study
from tests.report.studies import NAMES, TRUE, diverging, each, proxy, search, whole

SWAPPED = (0.40, 0.39, 0.42, 0.41, 0.44, 0.43, 0.46, 0.45)  # every second pair of neighbours the wrong way round


def found() -> Study:
    return whole(proxy("random", each(*SWAPPED)), proxy("dm", each(*TRUE), seconds_set=60.0))


def test_a_proxy_by_hand():
    """Ranks of eight in four swapped pairs: Σd² = 8, so ρ = 1 − 6·8/(8·63) = 19/21; 4 of 28 pairs are the wrong way
    round, so τ = 20/28. It selects the last but one, whose true accuracy is a point below the best."""
    line = answer(found()).line("random")
    assert line is not None
    assert line.n == 8
    assert line.overall.spearman.value == pytest.approx(19 / 21)
    assert line.overall.kendall.value == pytest.approx(20 / 28)
    assert line.selected is not None
    assert line.selected.candidate.name == NAMES[6]
    assert line.regret == pytest.approx(1.0)
    assert line.share == pytest.approx((8 * 2 + 1.5) / (8 * 40)), "eight trainings and the set, for eight trainings"


def test_the_whole_datas_time_is_projected_to_as_many_networks_and_seeds():
    """Three networks of two seeds and one given up after its first are 7 trainings; of the truth's three 120 s."""
    told = proxy("dm", {0: [0.5, 0.6], 1: [0.5, 0.6], 2: [0.5, 0.7], 3: [0.1]}, pruned=[3], seconds_set=60.0)
    said = answer(whole(told, true=each(*TRUE[:3])))
    (line,) = said.lines
    assert line.proxy.trainings == 7
    assert line.instead == pytest.approx(7 * 40)
    assert line.seconds == 8 + 60
    assert line.share == pytest.approx(68 / 280)
    dm, truth = table(said).to_dict("records")
    assert (dm["Time"], dm["Making the set"], dm["Trainings"]) == ("1 min 08 s", "1 min", "7 of 1.1 s")
    assert dm["Whole data instead (projected)"] == "4 min 40 s"
    assert (truth["Time"], truth["Trainings"]) == ("2 min", "3 of 40 s")
    assert to_json(said)["proxies"][0]["seconds_whole_projected"] == pytest.approx(280)


def test_a_proxy_that_ranks_like_the_truth_selects_the_best_network():
    said = answer(found())
    line = said.line("dm")
    assert line is not None
    assert said.best is not None
    assert line.selected is not None
    assert line.selected.candidate == said.best.candidate
    assert line.regret == 0
    assert line.over_random is not None
    assert line.over_random.value == pytest.approx(1 - 19 / 21)


def test_a_proxy_is_held_against_random_over_the_networks_that_both_ranked():
    few = {index: [TRUE[index]] for index in (0, 2, 4, 5, 6)}
    _, dm = answer(whole(proxy("random", few), proxy("dm", each(*TRUE[:6])))).lines
    assert dm.over_random is not None
    assert (dm.n, dm.over_random.n) == (6, 4)


def test_random_is_held_against_nothing():
    lines = {line.proxy.name: line for line in answer(found()).lines}
    assert lines["random"].over_random is None
    assert answer(whole(proxy("dm", each(*TRUE)))).lines[0].over_random is None


def test_of_equally_accurate_networks_the_cheaper_is_selected():
    line = answer(whole(proxy("random", {7: [0.9], 0: [0.9], 3: [0.8]}))).lines[0]
    assert line.selected is not None
    assert line.selected.candidate.index == 0


def test_nothing_is_selected_by_the_test_images():
    told = proxy("random", each(0.5, 0.6))
    told["scores"]["0"]["accuracies_test"] = [1.0]
    line = answer(whole(told)).lines[0]
    assert line.selected is not None
    assert line.selected.candidate.index == 1


def test_without_a_truth_there_is_a_selection_and_no_verdict():
    said = answer(study(search(proxy("random", each(*SWAPPED)))))
    line = said.lines[0]
    assert line.selected is not None
    assert (line.n, line.regret, line.share, line.selected.whole, said.best) == (0, None, None, None, None)
    assert line.overall.spearman.reason == "0 networks: a ranking needs at least 3"
    assert table(said)["Selected network"].tolist() == [NAMES[6]]
    assert table(said)["Spearman"].tolist() == ["–"]
    assert to_json(said)["truth"] is None


def test_a_sampled_truth_ranks_its_sample_and_may_not_know_the_selected_network():
    sample = {index: [TRUE[index]] for index in (0, 1, 2, 3, 4)}
    told = whole(proxy("random", each(*TRUE)), true=sample)
    line = answer(told).lines[0]
    assert line.selected is not None
    assert (line.n, line.selected.candidate.index, line.selected.whole, line.regret) == (5, 7, None, None)
    later = answer(replace(told, winners={7: NetworkResult(accuracies=(0.93,), accuracies_test=(0.92,))}))
    assert later.best is not None
    assert later.best.candidate.index == 4
    assert later.lines[0].n == 5
    assert later.lines[0].regret == pytest.approx(1.0)


def test_a_network_that_diverged_is_ranked_below_all_others_whatever_it_answers():
    """On MHIST answering one class alone is right more often than many a trained network."""
    told = whole(proxy("random", each(*TRUE)))
    random = diverging(told.proxies[0], 0)
    line = answer(replace(told, proxies=(random,))).lines[0]
    assert line.selected is not None
    assert line.selected.candidate.index == 7
    assert line.overall.spearman.value == pytest.approx(1.0), "the worst on the whole data, and last here"
    assert leaderboard(told, random).iloc[-1][["rank", "state"]].tolist() == [8, "diverged"]


def test_the_table_has_random_as_a_row_like_the_others_and_the_whole_data_last():
    rows = table(answer(found())).set_index("Ranked on")
    assert rows.index.tolist() == ["Random", "Dm", "Whole data"]
    random = rows.loc["Random"]
    assert random["Spearman"].startswith("0.90 (")
    assert random["Spearman, top 20 %"] == "–, n = 2"
    assert "Spearman, top 10 %" in rows.columns, "1 network"
    assert "Spearman, top 5 %" not in rows.columns, "the same network"
    assert random["Selected network"] == NAMES[6]
    assert random["Whole-data validation"] == "96.0 % (n = 1)"
    assert random["Whole-data test"] == "95.0 % (n = 1)"
    assert (random["Regret (points)"], random["Time"], random["Stored images"]) == ("1.0", "18 s", "100")
    assert rows.loc["Dm", "Making the set"] == "1 min"
    assert rows.loc["Whole data", "Stored images"] == "1,300"
    assert rows.loc["Whole data", "Selected network"] == NAMES[7]


def test_best_networks_that_are_the_same_are_told_once_and_a_dash_says_why():
    """Of eight networks three are the best alike: they are the best 20, 10 and 5 %."""
    said = answer(whole(proxy("random", each(*SWAPPED)), true=each(0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 0.9, 0.9)))
    assert [name for name in table(said).columns if "top" in name] == ["Spearman, top 20 %"]
    assert answers.remarks(said) == [
        "Top 20 %: all 3 networks are equally accurate on the whole data.",
        "Top 10 %: the same networks as the top 20 %.",
        "Top 5 %: the same networks as the top 20 %.",
    ]
    assert answers.remarks(answer(study(search(proxy("random", each(*SWAPPED)))))) == []


def test_a_regret_that_is_not_nothing_is_not_told_as_nothing():
    assert [answers.points(one) for one in (0.0, 0.02, 0.06, 1.0)] == ["0.0", "< 0.1", "0.1", "1.0"]


def test_a_chosen_network_that_diverged_on_the_whole_data_has_no_regret():
    told = whole(proxy("random", each(*TRUE)))
    assert told.whole is not None
    line = answer(replace(told, whole=diverging(told.whole, 7))).lines[0]
    assert line.selected is not None
    assert line.selected.candidate.index == 7
    assert line.regret is None


def test_coefficients_have_a_real_minus_and_no_negative_nothing():
    assert answers.coefficient(Coefficient(-0.02, -0.05, -0.001, 9)) == "−0.02 (−0.05 to 0.00)"


def test_networks_that_diverged_have_the_last_ranks_in_the_scatter_and_are_on_no_front():
    told = whole(proxy("random", each(*TRUE)))
    said = answer(replace(told, proxies=(diverging(told.proxies[0], 0),)))  # the cheapest
    assert answers.ranked(said, "random")["rank"].tolist() == [8, 7, 6, 5, 4, 3, 2, 1]
    assert not answers.costs(said, "random")["front"][0]


def test_scripts_get_every_figure_with_its_interval():
    said: dict[str, Any] = json.loads(json.dumps(to_json(answer(found())), allow_nan=False))
    random = said["proxies"][0]
    assert random["spearman"]["value"] == pytest.approx(19 / 21)
    assert random["spearman"]["low"] < 19 / 21 < random["spearman"]["high"]
    assert random["kendall"]["n"] == random["n"] == 8
    assert set(random["top"]) == {"5", "10", "20"}
    assert random["top"]["20"]["spearman"] == {
        "value": None, "low": None, "high": None, "n": 2, "reason": "2 networks: a ranking needs at least 3",
    }
    assert random["selected"]["options"] == {"depth": 3, "width": 64, "activation": "relu"}
    assert random["selected"]["val"] == {"mean": 0.96, "std": None, "n": 1}
    assert random["selected"]["test"]["mean"] == pytest.approx(0.95)
    assert (random["regret"], random["stored_images"], random["seconds"]) == (1.0, 100, 16.0)
    assert (said["truth"]["n"], said["truth"]["best"]["name"]) == (8, NAMES[7])


def test_ranks_begin_at_the_best_and_equals_share_the_mean_of_theirs():
    told = whole(proxy("random", {0: [0.5], 1: [0.7], 2: [0.7], 3: [0.9]}))
    frame = answers.ranked(answer(told), "random")
    assert frame["rank"].tolist() == [4.0, 2.5, 2.5, 1.0]
    assert frame["true_rank"].tolist() == [4.0, 3.0, 2.0, 1.0]
    assert frame["selected"].tolist() == [False, False, False, True]
    assert not frame["best"].any()
    equal = answers.ranked(answer(whole(proxy("random", each(*TRUE)), true=each(0.9, 0.8, 0.9))), "random")
    assert equal["best"].tolist() == [True, False, True]


def test_the_front_holds_what_no_cheaper_network_beats():
    told = {0: [0.5], 2: [0.4], 4: [0.6], 7: [0.6]}  # of these, 2 costs more than 4
    costs = answers.costs(answer(whole(proxy("random", told))), "random")
    assert costs["front"].tolist() == [True, False, True, False]
    assert costs["selected"].tolist() == [False, False, True, False]
    assert answers.costs(answer(found()), "whole")["selected"].tolist() == [False] * 7 + [True]


def test_what_has_not_begun_has_empty_frames():
    said = answer(study(search()))
    assert said.lines == ()
    assert answers.ranked(said, "random").empty
    assert answers.costs(said, "random").empty
    assert table(said).empty
