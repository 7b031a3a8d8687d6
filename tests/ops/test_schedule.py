"""The data scheduler: by hand over ten epochs, and on classes as unequal as the real ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import few
from torch import Tensor

from ddcore.methods.trajectories import TrajectoryConfig
from ddcore.ops import schedule, seeds

MNIST = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)  # training images of each digit
TEN_EPOCHS = {
    "train_epochs": 10, "initial_ratio": 0.6, "add_end_epoch": 4, "remove_epoch": 6, "remove_ratio": 0.1,
    "second_remove_epoch": 8, "second_remove_ratio": 0.2,
}


def images(sizes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """(scores, labels, places) of classes of these sizes, shuffled; no two scores are equal."""
    labels = torch.cat([torch.full((n,), c) for c, n in enumerate(sizes)])
    labels = labels[seeds.permutation(len(labels), 0)]
    scores = torch.rand(len(labels), generator=seeds.generator(1), dtype=torch.float64)
    return scores, labels, schedule.places(scores, labels, seeds.generator(2))


def test_places_count_each_class_from_easy_to_hard():
    scores = torch.tensor([0.3, 0.1, 0.9, 0.2, 0.5])
    labels = torch.tensor([2, 2, 0, 2, 0])
    assert schedule.places(scores, labels, seeds.generator(0)).tolist() == [2, 0, 1, 1, 0]


def test_equal_scores_come_in_an_order_that_the_generator_draws():
    scores, labels = torch.zeros(40), torch.arange(40) % 2
    drawn = [schedule.places(scores, labels, seeds.generator(seed)) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert sorted(drawn[0][::2].tolist()) == list(range(20))


def test_ten_epochs_by_hand():
    config = TrajectoryConfig.build(TEN_EPOCHS)
    _, labels, place = images((10, 20))
    shares = [(0, 6), (0, 7), (0, 8), (0, 9), (0, 10), (0, 10), (1, 10), (1, 10), (2, 10), (2, 10)]
    for epoch, (first, last) in enumerate(shares):
        used = schedule.in_use(place, labels, *config.window(epoch))
        assert place[used][labels[used] == 0].sort().values.tolist() == list(range(first, last)), epoch
        assert place[used][labels[used] == 1].sort().values.tolist() == list(range(2 * first, 2 * last)), epoch


def test_what_is_in_use_are_the_easiest_and_after_a_removal_the_hardest():
    scores, labels, place = images((30, 17, 4))
    early, late = (schedule.in_use(place, labels, *shares) for shares in ((0.0, 0.5), (0.25, 1.0)))
    for label in range(3):
        ranked = scores[labels == label].sort().values
        easy, hard = (scores[used][labels[used] == label].sort().values for used in (early, late))
        assert torch.equal(easy, ranked[: len(easy)])
        assert torch.equal(hard, ranked[-len(hard) :])


@pytest.mark.parametrize("epoch", range(10))
def test_every_digit_of_mnist_keeps_its_share_though_4_and_5_have_fewest(epoch: int):
    low, high = TrajectoryConfig.build(TEN_EPOCHS).window(epoch)
    _, labels, place = images(MNIST)
    used = schedule.in_use(place, labels, low, high)
    assert len(used.unique()) == len(used)
    assert ((used >= 0) & (used < sum(MNIST))).all()
    counts = labels[used].bincount(minlength=10)
    for digit, size in enumerate(MNIST):
        assert abs(counts[digit].item() - (high - low) * size) <= 1, f"digit {digit}"


@few
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda s: s[0] != s[1]).map(sorted),
)
def test_no_class_is_ever_empty_and_each_keeps_its_share_to_within_an_image(sizes: list[int], shares: list[float]):
    _, labels, place = images(tuple(sizes))
    used = schedule.in_use(place, labels, *shares)
    counts = labels[used].bincount(minlength=len(sizes))
    assert (counts >= 1).all()
    for count, size in zip(counts.tolist(), sizes, strict=True):
        assert abs(count - (shares[1] - shares[0]) * size) <= 1 + 1e-9
    assert torch.equal(used, used.sort().values)


def test_all_images_are_in_use_between_nothing_and_everything():
    _, labels, place = images((3, 1, 5))
    assert torch.equal(schedule.in_use(place, labels, 0, 1), torch.arange(9))


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.5, 1.1)])
def test_shares_that_leave_nothing_are_refused(shares: tuple[float, float]):
    _, labels, place = images((3,))
    with pytest.raises(ValueError, match="shares must be"):
        schedule.in_use(place, labels, *shares)
