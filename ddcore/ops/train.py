"""Training classifiers from scratch on images that already lie on the device, several at once.

Notation: n networks, N images, B batch size; `images(indices)` gives the normalised float batch of any shape of
indices. Networks of one kind are stacked (ops.stack).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ddcore import counts
from ddcore.errors import Diverged
from ddcore.ops import augment as dsa
from ddcore.ops import seeds
from ddcore.ops.acceleration import MAPS_KEPT, map_sizes
from ddcore.ops.compiled_steps import CompiledSteps
from ddcore.ops.nets.base import Net
from ddcore.ops.stack import Stack

Batch = Callable[[Tensor], Tensor]
Purpose = tuple[int, *tuple[str | int, ...]]

MEMORY = 2 * 2**30  # bytes that the maps of networks trained together may take on a CPU


@dataclass(frozen=True)
class Setting:
    """How a network is trained; the fields of ddcore.settings.TrainConfig, where each is explained.

    Either `epochs` or `steps` says how long; the other is None.
    """

    epochs: int | None
    lr: float
    momentum: float
    weight_decay: float
    schedule: str
    batch_size: int
    augment: str
    steps: int | None = None

    def total(self, images: int) -> int:
        """Optimiser steps on a set of so many images."""
        return counts.optimiser_steps(images, self.batch_size, self.epochs, self.steps)

    def rate(self, step: int, images: int) -> float:
        """The learning rate of a step (counted from 0): constant over an epoch, unless the length is told in steps."""
        if self.steps:
            return learning_rate(step, self.steps, self.lr, self.schedule)
        epoch = step // counts.steps_per_epoch(images, self.batch_size)
        return learning_rate(epoch, self.epochs or 0, self.lr, self.schedule)


def learning_rate(done: int, total: int, lr: float, schedule: str) -> float:
    """The learning rate after `done` of `total` epochs (or steps).

    cosine: lr·(1 + cos(π·done/total))/2; half: lr, then lr/10 from the middle on; constant: lr.
    """
    if schedule == "cosine":
        return lr * (1 + math.cos(math.pi * done / total)) / 2
    if schedule == "half":
        return lr if done < total / 2 else lr / 10
    return lr


def fitting(network: Net, shape: tuple[int, int, int], batch: int, device: torch.device) -> int:
    """How many networks of this kind can be trained together on batches of `batch` images (C, H, W): at least 1.

    Memory is filled by the maps kept for the backward pass. On a GPU half of what is free may be taken.
    """
    each = MAPS_KEPT * 4 * batch * sum(map_sizes(network, torch.zeros(1, *shape, device=device)))
    free = torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else MEMORY
    return max(1, free // max(1, each))


@dataclass
class Training:
    """A training under way of one network or several, with everything it needs to go on.

    step: optimiser steps done. Always at the end of an epoch between two calls of `train`'s `on_epoch`. passes: the
    run's, where its steps may be compiled.
    """

    stack: Stack
    velocity: list[Tensor]
    step: int = 0
    passes: CompiledSteps | None = None

    @classmethod
    def begin(cls, *networks: Net, together: bool | None = None, passes: CompiledSteps | None = None) -> Training:
        """At rest, before the first step."""
        stack = Stack(networks, together)
        return cls(stack, [torch.zeros_like(p) for p in stack.parameters.values()], passes=passes)

    @property
    def network(self) -> Net:
        """The first network, as a module of its own."""
        return self.stack.member(0)

    def dump(self) -> dict[str, Tensor]:
        """Weights, buffers and momentum, by name: what `load` takes."""
        state = {f"network.{name}": t.detach().clone() for name, t in self.stack.state().items()}
        return state | {f"velocity.{i}": v.clone() for i, v in enumerate(self.velocity)}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Go back to a dump made after `step` steps."""
        for name, t in self.stack.state().items():
            dumped = tensors[f"network.{name}"]
            if dumped.shape != t.shape:  # copying would broadcast one network to many
                raise ValueError(f"the dump holds {name} of shape {tuple(dumped.shape)}, not {tuple(t.shape)}")
            t.copy_(dumped)
        for i, v in enumerate(self.velocity):
            v.copy_(tensors[f"velocity.{i}"])
        self.step = step


def train(
    training: Training, images: Batch, labels: Tensor, setting: Setting, purposes: Sequence[Purpose],
    on_epoch: Callable[[Tensor, Tensor], None] = lambda loss, accuracy: None,
    on_step: Callable[[], None] = lambda: None, soft_labels: Tensor | None = None, every: int = 1,
    diverging: bool = False,
) -> None:
    """Train in place with SGD and cross-entropy, from where `training` is to the setting's last step.

    purposes: for each network (seed, what for…), from which its order and augmentation are drawn: a network learns
    the same alone and in company. on_epoch(mean loss (n,), training accuracy (n,) as fractions) is called after an
    epoch, the last of which may be cut short, when `every` steps have been done since the last call, and at the end:
    only then is the device waited for. on_step is called before each step. soft_labels: probabilities (N, classes) to
    learn instead of the labels. Augmentation draws for each image, as the published code does where nothing is
    matched. Raises Diverged instead of a call of on_epoch with a loss that is not finite, unless `diverging`: then the
    others go on, and the answers of one that has diverged mean nothing.
    """
    size, total, reported = setting.batch_size, setting.total(len(labels)), training.step
    everything = torch.arange(len(labels), device=labels.device)
    while training.step < total:
        epoch = training.step // counts.steps_per_epoch(len(labels), size)
        order, draws = drawn(purposes, epoch, everything)
        left = order[:, : (total - training.step) * size]
        loss, accuracy = one_epoch(training, images, labels, setting, left, draws, on_step, soft_labels)
        if training.step - reported >= every or training.step == total:
            reported = training.step
            if not diverging:
                check_finite(loss, training, setting)
            on_epoch(loss, accuracy)


def drawn(purposes: Sequence[Purpose], epoch: int, among: Tensor) -> tuple[Tensor, list[torch.Generator]]:
    """The draws of an epoch: (the indices `among` in the order of each network (n, N); generators of augmentations)."""
    device = among.device
    orders = [torch.randperm(len(among), generator=seeds.generator(*p, "order", epoch, device=device), device=device)
              for p in purposes]
    return among[torch.stack(orders)], [seeds.generator(*p, "augment", epoch) for p in purposes]


def one_epoch(
    training: Training, images: Batch, labels: Tensor, setting: Setting, order: Tensor, draws: list[torch.Generator],
    on_step: Callable[[], None] = lambda: None, soft_labels: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Train each network on its images of `order` (n, N) once: (mean loss, training accuracy), each (n,)."""
    targets = labels if soft_labels is None else soft_labels
    loss_sum = correct = torch.zeros(len(order), device=labels.device)
    seen, full = 0, min(setting.batch_size, len(labels))
    training.stack.train()
    for batch in order.split(setting.batch_size, dim=1):
        on_step()
        x = images(batch)
        if setting.augment != "none":
            x = _augmented(x, setting.augment, draws)
        rate = setting.rate(training.step, len(labels))
        loss, right = _step(training, x, labels[batch], targets[batch], setting, rate, full)
        loss_sum, correct, seen = loss_sum + loss * batch.shape[1], correct + right, seen + batch.shape[1]
        training.step += 1
    return loss_sum / seen, correct / seen


def check_finite(loss: Tensor, training: Training, setting: Setting) -> None:
    """Raise Diverged if a network's loss is not finite, from which it never comes back. Waits for the device."""
    if not loss.isfinite().all():
        raise Diverged(
            f"training diverged by step {training.step}: the loss is no finite number. The likely cause is too "
            f"large a learning rate: {setting.lr:g}; try {setting.lr / 10:g}."
        )


def _augmented(x: Tensor, strategy: str, generators: list[torch.Generator]) -> Tensor:
    """The images (n, B, C, H, W), each network's augmented by its own draw, those of one operation in one go.

    On a GPU twenty networks would else take hundreds of launches for a step.
    """
    draws = [dsa.draw(strategy, generator, x.shape[2:], images=x.shape[1]) for generator in generators]
    operations = [tuple(name for name, _ in draw.steps) for draw in draws]
    batches = list(x)
    for operation in dict.fromkeys(operations):
        members = [i for i, other in enumerate(operations) if other == operation]
        images = dsa.apply(torch.cat([x[i] for i in members]), _joined([draws[i] for i in members]))
        for i, batch in zip(members, images.split(x.shape[1]), strict=True):
            batches[i] = batch
    return torch.stack(batches)


def _joined(draws: list[dsa.Draw]) -> dsa.Draw:
    """Draws of the same operations for the images of several batches, as one for all of these images."""
    steps = []
    for same_step in zip(*(draw.steps for draw in draws), strict=True):
        parameters = zip(*(values for _, values in same_step), strict=True)
        joined = tuple(torch.cat(values) if isinstance(values[0], Tensor) else values[0] for values in parameters)
        steps.append((same_step[0][0], joined))
    return dsa.Draw(tuple(steps))


def _step(training: Training, x: Tensor, y: Tensor, targets: Tensor, setting: Setting, lr: float,
          full: int) -> tuple[Tensor, Tensor]:
    """One step of every network: (loss (n,), images answered right (n,)). full: images of a full batch.

    The gradient of the sum of the losses is each network's own: no weight is in two of them.
    """
    stack, passes = training.stack, training.passes
    if passes and passes.speed.compiles:
        losses, right, gradients = passes.gradients(stack, x, y, targets, full)
    else:
        losses, right, gradients = _gradients(stack, x, y, targets)
    weights = list(stack.parameters.values())
    sgd_step(weights, gradients, training.velocity, lr, setting.momentum, setting.weight_decay)
    return losses, right


def _gradients(stack: Stack, x: Tensor, y: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """As `CompiledSteps.gradients`, computed plainly: in contiguous layout, in which a CPU trains fastest."""
    logits = stack(x)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1), reduction="none").view(y.shape).mean(1)
    gradients = torch.autograd.grad(losses.sum(), list(stack.parameters.values()))
    return losses.detach(), (logits.detach().argmax(2) == y).sum(1), list(gradients)


@torch.no_grad()
def sgd_step(
    parameters: list[Tensor], gradients: tuple[Tensor, ...] | list[Tensor], velocity: list[Tensor], lr: float,
    momentum: float, weight_decay: float,
) -> None:
    """One step of SGD in place, the same as torch.optim.SGD: v ← μ·v + g + w·θ, θ ← θ − lr·v.

    torch.optim's first step imports torch's compiler, 2.8 s on a two-core CPU: more than training a network on 100
    images takes.
    """
    torch._foreach_mul_(velocity, momentum)
    torch._foreach_add_(velocity, gradients)
    if weight_decay:
        torch._foreach_add_(velocity, parameters, alpha=weight_decay)
    torch._foreach_add_(parameters, velocity, alpha=-lr)


def images_at_once(shape: Sequence[int]) -> int:
    """How many images (…, H, W) to put through one forward pass: 250 up to 32×32, fewer of larger ones, at least 4.

    More leave the cache of a small CPU and are slower there; and 250 images of 224×224 would fill 6.4 GB with each map
    of a ConvNet of width 128.
    """
    return max(4, min(250, 250 * 32 * 32 // (shape[-2] * shape[-1])))


@torch.no_grad()
def logits(
    passes: CompiledSteps, network: Net, images: Batch, n: int, on_batch: Callable[[], None] = lambda: None
) -> Tensor:
    """Logits (n, classes) of the n images by a network of the kind of `passes`, in evaluation mode."""
    passes.look(network)
    return torch.cat([passes.logits(x) for x in _pieces(passes, images, n, on_batch)])[:n]


@torch.no_grad()
def logits_and_lengths(
    passes: CompiledSteps, network: Net, images: Batch, n: int, on_batch: Callable[[], None] = lambda: None
) -> tuple[Tensor, Tensor]:
    """(the same logits; ‖embedding‖₂ of each of the n images (n,)), in one pass."""
    passes.look(network)
    results = [passes.embeddings(x) for x in _pieces(passes, images, n, on_batch)]
    logits, lengths = (torch.cat(parts)[:n] for parts in zip(*results, strict=True))
    return logits, lengths


def _pieces(passes: CompiledSteps, images: Batch, n: int, on_batch: Callable[[], None]) -> Iterator[Tensor]:
    """The n images piece by piece, channels last; where a graph is compiled for their size, the last is filled up."""
    speed = passes.speed
    image = images(torch.zeros(1, dtype=torch.long, device=speed.device))
    piece = images_at_once(image.shape) if speed.exact else passes.piece(image)
    for start in range(0, n, piece):
        on_batch()
        end = start + piece if speed.compiles else min(start + piece, n)
        indices = torch.arange(start, end, device=speed.device).clamp_(max=n - 1)
        yield images(indices).contiguous(memory_format=torch.channels_last)


def confusion(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How many images of class r were predicted as c: int64 (classes, classes), r down, c across."""
    return torch.bincount(labels * classes + predicted, minlength=classes * classes).view(classes, classes)


def shares(counts: Tensor) -> list[float]:
    """The share of each row of a confusion matrix on its diagonal: each class's accuracy, 0 of an empty class."""
    return (counts.diagonal().double() / counts.sum(1).clamp(min=1)).tolist()
