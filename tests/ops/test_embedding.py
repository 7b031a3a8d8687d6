"""Points of images: the plane of a network's features, and nearest neighbours."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from ddcore.errors import Cancelled
from ddcore.ops import nets
from ddcore.ops.embedding import Nearest, Plane, embed, neighbour_map, principal_plane


def random(n: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def test_points_on_a_line_have_one_component_along_it() -> None:
    steps = torch.tensor([-2.0, -1.0, 0.0, 3.0])
    plane, variance = principal_plane(torch.tensor([1.0, 2.0]) + steps[:, None] * torch.tensor([-3.0, 4.0]) / 5)
    assert plane.mean.tolist() == pytest.approx([1.0, 2.0])
    assert plane.components[0].tolist() == pytest.approx([-0.6, 0.8])  # its largest entry is positive
    assert variance == pytest.approx([1.0, 0.0], abs=1e-12)
    points = torch.tensor([[1.0, 2.0], [1.0 - 3.0, 2.0 + 4.0]])
    assert plane.coords(points)[:, 0].tolist() == pytest.approx([0.0, 5.0])


def test_the_plane_of_a_cross_by_hand() -> None:
    # variances 8, 2 and 0 along the axes: the shares are 0.8 and 0.2
    points = torch.tensor([[0.0, 2.0, 0.0], [0.0, -2.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    plane, variance = principal_plane(points)
    torch.testing.assert_close(plane.components, torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    assert variance == pytest.approx([0.8, 0.2])


@few
@given(seed=st.integers(0, 999), turned=st.booleans())
def test_no_other_plane_holds_more_of_the_variance(seed: int, turned: bool) -> None:
    points = random(9, 4, seed=seed)
    plane, variance = principal_plane(-points if turned else points)
    other = torch.linalg.qr(random(4, 2, seed=seed + 1)).Q.T
    total = (points - points.mean(0)).square().sum()
    assert (Plane(points.mean(0), other).coords(points).square().sum() / total).item() <= sum(variance) + 1e-6
    assert (plane.components.gather(1, plane.components.abs().argmax(1, keepdim=True)) > 0).all()


def test_a_single_feature_is_a_line_in_the_plane() -> None:
    plane, variance = principal_plane(torch.tensor([[1.0], [3.0]]))
    assert plane.coords(torch.tensor([[1.0], [3.0], [4.0]])).tolist() == [[-1.0, 0.0], [1.0, 0.0], [2.0, 0.0]]
    assert variance == [1.0, 0.0]


@few
@given(seed=st.integers(0, 999), piece=st.integers(1, 20))
def test_the_nearest_point_is_that_of_brute_force_in_whatever_pieces_points_come(seed: int, piece: int) -> None:
    queries, points = random(5, 2, 3, seed=seed), random(17, 2, 3, seed=seed + 1)
    found = Nearest(queries)
    for first in range(0, len(points), piece):
        found.look(points[first : first + piece], first)
    apart = torch.stack([(points - query).flatten(1).norm(dim=1) for query in queries])
    assert torch.equal(found.indices, apart.argmin(1))
    torch.testing.assert_close(found.distances, apart.min(1).values)


def test_of_equal_points_the_first_is_the_nearest() -> None:
    found = Nearest(torch.tensor([[2.0, 0.0]]))
    found.look(torch.tensor([[0.0, 0.0], [2.0, 1.0]]), 0)
    found.look(torch.tensor([[3.0, 0.0], [2.0, -1.0]]), 2)
    assert (found.indices.tolist(), found.distances.tolist()) == ([1], [1.0])


def test_points_that_are_nearly_the_same_are_told_apart_far_from_the_origin() -> None:
    points = 1000 + 0.1 * random(6, 700)
    found = Nearest(points + 0.001 * random(6, 700, seed=1))  # squares of 7e8: float32 rounds them by 40
    found.look(points, 0)
    assert found.indices.tolist() == list(range(6))
    assert found.distances.max() < 0.1


def test_what_a_network_sees_does_not_depend_on_the_pieces_and_is_what_its_classifier_gets() -> None:
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4, "norm": "batch"})
    images = random(300, 1, 8, 8)
    looks: list[int] = []
    seen = embed(network, lambda some: images[some], torch.arange(300), lambda: looks.append(1))
    assert len(looks) > 1
    with torch.no_grad():
        torch.testing.assert_close(network.classifier(seen), network(images), atol=1e-5, rtol=1e-4)
    assert not network.training


def test_the_neighbour_map_keeps_two_far_groups_apart_and_is_the_same_again() -> None:
    points = torch.cat([random(12, 5), random(12, 5, seed=1) + 100])
    (coords, used), (again, _) = (neighbour_map(points, 30.0, seed=2**60) for _ in range(2))
    assert torch.equal(coords, again)
    assert used == pytest.approx(23 / 3)  # a third of the points at most
    apart = torch.cdist(coords, coords).fill_diagonal_(torch.inf)
    same = torch.arange(24)[:, None] // 12 == torch.arange(24) // 12
    assert same[torch.arange(24), apart.argmin(1)].all()


@pytest.mark.parametrize("points", [torch.ones(9, 3), torch.arange(9.0)[:, None], torch.arange(27.0).reshape(9, 3)])
def test_points_that_are_the_same_or_on_a_line_have_a_map_too(points: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coords, _ = neighbour_map(points, 30.0, seed=0)
    assert coords.shape == (9, 2)
    assert coords.isfinite().all()
    assert (len(coords.unique(dim=0)) == 1) == (len(points.unique(dim=0)) == 1)


def test_laying_out_can_be_stopped_between_its_stages() -> None:
    def stop() -> None:
        raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        neighbour_map(random(9, 3), 30.0, seed=0, on_stage=stop)
