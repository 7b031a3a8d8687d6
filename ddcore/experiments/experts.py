"""Expert trajectories: networks trained on real images, whose weights after every epoch are kept.

Kept for the runs that imitate them: "trajectories", a mapped array (experts, train_epochs + 1, P), float32 or float16;
P are all parameters of the network, flattened in the order of `network.parameters()`, from shallow to deep. Row 0 is
the random start, row e the state after e epochs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ddcore import counts
from ddcore.data import split
from ddcore.data.base import Data
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import Diverged, RunBroken
from ddcore.experiments.base import Kind, Point, Recorder, spec
from ddcore.experiments.cost import accelerate, of_training, part_sizes
from ddcore.experiments.heavy import device, nets, schedule, seeds, torch, train
from ddcore.experiments.metrics import majority
from ddcore.experiments.scores import scored_images
from ddcore.experiments.training import Session, accuracy, initial_network
from ddcore.methods import METHODS
from ddcore.methods.trajectories import TrajectoryConfig, needs_scores
from ddcore.settings import NETWORK_PARAMS, network_title
from ddcore.summary import Accuracy, Answer, Arithmetic, Count, Share, Summary

DTYPES = {"full": "float32", "half": "float16"}
BYTES = {"full": 4, "half": 2}
CURVE_IMAGES = 1000  # validation images for an expert's curve; after the last epoch all: as long as a short epoch


@dataclass
class Progress:
    """What is carried from group to group of experts that are trained together.

    done: experts trained; seconds: time spent until then; train_accuracies, val_accuracies: after their last epoch.
    """

    done: int = 0
    seconds: float = 0.0
    train_accuracies: list[float] = field(default_factory=list)
    val_accuracies: list[float] = field(default_factory=list)


class Layer(Answer):
    """A layer of an expert: how many parameters it has, and their share of all, from shallow to deep."""

    name: str
    parameters: Count
    share: Share | None = None


class ExpertsSummary(Summary):
    """bytes: of all trajectories; precision: "full" or "half"; shares: of the images, from easy to hard, in use in each
    epoch: (low, high)."""

    experts: Count
    epochs: Count
    parameters: Count
    bytes: Count
    precision: str = "full"
    layers: tuple[Layer, ...] = ()
    shares: tuple[tuple[Share, Share], ...] = ()
    train_accuracy: Accuracy | None = None
    val_accuracy: Accuracy | None = None


def run(name: str, config: TrajectoryConfig, recorder: Recorder) -> ExpertsSummary:
    """Train all experts, as many at once as fit, and keep their trajectories."""
    from ddcore.ops import unroll  # loads torch

    where = device.pick(config.device)
    recorder.progress(0, 1, "Reading the data set")
    experts = Experts(config, recorder, where)
    layers = unroll.layers(experts.network(0))
    weights = sum(size for _, size, _ in layers)
    shape = config.experts, config.train_epochs + 1, weights
    experts.trajectories = recorder.mapped("trajectories", shape, DTYPES[config.precision])
    progress, point = _resume(experts.trajectories, recorder)
    if not (progress.done or point):
        recorder.event("judge", images=len(experts.val), majority=majority(experts.val))
    at_once = _at_once(experts)
    while progress.done < config.experts:
        # A group that was begun keeps its size, though another device would take more or fewer.
        size = point[1]["together"] if point else at_once
        experts.train_group(range(progress.done, min(progress.done + size, config.experts)), progress, point)
        point = None
    return ExpertsSummary(
        experts=config.experts, epochs=config.train_epochs, parameters=weights, bytes=experts.trajectories.nbytes,
        precision=config.precision, images=len(experts.part),
        layers=tuple(Layer(name=layer, parameters=size, share=share) for layer, size, share in layers),
        shares=config.windows, train_accuracy=Accuracy.of(progress.train_accuracies),
        val_accuracy=Accuracy.of(progress.val_accuracies) if progress.val_accuracies else None,
        steps=experts.steps, seconds=progress.seconds, arithmetic=Arithmetic(**experts.passes.speed.told()),
    )


class Experts:
    """All experts of a run: the images, which of them are in use in each epoch, the setting, and what is kept."""

    trajectories: np.ndarray  # (experts, train_epochs + 1, P), on disk

    def __init__(self, config: TrajectoryConfig, recorder: Recorder, where: torch.device) -> None:
        self.config, self.recorder = config, recorder
        data = load(config.dataset, config.resolution)
        indices, places = _by_difficulty(config, data, recorder)
        self.part = Resident.from_split(split.take(data.train, indices), data, where)
        self.val = Resident.from_split(data.val, data, where)
        labels = self.part.labels.cpu()
        self.in_use = [schedule.in_use(places, labels, low, high).to(where) for low, high in config.windows]
        self.each = sum(counts.steps_per_epoch(len(used), config.batch_train) for used in self.in_use)
        self.steps = self.each * config.experts
        self.setting = train.Setting(
            config.train_epochs, config.lr_teacher, config.momentum_teacher, 0.0, "constant", config.batch_train,
            config.augment,
        )
        speed = accelerate(config, _cost("experts", config, None), where, recorder)
        self.passes = train.CompiledSteps(self.network(0), speed, len(self.val))

    def network(self, index: int) -> nets.Net:
        """Expert number `index` before its first epoch."""
        return initial_network(self.config, self.part.device, "experts", index)

    def train_group(self, indices: range, progress: Progress, point: Point | None) -> None:
        """Train these together to their end, from `point` on if they were begun, and add them to `progress`."""
        config, began = self.config, 0
        training = train.Training.begin(*map(self.network, indices), passes=self.passes)
        if point:
            training.load(point[0], point[1]["step"])
            began = point[1]["epoch"]
        else:
            self._keep(training, indices, 0)
        session = Session(training, self.recorder, self.each, progress.seconds)
        for epoch in range(began, config.train_epochs):
            loss, learnt = self._epoch(training, indices, epoch)
            self._keep(training, indices, epoch + 1)
            last = epoch + 1 == config.train_epochs
            validated = self._val_accuracies(training, None if last else CURVE_IMAGES)
            with session.pause() as progress.seconds:
                low, high = config.window(epoch)
                self.recorder.event(
                    "epoch", first=indices[0], epoch=epoch + 1, images=len(self.in_use[epoch]), low=low, high=high,
                    loss=loss.mean().item(), train_accuracy=learnt.mean().item(),
                    val_accuracy=sum(validated) / len(validated) if validated else None,
                    seconds=round(progress.seconds, 3),
                )
            session.checkpoint_if_due(**{**vars(progress), "epoch": epoch + 1, "together": len(indices)})
        progress.done = indices.stop
        progress.train_accuracies += learnt.tolist()
        progress.val_accuracies += validated
        self.recorder.checkpoint({}, vars(progress))
        if progress.done < config.experts:
            self.recorder.give_way()

    def _epoch(self, training: train.Training, indices: range, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One epoch of these experts: (mean loss, training accuracy), each (n,)."""
        config, recorder, before = self.config, self.recorder, self.each * indices[0]
        words = f"expert {indices[0] + 1}" if len(indices) == 1 else f"experts {indices[0] + 1} to {indices[-1] + 1}"

        def on_step() -> None:
            recorder.check_cancelled()
            done = before + training.step * len(indices)
            recorder.progress(done, self.steps, f"Training {words} of {config.experts}, epoch {epoch + 1}")

        purposes = [(config.seed, "experts", index) for index in indices]
        order, draws = train.drawn(purposes, epoch, self.in_use[epoch])
        learnt = train.one_epoch(training, self.part.batch, self.part.labels, self.setting, order, draws, on_step)
        train.check_finite(learnt[0], training, self.setting)
        return learnt

    def _keep(self, training: train.Training, indices: range, row: int) -> None:
        """Write the weights of these to their trajectories; Diverged where the stored precision has no place."""
        config = self.config
        weights = torch.cat([p.detach().flatten(1) for p in training.stack.parameters.values()], 1).cpu()
        most = torch.finfo(getattr(torch, DTYPES[config.precision])).max
        for index, largest in zip(indices, weights.abs().amax(1).tolist(), strict=True):
            if not largest <= most:
                advice = "" if config.precision == "full" else ", or full precision"
                raise Diverged(
                    f"expert {index + 1} diverged by epoch {row}: a weight is {largest:g}, while {config.precision} "
                    f"precision holds at most {most:g}. The likely cause is too large a learning rate: lr_teacher is "
                    f"{config.lr_teacher:g}; try {config.lr_teacher / 10:g}{advice}."
                )
        self.trajectories[indices.start : indices.stop, row] = weights.numpy()

    def _val_accuracies(self, training: train.Training, most: int | None) -> list[float]:
        """Of each network in training, on at most so many drawn validation images; [] where there are none."""
        drawn = seeds.permutation(len(self.val), self.config.seed, "experts", "judged")[:most].to(self.val.device)
        networks = map(training.stack.member, range(len(training.stack)))
        shares = [accuracy(self.passes, network, self.val, self.recorder, drawn) for network in networks]
        return [share for share in shares if share is not None]


def _by_difficulty(config: TrajectoryConfig, data: Data, recorder: Recorder) -> tuple[np.ndarray, torch.Tensor]:
    """(indices in the training part of the images to learn, the place of each in its class from easy to hard)."""
    if not config.scheduled:
        indices = scored_images(config, data)
        return indices, torch.zeros(len(indices), dtype=torch.int64)
    stored = recorder.built_on()[0].arrays("scores")
    labels = torch.from_numpy(data.train.labels)[stored["indices"]]
    draws = seeds.generator(config.seed, "experts", "equal scores")
    return stored["indices"].numpy(), schedule.places(stored[config.difficulty], labels, draws)


def _at_once(experts: Experts) -> int:
    """How many experts are trained at once.

    A CPU trains networks one by one anyhow, and one alone is sooner at the end of an epoch, from where it can go on.
    """
    config, where = experts.config, experts.part.device
    if where.type != "cuda":
        return 1
    return train.fitting(experts.network(0), config.shape, config.batch_train, where)


def _resume(trajectories: np.ndarray, recorder: Recorder) -> tuple[Progress, Point | None]:
    """(how far the last checkpoint, if any, came; itself if it lies amid the training of a group)."""
    if (point := recorder.resume_point()) is None:
        return Progress(), None
    if not trajectories[0, 0].any():
        raise RunBroken(
            "the trajectories that this run had kept are gone, so it cannot go on; put it into the trash and start anew"
        )
    tensors, meta = point
    progress = Progress(meta["done"], meta["seconds"], list(meta["train_accuracies"]), list(meta["val_accuracies"]))
    recorder.note(f"Goes on after {progress.done} experts and {meta.get('epoch', 0)} epochs.")
    return progress, point if tensors else None


def _disk(name: str, config: TrajectoryConfig) -> int:
    """Bytes of the trajectories."""
    classes = len(config.facts.classes)
    each = counts.parameters(config.network, config.shape, classes, config.network_options())
    return config.experts * (config.train_epochs + 1) * each * BYTES[config.precision]


def _in_use(config: TrajectoryConfig) -> list[int]:
    """Images that each expert learns in each epoch."""
    images = config.train_images or part_sizes(config)[0]
    return [round(images * (high - low)) for low, high in config.windows]


def _cost(name: str, config: TrajectoryConfig, images: int | None) -> int:
    val = part_sizes(config)[1]
    predicted = val + (config.train_epochs - 1) * min(CURVE_IMAGES, val)
    return of_training(config, config.experts * sum(_in_use(config)), config.experts * predicted)


def _label(name: str, config: Mapping[str, Any], summary: Summary) -> str:
    """ "Expert trajectories, 10 × 25 epochs, all data": how many, how long, whether all saw all images all the time."""
    values = {name: config[name] for name in TrajectoryConfig.model_fields if name in config}
    data = "" if TrajectoryConfig.model_construct(**values).scheduled else ", all data"
    return f"{KIND.title}, {config.get('experts')} × {config.get('train_epochs')} epochs{data}"


KIND = Kind(
    name="experts", title="Expert trajectories",
    help="Train the networks whose trajectories PAD imitates, ahead of any run.",
    lead="Networks learn from the real images; their weights after every epoch are kept as trajectories.",
    config=lambda name: TrajectoryConfig, summary=ExpertsSummary, run=run, version=lambda name: 2,
    needs=lambda name, config: tuple(spec(*need) for need in needs_scores(config)), disk=_disk, cost=_cost,
    steps=lambda name, config, images: config.experts * sum(
        counts.steps_per_epoch(n, config.batch_train) for n in _in_use(config)
    ),
    label=_label, details=lambda config: (network_title(config),), told=(*NETWORK_PARAMS, "experts", "train_epochs"),
    presets=lambda name: METHODS["pad"].presets, page="PAD", presets_of="pad",
)
