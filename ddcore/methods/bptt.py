"""BPTT: distillation by backpropagation through training, with a random window (RaT-BPTT, Feng et al., ICLR 2024).

What a synthetic set is for is learnt directly. At every iteration a fresh network takes k steps on the set, k drawn
anew, which are taken as they are; then W more, through which the loss of the network that comes out, on a batch of
real images, flows back to the pixels:

    L = CE(real batch; θ_{k+W}),   θ_{i+1} = θ_i − step of the inner optimiser on the set at θ_i,   θ_k a constant

k is uniform in 0..T − W, T being the longest path. The images then take a step of Adam along the gradient, whose norm
is clipped at twice its moving average. The inner optimiser is Adam, as published, or that of an evaluation protocol,
with its step size at that step, its momentum, decay and batch, so that a set is distilled for the way in which it will
be judged.

What the published code (fengyzpku/Simple_Dataset_Distillation) does beyond its paper: k is drawn once in ten updates
unless `--complete_random` is given; the moving average takes the current norm in before it is held against it, so that
clipping acts above 2.25 times the old average; the epoch, and how long networks learn, are chosen on the test set; its
unrolling library adds Adam's ε before the bias correction, which changes gradients by up to 7 % where k is 0.

Departures from it: k is drawn at every iteration; ε as torch has it; nothing is chosen on the test set, and the last
images are the result; labels stay hard; the real batch has equally many images of each class and is not augmented; the
inner batches are passes through the set in drawn orders, without a fixed number of each class. Boosting, in the paper
alone, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ddcore.augmentations import STRATEGIES
from ddcore.data import DATASETS
from ddcore.lazy import lazy
from ddcore.methods import matching, quick, students
from ddcore.methods.base import MADE_ANEW, Method, State, Task
from ddcore.methods.initial import SyntheticConfig, initial_images
from ddcore.params import Param
from ddcore.presets import Preset
from ddcore.protocols import PROTOCOLS
from ddcore.settings import TrainConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F

    from ddcore.ops import acceleration, augment, nets, optimisers, train, unroll
else:
    torch, F = lazy("torch"), lazy("torch.nn.functional")
    acceleration, augment, nets, optimisers, train, unroll = (
        lazy(f"ddcore.ops.{m}") for m in ("acceleration", "augment", "nets", "optimisers", "train", "unroll"))

ADAM = "adam"  # the inner optimiser as published; the others are protocols
DECAY, CLIP = 0.9, 2.0  # of the gradient norm's moving average; the norm is cut at so many times it, as published


def is_adam(values: Mapping[str, Any]) -> bool:
    """Whether the inner optimiser is the published one."""
    return bool(values["inner"] == ADAM)


class BPTTConfig(SyntheticConfig):
    """The parameters of BPTT."""

    length_param: ClassVar[str] = "num_iters"

    init: Literal["real", "noise", "unit-noise", "real+noise", "kcenter"] = Param(  # type: ignore[assignment]
        "real", label="Initialisation", group="Small set", short="", main=True,
        help="Where the images start: random real images, Gaussian noise, noise of length 1 as published (nearly "
        "grey), real images with noise added, or real images that cover each class (K-Center).",
    )
    num_iters: int = Param(1000, label="Iterations", ge=1, le=1_000_000, step=100,
                           help="Updates of the images, each through the training of a fresh network.")
    window: int = Param(20, label="Window", symbol="W", unit="steps", ge=1, le=1000, step=5, main=True,
                        help="Training steps that the gradient flows back through, the last of each path.")
    longest_path: int = Param(60, label="Longest path", symbol="T", unit="steps", ge=1, le=100_000, step=10, main=True,
                              help="Networks take a random number of steps on the set before the window, so that a "
                                   "path has W to T steps in all.")
    inner: str = Param(ADAM, label="Inner optimiser", choices=lambda: (ADAM, *PROTOCOLS), main=True,
                       help="How networks learn from the set: Adam, as published, or the way of an evaluation "
                            "protocol, so that the set is made for it.")
    lr_inner: float = Param(1e-3, label="Inner learning rate", gt=0, le=1, log=True, used=is_adam,
                            help="Step size of the inner Adam; a protocol has its own.")
    batch_syn: int | None = Param(None, label="Synthetic batch", unit="images", ge=1, le=8192, step=10,
                                  follows=("ipc", "inner"),
                                  help="Synthetic images in a training step; left empty, all and at most 1,000, or "
                                       "those of the protocol.")
    lr_img: float = Param(1e-3, label="Image learning rate", gt=0, le=10_000, log=True,
                          help="Step size of Adam on the images, in standard deviations of the data.")
    batch_real: int = Param(100, label="Real batch", unit="images per class", ge=1, le=4096, step=16,
                            help="Real images of each class that judge the network at the end of a path.")
    augment: str = Param("none", label="Augmentation", choices=STRATEGIES,
                         help="Of the synthetic images in every training step, drawn for each of them.")
    unroll: Literal["plain", "recompute"] = Param(
        "plain", label="Memory", help="'plain' remembers all steps of the window; 'recompute' one at a time: the same "
        "gradient for a third more work.",
    )

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = super().fill(values)
        dataset, ipc, inner = (values.get(name, cls.model_fields[name].default) for name in ("dataset", "ipc", "inner"))
        if dataset in DATASETS and str(ipc).isdecimal() and (inner == ADAM or inner in PROTOCOLS):
            most = students.LARGEST_BATCH if inner == ADAM else PROTOCOLS[inner].training("none").batch_size
            values.setdefault("batch_syn", max(1, min(students.size(dataset, int(ipc)), most)))
        return values

    def key_values(self) -> dict[str, Any]:
        """What a protocol says enters the key with its name; Adam's step size only where it is used."""
        values = super().key_values()
        if self.inner == ADAM:
            return values
        del values["lr_inner"]
        return {**values, "training": {n: v for n, v in self.training().values().items() if n != "augment"}}

    def problems(self) -> list[str]:
        problems, size = super().problems(), students.size(self.dataset, self.ipc)
        if self.window > self.longest_path:
            problems.append(f"window must be at most {self.longest_path}, the longest path, got {self.window}")
        if (self.batch_syn or 0) > size:
            problems.append(f"batch_syn must be at most {size}, the synthetic images, got {self.batch_syn}")
        if self.inner != ADAM and self.longest_path > (steps := self.training().optimiser_steps(size)):
            problems.append(f"longest_path must be at most {steps}, the steps of {self.inner} on {size} images in "
                            f"batches of {self.batch_syn}, got {self.longest_path}")
        return problems

    def training(self) -> TrainConfig:
        """The protocol's way of learning, with this batch and augmentation. UnknownName where the optimiser is Adam."""
        own = PROTOCOLS[self.inner].training("none")
        return own.replace(batch_size=self.batch_syn, augment=self.augment)


@dataclass
class BPTTState(State):
    """moments: of Adam on the images (2, images…); usual_norm: moving average of the gradient's, 0-dim; network: of the
    students' architecture; student: that network as a function of its parameters; redrawn: draws its weights anew."""

    moments: Tensor = None  # type: ignore[assignment]
    usual_norm: Tensor = None  # type: ignore[assignment]
    network: nets.Net = None  # type: ignore[assignment]
    student: unroll.Student = field(default=None, metadata=MADE_ANEW)  # type: ignore[assignment]
    redrawn: acceleration.Redrawn = field(default=None, metadata=MADE_ANEW)  # type: ignore[assignment]


def start(task: Task) -> BPTTState:
    """The first images, and nothing learnt."""
    config = task.config
    images, labels = first_images(task)
    network = nets.build(config.network, config.shape, task.classes, config.network_options(),
                         task.generator("network", 0), task.device)
    piece = None if config.norm == "batch" else task.speed.piece(network, images[: config.batch_syn])
    return BPTTState(
        images, labels, moments=torch.zeros_like(images).repeat(2, 1, 1, 1, 1),
        usual_norm=torch.zeros((), device=task.device), network=network,
        student=unroll.Student(network, task.speed, piece),
        redrawn=acceleration.Redrawn(network, lambda number: task.generator("network", number), task.speed),
    )


def first_images(task: Task) -> tuple[Tensor, Tensor]:
    """(images, labels): those of every method, or noise each image of which is as a vector of length 1."""
    if task.config.init != "unit-noise":
        return initial_images(task)
    labels = torch.arange(task.classes, device=task.device).repeat_interleave(task.config.ipc)
    noise = torch.randn((len(labels), *task.config.shape), generator=task.generator("init noise"), device=task.device)
    return F.normalize(noise.flatten(1)).view_as(noise), labels


def step(task: Task, state: BPTTState) -> dict[str, Tensor]:
    """One update of the images, through the window of a fresh network's training."""
    before = steps_before(task, state.step)
    loss, gradient = gradient_of_images(task, state, before)
    norm = gradient.norm()
    state.usual_norm = norm if state.step == 0 else DECAY * state.usual_norm + (1 - DECAY) * norm
    gradient = gradient * clipping(norm, state.usual_norm)
    (images,), moments = optimisers.Adam().step(
        [state.images.detach()], [gradient], state.moments.unbind(), state.step, task.config.lr_img
    )
    state.images, state.moments = images, torch.stack(moments)
    return {"loss": loss, "grad_norm": norm, "before": torch.full((), float(before), device=task.device)}


def steps_before(task: Task, number: int) -> int:
    """k of this iteration: uniform in 0..T − W."""
    most = task.config.longest_path - task.config.window
    return int(torch.randint(most + 1, (), generator=task.generator("before", number, on="cpu")))


def clipping(norm: Tensor, usual: Tensor) -> Tensor:
    """The factor that brings a gradient of this norm to CLIP times the usual one, where it is larger."""
    return (CLIP * usual / (norm + 1e-6)).clamp(max=1)


def gradient_of_images(task: Task, state: BPTTState, before: int) -> tuple[Tensor, Tensor]:
    """(loss on a real batch after `before` + W steps of a fresh network on the set, its gradient wrt the images)."""
    config, student, images = task.config, state.student, state.images.requires_grad_()
    state.redrawn.draw(state.step)
    begin = [p.detach().clone() for p in state.network.parameters()]
    real = task.data.sample(config.batch_real, task.generator("real", state.step))
    classes = torch.arange(task.classes, device=task.device).repeat_interleave(config.batch_real)
    batches = students.batches(task, len(images), before + config.window, state.step)

    def batch(i: int) -> tuple[Tensor, Tensor]:
        indices, draw = batches[i]
        return augment.apply(images[indices], draw), state.labels[indices]

    rule, rate = inner(config, len(images))
    loss, (gradient,) = unroll.windowed(
        student, begin, rule, rate, batch, before, config.window,
        lambda reached: F.cross_entropy(student.logits(reached, real), classes), [images], config.unroll == "recompute",
    )
    return loss, gradient


def inner(config: BPTTConfig, images: int) -> tuple[optimisers.Rule, Callable[[int], float]]:
    """(the inner optimiser, its learning rate at each step) on so many images."""
    if config.inner == ADAM:
        return optimisers.Adam(), lambda i: config.lr_inner
    setting = train.Setting(**config.training().training_values())
    return optimisers.SGD(setting.momentum, setting.weight_decay), lambda i: setting.rate(i, images)


def steps(config: BPTTConfig) -> int:
    """The iterations."""
    return config.num_iters


def cost(config: BPTTConfig, macs: int, classes: int) -> int:
    """Multiply-adds of a whole run.

    An image and step before the window take three forward passes' work, one of the window nine, or twelve where it is
    recomputed, and the real images three.
    """
    back = 9 if config.unroll == "plain" else 12
    synthetic = (config.batch_syn or 0) * (3 * _before(config) + back * config.window)
    return int(config.num_iters * (synthetic + 3 * classes * config.batch_real) * macs)


def rounds(config: BPTTConfig) -> int:
    """Training steps, those that are computed again too."""
    return int(config.num_iters * (_before(config) + config.window * (1 if config.unroll == "plain" else 2)))


def _before(config: BPTTConfig) -> float:
    """The mean number of steps before the window."""
    return (config.longest_path - config.window) / 2


PRESETS = (
    Preset("quick", "A short run for a small CPU: a narrow network (MNIST: width 16), short paths in the way of the "
                    "protocol quick. Minutes on two cores; on MNIST a little better than random real images, and "
                    "less than DM.",
           {"num_iters": 300, "window": 10, "longest_path": 40, "inner": "quick", "lr_img": 0.02},
           {"digits": {"augment": "none"}},
           lambda dataset: {**quick.network(dataset), **quick.real_batch(dataset, 392_000),
                            **quick.small_set(dataset, 102_400), **matching.siamese_of(dataset)}),
    Preset("paper", "As published for CIFAR-10 at IPC 10: window 60 of at most 200 steps, inner and outer Adam at "
                    "0.001, 500 real images per class, from noise of length 1. Wants a large GPU; the number of "
                    "updates is ours, as the published code chooses it on the test set.",
           {"num_iters": 20_000, "window": 60, "longest_path": 200, "inner": ADAM, "lr_inner": 1e-3, "lr_img": 1e-3,
            "batch_real": 500, "init": "unit-noise", "norm": "instance", "ipc": 10, "unroll": "recompute"},
           of_dataset=matching.siamese_of),
)

LEAD = """
A fresh network learns from the synthetic images for some steps; BPTT asks how each pixel should change so that this
network, at the end, **gets real images right**, and follows that answer back through its last training steps.
"""

METHOD = Method(
    name="bptt", title="BPTT",
    summary="Learns what a set is for: real images judge networks trained on it, and the error flows back through the "
            "training.",
    paper="Feng et al., Embarrassingly Simple Dataset Distillation (RaT-BPTT), ICLR 2024",
    url="https://arxiv.org/abs/2311.07025",
    Config=BPTTConfig, start=start, step=step, steps=steps, cost=cost, rounds=rounds, presets=PRESETS,
    curves={"loss": "Loss on real images at the end of the path", "grad_norm": "Gradient norm of the images",
            "before": "Steps before the window"},
    half=False, rank=35, lead=LEAD, symbol="history",
)
