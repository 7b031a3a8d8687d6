"""Imitating an expert: a student's training steps on the synthetic set, and how the set must change to bring it nearer.

Notation: θ_i the student's parameters after i of N steps of plain SGD, θ_{i+1} = θ_i − η·g_i with g_i the gradient of
the cross-entropy of batch i at θ_i; θ_0 and θ* are states of an expert some epochs apart; P parameters in all,
flattened shallow to deep. The matching loss is ‖θ_N − θ*‖² / ‖θ_0 − θ*‖² over the parameters that count (Cazenavette et
al., MTT, CVPR 2022, eq. 2), and its gradient flows through all N steps to images, labels and η.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ddcore.ops.acceleration import Acceleration
from ddcore.ops.optimisers import Rule

Batch = Callable[[int], tuple[Tensor, Tensor]]
Tensors = tuple[Tensor, ...]
PARTS = {"blocks": "block", "hidden": "hidden layer", "conv": "stem", "norm": "stem"}  # their names for people


class Student:
    """A network in training mode as a function of its parameters, tensors in the order of `network.parameters()`.

    Buffers (running statistics) are the network's own, and are never written. speed: how the arithmetic is done; piece:
    how many images a gradient is taken of at a time, the sum being that of the batch (None: of a whole batch).
    """

    def __init__(self, network: nn.Module, speed: Acceleration | None = None, piece: int | None = None) -> None:
        self._network, self._piece = network.train(), piece
        # Compiled it is no faster on a CPU, whose time goes to the convolutions: 2.1 against 1.95 s for 100 images.
        fast = speed is not None and speed.device.type == "cuda"
        self._compiled = speed.compiled(self._functional, graphs=False) if speed and fast else None
        self._names = [name for name, _ in network.named_parameters()]
        self._shapes = [p.shape for p in network.parameters()]
        self._sizes = [p.numel() for p in network.parameters()]

    def split(self, flat: Tensor) -> Tensors:
        """The parameters in a flat vector (P,): views of it."""
        return tuple(part.view(shape) for part, shape in zip(flat.split(self._sizes), self._shapes, strict=True))

    def logits(self, parameters: Sequence[Tensor], images: Tensor) -> Tensor:
        """(B, classes) of images (B, C, H, W)."""
        named = dict(zip(self._names, parameters, strict=True))
        buffers = {name: b.clone() for name, b in self._network.named_buffers()}
        logits: Tensor = functional_call(self._network, {**named, **buffers}, (images,))
        return logits

    def gradient(self, parameters: Sequence[Tensor], images: Tensor, targets: Tensor, create_graph: bool) -> Tensors:
        """g: of the mean cross-entropy against targets, class numbers (B,) or probabilities (B, classes)."""
        if self._compiled:
            with torch.set_grad_enabled(create_graph):  # else every step would stay in memory
                gradient: Tensors = self._compiled(tuple(parameters), images, targets)
            return gradient
        size = self._piece or len(images)
        parts = [
            torch.autograd.grad(
                F.cross_entropy(self.logits(parameters, x), y) * (len(x) / len(images)),
                list(parameters), create_graph=create_graph,
            )
            for x, y in zip(images.split(size), targets.split(size), strict=True)
        ]
        return parts[0] if len(parts) == 1 else tuple(torch.stack(each).sum(0) for each in zip(*parts, strict=True))

    def _functional(self, parameters: Tensors, images: Tensor, targets: Tensor) -> Tensors:
        """The same gradient, in a form that can be compiled together with the backward pass through it."""

        def loss(weights: Tensors) -> Tensor:
            return F.cross_entropy(self.logits(weights, images), targets)

        gradient: Tensors = torch.func.grad(loss)(parameters)
        return gradient


def layers(network: nn.Module) -> list[tuple[str, int, float]]:
    """(name, parameters, share of all up to its end) of each layer, shallow to deep: a block with its normalisation."""
    sizes: dict[str, int] = {}
    for name, p in network.named_parameters():
        part, number, *_ = name.split(".")
        layer = PARTS.get(part, part) + (f" {int(number) + 1}" if number.isdigit() else "")
        sizes[layer] = sizes.get(layer, 0) + p.numel()
    ends = accumulate(sizes.values())
    total = sum(sizes.values())
    return [(layer, size, end / total) for (layer, size), end in zip(sizes.items(), ends, strict=True)]


def matched_parameters(student: Tensor, target: Tensor, dropped: int, by: str) -> Tensor | slice:
    """The parameters that count, once `dropped` of the P are left out: an index into flat vectors.

    by "depth": the first ones, the shallowest, are dropped (PAD's paper, sec. 3.2); "loss": those with the smallest
    squared error (what PAD's code does). Raises ValueError where nothing would be left.
    """
    if not 0 <= dropped < len(student):
        raise ValueError(f"{dropped} of {len(student)} parameters are to be dropped; some must be left")
    if by == "depth":
        return slice(dropped, None)
    return (student.detach() - target).square().argsort()[dropped:] if dropped else slice(None)


def matching_loss(student: Tensor, start: Tensor, target: Tensor, dropped: int = 0, by: str = "depth") -> Tensor:
    """‖θ_N − θ*‖² / ‖θ_0 − θ*‖² of flat vectors (P,), both over the `matched_parameters`: a scalar.

    1 where the student has come no nearer to the target than it began.
    """
    matched = matched_parameters(student, target, dropped, by)
    return (student - target)[matched].square().sum() / (start - target)[matched].square().sum()


def unrolled(
    student: Student, start: Tensor, batch: Batch, steps: int, lr: Tensor, loss: Callable[[Tensor], Tensor],
    leaves: Sequence[Tensor],
) -> tuple[Tensor, Tensors]:
    """(loss of the student after `steps` steps, its gradients wrt each of `leaves` and lr), all steps remembered.

    start: θ_0, flat; batch(i): images and targets of step i, made from the leaves; loss: of the flat θ_N. The memory
    grows with the steps.
    """
    rate = lr.detach().requires_grad_()
    parameters = student.split(start.detach().clone().requires_grad_())
    for i in range(steps):
        gradient = student.gradient(parameters, *batch(i), create_graph=True)
        parameters = tuple(p - rate * g for p, g in zip(parameters, gradient, strict=True))
    reached = loss(_flat(parameters))
    return reached.detach(), torch.autograd.grad(reached, [*leaves, rate])


def recomputed(
    student: Student, start: Tensor, batch: Batch, steps: int, lr: Tensor, loss: Callable[[Tensor], Tensor],
    leaves: Sequence[Tensor],
) -> tuple[Tensor, Tensors]:
    """As `unrolled`, with the maps of one step remembered at a time; a third to a half more work.

    Only the θ_i are kept, one copy of the weights a step, and each step is computed again on the way back: with
    a_N = ∇loss(θ_N) and a_i = a_{i+1} − η·∇_θ⟨g_i, a_{i+1}⟩, each step gives the leaves −η·∇⟨g_i, a_{i+1}⟩ and η
    −⟨g_i, a_{i+1}⟩. TESLA (Cui et al., ICML 2023) saves memory by taking the θ_i for constants, that is a_i = a_N,
    which is another gradient; this one is exact.
    """
    rate = lr.detach()
    states = [student.split(start.detach())]
    for i in range(steps):
        now = _free(states[-1])
        gradient = student.gradient(now, *_constant(batch(i)), create_graph=False)
        states.append(tuple(p.detach() - rate * g for p, g in zip(now, gradient, strict=True)))
    end = _free(states.pop())
    reached = loss(_flat(end))
    pulled = torch.autograd.grad(reached, list(end))
    to_leaves, to_rate = [torch.zeros_like(leaf) for leaf in leaves], torch.zeros_like(rate)
    for i in reversed(range(steps)):
        now = _free(states.pop())
        gradient = student.gradient(now, *batch(i), create_graph=True)
        product = torch.stack([(g * a).sum() for g, a in zip(gradient, pulled, strict=True)]).sum()
        back = torch.autograd.grad(product, [*leaves, *(now if i else ())])
        for total, part in zip(to_leaves, back, strict=False):
            total.sub_(rate * part)
        to_rate -= product.detach()
        pulled = tuple(a - rate * b for a, b in zip(pulled, back[len(leaves) :], strict=False))
    return reached.detach(), (*to_leaves, to_rate)


def windowed(
    student: Student, start: Sequence[Tensor], rule: Rule, rate: Callable[[int], float], batch: Batch, before: int,
    window: int, loss: Callable[[Tensors], Tensor], leaves: Sequence[Tensor], recompute: bool = False,
) -> tuple[Tensor, Tensors]:
    """(loss of the student after `before` + `window` steps, its gradients wrt each of `leaves`).

    The steps before the window are constants: the gradient flows through the last `window` ones, and what the optimiser
    remembers goes on from the ones before (truncated backpropagation through time). start: θ_0, tensors; rule: the
    optimiser; rate(i): the learning rate of step i; batch(i): its images and targets, made from the leaves; loss: of
    the last θ. recompute: only the states are kept and each step is computed again on the way back, which gives the
    same gradient with the maps of one step in memory.
    """
    parameters, memory = tuple(start), rule.memory(start)
    for i in range(before):
        parameters, memory = _constant_step(student, parameters, memory, rule, rate(i), batch(i), i)
    steps = range(before, before + window)
    if recompute:
        return _window_again(student, parameters, memory, rule, rate, batch, steps, loss, leaves)
    parameters = _free(parameters)
    for i in steps:
        gradient = student.gradient(parameters, *batch(i), create_graph=True)
        parameters, memory = rule.step(parameters, gradient, memory, i, rate(i))
    reached = loss(parameters)
    return reached.detach(), torch.autograd.grad(reached, list(leaves))


def _window_again(
    student: Student, parameters: Tensors, memory: Tensors, rule: Rule, rate: Callable[[int], float], batch: Batch,
    steps: range, loss: Callable[[Tensors], Tensor], leaves: Sequence[Tensor],
) -> tuple[Tensor, Tensors]:
    """The window of `windowed`, with the maps of one step remembered at a time."""
    states = [(parameters, memory)]
    for i in steps:
        states.append(_constant_step(student, *states[-1], rule, rate(i), batch(i), i))
    end = _free(states.pop()[0])
    reached = loss(end)
    pulled = (*torch.autograd.grad(reached, list(end)), *map(torch.zeros_like, memory))
    totals = [torch.zeros_like(leaf) for leaf in leaves]
    for i in reversed(steps):
        now, remembered = map(_free, states.pop())
        gradient = student.gradient(now, *batch(i), create_graph=True)
        after = rule.step(now, gradient, remembered, i, rate(i))
        back = torch.autograd.grad([*after[0], *after[1]], [*leaves, *now, *remembered], pulled, materialize_grads=True)
        for total, part in zip(totals, back, strict=False):
            total.add_(part)
        pulled = back[len(leaves) :]
    return reached.detach(), tuple(totals)


def _constant_step(student: Student, parameters: Tensors, memory: Tensors, rule: Rule, lr: float,
                   batch: tuple[Tensor, Tensor], number: int) -> tuple[Tensors, Tensors]:
    """(θ, memory) after one step through which nothing flows."""
    gradient = student.gradient(_free(parameters), *_constant(batch), create_graph=False)
    with torch.no_grad():
        return rule.step(parameters, gradient, memory, number, lr)


def _flat(parameters: Sequence[Tensor]) -> Tensor:
    return torch.cat([p.flatten() for p in parameters])


def _free(parameters: Sequence[Tensor]) -> Tensors:
    return tuple(p.detach().requires_grad_() for p in parameters)


def _constant(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return batch[0].detach(), batch[1].detach()
