"""Backpropagation through the last steps of a training: reference numbers, arithmetic by hand, finite differences."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import published
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddcore.ops import train, unroll
from ddcore.ops.optimisers import SGD, Adam

RULES: dict[str, tuple[Any, float]] = {
    "sgd": (SGD(), 0.1), "sgdm": (SGD(0.9, 5e-4), 0.05), "adam": (Adam(), 0.01),
}
BOTH = pytest.mark.parametrize("recompute", [False, True], ids=["plain", "recompute"])


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).double()


def conv() -> nn.Module:
    """Two blocks of convolution, instance normalisation, ReLU and average pooling, then a linear layer."""
    layers = OrderedDict[str, nn.Module]()
    for block, channels in enumerate((1, 4)):
        layers[f"conv{block}"] = nn.Conv2d(channels, 4, 3, padding=1)
        layers[f"norm{block}"] = nn.GroupNorm(4, 4, eps=1e-5)
        layers[f"relu{block}"], layers[f"pool{block}"] = nn.ReLU(), nn.AvgPool2d(2)
    layers["flat"], layers["linear"] = nn.Flatten(), nn.Linear(16, 3)
    return nn.Sequential(layers).double()


def reference(net: str, rule: str, before: int, recompute: bool) -> tuple[dict[str, Any], Tensor, Tensor, Tensor]:
    """(the stored numbers; our loss, gradient wrt the images, first parameter at the end)."""
    stored = published.arrays("bptt")
    student = unroll.Student({"linear": linear, "conv": conv}[net]())
    begin = [torch.from_numpy(stored[name]) for name in stored if name.startswith(f"{net}_p")]
    x = torch.from_numpy(stored["x_syn"]).requires_grad_()
    y, real, classes = (torch.from_numpy(stored[name]) for name in ("y_syn", "x_real", "y_real"))
    ends: list[Tensor] = []

    def loss(reached: tuple[Tensor, ...]) -> Tensor:
        ends.append(reached[0].detach())
        return F.cross_entropy(student.logits(reached, real), classes)

    optimiser, lr = RULES[rule]
    value, (gradient,) = unroll.windowed(student, begin, optimiser, lambda i: lr, lambda i: (x, y), before, 3, loss,
                                         [x], recompute)
    return stored, value, gradient, ends[-1]


@BOTH
@pytest.mark.parametrize("before", [0, 4])
@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("net", ["linear", "conv"])
def test_loss_gradient_and_end_are_the_reference_ones(net: str, rule: str, before: int, recompute: bool) -> None:
    stored, loss, gradient, end = reference(net, rule, before, recompute)
    case, exact = f"{net}_{rule}_T{before}_W3", rule != "adam"
    assert loss.item() == pytest.approx(float(stored[f"loss_{case}"]), rel=1e-10)
    assert published.relative_error(end, stored[f"final0_{case}"]) < 1e-10
    # Adam's first step is g/(|g| + ε): through it a gradient passes only by way of ε.
    assert published.relative_error(gradient, stored[f"grad_{case}"]) < (1e-10 if exact else 1e-5)
    if exact:  # the unrolling library that the published code uses; its Adam has ε in another place
        assert published.relative_error(gradient, stored[f"grad_higher_{case}"]) < 1e-10


@BOTH
def test_a_linear_network_whose_gradient_can_be_written_down(recompute: bool) -> None:
    # One feature, weight w of two classes (w, −w) and no bias, so logits ±w·x and p = σ(2wx) for class 0. Steps of SGD
    # on x = 2 of class 0 with η = ½: w' = w + ½·(1 − p)·x. Two of them from w = 0, the first a constant:
    #     w₁ = ½·½·2 = ½;  w₂ = w₁ + ½·(1 − σ(2·w₁·x))·x.
    # Real image r = 1 of class 0: L = −log σ(2·w₂), so dL/dw₂ = −2·(1 − σ(2·w₂)), and with s = σ(2·w₁·x) = σ(2)
    #     dw₂/dx = ½·(1 − s) − ½·s·(1 − s)·2·w₁·x, where w₁ does not move with x.
    x = torch.tensor([[2.0]], dtype=torch.double).requires_grad_()
    student = unroll.Student(nn.Linear(1, 2, bias=False).double())
    zero = torch.zeros((), dtype=torch.double)
    loss, (gradient,) = unroll.windowed(
        student, [torch.zeros(2, 1, dtype=torch.double)], SGD(), lambda i: 0.5, lambda i: (x, torch.tensor([0])), 1, 1,
        lambda reached: F.cross_entropy(student.logits(reached, torch.ones(1, 1).double()), torch.tensor([0])), [x],
        recompute,
    )
    w1, at = 0.5, 2.0
    s = (zero + 2 * w1 * at).sigmoid()
    w2 = w1 + 0.5 * (1 - s) * at
    off = 1 - (2 * w2).sigmoid()
    by_hand = -2 * off * (0.5 * (1 - s) - 0.5 * s * (1 - s) * 2 * w1 * at)
    assert loss.item() == pytest.approx(-(1 - off).log().item(), rel=1e-12)
    assert gradient.item() == pytest.approx(by_hand.item(), rel=1e-12)


@BOTH
@pytest.mark.parametrize("rule", list(RULES))
def test_the_gradient_is_the_slope_of_the_loss_where_the_steps_before_are_held(rule: str, recompute: bool) -> None:
    g = torch.Generator().manual_seed(3)
    student, (optimiser, lr) = unroll.Student(conv()), RULES[rule]
    begin = [0.3 * torch.randn(p.shape, generator=g, dtype=torch.double) for p in conv().parameters()]
    images, real = (torch.randn(n, 1, 8, 8, generator=g, dtype=torch.double) for n in (6, 9))
    y, classes = torch.arange(6) % 3, torch.arange(9) % 3
    direction = torch.randn(images.shape, generator=g, dtype=torch.double)

    def run(moved: float) -> tuple[float, float]:
        """Loss and slope along the direction, the images of the window moved along it, those before left."""
        x = (images + moved * direction).requires_grad_()
        loss, (gradient,) = unroll.windowed(
            student, begin, optimiser, lambda i: lr / (1 + i),
            lambda i: ((images if i < 2 else x)[i % 2 : 5], y[i % 2 : 5]), 2, 3,
            lambda reached: F.cross_entropy(student.logits(reached, real), classes), [x], recompute,
        )
        return loss.item(), (gradient * direction).sum().item()

    slope = (run(1e-6)[0] - run(-1e-6)[0]) / 2e-6
    assert run(0.0)[1] == pytest.approx(slope, rel=1e-5)
    assert abs(slope) > 1e-4


@BOTH
def test_a_weight_that_never_has_a_gradient_leaves_adams_finite(recompute: bool) -> None:
    x = torch.tensor([[1.0, 0.0]], dtype=torch.double).requires_grad_()
    student = unroll.Student(nn.Linear(2, 2, bias=False).double())
    _, (gradient,) = unroll.windowed(
        student, [torch.zeros(2, 2, dtype=torch.double)], Adam(), lambda i: 0.1, lambda i: (x, torch.tensor([0])), 1, 2,
        lambda reached: F.cross_entropy(student.logits(reached, torch.ones(1, 2).double()), torch.tensor([0])), [x],
        recompute,
    )
    assert gradient.isfinite().all()


def test_steps_of_sgd_are_those_of_every_other_training() -> None:
    g = torch.Generator().manual_seed(0)
    parameters = tuple(torch.randn(shape, generator=g) for shape in ((3, 2), (4,)))
    rule, twins = SGD(0.9, 0.01), [p.clone() for p in parameters]
    memory, velocity = rule.memory(parameters), [torch.zeros_like(p) for p in parameters]
    for number in range(4):
        gradient = [torch.randn(p.shape, generator=g) for p in parameters]
        parameters, memory = rule.step(parameters, gradient, memory, number, 0.05)
        train.sgd_step(twins, gradient, velocity, 0.05, 0.9, 0.01)
    for ours, twin in zip(parameters, twins, strict=True):
        torch.testing.assert_close(ours, twin)


def test_lamb_moves_each_tensor_by_a_share_of_its_length() -> None:
    g = torch.Generator().manual_seed(0)
    parameters = (torch.randn(5, generator=g), 10 * torch.randn(7, generator=g), torch.zeros(3))
    gradient = [torch.randn(p.shape, generator=g) for p in parameters]
    rule = Adam(trust=True)
    moved, _ = rule.step(parameters, gradient, rule.memory(parameters), 0, 0.01)
    for before, after in zip(parameters[:2], moved, strict=False):
        assert (after - before).norm().item() == pytest.approx(0.01 * before.norm().item(), rel=1e-4)
    torch.testing.assert_close(moved[2], -0.01 * gradient[2].sign())  # no length: a plain step of Adam
