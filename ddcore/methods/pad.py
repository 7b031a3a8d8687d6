"""PAD: distillation by trajectory matching with prioritised alignment (Li et al., 2024), and its parent DATM.

Networks are trained on real images, and their weights after every epoch are kept: expert trajectories. A student starts
at an expert's weights of some epoch, takes N steps on the synthetic set and is held against the expert's weights M
epochs on:

    L = ‖θ_N − θ*_{t+M}‖² / ‖θ*_t − θ*_{t+M}‖²

The gradient flows through the N steps to the images, to the labels (learnt as logits) and to the learning rate.
DATM (Guo et al., ICLR 2024) draws t from a range that widens, starts from images that the experts get right, with their
logits as labels, and skips an update where L is too large. PAD adds two things: the experts see easy images first and
leave the easiest out late (`trajectories`), and the shallow share α of the parameters does not count in L. DATM is PAD
without the two; MTT is DATM with class labels.

Paper and released code disagree; both are presets. Paper: drops the first α·P parameters, orders images by EL2N.
Code: drops the share of parameters with the smallest error, orders images by gradient norm. Departures from both:
experts are trained by plain SGD instead of GSAM (the authors found little influence), without ZCA whitening; gradient
norms are means over early epochs, not those after 200; draws come from explicit generators; the final images are the
last iteration's, not the best on the test set; an image that no expert gets right has a label all the same (the code's
is NaN); the learning rate cannot become negative.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ddcore import counts
from ddcore.data import DATASETS
from ddcore.lazy import lazy
from ddcore.methods import matching, quick, students, trajectories
from ddcore.methods.base import MADE_ANEW, Method, MethodConfig, State, Task, Variation
from ddcore.methods.trajectories import TrajectoryConfig
from ddcore.params import Param, ParamInfo
from ddcore.presets import Preset

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional as F

    from ddcore.ops import augment, nets, train, unroll
else:
    torch, F = lazy("torch"), lazy("torch.nn.functional")
    augment, nets, train, unroll = (lazy(f"ddcore.ops.{m}") for m in ("augment", "nets", "train", "unroll"))

MOMENTUM_LABELS, MOMENTUM_LR = 0.9, 0.5  # of the published code
LEAST_LR = 1e-5  # below it the learnt learning rate would be as good as none, or negative
RAN_AWAY = 1e6  # recorded as the loss of a student whose weights are no numbers any more; its update is skipped


class PADConfig(MethodConfig, TrajectoryConfig):
    """The parameters of PAD, with the paper's symbols."""

    length_param: ClassVar[str] = "num_iters"

    init: Literal["correct", "real", "noise"] = Param(
        "correct", label="Initialisation", group="Small set", short="", main=True,
        help="Where the images start: real images that the first expert gets right, random real images, or noise.",
    )
    soft_labels: bool = Param(True, label="Learn labels", group="Small set", short="soft labels",
                              help="Every image gets a soft label, learnt like the pixels; "
                                   "it starts as what the experts say.")
    num_iters: int = Param(1000, label="Iterations", ge=1, le=1_000_000, step=100,
                           help="Updates of the synthetic set, each against another piece of an expert's trajectory.")
    student_steps: int = Param(40, label="Student steps", symbol="N", ge=1, le=1000, step=5,
                               help="Steps that the student takes on the synthetic set in every iteration.")
    expert_epochs: int = Param(2, label="Expert epochs", symbol="M", ge=1, le=100, step=1,
                               help="How many epochs of the expert the student has to catch up with.")
    min_start_epoch: int = Param(0, label="First start epoch", symbol="T⁻", ge=0, le=1000, step=1,
                                 help="Students never start earlier in a trajectory. Early epochs teach what is easy, "
                                      "late ones what is hard.")
    first_max_start_epoch: int = Param(10, label="Start before epoch, at first", symbol="T", ge=1, le=1000, step=1,
                                       help="At first students start before this epoch; "
                                            "the bound then moves on evenly to T⁺.")
    max_start_epoch: int = Param(20, label="Start before epoch, in the end", symbol="T⁺", ge=1, le=1000, step=1,
                                 help="In the end students start before this epoch.")
    expansion_iters: int = Param(1000, label="Range widened after", unit="iterations", ge=0, le=1_000_000, step=100,
                                 help="After so many iterations the range of start epochs has reached T⁺.")
    selection: Literal["depth", "layers", "loss"] = Param(
        "depth", label="What α drops", used=lambda values: values["shallow_ratio"] > 0,
        help="'depth' (the paper): the shallowest share of the parameters; 'layers': the same, rounded to whole "
        "layers; 'loss' (the published code): the share with the smallest error.",
    )
    shallow_ratio: float = Param(0.25, label="Dropped parameters", symbol="α", ge=0, le=1, step=0.05, main=True,
                                 help="Share of the parameters that does not count in the matching loss.")
    threshold: float = Param(1.0, label="Largest loss", gt=0, le=1000, step=0.1,
                             help="An update with a larger matching loss is skipped; "
                                  "1 means no nearer to the expert than at the start.")
    batch_syn: int | None = Param(None, label="Synthetic batch", symbol="|B|", unit="images", ge=1, le=8192, step=10,
                                  follows=("ipc",),
                                  help="Synthetic images in a student step; left empty, all, and at most 1,000.")
    lr_img: float = Param(100.0, label="Image learning rate", gt=0, le=1_000_000, log=True, main=True,
                          help="Step size on the images.")
    momentum_img: float = Param(0.5, label="Image momentum", ge=0, le=0.999, step=0.1,
                                help="Momentum of the steps on the images.")
    lr_y: float = Param(2.0, label="Label learning rate", gt=0, le=1_000_000, log=True,
                        used=lambda values: values["soft_labels"],
                        help="Step size on the label logits; no effect where labels are not learnt.")
    lr_student: float = Param(0.01, label="Student learning rate, at first", symbol="η", ge=LEAST_LR, le=10, log=True,
                              help="Step size of the student where the learning of it begins. "
                                   "It is stored with the images.")
    lr_lr: float = Param(1e-5, label="Step size of the rate η", ge=0, le=10,
                         help="Step size on the student's learning rate; 0 keeps it.")
    unroll: Literal["plain", "recompute"] = Param(
        "plain", label="Memory", help="'plain' remembers all student steps; 'recompute' one at a time: the same "
        "gradient for a third more work, in memory that grows by one copy of the weights a step only.",
    )

    @classmethod
    def params(cls) -> tuple[ParamInfo, ...]:
        """PAD's own first, then those of the experts, as the form shows them."""
        return tuple(sorted(super().params(), key=lambda p: p.name in TrajectoryConfig.model_fields))

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = super().fill(values)
        given = {name: values.get(name, cls.model_fields[name].default) for name in ("dataset", "ipc")}
        if given["dataset"] in DATASETS and str(given["ipc"]).isdecimal():  # wrong values are reported later
            size = students.size(given["dataset"], int(given["ipc"]))
            values.setdefault("batch_syn", max(1, min(size, students.LARGEST_BATCH)))
        return values

    def key_values(self) -> dict[str, Any]:
        """Without what has no effect: the step of labels that are not learnt, the way of dropping no parameter."""
        values = super().key_values()
        unused = [*([] if self.soft_labels else ["lr_y"]), *([] if self.shallow_ratio else ["selection"])]
        return {name: value for name, value in values.items() if name not in unused}

    def problems(self) -> list[str]:
        problems = super().problems()
        lowest, first, last = self.min_start_epoch, self.first_max_start_epoch, self.max_start_epoch
        if not lowest < first <= last:
            problems.append("start epochs must be in order, min_start_epoch < first_max_start_epoch <= "
                            f"max_start_epoch, got {lowest}, {first}, {last}")
        if self.train_epochs < (reached := last + self.expert_epochs):
            problems.append(f"train_epochs must be at least {reached} (max_start_epoch {last} + expert_epochs "
                            f"{self.expert_epochs}), or the experts are too short; got {self.train_epochs}")
        size, batch = students.size(self.dataset, self.ipc), self.batch_syn or 0
        if batch > size:
            problems.append(f"batch_syn must be at most {size}, the synthetic images, got {batch}")
        if self.shallow_ratio >= 1:
            weights = counts.parameters(self.network, self.shape, len(self.facts.classes), self.network_options())
            problems.append(f"shallow_ratio must be below 1, got {self.shallow_ratio:g}: it drops all {weights:,} "
                            "parameters, and nothing is left to match")
        return problems


@dataclass
class PADState(State):
    """velocity, label_velocity, lr_velocity: momentum of what is learnt; skipped: updates left out so far, 0-dim;
    network: of the students' architecture; student: that network as a function of its parameters."""

    velocity: Tensor = None  # type: ignore[assignment]
    label_velocity: Tensor | None = None
    lr_velocity: Tensor = None  # type: ignore[assignment]
    skipped: Tensor = None  # type: ignore[assignment]
    network: nets.Net = None  # type: ignore[assignment]
    student: unroll.Student = field(default=None, metadata=MADE_ANEW)  # type: ignore[assignment]


def start(task: Task) -> PADState:
    """The first images with the experts' labels, everything at rest."""
    config, where = task.config, task.device
    network = nets.build(config.network, config.shape, task.classes, config.network_options(),
                         task.generator("student"), where)
    labels = torch.arange(task.classes, device=where).repeat_interleave(config.ipc)
    images = first_images(task, network)
    logits = first_logits(expert_logits(task, network, images), labels) if config.soft_labels else None
    # Maps in the cache, in pieces of ten images: 1.45 instead of 1.95 s for a student step of 100.
    piece = None if config.norm == "batch" else task.speed.piece(network, images[: config.batch_syn])
    return PADState(
        images, labels, label_logits=logits, lr=torch.tensor(config.lr_student, device=where),
        velocity=torch.zeros_like(images), label_velocity=None if logits is None else torch.zeros_like(logits),
        lr_velocity=torch.zeros((), device=where), skipped=torch.zeros((), device=where), network=network,
        student=unroll.Student(network, task.speed, piece),
    )


def first_images(task: Task, network: nets.Net) -> Tensor:
    """IPC images of each class, float32, sorted by class: noise, random real ones, or real ones an expert gets right.

    The expert is the first, at its end. Where it gets fewer than IPC of a class right, others follow in the same order.
    """
    config = task.config
    if config.init == "noise":
        shape = (task.classes * config.ipc, *config.shape)
        return torch.randn(shape, generator=task.generator("init noise"), device=task.device)
    if config.init == "real":
        return task.real("init real")
    task.check_ipc()
    return task.data.batch(_right_first(task, network))


def _right_first(task: Task, network: nets.Net) -> Tensor:
    """Indices of IPC images of each class, sorted by class, those first that the first expert gets right.

    It predicts all classes together, in a drawn order: in batch normalisation an answer depends on the whole batch.
    """
    data, ipc, classes = task.data, task.config.ipc, task.classes
    order = torch.randperm(len(data), generator=task.generator("init correct"), device=task.device)
    weights = _weights(task, 0, task.config.train_epochs)
    right = torch.zeros(0, dtype=torch.bool, device=task.device)
    for batch in order.split(train.images_at_once(task.config.shape)):
        predicted = _logits(network, weights, data.batch(batch)).argmax(1)
        right = torch.cat([right, predicted == data.labels[batch]])
        labels = data.labels[order[: len(right)]][right]
        if int(torch.bincount(labels, minlength=classes).min()) >= ipc:
            break
    tested, rest = order[: len(right)], order[len(right) :]
    preferred = torch.cat([tested[right], tested[~right], rest])
    return torch.cat([preferred[data.labels[preferred] == label][:ipc] for label in range(classes)])


def expert_logits(task: Task, network: nets.Net, images: Tensor) -> Tensor:
    """The logits of the images by every expert at its end: (experts, N, classes)."""
    order = torch.randperm(len(images), generator=task.generator("init labels"), device=task.device)
    logits = torch.zeros(task.config.experts, len(images), task.classes, device=task.device)
    for expert in range(task.config.experts):
        task.tell(expert, task.config.experts, "Asking the experts for labels")
        weights = _weights(task, expert, task.config.train_epochs)
        for batch in order.split(train.images_at_once(task.config.shape)):
            logits[expert, batch] = _logits(network, weights, images[batch])
    return logits


def first_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """Label logits (N, classes): the mean of the logits (experts, N, classes) of those experts that are right.

    Where none is: the mean over all, with the largest logit and that of the true class exchanged, so that the label is
    right and as sure as they were.
    """
    right = (logits.argmax(2) == labels).unsqueeze(2)
    mean_of_right = (logits * right).sum(0) / right.sum(0).clamp(min=1)
    mean = logits.mean(0)
    largest, true = mean.argmax(1, keepdim=True), labels.unsqueeze(1)
    exchanged = mean.scatter(1, largest, mean.gather(1, true)).scatter(1, true, mean.gather(1, largest))
    return torch.where(right.any(0), mean_of_right, exchanged)


def _logits(network: nets.Net, weights: Tensor, images: Tensor) -> Tensor:
    """(N, classes) of a network with these flat weights."""
    student = unroll.Student(network)
    with torch.no_grad():
        return student.logits(student.split(weights), images)


def _weights(task: Task, expert: int, epoch: int) -> Tensor:
    """An expert's parameters after so many epochs, flat, float32; copied to the device without waiting."""
    weights = torch.from_numpy(task.parents[0].mapped("trajectories")[expert, epoch].astype("float32"))
    return (weights.pin_memory() if task.device.type == "cuda" else weights).to(task.device, non_blocking=True)


def step(task: Task, state: PADState) -> dict[str, Tensor]:
    """One update of images, labels and learning rate, against one piece of one expert's trajectory."""
    config, now = task.config, state.step
    draws = task.generator("piece", now, on="cpu")
    expert = int(torch.randint(config.experts, (), generator=draws))
    epoch = int(torch.randint(config.min_start_epoch, latest(config, now), (), generator=draws))
    begin, target = _weights(task, expert, epoch), _weights(task, expert, epoch + config.expert_epochs)
    loss, gradients = matching_gradients(task, state, begin, target)
    images, *labels, rate = gradients
    update(task, state, loss, images, labels[0] if labels else None, rate)
    norms = {"grad_images": images.norm(), **({"grad_labels": labels[0].norm()} if labels else {})}
    assert state.lr is not None
    return {
        "loss": loss.nan_to_num(nan=RAN_AWAY, posinf=RAN_AWAY), "lr": state.lr, "skipped": state.skipped,
        "start_epoch": torch.full((), float(epoch), device=task.device),
        **{name: norm.nan_to_num(nan=0.0, posinf=0.0) for name, norm in norms.items()},
    }


def latest(config: PADConfig, step: int) -> int:
    """The epoch before which students start at this step: from T it moves on to T⁺ in `expansion_iters` steps."""
    first, last = config.first_max_start_epoch, config.max_start_epoch
    if step >= config.expansion_iters:
        return last
    return first + (last - first) * step // config.expansion_iters


def matching_gradients(task: Task, state: PADState, begin: Tensor, target: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """(matching loss, its gradients wrt images, label logits where they are learnt, and learning rate)."""
    config, student = task.config, state.student
    batches = students.batches(task, len(state.labels), config.student_steps, state.step)
    images = state.images.requires_grad_()
    logits = None if state.label_logits is None else state.label_logits.requires_grad_()

    def batch(i: int) -> tuple[Tensor, Tensor]:
        indices, draw = batches[i]
        y = state.labels[indices] if logits is None else logits[indices].softmax(1)
        return augment.apply(images[indices], draw), y

    left_out, by = dropped(config, state.network)
    through = unroll.unrolled if config.unroll == "plain" else unroll.recomputed
    assert state.lr is not None
    return through(
        student, begin, batch, config.student_steps, state.lr,
        lambda reached: unroll.matching_loss(reached, begin, target, left_out, by),
        [images] if logits is None else [images, logits],
    )


def dropped(config: PADConfig, network: nets.Net) -> tuple[int, str]:
    """(how many parameters do not count, by "depth" or "loss"): ⌊α·P⌋, or the whole layers nearest to that."""
    sizes = [size for _, size, _ in unroll.layers(network)]
    if config.selection == "layers":
        return counts.before_layer(sizes, config.shallow_ratio), "depth"
    return int(config.shallow_ratio * sum(sizes)), config.selection


def update(task: Task, state: PADState, loss: Tensor, images: Tensor, labels: Tensor | None, rate: Tensor) -> None:
    """One step with momentum of all that is learnt, in place; none of it where the loss is above the threshold.

    Decided on the device, so that nothing waits for it.
    """
    config, taken = task.config, loss <= task.config.threshold
    assert state.lr is not None
    state.velocity, state.images = _momentum_step(
        state.images, state.velocity, images, config.momentum_img, config.lr_img, taken
    )
    if labels is not None:
        assert state.label_logits is not None
        assert state.label_velocity is not None
        state.label_velocity, state.label_logits = _momentum_step(
            state.label_logits, state.label_velocity, labels, MOMENTUM_LABELS, config.lr_y, taken
        )
    state.lr_velocity, lr = _momentum_step(state.lr, state.lr_velocity, rate, MOMENTUM_LR, config.lr_lr, taken)
    state.lr = lr.clamp(min=LEAST_LR)
    state.skipped = state.skipped + ~taken


def _momentum_step(value: Tensor, velocity: Tensor, gradient: Tensor, momentum: float, lr: float,
                   taken: Tensor) -> tuple[Tensor, Tensor]:
    """(velocity, value) after one step of SGD with momentum, or as they were where it is not taken."""
    value = value.detach()
    after = momentum * velocity + gradient
    return torch.where(taken, after, velocity), torch.where(taken, value - lr * after, value)


def steps(config: PADConfig) -> int:
    """The iterations."""
    return config.num_iters


def cost(config: PADConfig, macs: int, classes: int) -> int:
    """Multiply-adds of the matching: nine forward passes an image and student step, twelve where it is recomputed.

    Forward, backward to the weights (two), and the way back through both (six).
    """
    passes = 9 if config.unroll == "plain" else 12
    return config.num_iters * config.student_steps * (config.batch_syn or 0) * passes * macs


def rounds(config: PADConfig) -> int:
    """Student steps, those that are computed again too."""
    return config.num_iters * config.student_steps * (1 if config.unroll == "plain" else 2)


def called(config: PADConfig) -> str:
    """Without its two additions PAD is DATM, and without learnt labels either, MTT; "" for PAD itself."""
    if config.scheduled or config.shallow_ratio:
        return ""
    return "DATM" if config.soft_labels else "MTT"


def variations(config: PADConfig) -> tuple[Variation, ...]:
    """The same without a scheduler and with all parameters: DATM, or MTT; none for a run that is that itself."""
    if called(config):
        return ()
    name = "DATM" if config.soft_labels else "MTT"
    return (Variation(
        "datm", f"{name}: no scheduler, all parameters",
        "The same run without what PAD adds: experts see all images all the time, and all parameters count.",
        {**config.values(), **NO_SCHEDULER, "shallow_ratio": 0.0, "selection": "depth"},
    ),)


NO_SCHEDULER = {"initial_ratio": 1.0, "remove_ratio": 0.0, "second_remove_ratio": 0.0}
PUBLISHED = {
    "num_iters": 10_000, "student_steps": 80, "expert_epochs": 2, "lr_student": 0.01, "lr_lr": 1e-5, "threshold": 1.0,
    "experts": 100, "train_epochs": 100, "lr_teacher": 0.01, "momentum_teacher": 0.0, "batch_train": 256,
    "initial_ratio": 0.75, "add_end_epoch": 20, "remove_epoch": 40, "remove_ratio": 0.1, "second_remove_epoch": 60,
    "second_remove_ratio": 0.2, "difficulty": "el2n", "agents": 10, "score_epochs": 10,
    "init": "correct", "norm": "instance", "unroll": "recompute",
}
IPC_10 = {
    "ipc": 10, "min_start_epoch": 0, "first_max_start_epoch": 10, "max_start_epoch": 20, "expansion_iters": 1000,
    "lr_y": 2.0, "lr_img": 100.0, "selection": "depth", "shallow_ratio": 0.25,
}
IPC_1 = {
    "ipc": 1, "min_start_epoch": 0, "first_max_start_epoch": 4, "max_start_epoch": 4, "expansion_iters": 0,
    "lr_y": 5.0, "lr_img": 100.0, "lr_lr": 1e-7, "selection": "depth", "shallow_ratio": 0.0,
}
IPC_50 = {
    "ipc": 50, "min_start_epoch": 0, "first_max_start_epoch": 20, "max_start_epoch": 40, "expansion_iters": 2000,
    "lr_y": 2.0, "lr_img": 1000.0, "selection": "depth", "shallow_ratio": 0.25,
}

PRESETS = (
    Preset("quick", "A short run for a small CPU: a narrow network (MNIST: width 16), two short experts on some of the "
                    "images, few iterations. MNIST: ten images per class, a few minutes on two cores, scores and "
                    "experts included; it helps networks that learn for few steps (course), not for many (quick). "
                    "Elsewhere one image per class, and all parameters count, as the paper has it there, so only what "
                    "the experts see in their first two epochs tells it from DATM. "
                    "The 8×8 digits gain nothing from so short a run.",
           {"ipc": 1, "agents": 1, "score_epochs": 2, "experts": 2, "train_epochs": 5, "lr_teacher": 0.05,
            "batch_train": 128, "initial_ratio": 0.75, "add_end_epoch": 2, "remove_ratio": 0.0,
            "second_remove_ratio": 0.0, "num_iters": 80, "student_steps": 20, "expert_epochs": 2,
            "first_max_start_epoch": 1, "max_start_epoch": 3, "expansion_iters": 50, "shallow_ratio": 0.0,
            "lr_img": 1000.0, "lr_y": 10.0, "lr_student": 0.05, "lr_lr": 1e-4},
           {"digits": {"batch_train": 32, "lr_teacher": 0.2, "lr_img": 30.0, "lr_y": 3.0, "augment": "none"},
            "mnist": {"ipc": 10, "num_iters": 60, "student_steps": 10, "batch_syn": 50, "shallow_ratio": 0.25,
                      "lr_img": 300.0, "lr_y": 3.0, "lr_lr": 3e-5},
            "mhist": {"ipc": 5, "num_iters": 50, "train_images": 0}},
           lambda dataset: {**quick.network(dataset), **quick.some_images(dataset, 2_352_000),
                            **matching.siamese_of(dataset)}),
    Preset("mnist", "PAD fitted to MNIST at IPC 10, where ten experts of 25 epochs are enough: "
                    "scheduler and start epochs scaled to that length. For one GPU.",
           {**PUBLISHED, **IPC_10, "num_iters": 3000, "student_steps": 40, "experts": 10, "train_epochs": 25,
            "add_end_epoch": 5, "remove_epoch": 12, "second_remove_epoch": 18, "first_max_start_epoch": 2,
            "max_start_epoch": 8, "expansion_iters": 1000, "agents": 5, "score_epochs": 5, "precision": "full"},
           of_dataset=matching.siamese_of),
    Preset("paper", "As the paper prints it for CIFAR-10 at IPC 10: 100 experts of 100 epochs, 80 student steps, start "
                    "epochs before 10 widening to 20, the shallowest quarter dropped, 10,000 iterations. "
                    "Wants a large GPU and much disk.",
           {**PUBLISHED, **IPC_10}, of_dataset=matching.siamese_of),
    Preset("paper-ipc1", "The same at IPC 1: start epochs before 4, all parameters.",
           {**PUBLISHED, **IPC_1}, of_dataset=matching.siamese_of),
    Preset("paper-ipc50", "The same at IPC 50: start epochs before 20 widening to 40, "
                          "images at ten times the step size.",
           {**PUBLISHED, **IPC_50}, of_dataset=matching.siamese_of),
    Preset("code", "As the released code and its settings run at IPC 10: drops the half of the parameters with the "
                   "smallest error, and orders images by gradient norm.",
           {**PUBLISHED, **IPC_10, "selection": "loss", "shallow_ratio": 0.5, "difficulty": "grad_norm"},
           of_dataset=matching.siamese_of),
    Preset("datm", "DATM, PAD's parent, at IPC 10: no scheduler and all parameters, everything else as in the paper.",
           {**PUBLISHED, **IPC_10, **NO_SCHEDULER, "shallow_ratio": 0.0}, of_dataset=matching.siamese_of),
)

LEAD = """
Networks learn from real images, easy ones first. PAD moves the synthetic images until a student that learns from them
alone **arrives at the same weights**, but for a share α, the shallowest.
"""

METHOD = Method(
    name="pad", title="PAD",
    summary="Imitates how networks learn: training on the synthetic set must lead where experts on real images went.",
    paper="Li et al., Prioritize Alignment in Dataset Distillation, 2024",
    url="https://arxiv.org/abs/2408.03360",
    Config=PADConfig, start=start, step=step, steps=steps, cost=cost, rounds=rounds, needs=trajectories.needs_experts,
    learns_labels=lambda config: config.soft_labels, variations=variations, called=called, presets=PRESETS,
    curves={"loss": "Matching loss (1: no nearer than at the start)", "lr": "Learnt learning rate",
            "start_epoch": "Start epoch", "skipped": "Skipped updates so far",
            "grad_images": "Gradient norm of the images", "grad_labels": "Gradient norm of the label logits"},
    version=2, rank=30, lead=LEAD, symbol="route", shows=("experts", "scores"),
)
