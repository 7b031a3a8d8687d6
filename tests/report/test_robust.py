from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from ddcore.evaluation.plans import evaluation, plan, undertrained
from ddcore.report import robust
from ddcore.runs import RunRecord, Store
from tests.report.conftest import BRIEF, QUESTION, Answer, imitated


def test_parity_gives_a_label_robust_score_of_26_9() -> None:
    assert robust.lrs(robust.ior(0.9, 0.9), robust.hlr(0.99, 0.99)) == pytest.approx(26.894, abs=1e-3)
    assert robust.ars(0.9, 0.9, 0.8, 0.8) == pytest.approx(26.894, abs=1e-3)


def test_the_scale_runs_from_0_to_100() -> None:
    assert robust.lrs(ior=1.0, hlr=-1.0) == pytest.approx(100)
    assert robust.lrs(ior=-1.0, hlr=1.0) == pytest.approx(0)


def test_scores_by_hand() -> None:
    assert robust.ior(0.96, 0.93) == pytest.approx(0.03)
    assert robust.hlr(0.996, 0.96) == pytest.approx(0.036)
    assert robust.lrs(0.1, 0.2) == pytest.approx(scaled(0.5 * 0.1 - 0.5 * 0.2)) == pytest.approx(24.8192, abs=1e-3)
    assert robust.lrs(0.1, 0.2, w=0.75) == pytest.approx(scaled(0.75 * 0.1 - 0.25 * 0.2))
    assert robust.ars(0.7, 0.4, 0.6, 0.5) == pytest.approx(scaled(0.5 * 0.3 + 0.5 * 0.1))
    assert robust.ars(0.7, 0.4, 0.6, 0.5) == pytest.approx(36.3139, abs=1e-3)
    assert robust.ars(0.7, 0.4, 0.6, 0.5, gamma=0.75) == pytest.approx(scaled(0.75 * 0.3 + 0.25 * 0.1))


def scaled(x: float) -> float:
    """From −1..1 to 0..100, as DD-Ranking does it."""
    return 100 * (math.exp(x) - math.exp(-1)) / (math.e - math.exp(-1))


def test_nothing_is_known_before_anything_is_computed_and_everything_is_missing(store: Store, run: RunRecord) -> None:
    found = robust.scores(store, run, QUESTION)
    assert [score.value for score in found.scores] == [None] * 4
    assert [part.role for part in found.missing] == [
        "final", "random_real", "final siamese-no-flip", "random siamese-no-flip", "full",
    ]
    assert found.note == ""


def test_scores_appear_as_their_parts_are_computed(store: Store, run: RunRecord, answer: Answer) -> None:
    asked = plan(run, QUESTION)
    augmented = plan(run, replace(QUESTION, augment="siamese-no-flip"))
    answer(asked.final, 0.6, 0.6)
    answer(asked.random_real, 0.5, 0.5)
    found = {score.name: score for score in robust.scores(store, run, QUESTION).scores}
    assert found["ior"].value == pytest.approx(0.1)
    assert [part.role for part in found["hlr"].missing] == ["full"]
    assert found["lrs"].value is found["ars"].value is None
    answer(asked.full, 0.9)
    answer(augmented.final, 0.7, 0.7)
    answer(augmented.random_real, 0.4, 0.4)
    found = {score.name: score for score in robust.scores(store, run, QUESTION).scores}
    assert found["hlr"].value == pytest.approx(0.3)
    assert found["lrs"].value == pytest.approx(scaled(0.5 * 0.1 - 0.5 * 0.3))
    assert found["ars"].value == pytest.approx(scaled(0.5 * (0.7 - 0.4) + 0.5 * (0.6 - 0.5)))
    assert robust.scores(store, run, QUESTION).missing == []


def test_a_set_with_soft_labels_is_judged_without_them_too(store: Store, run: RunRecord, answer: Answer) -> None:
    soft, with_rate = (replace(run, summary=run.summary.model_copy(update={"stored_floats": 640 + more}))
                       for more in (10 * 10, 1))
    assert robust.soft_labels(soft)
    assert not robust.soft_labels(run)
    assert not robust.soft_labels(with_rate)
    found = robust.scores(store, soft, QUESTION)
    assert "hard" in {part.role for part in found.parts}
    assert "soft labels" in found.note
    answer(evaluation(soft, QUESTION, labels="hard"), 0.4)
    answer(plan(soft, QUESTION).full, 0.9)
    values = {score.name: score.value for score in robust.scores(store, soft, QUESTION).scores}
    assert values["hlr"] == pytest.approx(0.5)


def test_scores_that_lean_on_briefly_trained_full_data_say_so(store: Store, run: RunRecord) -> None:
    lean = f"{undertrained(600 / 162)} HLR and LRS compare the set with it."
    assert robust.scores(store, run, QUESTION).note == ""
    assert robust.scores(store, run, BRIEF).note == lean
    assert robust.scores(store, imitated(store), BRIEF).note == f"{robust.SOFT} {lean}"


def test_a_variation_beside_the_set_is_no_part_of_its_scores(store: Store) -> None:
    found = robust.scores(store, imitated(store), QUESTION)
    assert "soft labels" in found.note
    assert {"final", "random_real", "full", "hard"} < {part.role for part in found.parts}
    assert not {"datm", "initial", "initial_hard"} & {part.role for part in found.parts}


@pytest.mark.parametrize("words", [robust.TITLES, robust.HELP])
def test_every_score_is_explained(words: Any, store: Store, run: RunRecord) -> None:
    assert set(words) == {score.name for score in robust.scores(store, run, QUESTION).scores}
    assert all(len(text.splitlines()) == 2 for text in robust.HELP.values())
