"""Training classifiers from scratch on images that already lie on the device, several at once.

Notation: n networks, N images, B batch size; `images(indices)` gives the normalised float batch of any shape of
indices. Networks of one kind are stacked: every weight gets a first dimension n, and one forward pass serves all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from ddcore.errors import Diverged
from ddcore.ops import augment as dsa
from ddcore.ops import seeds
from ddcore.ops.nets.base import Net

Batch = Callable[[Tensor], Tensor]
Purpose = tuple[int, *tuple[str | int, ...]]

MEMORY = 2 * 2**30  # bytes that the maps of networks trained together may take on a CPU
MAPS_KEPT = 4  # tensors of a map's size kept for a layer's backward pass: convolved, normalised, activated, pooled


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
        return self.steps or (self.epochs or 0) * -(-images // self.batch_size)

    def rate(self, step: int, images: int) -> float:
        """The learning rate of a step (counted from 0): constant over an epoch, unless the length is told in steps."""
        if self.steps:
            return learning_rate(step, self.steps, self.lr, self.schedule)
        return learning_rate(step // -(-images // self.batch_size), self.epochs or 0, self.lr, self.schedule)


def learning_rate(done: int, total: int, lr: float, schedule: str) -> float:
    """The learning rate after `done` of `total` epochs (or steps).

    cosine: lr·(1 + cos(π·done/total))/2; half: lr, then lr/10 from the middle on; constant: lr.
    """
    if schedule == "cosine":
        return lr * (1 + math.cos(math.pi * done / total)) / 2
    if schedule == "half":
        return lr if done < total / 2 else lr / 10
    return lr


class Stack:
    """n networks of one kind with their weights stacked: parameters and buffers are (n, …).

    together: whether one vectorised pass serves all (torch.func.vmap) or each has its own; the results agree to
    float error. None: on a GPU, which one small batch does not fill; on a CPU each has its own pass, which took 2.5
    against 4.1 ms for each image of each network (ConvNet-3 of width 128, three networks, batch 25, two cores).
    """

    def __init__(self, networks: Sequence[Net], together: bool | None = None) -> None:
        self._one = networks[0]
        wanted = next(self._one.parameters()).is_cuda if together is None else together
        self.together = wanted and len(networks) > 1
        parameters, buffers = stack_module_state(list(networks))
        self.parameters: dict[str, Tensor] = parameters
        self.buffers: dict[str, Tensor] = buffers

    def __len__(self) -> int:
        return len(next(iter(self.parameters.values())))

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (n, B, classes) of images (n, B, C, H, W), each network's own batch."""
        if self.together:
            logits: Tensor = vmap(self._forward)(self.parameters, self.buffers, images)
            return logits
        return torch.stack([self._forward(*self._weights(i), images[i]) for i in range(len(self))])

    def train(self, mode: bool = True) -> None:
        """Training or evaluation mode for all of them."""
        self._one.train(mode)

    def member(self, i: int) -> Net:
        """Network i as a module of its own; it is the same module at every call, with other weights."""
        parameters, buffers = self._weights(i)
        self._one.load_state_dict({**parameters, **buffers})
        return self._one

    def state(self) -> dict[str, Tensor]:
        """All stacked tensors by name."""
        return {**self.parameters, **self.buffers}

    def _weights(self, i: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        return {k: v[i] for k, v in self.parameters.items()}, {k: v[i] for k, v in self.buffers.items()}

    def _forward(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
        logits: Tensor = functional_call(self._one, (parameters, buffers), (images,))
        return logits


@torch.no_grad()
def fitting(network: Net, shape: tuple[int, int, int], batch: int, device: torch.device) -> int:
    """How many networks of this kind can be trained together on batches of `batch` images (C, H, W): at least 1.

    What fills the memory is the maps kept for the backward pass. On a GPU half of what is free may be taken.
    """
    was_training = network.training
    maps, _ = network.eval().maps(torch.zeros(1, *shape, device=device))
    network.train(was_training)
    each = MAPS_KEPT * 4 * batch * sum(one.numel() for one in maps)
    free = torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else MEMORY
    return max(1, free // max(1, each))


@dataclass
class Training:
    """A training under way of one network or several, with everything it needs to go on.

    step: optimiser steps done. Always at the end of an epoch between two calls of `train`'s `on_epoch`.
    """

    stack: Stack
    velocity: list[Tensor]
    step: int = 0

    @classmethod
    def begin(cls, *networks: Net, together: bool | None = None) -> Training:
        """At rest, before the first step."""
        stack = Stack(networks, together)
        return cls(stack, [torch.zeros_like(p) for p in stack.parameters.values()])

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
    training: Training,
    images: Batch,
    labels: Tensor,
    setting: Setting,
    purposes: Sequence[Purpose],
    on_epoch: Callable[[Tensor, Tensor], None] = lambda loss, accuracy: None,
    on_step: Callable[[], None] = lambda: None,
    soft_labels: Tensor | None = None,
) -> None:
    """Train in place with SGD and cross-entropy, from where `training` is to the setting's last step.

    purposes: for each network (seed, what for…), from which its order and augmentation are drawn: a network learns
    the same alone and in company. on_epoch(mean loss (n,), training accuracy (n,) as fractions) is called after each
    epoch, the last of which may be cut short, with tensors, so that the device need not be waited for; on_step before
    each step. soft_labels: probabilities (N, classes) to learn instead of the labels. Augmentation draws for each
    image, as the published code does where nothing is matched. Raises Diverged at the end of an epoch with a loss
    that is not finite.
    """
    size, total = setting.batch_size, setting.total(len(labels))
    everything = torch.arange(len(labels), device=labels.device)
    while training.step < total:
        order, draws = drawn(purposes, training.step // -(-len(labels) // size), everything)
        left = order[:, : (total - training.step) * size]
        on_epoch(*one_epoch(training, images, labels, setting, left, draws, on_step, soft_labels))


def drawn(purposes: Sequence[Purpose], epoch: int, among: Tensor) -> tuple[Tensor, list[torch.Generator]]:
    """What an epoch draws: (the images at `among` in the order of each network (n, N); generators to augment them)."""
    device = among.device
    orders = [torch.randperm(len(among), generator=seeds.generator(*p, "order", epoch, device=device), device=device)
              for p in purposes]  # fmt: skip
    return among[torch.stack(orders)], [seeds.generator(*p, "augment", epoch) for p in purposes]


def one_epoch(
    training: Training,
    images: Batch,
    labels: Tensor,
    setting: Setting,
    order: Tensor,
    draws: list[torch.Generator],
    on_step: Callable[[], None] = lambda: None,
    soft_labels: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Train each network on its images of `order` (n, N) once: (mean loss, training accuracy), each (n,).

    Raises Diverged at the end, as `train` does.
    """
    targets = labels if soft_labels is None else soft_labels
    loss_sum = correct = torch.zeros(len(order), device=labels.device)
    seen = 0
    training.stack.train()
    for batch in order.split(setting.batch_size, dim=1):
        on_step()
        x = images(batch)
        if setting.augment != "none":
            x = torch.stack([_changed(one, setting.augment, g) for one, g in zip(x, draws, strict=True)])
        rate = setting.rate(training.step, len(labels))
        loss, right = _step(training, x, labels[batch], targets[batch], setting, rate)
        loss_sum, correct, seen = loss_sum + loss * batch.shape[1], correct + right, seen + batch.shape[1]
        training.step += 1
    if not loss_sum.isfinite().all():
        raise Diverged(
            f"training diverged by step {training.step}: the loss is no finite number. The likely cause is too "
            f"large a learning rate: {setting.lr:g}; try {setting.lr / 10:g}."
        )
    return loss_sum / seen, correct / seen


def _changed(images: Tensor, strategy: str, generator: torch.Generator) -> Tensor:
    return dsa.apply(images, dsa.draw(strategy, generator, images.shape[1:], images=len(images)))


def _step(
    training: Training, x: Tensor, y: Tensor, targets: Tensor, setting: Setting, lr: float
) -> tuple[Tensor, Tensor]:
    """One step of every network: (loss (n,), images answered right (n,)).

    The gradient of the sum of the losses is each network's own: no weight is in two of them.
    """
    parameters = list(training.stack.parameters.values())
    said = training.stack(x)
    losses = F.cross_entropy(said.flatten(0, 1), targets.flatten(0, 1), reduction="none").view(y.shape).mean(1)
    gradients = torch.autograd.grad(losses.sum(), parameters)
    sgd_step(parameters, gradients, training.velocity, lr, setting.momentum, setting.weight_decay)
    return losses.detach(), (said.detach().argmax(2) == y).sum(1)


@torch.no_grad()
def sgd_step(
    parameters: list[Tensor],
    gradients: tuple[Tensor, ...],
    velocity: list[Tensor],
    lr: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """One step of SGD in place, the same as torch.optim.SGD: v ← μ·v + g + w·θ, θ ← θ − lr·v.

    torch.optim's first step imports torch's compiler, 2.8 s on a two-core CPU: more than training a
    network on 100 images takes.
    """
    torch._foreach_mul_(velocity, momentum)
    torch._foreach_add_(velocity, gradients)
    if weight_decay:
        torch._foreach_add_(velocity, parameters, alpha=weight_decay)
    torch._foreach_add_(parameters, velocity, alpha=-lr)


def images_at_once(shape: Sequence[int]) -> int:
    """How many images (…, H, W) to look at in one forward pass: 250 up to 32×32, fewer of larger ones, at least 4.

    More leave the cache of a small CPU and are slower there; and 250 images of 224×224 would fill 6.4 GB with each
    map of a ConvNet of width 128.
    """
    return max(4, min(250, 250 * 32 * 32 // (shape[-2] * shape[-1])))


@torch.no_grad()
def logits(
    network: nn.Module,
    images: Batch,
    n: int,
    device: torch.device,
    on_batch: Callable[[], None] = lambda: None,
) -> Tensor:
    """What the network says of each of the n images, (n, classes), in evaluation mode.

    Channels last: a forward pass of ConvNet-3 takes 0.5 to 0.75 of the time on two cores with AVX-512, while training
    gains nothing.
    """
    return torch.cat([network(x) for x in _looked_at(network, images, n, device, on_batch)])


@torch.no_grad()
def logits_and_lengths(
    network: Net,
    images: Batch,
    n: int,
    device: torch.device,
    on_batch: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """(the same logits; ‖embedding‖₂ of each of the n images (n,)), in one pass."""
    said, lengths = [], []
    for x in _looked_at(network, images, n, device, on_batch):
        embedded = network.embed(x)
        said.append(network.classifier(embedded))
        lengths.append(embedded.norm(dim=1))
    return torch.cat(said), torch.cat(lengths)


def _looked_at(
    network: nn.Module, images: Batch, n: int, device: torch.device, on_batch: Callable[[], None]
) -> Iterator[Tensor]:
    """The n images batch by batch, laid out for a forward pass of the network, which is put into evaluation mode."""
    network.eval().to(memory_format=torch.channels_last)
    batch = images_at_once(images(torch.zeros(1, dtype=torch.long, device=device)).shape)
    for start in range(0, n, batch):
        on_batch()
        indices = torch.arange(start, min(start + batch, n), device=device)
        yield images(indices).contiguous(memory_format=torch.channels_last)


def confusion(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How many images of class r were predicted as c: int64 (classes, classes), r down, c across."""
    return torch.bincount(labels * classes + predicted, minlength=classes * classes).view(classes, classes)


def shares(counts: Tensor) -> list[float]:
    """Share of each row of a confusion matrix that lies on the diagonal: each class's accuracy, 0 of an empty one."""
    return (counts.diagonal().double() / counts.sum(1).clamp(min=1)).tolist()
