"""One network of a search on one training set: how well it does on the validation split, over several seeds.

Searches compute trials in their own process (`results`), those whose networks share a shape in one training, and keep
each as a run of its own, so that no search asks for it again.

Notation: a member is one network of one seed; a group is the trials whose networks share a shape, and a batch so many
members of it as are trained together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ddcore import counts
from ddcore.data.base import Split
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.experiments.base import RUNS_PAGE, Kind, Point, Recorder, Spec
from ddcore.experiments.cost import of_training, part_sizes, set_size, trained_images
from ddcore.experiments.heavy import acceleration, device, layers, nets, torch, train
from ddcore.experiments.metrics import majority, notes
from ddcore.experiments.search_results import NetworkResult
from ddcore.experiments.training import Session, initial_network, not_empty
from ddcore.params import Param
from ddcore.settings import NETWORK_PARAMS, DataConfig, NetworkConfig, TrainConfig, network_title
from ddcore.summary import Accuracy, Answer, Count, Flag, Seconds, Share, Summary, Values

MOST_SEEDS = 20  # of a network
RECORDED_STEPS = 25  # steps after which it is looked whether a checkpoint is due: a GPU runs ahead in between


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
    network_options: Values = {}

    @property
    def result(self) -> NetworkResult:
        """What a search or a truth says of it, but for the trial's id."""
        return NetworkResult(
            accuracies=self.accuracy.each, accuracies_test=self.accuracies_test, seconds=self.seconds,
            diverged=any(member.diverged for member in self.members),
        )


def run(name: str, config: TrialConfig, recorder: Recorder) -> TrialSummary:
    """A trial by itself."""
    data = TrialData(config, recorder)
    recorder.progress(0, 1, "Training")
    (summary,) = train_group([config], data, recorder.resume_point())
    return summary


class TrialData:
    """What the trials of one run share: the images they learn and are judged by, on the device, each read once."""

    def __init__(self, config: DataConfig, recorder: Recorder) -> None:
        self.recorder, self.where = recorder, device.pick(config.device)
        recorder.progress(0, 0, "Reading the data set")
        self.splits = load(config.dataset, config.resolution)
        self._training_sets: dict[str, TrainingSet] = {}
        self.val = not_empty(self._part(self.splits.val), config.dataset)

    @cached_property
    def test(self) -> Resident:
        return self._part(self.splits.test)

    def training_set(self, run_id: str) -> TrainingSet:
        """The images of a finished run, with soft labels where it has them; without an id the whole training part."""
        if run_id not in self._training_sets:
            self._training_sets[run_id] = self._read(run_id)
        return self._training_sets[run_id]

    def _read(self, run_id: str) -> TrainingSet:
        if not run_id:
            part = self._part(self.splits.train)
            return TrainingSet(part.batch, part.labels, None)
        stored = self.recorder.parent(run_id).images()
        images, labels, soft = stored.images.to(self.where), stored.labels.to(self.where), stored.label_logits
        return TrainingSet(images.__getitem__, labels, None if soft is None else soft.to(self.where).softmax(1))

    def _part(self, split: Split) -> Resident:
        return Resident.from_split(split, self.splits, self.where)


@dataclass(frozen=True)
class TrainingSet:
    """A training set: images(indices) on the device, labels (N,), soft labels (N, classes) where it has them."""

    images: Callable[[torch.Tensor], torch.Tensor]
    labels: torch.Tensor
    soft: torch.Tensor | None


@dataclass
class TrialResult:
    """The answer to a trial: the run that holds it, its summary, and whether it was there already."""

    config: TrialConfig
    run_id: str
    summary: TrialSummary
    known: bool

    @property
    def result(self) -> NetworkResult:
        """What a search or a truth says of it."""
        return self.summary.result.model_copy(update={"trial": self.run_id})


def results(configs: Iterable[TrialConfig], data: TrialData, point: Point | None = None) -> Iterator[TrialResult]:
    """Every trial's result as it comes: those that are known first, then group by group.

    point: where a run that was stopped left a batch.
    """
    unknown, recorder = [], data.recorder
    for config in configs:
        if (finished := _finished(config, recorder)) is not None:
            yield TrialResult(config, *finished, known=True)
        elif len(members := _known_members(config, recorder)) == config.nets:
            yield _stored(config, _summary(config, members, data), recorder, known=True)
        else:
            unknown.append(config)
    for group in groups(unknown, data.where):
        for config, summary in zip(group, train_group(group, data, point), strict=True):
            yield _stored(config, summary, recorder, known=False)
        if recorder.slice_over():  # what is known by now is kept, each trial in a run of its own
            recorder.checkpoint({}, {})
            recorder.give_way()


def question(config: TrialConfig) -> Spec:
    """What a trial asks."""
    return Spec("trial", "trial", config)


def _finished(config: TrialConfig, recorder: Recorder) -> tuple[str, TrialSummary] | None:
    """(id, summary) of the finished run that answers this trial."""
    run = recorder.answered(question(config))
    return (run.id, run.summary) if run is not None and isinstance(run.summary, TrialSummary) else None


def _stored(config: TrialConfig, summary: TrialSummary, recorder: Recorder, known: bool) -> TrialResult:
    """The result, kept as a run of its own."""
    return TrialResult(config, recorder.answer(question(config), summary, summary.seconds).id, summary, known)


def groups(configs: Iterable[TrialConfig], where: torch.device) -> list[list[TrialConfig]]:
    """The trials by what may be trained in one stack: the same set and setting, and networks of the same shape.

    ReLU and LeakyReLU are one shape where a GPU trains the stack in one pass; on a CPU each network has its own pass,
    in which a slope that is looked up would only cost time.
    """
    by_shape: dict[tuple[Any, ...], list[TrialConfig]] = {}
    for config in configs:
        shape = config.network_options()
        if where.type == "cuda" and shape.get("activation") in ("relu", "leakyrelu"):
            shape["activation"] = "either"
        other = {n: v for n, v in config.values().items() if n not in shape and n != "nets"}
        by_shape.setdefault((*shape.items(), *other.items()), []).append(config)
    return list(by_shape.values())


def train_group(
    configs: Sequence[TrialConfig], data: TrialData, point: Point | None = None, stacked: bool | None = None
) -> list[TrialSummary]:
    """The summaries of the trials of a group, trained as many members at once as fit.

    What the same trial with other seeds found is taken over. stacked: whether one vectorised pass serves all of a
    batch; None leaves it to the device.
    """
    members = {i: _known_members(config, data.recorder) for i, config in enumerate(configs)}
    left = [(i, seed) for i, config in enumerate(configs) for seed in range(len(members[i]), config.nets)]
    names, done = [_member_name(configs[i], seed) for i, seed in left], 0
    if point and point[1].get("left") == names:
        done = point[1]["done"]
        members = {int(i): list(map(Member.model_validate, each)) for i, each in point[1]["found"].items()}
    else:
        point = None
    batch = min(configs[0].batch_size, len(data.training_set(configs[0].run).labels))
    at_once = train.fitting(_network(configs[0], 0, data), configs[0].shape, batch, data.where)
    while done < len(left):
        size = point[1]["size"] if point and point[0] else min(at_once, len(left) - done)
        together = TrialBatch([(configs[i], seed) for i, seed in left[done : done + size]], data, stacked)
        stored = {i: [member.to_json() for member in each] for i, each in members.items()}
        meta = {"left": names, "done": done, "size": size, "found": stored}
        for (i, _), result in zip(left[done : done + size], together.results(point, meta), strict=True):
            members[i].append(result)
        done, point = done + size, None
    return [_summary(config, members[i], data) for i, config in enumerate(configs)]


class TrialBatch:
    """Members that are trained together, each as it would be alone."""

    def __init__(self, members: Sequence[tuple[TrialConfig, int]], data: TrialData, stacked: bool | None) -> None:
        self.data, self.members = data, members
        self.config = members[0][0]
        self.training_set = data.training_set(self.config.run)
        networks = [_network(config, seed, data) for config, seed in members]
        if len({config.activation for config, _ in members}) > 1:
            for network in networks:
                layers.leaking(network)
        speed = acceleration.Acceleration(data.where, exact=self.config.exact)  # many shapes: not worth compiling
        self.passes = train.CompiledSteps(networks[0], speed, len(data.val))
        self.training = train.Training.begin(*networks, together=stacked, passes=self.passes)

    def results(self, point: Point | None, meta: Mapping[str, Any]) -> list[Member]:
        """What each member reached. point: where they were left; meta: what a checkpoint must say beside."""
        config, learnt = self.config, self.training_set
        session, accuracies_train = Session(self.training, self.data.recorder, config.steps or 0), list[float]()
        session.resume(point)

        def on_epoch(loss: torch.Tensor, accuracy: torch.Tensor) -> None:
            accuracies_train[:] = accuracy.tolist()
            session.checkpoint_if_due(**meta)

        train.train(
            self.training, learnt.images, learnt.labels, train.Setting(**config.training_values()),
            [(member.seed, _purpose(member), seed) for member, seed in self.members], on_epoch,
            self.data.recorder.check_cancelled, learnt.soft, every=RECORDED_STEPS, diverging=True,
        )
        seconds = session.watch.stop() / len(self.members)
        return [Member(**self._scores(i), train=share, seconds_train=seconds)
                for i, share in enumerate(accuracies_train)]

    def _scores(self, i: int) -> dict[str, Any]:
        """What member i gets right of the validation split, and of the test images where that is asked for."""
        watch = device.Stopwatch(self.data.where)
        network = self.training.stack.member(i)
        val = self._share(network, self.data.val)
        test = self._share(network, self.data.test) if self.config.tested else None
        diverged = not all(weights.isfinite().all() for weights in network.parameters())
        return {"val": val, "test": test, "diverged": diverged, "seconds_test": watch.stop()}

    def _share(self, network: nets.Net, part: Resident) -> float:
        """The share of a part that a network answers right, exact, so that equal means are ties."""
        logits = train.logits(self.passes, network, part.batch, len(part), self.data.recorder.check_cancelled)
        return (logits.argmax(1) == part.labels).sum().item() / len(part)


def _member_name(config: TrialConfig, seed: int) -> str:
    """A member by name, among those of one run."""
    return " ".join(map(str, (*config.network_options().values(), config.run, config.steps, seed)))


def _purpose(config: TrialConfig) -> str:
    """What a training draws for. A truth with the weights and the order of what is held against it would agree with it
    for that alone."""
    return "truth" if config.tested else "trial"


def _network(config: TrialConfig, seed: int, data: TrialData) -> nets.Net:
    """The network with the weights of its seed, which do not depend on who else is tried."""
    return initial_network(config, data.where, _purpose(config), seed)


def _known_members(config: TrialConfig, recorder: Recorder) -> list[Member]:
    """What is known of its first seeds from the same trial with more of them, or else with fewer."""
    for number in (*range(config.nets + 1, MOST_SEEDS + 1), *range(config.nets - 1, 0, -1)):
        if (finished := _finished(config.model_copy(update={"nets": number}), recorder)) is not None:
            return list(finished[1].members[: config.nets])
    return []


def _summary(config: TrialConfig, members: Sequence[Member], data: TrialData) -> TrialSummary:
    size = config.network, config.shape, len(data.splits.classes), config.network_options()
    macs = counts.macs(*size)
    return TrialSummary(
        accuracy=Accuracy.of([member.val for member in members], f"{config.steps:,} steps", "val"),
        accuracies_train=tuple(member.train for member in members),
        accuracies_test=tuple(member.test for member in members if member.test is not None) if config.tested else None,
        members=tuple(members), seconds=sum(member.seconds_train + member.seconds_test for member in members),
        seconds_train=sum(member.seconds_train for member in members),
        images=len(data.training_set(config.run).labels), val_images=len(data.val), steps=config.steps,
        network=config.network, network_options=config.network_options(),
        parameters=counts.parameters(*size), macs=macs, flops=2 * macs,
        majority=majority(data.val), notes=notes(config),
    )


def _learnt(config: TrialConfig, images: int | None) -> int:
    """Images that the networks of a trial learn: those of a run, else the whole training part."""
    return set_size(config, images) if config.run else part_sizes(config)[0]


def _cost(name: str, config: TrialConfig, images: int | None) -> int:
    _, val, test = part_sizes(config)
    trained = trained_images(config, _learnt(config, images))
    return of_training(config, config.nets * trained, config.nets * (val + (test if config.tested else 0)))


KIND = Kind(
    name="trial", title="Trial of a search", help="Train one network of a search on one set.",
    config=lambda name: TrialConfig, summary=TrialSummary, run=run,
    parents=lambda config: (config.run,) if config.run else (), part=True,
    cost=_cost, steps=lambda name, config, images: config.nets * config.optimiser_steps(_learnt(config, images)),
    label=lambda name, config, summary: "Trial of a search on the validation split",
    details=lambda config: (network_title(config),), told=NETWORK_PARAMS, page=RUNS_PAGE, command=None,
    asked_by="a search",
)
