"""Optimisers as functions of tensors that write nothing, so that a gradient can flow through their steps.

Notation: θ the parameters, g their gradient, both tuples of tensors; memory is what an optimiser carries from step to
step, a tuple too; steps are counted from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Tensors = tuple[Tensor, ...]


class Rule(Protocol):
    """An optimiser: its memory before the first step, and one step of θ and memory."""

    def memory(self, parameters: Sequence[Tensor]) -> Tensors: ...

    def step(self, parameters: Sequence[Tensor], gradient: Sequence[Tensor], memory: Sequence[Tensor],
             number: int, lr: float) -> tuple[Tensors, Tensors]: ...


@dataclass(frozen=True)
class SGD:
    """v ← μ·v + g + w·θ, θ ← θ − lr·v: that of torch.optim.SGD and of `train.sgd_step`. Memory: v."""

    momentum: float = 0.0
    weight_decay: float = 0.0

    def memory(self, parameters: Sequence[Tensor]) -> Tensors:
        """At rest."""
        return tuple(torch.zeros_like(p) for p in parameters)

    def step(self, parameters: Sequence[Tensor], gradient: Sequence[Tensor], memory: Sequence[Tensor],
             number: int, lr: float) -> tuple[Tensors, Tensors]:
        """(θ, memory) after one step."""
        velocity = tuple(self.momentum * v + g + self.weight_decay * p
                         for v, g, p in zip(memory, gradient, parameters, strict=True))
        return tuple(p - lr * v for p, v in zip(parameters, velocity, strict=True)), velocity


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba, ICLR 2015) as torch.optim.Adam has it: ε is added after the bias correction.

    Memory: the first moments of all parameters, then the second ones. trust: each tensor's step is multiplied by
    ‖θ‖/‖step‖, which is LAMB (You et al., ICLR 2020) without weight decay.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    trust: bool = False

    def memory(self, parameters: Sequence[Tensor]) -> Tensors:
        """Zeros."""
        return tuple(torch.zeros_like(p) for p in (*parameters, *parameters))

    def step(self, parameters: Sequence[Tensor], gradient: Sequence[Tensor], memory: Sequence[Tensor],
             number: int, lr: float) -> tuple[Tensors, Tensors]:
        """(θ, memory) after one step."""
        n, (b1, b2) = len(parameters), self.betas
        first = tuple(b1 * m + (1 - b1) * g for m, g in zip(memory[:n], gradient, strict=True))
        second = tuple(b2 * v + (1 - b2) * g * g for v, g in zip(memory[n:], gradient, strict=True))
        left1, left2 = 1 - b1 ** (number + 1), 1 - b2 ** (number + 1)
        moves = [m / left1 / (_root(v / left2) + self.eps) for m, v in zip(first, second, strict=True)]
        if self.trust:
            moves = [_trust(p, move) * move for p, move in zip(parameters, moves, strict=True)]
        return tuple(p - lr * move for p, move in zip(parameters, moves, strict=True)), (*first, *second)


def _root(squares: Tensor) -> Tensor:
    """√x whose derivative at 0 is 0 and not infinite: a weight that never had a gradient has no number else."""
    some = squares > 0
    return torch.where(some, squares, 1).sqrt() * some


def _trust(parameters: Tensor, move: Tensor) -> Tensor:
    """LAMB's trust ratio, 1 where one of the two is nothing."""
    size, length = parameters.norm(), move.norm()
    return torch.where((size > 0) & (length > 0), size / length, 1.0)
