from __future__ import annotations

import pytest

from ddcore.report import text
from ddcore.summary import Accuracy, Scores


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "0.0 s"), (0.01, "< 0.1 s"), (0.42, "0.4 s"), (42, "42 s"), (59.7, "1 min"), (200, "3 min 20 s"),
     (1500, "25 min"), (7500, "2 h 05 min"), (4 * 86400, "4.0 days"), (None, "–"), (float("nan"), "–")],
)
def test_durations_read_naturally(seconds: float | None, shown: str) -> None:
    assert text.duration(seconds) == shown


def test_an_accuracy_is_a_percentage_with_spread_and_number_of_networks() -> None:
    assert text.accuracy(Accuracy(mean=0.9342, std=0.0051, n=3)) == "93.4 ± 0.5 % (n = 3)"


def test_what_stands_beside_an_accuracy_is_told_as_far_as_it_is_known() -> None:
    balanced = Accuracy(mean=0.615, std=0.004, n=3)
    found = Scores(accuracy=Accuracy(mean=0.7, n=1), balanced_accuracy=balanced)
    assert text.spread(balanced) == "61.5 ± 0.4 %"
    assert text.beside(found) == ", balanced 61.5 ± 0.4 %"
    assert text.beside(found, ()) == text.beside(Scores(accuracy=balanced)) == ""


def test_one_network_has_no_spread() -> None:
    assert text.accuracy(Accuracy(mean=0.9342, n=1)) == "93.4 % (n = 1)"


def test_what_is_not_known_is_a_dash() -> None:
    assert text.accuracy(None) == text.percent(None) == text.percent(float("nan")) == text.count(None) == "–"


@pytest.mark.parametrize(
    ("number", "shown"), [(49_246_208, "49.2 M"), (9_999, "9,999"), (61_706, "61.7 k"), (1.4e14, "140 T")]
)
def test_large_counts_are_shortened(number: float, shown: str) -> None:
    assert text.count(number) == shown


def test_recent_times_are_told_by_their_distance() -> None:
    assert [text.ago(1000.0, now=1000.0 + s) for s in (5, 300, 7200)] == ["just now", "5 min ago", "2 h ago"]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ((0.83, 0.03, 9), (0.65, 0.04, 16), "+18.0 ± 1.4 points"),  # √(0.01² + 0.01²)
        ((0.5, 0.02, 4), (0.5004, 0.0, 4), "0.0 ± 1.0 points"),
        ((0.5, None, 1), (0.6, 0.1, 4), "−10.0 points"),
        ((0.503, 0.3, 4), (0.5, 0.3, 4), "0 ± 21 points"),
        ((0.5, 0.03, 9), (0.6, 0.04, 16), "−10.0 ± 1.4 points"),
        ((0.5, None, 1), (0.5, None, 1), "no difference"),
    ],
)
def test_a_difference_of_accuracies_comes_with_its_standard_error(one: tuple, other: tuple, told: str) -> None:
    first, second = (Accuracy(mean=mean, std=std, n=n) for mean, std, n in (one, other))
    assert text.difference(first, second) == told


@pytest.mark.parametrize(
    ("mean", "spread", "told"),
    [(4_229.1, 853.2, "4,230 ± 850"), (0.123456, 0.0123, "0.123 ± 0.012"), (97.153, 0.996, "97.2 ± 1.0"),
     (7_285_123.0, 4_273.6, "7,285,100 ± 4,300"), (5.0, 0.0, "5.000 ± 0.000"), (-0.0001, 0.2, "0.00 ± 0.20"),
     (1.0, float("nan"), "–")],
)
def test_a_spread_has_two_digits_and_its_mean_ends_at_the_same_place(mean: float, spread: float, told: str) -> None:
    assert text.plus_minus(mean, spread) == told


def test_an_accuracy_is_told_to_a_tenth_of_a_percent_and_no_finer() -> None:
    assert text.accuracy(Accuracy(mean=0.97153, std=0.00041, n=5)) == "97.2 ± 0.0 % (n = 5)"
    assert text.accuracy(Accuracy(mean=0.5049, std=0.1234, n=5)) == "50 ± 12 % (n = 5)"


@pytest.mark.parametrize(
    ("given", "told"),
    [(4_270.4, "4,270"), (72_851.0, "72,851"), (12.34, "12.3"), (0.01234, "0.0123"), (0.5, "0.5"), (0.0, "0"),
     (9.996, "10"), (1.23e-7, "1.2e-7"), (-4_270.0, "-4,270"), (float("inf"), "–")],
)
def test_a_number_has_three_digits_and_no_exponent_unless_it_is_tiny(given: float, told: str) -> None:
    assert text.number(given) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [(None, "–"), (25_600, "25.6 kB"), (149_000, "149 kB"), (1_200_000, "1.2 MB"), (12.8e9, "12.8 GB")],
)
def test_sizes_are_told_in_a_unit_that_leaves_few_digits(given: float | None, told: str) -> None:
    assert text.bytes_(given) == told


def test_of_many_words_the_first_are_listed_and_the_others_counted() -> None:
    assert text.listed(["a", "b"], 2) == "a, b"
    assert text.listed(["a", "b", "c", "d"], 2, "; ") == "a; b and 2 more"
