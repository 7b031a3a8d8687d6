"""Training a classifier from scratch on images that already lie on the device.

Notation: n images, B batch size, E epochs; `images(indices)` gives the normalised float batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddcore.ops import augment as dsa
from ddcore.ops import seeds

Batch = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Setting:
    """How a network is trained; the fields of ddcore.settings.TrainConfig, where each is explained."""

    epochs: int
    lr: float
    momentum: float
    weight_decay: float
    schedule: str
    batch_size: int
    augment: str


def learning_rate(epoch: int, epochs: int, lr: float, schedule: str) -> float:
    """The learning rate of an epoch (counted from 0).

    cosine: lr·(1 + cos(π·epoch/epochs))/2; half: lr, then lr/10 from the middle epoch on; constant: lr.
    """
    if schedule == "cosine":
        return lr * (1 + math.cos(math.pi * epoch / epochs)) / 2
    if schedule == "half":
        return lr if epoch < epochs / 2 else lr / 10
    return lr


@dataclass
class Training:
    """A training under way, with everything it needs to go on. epoch: how many are done."""

    network: nn.Module
    velocity: list[Tensor]
    epoch: int = 0

    @classmethod
    def begin(cls, network: nn.Module) -> Training:
        """At rest, before the first epoch."""
        return cls(network, [torch.zeros_like(p) for p in network.parameters()])

    def dump(self) -> dict[str, Tensor]:
        """Weights, buffers and momentum, by name: what `load` takes."""
        network = {f"network.{name}": t.detach().clone() for name, t in self.network.state_dict().items()}
        return network | {f"velocity.{i}": v.clone() for i, v in enumerate(self.velocity)}

    def load(self, tensors: Mapping[str, Tensor], epoch: int) -> None:
        """Go back to a dump made after `epoch` epochs."""
        prefix = "network."
        self.network.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        for i, v in enumerate(self.velocity):
            v.copy_(tensors[f"velocity.{i}"])
        self.epoch = epoch


def train(
    training: Training,
    images: Batch,
    labels: Tensor,
    setting: Setting,
    purpose: tuple[int, *tuple[str | int, ...]],
    on_epoch: Callable[[Tensor, Tensor], None] = lambda loss, accuracy: None,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Train in place with SGD and cross-entropy, from where `training` is to the setting's last epoch.

    purpose: (seed, what for…), from which order and augmentation are drawn; on_epoch(mean loss, training
    accuracy as a fraction) is called after each epoch with 0-dim tensors, so that the device need not be
    waited for; on_step before each step. Augmentation draws for each image, as the published code does
    where nothing is matched.
    """
    network, velocity = training.network, training.velocity
    parameters: list[Tensor] = list(network.parameters())
    n, size = len(labels), setting.batch_size
    while training.epoch < setting.epochs:
        epoch = training.epoch
        network.train()
        lr = learning_rate(epoch, setting.epochs, setting.lr, setting.schedule)
        order_draws = seeds.generator(*purpose, "order", epoch, device=labels.device)
        augment_draws = seeds.generator(*purpose, "augment", epoch)
        order = torch.randperm(n, generator=order_draws, device=labels.device)
        loss_sum = torch.zeros((), device=labels.device)
        correct = torch.zeros((), device=labels.device)
        for start in range(0, n, size):
            on_step()
            batch = order[start : start + size]
            x, y = images(batch), labels[batch]
            x = dsa.apply(x, dsa.draw(setting.augment, augment_draws, x.shape[1:], images=len(x)))
            logits = network(x)
            loss = F.cross_entropy(logits, y)
            gradients = torch.autograd.grad(loss, parameters)
            sgd_step(parameters, gradients, velocity, lr, setting.momentum, setting.weight_decay)
            loss_sum += loss.detach() * len(y)
            correct += (logits.detach().argmax(1) == y).sum()
        training.epoch += 1
        on_epoch(loss_sum / n, correct / n)


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


@torch.no_grad()
def predict(
    network: nn.Module,
    images: Batch,
    n: int,
    device: torch.device,
    batch: int = 250,
    on_batch: Callable[[], None] = lambda: None,
) -> Tensor:
    """Predicted class of each of the n images, int64 (n,), network in evaluation mode.

    batch 250: larger batches leave the cache of a small CPU and are slower there.
    """
    network.eval()
    found = []
    for start in range(0, n, batch):
        on_batch()
        indices = torch.arange(start, min(start + batch, n), device=device)
        found.append(network(images(indices)).argmax(1))
    return torch.cat(found)


def per_class_accuracy(predicted: Tensor, labels: Tensor, classes: int) -> list[float]:
    """Share of each class's images that were predicted right (nan-free: 0 for an empty class)."""
    right = torch.bincount(labels[predicted == labels], minlength=classes).double()
    total = torch.bincount(labels, minlength=classes).double()
    return (right / total.clamp(min=1)).tolist()
