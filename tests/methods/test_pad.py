"""PAD: what is learnt from which piece of which expert, and what is refused before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import plain
import pytest
import torch
from recording import MemoryRecorder
from test_every_method import _task_and_state, config, images, made, parents
from torch.func import functional_call

from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import ConfigError
from ddcore.experiments import spec
from ddcore.methods import METHODS, Task, pad, students
from ddcore.ops import augment, nets, seeds, train

PAD = METHODS["pad"]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def task(**changes: Any) -> Task:
    """A task on digits with experts."""
    known, _ = _task_and_state("pad")
    asked = config("pad", **changes)
    return Task(asked, known.data, known.device, tuple(parents("pad", asked).values()))


def expert_says(one: Task, state: pad.PADState, expert: int, these: torch.Tensor) -> torch.Tensor:
    """What an expert says at its end of these images: logits."""
    student = pad.unroll.Student(state.network)
    weights = torch.from_numpy(one.parents[0].mapped("trajectories")[expert, one.config.train_epochs])
    return student.logits(student.split(weights), these).detach()


def wandering(**changes: Any) -> tuple[Task, torch.Tensor]:
    """A task on digits, and its experts (experts, epochs + 1, P): random walks, so that none has to be trained."""
    asked, data = config("pad", **changes), load("digits")
    drawn = [nets.build(asked.network, asked.shape, 10, asked.network_options(), seeds.generator(i)) for i in range(3)]
    starts = torch.stack([torch.nn.utils.parameters_to_vector(one.parameters()).detach() for one in drawn])
    strides = 0.05 * torch.randn(3, asked.train_epochs, starts.shape[1], generator=seeds.generator(9))
    walks = starts[:, None] + torch.cat([torch.zeros_like(starts[:, None]), strides.cumsum(1)], 1)
    parent = SimpleNamespace(mapped=lambda name: walks.numpy())
    return Task(asked, Resident.from_split(data.train, data, CPU), CPU, (parent,)), walks


def test_a_set_starts_with_what_the_first_expert_gets_right_and_the_labels_that_all_give_at_their_end() -> None:
    one, walks = wandering(init="correct", experts=3, network="mlp", width=16)
    data, setting = one.data, train.Setting(1, 0.1, 0.9, 0.0, "constant", 64, "none")
    experts = [nets.build("mlp", (1, 8, 8), 10, {"width": 16}, seeds.generator(i)) for i in range(3)]
    for i, expert in enumerate(experts):
        *_, (_, learnt) = plain.epochs(expert, data.batch, data.labels, setting, i, "expert")
        assert 0.2 < learnt < 0.8, "some are right and some are wrong"
        walks[i, -1] = torch.nn.utils.parameters_to_vector(expert.parameters()).detach()
    state = pad.start(one)

    def says(expert: int, images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return experts[expert](images)

    order = torch.randperm(len(data), generator=one.generator("init correct"))
    right = says(0, data.batch(order)).argmax(1) == data.labels[order]
    preferred = torch.cat([order[right], order[~right]])
    picked = torch.cat([preferred[data.labels[preferred] == label][:2] for label in range(10)])
    assert torch.equal(state.images, data.batch(picked))
    said = torch.stack([says(expert, state.images) for expert in range(3)])
    torch.testing.assert_close(state.label_logits, pad.first_logits(said, state.labels), rtol=1e-4, atol=1e-4)


def imitation(
    one: Task, number: int, begin: torch.Tensor, target: torch.Tensor, images: torch.Tensor,
    soft: Callable[[torch.Tensor], torch.Tensor], rate: torch.Tensor,
) -> torch.Tensor:
    """The matching loss of a student's whole path in iteration `number`, as Algorithm 1 of MTT says with what DATM and
    PAD put into it, every step of it in one graph. soft: the labels (B, classes) of images by their numbers."""
    c = one.config
    network = nets.build(c.network, c.shape, 10, c.network_options()).train()
    names, shapes = zip(*((name, p.shape) for name, p in network.named_parameters()), strict=True)
    order, changes = one.generator("batches", number), one.generator("augment", number, on="cpu")
    left: list[torch.Tensor] = []
    theta = begin.clone().requires_grad_()
    for _ in range(c.student_steps):
        left = left or list(torch.randperm(len(images), generator=order).split(c.batch_syn))
        some = left.pop(0)
        x = augment.apply(images[some], augment.draw(c.augment, changes, c.shape, images=len(some)))
        parts = theta.split([shape.numel() for shape in shapes])
        weights = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        entropy = -(soft(some) * functional_call(network, weights, (x,)).log_softmax(1)).sum(1).mean()
        (gradient,) = torch.autograd.grad(entropy, theta, create_graph=True)
        theta = theta - rate * gradient
    off, dropped = (theta - target).square(), int(c.shallow_ratio * len(theta))
    counting = off.detach().argsort()[dropped:] if c.selection == "loss" else torch.arange(dropped, len(theta))
    return off[counting].sum() / (begin - target).square()[counting].sum()


@pytest.mark.parametrize(
    "changes",
    [{}, {"unroll": "recompute", "augment": "siamese-no-flip"}, {"soft_labels": False, "selection": "loss"}],
    ids=["PAD", "recomputed and augmented", "class labels and the code's selection"],
)
def test_a_step_is_momentum_descent_of_images_labels_and_rate_on_the_papers_loss(changes: dict[str, Any]) -> None:
    asked = {"threshold": 1.005, "lr_img": 300.0, "momentum_img": 0.8, "lr_y": 3.0, "lr_student": 0.05, "lr_lr": 2e-3,
             "student_steps": 4, "batch_syn": 8, "expert_epochs": 2, "min_start_epoch": 1, "first_max_start_epoch": 3,
             "max_start_epoch": 6, "expansion_iters": 5, "shallow_ratio": 0.3, "experts": 3, "train_epochs": 8}
    one, walks = wandering(init="real", **asked, **changes)
    state = pad.start(one)
    classes = torch.eye(10)[state.labels]
    learnt = [state.images.clone(), torch.tensor(0.05)]
    moving = [(300.0, 0.8), (2e-3, 0.5)]  # step size and momentum of each; those that no parameter sets are the code's
    if state.label_logits is not None:
        learnt, moving = [*learnt, state.label_logits.clone()], [*moving, (3.0, 0.9)]
    start, velocities, seen, skipped = learnt, [torch.zeros_like(value) for value in learnt], set(), 0
    for number in range(6):
        draws = one.generator("piece", number, on="cpu")
        expert = int(torch.randint(3, (), generator=draws))
        before = min(6, 3 + 3 * number // 5)  # T⁺, and T on its way there
        epoch = int(torch.randint(1, before, (), generator=draws))
        images, rate, *logits = leaves = [value.clone().requires_grad_() for value in learnt]
        soft = (lambda some, of=logits[0]: of[some].softmax(1)) if logits else classes.__getitem__
        loss = imitation(one, number, walks[expert, epoch], walks[expert, epoch + 2], images, soft, rate)
        if loss <= 1.005:
            gradients = torch.autograd.grad(loss, leaves)
            velocities = [m * v + g for v, g, (_, m) in zip(velocities, gradients, moving, strict=True)]
            learnt = [value - lr * v for value, v, (lr, _) in zip(learnt, velocities, moving, strict=True)]
        seen, skipped = {*seen, (expert, epoch)}, skipped + bool(loss > 1.005)
        state.step = number
        told = pad.step(one, state)
        assert (told["start_epoch"], told["skipped"]) == (epoch, skipped)
        assert told["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
        found = [value for value in (state.images, state.lr, state.label_logits) if value is not None]
        for ours, theirs, at_first in zip(found, learnt, start, strict=True):
            assert (ours - theirs).norm() <= 2e-3 * (theirs - at_first).norm()
    assert 0 < skipped < 5, "some updates are taken and some are not"
    assert {expert for expert, _ in seen} == {0, 1, 2}
    assert max(epoch for _, epoch in seen) > 2, "the range has widened"


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_the_first_images_are_real_ones_that_the_first_expert_gets_right(norm: str) -> None:
    one = task(width=8, lr_teacher=0.1, batch_train=16, norm=norm)
    state = pad.start(one)
    images = one.data.batch(torch.arange(len(one.data)))
    everything = expert_says(one, state, 0, torch.cat([state.images, images]))[: len(state.images)]
    right = everything.argmax(1) == state.labels
    assert right.float().mean() >= (1.0 if norm == "instance" else 0.9)  # a batch's statistics are its own
    data = {tuple(image.flatten().tolist()) for image in images}
    assert all(tuple(image.flatten().tolist()) in data for image in state.images)


def test_where_the_expert_gets_too_few_right_others_fill_up() -> None:
    one = task(lr_teacher=1e-5)  # experts that have learnt nothing
    state = pad.start(one)
    images = one.data.batch(torch.arange(len(one.data)))
    known = {tuple(i.flatten().tolist()): int(c) for i, c in zip(images, one.data.labels, strict=True)}
    assert [known[tuple(image.flatten().tolist())] for image in state.images] == state.labels.tolist()
    right = (expert_says(one, state, 0, state.images).argmax(1) == state.labels).view(10, 2)
    assert not right.all()
    assert (right[:, 0] | ~right[:, 1]).all()  # what it gets right comes first
    assert state.label_logits is not None
    assert state.label_logits.isfinite().all()
    assert torch.equal(state.label_logits.argmax(1), state.labels)


def test_first_labels_are_the_mean_over_the_experts_that_are_right() -> None:
    said = torch.tensor([
        [[4.0, 0.0, 1.0], [3.0, 1.0, 0.0], [0.0, 5.0, 1.0]],
        [[2.0, 0.0, 3.0], [0.0, 2.0, 4.0], [0.0, 3.0, 1.0]],
    ])
    found = pad.first_logits(said, torch.tensor([0, 1, 1]))
    assert found[0].tolist() == [4, 0, 1]  # only the first expert is right
    assert found[2].tolist() == [0, 4, 1]  # both are
    assert found[1].tolist() == [1.5, 2, 1.5]  # nobody is: of the mean (1.5, 1.5, 2) the largest goes to class 1


def test_the_range_of_start_epochs_widens_evenly_and_then_stays() -> None:
    asked = config(
        "pad", min_start_epoch=1, first_max_start_epoch=2, max_start_epoch=6, train_epochs=7, expansion_iters=8
    )
    assert [pad.latest(asked, step) for step in (0, 1, 2, 3, 4, 7, 8, 100)] == [2, 2, 3, 3, 4, 5, 6, 6]
    assert pad.latest(asked.replace(expansion_iters=0), 0) == 6


@pytest.mark.slow
def test_students_start_within_the_range_of_their_iteration() -> None:
    values = {"min_start_epoch": 1, "first_max_start_epoch": 2, "max_start_epoch": 6, "train_epochs": 7}
    asked, told = config("pad", **values, expansion_iters=4), made("pad", **values, expansion_iters=4).told("step")
    epochs = [event["start_epoch"] for event in told]
    assert epochs[0] == 1
    assert all(1 <= epoch < pad.latest(asked, step) for step, epoch in enumerate(epochs))
    assert max(epochs) > 2


def test_every_image_has_its_turn_before_one_comes_again() -> None:
    one = task(batch_syn=8, student_steps=5)
    batches = [chosen.tolist() for chosen, _ in students.batches(one, 20, 5, 0)]
    assert [len(batch) for batch in batches] == [8, 8, 4, 8, 8]
    assert sorted(i for batch in batches[:3] for i in batch) == list(range(20))
    assert len({i for batch in batches[3:] for i in batch}) == 16


def test_an_update_with_too_large_a_loss_is_skipped_and_counted() -> None:
    recorder = made("pad", threshold=1e-9)
    assert torch.equal(images(recorder), recorder.sets["initial"].images)
    assert [event["skipped"] for event in recorder.told("step")] == list(range(1, 9))
    last = recorder.sets["images"]
    first = recorder.sets["initial"]
    assert last.lr == first.lr
    assert last.label_logits is not None
    assert first.label_logits is not None
    assert torch.equal(last.label_logits, first.label_logits)
    assert made("pad", threshold=1000).told("step")[-1]["skipped"] == 0


def test_images_labels_and_learning_rate_are_all_learnt() -> None:
    recorder = made("pad", lr_lr=1e-3)
    first, last = recorder.sets["initial"], recorder.sets["images"]
    assert first.label_logits is not None
    assert last.label_logits is not None
    assert not torch.equal(first.label_logits, last.label_logits)
    assert first.lr == pytest.approx(0.01)
    assert last.lr != first.lr
    assert last.stored_floats == 20 * 64 + 20 * 10 + 1


def test_the_learning_rate_stays_positive_however_far_it_is_pushed() -> None:
    one = task(lr_lr=1.0)
    state = pad.start(one)
    nothing = torch.zeros_like(state.images)
    pad.update(one, state, torch.tensor(0.5), nothing, torch.zeros_like(state.label_logits), torch.tensor(100.0))
    assert state.lr is not None
    assert state.lr.item() == pytest.approx(pad.LEAST_LR)


@pytest.mark.parametrize("loss", [torch.nan, torch.inf])
def test_a_student_that_runs_away_is_skipped_and_does_not_end_the_run(loss: float, monkeypatch: Any) -> None:
    usual = pad.unroll.matching_loss
    monkeypatch.setattr(pad.unroll, "matching_loss", lambda *given: usual(*given) * loss)
    recorder = made("pad", num_iters=3)
    assert [event["loss"] for event in recorder.told("step")] == [pad.RAN_AWAY] * 3
    assert recorder.told("step")[-1]["skipped"] == 3
    assert torch.equal(images(recorder), recorder.sets["initial"].images)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "lenet"])
def test_any_network_can_be_the_student(name: str) -> None:
    changes = {"network": name, **({"width": 8} if name == "mlp" else {"width": None})}
    assert made("pad", num_iters=2, threshold=1000.0, **changes).told("step")[-1]["skipped"] == 0


@pytest.mark.gpu
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_a_run_on_the_gpu_learns_images_labels_and_rate(norm: str) -> None:
    recorder = made("pad", device="cuda", norm=norm, threshold=1000.0)
    first, last = recorder.sets["initial"], recorder.sets["images"]
    assert not torch.equal(first.images, last.images)
    assert last.images.isfinite().all()
    assert recorder.told("step")[-1]["skipped"] == 0


def test_with_class_labels_no_labels_are_learnt() -> None:
    recorder = made("pad", soft_labels=False)
    assert recorder.sets["images"].label_logits is None
    assert "grad_labels" not in recorder.told("step")[0]
    assert not PAD.learns_labels(config("pad", soft_labels=False))
    assert PAD.learns_labels(config("pad"))


def test_recomputing_the_students_steps_leads_to_the_same_images() -> None:
    plain, again = made("pad"), made("pad", unroll="recompute")
    torch.testing.assert_close(images(again), images(plain), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_the_students_come_nearer_to_the_experts() -> None:
    losses = [
        event["loss"]
        for event in made(
            "pad", width=8, num_iters=14, lr_img=30.0, lr_y=20.0, lr_student=0.05, student_steps=6, lr_teacher=0.1,
            batch_train=32, max_start_epoch=1,
        ).told("step")
    ]
    assert all(loss < 1 for loss in losses)
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


@pytest.mark.parametrize(("network", "width"), [("convnet3", 4), ("convnet5", 128), ("convnet5", 32), ("convnet7", 16)])
def test_whole_layers_are_dropped_on_request(network: str, width: int) -> None:
    asked = config("pad").replace(
        dataset="mhist", resolution=128, network=network, width=width, depth=None, batch_syn=None, selection="layers"
    )
    built = pad.nets.build(network, asked.shape, 2, asked.network_options())
    sizes = [size for _, size, _ in pad.unroll.layers(built)]
    ends = [sum(sizes[:i]) for i in range(len(sizes))]

    def kept(alpha: float) -> tuple[int, str]:
        return pad.dropped(asked.replace(shallow_ratio=alpha), built)

    assert [kept(end / sum(sizes)) for end in ends] == [(end, "depth") for end in ends]
    assert kept(0.999) == (ends[-1], "depth")  # the classifier always counts
    by_loss = asked.replace(selection="loss", shallow_ratio=0.3)
    assert pad.dropped(by_loss, built) == (int(0.3 * sum(sizes)), "loss")


def test_datm_is_pad_without_scheduler_and_with_all_parameters() -> None:
    (datm,) = PAD.variations(config("pad"))
    assert datm.role == "datm"
    built = spec("distill", "pad", datm.values).config
    assert not built.scheduled
    assert built.shallow_ratio == 0
    same = {"ipc", "init", "num_iters", "lr_img", "lr_y", "experts", "train_epochs", "max_start_epoch", "seed"}
    assert all(getattr(built, name) == getattr(config("pad"), name) for name in same)
    assert PAD.variations(built) == ()
    assert PAD.called is not None
    assert [PAD.called(one) for one in (config("pad"), built, built.replace(soft_labels=False))] == ["", "DATM", "MTT"]


@pytest.mark.parametrize(
    "changes",
    [
        {"remove_epoch": 41}, {"remove_ratio": 0.0, "second_remove_ratio": 0.0, "remove_epoch": 1},
        {"shallow_ratio": 0.0, "selection": "loss"}, {"soft_labels": False, "lr_y": 7.0},
    ],
)
def test_what_decides_nothing_makes_no_other_question(changes: dict[str, Any]) -> None:
    usual = {name: value for name, value in changes.items() if name in ("shallow_ratio", "soft_labels")}
    assert config("pad", **changes).key_values() == config("pad", **usual).key_values()


def test_a_scheduler_that_lets_all_images_in_at_once_is_none() -> None:
    at_once = config("pad", add_end_epoch=0, shallow_ratio=0.0)
    assert not at_once.scheduled
    assert PAD.variations(at_once) == ()
    assert at_once.key_values() == config("pad", initial_ratio=1.0, shallow_ratio=0.0).key_values()


def test_the_latest_removal_counts_even_where_it_is_smaller() -> None:
    asked = config(
        "pad", train_epochs=6, remove_epoch=2, remove_ratio=0.2, second_remove_epoch=4, second_remove_ratio=0.05
    )
    assert [low for low, _ in asked.windows] == [0, 0, 0.2, 0.2, 0.05, 0.05]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"train_epochs": 2},
            r"train_epochs must be at least 3 \(max_start_epoch 2 \+ expert_epochs 1\), .* too short; got 2",
        ),
        ({"shallow_ratio": 1.0}, "shallow_ratio must be below 1, got 1: it drops all 410 parameters"),
        ({"batch_syn": 21}, "batch_syn must be at most 20, the synthetic images, got 21"),
        ({"min_start_epoch": 1}, "min_start_epoch < first_max_start_epoch <= max_start_epoch, got 1, 1, 2"),
        ({"first_max_start_epoch": 3}, "got 0, 3, 2"),
        (
            {"initial_ratio": 0.1, "remove_epoch": 0, "remove_ratio": 0.2},
            "at epoch 0 the easiest 20% are removed, got initial_ratio 0.1 with only the easiest 10% added",
        ),
        ({"init": "kcenter"}, "no 'kcenter'"),
    ],
)
def test_what_cannot_run_is_refused_with_the_numbers(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        config("pad", **changes)


def test_the_synthetic_batch_left_empty_follows_the_images_per_class() -> None:
    assert config("pad").batch_syn == 20
    assert config("pad", ipc=120, batch_syn=None).batch_syn == 1000


def test_snapshots_hold_labels_and_rate_of_their_step() -> None:
    class Keeping(MemoryRecorder):
        def snapshot(self, step: int, images: Any) -> None:
            self.snapshots[step] = images

    kept = made("pad", Keeping(), lr_lr=1e-3)
    assert kept.snapshots[0].lr == kept.sets["initial"].lr
    assert len({snapshot.lr for snapshot in kept.snapshots.values()}) == len(kept.snapshots)
    assert not torch.equal(kept.snapshots[5].label_logits, kept.snapshots[0].label_logits)
