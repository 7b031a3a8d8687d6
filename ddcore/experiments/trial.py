"""One network of a search on one training set: how well it does on the validation split, over several seeds.

Searches compute trials in their own process (`together`), those whose networks share a shape in one training, and keep
each as a run of its own, so that no search asks for it again.

Notation: a member is one network of one seed; a crowd is the members that are trained together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ddcore import counts
from ddcore.errors import DataMissing
from ddcore.experiments.base import CHECKPOINT_SECONDS, RUNS_PAGE, ImageSet, Kind, Parent, Recorder, Spec
from ddcore.experiments.cost import of_training, part_sizes, set_size, trained_images
from ddcore.experiments.metrics import majority, notes
from ddcore.experiments.search_results import NetworkResult
from ddcore.lazy import lazy
from ddcore.params import Param
from ddcore.settings import DataConfig, NetworkConfig, TrainConfig, network_title
from ddcore.summary import Accuracy, Answer, Count, Flag, Seconds, Share, Summary

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ddcore.data import load, resident
    from ddcore.data.resident import Resident
    from ddcore.ops import acceleration, device, nets, seeds, train
    from ddcore.ops.nets import layers
else:
    torch = lazy("torch")
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    acceleration, device, nets, seeds, train = (
        lazy(f"ddcore.ops.{m}") for m in ("acceleration", "device", "nets", "seeds", "train")
    )
    layers = lazy("ddcore.ops.nets.layers")

MOST_SEEDS = 20  # of a network
TOLD = 25  # steps after which it is looked whether a checkpoint is due: a GPU runs ahead in between
Point = tuple[dict[str, "Tensor"], dict[str, Any]] | None


class TrialConfig(TrainConfig, NetworkConfig):
    """Which network, on which images, for how long."""

    run: str = Param(
        "", label="Images", group="Images",
        help="Id of the finished run whose images are learnt; left empty, the whole training part.",
    )
    nets: int = Param(
        1, label="Seeds", symbol="n", group="Search", ge=1, le=MOST_SEEDS, step=1,
        help="How often the network is trained, each time from other random weights.",
    )
    tested: bool = Param(
        False, label="Tested", group="Search",
        help="A trial of the truth: it draws weights and orders of its own, and is also judged on the test images at "
        "the end. Nothing is ever chosen by that.",
    )


class Member(Answer):
    """What one network of one seed reached on the validation split (val), the test images and the set it learnt."""

    val: Share
    test: Share | None = None
    train: Share
    diverged: Flag = False
    seconds_train: Seconds
    seconds_test: Seconds


class TrialSummary(Summary):
    """accuracy, accuracies_train: of each seed on the validation split and on the set that it learnt; accuracies_test:
    on the test images, of a trial of the truth."""

    accuracy: Accuracy
    seconds: Seconds
    members: tuple[Member, ...]
    accuracies_train: tuple[Share, ...] = ()
    accuracies_test: tuple[Share, ...] | None = None
    val_images: Count | None = None
    network: str = ""
    network_options: Mapping[str, Any] = {}

    @property
    def result(self) -> NetworkResult:
        """What a search or a truth says of it, but for the trial's id."""
        return NetworkResult(
            accuracies=self.accuracy.each, accuracies_test=self.accuracies_test, seconds=self.seconds,
            diverged=any(member.diverged for member in self.members),
        )


def run(name: str, config: TrialConfig, recorder: Recorder) -> TrialSummary:
    """A trial by itself: what `together` makes of one."""
    bench = TrialData(config, recorder)
    recorder.progress(0, 1, "Training")
    (found,) = crowded([config], bench, recorder.resume_point())
    return found


class TrialData:
    """What the trials of one run share: the images they learn and are judged by, on the device, each read once."""

    def __init__(self, config: DataConfig, recorder: Recorder) -> None:
        self.recorder, self.where = recorder, device.pick(config.device)
        recorder.progress(0, 0, "Reading the data set")
        self.data = load.load(config.dataset, config.resolution)
        self._subjects: dict[str, TrainingSet] = {}
        self.val = self._part(self.data.val)
        if not len(self.val):
            raise DataMissing(f"{config.dataset} is so small that no image of it is held out for validation")

    @cached_property
    def test(self) -> Resident:
        return self._part(self.data.test)

    def subject(self, run_id: str) -> TrainingSet:
        """The images of a finished run; of the whole training part where it names none."""
        if run_id not in self._subjects:
            whole = self._part(self.data.train) if not run_id else None
            self._subjects[run_id] = (
                TrainingSet(whole.batch, whole.labels, None) if whole else self._set(self.recorder.parent(run_id))
            )
        return self._subjects[run_id]

    def _set(self, parent: Parent) -> TrainingSet:
        """What a small set teaches, with its soft labels where it has them."""
        kept: ImageSet = parent.images()
        images, soft = kept.images.to(self.where), kept.label_logits
        labels = kept.labels.to(self.where)
        return TrainingSet(lambda some: images[some], labels, None if soft is None else soft.to(self.where).softmax(1))

    def _part(self, split: Any) -> Resident:
        return resident.Resident.from_split(split, self.data, self.where)


@dataclass(frozen=True)
class TrainingSet:
    """A training set: images(indices) on the device, labels (N,), soft labels (N, classes) where it has them."""

    images: Callable[[Tensor], Tensor]
    labels: Tensor
    soft: Tensor | None


@dataclass
class TrialResult:
    """The answer to a trial: the run that holds it, what it found, and whether it was there already."""

    config: TrialConfig
    run_id: str
    summary: TrialSummary
    known: bool

    @property
    def score(self) -> NetworkResult:
        """What a search or a truth says of it."""
        return self.summary.result.model_copy(update={"trial": self.run_id})


def together(configs: Iterable[TrialConfig], bench: TrialData, point: Point = None) -> Iterator[TrialResult]:
    """Every trial's answer as it comes: those that are known first, then crowd by crowd.

    point: where a run that was stopped left a crowd.
    """
    wanted = []
    for config in configs:
        if (known := _answered(config, bench.recorder)) is not None:
            yield TrialResult(config, *known, known=True)
        elif len(members := _kept(config, bench.recorder)) == config.nets:
            summary = _summary(config, members, bench)
            run = bench.recorder.answer(question(config), summary, summary.seconds)
            yield TrialResult(config, run.id, summary, known=True)
        else:
            wanted.append(config)
    for alike in groups(wanted, bench.where):
        for config, summary in zip(alike, crowded(alike, bench, point), strict=True):
            run = bench.recorder.answer(question(config), summary, summary.seconds)
            yield TrialResult(config, run.id, summary, known=False)


def question(config: TrialConfig) -> Spec:
    """What a trial asks."""
    return Spec("trial", "trial", config)


def _answered(config: TrialConfig, recorder: Recorder) -> tuple[str, TrialSummary] | None:
    """(id, summary) of the finished run that answers this trial."""
    run = recorder.answered(question(config))
    return (run.id, run.summary) if run is not None and isinstance(run.summary, TrialSummary) else None


def groups(configs: Iterable[TrialConfig], where: torch.device) -> list[list[TrialConfig]]:
    """The trials by what may be trained in one stack: the same set and setting, and networks of the same shape.

    ReLU and LeakyReLU are one shape where a GPU trains the stack in one pass; on a CPU each network has its own pass,
    in which a slope that is looked up would only cost time.
    """
    found: dict[tuple[Any, ...], list[TrialConfig]] = {}
    for config in configs:
        shape = config.network_options()
        if where.type == "cuda" and shape.get("activation") in ("relu", "leakyrelu"):
            shape["activation"] = "either"
        other = {n: v for n, v in config.values().items() if n not in shape and n != "nets"}
        found.setdefault((*shape.items(), *other.items()), []).append(config)
    return list(found.values())


def crowded(
    configs: Sequence[TrialConfig], bench: TrialData, point: Point = None, stacked: bool | None = None
) -> list[TrialSummary]:
    """The summaries of trials whose networks share a shape, trained as many at once as fit.

    What the same trial with other seeds found is taken over. stacked: whether one vectorised pass serves all of a
    crowd; None leaves it to the device.
    """
    members = {i: _kept(config, bench.recorder) for i, config in enumerate(configs)}
    left = [(i, seed) for i, config in enumerate(configs) for seed in range(len(members[i]), config.nets)]
    names = [_who(configs[i], seed) for i, seed in left]
    done = 0
    if point and point[1].get("left") == names:
        done = point[1]["done"]
        members = {int(i): list(map(Member.model_validate, each)) for i, each in point[1]["found"].items()}
    else:
        point = None
    at_once = _fitting(configs[0], bench)
    while done < len(left):
        size = point[1]["size"] if point and point[0] else min(at_once, len(left) - done)
        crowd = TrialBatch([(configs[i], seed) for i, seed in left[done : done + size]], bench, stacked)
        kept = {i: [member.to_json() for member in each] for i, each in members.items()}
        meta = {"left": names, "done": done, "size": size, "found": kept}
        for (i, _), result in zip(left[done : done + size], crowd.results(point, meta), strict=True):
            members[i].append(result)
        done, point = done + size, None
    return [_summary(config, members[i], bench) for i, config in enumerate(configs)]


class TrialBatch:
    """Members that are trained together, each as it would be alone."""

    def __init__(self, members: Sequence[tuple[TrialConfig, int]], bench: TrialData, stacked: bool | None) -> None:
        self.bench, self.members = bench, members
        self.config = members[0][0]
        self.subject = bench.subject(self.config.run)
        networks = [_network(config, seed, bench) for config, seed in members]
        if len({config.activation for config, _ in members}) > 1:
            for network in networks:
                layers.leaking(network)
        pace = acceleration.Acceleration(bench.where, exact=self.config.exact)  # so many shapes are not worth compiling
        self.training = train.Training.begin(
            *networks, together=stacked, passes=train.CompiledSteps(networks[0], pace, len(bench.val))
        )

    def results(self, point: Point, meta: dict[str, Any]) -> list[Member]:
        """What each member reached. point: where they were left; meta: what a checkpoint must say beside."""
        watch, reached = device.Stopwatch(self.bench.where), [0.0] * len(self.members)
        if point and point[0]:
            self.training.load(point[0], point[1]["step"])
            watch.seconds = point[1]["seconds"]
            self.bench.recorder.note(f"Goes on after step {self.training.step} of {self.config.steps}.")
        saved = time.monotonic()

        def on_epoch(loss: Tensor, accuracy: Tensor) -> None:
            nonlocal saved, reached
            reached = accuracy.tolist()
            if time.monotonic() - saved > CHECKPOINT_SECONDS and self.training.step < (self.config.steps or 0):
                now = {**meta, "step": self.training.step, "seconds": watch.stop()}
                self.bench.recorder.checkpoint(self.training.dump(), now)
                watch.go()
                saved = time.monotonic()

        train.train(
            self.training, self.subject.images, self.subject.labels, train.Setting(**self.config.training_values()),
            [(config.seed, _purpose(config), seed) for config, seed in self.members], on_epoch,
            self.bench.recorder.check_cancelled, self.subject.soft, every=TOLD, diverging=True,
        )
        trained = watch.stop() / len(self.members)
        return [Member(**self._judged(i), train=reached[i], seconds_train=trained) for i in range(len(self.members))]

    def _judged(self, i: int) -> dict[str, Any]:
        """What member i gets right of the validation split, and of the test images where that is asked for."""
        watch = device.Stopwatch(self.bench.where)
        network = self.training.stack.member(i)
        val = self._right(network, self.bench.val)
        test = self._right(network, self.bench.test) if self.config.tested else None
        whole = all(weights.isfinite().all() for weights in network.parameters())
        return {"val": val, "test": test, "diverged": not whole, "seconds_test": watch.stop()}

    def _right(self, network: nets.Net, part: Resident) -> float:
        assert self.training.passes is not None
        said = train.logits(self.training.passes, network, part.batch, len(part), self.bench.recorder.check_cancelled)
        return (said.argmax(1) == part.labels).sum().item() / len(part)  # exact, so that equal means are ties


def _who(config: TrialConfig, seed: int) -> str:
    """A member by name, among those of one run."""
    return " ".join(map(str, (*config.network_options().values(), config.run, config.steps, seed)))


def _purpose(config: TrialConfig) -> str:
    """What a training draws for. A truth with the weights and the order of what is held against it would agree with it
    for that alone."""
    return "truth" if config.tested else "trial"


def _network(config: TrialConfig, seed: int, bench: TrialData) -> nets.Net:
    """The network with the weights of its seed, which do not depend on who else is tried."""
    draws = seeds.generator(config.seed, _purpose(config), seed, "network", device=bench.where)
    classes = len(bench.data.classes)
    return nets.build(config.network, config.shape, classes, config.network_options(), draws, bench.where)


def _fitting(config: TrialConfig, bench: TrialData) -> int:
    """How many networks like this one fit the memory at once."""
    batch = min(config.batch_size, len(bench.subject(config.run).labels))
    return train.fitting(_network(config, 0, bench), config.shape, batch, bench.where)


def _kept(config: TrialConfig, recorder: Recorder) -> list[Member]:
    """What is known of its first seeds from the same trial with more of them, or else with fewer."""
    for others in (*range(config.nets + 1, MOST_SEEDS + 1), *range(config.nets - 1, 0, -1)):
        if (known := _answered(config.model_copy(update={"nets": others}), recorder)) is not None:
            return list(known[1].members[: config.nets])
    return []


def _summary(config: TrialConfig, members: Sequence[Member], bench: TrialData) -> TrialSummary:
    size = config.network, config.shape, len(bench.data.classes), config.network_options()
    macs = counts.macs(*size)
    return TrialSummary(
        accuracy=Accuracy.of([member.val for member in members], f"{config.steps:,} steps", "val"),
        accuracies_train=tuple(member.train for member in members),
        accuracies_test=tuple(member.test for member in members if member.test is not None) if config.tested else None,
        members=tuple(members),
        seconds=sum(member.seconds_train + member.seconds_test for member in members),
        seconds_train=sum(member.seconds_train for member in members),
        images=len(bench.subject(config.run).labels), val_images=len(bench.val), steps=config.steps,
        network=config.network, network_options=config.network_options(),
        parameters=counts.parameters(*size), macs=macs, flops=2 * macs,
        majority=majority(bench.val), notes=notes(config),
    )


def _learnt(config: TrialConfig, images: int | None) -> int:
    """Images that the networks of a trial learn: those of a run, else the whole training part."""
    return set_size(config, images) if config.run else part_sizes(config)[0]


def _cost(name: str, config: TrialConfig, images: int | None) -> int:
    _, val, test = part_sizes(config)
    trained = trained_images(config, _learnt(config, images))
    return of_training(config, config.nets * trained, config.nets * (val + (test if config.tested else 0)))


KIND = Kind(
    name="trial",
    title="Trial of a search",
    help="Train one network of a search on one set.",
    config=lambda name: TrialConfig,
    summary=TrialSummary,
    run=run,
    parents=lambda config: (config.run,) if config.run else (),
    part=True,
    cost=_cost,
    steps=lambda name, config, images: config.nets * config.optimiser_steps(_learnt(config, images)),
    label=lambda name, config, summary: "Trial of a search on the validation split",
    details=lambda config: (network_title(config),),
    page=RUNS_PAGE,
    command=None,
    asked_by="a search",
)
