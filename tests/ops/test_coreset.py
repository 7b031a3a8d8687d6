"""Choosing points that stand for many."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from ddcore.ops.coreset import k_center


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


@pytest.mark.parametrize("k", [0, 4])
def test_impossible_number_is_refused(k):
    with pytest.raises(ValueError, match=f"between 1 and the number of points, 3; got {k}"):
        k_center(torch.zeros(3, 2), k)
