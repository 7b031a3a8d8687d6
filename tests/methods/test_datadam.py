"""DataDAM against its algorithm box."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from test_dm import changed_by_class
from test_every_method import _task_and_state, config

from ddcore.errors import ConfigError
from ddcore.methods import Task, datadam, matching
from ddcore.ops import augment, losses
from ddcore.ops.attention import attention


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def fresh(**changes: Any) -> tuple[Task, datadam.DataDAMState]:
    task, _ = _task_and_state("datadam")
    task = Task(config("datadam", **changes), task.data, task.device)
    return task, datadam.start(task)


def by_hand(task: Task, state: datadam.DataDAMState, images: torch.Tensor, *drawn: int) -> tuple[torch.Tensor, ...]:
    """(loss, gradient wrt the images) of the image step that draws as step, inner step; from the formulas."""
    c, images = task.config, images.clone().requires_grad_()
    real = task.data.sample(c.batch_real, task.generator("real", *drawn))
    real, syn = changed_by_class(c.augment, task.generator("siamese", *drawn), real, images)
    (maps_real, f_real), (maps_syn, f_syn) = state.network.maps(real), state.network.maps(syn)
    seen_real, seen_syn = ([attention(m, c.attn_power) for m in maps[:-1]] for maps in (maps_real, maps_syn))
    distance = losses.attention_distance(seen_real, seen_syn, task.classes).sum()
    loss = distance + 100 * c.lambda_task * losses.feature_loss(f_real, f_syn, task.classes)
    return loss.detach(), torch.autograd.grad(loss, images)[0]


@pytest.mark.parametrize("strategy", ["none", "siamese-no-flip"])
def test_an_image_step_is_momentum_descent_on_the_published_loss(strategy: str) -> None:
    changes = {"lr_img": 0.3, "momentum_img": 0.8, "attn_power": 2.0, "lambda_task": 0.05, "augment": strategy}
    task, state = fresh(num_inits=2, num_iters=1, img_steps=2, net_steps=0, **changes)
    expected, velocity = state.images.clone(), torch.zeros_like(state.images)
    for number in range(2):
        state.step = number
        recorded = datadam.step(task, state)  # the network of this step is drawn now
        for inner in range(2):
            loss, gradient = by_hand(task, state, expected, number, inner)
            velocity = 0.8 * velocity + gradient
            expected = expected - 0.3 * velocity
        assert recorded["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
        torch.testing.assert_close(state.images, expected, rtol=1e-4, atol=1e-5)


def test_the_recorded_gradient_norms_are_those_of_the_two_terms() -> None:
    task, state = fresh(num_inits=1, num_iters=1)
    start = state.images.clone()
    recorded = datadam.step(task, state)
    state.images = start
    c, images = task.config, start.clone().requires_grad_()
    real = task.data.sample(c.batch_real, task.generator("real", 0, 0))
    (_, f_real), (_, f_syn) = state.network.maps(real), state.network.maps(images)
    feature = 100 * c.lambda_task * losses.feature_loss(f_real, f_syn, task.classes)
    norm = torch.autograd.grad(feature, images)[0].norm()
    assert recorded["grad_feature"].item() == pytest.approx(norm.item(), rel=1e-4)
    assert recorded["grad_attention"] > 0


def test_taking_the_gradients_apart_does_not_move_the_images_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    task, apart = fresh(num_iters=1)
    datadam.step(task, apart)
    monkeypatch.setattr(datadam, "GRADIENT_NORM_EVERY", 10**9)
    task, together = fresh(num_iters=1)
    together.step = 0
    datadam.step(task, together)
    torch.testing.assert_close(apart.images, together.images, rtol=1e-4, atol=1e-5)


def test_the_network_trains_between_iterations_but_not_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []
    monkeypatch.setattr(datadam, "train_network", lambda task, state: trained.append(state.step))
    task, state = fresh(num_inits=2, num_iters=3)
    for number in range(6):
        state.step = number
        datadam.step(task, state)
    assert trained == [0, 1, 3, 4]


def test_the_networks_training_lowers_its_loss_on_the_images_and_leaves_them_alone() -> None:
    task, state = fresh(net_steps=40, lr_net=0.05)
    images = state.images.clone()
    before = torch.nn.functional.cross_entropy(state.network(images), state.labels)
    datadam.train_network(task, state)
    after = torch.nn.functional.cross_entropy(state.network(images), state.labels)
    assert after < before
    assert torch.equal(state.images, images)


@pytest.mark.parametrize("strategy", ["none", "siamese-no-flip"])
def test_a_networks_training_is_plain_sgd_to_the_bit(strategy: str) -> None:
    task, state = fresh(net_steps=3, lr_net=0.05, batch_syn=8, augment=strategy)
    state.step = 7  # which draws otherwise than the first
    twin, order = copy.deepcopy(state.network), task.generator("inner", 7)
    changes = task.generator("inner siamese", 7)
    datadam.train_network(task, state)
    weights = list(twin.parameters())
    for _ in range(3):
        for batch in torch.randperm(20, generator=order).split(8):
            drawn = augment.draw(strategy, changes, (1, 8, 8), images=len(batch))
            x = augment.apply(state.images[batch], drawn)
            loss = torch.nn.functional.cross_entropy(twin(x), state.labels[batch])
            gradients = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                torch._foreach_add_(weights, gradients, alpha=-0.05)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(state.network.parameters(), weights, strict=True))


def test_a_new_network_is_drawn_for_every_k_and_only_then() -> None:
    task, state = fresh(num_inits=2, num_iters=2, net_steps=0)
    weights = []
    for number in range(4):
        state.step = number
        datadam.step(task, state)
        weights.append(next(state.network.parameters()).detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[2], weights[3])
    assert not torch.equal(weights[1], weights[2])


def test_real_and_synthetic_images_of_a_class_share_their_augmentation() -> None:
    task, state = fresh(augment="siamese", ipc=1)
    same = task.data.sample(1, task.generator("real", 0, 0))
    state.images = same.clone()
    real, syn = matching.siamese(task, ("siamese", 0, 0), same, state.images)
    assert torch.equal(real, syn)
    assert not torch.equal(real, same)


def test_the_network_trains_on_images_that_are_each_augmented_with_a_draw_of_their_own(monkeypatch: Any) -> None:
    task, state = fresh(augment="siamese", ipc=1, net_steps=6, batch_syn=256)
    seen = []

    def watched(images: torch.Tensor, drawn: augment.Draw) -> torch.Tensor:
        seen.append((len(images), drawn))
        return images

    monkeypatch.setattr(augment, "apply", watched)
    datadam.train_network(task, state)
    assert len(seen) == 6
    assert all(p.shape == (n,) for n, drawn in seen for _, values in drawn.steps for p in values[:2])


def test_image_steps_draw_new_real_images_each_time() -> None:
    once, twice = fresh(img_steps=1), fresh(img_steps=2)
    datadam.step(*once)
    datadam.step(*twice)
    assert not torch.equal(once[1].images, twice[1].images)


def test_matching_all_layers_adds_the_last_one() -> None:
    most, every = fresh(layers="all-but-last"), fresh(layers="all")
    assert datadam.step(*every)["loss_attention"] > datadam.step(*most)["loss_attention"]


def test_lambda_zero_leaves_attention_alone() -> None:
    recorded = datadam.step(*fresh(lambda_task=0))
    assert recorded["loss_feature"] == 0
    assert recorded["grad_feature"] == 0
    assert recorded["loss"] == recorded["loss_attention"]


def test_networks_that_leave_nothing_to_match_are_refused() -> None:
    with pytest.raises(ConfigError, match="an mlp attends to no place"):
        config("datadam", network="mlp")
    with pytest.raises(ConfigError, match="depth must be at least 2"):
        config("datadam", depth=1)
    assert config("datadam", depth=1, layers="all").depth == 1


def test_the_course_preset_is_table_1_of_the_hand_out() -> None:
    course = datadam.METHOD.preset("course")
    mnist = datadam.METHOD.Config.build(course.for_dataset("mnist")).values()
    mhist = datadam.METHOD.Config.build(course.for_dataset("mhist")).values()
    table = ("num_inits", "num_iters", "lr_img", "img_steps", "lr_net", "net_steps", "lambda_task", "ipc", "batch_real")
    assert [mnist[n] for n in table] == [100, 10, 0.1, 1, 0.01, 50, 0.01, 10, 256]
    assert [mhist[n] for n in table] == [200, 10, 0.1, 1, 0.01, 50, 0.01, 50, 128]
    assert (mnist["network"], mhist["network"]) == ("convnet3", "convnet7")


def test_the_cost_counts_every_pass_of_the_course_preset() -> None:
    course = datadam.METHOD.Config.build(datadam.METHOD.preset("course").for_dataset("mnist"))
    matching = 1000 * (2560 + 2 * 100)
    training = 100 * 9 * 50 * 100 * 3
    assert datadam.cost(course, 1, 10) == matching + training
