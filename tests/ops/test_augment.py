"""Differentiable siamese augmentation."""

from __future__ import annotations

import collections
import math

import numpy as np
import published
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from ddcore.augmentations import STRATEGIES
from ddcore.errors import UnknownName
from ddcore.ops import augment
from ddcore.ops.seeds import generator

EXACT = {"brightness", "saturation", "contrast", "crop", "cutout", "flip"}  # the others resample
SHAPES = st.tuples(st.sampled_from([1, 3]), st.integers(4, 40), st.integers(4, 40))
PARAMETERS = {
    "brightness": (0.3,),
    "saturation": (1.7,),
    "contrast": (0.6,),
    "crop": (-1, 2),
    "cutout": (1, 4, 3, 2),
    "flip": (True,),
    "scale": (0.9, 1.1),
    "rotate": (0.2,),
}


def published_cases():
    stored = published.arrays("dsa")
    return [key.removeprefix("param_rand_") for key in stored if key.startswith("param_")]


def our_parameters(operation: str, drawn: list) -> tuple:
    if operation == "cutout":
        return (*drawn, 16, 16)
    if operation == "flip":
        return (drawn[0] < 0.5,)
    return tuple(drawn)


@pytest.mark.parametrize("case", published_cases())
def test_operation_is_the_published_one(case):
    stored = published.arrays("dsa")
    operation = case.split("_")[0]
    parameters = our_parameters(operation, stored[f"param_rand_{case}"].tolist())
    ours = augment.OPERATIONS[operation](torch.from_numpy(stored["images"]), *parameters)
    np.testing.assert_allclose(ours.numpy(), stored[f"out_rand_{case}"], rtol=1e-4, atol=1e-4)


def test_every_operation_has_an_oracle():
    assert {case.split("_")[0] for case in published_cases()} == set(augment.OPERATIONS) == set(augment.DRAWS)


def test_crop_by_hand():
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert augment.crop(image, 1, 0)[0, 0].tolist() == [[3.0, 4.0], [0.0, 0.0]]
    assert augment.crop(image, 0, -1)[0, 0].tolist() == [[0.0, 1.0], [0.0, 3.0]]


def test_cutout_by_hand():
    image = torch.ones(1, 1, 3, 4)
    assert augment.cutout(image, 0, 4, 2, 2)[0, 0].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]]


def test_quarter_turn_moves_corners():
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    torch.testing.assert_close(
        augment.rotate(image, math.pi / 2)[0, 0], torch.tensor([[2.0, 4.0], [1.0, 3.0]]), atol=1e-5, rtol=0
    )


def test_contrast_and_saturation_by_hand():
    image = torch.tensor([[[[0.0]], [[4.0]]]])  # two channels, mean 2
    assert augment.contrast(image, 0.5).flatten().tolist() == [1.0, 3.0]
    assert augment.saturation(image, 2.0).flatten().tolist() == [-2.0, 6.0]


@pytest.mark.parametrize("operation", augment.OPERATIONS)
def test_gradients_flow_through_and_are_right(operation):
    images = torch.rand(2, 2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    parameters = PARAMETERS[operation]
    assert torch.autograd.gradcheck(lambda x: augment.OPERATIONS[operation](x, *parameters), images)


@pytest.mark.parametrize("operation", augment.OPERATIONS)
def test_images_are_not_written(operation):
    images = torch.rand(2, 3, 6, 6)
    before = images.clone()
    changed = augment.OPERATIONS[operation](images, *PARAMETERS[operation])
    assert torch.equal(images, before)
    assert not torch.equal(changed, before)


@few
@given(strategy=st.sampled_from(sorted(STRATEGIES)), shape=SHAPES, seed=st.integers(0, 10_000))
def test_one_draw_does_the_same_to_every_image(strategy, shape, seed):
    drawn = augment.draw(strategy, generator(seed), shape)
    images = torch.randn(3, *shape, generator=torch.Generator().manual_seed(seed))
    together = augment.apply(images, drawn)
    apart = torch.cat([augment.apply(image[None], drawn) for image in images])
    assert together.shape == images.shape
    torch.testing.assert_close(together, apart)


def drawn_for_each(operation: str, seed: int, shape: tuple[int, int, int], images: int) -> tuple:
    """Parameters drawn for each image, the sizes of holes too."""
    drawn = augment.DRAWS[operation](generator(seed), *shape[1:], images)
    if operation == "cutout":
        sizes = generator(seed, "sizes")
        drawn = (*drawn[:2], *(torch.randint(1, side + 1, (images,), generator=sizes) for side in shape[1:]))
    return drawn


@pytest.mark.parametrize("operation", augment.OPERATIONS)
@few
@given(shape=SHAPES, images=st.integers(1, 6), seed=st.integers(0, 10_000))
def test_parameters_for_each_image_do_what_numbers_do_image_by_image(operation, shape, images, seed):
    parameters = drawn_for_each(operation, seed, shape, images)
    batch = torch.randn(images, *shape, generator=generator(seed, "images"))
    operate = augment.OPERATIONS[operation]
    together = operate(batch, *parameters)
    rows = [[p[i].item() for p in parameters] for i in range(images)]
    if operation in EXACT:
        # the whole batch each time: how a mean over pixels is summed may hang on the size of the batch
        assert torch.equal(together, torch.stack([operate(batch, *row)[i] for i, row in enumerate(rows)]))
    apart = torch.cat([operate(image[None], *row) for image, row in zip(batch, rows, strict=True)])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("operation", augment.OPERATIONS)
def test_gradients_are_right_with_parameters_for_each_image(operation):
    images = torch.rand(3, 2, 6, 5, dtype=torch.float64, generator=generator(0)).requires_grad_()
    parameters = drawn_for_each(operation, 1, (2, 6, 5), 3)
    assert torch.autograd.gradcheck(lambda x: augment.OPERATIONS[operation](x, *parameters), images)


@few
@given(
    strategy=st.sampled_from(sorted(STRATEGIES)), shape=SHAPES, images=st.integers(1, 6), seed=st.integers(0, 10_000)
)
def test_a_draw_for_each_image_does_what_its_rows_do(strategy, shape, images, seed):
    drawn = augment.draw(strategy, generator(seed), shape, images)
    batch = torch.randn(images, *shape, generator=generator(seed, "images"))
    together = augment.apply(batch, drawn)
    rows = [
        augment.Draw(
            tuple(
                (name, tuple(p[i].item() if torch.is_tensor(p) else p for p in values)) for name, values in drawn.steps
            )
        )
        for i in range(images)
    ]
    apart = torch.cat([augment.apply(image[None], row) for image, row in zip(batch, rows, strict=True)])
    assert (together.shape, together.dtype) == (batch.shape, batch.dtype)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("operation", augment.DRAWS)
def test_images_get_parameters_of_their_own_within_the_range_of_shared_ones(operation):
    shape, images = (32, 28), 400
    each = augment.DRAWS[operation](generator(0, "each"), *shape, images)
    g = generator(0, "shared")
    shared = list(zip(*(augment.DRAWS[operation](g, *shape) for _ in range(images)), strict=True))
    for ours, theirs in zip(each, shared, strict=True):
        if not torch.is_tensor(ours):
            assert {ours} == set(theirs)
            continue
        assert (ours.shape, ours.device.type) == ((images,), "cpu")
        theirs = torch.tensor(theirs, dtype=torch.float64)
        spread = max(theirs.std().item(), 0.1)
        assert ours.double().mean().item() == pytest.approx(theirs.mean().item(), abs=0.3 * spread)
        assert ours.double().std().item() == pytest.approx(theirs.std().item(), rel=0.15)
        assert ours.min().item() == pytest.approx(theirs.min().item(), abs=0.1 * spread)
        assert ours.max().item() == pytest.approx(theirs.max().item(), abs=0.1 * spread)


def test_one_operation_is_picked_for_the_whole_batch_the_same_as_for_a_shared_draw():
    for seed in range(20):
        each = augment.draw("siamese", generator(seed), (3, 8, 8), images=4)
        shared = augment.draw("siamese", generator(seed), (3, 8, 8))
        assert [name for name, _ in each.steps] == [name for name, _ in shared.steps]


def test_a_draw_for_another_number_of_images_is_refused():
    drawn = augment.draw("siamese", generator(0), (1, 8, 8), images=3)
    with pytest.raises(ValueError, match="made for 3 images, got 1"):
        augment.apply(torch.rand(1, 1, 8, 8), drawn)


def test_shared_draws_stay_the_numbers_they_were():
    pinned = {
        0: (("flip", (True,)),),
        1: (("scale", (0.9586902598539988, 1.1870942950248717)),),
        2: (("crop", (-3, 4)),),
        4: (("rotate", (-0.0966678165606705,)),),
        5: (("cutout", (29, 7, 16, 14)),),
        16: (
            ("brightness", (-0.029477417469024658,)),
            ("saturation", (0.6155576705932617,)),
            ("contrast", (0.9126042723655701,)),
        ),
    }
    for seed, steps in pinned.items():
        assert augment.draw("siamese", generator(seed, "pin"), (3, 32, 28)).steps == steps


@few
@given(shape=SHAPES, seed=st.integers(0, 10_000))
def test_draws_stay_within_the_published_strengths(shape, seed):
    _, height, width = shape
    draws = {name: draw(generator(seed, name), height, width) for name, draw in augment.DRAWS.items()}
    assert abs(draws["brightness"][0]) <= 0.5
    assert 0 <= draws["saturation"][0] <= 2
    assert 0.5 <= draws["contrast"][0] <= 1.5
    assert abs(draws["crop"][0]) <= height / 8 + 0.5
    assert abs(draws["crop"][1]) <= width / 8 + 0.5
    row, column, tall, wide = draws["cutout"]
    assert (tall, wide) == ((height + 1) // 2, (width + 1) // 2)
    assert 0 <= row <= height
    assert 0 <= column <= width
    assert all(1 / 1.2 <= factor <= 1.2 for factor in draws["scale"])
    assert abs(draws["rotate"][0]) <= math.radians(15)


@pytest.mark.parametrize(("side", "hole", "last"), [(28, 14, 28), (10, 5, 9)])
def test_crops_and_holes_reach_every_place_they_should(side, hole, last):
    # an eighth of the side, rounded half up: 28 → 4 and 10 → 1; a hole of even size has one place more
    g, shift = generator(0, "places"), {28: 4, 10: 1}[side]
    crops = {augment.DRAWS["crop"](g, side, side)[0] for _ in range(300)}
    holes = [augment.DRAWS["cutout"](g, side, side) for _ in range(500)]
    assert crops == set(range(-shift, shift + 1))
    assert {row for row, *_ in holes} == set(range(last + 1))
    assert {size for *_, size in holes} == {hole}


def test_equal_generators_draw_equally_and_others_do_not():
    drawn = [augment.draw("siamese", generator(seed), (3, 32, 32)) for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


def test_none_is_the_identity():
    images = torch.rand(2, 1, 8, 8)
    assert augment.apply(images, augment.draw("none", generator(0), (1, 8, 8))) is images


def test_operations_are_picked_evenly_and_digits_are_never_flipped():
    g = generator(0, "pick")
    picked = collections.Counter(augment.draw("siamese-no-flip", g, (1, 28, 28)).steps[0][0] for _ in range(1000))
    assert set(picked) == {"brightness", "crop", "cutout", "scale", "rotate"}
    assert all(140 < n < 260 for n in picked.values())


def test_flip_is_drawn_about_half_of_the_time():
    g = generator(0, "flip")
    assert 400 < sum(augment.DRAWS["flip"](g, 8, 8)[0] for _ in range(1000)) < 600


def test_colour_is_brightness_then_saturation_then_contrast():
    g = generator(0, "colour")
    steps = next(
        d.steps for _ in range(100) if (d := augment.draw("siamese", g, (3, 8, 8))).steps[0][0] == "brightness"
    )
    assert [name for name, _ in steps] == ["brightness", "saturation", "contrast"]


def test_unknown_strategy_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'siamese'"):
        augment.draw("siamse", generator(0), (1, 8, 8))


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    augment.apply(torch.rand(2, 3, 8, 8, generator=generator(0)), augment.draw("siamese", generator(0), (3, 8, 8)))
    assert torch.equal(torch.get_rng_state(), before)
