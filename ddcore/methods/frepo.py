"""FRePo: distillation by neural feature regression with pooling (Zhou et al., NeurIPS 2022).

Training a network's last layer to the end has a closed form, kernel ridge regression on its features f. So a set is
good if regression on it predicts real images:

    L = mean over real images of ½‖f(real)·f(X)ᵀ (K + λ·I)⁻¹ Y − T‖²,   K = f(X)·f(X)ᵀ,   λ = ridge·tr(K)/|X|

The gradient flows to the pixels X and, where labels are learnt, to the labels Y, never to the network or the real
images. T is one-hot − 1/C, and Y starts as that over √(C/10): without centring, and with cross-entropy, regression
stays at chance. Learnt labels have a second term, −min(largest − second largest, 1/C), which keeps each in its class.

f comes from a pool. At each step one of its networks is drawn, the set takes a step of LAMB, and that network one of
Adam on the set, with squared error; at its age limit it is drawn anew. Ages begin staggered, weights do not: at first
all are random.

What the published code (yongchaoz/FRePo, in JAX) does beyond its paper: its figures are of a wider network (128, 256,
512 channels, normalisation before the convolution, batch statistics while distilling and no normalisation when judged);
the checkpoint that it keeps is chosen on the test set; a moving average of the set is computed and not used.

Departures from it: our network, which keeps its normalisation, here with the statistics of the batch; a constant step
size (there a cosine to a tenth); regression in double precision; the last set is the result; equally many real images
of each class; no mirrored twins for colour images. Its labels are no probabilities and are learnt with squared error;
our protocols learn probabilities with cross-entropy, so that a learnt label is read as Y·√(C/10) + 1/C, cut at almost 0
and brought to the sum 1. Hard labels are the other honest setting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ddcore.lazy import lazy
from ddcore.methods import matching, quick
from ddcore.methods.base import Method, Task
from ddcore.methods.initial import SyntheticConfig, initial_images
from ddcore.params import Param
from ddcore.presets import Preset

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ddcore.ops import nets, optimisers, regression, unroll
else:
    torch = lazy("torch")
    nets, optimisers, regression, unroll = (lazy(f"ddcore.ops.{m}") for m in ("nets", "optimisers", "regression",
                                                                              "unroll"))

LEAST_SHARE = 1e-6  # of a class in a learnt label, so that its logarithm is a number


class FRePoConfig(SyntheticConfig):
    """The parameters of FRePo."""

    length_param: ClassVar[str] = "num_iters"

    learn_labels: bool = Param(False, label="Learn labels", group="Small set", short="learnt labels", main=True,
                               help="Every image gets a soft label, learnt like the pixels; else its class stays.")
    num_iters: int = Param(1000, label="Iterations", ge=1, le=1_000_000, step=100,
                           help="Steps of the images, each with a network drawn from the pool.")
    lr_img: float = Param(3e-4, label="Image learning rate", gt=0, le=10, log=True, main=True,
                          help="Step size of LAMB, as a share of the length of all pixels together; labels that are "
                               "learnt have the same.")
    pool: int = Param(10, label="Networks in the pool", ge=1, le=1000, step=1,
                      help="How many networks learn from the set at the same time; each step draws one of them.")
    max_age: int = Param(100, label="Age limit", unit="steps", ge=0, le=100_000, step=10,
                         help="A network that has taken so many steps is replaced by a random one; with 0 none is "
                              "trained.")
    lr_net: float = Param(3e-4, label="Network learning rate", gt=0, le=1, log=True,
                          help="Step size of Adam for the networks of the pool.", used=lambda v: v["max_age"] > 0)
    ridge: float = Param(1e-6, label="Ridge", symbol="λ", gt=0, le=1, log=True,
                         help="Damping of the regression, as a share of the mean squared length of the features.")
    batch_real: int = Param(100, label="Real batch", unit="images per class", ge=1, le=4096, step=16,
                            help="Real images of each class that the regression has to predict at every step.")


@dataclass
class FRePoState(matching.LookingState):
    """targets: Y (S, C); first, second, target_first, target_second: LAMB's moments of images and targets; pool: the
    networks' parameters (pool, P); pool_first, pool_second: their Adam's moments; ages: the steps of each as the age
    limit counts them; taken: those that it took. A network of the pool looks through `network`."""

    targets: Tensor = None  # type: ignore[assignment]
    first: Tensor = None  # type: ignore[assignment]
    second: Tensor = None  # type: ignore[assignment]
    target_first: Tensor = None  # type: ignore[assignment]
    target_second: Tensor = None  # type: ignore[assignment]
    pool: Tensor = None  # type: ignore[assignment]
    pool_first: Tensor = None  # type: ignore[assignment]
    pool_second: Tensor = None  # type: ignore[assignment]
    ages: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)


def start(task: Task) -> FRePoState:
    """The first images with centred labels, and a pool of random networks."""
    config = task.config
    images, labels = initial_images(task)
    targets = regression.centred(labels, task.classes) / math.sqrt(task.classes / 10)
    network = nets.build(config.network, config.shape, task.classes, config.network_options(), device=task.device)
    pool = torch.stack([fresh(task, network, "member", number) for number in range(config.pool)])
    return FRePoState(
        images, labels, label_logits=label_logits(targets) if config.learn_labels else None, targets=targets,
        first=torch.zeros_like(images), second=torch.zeros_like(images), target_first=torch.zeros_like(targets),
        target_second=torch.zeros_like(targets), pool=pool, pool_first=torch.zeros_like(pool),
        pool_second=torch.zeros_like(pool), network=network, taken=[0] * config.pool,
        ages=[number * config.max_age // config.pool for number in range(config.pool)],
        look=task.speed.compiled(lambda seen: (network.embed(seen),)),
    )


def fresh(task: Task, network: nets.Net, *purpose: str | int) -> Tensor:
    """The parameters of a random network of this kind, flat (P,)."""
    network.to(memory_format=torch.contiguous_format)  # weights are drawn in the order of memory
    nets.reinitialise(network, task.generator("network", *purpose))
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def label_logits(targets: Tensor) -> Tensor:
    """Logits (S, C) whose softmax are the targets as probabilities."""
    classes = targets.shape[1]
    return (targets.detach() * math.sqrt(classes / 10) + 1 / classes).clamp(min=LEAST_SHARE).log()


def step(task: Task, state: FRePoState) -> dict[str, Tensor]:
    """One step of the set through the features of a network of the pool, and one of that network on the set."""
    member = int(torch.randint(task.config.pool, (), generator=task.generator("draw", state.step, on="cpu")))
    loss, right, gradients = gradients_of_set(task, state, member)
    move(task, state, gradients)
    if state.ages[member] >= task.config.max_age:
        replace(task, state, member)
    else:
        train(task, state, member)
    return {"loss": loss, "grad_norm": gradients[0].norm(), "right": right}


def gradients_of_set(task: Task, state: FRePoState, member: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """(loss, share of the real batch that regression gets right, gradients wrt images and targets that are learnt)."""
    config, network = task.config, state.network
    with torch.no_grad():
        torch.nn.utils.vector_to_parameters(state.pool[member], network.parameters())
    real = task.data.sample(config.batch_real, task.generator("real", state.step))
    classes = torch.arange(task.classes, device=task.device).repeat_interleave(config.batch_real)
    images = state.images.requires_grad_()
    targets = state.targets.requires_grad_(config.learn_labels)
    with torch.no_grad():
        (theirs,) = matching.seen(task, state, real)
    (ours,) = matching.seen(task, state, images)
    predicted = regression.kernel_ridge(theirs, ours, targets, config.ridge)
    loss = regression.squared_error(predicted, regression.centred(classes, task.classes))
    if config.learn_labels:
        loss = loss + regression.margin_loss(targets)
    gradients = torch.autograd.grad(loss, [images, targets] if config.learn_labels else [images])
    return loss.detach().float(), (predicted.argmax(1) == classes).float().mean(), gradients


def move(task: Task, state: FRePoState, gradients: tuple[Tensor, ...]) -> None:
    """One step of LAMB of the images and, where they are learnt, of the labels, in place."""
    rule, lr = optimisers.Adam(trust=True), task.config.lr_img
    (state.images,), (state.first, state.second) = rule.step(
        [state.images.detach()], gradients[:1], [state.first, state.second], state.step, lr
    )
    state.targets = state.targets.detach()
    if task.config.learn_labels:
        (state.targets,), (state.target_first, state.target_second) = rule.step(
            [state.targets], gradients[1:], [state.target_first, state.target_second], state.step, lr
        )
        state.label_logits = label_logits(state.targets)


def train(task: Task, state: FRePoState, member: int) -> None:
    """One step of Adam of this network on the whole set, with squared error, in place."""
    student = unroll.Student(state.network)
    weights = state.pool[member].detach().clone().requires_grad_()
    parts = student.split(weights)
    loss = regression.squared_error(student.logits(parts, state.images), state.targets)
    gradient = torch.autograd.grad(loss, [weights])
    (moved,), (first, second) = optimisers.Adam().step(
        [weights.detach()], gradient, [state.pool_first[member], state.pool_second[member]], state.taken[member],
        task.config.lr_net,
    )
    remember(state, member, moved, first, second, state.ages[member] + 1, state.taken[member] + 1)


def replace(task: Task, state: FRePoState, member: int) -> None:
    """A random network in the place of this one, in place."""
    weights = fresh(task, state.network, "fresh", state.step)
    remember(state, member, weights, torch.zeros_like(weights), torch.zeros_like(weights), 0, 0)


def remember(state: FRePoState, member: int, weights: Tensor, first: Tensor, second: Tensor, age: int,
             taken: int) -> None:
    """Put a network into its place of the pool."""
    for stack, one in ((state.pool, weights), (state.pool_first, first), (state.pool_second, second)):
        stack[member] = one
    state.ages = [age if i == member else other for i, other in enumerate(state.ages)]
    state.taken = [taken if i == member else other for i, other in enumerate(state.taken)]


def steps(config: FRePoConfig) -> int:
    """The iterations."""
    return config.num_iters


def cost(config: FRePoConfig, macs: int, classes: int) -> int:
    """Multiply-adds of a whole run: one pass of the real images; two of the set for its gradient, three to train."""
    return config.num_iters * classes * (config.batch_real + 5 * config.ipc) * macs


PUBLISHED = {"num_iters": 500_000, "lr_img": 3e-4, "pool": 10, "max_age": 100, "lr_net": 3e-4, "ridge": 1e-6,
             "batch_real": 100, "init": "real", "ipc": 10}

PRESETS = (
    Preset("quick", "A short run for a small CPU: a narrow network (MNIST: width 16), few real images and large steps; "
                    "labels stay. Minutes on two cores. So short and narrow it gains nothing yet: on MNIST its set is "
                    "no better than random real images.",
           {"num_iters": 600, "lr_img": 0.003},
           {},
           lambda dataset: {**quick.network(dataset), **quick.real_batch(dataset, 392_000),
                            **quick.small_set(dataset, 102_400)}),
    Preset("paper", "As published, with learnt labels, on our network: 500,000 steps of size 0.0003, ten networks that "
                    "live for 100 steps. Wants a GPU.", {**PUBLISHED, "learn_labels": True}),
    Preset("paper-hard", "The same with hard labels.", {**PUBLISHED, "learn_labels": False}),
)

LEAD = """
With a network's features held, the best last layer is a formula. FRePo moves the images, and the labels where you let
it, until the layer that **this formula makes of the set gets real images right**, in networks that go on learning from
it.
"""

METHOD = Method(
    name="frepo", title="FRePo",
    summary="Regression on the set must predict real images, in the features of networks that learn from the set.",
    paper="Zhou et al., Dataset Distillation using Neural Feature Regression, NeurIPS 2022",
    url="https://arxiv.org/abs/2206.00719",
    Config=FRePoConfig, start=start, step=step, steps=steps, cost=cost, presets=PRESETS,
    learns_labels=lambda config: config.learn_labels,
    curves={"loss": "Loss", "grad_norm": "Gradient norm of the images",
            "right": "Share of real images that regression gets right"},
    half=False, rank=36, lead=LEAD, symbol="stacked_line_chart",
)
