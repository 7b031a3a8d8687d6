"""What answers are made of: accuracies pooled and held against each other by hand, and what is refused."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from pydantic import ValidationError
from scipy import stats

from ddcore.summary import (
    Accuracy,
    Answer,
    Arithmetic,
    Count,
    Number,
    Scores,
    Seconds,
    Share,
    Source,
    Summary,
    Values,
    is_share,
    problems,
)


def test_values_of_all_groups_are_pooled_as_one_sample() -> None:
    first, second = Accuracy.of([0.5, 0.7], "course", "test"), Accuracy.of([0.3], "quick", "val")
    pooled = Accuracy.pooled([first, second])
    assert pooled is not None
    assert (pooled.mean, pooled.std) == pytest.approx((0.5, 0.2))  # √((0² + 0.2² + 0.2²) / 2)
    assert (pooled.n, pooled.seeds, pooled.values) == (3, 2, (0.5, 0.7, 0.3))
    assert (pooled.protocol, pooled.split) == ("course", "test")


def test_groups_whose_values_nobody_kept_are_pooled_from_their_mean_spread_and_number() -> None:
    # 0.5 and 0.7: s² = 0.02 about 0.6; with 0.3 about 0.5: 0.02 + 2·0.1² + 0.2² = 0.08, and √(0.08 / 2) = 0.2
    two, one = Accuracy(mean=0.6, std=math.sqrt(0.02), n=2, protocol="course"), Accuracy(mean=0.3, n=1)
    pooled = Accuracy.pooled([two, one])
    assert pooled is not None
    assert (pooled.mean, pooled.std) == pytest.approx((0.5, 0.2))
    assert (pooled.n, pooled.seeds, pooled.values, pooled.protocol) == (3, 2, None, "course")
    mixed = Accuracy.pooled([Accuracy.of([0.5, 0.7]), one])
    assert mixed is not None
    assert (mixed.mean, mixed.std, mixed.n, mixed.values) == (pytest.approx(0.5), pytest.approx(0.2), 3, None)


@pytest.mark.parametrize("sizes", [(2, 3), (5, 1, 4), (7, 7, 7)])
def test_both_ways_of_pooling_agree(sizes: tuple[int, ...]) -> None:
    groups = [[0.3 + 0.07 * i + 0.011 * j * j for j in range(n)] for i, n in enumerate(sizes)]
    every = [value for group in groups for value in group]
    told = [Accuracy.of(group).model_copy(update={"values": None}) for group in groups]
    for each in (map(Accuracy.of, groups), told):
        pooled = Accuracy.pooled(each)
        assert pooled is not None
        assert (pooled.mean, pooled.std) == pytest.approx((statistics.mean(every), statistics.stdev(every)))
        assert pooled.n == len(every)


def test_nothing_is_pooled_from_nothing_or_from_what_is_not_known() -> None:
    known = Accuracy.of([0.5, 0.6])
    assert Accuracy.pooled([]) is Accuracy.pooled([known, None]) is Scores.pooled([]) is None
    alone = Accuracy.pooled([Accuracy(mean=0.5, n=1)])
    assert alone == Accuracy(mean=0.5, n=1, seeds=1)
    assert alone.std is None


def test_scores_are_pooled_one_by_one_and_those_that_one_group_lacks_not_at_all() -> None:
    whole = Scores(accuracy=Accuracy.of([0.5]), balanced_accuracy=Accuracy.of([0.4]), auc=Accuracy.of([0.8]))
    older = Scores(accuracy=Accuracy.of([0.7]), balanced_accuracy=Accuracy.of([0.6]))
    pooled = Scores.pooled([whole, older])
    assert pooled is not None
    assert (pooled.accuracy.mean, pooled.auc) == (pytest.approx(0.6), None)
    assert pooled.get("balanced_accuracy") == Accuracy.of([0.4, 0.6]).model_copy(update={"seeds": 2})


@pytest.mark.parametrize("level", [0.9, 0.99])
def test_a_difference_has_welchs_interval_at_the_level_asked_for(level: float) -> None:
    one, other = [0.61, 0.65, 0.59, 0.70], [0.55, 0.58, 0.60]
    by_scipy = stats.ttest_ind(one, other, equal_var=False).confidence_interval(level)
    found = Accuracy.of(one).minus(Accuracy.of(other), level)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((by_scipy.low, by_scipy.high))
    assert found.decided == (by_scipy.low > 0)
    told = [Accuracy.of(values).model_copy(update={"values": None}) for values in (one, other)]
    assert told[0].minus(told[1], level) == found, "mean, spread and number are enough"


def test_an_accuracy_is_stored_with_mean_spread_and_number_and_else_what_is_known() -> None:
    assert Accuracy(mean=0.5, n=1).to_json() == {"mean": 0.5, "std": None, "n": 1}
    whole = Accuracy.of([0.5, 0.7], "course", "test")
    assert whole.to_json() == {"mean": pytest.approx(0.6), "std": pytest.approx(math.sqrt(0.02)), "n": 2,
                               "protocol": "course", "split": "test", "values": [0.5, 0.7]}
    assert Accuracy.model_validate(whole.to_json()) == whole
    assert (whole.each, Accuracy(mean=0.5, n=3).each) == ((0.5, 0.7), (0.5,))


def test_an_answer_leaves_out_what_the_run_did_not_say_and_passes_over_what_it_does_not_know() -> None:
    summary = Summary.model_validate({"steps": 4, "notes": ["Other images."], "of a later version": {"x": 1}})
    stored = summary.to_json()
    assert stored == {"steps": 4, "notes": ["Other images."]}
    assert Summary.model_validate(stored) == summary
    assert Summary(majority=None, notes=()).to_json() == {"majority": None, "notes": []}, "said, though it is empty"
    with pytest.raises(ValidationError, match="frozen"):
        summary.steps = 5  # type: ignore[misc]


def test_images_that_are_counted_stay_whole_numbers() -> None:
    stored = Summary.model_validate({"confusion": [[36, 0], [1, 35]], "images": 72}).to_json()
    assert str(stored["confusion"]) == "[[36, 0], [1, 35]]"
    assert str(stored["images"]) == "72"


def test_shares_are_told_from_other_numbers_also_where_they_may_be_none() -> None:
    class Figures(Answer):
        share: Share
        maybe: Share | None = None
        several: tuple[Share, ...] = ()
        number: Number | None = None
        seconds: Seconds = 0.0
        count: Count | None = None

    assert [name for name, field in Figures.model_fields.items() if is_share(field)] == ["share", "maybe"]


def test_arithmetic_is_told_in_words() -> None:
    told = [str(Arithmetic(**on)) for on in ({}, {"exact": True}, {"compiled": True, "half": True})]
    assert told == ["float32, not compiled", "exact", "compiled, bfloat16"]


@pytest.mark.parametrize(
    ("type_", "stored", "said"),
    [
        (Accuracy, {"mean": 0.9}, "its 'n' is missing"),
        (Accuracy, {"mean": "0.9", "n": 1}, "its 'mean' is '0.9': input should be a valid number"),
        (Accuracy, {"mean": True, "n": 1}, "its 'mean' is True: input should be a valid number"),
        (Accuracy, {"mean": 90, "n": 1}, "its 'mean' is 90: input should be less than or equal to 1"),
        (Accuracy, {"mean": 0.9, "n": 0}, "its 'n' is 0: input should be greater than or equal to 1"),
        (Accuracy, {"mean": 1.0, "n": 1.0}, "its 'n' is 1.0: input should be a valid integer"),
        (Accuracy, {"mean": math.nan, "n": 1}, "its 'mean' is nan: input should be a finite number"),
        (Summary, {"macs": "many"}, "its 'macs' is 'many': input should be a valid integer"),
        (Summary, {"steps": 10**400}, "its 'steps' is 1000"),
        (Summary, {"majority": 10**400}, "its 'majority' is 1000"),
        (Summary, {"confusion": [[1, 2], [3, math.inf]]}, "its 'confusion.1.1' is inf: input should be a valid int"),
        (Summary, {"accuracy": {"mean": 0.5, "n": 2, "values": [0.5, "good"]}},
         "its 'accuracy.values.1' is 'good': input should be a valid number"),
        (Summary, {"accuracy": {"mean": 0.5, "n": 3, "values": [0.5, 0.5]}},
         "its 'accuracy' is {'mean': 0.5, 'n': 3, 'values': [0.5, 0.5]}: 2 values of 3 networks"),
        (Summary, {"classes": ["a", "b"], "per_class": [0.5]},
         "its 'summary' is {'classes': ['a', 'b'], 'per_class': [0.5]}: classes, per_class and confusion are of 1 "),
        (Summary, {"per_class": [0.5, 1], "confusion": [[1, 2], [3]]},
         "its 'summary' is {'confusion': [[1, 2], [3]], 'per_class': [0.5, 1]}: classes, per_class and con"),
        (Summary, {"accuracy": "good"}, "its 'accuracy' is 'good': input should be a valid dictionary"),
        (Source, {"seed": 10**400}, "its 'seed' is 1000"),
        (Source, {"method": ["dm"]}, "its 'method' is ['dm']: input should be a valid string"),
    ],
)
def test_what_no_run_writes_is_refused_in_one_sentence(type_: type[Answer], stored: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        type_.model_validate(stored)
    (problem,) = problems(refused.value)
    assert problem.startswith(said)
    assert len(problem) < 200
    assert "instance of" not in problem


def test_values_of_parameters_keep_their_types_and_hold_nothing_else() -> None:
    class Setting(Answer):
        values: Values = {}

    values = {"epochs": 20, "lr": 0.01, "momentum": 1.0, "exact": False, "augment": "siamese", "steps": None}
    assert str(Setting(values=values).to_json()["values"]) == str(values)
    for strange in ([0.1], {"deeper": 1}, 10**400, math.nan):
        with pytest.raises(ValidationError) as refused:
            Setting.model_validate({"values": {"lr": strange}})
        (problem,) = problems(refused.value)
        assert problem.startswith("its 'values.lr' is ")
        assert problem.endswith(": no parameter has such a value")


def test_all_that_is_wrong_is_told_and_each_in_a_sentence() -> None:
    with pytest.raises(ValidationError) as refused:
        Summary.model_validate({"steps": "x", "accuracy": {}, "notes": "none"})
    assert [problem.partition(" is ")[0] for problem in problems(refused.value)] == [
        "its 'accuracy.mean'", "its 'accuracy.n'", "its 'steps'", "its 'notes'",
    ]
