"""DM against the published numbers and its algorithm box."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ops import published
from test_every_method import _task_and_state, config

from ddcore.data import DATASETS
from ddcore.methods import Task, dm, matching
from ddcore.methods.matching import MatchingState
from ddcore.ops import acceleration, augment, losses, nets, seeds

NORMS = ("batch", "instance")


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def fresh(**changes: Any) -> tuple[Task, MatchingState]:
    task, _ = _task_and_state("dm")
    task = Task(config("dm", **changes), task.data, task.device)
    return task, dm.METHOD.start(task)


def looking(network: nets.Net, **changes: Any) -> tuple[Task, MatchingState]:
    """A task, and a state that looks through this network."""
    task, state = fresh(**changes)
    state.network, state.look = network, dm.looks(task.config, network)
    return task, state


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("exact", [False, True])
def test_loss_and_gradient_are_the_published_ones(norm: str, exact: bool) -> None:
    stored = published.arrays("dm_loss")
    net = nets.build("convnet3", (1, 28, 28), 10, {"width": 16, "norm": norm})
    published.set_weights(net, stored["weight_seed"])
    real, syn = (published.sorted_by_class(stored[name]) for name in ("real", "syn"))
    syn.requires_grad_()
    task, state = looking(net, norm=norm)
    task.speed.exact = exact
    with torch.no_grad():
        (target,) = matching.seen(task, state, real)
    loss = losses.feature_loss(target, *matching.seen(task, state, syn), 10)
    (gradient,) = torch.autograd.grad(loss, syn)
    assert loss.item() == pytest.approx(float(stored[f"loss_{norm}norm"]), rel=published.LOSS)
    assert published.relative_error(gradient, stored[f"grad_{norm}norm"]) < published.GRADIENT


@pytest.mark.parametrize(("norm", "strategy"), [("batch", "none"), ("instance", "siamese-no-flip")])
def test_a_step_is_momentum_descent_in_a_network_drawn_for_it(norm: str, strategy: str) -> None:
    task, state = fresh(lr_img=0.3, momentum_img=0.8, norm=norm, augment=strategy)
    c, expected, velocity = task.config, state.images.clone(), torch.zeros_like(state.images)
    for number in range(3):
        state.step = number
        images = expected.clone().requires_grad_()
        network = nets.build(
            c.network, c.shape, 10, c.network_options(), generator=task.generator("network", number)
        )
        real = task.data.sample(c.batch_real, task.generator("real", number))
        real, syn = changed_by_class(strategy, task.generator("siamese", number), real, images)
        loss = losses.feature_loss(network.embed(real), network.embed(syn), 10)
        (gradient,) = torch.autograd.grad(loss, images)
        velocity = 0.8 * velocity + gradient
        expected = expected - 0.3 * velocity
        recorded = dm.step(task, state)
        assert recorded["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
        assert recorded["grad_norm"].item() == pytest.approx(gradient.norm().item(), rel=1e-3)
        torch.testing.assert_close(state.images, expected, rtol=1e-3, atol=1e-4)


def changed_by_class(
    strategy: str, draws: torch.Generator, real: torch.Tensor, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both batches, sorted by class, augmented with a draw for each class that they share."""
    both = []
    for theirs, ours in zip(real.chunk(10), images.chunk(10), strict=True):
        drawn = augment.draw(strategy, draws, real.shape[1:])
        both.append((augment.apply(theirs, drawn), augment.apply(ours, drawn)))
    return torch.cat([theirs for theirs, _ in both]), torch.cat([ours for _, ours in both])


def test_real_and_synthetic_images_of_a_class_share_their_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(matching, "seen", lambda task, state, images: seen.append(images) or (images.flatten(1),))
    task, state = fresh(augment="siamese", ipc=1, batch_real=1)
    same = task.data.sample(1, task.generator("real", 0))
    state.images = same.clone()
    dm.step(task, state)
    real, syn = seen
    assert torch.equal(real, syn)
    assert not torch.equal(real, same)


def test_images_come_nearer_to_the_real_ones_in_a_network_that_they_never_saw() -> None:
    task, state = fresh(init="noise", num_iters=30, batch_real=32, width=16, lr_img=5)
    c, start = task.config, state.images.clone()
    other = nets.build(c.network, c.shape, 10, c.network_options(), generator=seeds.generator(99))
    real = task.data.sample(100, seeds.generator(98))
    for number in range(30):
        state.step = number
        dm.step(task, state)
    before, after = (losses.feature_loss(other.embed(real), other.embed(x), 10) for x in (start, state.images))
    assert after < before / 2


@pytest.mark.parametrize("norm", ["instance", "group", "layer", "none"])
def test_images_embedded_in_pieces_are_those_embedded_at_once(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 8, "norm": norm})
    real = torch.randn(23, 1, 8, 8, generator=seeds.generator(0))
    whole = network.embed(real)
    task, state = looking(network, norm=norm)
    sizes = embedded_sizes(network, monkeypatch)
    monkeypatch.setattr(acceleration, "CACHED", 5 * 8 * 12 * 12)  # five images' largest maps: 8 pixels padded to 12
    (pieces,) = matching.seen(task, state, real)
    torch.testing.assert_close(pieces, whole)
    assert sizes == [5, 5, 5, 5, 3]


def test_batch_normalisation_sees_all_classes_at_once_real_and_synthetic_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "CACHED", 1)
    task, state = fresh(norm="batch", ipc=2, batch_real=4)
    sizes = embedded_sizes(state.network, monkeypatch)
    dm.step(task, state)
    assert sizes == [40, 20]
    assert state.network.training


def embedded_sizes(network: nets.Net, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the size of every batch that the network embeds from now on."""
    sizes: list[int] = []
    embed = network.embed
    monkeypatch.setattr(network, "embed", lambda images: sizes.append(len(images)) or embed(images))
    return sizes


@pytest.mark.parametrize(("ipc", "lr"), [(1, 1), (99, 1), (100, 10), ("100", 10), (100.0, 10)])
def test_a_rate_left_out_is_the_published_one_for_this_many_images(ipc: Any, lr: float) -> None:
    assert dm.DMConfig.build({"dataset": "mnist", "ipc": ipc}).lr_img == lr
    assert dm.DMConfig.build({"dataset": "mnist", "ipc": ipc, "lr_img": 3}).lr_img == 3


def test_the_rate_says_that_it_follows_the_number_of_images() -> None:
    rate = dm.DMConfig.param("lr_img")
    assert rate.optional
    assert rate.follows == ("ipc",)


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_paper_preset_is_the_published_setting(dataset: str) -> None:
    values = dm.METHOD.preset("paper").for_dataset(dataset)
    paper = dm.DMConfig.build(values)
    assert (paper.num_iters, paper.batch_real, paper.momentum_img, paper.init) == (20_000, 256, 0.5, "real")
    assert paper.augment == DATASETS[dataset].augment
    assert paper.lr_img == 1
    assert dm.DMConfig.build({**values, "ipc": 100}).lr_img == 10


def test_the_cost_counts_every_pass() -> None:
    counted = dm.DMConfig.build({"dataset": "mnist", "num_iters": 300, "batch_real": 64, "ipc": 10})
    assert dm.cost(counted, 7, 10) == 300 * (640 + 2 * 100) * 7


@pytest.mark.parametrize("distance", ["characteristic", "mmd"])
def test_another_distance_is_summed_over_classes_and_drawn_anew_for_each(distance: str) -> None:
    task, state = fresh(distance=distance, ipc=2)
    c, images = task.config, state.images.clone().requires_grad_()
    network = nets.build(c.network, c.shape, 10, c.network_options(), generator=task.generator("network", 0))
    real = network.embed(task.data.sample(c.batch_real, task.generator("real", 0))).detach()
    draws, syn, loss = task.generator("frequencies", 0), network.embed(images), torch.zeros(())
    for theirs, ours in zip(real.chunk(10), syn.chunk(10), strict=True):
        if distance == "mmd":
            loss = loss + losses.kernel_mmd(theirs, ours)
        else:
            loss = loss + losses.characteristic_loss(theirs, ours, torch.randn(4096, real.shape[1], generator=draws))
    (gradient,) = torch.autograd.grad(loss, images)
    before = state.images.clone()
    told = dm.step(task, state)
    assert told["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    # The root in the distance of characteristic functions magnifies rounding: the layouts differ by that.
    assert (before - state.images - c.lr_img * gradient).norm() < 0.01 * (c.lr_img * gradient).norm()


def test_the_mean_is_the_question_that_runs_always_asked_and_others_are_other_questions() -> None:
    plain = dm.DMConfig.build({"dataset": "mnist"})
    assert plain == plain.replace(distance="mean")
    assert "distance" not in plain.key_values()
    assert plain.replace(distance="mmd").key_values()["distance"] == "mmd"
