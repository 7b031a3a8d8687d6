"""Spatial attention maps."""

from __future__ import annotations

import math

import numpy as np
import published
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from ddcore.ops.attention import attention
from ddcore.ops.nets import build


def test_one_pixel_one_power_by_hand():
    # channels (3, −1) and (0, 4) at two positions, p = 2: sums 3² + 0² = 9 and 1² + 4² = 17
    features = torch.tensor([[[[3.0, -1.0]], [[0.0, 4.0]]]])
    length = math.hypot(9, 17)
    assert attention(features, 2)[0].tolist() == pytest.approx([9 / length, 17 / length])


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 4])
def test_maps_are_those_of_a_plain_loop(p):
    features = torch.randn(3, 4, 2, 5, generator=torch.Generator().manual_seed(0))
    expected = np.zeros((3, 10))
    for n in range(3):
        for h in range(2):
            for w in range(5):
                expected[n, h * 5 + w] = sum(abs(float(features[n, c, h, w])) ** p for c in range(4))
        expected[n] /= math.sqrt(sum(expected[n] ** 2))
    np.testing.assert_allclose(attention(features, p).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("p", [1, 4])
def test_maps_of_real_digits_are_the_published_ones(p):
    stored = published.arrays("datadam_loss")
    net = build("convnet3", (1, 28, 28), 10, {"width": 16})
    published.set_weights(net, stored["weight_seed"])
    with torch.no_grad():
        maps, _ = net.maps(published.sorted_by_class(stored["real"]))
    for layer in range(2):
        theirs = stored[f"attention_real_layer{layer}_p{p}_instancenorm"]
        np.testing.assert_allclose(attention(maps[layer], p).numpy(), theirs, rtol=1e-4, atol=1e-6)


@few
@given(scale=st.floats(1e-2, 1e3), p=st.sampled_from([1.0, 2.0, 3.0, 4.0]), seed=st.integers(0, 100))
def test_scale_of_the_features_makes_no_difference(scale, p, seed):
    features = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(attention(features * scale, p), attention(features, p), rtol=1e-4, atol=1e-6)


@few
@given(p=st.floats(1, 4), seed=st.integers(0, 100))
def test_every_map_has_length_one(p, seed):
    features = torch.randn(4, 3, 5, 2, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(attention(features, p).norm(dim=1), torch.ones(4))


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 4])
def test_dead_layer_gives_a_zero_map_and_finite_gradients(p):
    features = torch.zeros(2, 3, 4, 4, requires_grad=True)
    maps = attention(features, p)
    maps.sum().backward()
    assert not maps.any()
    assert torch.isfinite(features.grad).all()


def test_half_precision_does_not_overflow():
    features = torch.full((1, 2, 2, 2), 100.0, dtype=torch.float16)  # 100⁴ is far above what float16 holds
    maps = attention(features, 4)
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps, torch.full((1, 4), 0.5))


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 4])
def test_gradient_is_the_slope(p):
    g = torch.Generator().manual_seed(1)
    features, direction, weights = (torch.randn(s, generator=g) for s in ((2, 2, 3, 3), (2, 2, 3, 3), (2, 9)))
    features = (features + features.sign()).requires_grad_()  # away from the kink of |f|
    (attention(features, p) * weights).sum().backward()
    step = 1e-2 * direction
    with torch.no_grad():
        change = (attention(features + step, p) - attention(features - step, p)) * weights
    assert float((features.grad * direction).sum()) == pytest.approx(float(change.sum()) / 2e-2, rel=1e-2)
