"""BPTT against its algorithm written plainly, the published clipping, and what is refused before anything starts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from ops import published
from test_every_method import _task_and_state, config, images, made
from torch.func import functional_call
from torch.nn import functional as F

from ddcore.errors import ConfigError
from ddcore.experiments import spec
from ddcore.methods import METHODS, Task, bptt
from ddcore.ops import augment, nets, seeds

BPTT = METHODS["bptt"]


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def fresh(**changes: Any) -> tuple[Task, bptt.BPTTState]:
    task, _ = _task_and_state("bptt")
    task = Task(config("bptt", **changes), task.data, task.device)
    return task, bptt.start(task)


def path_loss(task: Task, number: int, before: int, x: torch.Tensor) -> torch.Tensor:
    """The loss on the real batch after `before` steps that are constants and W that are not, as the paper has it."""
    c, labels = task.config, torch.arange(10).repeat_interleave(task.config.ipc)
    network = nets.build(c.network, c.shape, 10, c.network_options(), task.generator("network", number))
    names, theta = zip(*((name, p.detach()) for name, p in network.named_parameters()), strict=True)
    order, changes = task.generator("batches", number), task.generator("augment", number, on="cpu")
    first, second = [torch.zeros_like(p) for p in theta], [torch.zeros_like(p) for p in theta]
    left: list[torch.Tensor] = []
    for i in range(before + c.window):
        if i <= before:
            theta = tuple(p.detach().requires_grad_() for p in theta)
            first, second = [m.detach() for m in first], [v.detach() for v in second]
        left = left or list(torch.randperm(len(x), generator=order).split(c.batch_syn))
        some = left.pop(0)
        seen = augment.apply(x[some], augment.draw(c.augment, changes, c.shape, images=len(some)))
        logits = functional_call(network, dict(zip(names, theta, strict=True)), (seen,))
        gradient = torch.autograd.grad(F.cross_entropy(logits, labels[some]), theta, create_graph=True)
        if c.inner == "adam":
            first = [0.9 * m + 0.1 * g for m, g in zip(first, gradient, strict=True)]
            second = [0.999 * v + 0.001 * g.square() for v, g in zip(second, gradient, strict=True)]
            hats = [(m / (1 - 0.9 ** (i + 1)), v / (1 - 0.999 ** (i + 1))) for m, v in zip(first, second, strict=True)]
            theta = tuple(p - c.lr_inner * m / (v.clamp(min=1e-30).sqrt() + 1e-8)
                          for p, (m, v) in zip(theta, hats, strict=True))
        else:  # the protocol quick
            first = [0.9 * m + g + 5e-4 * p for m, g, p in zip(first, gradient, theta, strict=True)]
            rate = 0.05 * (1 + math.cos(math.pi * i / 600)) / 2
            theta = tuple(p - rate * m for p, m in zip(theta, first, strict=True))
    real = task.data.sample(c.batch_real, task.generator("real", number))
    logits = functional_call(network, dict(zip(names, theta, strict=True)), (real,))
    return F.cross_entropy(logits, torch.arange(10).repeat_interleave(c.batch_real))


@pytest.mark.parametrize(
    "changes",
    [{"inner": "quick", "batch_syn": 8, "augment": "siamese-no-flip"}, {"lr_inner": 0.01, "window": 3},
     {"inner": "quick", "unroll": "recompute", "network": "mlp"}],
    ids=["protocol", "adam", "recomputed"],
)
def test_a_step_is_clipped_adam_on_the_loss_of_a_path_written_plainly(changes: dict[str, Any]) -> None:
    task, state = fresh(**{"lr_img": 0.05, "longest_path": 5, **changes})
    x, norms, usual, seen = state.images.clone(), list[float](), 0.0, set()
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    for number in range(3):
        before = int(torch.randint(task.config.longest_path - task.config.window + 1, (),
                                   generator=task.generator("before", number)))
        leaf = x.clone().requires_grad_()
        loss = path_loss(task, number, before, leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        norm = gradient.norm().item()
        usual = norm if number == 0 else 0.9 * usual + 0.1 * norm
        gradient = gradient * min(1.0, 2 * usual / (norm + 1e-6))
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient.square()
        moved = first / (1 - 0.9 ** (number + 1)) / ((second / (1 - 0.999 ** (number + 1))).sqrt() + 1e-8)
        x = x - 0.05 * moved
        state.step = number
        told = bptt.step(task, state)
        assert told["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
        assert told["grad_norm"].item() == pytest.approx(norm, rel=1e-2)
        assert told["before"].item() == before
        assert (state.images - x).norm() < 0.02 * 0.05 * (number + 1) * math.sqrt(x.numel())
        x, norms, seen = state.images.clone(), [*norms, norm], {*seen, before}
    assert len(seen) > 1


def test_clipping_is_the_published_one() -> None:
    stored = published.arrays("bptt")
    usual, scales = None, []
    for norm in torch.from_numpy(stored["ema_norms"]):
        usual = norm if usual is None else bptt.DECAY * usual + (1 - bptt.DECAY) * norm
        scales.append(bptt.clipping(norm, usual).item())
    assert scales == pytest.approx(stored["ema_scale"].tolist(), rel=1e-12)
    assert min(scales) < 1 == max(scales)


def test_paths_are_of_every_length_from_the_window_to_the_longest() -> None:
    task, _ = fresh(window=2, longest_path=6)
    assert {bptt.steps_before(task, number) for number in range(60)} == {0, 1, 2, 3, 4}


def test_noise_of_length_one_is_that() -> None:
    _, state = fresh(init="unit-noise")
    assert state.images.flatten(1).norm(dim=1).tolist() == pytest.approx([1] * 20, rel=1e-5)


def test_remembering_and_recomputing_give_the_same_images() -> None:
    plain, again = (images(made("bptt", unroll=way, lr_img=0.01, num_iters=3)) for way in ("plain", "recompute"))
    torch.testing.assert_close(plain, again, rtol=1e-3, atol=1e-4)


def test_networks_that_learn_from_the_images_get_real_ones_right_more_often() -> None:
    task, state = fresh(init="noise", network="mlp", width=32, inner="quick", window=8, longest_path=16, lr_img=0.2,
                        batch_real=20)
    real = task.data.sample(50, seeds.generator(9))
    classes = torch.arange(10).repeat_interleave(50)

    def right() -> float:
        """Of a network that the method never saw, after 16 steps."""
        network = nets.build("mlp", (1, 8, 8), 10, {"width": 32}, seeds.generator(7))
        optimiser, rate = bptt.inner(task.config, 20)
        theta = tuple(p.detach() for p in network.parameters())
        memory = optimiser.memory(theta)
        for i in range(16):
            gradient = state.student.gradient(tuple(p.requires_grad_() for p in theta), state.images.detach(),
                                              state.labels, create_graph=False)
            with torch.no_grad():
                theta, memory = optimiser.step(theta, gradient, memory, i, rate(i))
        return (state.student.logits(theta, real).argmax(1) == classes).float().mean().item()

    at_first = right()
    for number in range(30):
        state.step = number
        bptt.step(task, state)
    assert right() > max(0.6, at_first + 0.3)


@pytest.mark.parametrize(("values", "said"), [
    ({"window": 7, "longest_path": 6}, "window must be at most 6, the longest path, got 7"),
    ({"inner": "course", "ipc": 10, "longest_path": 21, "window": 5},
     "longest_path must be at most 20, the steps of course on 100 images in batches of 100, got 21"),
    ({"inner": "quick", "longest_path": 601}, "longest_path must be at most 600"),
    ({"ipc": 1, "batch_syn": 11}, "batch_syn must be at most 10, the synthetic images, got 11"),
    ({"inner": "quikc"}, "did you mean 'quick'"),
])
def test_what_cannot_run_is_refused_in_words(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        spec("distill", "bptt", {"dataset": "digits", **values})


def test_a_protocol_brings_its_batch_and_its_values_are_part_of_the_question() -> None:
    def asked(**values: Any) -> Any:
        return spec("distill", "bptt", {"dataset": "digits", "ipc": 10, "window": 5, "longest_path": 9, **values})

    assert [asked(inner=inner).config.batch_syn for inner in ("quick", "course", "adam")] == [50, 100, 100]
    assert asked(inner="quick", lr_inner=0.5).key == asked(inner="quick").key
    assert asked(lr_inner=0.5).key != asked().key
    assert asked(inner="quick").config.key_values()["training"]["lr"] == 0.05


def test_a_protocol_has_its_own_rate_at_each_step_and_adam_one() -> None:
    quick, rate = bptt.inner(config("bptt", inner="quick"), 20)
    assert (quick.momentum, quick.weight_decay) == (0.9, 5e-4)
    assert [rate(i) for i in (0, 300, 450)] == pytest.approx([0.05, 0.025, 0.025 * (1 - math.sqrt(0.5))])
    _, rate = bptt.inner(config("bptt", lr_inner=0.02), 20)
    assert (rate(0), rate(300)) == (0.02, 0.02)
