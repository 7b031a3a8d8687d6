"""DataDAM: distillation by attention matching (Sajedi et al., ICCV 2023).

For a network with random weights, the class means of the spatial attention maps of synthetic and real images are
brought together, layer by layer, and so are the means of the last features:

    L = 100·Σ_l Σ_c ‖mean z_l(real_c) − mean z_l(syn_c)‖²  +  100·λ·Σ_c ‖mean f(real_c) − mean f(syn_c)‖²

z_l is Σ_channels |f_l|^p, flattened and ℓ2-normalised per image (ops.attention). All sums are sums; the factor 100 is
the published code's and every published learning rate assumes it.

The loop is that of the course: K times a network is drawn; T times the images take ζ_S steps, and between them (not
after the last) the network takes ζ_θ epochs on the synthetic set. T = 1 is DataDAM as published: a fresh network for
every step, never trained.

Paper and released code disagree; both are presets. Paper: p = 4, instance norm, 8,000 iterations. Code: p = 1, batch
norm, batch 64, 20,000 iterations. Departures from both: draws come from explicit generators instead of the clock;
nothing is selected on the test set; the siamese strategy is the data set's (no flip for digits); instance normalisation
is taken in one joint forward of all classes, which is the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ddcore.lazy import lazy
from ddcore.methods import matching, quick
from ddcore.methods.base import MADE_ANEW, Method, Task
from ddcore.methods.matching import MatchingConfig, MatchingState
from ddcore.params import Param
from ddcore.presets import Preset

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch import func as functions
    from torch.nn import functional as F

    from ddcore.ops import attention as attentions
    from ddcore.ops import augment, losses, nets

    Tensors = tuple[Tensor, ...]
    Learn = Callable[[Tensors, Tensor, Tensor], Tensors]
else:
    torch, functions, F = lazy("torch"), lazy("torch.func"), lazy("torch.nn.functional")
    attentions, augment, losses, nets = (lazy(f"ddcore.ops.{m}") for m in ("attention", "augment", "losses", "nets"))

# The two gradients are taken apart at every fifth step only: it costs one more backward pass.
GRADIENT_NORM_EVERY = 5


def several(values: Mapping[str, Any]) -> bool:
    """Whether a network sees more than one iteration: between two it may be trained."""
    return bool(values["num_iters"] > 1)


def trained(values: Mapping[str, Any]) -> bool:
    """Whether the networks are trained at all."""
    return several(values) and bool(values["net_steps"])


class DataDAMConfig(MatchingConfig):
    """The parameters of DataDAM, with the paper's symbols."""

    length_param: ClassVar[str] = "num_inits"

    num_inits: int = Param(100, label="Network draws", symbol="K", ge=1, le=100_000, step=10,
                           help="How many random networks are drawn, one after another. More means longer and better.")
    num_iters: int = Param(10, label="Iterations per network", symbol="T", ge=1, le=1000, step=1,
                           help="Image updates before the next network is drawn. 1 is DataDAM as published.")
    img_steps: int = Param(1, label="Image steps", symbol="ζ_S", ge=1, le=100, step=1,
                           help="Gradient steps on the images in each iteration.")
    net_steps: int = Param(50, label="Network epochs", symbol="ζ_θ", ge=0, le=1000, step=10, used=several,
                           help="Epochs the network trains on the synthetic set between two iterations (not after the "
                                "last).")
    lr_img: float = Param(0.1, label="Image learning rate", symbol="η_S", gt=0, le=10_000, log=True, main=True,
                          help="Step size on the images. It assumes summed losses, times 100, as published.")
    lr_net: float = Param(0.01, label="Network learning rate", symbol="η_θ", gt=0, le=10, log=True, used=trained,
                          help="Step size of the network's training on the synthetic set; no effect where T is 1.")
    lambda_task: float = Param(0.01, label="Task balance", symbol="λ", ge=0, le=100, step=0.01, log=True,
                               main=True, help="Weight of the feature term against the attention term.")
    attn_power: float = Param(4.0, label="Attention power", symbol="p", gt=0, le=8, step=1,
                              help="Exponent of the activations in the attention map. The paper prints 4, "
                                   "the code runs 1.")
    layers: Literal["all-but-last", "all"] = Param(
        "all-but-last", label="Layers matched",
        help="Whose attention maps are matched. As published, all but the last; the last enters as features.",
    )
    batch_syn: int = Param(256, label="Synthetic batch", unit="images", ge=1, le=4096, step=16, used=trained,
                           help="Batch size when the network trains on the synthetic set.")

    def problems(self) -> list[str]:
        problems = super().problems()
        if self.network == "mlp":
            problems.append("network must have spatial maps: an mlp attends to no place, so there is nothing to match")
        if self.depth == 1 and self.layers == "all-but-last":
            problems.append("depth must be at least 2 with layers all-but-last, got 1: no layer would be left to match")
        return problems


@dataclass
class DataDAMState(MatchingState):
    """learn(weights, images, labels): the network's weights after one step of its training."""

    learn: Learn = field(default=None, metadata=MADE_ANEW)  # type: ignore[assignment]


def start(task: Task) -> DataDAMState:
    """The same start as DM's, and the network's training step."""
    state = DataDAMState(**vars(matching.start(task, looks)))
    # On a CPU it is no faster compiled: 0.53 against 0.45 s for 100 images.
    traced = task.device.type == "cuda" and task.speed.compiles
    learn = learning(state.network, task.config.lr_net, traced)
    state.learn = task.speed.compiled(learn) if traced else learn
    return state


def learning(network: nets.Net, lr: float, traced: bool) -> Learn:
    """A step of plain SGD (no momentum, no decay) as a function of the weights, so that a GPU replays it as one graph.

    traced: in the form that a compiler sees through, whose gradients are rounded otherwise. Running statistics are not
    written: nothing reads them.
    """
    names = [name for name, _ in network.named_parameters()]

    def loss(weights: Tensors, images: Tensor, labels: Tensor) -> Tensor:
        buffers = {name: b.clone() for name, b in network.named_buffers()}
        tensors = {**dict(zip(names, weights, strict=True)), **buffers}
        return F.cross_entropy(functions.functional_call(network, tensors, (images,)), labels)

    def gradients(weights: Tensors, images: Tensor, labels: Tensor) -> Tensors:
        if traced:
            gradient: Tensors = functions.grad(loss)(weights, images, labels)
            return gradient
        free = tuple(w.detach().requires_grad_() for w in weights)
        with torch.enable_grad():
            return torch.autograd.grad(loss(free, images, labels), free)

    def learn(weights: Tensors, images: Tensor, labels: Tensor) -> Tensors:
        return torch._foreach_add(weights, gradients(weights, images, labels), alpha=-lr)

    return learn


def looks(config: DataDAMConfig, network: nets.Net) -> matching.Look:
    """What is compared: the attention of each layer that is matched (N, H·W), then the last features (N, F)."""
    last, power = None if config.layers == "all" else -1, config.attn_power

    def look(images: Tensor) -> tuple[Tensor, ...]:
        maps, features = network.maps(images)
        return (*(attentions.attention(layer, power) for layer in maps[:last]), features)

    return look


def step(task: Task, state: DataDAMState) -> dict[str, Tensor]:
    """One iteration: ζ_S image steps and, unless it is this network's last, ζ_θ epochs on the images."""
    draw, iteration = divmod(state.step, task.config.num_iters)
    if iteration == 0:
        state.redrawn.draw(draw)
    for inner in range(task.config.img_steps):
        recorded = move_images(task, state, inner)
    if iteration < task.config.num_iters - 1:
        train_network(task, state)
    return recorded


def move_images(task: Task, state: MatchingState, inner: int) -> dict[str, Tensor]:
    """One momentum step of the images down the matching loss; returns losses and gradient norms."""
    config = task.config
    images, real, syn = matching.both(task, state, inner)
    attention = losses.attention_distance(real[:-1], syn[:-1], task.classes).sum()
    feature = 100 * config.lambda_task * losses.feature_loss(real[-1], syn[-1], task.classes)
    recorded = {"loss": attention + feature, "loss_attention": attention, "loss_feature": feature}
    if state.step % GRADIENT_NORM_EVERY == 0:
        (from_attention,) = torch.autograd.grad(attention, images, retain_graph=True)
        (from_feature,) = torch.autograd.grad(feature, images)
        gradient = from_attention + from_feature
        recorded |= {"grad_attention": from_attention.norm(), "grad_feature": from_feature.norm()}
    else:
        (gradient,) = torch.autograd.grad(recorded["loss"], images)
    matching.descend(task, state, gradient)
    return {name: value.detach() for name, value in recorded.items()}


def train_network(task: Task, state: DataDAMState) -> None:
    """ζ_θ epochs of plain SGD on the synthetic set, in the order DC uses.

    Augmentation draws for each image here, as published: the shared draw is for matching.
    """
    config, network = task.config, state.network.train()
    if task.device.type == "cpu":  # in the plain layout a training step takes 0.65 of the time
        network.to(memory_format=torch.contiguous_format)
    weights = tuple(p.detach() for p in network.parameters())
    draws = task.generator("inner", state.step)
    changes = task.generator("inner siamese", state.step, on="cpu")
    for _ in range(config.net_steps):
        order = torch.randperm(len(state.labels), generator=draws, device=task.device)
        for batch in order.split(config.batch_syn):
            drawn = augment.draw(config.augment, changes, config.shape, images=len(batch))
            x = augment.apply(state.images[batch], drawn)
            with torch.no_grad():
                weights = state.learn(weights, x, state.labels[batch])
    with torch.no_grad():
        torch._foreach_copy_(list(network.parameters()), list(weights))


def steps(config: DataDAMConfig) -> int:
    """K·T iterations."""
    return config.num_inits * config.num_iters


def cost(config: DataDAMConfig, macs: int, classes: int) -> int:
    """Multiply-adds of a whole run; a backward pass to the images costs as much as the forward one."""
    synthetic = classes * config.ipc
    matching = steps(config) * config.img_steps * (classes * config.batch_real + 2 * synthetic)
    training = config.num_inits * (config.num_iters - 1) * config.net_steps * synthetic * 3
    return (matching + training) * macs


PRESETS = (
    Preset("quick", "A short run for a small CPU: DataDAM as published (a fresh network per step) with few real "
                    "images, and for MNIST a narrow network (width 16). Less than a minute on two cores.",
           {"num_inits": 150, "num_iters": 1, "net_steps": 0, "lr_img": 10.0, "attn_power": 1.0, "batch_real": 32,
            "ipc": 10},
           {"digits": {"num_inits": 100, "lr_img": 1.0, "batch_real": 32},
            "mhist": {"num_inits": 60, "batch_real": 32}},
           lambda dataset: {**quick.network(dataset), **quick.real_batch(dataset, 250_880)}),
    Preset("course", "The course's hand-out (Table 1): K = 100, T = 10, the network trains 50 epochs on the images "
                     "between steps. MHIST: K = 200, IPC 50, batch 128.",
           {"num_inits": 100, "num_iters": 10, "img_steps": 1, "net_steps": 50, "lr_img": 0.1, "lr_net": 0.01,
            "lambda_task": 0.01, "ipc": 10, "batch_real": 256, "batch_syn": 256},
           {"mhist": {"num_inits": 200, "ipc": 50, "batch_real": 128, "batch_syn": 128}}),
    Preset("paper", "As the paper prints it: fresh network per iteration, p = 4, instance norm, 8,000 iterations, "
                    "lr_img 1.",
           {"num_inits": 8000, "num_iters": 1, "net_steps": 0, "lr_img": 1.0, "lambda_task": 0.01, "attn_power": 4.0,
            "norm": "instance", "batch_real": 256},
           of_dataset=matching.siamese_of),
    Preset("code", "As the authors' code runs: p = 1, batch norm, 64 real images per class, 20,000 iterations.",
           {"num_inits": 20_000, "num_iters": 1, "net_steps": 0, "lr_img": 1.0, "lambda_task": 0.01, "attn_power": 1.0,
            "norm": "batch", "batch_real": 64, "batch_syn": 64},
           of_dataset=matching.siamese_of),
)

LEAD = """
DataDAM moves synthetic images until random networks **attend to the same places** in them as in real ones.
"""

METHOD = Method(
    name="datadam", title="DataDAM",
    summary="Matches where random networks look: spatial attention maps of real and synthetic images.",
    paper="Sajedi et al., DataDAM: Efficient Dataset Distillation with Attention Matching, ICCV 2023",
    url="https://arxiv.org/abs/2310.00093",
    Config=DataDAMConfig, start=start, step=step, steps=steps, cost=cost, presets=PRESETS,
    curves={"loss": "Loss", "loss_attention": "Attention loss", "loss_feature": "Feature loss (100·λ·distance)",
            "grad_attention": "Gradient norm of the attention loss",
            "grad_feature": "Gradient norm of the feature loss"},
    version=3, rank=10, lead=LEAD, symbol="blur_on",
)
