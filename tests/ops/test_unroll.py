"""Imitating an expert: the unrolled student, both ways through memory, and the distance that counts."""

from __future__ import annotations

import math
from typing import Any

import published
import pytest
import torch
from torch import Tensor, nn

from ddcore import counts
from ddcore.ops import unroll
from ddcore.ops.nets import build

BOTH = pytest.mark.parametrize("through", [unroll.unrolled, unroll.recomputed], ids=["plain", "recompute"])


@BOTH
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_loss_and_gradients_are_the_published_ones(through: Any, share: float) -> None:
    stored = published.arrays("pad_loss")
    network = build("convnet3", (1, 28, 28), 10, {"width": 16})
    start, target, order = (torch.from_numpy(stored[name]) for name in ("start", "target", "batch_order"))
    images = torch.from_numpy(stored["images"]).requires_grad_()
    labels = torch.from_numpy(stored["soft_label_logits"]).requires_grad_()
    loss, (to_images, to_labels, to_rate) = through(
        unroll.Student(network), start, lambda i: (images[order[i]], labels[order[i]].softmax(1)), len(order),
        torch.tensor(float(stored["syn_lr"])),
        lambda reached: unroll.matching_loss(reached, start, target, int(share * len(start)), "loss"),
        [images, labels],
    )
    case = f"drop_smallest_{share}"
    assert loss.item() == pytest.approx(float(stored[f"loss_{case}"]), rel=published.LOSS)
    assert published.relative_error(to_images, stored[f"grad_images_{case}"]) < published.GRADIENT
    assert published.relative_error(to_labels, stored[f"grad_labels_{case}"]) < published.GRADIENT
    assert to_rate.item() == pytest.approx(float(stored[f"grad_lr_{case}"]), rel=published.GRADIENT)


@BOTH
def test_two_steps_of_a_linear_model_by_hand(through: Any) -> None:
    # Two classes, one feature x = 2 of class 0, weights and biases 0, η = 1/2. First step: p = (½, ½), so
    # g_W = (−1, 1), g_b = (−½, ½): W = (½, −½), b = (¼, −¼). Second: logits ±1.25, p₀ = 1/(1 + e^−2.5) = 0.924142, so
    # W = ½ + ½·2·0.075858 and b = ¼ + ½·0.075858 for class 0, the negative for class 1.
    x, reached = torch.tensor([[2.0]]).requires_grad_(), []
    start, target = torch.zeros(4), torch.tensor([1.0, -1.0, 0.5, -0.5])

    def loss(end: Tensor) -> Tensor:
        reached.append(end.detach())
        return unroll.matching_loss(end, start, target)

    value, (to_x, to_rate) = through(
        unroll.Student(nn.Linear(1, 2)), start, lambda i: (x, torch.tensor([0])), 2, torch.tensor(0.5), loss, [x]
    )
    assert reached[0].tolist() == pytest.approx([0.575858, -0.575858, 0.287929, -0.287929], abs=1e-6)
    by_hand = (2 * (1 - 0.575858) ** 2 + 2 * (0.5 - 0.287929) ** 2) / 2.5
    assert value.item() == pytest.approx(by_hand, abs=1e-6)
    # W = 2·η·½·(1 + 2·0.075858…) moves with x through both steps; slopes by finite differences of that arithmetic.
    assert to_x.item() == pytest.approx((by_arithmetic(2 + 1e-4) - by_arithmetic(2 - 1e-4)) / 2e-4, rel=1e-4)
    slope = (by_arithmetic(2, 0.5 + 1e-4) - by_arithmetic(2, 0.5 - 1e-4)) / 2e-4
    assert to_rate.item() == pytest.approx(slope, rel=1e-4)


def by_arithmetic(x: float, rate: float = 0.5) -> float:
    """The matching loss of the linear model below after its two steps, in plain numbers."""
    w = b = 0.0  # of class 0; those of class 1 are their negatives
    for _ in range(2):
        wrong = 1 - 1 / (1 + math.exp(-2 * (w * x + b)))
        w, b = w + rate * wrong * x, b + rate * wrong
    return (2 * (1 - w) ** 2 + 2 * (0.5 - b) ** 2) / 2.5


@BOTH
def test_the_gradient_wrt_the_learning_rate_is_the_slope_of_the_loss(through: Any) -> None:
    def at(rate: float) -> tuple[float, float]:
        loss, gradients = run(through, rate=rate)
        return loss.item(), gradients[-1].item()

    slope = (at(0.1 + 1e-5)[0] - at(0.1 - 1e-5)[0]) / 2e-5
    assert at(0.1)[1] == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_recomputing_gives_the_gradients_of_remembering(norm: str) -> None:
    loss, gradients = run(unroll.unrolled, norm=norm)
    again, recomputed = run(unroll.recomputed, norm=norm)
    assert again.item() == pytest.approx(loss.item(), rel=1e-12)
    for ours, theirs in zip(recomputed, gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-15)


@pytest.mark.gpu
@BOTH
def test_a_gpu_gives_the_gradients_of_the_cpu(through: Any) -> None:
    loss, gradients = run(through)
    again, ours = run(through, device="cuda")
    assert again.item() == pytest.approx(loss.item(), rel=1e-9)
    for one, other in zip(ours, gradients, strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-6, atol=1e-12)


def test_recomputing_holds_the_maps_of_one_step_however_many_there_are() -> None:
    plain = [most_held(unroll.unrolled, steps) for steps in (2, 8)]
    recomputed = [most_held(unroll.recomputed, steps) for steps in (2, 8)]
    assert plain[1] > 3 * plain[0]
    assert recomputed[1] == pytest.approx(recomputed[0], rel=0.02)
    assert recomputed[0] < plain[0]


def test_nothing_that_is_given_changes() -> None:
    network = build("convnet3", (1, 8, 8), 3, {"width": 4, "norm": "batch"}).double()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    run(unroll.unrolled, network=network)
    run(unroll.recomputed, network=network)
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())


def test_the_loss_is_one_at_the_start_and_nothing_at_the_target() -> None:
    start, target = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 1.0, 4.0])
    assert unroll.matching_loss(start, start, target).item() == 1
    assert unroll.matching_loss(target, start, target).item() == 0
    halfway = (start + target) / 2
    assert unroll.matching_loss(halfway, start, target).item() == pytest.approx(0.25)


def test_depth_drops_the_shallowest_and_loss_the_smallest_errors() -> None:
    start, target = torch.zeros(4), torch.ones(4)
    student = torch.tensor([-1.0, 1.0, 0.5, 0.0])  # squared errors 4, 0, ¼, 1
    assert unroll.matching_loss(student, start, target).item() == pytest.approx(5.25 / 4)
    assert unroll.matching_loss(student, start, target, 2, "depth").item() == pytest.approx(1.25 / 2)
    assert unroll.matching_loss(student, start, target, 2, "loss").item() == pytest.approx(5 / 2)


def test_dropping_everything_is_refused_with_the_numbers() -> None:
    with pytest.raises(ValueError, match="4 of 4 parameters are to be dropped"):
        unroll.matching_loss(torch.ones(4), torch.zeros(4), torch.ones(4), 4)


def test_layers_are_blocks_with_their_normalisation_and_their_shares_end_at_one() -> None:
    found = unroll.layers(build("convnet3", (1, 28, 28), 10))
    assert [(name, size) for name, size, _ in found] == [
        ("block 1", 1536), ("block 2", 147_840), ("block 3", 147_840), ("classifier", 20_490)
    ]
    assert [round(share, 3) for *_, share in found] == [0.005, 0.47, 0.936, 1.0]


@pytest.mark.parametrize("name", ["convnet3", "mlp", "lenet", "alexnet", "vgg11", "resnet18"])
def test_the_layers_of_every_network_hold_all_its_parameters(name: str) -> None:
    network = build(name, (1, 8, 8), 10, {"width": 4} if name in ("convnet3", "mlp") else {})
    layers = unroll.layers(network)
    assert sum(size for _, size, _ in layers) == sum(p.numel() for p in network.parameters())
    assert layers[-1][::2] == ("classifier", 1.0)
    known = counts.layers(name, (1, 8, 8), 10, {"width": 4})
    assert known is None or known == tuple((layer, size) for layer, size, _ in layers)


def run(
    through: Any,
    steps: int = 4,
    rate: float = 0.1,
    norm: str = "instance",
    network: nn.Module | None = None,
    device: str = "cpu",
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A small convnet on nine images with soft labels, in batches of five, in double precision."""
    g = torch.Generator().manual_seed(0)
    network = (network or build("convnet3", (1, 8, 8), 3, {"width": 4, "norm": norm})).double().to(device)
    images = torch.randn(9, 1, 8, 8, generator=g, dtype=torch.double).to(device).requires_grad_()
    logits = torch.randn(9, 3, generator=g, dtype=torch.double).to(device).requires_grad_()
    start = torch.cat([p.detach().flatten() for p in network.parameters()])
    target = start + 0.05 * torch.randn(len(start), generator=g, dtype=torch.double).to(device)
    orders = [torch.randperm(9, generator=g)[:5] for _ in range(steps)]
    return through(
        unroll.Student(network), start, lambda i: (images[orders[i]], logits[orders[i]].softmax(1)), steps,
        torch.tensor(rate, dtype=torch.double, device=device),
        lambda end: unroll.matching_loss(end, start, target, len(start) // 4), [images, logits],
    )


def most_held(through: Any, steps: int) -> int:
    """Bytes that autograd holds on to at the worst moment."""
    held = most = 0

    class Kept:
        def __init__(self, tensor: Tensor) -> None:
            nonlocal held, most
            self.tensor, self.size = tensor, tensor.nbytes
            held += self.size
            most = max(most, held)

        def __del__(self) -> None:
            nonlocal held
            held -= self.size

    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        run(through, steps)
    return most
