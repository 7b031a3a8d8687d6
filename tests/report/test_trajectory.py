from __future__ import annotations

import pytest

from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.report import trajectory
from ddcore.runs import RunRecord, Store
from tests.report.conftest import QUESTION, Answer, imitated


def test_every_kept_step_is_judged_on_the_validation_split_and_never_on_the_test_set(
    store: Store, run: RunRecord
) -> None:
    points = trajectory.points(store, run, QUESTION)
    assert [point.step for point in points] == [0, 1, 2, 4]
    configs = [point.result.specs[-1].config for point in points]
    assert all(isinstance(config, EvaluateConfig) and config.split == "val" for config in configs)
    asked = [(config.values()["images"], config.values()["step"]) for config in configs]
    assert asked == [("initial", None), ("images", 1), ("images", 2), ("images", None)]


def test_a_set_with_learnt_labels_is_judged_with_those_of_each_step(store: Store) -> None:
    points = trajectory.points(store, imitated(store), QUESTION)
    assert [point.result.specs[-1].config.values()["labels"] for point in points] == ["learnt"] * 4


def test_long_runs_are_thinned_to_the_first_and_the_latest_steps(store: Store, run: RunRecord) -> None:
    assert [p.step for p in trajectory.points(store, run, QUESTION, most=3)] == [0, 2, 4]
    assert [p.step for p in trajectory.points(store, run, QUESTION, most=4)] == [0, 1, 2, 4]


def test_the_table_has_a_row_for_each_step_whether_it_is_known_or_not(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    balanced = {"mean": 0.45, "std": 0.0, "n": 2}
    answer(trajectory.points(store, run, QUESTION)[1].result.specs[-1], 0.4, 0.6, balanced_accuracy=balanced)
    table = trajectory.table(trajectory.points(store, run, QUESTION))
    assert table["step"].tolist() == [0, 1, 2, 4]
    assert table["mean"].tolist()[1] == pytest.approx(50.0)
    assert table["balanced_accuracy"].tolist() == ["–", "45.0 ± 0.0 %", "–", "–"]
    assert table["mean"].isna().tolist() == [True, False, True, True]
    assert table["state"].tolist() == ["not computed", "done", "not computed", "not computed"]
