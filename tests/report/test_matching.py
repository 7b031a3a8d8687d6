from __future__ import annotations

import numpy as np
import pytest

from ddcore.methods.pad import PADConfig
from ddcore.report import matching
from ddcore.runs.images import Images

CONFIG = PADConfig.build({
    "dataset": "digits", "num_iters": 10, "min_start_epoch": 1, "first_max_start_epoch": 2, "max_start_epoch": 6,
    "expansion_iters": 8, "expert_epochs": 2, "train_epochs": 8,
})


def images(logits: np.ndarray | None) -> Images:
    return Images(np.zeros((2, 1, 1, 1)), np.array([0, 1]), ("a", "b"), (0.0,), (1.0,), logits)


def test_the_matched_epochs_end_where_the_last_student_is_held_against_its_expert() -> None:
    assert matching.matched(CONFIG) == (1, 6)  # from epoch 5 two epochs on: those with the numbers 5 and 6


def test_the_range_of_start_epochs_widens_to_its_end() -> None:
    frame = matching.reach(CONFIG)
    assert frame["step"].tolist() == list(range(1, 11))
    assert frame["low"].unique().tolist() == [1]
    assert (frame["high"].iloc[0], frame["high"].iloc[-1]) == (1, 5)
    assert frame["high"].is_monotonic_increasing


def test_a_long_run_is_told_in_few_points() -> None:
    frame = matching.reach(PADConfig.build({**CONFIG.values(), "num_iters": 100_000}))
    assert len(frame) < 300
    assert frame["step"].iloc[-1] == 100_000


def test_start_epochs_come_with_whether_their_update_was_left_out() -> None:
    events = [
        {"event": "step", "step": 1, "loss": 0.9, "start_epoch": 3.0, "skipped": 0.0},
        {"event": "step", "step": 2, "loss": 1.1, "start_epoch": 4.0, "skipped": 1.0},
        {"event": "step", "step": 3, "loss": 1e6, "start_epoch": 5.0, "skipped": 2.0},
        {"event": "snapshot", "step": 3},
    ]
    frame = matching.starts(events, threshold=1.0)
    assert frame["epoch"].tolist() == [3.0, 4.0, 5.0]
    assert frame["skipped"].tolist() == [False, True, True]
    assert matching.skipped(events) == 2
    assert matching.skipped([]) == 0


def test_soft_labels_are_shares_of_a_hundred() -> None:
    shares = matching.soft_labels(images(np.array([[np.log(3.0), 0.0], [1000.0, 1000.0]])))
    assert shares is not None
    assert shares.tolist() == [pytest.approx([75.0, 25.0]), pytest.approx([50.0, 50.0])]
    assert matching.own_share(images(np.array([[np.log(3.0), 0.0], [0.0, 0.0]]))) == pytest.approx(62.5)


def test_class_labels_are_no_soft_labels() -> None:
    assert matching.soft_labels(images(None)) is None
    assert matching.own_share(images(None)) == 100.0
