"""FRePo against its algorithm written plainly, its pool, and what a learnt label is for other networks."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from recording import MemoryRecorder
from test_every_method import _task_and_state, config, made

from ddcore.methods import Task, frepo
from ddcore.ops import nets, regression, seeds


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def fresh(**changes: Any) -> tuple[Task, frepo.FRePoState]:
    task, _ = _task_and_state("frepo")
    task = Task(config("frepo", **changes), task.data, task.device)
    return task, frepo.start(task)


def adam(value: torch.Tensor, gradient: torch.Tensor, moments: list[torch.Tensor], number: int) -> torch.Tensor:
    """The direction of step `number`, counted from 1; the moments change in place."""
    moments[0].mul_(0.9).add_(0.1 * gradient)
    moments[1].mul_(0.999).add_(0.001 * gradient.square())
    return moments[0] / (1 - 0.9**number) / ((moments[1] / (1 - 0.999**number)).sqrt() + 1e-8)


def zeros(like: torch.Tensor) -> list[torch.Tensor]:
    return [torch.zeros_like(like), torch.zeros_like(like)]


@pytest.mark.parametrize("learn_labels", [False, True], ids=["hard", "learnt"])
def test_a_step_is_lamb_of_the_set_and_adam_of_a_network_as_the_paper_has_them(learn_labels: bool) -> None:
    task, state = fresh(learn_labels=learn_labels, lr_img=0.02, lr_net=0.01, pool=2, max_age=3, norm="none")
    c, built = task.config, []
    x, y = state.images.clone(), torch.eye(10)[state.labels] - 0.1
    set_moments, label_moments = zeros(x), zeros(y)

    def network(*purpose: str | int) -> dict[str, Any]:
        one = nets.build(c.network, c.shape, 10, c.network_options(), task.generator("network", *purpose))
        built.append(one)
        return {"net": one, "moments": [zeros(p) for p in one.parameters()], "taken": 0}

    pool = [network("member", 0), network("member", 1)]
    ages, replaced = [0, 1], 0
    for number in range(8):
        member = int(torch.randint(2, (), generator=task.generator("draw", number)))
        net = pool[member]["net"]
        real = task.data.sample(c.batch_real, task.generator("real", number))
        classes = torch.arange(10).repeat_interleave(c.batch_real)
        leaf, soft = x.clone().requires_grad_(), y.clone().requires_grad_()
        theirs, ours = net.embed(real).detach().double(), net.embed(leaf).double()
        kernel = ours @ ours.T
        kernel = kernel + 1e-6 * kernel.trace() / 20 * torch.eye(20).double()
        off = theirs @ ours.T @ torch.linalg.solve(kernel, soft.double()) - (torch.eye(10)[classes] - 0.1)
        loss = (off.square().sum(1) / 2).mean()
        if learn_labels:
            largest = soft.sort(1, descending=True).values
            loss = loss - torch.minimum(largest[:, 0] - largest[:, 1], torch.tensor(0.1)).mean()
        to_x, to_y = torch.autograd.grad(loss, [leaf, soft])
        for value, gradient, moments in [(x, to_x, set_moments), *([(y, to_y, label_moments)] if learn_labels else [])]:
            direction = adam(value, gradient, moments, number + 1)
            value.sub_(0.02 * value.norm() / direction.norm() * direction)
        state.step = number
        told = frepo.step(task, state)
        assert told["loss"].item() == pytest.approx(loss.item(), rel=1e-3)
        assert told["grad_norm"].item() == pytest.approx(to_x.norm().item(), rel=1e-2)
        for ours_, theirs_ in ((state.images, x), (state.targets, y)):
            assert (ours_ - theirs_).norm() < 2e-3 * theirs_.norm()
        if ages[member] >= 3:
            pool[member], ages[member], replaced = network("fresh", number), 0, replaced + 1
        else:
            half = (net(state.images) - state.targets).square().sum(1).mean() / 2
            pool[member]["taken"] += 1
            gradients = torch.autograd.grad(half, list(net.parameters()))
            with torch.no_grad():
                for p, gradient, moments in zip(net.parameters(), gradients, pool[member]["moments"], strict=True):
                    p.sub_(0.01 * adam(p, gradient, moments, pool[member]["taken"]))
            ages[member] += 1
        for mine, one in zip(state.pool, pool, strict=True):
            flat = torch.nn.utils.parameters_to_vector(one["net"].parameters())
            assert (mine - flat).abs().max() < 2e-2 * 0.01 * 8 + 1e-6
        x, y = state.images.clone(), state.targets.clone()
        assert state.ages == ages
    assert replaced > 0
    assert torch.equal(y, torch.eye(10)[state.labels] - 0.1) != learn_labels


def test_networks_begin_at_staggered_ages_with_weights_of_their_own() -> None:
    _, state = fresh(pool=4, max_age=100)
    assert state.ages == [0, 25, 50, 75]
    assert state.taken == [0, 0, 0, 0]
    assert len({tuple(one.tolist()) for one in state.pool}) == 4


def test_with_no_age_every_network_is_random() -> None:
    task, state = fresh(pool=1, max_age=0)
    seen = [state.pool[0].clone()]
    for number in range(3):
        state.step = number
        frepo.step(task, state)
        seen.append(state.pool[0].clone())
    expected = nets.build("convnet3", (1, 8, 8), 10, {"width": 4}, task.generator("network", "fresh", 2))
    assert torch.equal(seen[-1], torch.nn.utils.parameters_to_vector(expected.parameters()))
    assert len({tuple(one.tolist()) for one in seen}) == 4


@pytest.mark.parametrize("classes", [2, 10, 40])
def test_labels_are_one_hot_at_first_and_probabilities_afterwards(classes: int) -> None:
    labels = torch.arange(classes)
    targets = regression.centred(labels, classes) / math.sqrt(classes / 10)
    torch.testing.assert_close(frepo.label_logits(targets).softmax(1), torch.eye(classes), atol=1e-4, rtol=0)
    moved = targets.clone()
    moved[0, 0] -= 0.3 / math.sqrt(classes / 10)
    moved[0, 1] += 0.3 / math.sqrt(classes / 10)
    assert frepo.label_logits(moved).softmax(1)[0, :2].tolist() == pytest.approx([0.7, 0.3], abs=1e-4)


@pytest.mark.parametrize("learn_labels", [False, True], ids=["hard", "learnt"])
def test_learnt_labels_are_stored_and_hard_ones_are_not(learn_labels: bool) -> None:
    recorder = MemoryRecorder()
    made("frepo", recorder, learn_labels=learn_labels, num_iters=3, lr_img=0.01)
    stored = recorder.sets["images"].label_logits
    assert frepo.METHOD.learns_labels(config("frepo", learn_labels=learn_labels)) == learn_labels
    assert (stored is not None) == learn_labels
    if stored is not None:
        assert stored.argmax(1).tolist() == recorder.sets["images"].labels.tolist()
        assert not torch.equal(stored, recorder.sets["initial"].label_logits)


def test_a_run_with_learnt_labels_goes_on_to_the_same_bits() -> None:
    whole, short = MemoryRecorder(), MemoryRecorder()
    asked = {"learn_labels": True, "max_age": 1, "lr_img": 0.01}
    made("frepo", whole, num_iters=6, **asked)
    made("frepo", short, num_iters=3, **asked)
    longer = MemoryRecorder(point=short.points[-1])
    made("frepo", longer, num_iters=6, **asked)
    assert torch.equal(longer.sets["images"].images, whole.sets["images"].images)
    assert torch.equal(longer.sets["images"].label_logits, whole.sets["images"].label_logits)


def test_regression_gets_more_real_images_right_in_a_network_that_the_set_never_saw() -> None:
    task, state = fresh(init="noise", network="mlp", width=256, lr_img=0.05, batch_real=20, pool=3, max_age=20)
    network = nets.build("mlp", (1, 8, 8), 10, {"width": 256}, seeds.generator(7))
    real, classes = task.data.sample(50, seeds.generator(9)), torch.arange(10).repeat_interleave(50)

    def right() -> float:
        with torch.no_grad():
            predicted = regression.kernel_ridge(network.embed(real), network.embed(state.images), state.targets, 1e-6)
        return (predicted.argmax(1) == classes).float().mean().item()

    at_first = right()
    for number in range(40):
        state.step = number
        frepo.step(task, state)
    assert right() > max(0.6, at_first + 0.4)
