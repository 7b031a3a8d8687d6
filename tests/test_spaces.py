"""Search spaces: how many networks they hold, which fit an image size, and what is said of those that do not."""

from __future__ import annotations

import pytest

from ddcore import spaces
from ddcore.networks import NETWORKS

COURSE, CONVNETS = spaces.space("course"), spaces.space("convnet720")


def test_the_spaces_hold_as_many_networks_as_their_sources_say() -> None:
    assert COURSE.size == 3 * 3 * 3 * 2 == 54
    assert CONVNETS.size == 4 * 4 * 5 * 3 * 3 == 720


@pytest.mark.parametrize("one", spaces.SPACES.values(), ids=lambda one: one.name)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 128, 128)])
def test_every_network_of_a_space_fits_the_shipped_image_sizes_and_has_a_name_of_its_own(one, shape) -> None:
    members = spaces.members(one, "", shape)
    assert len(members) == one.size == len({spaces.named(member) for member in members})
    assert {*one.options} <= {*NETWORKS[one.network].options}
    assert not spaces.problems(one, "", shape)
    assert not spaces.left_out(one, "", shape)


def test_networks_that_do_not_fit_are_left_out_with_the_reason() -> None:
    members = spaces.members(COURSE, "", (1, 8, 8))
    assert len(members) == 36
    assert {member.options["depth"] for member in members} == {2, 3}
    ((reason, how_many),) = spaces.left_out(COURSE, "", (1, 8, 8)).items()
    assert how_many == 18
    assert "depth must be at most 3 for 1×8×8 images" in reason


def test_a_value_that_was_asked_for_and_fits_nowhere_is_a_problem() -> None:
    assert spaces.problems(COURSE, "depth=2,4", (1, 8, 8)) == [
        "depth must be at most 3 for 1×8×8 images (each block halves the side), got 4"
    ]
    assert not spaces.problems(CONVNETS, "depth=4", (1, 8, 8)), "without pooling four blocks fit"
    assert spaces.problems(CONVNETS, "depth=4 pooling=avg,max", (1, 8, 8))


def test_everything_that_is_wrong_with_a_subset_is_told_at_once() -> None:
    found = spaces.problems(COURSE, "widht=16 width=17,32 units=1000", (1, 28, 28))
    assert [word in one for word, one in zip(("did you mean 'width'", "'17'", "'1000'"), found, strict=True)]
    assert spaces.problems(COURSE, "depth width=16 width=32", (1, 28, 28)) == [
        "subset must be like 'depth=2,3 width=16', each option once, got 'depth' 'width=32'"
    ]


def test_the_same_subset_is_written_in_one_way() -> None:
    assert spaces.tidy(COURSE, "width=32,16;  depth=4,2,3") == spaces.tidy(COURSE, "width=16,32") == "width=16,32"
    assert spaces.spelled(spaces.read("width=16,32 depth=2")) == "width=16,32 depth=2"


def test_networks_are_named_for_people() -> None:
    assert spaces.named(spaces.members(COURSE, "", (1, 28, 28))[0]) == "2 conv × 16, fc 64, ReLU"
    last = spaces.members(CONVNETS, "", (1, 28, 28))[-1]
    assert spaces.named(last) == "4 conv × 256, group norm, LeakyReLU, average pooling"
