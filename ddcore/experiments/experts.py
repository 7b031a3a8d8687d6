"""Expert trajectories: networks trained on real images, whose weights after every epoch are kept.

Kept for the runs that imitate them: "trajectories", a mapped array (experts, train_epochs + 1, P), float32 or float16;
P are all parameters of the network, flattened in the order of `network.parameters()`, from shallow to deep. Row 0 is
the random start, row e the state after e epochs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ddcore import counts
from ddcore.data import split
from ddcore.errors import Diverged, RunBroken
from ddcore.experiments.base import CHECKPOINT_SECONDS, Kind, Recorder, Spec, spec
from ddcore.experiments.cost import accelerate, of_training, part_sizes
from ddcore.experiments.metrics import majority
from ddcore.experiments.scores import chosen
from ddcore.lazy import lazy
from ddcore.methods.trajectories import TrajectoryConfig, needs_scores
from ddcore.settings import network_title
from ddcore.summary import Accuracy, Answer, Arithmetic, Count, Share, Summary

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from ddcore.data import load, resident
    from ddcore.data.base import Data
    from ddcore.ops import device, nets, schedule, seeds, train, unroll
else:
    torch = lazy("torch")
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    device, nets, schedule, seeds, train, unroll = (
        lazy(f"ddcore.ops.{m}") for m in ("device", "nets", "schedule", "seeds", "train", "unroll")
    )

DTYPES = {"full": "float32", "half": "float16"}
BYTES = {"full": 4, "half": 2}
LOOKED_AT = 1000  # validation images for an expert's curve; after the last epoch all: as long as a short epoch


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
    where = device.pick(config.device)
    recorder.progress(0, 1, "Reading the data set")
    shared = ExpertData(config, recorder, where)
    layers = unroll.layers(shared.network(0))
    weights = sum(size for _, size, _ in layers)
    shape = config.experts, config.train_epochs + 1, weights
    kept = recorder.mapped("trajectories", shape, DTYPES[config.precision])
    progress, point = _resume(kept, recorder)
    if recorder.resume_point() is None:
        recorder.event("judge", images=len(shared.val), majority=majority(shared.val))
    together = _together(shared)
    while progress.done < config.experts:
        # A group that was begun keeps its size, though another device would take more or fewer.
        size = point[1]["together"] if point else together
        indices = range(progress.done, min(progress.done + size, config.experts))
        _train(shared, indices, kept, progress, point, recorder)
        point = None
    return ExpertsSummary(
        experts=config.experts, epochs=config.train_epochs, parameters=weights, bytes=kept.nbytes,
        precision=config.precision, images=len(shared.part),
        layers=tuple(Layer(name=layer, parameters=size, share=share) for layer, size, share in layers),
        shares=tuple(config.window(epoch) for epoch in range(config.train_epochs)),
        train_accuracy=Accuracy.of(progress.train_accuracies),
        val_accuracy=Accuracy.of(progress.val_accuracies) if progress.val_accuracies else None,
        steps=shared.steps, seconds=progress.seconds, arithmetic=Arithmetic(**shared.passes.speed.told()),
    )


class ExpertData:
    """What all experts share: the images, which of them are in use in each epoch, and the setting."""

    def __init__(self, config: TrajectoryConfig, recorder: Recorder, where: torch.device) -> None:
        self.config = config
        data = load.load(config.dataset, config.resolution)
        indices, places = _by_difficulty(config, data, recorder)
        self.part = resident.Resident.from_split(split.take(data.train, indices), data, where)
        self.val = resident.Resident.from_split(data.val, data, where)
        labels, windows = self.part.labels.cpu(), (config.window(epoch) for epoch in range(config.train_epochs))
        self.in_use = [schedule.in_use(places, labels, low, high).to(where) for low, high in windows]
        self.each = sum(-(-len(used) // config.batch_train) for used in self.in_use)
        self.steps = self.each * config.experts
        self.setting = train.Setting(
            config.train_epochs, config.lr_teacher, config.momentum_teacher, 0.0, "constant", config.batch_train,
            config.augment,
        )
        speed = accelerate(config, _cost("experts", config, None), where, recorder)
        self.passes = train.CompiledSteps(self.network(0), speed, len(self.val))

    def network(self, index: int) -> nets.Net:
        """Expert number `index` before its first epoch, with the weights that its number and the seed give it."""
        config, where = self.config, self.part.device
        draws = seeds.generator(config.seed, "experts", index, "network", device=where)
        options = config.network_options()
        return nets.build(config.network, config.shape, len(self.part.classes), options, draws, where)


def _by_difficulty(config: TrajectoryConfig, data: Data, recorder: Recorder) -> tuple[np.ndarray, Tensor]:
    """(indices in the training part of the images to learn, the place of each in its class from easy to hard)."""
    if not config.scheduled:
        indices = chosen(config, data)
        return indices, torch.zeros(len(indices), dtype=torch.int64)
    stored = recorder.built_on()[0].arrays("scores")
    labels = torch.from_numpy(data.train.labels)[stored["indices"]]
    draws = seeds.generator(config.seed, "experts", "equal scores")
    return stored["indices"].numpy(), schedule.places(stored[config.difficulty], labels, draws)


def _together(shared: ExpertData) -> int:
    """How many experts are trained at once.

    A CPU trains networks one by one anyhow, and one alone is sooner at the end of an epoch, from where it can go on.
    """
    config, where = shared.config, shared.part.device
    if where.type != "cuda":
        return 1
    return train.fitting(shared.network(0), config.shape, config.batch_train, where)


def _train(
    shared: ExpertData, indices: range, kept: np.ndarray, progress: Progress,
    point: tuple[dict[str, Tensor], dict[str, Any]] | None, recorder: Recorder,
) -> None:
    """Train these experts together to their end, from `point` on if they were begun, and add them to `progress`."""
    config, began = shared.config, 0
    training = train.Training.begin(*(shared.network(index) for index in indices), passes=shared.passes)
    if point:
        training.load(point[0], point[1]["step"])
        began = point[1]["epoch"]
    else:
        _keep(training, indices, 0, kept, config)
    watch, saved = device.Stopwatch(shared.part.device, progress.seconds), time.monotonic()
    for epoch in range(began, config.train_epochs):
        loss, learnt = _epoch(shared, training, indices, epoch, recorder)
        _keep(training, indices, epoch + 1, kept, config)
        last = epoch + 1 == config.train_epochs
        judged = len(shared.val) if last else min(LOOKED_AT, len(shared.val))
        looked_at = range(len(indices)) if judged else ()  # a very small data set has no validation images
        answered = [_val_accuracy(shared, training, position, judged, recorder) for position in looked_at]
        progress.seconds, (low, high) = watch.stop(), config.window(epoch)
        recorder.event(
            "epoch", first=indices[0], epoch=epoch + 1, images=len(shared.in_use[epoch]), low=low, high=high,
            loss=loss.mean().item(), train_accuracy=learnt.mean().item(),
            val_accuracy=sum(answered) / len(answered) if judged else None, seconds=round(progress.seconds, 3),
        )
        if last:
            progress.done = indices.stop
            progress.train_accuracies += learnt.tolist()
            progress.val_accuracies += answered
            _checkpoint({}, progress, recorder)
        elif time.monotonic() - saved > CHECKPOINT_SECONDS:
            begun = {"epoch": epoch + 1, "step": training.step, "together": len(indices)}
            _checkpoint(training.dump(), progress, recorder, **begun)
            saved = time.monotonic()
        watch.go()


def _epoch(
    shared: ExpertData, training: train.Training, indices: range, epoch: int, recorder: Recorder
) -> tuple[Tensor, Tensor]:
    """One epoch of these experts: (mean loss, training accuracy), each (n,)."""
    config, before = shared.config, shared.each * indices[0]
    words = f"expert {indices[0] + 1}" if len(indices) == 1 else f"experts {indices[0] + 1} to {indices[-1] + 1}"

    def look() -> None:
        recorder.check_cancelled()
        done = before + training.step * len(indices)
        recorder.progress(done, shared.steps, f"Training {words} of {config.experts}, epoch {epoch + 1}")

    purposes = [(config.seed, "experts", index) for index in indices]
    order, draws = train.drawn(purposes, epoch, shared.in_use[epoch])
    learnt = train.one_epoch(training, shared.part.batch, shared.part.labels, shared.setting, order, draws, look)
    train.check_finite(learnt[0], training, shared.setting)
    return learnt


def _keep(training: train.Training, indices: range, row: int, kept: np.ndarray, config: TrajectoryConfig) -> None:
    """Write the weights of these experts to their trajectories; Diverged where the stored precision has no place."""
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
    kept[indices.start : indices.stop, row] = weights.numpy()


def _val_accuracy(
    shared: ExpertData, training: train.Training, position: int, judged: int, recorder: Recorder
) -> float:
    """Of one expert, on so many drawn validation images: a fraction."""
    val, network = shared.val, training.stack.member(position)
    some = seeds.permutation(len(val), shared.config.seed, "experts", "judged")[:judged].to(val.device)
    said = train.logits(shared.passes, network, lambda i: val.batch(some[i]), judged, recorder.check_cancelled)
    return (said.argmax(1) == val.labels[some]).float().mean().item()


def _checkpoint(tensors: dict[str, Tensor], progress: Progress, recorder: Recorder, **begun: int) -> None:
    """After an epoch of the experts in training, or, without tensors, between two groups of them."""
    recorder.checkpoint(tensors, {**vars(progress), **begun})


def _resume(
    kept: np.ndarray, recorder: Recorder
) -> tuple[Progress, tuple[dict[str, Tensor], dict[str, Any]] | None]:
    """(how far the last checkpoint, if any, came; itself if it lies amid the training of a group)."""
    if (point := recorder.resume_point()) is None:
        return Progress(), None
    if not kept[0, 0].any():
        raise RunBroken(
            "the trajectories that this run had kept are gone, so it cannot go on; put it into the trash and start anew"
        )
    tensors, meta = point
    progress = Progress(
        meta["done"], meta["seconds"], list(meta["train_accuracies"]), list(meta["val_accuracies"])
    )
    recorder.note(f"Goes on after {progress.done} experts and {meta.get('epoch', 0)} epochs.")
    return progress, point if tensors else None


def _disk(name: str, config: TrajectoryConfig) -> int:
    """Bytes of the trajectories."""
    classes = len(config.facts.classes)
    each = counts.parameters(config.network, config.shape, classes, config.network_options())
    return config.experts * (config.train_epochs + 1) * each * BYTES[config.precision]


def _needs(name: str, config: TrajectoryConfig) -> tuple[Spec, ...]:
    return tuple(spec(*need) for need in needs_scores(config))


def _in_use(config: TrajectoryConfig) -> list[int]:
    """Images that each expert learns in each epoch."""
    images = config.train_images or part_sizes(config)[0]
    return [round(images * (high - low)) for low, high in map(config.window, range(config.train_epochs))]


def _cost(name: str, config: TrajectoryConfig, images: int | None) -> int:
    val = part_sizes(config)[1]
    predicted = val + (config.train_epochs - 1) * min(LOOKED_AT, val)
    return of_training(config, config.experts * sum(_in_use(config)), config.experts * predicted)


def _steps(name: str, config: TrajectoryConfig, images: int | None) -> int:
    return config.experts * sum(-(-images // config.batch_train) for images in _in_use(config))


def _label(name: str, config: Mapping[str, Any], summary: Summary) -> str:
    """ "Expert trajectories, 10 × 25 epochs, all data": how many, how long, whether all saw all images all the time."""
    known = {name: config[name] for name in TrajectoryConfig.model_fields if name in config}
    data = "" if TrajectoryConfig.model_construct(**known).scheduled else ", all data"
    return f"{KIND.title}, {config.get('experts')} × {config.get('train_epochs')} epochs{data}"


KIND = Kind(
    name="experts",
    title="Expert trajectories",
    help="Train the networks whose trajectories PAD imitates, ahead of any run.",
    config=lambda name: TrajectoryConfig,
    summary=ExpertsSummary,
    run=run,
    version=lambda name: 2,
    needs=_needs,
    disk=_disk,
    cost=_cost,
    steps=_steps,
    label=_label,
    details=lambda config: (network_title(config),),
    page="PAD",
    presets_of="pad",
)
