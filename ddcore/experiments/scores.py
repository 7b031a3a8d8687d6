"""How hard each training image is: several networks learn the data, and each image is looked at after every epoch.

Kept for the runs that build on it: "scores", with `indices` of the scored images in the training part (int64,
ascending) and in their order `labels` (int64), `el2n`, `forgetting` and `grad_norm` (float32, larger is harder);
"network", the weights of the first agent after its last epoch. For eyes: the image sets "easiest_<score>" and
"hardest_<score>", a few of each class.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ddcore.data import split
from ddcore.errors import ConfigError
from ddcore.experiments.base import Array, ImageSet, Kind, Recorder
from ddcore.experiments.cost import accelerate, of_training, part_sizes
from ddcore.lazy import lazy
from ddcore.methods.scored import AgentsConfig
from ddcore.params import Param
from ddcore.settings import TrainConfig, network_title
from ddcore.summary import Accuracy, Answer, Arithmetic, Count, Number, Share, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import torch
    from torch import Tensor

    from ddcore.data import load, resident
    from ddcore.data.base import Data
    from ddcore.data.resident import Resident
    from ddcore.ops import coreset, device, nets, scoring, seeds, train
else:
    np, torch = lazy("numpy"), lazy("torch")
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    coreset, device, nets, scoring, seeds, train = (
        lazy(f"ddcore.ops.{m}") for m in ("coreset", "device", "nets", "scoring", "seeds", "train")
    )

SCORES = ("el2n", "forgetting", "grad_norm")
SHOWN = 5  # images of each class that are kept as the easiest and the hardest


class ScoresConfig(TrainConfig, AgentsConfig):
    """The agents, how they are trained, and which of their epochs count."""

    agent_length: ClassVar[str] = "epochs"
    steps: ClassVar[None] = None  # type: ignore[misc]  # a length in steps need not end with an epoch
    absent: ClassVar[Mapping[str, str]] = {"steps": "images are scored after every epoch, so the length is in epochs"}

    epochs: int = Param(
        10, label="Epochs", group="Training", ge=1, le=5000, step=1,
        help="Passes of each agent over the images. All images are looked at after each.",
    )

    @property
    def early(self) -> int:
        """How many first epochs EL2N and the gradient norm are means over."""
        return self.el2n_epochs or 1


@dataclass
class Progress:
    """What is carried from epoch to epoch beside the agent in training.

    el2n, grad_norm: sums over agents and early epochs (n,); forgetting: sums over finished agents (n,); right: what
    the present agent answered right after each of its epochs, bool (epochs, n); first: the first agent's weights, once
    it is trained; agent: which is in training; val_accuracies: of the finished ones.
    """

    el2n: Tensor
    grad_norm: Tensor
    forgetting: Tensor
    right: Tensor
    first: dict[str, Tensor] = field(default_factory=dict)
    agent: int = 0
    seconds: float = 0.0
    val_accuracies: list[float] = field(default_factory=list)


class Extent(Answer):
    """Mean and largest of a score over all images."""

    mean: Number
    max: Number


class ScoresSummary(Summary):
    """el2n_epochs: how many first epochs EL2N and the gradient norm are means over; never_forgotten: a share of the
    images."""

    agents: Count
    epochs: Count
    el2n_epochs: Count | None = None
    score_names: tuple[str, ...] = Field(default=(), alias="scores")
    el2n: Extent | None = None
    grad_norm: Extent | None = None
    never_forgotten: Share | None = None
    val_accuracy: Accuracy | None = None


def run(name: str, config: ScoresConfig, recorder: Recorder) -> ScoresSummary:
    """Train the agents one after another; the scores of every image that they saw."""
    where = device.pick(config.device)
    recorder.progress(0, config.agents * config.epochs, "Reading the data set")
    data = load.load(config.dataset, config.resolution)
    indices = chosen(config, data)
    part = resident.Resident.from_split(split.take(data.train, indices), data, where)
    val = resident.Resident.from_split(data.val, data, where)
    n = len(part)
    progress = Progress(
        torch.zeros(n, device=where), torch.zeros(n, device=where), torch.zeros(n, device=where),
        torch.zeros(config.epochs, n, dtype=torch.bool, device=where),
    )
    speed = accelerate(config, _cost(name, config, None), where, recorder)
    passes = train.CompiledSteps(_agent(config, 0, part), speed, n)
    point = _resume(progress, recorder)
    while progress.agent < config.agents:
        _train_agent(config, part, val, progress, passes, point, recorder)
        point = None
    looks = config.agents * config.early
    found = {"el2n": progress.el2n / looks, "forgetting": progress.forgetting, "grad_norm": progress.grad_norm / looks}
    recorder.save_arrays("scores", {"indices": torch.from_numpy(indices), "labels": part.labels, **found})
    recorder.save_arrays("network", progress.first)
    for score, values in found.items():
        _show(score, values, part, config, recorder)
    return ScoresSummary(
        agents=config.agents, epochs=config.epochs, el2n_epochs=config.early, images=n, score_names=tuple(found),
        el2n=_extent(found["el2n"]), grad_norm=_extent(found["grad_norm"]),
        never_forgotten=(progress.forgetting == 0).float().mean().item(),
        val_accuracy=Accuracy.of(progress.val_accuracies) if progress.val_accuracies else None,
        steps=config.agents * config.optimiser_steps(n), seconds=progress.seconds,
        arithmetic=Arithmetic(**passes.speed.told()),
    )


def chosen(config: AgentsConfig, data: Data) -> np.ndarray:
    """Indices of the images to score, ascending; ConfigError where the training part has fewer than asked."""
    labels = data.train.labels
    if not config.train_images:
        return np.arange(len(labels))
    if config.train_images > len(labels):
        raise ConfigError([
            f"train_images must be at most {len(labels)}, the training images of {config.dataset} (0 takes all), "
            f"got {config.train_images}"
        ])
    return split.hold_out(labels, Fraction(config.train_images, len(labels)), config.seed)[1]


def _agent(config: ScoresConfig, number: int, part: Resident) -> nets.Net:
    """An agent before its first epoch, with the weights that its number and the seed give it."""
    draws = seeds.generator(config.seed, "scores", number, "network", device=part.device)
    options = config.network_options()
    return nets.build(config.network, config.shape, len(part.classes), options, draws, part.device)


def _train_agent(
    config: ScoresConfig, part: Resident, val: Resident, progress: Progress, passes: train.CompiledSteps,
    point: tuple[dict[str, Tensor], dict[str, Any]] | None, recorder: Recorder,
) -> None:
    """Train the next agent to its end, or from `point` on, and add what it found to `progress`."""
    where, agent = part.device, progress.agent
    training = train.Training.begin(_agent(config, agent, part), passes=passes)
    if point:
        training.load(point[0], point[1]["step"])
    each = config.optimiser_steps(len(part)) // config.epochs
    watch = device.Stopwatch(where, progress.seconds)

    def look() -> None:
        recorder.check_cancelled()
        done, all_steps = agent * each * config.epochs + training.step, config.agents * each * config.epochs
        recorder.progress(done, all_steps, f"Training agent {agent + 1} of {config.agents}")

    def on_epoch(loss: Tensor, accuracy: Tensor) -> None:
        epoch = training.step // each
        logits, lengths = train.logits_and_lengths(
            passes, training.network, part.batch, len(part), recorder.check_cancelled
        )
        right = progress.right[epoch - 1] = logits.argmax(1) == part.labels
        if epoch <= config.early:
            progress.el2n += scoring.el2n(logits, part.labels)
            progress.grad_norm += scoring.grad_norm(logits, part.labels, lengths)
        told = {"agent": agent, "epoch": epoch, "loss": loss.item(), "train_accuracy": right.float().mean().item()}
        looked_at = len(val) and (agent == 0 or epoch == config.epochs)  # a very small data set holds none out
        if looked_at:
            told["val_accuracy"] = _accuracy(passes, training.network, val, recorder)
        if looked_at and epoch == config.epochs:
            progress.val_accuracies.append(told["val_accuracy"])
        progress.seconds = watch.stop()
        recorder.event("epoch", **told, seconds=round(progress.seconds, 3))
        _checkpoint(training, progress, recorder)
        watch.go()

    setting = train.Setting(**config.training_values())
    train.train(training, part.batch, part.labels, setting, [(config.seed, "scores", agent)], on_epoch, look)
    progress.forgetting += scoring.forgetting_counts(progress.right)
    progress.first = progress.first or {k: t.detach().clone() for k, t in training.network.state_dict().items()}
    progress.agent += 1


def _accuracy(passes: train.CompiledSteps, network: nets.Net, part: Resident, recorder: Recorder) -> float:
    said = train.logits(passes, network, part.batch, len(part), recorder.check_cancelled)
    return (said.argmax(1) == part.labels).float().mean().item()


def _extent(values: Tensor) -> Extent:
    return Extent(mean=values.mean().item(), max=values.max().item())


def _show(score: str, values: Tensor, part: Resident, config: ScoresConfig, recorder: Recorder) -> None:
    """Keep the easiest and the hardest images of each class, the extreme one first; equals in a drawn order."""
    for words, hardest in (("easiest", False), ("hardest", True)):
        picked = []
        for label in range(len(part.classes)):
            members = part.of_class(label)
            draws = seeds.generator(config.seed, "scores", "shown", score, label, device=part.device)
            picked.append(members[coreset.ranked(values[members], draws, descending=hardest)[:SHOWN]])
        indices = torch.cat(picked)
        images, labels = part.batch(indices).cpu(), part.labels[indices].cpu()
        recorder.save_images(f"{words}_{score}", ImageSet(images, labels, part.classes, part.mean, part.std))


def _checkpoint(training: train.Training, progress: Progress, recorder: Recorder) -> None:
    """After an epoch of the agent in training."""
    tensors = {name: getattr(progress, name) for name in (*SCORES, "right")}
    first = {f"first.{name}": t for name, t in progress.first.items()}
    meta = {"agent": progress.agent, "step": training.step, "seconds": progress.seconds,
            "val_accuracies": progress.val_accuracies}
    recorder.checkpoint(training.dump() | first | {name: t.clone() for name, t in tensors.items()}, meta)


def _resume(progress: Progress, recorder: Recorder) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Put the last checkpoint, if any, into `progress`; the checkpoint, from which its agent goes on."""
    if (point := recorder.resume_point()) is None:
        return None
    tensors, meta = point
    for name in (*SCORES, "right"):
        getattr(progress, name).copy_(tensors[name])
    prefix = "first."
    progress.first = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
    progress.agent, progress.seconds = meta["agent"], meta["seconds"]
    progress.val_accuracies = list(meta["val_accuracies"])
    recorder.note(f"Goes on with agent {progress.agent + 1} after step {meta['step']}.")
    return point


def _cost(name: str, config: ScoresConfig, images: int | None) -> int:
    part, val, _ = part_sizes(config)
    scored = config.train_images or part
    return of_training(config, config.agents * config.epochs * scored, config.agents * config.epochs * (scored + val))


KIND = Kind(
    name="scores",
    title="Difficulty scores",
    help="Score how hard each training image is, for coresets and experts.",
    config=lambda name: ScoresConfig,
    summary=ScoresSummary,
    run=run,
    version=lambda name: 3,
    cost=_cost,
    steps=lambda name, config, images: config.agents * config.optimiser_steps(
        config.train_images or part_sizes(config)[0]
    ),
    arrays={"scores": {"indices": Array("iu", "n"), "labels": Array("iu", "n"), "el2n": Array("f", "n"),
                       "forgetting": Array("f", "n"), "grad_norm": Array("f", "n")}},
    details=lambda config: (network_title(config),),
    page="PAD",
)
