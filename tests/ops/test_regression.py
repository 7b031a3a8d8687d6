"""Kernel ridge regression and its loss: the published numbers, arithmetic by hand, finite differences."""

from __future__ import annotations

from typing import Any

import published
import pytest
import torch
from torch import Tensor

from ddcore.ops import regression


def stored() -> dict[str, Any]:
    return {name: torch.from_numpy(array) for name, array in published.arrays("frepo_loss").items()}


def loss(numbers: dict[str, Any], syn: Tensor, y: Tensor, ridge: float = 1e-6) -> Tensor:
    predicted = regression.kernel_ridge(numbers["feat_real"], syn, y, ridge)
    return regression.squared_error(predicted, numbers["target_real"])


def test_predictions_terms_and_gradients_are_the_published_ones() -> None:
    numbers = stored()
    syn, y = numbers["feat_syn"].requires_grad_(), numbers["y_syn"].requires_grad_()
    predicted = regression.kernel_ridge(numbers["feat_real"], syn, y, 1e-6)
    kernel, margin = regression.squared_error(predicted, numbers["target_real"]), regression.margin_loss(y)
    torch.testing.assert_close(predicted, numbers["pred_float64"], rtol=1e-8, atol=1e-10)
    assert kernel.item() == pytest.approx(numbers["kernel_float64"].item(), rel=1e-10)
    assert margin.item() == pytest.approx(numbers["margin_float64"].item(), rel=1e-10)
    assert (kernel + margin).item() == pytest.approx(numbers["loss_float64"].item(), rel=1e-10)
    to_syn, to_y = torch.autograd.grad(kernel + margin, [syn, y])
    assert published.relative_error(to_syn, numbers["grad_feat_syn_float64"].numpy()) < 1e-8
    assert published.relative_error(to_y, numbers["grad_y_float64"].numpy()) < 1e-8


def test_the_ridge_counts_and_images_given_twice_do_no_harm() -> None:
    numbers = stored()
    syn, y = numbers["feat_syn"], numbers["y_syn"]
    for ridge in ("1e-06", "0.001"):
        theirs = numbers[f"kernel_reg{ridge}"].item()
        assert loss(numbers, syn, y, float(ridge)).item() == pytest.approx(theirs, rel=1e-9)
    twice = loss(numbers, torch.cat([syn, syn]), torch.cat([y, y]))
    assert twice.item() == pytest.approx(numbers["kernel_duplicated"].item(), rel=1e-6)


def test_targets_are_centred_as_published() -> None:
    numbers = stored()
    torch.testing.assert_close(regression.centred(numbers["labels_real"], 10).double(), numbers["target_real"])
    torch.testing.assert_close(
        (regression.centred(torch.tensor([0, 1]), 2) / (2 / 10) ** 0.5).double(), numbers["y_init_C2"].double()
    )


def test_one_image_of_one_feature_by_hand() -> None:
    # f(syn) = x, so K = x², λ = ρ·x², P = r·x·y/(x²·(1 + ρ)) = r·y/(x·(1 + ρ)); with t the target L = ½(P − t)², so
    # dL/dx = −(P − t)·P/x and dL/dy = (P − t)·P/y.
    x, y = torch.tensor([[2.0]]).requires_grad_(), torch.tensor([[3.0]]).requires_grad_()
    value = regression.squared_error(regression.kernel_ridge(torch.tensor([[4.0]]), x, y, 0.25), torch.tensor([[1.0]]))
    predicted = 4 * 3 / (2 * 1.25)
    assert value.item() == pytest.approx((predicted - 1) ** 2 / 2)
    to_x, to_y = torch.autograd.grad(value, [x, y])
    assert to_x.item() == pytest.approx(-(predicted - 1) * predicted / 2)
    assert to_y.item() == pytest.approx((predicted - 1) * predicted / 3)


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    numbers = stored()
    g = torch.Generator().manual_seed(0)
    syn, y = numbers["feat_syn"], numbers["y_syn"]
    to_syn, to_y = (torch.randn(t.shape, generator=g, dtype=torch.double) for t in (syn, y))

    def at(moved: float) -> Tensor:
        return loss(numbers, syn + moved * to_syn, y + moved * to_y)

    moved = torch.zeros((), dtype=torch.double, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(numbers, syn + moved * to_syn, y + moved * to_y), moved)
    assert slope.item() == pytest.approx(((at(1e-6) - at(-1e-6)) / 2e-6).item(), rel=1e-6)


def test_a_margin_counts_up_to_one_over_the_classes() -> None:
    wide, narrow = torch.tensor([[0.9, -0.1]]), torch.tensor([[0.1, 0.0]])
    assert regression.margin_loss(wide).item() == pytest.approx(-0.5)
    assert regression.margin_loss(torch.cat([wide, narrow])).item() == pytest.approx(-(0.5 + 0.1) / 2)
