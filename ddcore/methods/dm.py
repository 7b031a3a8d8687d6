"""DM: distillation by distribution matching (Zhao & Bilen, WACV 2023).

For a network with random weights, the mean embedding of the synthetic images of each class is brought to that of the
real ones:

    L = Σ_c ‖mean ψ(A(real_c)) − mean ψ(A(syn_c))‖²

ψ is the flattened output of the network's body, A a siamese augmentation with one draw for each class and step, shared
by real and synthetic images. Squares are summed over features and classes; the published learning rates assume it.
Every step draws a fresh network, which is never trained.

Two other distances of the same embeddings are offered, class by class, summed: that of their characteristic functions
at random frequencies, new for each class and step, which knows more of a distribution than its mean (NCFM, Wang et al.,
CVPR 2025; its released settings sample the frequencies, as here, without the learnt part that its title names; its
networks have learnt a little, here they are random), and the maximum mean discrepancy with a Gaussian kernel.

As in the published code, batch normalisation sees all classes in one forward pass, real and synthetic apart. Departures
from it: draws come from explicit generators instead of the clock; the loss that is recorded is the sum (there it is
divided by the number of classes); where no normalisation mixes images they are not embedded class by class but in the
fastest way, which gives the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ddcore.lazy import lazy
from ddcore.methods import matching, quick
from ddcore.methods.base import Method, Task
from ddcore.methods.matching import MatchingConfig, MatchingState
from ddcore.params import Param
from ddcore.presets import Preset

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ddcore.ops import losses, nets
else:
    torch = lazy("torch")
    losses, nets = lazy("ddcore.ops.losses"), lazy("ddcore.ops.nets")

FREQUENCIES = 4096  # of the published settings
LARGE_IPC = 100  # from here on the published learning rate is ten times as high


class DMConfig(MatchingConfig):
    """The parameters of DM."""

    length_param: ClassVar[str] = "num_iters"

    distance: Literal["mean", "characteristic", "mmd"] = Param(
        "mean", label="Distance", help="What of the embeddings is brought together: their means, as published; their "
        "characteristic functions at random frequencies (NCFM); or all of them, by a Gaussian kernel (MMD). Losses "
        "differ in size, so each wants its own learning rate.",
    )

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = super().fill(values)
        values.setdefault("lr_img", 10.0 if _is_large(values.get("ipc", 0)) else 1.0)
        return values


def _is_large(ipc: Any) -> bool:
    """Whether so many images per class take the higher rate; False for anything but a number (reported later)."""
    try:
        return float(ipc) >= LARGE_IPC
    except (TypeError, ValueError):
        return False


def looks(config: DMConfig, network: nets.Net) -> matching.Look:
    """What is compared: the embedding ψ of an image."""

    def look(images: Tensor) -> tuple[Tensor, ...]:
        return (network.embed(images),)

    return look


def step(task: Task, state: MatchingState) -> dict[str, Tensor]:
    """One step of the images down the distance in a fresh network."""
    state.redrawn.draw(state.step)
    images, (real,), (syn,) = matching.both(task, state)
    loss = distance(task, state.step, real, syn)
    (gradient,) = torch.autograd.grad(loss, images)
    matching.descend(task, state, gradient)
    return {"loss": loss.detach(), "grad_norm": gradient.norm()}


def distance(task: Task, number: int, real: Tensor, syn: Tensor) -> Tensor:
    """The chosen distance of embeddings sorted by class in step `number`, summed over the classes."""
    if task.config.distance == "mean":
        return losses.feature_loss(real, syn, task.classes)
    pairs = list(zip(real.chunk(task.classes), syn.chunk(task.classes), strict=True))
    if task.config.distance == "mmd":
        return torch.stack([losses.kernel_mmd(*pair) for pair in pairs]).sum()
    draws = task.generator("frequencies", number)
    return torch.stack([
        losses.characteristic_loss(
            *pair, torch.randn(FREQUENCIES, real.shape[1], generator=draws, device=task.device)
        ) for pair in pairs
    ]).sum()


def steps(config: DMConfig) -> int:
    """T iterations."""
    return config.num_iters


def cost(config: DMConfig, macs: int, classes: int) -> int:
    """Multiply-adds of a whole run; a backward pass to the images costs as much as the forward one."""
    return config.num_iters * classes * (config.batch_real + 2 * config.ipc) * macs


PRESETS = (
    Preset("quick", "A short run for a small CPU: at most 200 large steps with a narrow network (MNIST: width 16, 128 "
                    "real images per class). MNIST takes about a minute on two cores.",
           {"num_iters": 200, "lr_img": 5.0, "batch_real": 128, "ipc": 10},
           {"digits": {"num_iters": 100, "batch_real": 32, "augment": "none"},
            "mhist": {"num_iters": 100, "batch_real": 64, "lr_img": 30.0}},
           lambda dataset: {**quick.network(dataset), **quick.real_batch(dataset, 1_003_520),
                            **matching.siamese_of(dataset)}),
    Preset("paper", "As published: 20,000 steps from real images with 256 real images per class, siamese augmentation, "
                    "lr_img 1, and 10 from 100 images per class. Wants a GPU.",
           {"num_iters": 20_000, "momentum_img": 0.5, "batch_real": 256, "init": "real", "norm": "instance"},
           of_dataset=matching.siamese_of),
    Preset("noise", "From Gaussian noise, 1,000 steps: how images emerge, as a course project showed it at steps 0, "
                    "500 and 1000.",
           {"num_iters": 1000, "momentum_img": 0.5, "batch_real": 256, "init": "noise"},
           of_dataset=matching.siamese_of),
)

LEAD = """
A random network turns every image into features; DM moves the synthetic images until, class by class, their
**mean features** are those of the real images, each time with a fresh network that is never trained.
"""

METHOD = Method(
    name="dm", title="DM",
    summary="Matches where real and synthetic images lie: their mean embeddings in random networks.",
    paper="Zhao & Bilen, Dataset Condensation with Distribution Matching, WACV 2023",
    url="https://arxiv.org/abs/2110.04181",
    Config=DMConfig, start=lambda task: matching.start(task, looks), step=step, steps=steps, cost=cost, presets=PRESETS,
    curves={"loss": "Loss (sum over classes)", "grad_norm": "Gradient norm of the images"},
    version=2, rank=20, lead=LEAD, symbol="scatter_plot",
)
