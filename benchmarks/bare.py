"""The convolutions of a step, alone: what is left when everything else costs nothing.

Each layer's convolution runs on memory of the right shape that is already there, in the best of both layouts and of
several numbers of images at once, chosen for each layer by trying; precision as in the work that it is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddcore.ops import device
from ddcore.ops.nets import Net

PIECES = {"cpu": (4, 8, 16, 32, 64, 128), "cuda": (256, 1024, 4096)}
TRIED = 64  # images that a CPU tries each way on
LAYOUTS = (torch.contiguous_format, torch.channels_last)


@dataclass(frozen=True)
class Work:
    """What is computed of so many images.

    kind: "forward"; "images", forward and the gradient to the images; "weights", forward and the gradient to the
    weights, on which networks are trained; "twice", forward, both gradients, and the way back through all three.
    at_once: how many of the images there are at a time.
    """

    images: int
    kind: str
    at_once: int


@dataclass(frozen=True)
class Layer:
    """A convolution and what it is given, (C, H, W)."""

    conv: nn.Conv2d
    shape: tuple[int, ...]
    first: bool


class Bare:
    """The convolutions of a network on this work, each in the way that was found fastest; a call runs them all once."""

    def __init__(self, network: Net, shape: Sequence[int], work: Sequence[Work], where: torch.device, half: bool):
        self.runs: list[tuple[Callable[[], None], int]] = []
        for layer in layers(network, shape, where):
            for one in work:
                lowered = half and one.kind == "forward"  # only the real images are seen in half precision
                self.runs.append(_fastest(layer, one, where, torch.bfloat16 if lowered else torch.float32))

    def __call__(self) -> None:
        for run, times in self.runs:
            for _ in range(times):
                run()


@torch.no_grad()
def layers(network: Net, shape: Sequence[int], where: torch.device) -> list[Layer]:
    """The convolutions of a network for images (C, H, W), shallow to deep."""
    found: list[Layer] = []
    hooks = [
        module.register_forward_pre_hook(lambda conv, given: found.append(Layer(conv, given[0].shape[1:], not found)))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    network.embed(torch.zeros(2, *shape, device=where))
    for hook in hooks:
        hook.remove()
    return found


def _fastest(layer: Layer, work: Work, where: torch.device, dtype: torch.dtype) -> tuple[Callable[[], None], int]:
    """(the fastest way, how often it runs to have done all images)."""
    most = min(work.at_once, TRIED) if where.type == "cpu" else work.at_once
    pieces = sorted({min(piece, most) for piece in PIECES[where.type]})
    found = []
    for layout in LAYOUTS:
        for piece in pieces:
            run = _run(layer, work.kind, piece, layout, where, dtype)
            run()
            times = -(-most // piece)
            seconds = min(_seconds(run, times, where) for _ in range(2)) / (times * piece)
            found.append((seconds, piece, layout))
    _, piece, layout = min(found, key=lambda one: one[0])
    return _run(layer, work.kind, piece, layout, where, dtype), -(-work.images // piece)


def _seconds(run: Callable[[], None], times: int, where: torch.device) -> float:
    began = device.now(where)
    for _ in range(times):
        run()
    return device.now(where) - began


def _run(
    layer: Layer, kind: str, images: int, layout: torch.memory_format, where: torch.device, dtype: torch.dtype
) -> Callable[[], None]:
    """This convolution on so many images, in a layout."""

    def made(like: Tensor | tuple[int, ...]) -> Tensor:
        shape = like.shape if isinstance(like, Tensor) else like
        return torch.randn(shape, device=where, dtype=dtype).contiguous(memory_format=layout)

    padding = layer.conv.padding
    x, w = made((images, *layer.shape)), made(layer.conv.weight)
    b = torch.zeros(len(w), device=where, dtype=dtype)
    assert not isinstance(padding, str)

    def forward() -> Tensor:
        return F.conv2d(x, w, b, padding=padding)

    with torch.no_grad():
        y = made(forward())
    x.requires_grad_(kind in ("images", "twice") or (kind == "weights" and not layer.first))
    w.requires_grad_(kind in ("weights", "twice"))
    leaves = [t for t in (x, w) if t.requires_grad]
    if kind == "twice":
        # A student's step asks for no gradient to its images; only the way back through it does.
        learnt = [w] if layer.first else leaves
        pulled, back = made(y).requires_grad_(), [made(t) for t in learnt]

        def twice() -> None:
            out = forward()
            gradients = torch.autograd.grad(out, learnt, pulled, create_graph=True)
            torch.autograd.grad([out, *gradients], [*leaves, pulled], [y, *back])

        return twice

    def there_and_back() -> None:
        with torch.set_grad_enabled(bool(leaves)):
            out = forward()
        if leaves:
            torch.autograd.grad(out, leaves, y)

    return there_and_back
