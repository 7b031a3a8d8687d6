"""Choosing points that stand for many."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from ddcore.ops.coreset import herding, k_center, ranked


def cover(points: torch.Tensor, chosen: list[int]) -> float:
    """Largest distance of any point from the nearest chosen one."""
    return float(torch.cdist(points, points[chosen]).min(1).values.max())


def test_points_on_a_line_by_hand():
    # mean 4 → point 3 first (the nearest); then 10, 7 away; then 0, 3 away
    points = torch.tensor([0.0, 1.0, 3.0, 6.0, 10.0])[:, None]
    assert k_center(points, 3).tolist() == [2, 4, 0]


def test_the_start_can_be_given():
    points = torch.tensor([0.0, 1.0, 3.0, 10.0])[:, None]
    assert k_center(points, 2, start=3).tolist() == [3, 0]


@few
@given(n=st.integers(1, 12), seed=st.integers(0, 999))
def test_no_point_is_chosen_twice_and_all_can_be(n, seed):
    points = torch.randint(0, 3, (n, 2), generator=torch.Generator().manual_seed(seed)).float()  # many are equal
    assert sorted(k_center(points, n).tolist()) == list(range(n))


@few
@given(n=st.integers(2, 12), seed=st.integers(0, 999))
def test_fewer_are_the_first_of_more(n, seed):
    points = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    assert k_center(points, n)[: n // 2].tolist() == k_center(points, n // 2).tolist()


@few
@given(k=st.integers(1, 3), seed=st.integers(0, 99))
def test_cover_is_at_most_twice_the_best(k, seed):
    points = torch.randn(8, 2, generator=torch.Generator().manual_seed(seed))
    best = min(cover(points, list(c)) for c in itertools.combinations(range(8), k))
    assert cover(points, k_center(points, k).tolist()) <= 2 * best + 1e-5


@pytest.mark.parametrize("choose", [k_center, herding])
@pytest.mark.parametrize("k", [0, 4])
def test_impossible_number_is_refused(choose, k):
    with pytest.raises(ValueError, match=f"between 1 and the number of points, 3; got {k}"):
        choose(torch.zeros(3, 2), k)


def test_herding_in_the_plane_by_hand():
    # mean (2, 1). (2, 2) is nearest: 1 away. With (0, 0) the mean is (1, 1), 1 away; with (6, 0) it is (4, 1), 2 away;
    # with (0, 2) it is (1, 2), 1.4 away. Of three, with (6, 0) the mean is (8/3, 2/3), with (0, 2) it is (2/3, 4/3).
    points = torch.tensor([[0.0, 0.0], [6.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    assert herding(points, 4).tolist() == [2, 0, 1, 3]


@few
@given(n=st.integers(1, 12), seed=st.integers(0, 999))
def test_herding_takes_what_brings_the_mean_nearest_and_no_point_twice(n, seed):
    points = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed)) + 5
    chosen = herding(points, n).tolist()
    for k in range(n):
        left = [i for i in range(n) if i not in chosen[:k]]
        distance = {i: float((points[[*chosen[:k], i]].mean(0) - points.mean(0)).norm()) for i in left}
        assert chosen[k] in left
        assert distance[chosen[k]] <= min(distance.values()) + 1e-5
    assert herding(points, max(1, n // 2)).tolist() == chosen[: max(1, n // 2)]


def test_herding_leaves_the_points_as_they_were():
    points = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    before = points.clone()
    herding(points, 3)
    assert torch.equal(points, before)


@few
@given(scores=st.lists(st.integers(0, 3), min_size=1, max_size=12), seed=st.integers(0, 99), down=st.booleans())
def test_ranking_sorts_and_keeps_every_point(scores, seed, down):
    order = ranked(torch.tensor(scores), torch.Generator().manual_seed(seed), descending=down).tolist()
    assert sorted(order) == list(range(len(scores)))
    assert [scores[i] for i in order] == sorted(scores, reverse=down)


def test_equal_scores_are_ordered_by_the_seed_alone():
    first, again, other = (ranked(torch.zeros(50), torch.Generator().manual_seed(s)).tolist() for s in (1, 1, 2))
    assert first == again != other
    assert first != list(range(50))
