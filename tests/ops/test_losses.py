"""The DataDAM and feature-mean losses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import published
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from ddcore.ops import losses
from ddcore.ops.attention import attention
from ddcore.ops.nets import Net, build

NORMS = ("batch", "instance")


def reference_net(stored: dict, norm: str) -> Net:
    net = build("convnet3", (1, 28, 28), 10, {"width": 16, "norm": norm})
    published.set_weights(net, stored["weight_seed"])
    return net  # train mode: batch normalisation takes the statistics of the joint batch


def attention_loss(real: Sequence[torch.Tensor], syn: Sequence[torch.Tensor], classes: int, p: float) -> torch.Tensor:
    """The attention loss of each layer, from its maps of real and of synthetic images."""
    return losses.attention_distance([attention(m, p) for m in real], [attention(m, p) for m in syn], classes)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("p", [1, 2, 4])
def test_datadam_loss_and_gradient_are_the_published_ones(p, norm):
    stored = published.arrays("datadam_loss")
    case = f"p{p}_{norm}norm"
    net = reference_net(stored, norm)
    syn = published.sorted_by_class(stored["syn"]).requires_grad_()
    with torch.no_grad():
        real_maps, real_features = net.maps(published.sorted_by_class(stored["real"]))
    syn_maps, syn_features = net.maps(syn)

    layers = attention_loss(real_maps[:-1], syn_maps[:-1], 10, p)
    output = 100 * float(stored["task_balance"]) * losses.feature_loss(real_features, syn_features, 10)
    total = layers.sum() + output
    total.backward()

    assert layers.tolist() == pytest.approx(stored[f"per_layer_{case}"].tolist(), rel=published.LOSS)
    assert layers.sum().item() == pytest.approx(float(stored[f"attention_loss_{case}"]), rel=published.LOSS)
    assert output.item() == pytest.approx(float(stored[f"output_loss_{case}"]), rel=published.LOSS)
    assert total.item() == pytest.approx(float(stored[f"total_loss_{case}"]), rel=published.LOSS)
    assert published.relative_error(syn.grad, stored[f"grad_{case}"]) < published.GRADIENT


@pytest.mark.parametrize("norm", NORMS)
def test_dm_loss_and_gradient_are_the_published_ones(norm):
    stored = published.arrays("dm_loss")
    net = reference_net(stored, norm)
    syn = published.sorted_by_class(stored["syn"]).requires_grad_()
    loss = losses.feature_loss(net.embed(published.sorted_by_class(stored["real"])), net.embed(syn), 10)
    loss.backward()
    assert loss.item() == pytest.approx(float(stored[f"loss_{norm}norm"]), rel=published.LOSS)
    assert published.relative_error(syn.grad, stored[f"grad_{norm}norm"]) < published.GRADIENT


def test_feature_loss_by_hand():
    real = torch.tensor([[0.0, 0.0], [2.0, 4.0], [1.0, 1.0], [1.0, 1.0]])  # class means (1, 2) and (1, 1)
    syn = torch.tensor([[0.0, 0.0], [1.0, 3.0]])  # one image a class: differences (1, 2) and (0, −2)
    assert losses.feature_loss(real, syn, 2).item() == pytest.approx(1 + 4 + 0 + 4)


def test_attention_loss_by_hand():
    # one class, one channel, two positions, p = 1. Real maps (1, 0) and (0, 1): mean (.5, .5). Synthetic (3, 4)/5.
    real = torch.tensor([[[[7.0, 0.0]]], [[[0.0, 2.0]]]])
    syn = torch.tensor([[[[3.0, 4.0]]]])
    expected = 100 * ((0.5 - 0.6) ** 2 + (0.5 - 0.8) ** 2)
    assert attention_loss([real], [syn], 1, 1).tolist() == pytest.approx([expected])


def test_class_means_by_hand():
    x = torch.tensor([1.0, 3.0, 10.0, 20.0])[:, None]
    assert losses.class_means(x, 2).tolist() == [[2.0], [15.0]]


@pytest.mark.parametrize("images", [0, 5])
def test_uneven_batch_is_refused_with_both_numbers(images):
    with pytest.raises(ValueError, match=f"each of 2 classes, got {images} images"):
        losses.class_means(torch.zeros(images, 3), 2)


@few
@given(classes=st.integers(1, 4), n=st.integers(1, 4), p=st.sampled_from([1.0, 2.0, 4.0]), seed=st.integers(0, 99))
def test_losses_of_a_set_with_itself_are_zero(classes, n, p, seed):
    maps = torch.randn(classes * n, 2, 3, 3, generator=torch.Generator().manual_seed(seed))
    assert attention_loss([maps, maps], [maps, maps], classes, p).tolist() == [0.0, 0.0]
    assert losses.feature_loss(maps.flatten(1), maps.flatten(1), classes).item() == 0.0


@few
@given(seed=st.integers(0, 99))
def test_order_within_a_class_makes_no_difference(seed):
    g = torch.Generator().manual_seed(seed)
    real, syn = torch.randn(6, 2, 3, 3, generator=g), torch.randn(4, 2, 3, 3, generator=g)
    shuffled = real[torch.tensor([2, 0, 1, 5, 3, 4])]
    torch.testing.assert_close(attention_loss([shuffled], [syn], 2, 2), attention_loss([real], [syn], 2, 2))


def test_classes_are_summed_not_averaged():
    g = torch.Generator().manual_seed(0)
    real, syn = torch.randn(6, 5, generator=g), torch.randn(4, 5, generator=g)
    apart = sum(losses.feature_loss(real[3 * c : 3 * c + 3], syn[2 * c : 2 * c + 2], 1) for c in range(2))
    torch.testing.assert_close(losses.feature_loss(real, syn, 2), apart)


def test_no_gradient_reaches_the_real_side():
    real, syn = torch.ones(2, 3, 2, 2, requires_grad=True), torch.rand(2, 3, 2, 2).requires_grad_()
    loss = attention_loss([real], [syn], 2, 2).sum() + losses.feature_loss(real.flatten(1), syn.flatten(1), 2)
    loss.backward()
    assert real.grad is None
    assert syn.grad.any()


def test_different_numbers_of_layers_are_refused():
    maps = torch.rand(2, 1, 2, 2)
    with pytest.raises(ValueError, match="shorter"):
        attention_loss([maps, maps], [maps], 1, 1)


@pytest.mark.parametrize("case", ["a5_b5", "a1_b9", "a10_b0"])
def test_the_distance_of_characteristic_functions_is_the_published_one(case):
    stored = published.arrays("ncfm_loss")
    real, syn, frequencies = (torch.from_numpy(stored[name]) for name in ("feat_real", "feat_syn", "t"))
    syn.requires_grad_()
    loss = losses.characteristic_loss(real, syn, frequencies, int(case[1 : case.index("_")]) / 10)
    (gradient,) = torch.autograd.grad(loss, syn)
    assert loss.item() == pytest.approx(float(stored[f"loss_{case}"]), rel=published.LOSS)
    assert published.relative_error(gradient, stored[f"grad_{case}"]) < published.GRADIENT


def test_characteristic_functions_of_the_same_set_have_almost_no_distance():
    real = torch.from_numpy(published.arrays("ncfm_loss")["feat_real"])
    frequencies = torch.randn(128, 64, generator=torch.Generator().manual_seed(0))
    syn = real.clone().requires_grad_()
    loss = losses.characteristic_loss(real, syn, frequencies)
    assert 0 <= loss.item() < 0.2
    assert torch.autograd.grad(loss, syn)[0].isfinite().all()


def test_the_mean_discrepancy_of_points_on_a_line_by_hand():
    # real 0 and 2: distances 0, 0, 4, 4, so σ² = 2 and mean k = (1 + e⁻²)/2; syn 1: at distance 1 of both, k = e^−½.
    real, syn = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0]]).requires_grad_()
    expected = (1 + math.exp(-2)) / 2 - 2 * math.exp(-0.5) + 1
    assert losses.kernel_mmd(real, syn).item() == pytest.approx(expected, rel=1e-6)
    assert losses.kernel_mmd(real, real).item() == pytest.approx(0, abs=1e-6)
    # At 1.5 it is pulled back: d/ds of −(e^−s²/2 + e^−(s−2)²/2) = s·e^−s²/2 + (s − 2)·e^−(s−2)²/2.
    off = torch.tensor([[1.5]]).requires_grad_()
    (slope,) = torch.autograd.grad(losses.kernel_mmd(real, off), off)
    assert slope.item() == pytest.approx(1.5 * math.exp(-1.125) - 0.5 * math.exp(-0.125), rel=1e-4)
