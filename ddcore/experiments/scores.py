"""How hard each training image is: several networks learn the data, and each image is looked at after every epoch.

Kept for the runs that build on it: "scores", with `indices` of the scored images in the training part (int64,
ascending) and in their order `labels` (int64), `el2n`, `forgetting` and `grad_norm` (float32, larger is harder);
"network", the weights of the first agent after its last epoch. For eyes: the image sets "easiest_<score>" and
"hardest_<score>", a few of each class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

import numpy as np
from pydantic import Field

from ddcore.data import split
from ddcore.data.base import Data
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import ConfigError
from ddcore.experiments.base import Array, ImageSet, Kind, Point, Recorder
from ddcore.experiments.cost import accelerate, of_training, part_sizes
from ddcore.experiments.heavy import coreset, device, scoring, seeds, torch, train
from ddcore.experiments.training import Session, accuracy, initial_network
from ddcore.methods.scored import AgentsConfig
from ddcore.params import Param
from ddcore.settings import NETWORK_PARAMS, TrainConfig, network_title
from ddcore.summary import Accuracy, Answer, Arithmetic, Count, Number, Share, Summary

SCORES = ("el2n", "forgetting", "grad_norm")
CARRIED = (*SCORES, "right")  # tensors of `Progress` that a checkpoint holds
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

    el2n: torch.Tensor
    grad_norm: torch.Tensor
    forgetting: torch.Tensor
    right: torch.Tensor
    first: dict[str, torch.Tensor] = field(default_factory=dict)
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
    data = load(config.dataset, config.resolution)
    indices = scored_images(config, data)
    part = Resident.from_split(split.take(data.train, indices), data, where)
    val, n = Resident.from_split(data.val, data, where), len(part)
    el2n, grad_norm, forgetting = torch.zeros(3, n, device=where)
    progress = Progress(el2n, grad_norm, forgetting, torch.zeros(config.epochs, n, dtype=torch.bool, device=where))
    speed = accelerate(config, _cost(name, config, None), where, recorder)
    passes = train.CompiledSteps(initial_network(config, where, "scores", 0), speed, n)
    point = _resume(progress, recorder)
    while progress.agent < config.agents:
        _train_agent(config, part, val, progress, passes, point, recorder)
        point = None
    looks = config.agents * config.early
    scores = {"el2n": progress.el2n / looks, "forgetting": progress.forgetting, "grad_norm": progress.grad_norm / looks}
    recorder.save_arrays("scores", {"indices": torch.from_numpy(indices), "labels": part.labels, **scores})
    recorder.save_arrays("network", progress.first)
    for score, values in scores.items():
        _show(score, values, part, config, recorder)
    return ScoresSummary(
        agents=config.agents, epochs=config.epochs, el2n_epochs=config.early, images=n, score_names=tuple(scores),
        el2n=_extent(scores["el2n"]), grad_norm=_extent(scores["grad_norm"]),
        never_forgotten=(progress.forgetting == 0).float().mean().item(),
        val_accuracy=Accuracy.of(progress.val_accuracies) if progress.val_accuracies else None,
        steps=config.agents * config.optimiser_steps(n), seconds=progress.seconds,
        arithmetic=Arithmetic(**speed.told()),
    )


def scored_images(config: AgentsConfig, data: Data) -> np.ndarray:
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


def _train_agent(
    config: ScoresConfig, part: Resident, val: Resident, progress: Progress,
    passes: train.CompiledSteps, point: Point | None, recorder: Recorder,
) -> None:
    """Train the next agent to its end, or from `point` on, and add its scores to `progress`."""
    agent, steps = progress.agent, config.optimiser_steps(len(part))
    training = train.Training.begin(initial_network(config, part.device, "scores", agent), passes=passes)
    if point:
        training.load(point[0], point[1]["step"])
    session = Session(training, recorder, steps, progress.seconds)

    def on_step() -> None:
        recorder.check_cancelled()
        done = agent * steps + training.step
        recorder.progress(done, config.agents * steps, f"Training agent {agent + 1} of {config.agents}")

    def on_epoch(loss: torch.Tensor, learnt: torch.Tensor) -> None:
        epoch = training.step * config.epochs // steps
        logits, lengths = train.logits_and_lengths(
            passes, training.network, part.batch, len(part), recorder.check_cancelled
        )
        right = progress.right[epoch - 1] = logits.argmax(1) == part.labels
        if epoch <= config.early:
            progress.el2n += scoring.el2n(logits, part.labels)
            progress.grad_norm += scoring.grad_norm(logits, part.labels, lengths)
        fields = {"agent": agent, "epoch": epoch, "loss": loss.item(), "train_accuracy": right.float().mean().item()}
        last = epoch == config.epochs
        validated = accuracy(passes, training.network, val, recorder) if agent == 0 or last else None
        if validated is not None:
            fields["val_accuracy"] = validated
            if last:
                progress.val_accuracies.append(validated)
        with session.pause() as progress.seconds:
            recorder.event("epoch", **fields, seconds=round(progress.seconds, 3))
            sums = {name: getattr(progress, name).clone() for name in CARRIED}
            first = {f"first.{name}": t for name, t in progress.first.items()}
            session.checkpoint(first | sums, agent=agent, val_accuracies=progress.val_accuracies)
            if agent + 1 < config.agents:
                recorder.give_way()

    setting = train.Setting(**config.training_values())
    train.train(training, part.batch, part.labels, setting, [(config.seed, "scores", agent)], on_epoch, on_step)
    progress.forgetting += scoring.forgetting_counts(progress.right)
    progress.first = progress.first or {k: t.detach().clone() for k, t in training.network.state_dict().items()}
    progress.agent += 1


def _extent(values: torch.Tensor) -> Extent:
    return Extent(mean=values.mean().item(), max=values.max().item())


def _show(score: str, values: torch.Tensor, part: Resident, config: ScoresConfig, recorder: Recorder) -> None:
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


def _resume(progress: Progress, recorder: Recorder) -> Point | None:
    """Put the last checkpoint, if any, into `progress`; the checkpoint, from which its agent goes on."""
    if (point := recorder.resume_point()) is None:
        return None
    tensors, meta = point
    for name in CARRIED:
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


def _steps(name: str, config: ScoresConfig, images: int | None) -> int:
    return config.agents * config.optimiser_steps(config.train_images or part_sizes(config)[0])


KIND = Kind(
    name="scores", title="Difficulty scores", help="Score how hard each training image is, for coresets and experts.",
    lead="How hard is each real image? A few networks learn the data, and how they answer on the way tells.",
    config=lambda name: ScoresConfig, summary=ScoresSummary, run=run, version=lambda name: 3, cost=_cost, steps=_steps,
    arrays={"scores": {"indices": Array("iu", "n"), "labels": Array("iu", "n"), "el2n": Array("f", "n"),
                       "forgetting": Array("f", "n"), "grad_norm": Array("f", "n")}},
    details=lambda config: (network_title(config),), told=NETWORK_PARAMS, page="PAD",
)
