from __future__ import annotations

import pytest

from ddcore.experiments.experts import Layer
from ddcore.methods.trajectories import TrajectoryConfig
from ddcore.report import experts

LAYERS = [Layer(name="block 1", parameters=10), Layer(name="block 2", parameters=60),
          Layer(name="classifier", parameters=30)]


def test_the_schedule_grows_to_all_images_and_then_loses_the_easy_ones() -> None:
    config = TrajectoryConfig.build(
        {"dataset": "digits", "train_epochs": 5, "initial_ratio": 0.5, "add_end_epoch": 2, "remove_epoch": 3,
         "remove_ratio": 0.1, "second_remove_ratio": 0.0}
    )
    frame = experts.schedule(config, (1, 3))
    assert frame["high"].tolist() == [50.0, 75.0, 100.0, 100.0, 100.0]
    assert frame["low"].tolist() == [0.0, 0.0, 0.0, 10.0, 10.0]
    assert frame["matched"].tolist() == [False, True, True, True, False]


def test_accuracy_is_a_mean_over_all_experts_that_have_reached_the_epoch() -> None:
    def told(first: int, epoch: int, train: float) -> dict:
        return {"event": "epoch", "first": first, "epoch": epoch, "train_accuracy": train, "val_accuracy": 0.5}

    frame = experts.accuracy([told(0, 1, 0.3), told(0, 2, 0.6), told(2, 1, 0.9)], experts=3)
    training = frame[frame["series"] == "training"]
    assert training["epoch"].tolist() == [1, 2]
    assert training["value"].tolist() == [pytest.approx(50.0), pytest.approx(60.0)]
    assert experts.accuracy([], experts=3).empty
    unvalidated = {**told(0, 1, 0.3), "val_accuracy": None}
    assert set(experts.accuracy([unvalidated], experts=1)["series"]) == {"training"}


def test_alpha_takes_the_shallow_layers_first() -> None:
    frame = experts.dropped(LAYERS, 0.4)
    assert frame["dropped"].tolist() == [100.0, pytest.approx(50.0), 0.0]
    assert frame["share"].tolist() == [10.0, 60.0, 30.0]


@pytest.mark.parametrize(
    ("alpha", "selection", "said"),
    [
        (0.4, "depth", "α = 0.4 drops block 1 and 50 % of block 2"),
        (0.85, "depth", "α = 0.85 drops block 1, block 2 and 50 % of classifier"),
        (0.0, "depth", "α = 0 drops nothing: all parameters count"),
        (0.6, "layers", "α = 0.6 drops block 1 and block 2"),
        (0.04, "layers", "α = 0.04 drops nothing, rounded to whole layers"),
        (0.99, "layers", "α = 0.99 drops block 1 and block 2"),
        (0.25, "loss", "α = 0.25 drops the 25 % of the parameters with the smallest error, wherever they are"),
    ],
)
def test_what_alpha_drops_is_said_in_layers(alpha: float, selection: str, said: str) -> None:
    assert experts.in_words(LAYERS, alpha, selection) == said
