"""Training one network in plain PyTorch, step by step from the formulas: what every training of ddcore is held to.

Only what is random is drawn as ddcore draws it: from the seed, the purpose and the epoch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ddcore.data.resident import Resident
from ddcore.ops import augment, seeds
from ddcore.ops.train import Batch


def epochs(
    network: nn.Module, images: Batch, labels: Tensor, setting: Any, *purpose: str | int, soft: Tensor | None = None,
    in_use: Sequence[Tensor] | None = None,
) -> Iterator[tuple[float, float]]:
    """Train in place; (mean loss, share answered right before each step) of each epoch as it ends.

    setting: a TrainConfig or train.Setting. purpose: seed, what for. soft: labels as probabilities. in_use: for each
    epoch, the images that are learnt in it; left out, always all.
    """
    targets = torch.eye(int(labels.max()) + 1)[labels] if soft is None else soft
    velocity, step, epoch = [torch.zeros_like(p) for p in network.parameters()], 0, 0
    while (step < setting.steps) if setting.steps else (epoch < setting.epochs):
        used = in_use[epoch] if in_use else torch.arange(len(labels))
        order = used[torch.randperm(len(used), generator=seeds.generator(*purpose, "order", epoch))]
        changes, losses = seeds.generator(*purpose, "augment", epoch), []
        right = []
        for some in order.split(setting.batch_size):
            rate = _rate(setting, step if setting.steps else epoch)
            x = images(some)
            x = augment.apply(x, augment.draw(setting.augment, changes, x.shape[1:], images=len(x)))
            said = network.train()(x)
            each = -(targets[some] * said.log_softmax(1)).sum(1)
            gradients = torch.autograd.grad(each.mean(), list(network.parameters()))
            with torch.no_grad():
                for p, v, g in zip(network.parameters(), velocity, gradients, strict=True):
                    v.copy_(setting.momentum * v + g + setting.weight_decay * p)
                    p.sub_(rate * v)
            losses.append(each.detach())
            right.append(said.argmax(1) == labels[some])
            step += 1
            if step == setting.steps:
                break
        yield torch.cat(losses).mean().item(), torch.cat(right).double().mean().item()
        epoch += 1


def _rate(setting: Any, done: int) -> float:
    """The learning rate after so many of all epochs, or of all steps."""
    share = done / (setting.steps or setting.epochs)
    if setting.schedule == "cosine":
        return setting.lr * (1 + math.cos(math.pi * share)) / 2
    return setting.lr if setting.schedule == "constant" or share < 0.5 else setting.lr / 10


@torch.no_grad()
def accuracy(network: nn.Module, part: Resident) -> float:
    """The share of the images that the network answers right, in evaluation mode."""
    return (network.eval()(part.all()).argmax(1) == part.labels).double().mean().item()
