"""What the verdict of a search says, on searches whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ddcore.experiments.search_results import NetworkResult
from ddcore.report.nas.answer import answer
from ddcore.report.nas.ranking import Coefficient
from ddcore.report.nas.study import study
from pages.components.nas import verdict
from pages.components.nas.verdict import sentences
from tests.report.studies import TRUE, each, proxy, scored, search, whole

ALMOST = (*TRUE[:6], TRUE[7], TRUE[6])  # but for the best two, whose order is turned round


@pytest.mark.parametrize(
    ("rho", "said"),
    [
        (
            Coefficient(0.82, 0.71, 0.90, 54),
            "agrees well with the whole data's: Spearman's ρ 0.82 (0.71 to 0.90), n = 54",
        ),
        (Coefficient(0.82, 0.45, 0.95, 12), "agrees fairly well with"),
        (Coefficient(0.60, 0.05, 0.90, 12), "but how well is not sure"),
        (Coefficient(0.60, -0.05, 0.90, 12), "may be chance"),
        (Coefficient(0.60, 0.0, 0.90, 12), "may be chance"),
        (Coefficient(-0.35, -0.60, -0.02, 12), "runs against the whole data's, but how strongly is not sure"),
        (Coefficient(-0.80, -0.95, -0.45, 12), "is nearly the reverse of"),
        (Coefficient(-0.90, -0.99, -0.80, 12), "is the reverse of the whole data's: Spearman's ρ −0.90"),
        (Coefficient(0.90, None, None, 4, "4 networks are too few for an interval"), "of which nothing is claimed"),
        (Coefficient(None, None, None, 2, "2 networks: a ranking needs at least 3"), "the whole data's (2 networks"),
        (Coefficient(None, None, None, 0), "nothing to compare its ranking with yet"),
    ],
)
def test_the_verdict_claims_what_the_end_of_the_interval_that_is_nearer_to_nothing_allows(
    rho: Coefficient, said: str
) -> None:
    assert said in verdict.agreement(rho)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (Coefficient(0.30, 0.10, 0.50, 12), "it ranks better than random real images, ρ 0.30 (0.10 to 0.50) higher"),
        (Coefficient(-0.30, -0.50, -0.001, 12), "it ranks worse than random real images, ρ 0.30 (0.00 to 0.50) lower"),
        (Coefficient(0.30, -0.10, 0.50, 12), ""),
        (Coefficient(0.30, None, None, 4), ""),
        (None, ""),
    ],
)
def test_better_or_worse_than_random_is_said_where_the_interval_says_so(more: Coefficient | None, said: str) -> None:
    assert verdict.beside_random(more) == said


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ((*TRUE[:5], TRUE[6], TRUE[5], TRUE[7]), "**Dm** picked the best of 8 networks, ρ 0.98 (0.73 to 1.00): better "
                                                 "than chance."),
        (TRUE[::-1], "**Dm** picked the 8th best of 8 networks, ρ −1.00"),
        ((0.1, 0.2, 0.8, 0.3, 0.7, 0.4, 0.5, 0.6), "**Dm** picked the 6th best of 8 networks, ρ 0.50 (−0.56 to 1.00): "
                                                    "which may be chance."),
    ],
)
def test_the_answer_in_a_sentence_is_what_was_picked_and_whether_that_may_be_chance(
    accuracies: tuple[float, ...], said: str
) -> None:
    assert verdict.headline(answer(whole(proxy("dm", each(*accuracies))))).startswith(said)


def test_of_several_sets_the_best_is_named_as_one_of_so_many_and_held_beside_random_images() -> None:
    found = answer(whole(proxy("random", each(*TRUE[::-1])), proxy("dm", each(*ALMOST))))
    assert verdict.headline(found).endswith(": better than chance, and than random real images. Of the 2 sets it ranks "
                                            "best.")
    swapped = (TRUE[1], TRUE[0], *ALMOST[2:])
    alike = answer(whole(proxy("random", each(*swapped)), proxy("dm", each(*ALMOST))))
    assert "not surely better than random real images" in verdict.headline(alike)


def test_without_a_truth_the_sentence_says_that_nobody_knows() -> None:
    assert "nobody can say how well a set ranks" in verdict.headline(answer(study(search(proxy("dm", each(*TRUE))))))
    picked = answer(study(search(proxy("dm", each(*TRUE)), winners=scored({0: [0.9]}))))
    assert verdict.headline(picked).startswith("Only what the sets picked has been trained on the whole data yet")
    few = answer(whole(proxy("dm", each(*TRUE)), true=each(*TRUE[:2])))
    assert "too few or too equal" in verdict.headline(few)


def test_one_sentence_a_proxy_and_one_of_all_that_cannot_be_told_from_random() -> None:
    random, early, open_ = sentences(answer(whole(proxy("random", each(*ALMOST)), proxy("early", each(*TRUE)))))
    assert random.startswith("**Random** (100 images): its ranking ")
    assert early.startswith("**Early** (100 images): ")
    assert open_ == "Whether these rank better or worse than random real images is not sure: Early."


def test_the_time_of_a_proxy_is_with_its_set_beside_that_of_the_same_trainings_on_the_whole_data() -> None:
    (told,) = sentences(answer(whole(proxy("dm", each(*TRUE), seconds_set=60.0), true=each(*TRUE[:4]))))
    assert told.endswith("; 1 min 16 s instead of about 5 min 20 s.")  # 8 · 2 + 60; 8 · 40


@pytest.mark.parametrize(
    ("reached", "said"),
    [
        (0.97, "the network it chose reached the same accuracy as the best known"),
        (0.9698, "the network it chose is less than 0.1 points behind the best known"),
        (0.95, "the network it chose is 2.0 points behind the best known"),
    ],
)
def test_the_chosen_network_is_as_far_behind_as_it_was_measured(reached: float, said: str) -> None:
    chosen = proxy("dm", {0: [0.9], 1: [0.8], 2: [0.7]})
    assert said in sentences(answer(whole(chosen, true={**each(*TRUE), 0: [reached]})))[0]


def test_a_chosen_network_that_diverged_on_the_whole_data_or_was_not_trained_there_is_not_said_to_be_behind() -> None:
    known = whole(proxy("dm", each(*TRUE)), true=each(*TRUE[:4]))
    assert "has not been trained on the whole data yet" in sentences(answer(known))[0]
    known = replace(known, winners={7: NetworkResult(accuracies=(0.5,), diverged=True)})
    assert "the network it chose diverged on the whole data" in sentences(answer(known))[0]


def test_without_a_truth_nothing_is_held_against_it() -> None:
    found = answer(study(search(proxy("dm", each(*TRUE)))))
    assert sentences(found) == ["**Dm** (100 images): nothing to compare its ranking with yet; 18 s."]
    assert (verdict.truth(found), verdict.doubt(found)) == ("", "")


def test_a_title_that_somebody_brought_is_no_markdown() -> None:
    foreign = "![x](https://a.example/b.png)"
    told = sentences(answer(whole(proxy("random", each(*ALMOST)), proxy("dm", each(*TRUE), title=foreign))))
    assert not any(foreign in one for one in told)
    assert sum("a.example" in one for one in told) == 2


def test_how_finely_the_truth_was_measured_is_told() -> None:
    told = verdict.truth(answer(whole(proxy("dm", each(*TRUE)), true=each(*[0.9, 0.9, 0.8, 0.8, 0.8, 0.7]))))
    assert "6 networks, 1 seed each, 3 different accuracies" in told
    assert verdict.truth(answer(whole(proxy("dm", each(*TRUE)), true=each(0.9, 0.8)))) == ""


def test_the_doubt_of_a_regret_is_that_of_two_accuracies_of_the_median_network() -> None:
    """0.935 of 150 images, with one right and one wrong added 0.929: 100 · √(2 · 0.929 · 0.071 / 150) = 2.96 points."""
    assert "differ by about 3.0 points" in verdict.doubt(answer(whole(proxy("dm", each(*TRUE)))))


def test_where_all_are_right_there_is_doubt_all_the_same() -> None:
    """151 of 152: 100 · √(2 · 0.9934 · 0.0066 / 150) = 0.93 points."""
    found = answer(whole(proxy("dm", each(*TRUE)), true=each(1.0, 1.0, 1.0, 0.9)))
    assert "differ by about 0.9 points" in verdict.doubt(found)
