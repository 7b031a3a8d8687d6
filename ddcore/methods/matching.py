"""The parts that DataDAM and DM share, the methods that match random networks' outputs.

At every step real images are drawn from each class, real and synthetic images are augmented alike, a network turns
both into something comparable, and the synthetic images take a momentum step down the gradient of the distance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ddcore.augmentations import STRATEGIES
from ddcore.data import DATASETS
from ddcore.lazy import lazy
from ddcore.methods.base import MADE_ANEW, State, Task
from ddcore.methods.initial import SyntheticConfig, initial_images
from ddcore.params import Param, ParamInfo

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ddcore.ops import acceleration, augment, nets

    Look = Callable[[Tensor], tuple[Tensor, ...]]
else:
    torch = lazy("torch")
    augment, nets, acceleration = (lazy(f"ddcore.ops.{m}") for m in ("augment", "nets", "acceleration"))


class MatchingConfig(SyntheticConfig):
    """The parameters of the image steps and of the real batch."""

    num_iters: int = Param(1000, label="Iterations", symbol="T", ge=1, le=1_000_000, step=100,
                           help="Steps of the images, each with a fresh random network.")
    lr_img: float | None = Param(None, label="Image learning rate", symbol="η_S", gt=0, le=10_000, log=True,
                                 follows=("ipc",), main=True,
                                 help="Step size on the images. It assumes a loss summed over classes. Left empty, the "
                                      "published one: 1, and 10 from 100 images per class.")
    momentum_img: float = Param(0.5, label="Image momentum", ge=0, le=0.999, step=0.1,
                                help="Momentum of the steps on the images.")
    batch_real: int = Param(256, label="Real batch", unit="images per class", ge=1, le=4096, step=16,
                            help="Real images drawn from each class at every step.")
    augment: str = Param("none", label="Augmentation", choices=STRATEGIES,
                         help="Siamese augmentation: real and synthetic images of a class get the same random change.")

    @classmethod
    def params(cls) -> tuple[ParamInfo, ...]:
        """In the order of declaration, but the length of the work comes first in the group "Method"."""
        return tuple(sorted(super().params(), key=lambda p: (p.group == "Method") + (p.name != cls.length_param)))


@dataclass
class LookingState(State):
    """network: the current one; look(images): what is compared of images."""

    network: nets.Net = None  # type: ignore[assignment]
    look: Look = field(default=None, metadata=MADE_ANEW)  # type: ignore[assignment]


@dataclass
class MatchingState(LookingState):
    """velocity: momentum of the images; redrawn: draws the network's weights anew."""

    velocity: Tensor = None  # type: ignore[assignment]
    redrawn: acceleration.Redrawn = field(default=None, metadata=MADE_ANEW)  # type: ignore[assignment]


def start(task: Task, looks: Callable[[Any, nets.Net], Look]) -> MatchingState:
    """The initial images, at rest, and a network; looks(config, network): the function `LookingState.look`."""
    images, labels = initial_images(task)
    network = nets.build(task.config.network, task.config.shape, task.classes, task.config.network_options(),
                         generator=task.generator("network", 0), device=task.device)
    return MatchingState(
        images, labels, velocity=torch.zeros_like(images), network=network,
        look=task.speed.compiled(looks(task.config, network)),
        redrawn=acceleration.Redrawn(network, lambda number: task.generator("network", number), task.speed),
    )


def siamese(task: Task, purpose: tuple[str | int, ...], real: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Both batches augmented, with one draw for each class, shared by its real and synthetic images."""
    if task.config.augment == "none":
        return real, images
    draws = task.generator(*purpose, on="cpu")
    pairs = []
    for syn_c, real_c in zip(images.chunk(task.classes), real.chunk(task.classes), strict=True):
        draw = augment.draw(task.config.augment, draws, task.config.shape)
        pairs.append((augment.apply(real_c, draw), augment.apply(syn_c, draw)))
    return torch.cat([r for r, _ in pairs]), torch.cat([s for _, s in pairs])


def siamese_of(dataset: str) -> dict[str, str]:
    """For presets: each data set with its own siamese strategy."""
    return {"augment": DATASETS[dataset].augment}


def seen(task: Task, state: LookingState, images: Tensor) -> tuple[Tensor, ...]:
    """`LookingState.look` of the images, in pieces unless the network's norm mixes images.

    On a CPU the channels-last layout takes 0.6 to 0.95 of the time of a forward pass, and half of that of a backward
    pass with batch normalisation.
    """
    speed, network = task.speed, state.network.train().requires_grad_(False)
    if task.device.type == "cpu" and not speed.exact:
        network.to(memory_format=torch.channels_last)
    piece = len(images) if task.config.norm == "batch" else speed.piece(network, images)
    parts = [state.look(part) for part in images.split(piece)]
    return tuple(map(torch.cat, zip(*parts, strict=True)))


def both(task: Task, state: MatchingState, *inner: int) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """(the images, `seen` of fresh real images, `seen` of the images): the two sides of a step, augmented alike.

    inner: the number of the image step, where there are several in a step. Only the real side, most of the work and
    averaged over many images, may be in half precision: with the synthetic side in bfloat16 too, DM's gradient moved by
    7 % (ConvNet-3) and 20 % (ConvNet-7 at 128 pixels) instead of 0.4 and 2 %.
    """
    images = state.images.requires_grad_()
    real = task.data.sample(task.config.batch_real, task.generator("real", state.step, *inner))
    real, syn = siamese(task, ("siamese", state.step, *inner), real, images)
    with torch.no_grad(), task.speed.precision():
        target = seen(task, state, real)
    return images, target, seen(task, state, syn)


def descend(task: Task, state: MatchingState, gradient: Tensor) -> None:
    """One step of the images with momentum, in place."""
    state.velocity.mul_(task.config.momentum_img).add_(gradient)
    state.images = state.images.detach().sub_(state.velocity, alpha=task.config.lr_img)
