"""How good a small set is: networks trained on it from scratch, tested on the real test images."""

from __future__ import annotations

import bisect
import statistics
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ddcore.augmentations import STRATEGIES
from ddcore.errors import DataMissing
from ddcore.experiments.base import CHECKPOINT_SECONDS, RUNS_PAGE, Command, ImageSet, Kind, Parent, Recorder
from ddcore.experiments.cost import accelerate, of_training, part_sizes, set_size, trained_images
from ddcore.experiments.metrics import check_fit, judged, majority, notes
from ddcore.lazy import lazy
from ddcore.methods import METHODS
from ddcore.params import Param
from ddcore.protocols import PROTOCOLS
from ddcore.settings import NetworkConfig, TrainConfig, network_title
from ddcore.summary import Accuracy, Arithmetic, Share, Source, Summary

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ddcore.data import load, resident
    from ddcore.data.resident import Resident
    from ddcore.ops import device, flops, nets, seeds, train
    from ddcore.ops.acceleration import Acceleration
else:
    torch = lazy("torch")
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    device, flops, nets, seeds, train = (lazy(f"ddcore.ops.{m}") for m in ("device", "flops", "nets", "seeds", "train"))

TEST_POINTS = 10  # parts of the training after which the test curve has a point; the last is the test itself
TOLD = 100  # parts of the training after which it is told how far it is; a GPU runs ahead in between
TEST_IMAGES = 1000  # that a point of it is measured on: it is for eyes, and testing takes longer than training


class EvaluateConfig(NetworkConfig):
    """Which images, on which network, under which protocol."""

    length_param: ClassVar[str] = "nets"

    run: str = Param(
        "", label="Run", group="Images", help="Id of the finished run whose images are evaluated.",
    )
    images: Literal["images", "initial"] = Param(
        "images", label="Images", group="Images",
        help="'images' is the run's result, 'initial' what it started from, undistilled.",
    )
    step: int | None = Param(
        None, label="Snapshot", group="Images", ge=0, le=10**9, step=1,
        help="Evaluates the images as they were at this step, if a snapshot was kept there; left empty, the result.",
    )
    labels: Literal["learnt", "hard"] = Param(
        "learnt", label="Labels", group="Images",
        help="'learnt' trains on the set's soft labels where it has any, 'hard' on the classes alone.",
    )
    lr_from: Literal["protocol", "learnt"] = Param(
        "protocol", label="Learning rate from", group="Images",
        help="'protocol' trains every set with the protocol's, so that it compares with its controls; 'learnt' with "
        "the one that came with the set, where it has one.",
    )
    split: Literal["test", "val"] = Param(
        "test", label="Tested on", group="Evaluation",
        help="'test' is the official test set, measured once, at the end; 'val' the validation split, for choosing.",
    )
    protocol: str = Param(
        "course", label="Protocol", group="Evaluation", choices=PROTOCOLS,
        help="How each network is trained on the small set. Numbers compare only under the same protocol.",
    )
    batch_size: int | None = Param(
        None, label="Batch size", group="Evaluation", unit="images", ge=1, le=8192,
        help="Overrides the protocol's batch size. Smaller batches mean more steps on a small set.",
    )
    augment: str | None = Param(
        None, label="Augmentation", group="Evaluation", choices=STRATEGIES,
        help="Overrides the protocol's augmentation; left empty, the protocol's own.",
    )
    nets: int = Param(
        3, label="Networks", symbol="n", group="Evaluation", ge=1, le=100, step=1,
        help="How many networks are trained from different random weights; the spread is over them. Asked for more, "
        "those that were trained before are kept.",
    )

    def problems(self) -> list[str]:
        return [*super().problems(), *([] if self.run else ["run must name a finished run, got nothing"])]

    def key_values(self) -> dict[str, Any]:
        """What the protocol says enters the key instead of its name, so a changed protocol is another question."""
        values = super().key_values()
        del values["protocol"], values["batch_size"], values["augment"]
        if self.lr_from == "protocol":
            del values["lr_from"]  # the only way there was when evaluations were first kept
        return {**values, "training": self.training().values()}

    def protocol_label(self) -> str:
        """The protocol's name, and what is not its own: "course, batch 10", "quick, no augmentation"."""
        own, now = PROTOCOLS[self.protocol].training(self.facts.augment), self.training()
        batch = [] if now.batch_size == own.batch_size else [f"batch {now.batch_size}"]
        augment = [] if now.augment == own.augment else ["no augmentation" if now.augment == "none" else now.augment]
        rate = ["learnt learning rate"] if self.lr_from == "learnt" else []
        return ", ".join([self.protocol, *batch, *augment, *rate])

    def training(self) -> TrainConfig:
        """The training setting: the protocol's, with this batch size and augmentation where they are given."""
        own = PROTOCOLS[self.protocol].training(self.facts.augment)
        return own.replace(**{n: v for n in ("batch_size", "augment") if (v := getattr(self, n)) is not None})


class EvaluateSummary(Summary):
    """accuracies_train: of each network on the set that it learnt; labels: "hard" or "soft"; training: the setting."""

    accuracy: Accuracy
    accuracies_train: tuple[Share, ...] = ()
    labels: str = "hard"
    training: Mapping[str, Any] = {}
    network: str = ""
    network_options: Mapping[str, Any] = {}


def run(name: str, config: EvaluateConfig, recorder: Recorder) -> EvaluateSummary:
    """Train `nets` networks, as many at once as fit; the final iteration of each is tested, once.

    A network learns the same in any company, on a CPU bit for bit, on a GPU to float error. So the networks of a
    finished evaluation with fewer are the first of this one.
    """
    where = device.pick(config.device)
    parent = recorder.parent(config.run)
    subject = parent.images(config.images) if config.step is None else parent.snapshot(config.step)
    check_fit(config, config.run, subject, "the evaluation")
    recorder.progress(0, 100 * config.nets, "Reading the data set")
    data = load.load(config.dataset, config.resolution)
    judge = resident.Resident.from_split(data.test if config.split == "test" else data.val, data, where)
    if not len(judge):
        raise DataMissing(f"{config.dataset} is so small that no image of it is held out for validation")
    speed = accelerate(config, _cost(name, config, len(subject.images)), where, recorder)
    trial = Evaluation(config, subject, judge, speed)
    point = recorder.resume_point(lambda meta: speed.differs(meta.get("long", speed.long)))  # older ones do not say
    done: list[dict[str, Any]] = list(point[1]["done"]) if point else []
    fitting = train.fitting(trial.network(0), config.shape, trial.batch, where)
    while len(done) < config.nets:
        # A group that was begun keeps its size, though another device would take more or fewer.
        together = point[1]["together"] if point and point[0] else fitting
        indices = range(len(done), min(len(done) + together, config.nets))
        training, seconds = _train(trial, indices, done, recorder, point)
        point = None
        for position, index in enumerate(indices):
            tested = _test(trial, training.stack.member(position), recorder)
            done.append({**tested, "accuracy_train": trial.reached[position], "seconds_train": seconds / len(indices)})
            recorder.event("net", net=index, accuracy=tested["accuracy"])
            progress = _done(indices, 1.0, position + 1)
            recorder.progress(progress, 100 * config.nets, f"Tested {index + 1} of {config.nets}")
        recorder.checkpoint({}, {"done": done, "step": 0, "seconds": 0.0, "together": 0, "long": speed.long})
    return _summary(trial, done, parent)


class Evaluation:
    """What every network of one evaluation shares: the set it learns, the images that judge it, the setting."""

    def __init__(self, config: EvaluateConfig, subject: ImageSet, judge: Resident, speed: Acceleration) -> None:
        self.config, self.subject, self.judge, self.where = config, subject, judge, speed.device
        own = config.training()
        self.setting = own.replace(lr=subject.lr) if subject.lr and config.lr_from == "learnt" else own
        self.images, self.labels = subject.images.to(self.where), subject.labels.to(self.where)
        soft = subject.label_logits if config.labels == "learnt" else None
        self.soft = None if soft is None else soft.to(self.where).softmax(1)
        self.reached: list[float] = []
        self.passes = train.CompiledSteps(self.network(0), speed, len(judge))

    @property
    def classes(self) -> int:
        return len(self.judge.classes)

    @property
    def batch(self) -> int:
        return min(self.setting.batch_size, len(self.labels))

    def network(self, index: int) -> nets.Net:
        """Network number `index`, with the weights that its number and the seed give it."""
        draws = seeds.generator(self.config.seed, "evaluate", index, "network", device=self.where)
        options = self.config.network_options()
        return nets.build(self.config.network, self.config.shape, self.classes, options, draws, self.where)


def _train(
    trial: Evaluation, indices: range, done: list[dict[str, Any]], recorder: Recorder,
    point: tuple[dict[str, Any], dict[str, Any]] | None,
) -> tuple[train.Training, float]:
    """(these networks, trained on the set together; the seconds that took). point: where they were left, if begun."""
    config, total = trial.config, trial.setting.optimiser_steps(len(trial.labels))
    training = train.Training.begin(*(trial.network(index) for index in indices), passes=trial.passes)
    watch = device.Stopwatch(trial.where)
    if point and point[0]:
        training.load(point[0], point[1]["step"])
        watch.seconds = point[1]["seconds"]
        recorder.note(f"Goes on after step {training.step} of {total}.")
    curve = sorted({round(total * i / TEST_POINTS) for i in range(1, TEST_POINTS)})
    per_epoch = -(-len(trial.labels) // trial.setting.batch_size)
    saved = time.monotonic()

    def on_epoch(loss: Tensor, accuracy: Tensor) -> None:
        nonlocal saved
        trial.reached = accuracy.tolist()
        fields = {"first": indices[0], "epoch": -(-training.step // per_epoch), "step": training.step}
        recorder.event("epoch", **fields, loss=loss.mean().item(), train_accuracy=accuracy.mean().item())
        words = f"network {indices[0] + 1}" if len(indices) == 1 else f"networks {indices[0] + 1} to {indices[-1] + 1}"
        recorder.progress(
            _done(indices, training.step / total), 100 * config.nets, f"Training {words} of {config.nets}"
        )
        if curve and training.step >= curve[0]:
            del curve[: bisect.bisect_right(curve, training.step)]
            watch.stop()
            _test_point(trial, training, indices[0], recorder)
            watch.go()
        if training.step < total and time.monotonic() - saved > CHECKPOINT_SECONDS:
            meta = {"done": done, "step": training.step, "seconds": watch.stop(), "together": len(indices)}
            recorder.checkpoint(training.dump(), {**meta, "long": trial.passes.speed.long})
            watch.go()
            saved = time.monotonic()

    train.train(
        training, lambda chosen: trial.images[chosen], trial.labels, train.Setting(**trial.setting.training_values()),
        [(config.seed, "evaluate", index) for index in indices], on_epoch, recorder.check_cancelled, trial.soft,
        every=-(-total // TOLD),
    )
    return training, watch.stop()


def _done(indices: range, trained: float, tested: int = 0) -> int:
    """Progress in hundredths of a network: the training of these networks is 70 of each, the test 30."""
    return int(100 * indices[0] + 70 * trained * len(indices)) + 30 * tested


def _test_point(trial: Evaluation, training: train.Training, first: int, recorder: Recorder) -> None:
    """One point of the test curve, for eyes only: the first network of a group on a part of the images."""
    some = seeds.permutation(len(trial.judge), trial.config.seed, "test curve")[:TEST_IMAGES].to(trial.where)
    said = train.logits(trial.passes, training.network, lambda chosen: trial.judge.batch(some[chosen]), len(some))
    right = (said.argmax(1) == trial.judge.labels[some]).float().mean().item()
    recorder.event("tested", first=first, step=training.step, test_accuracy=right, images=len(some))


def _test(trial: Evaluation, network: nets.Net, recorder: Recorder) -> dict[str, Any]:
    """What one trained network gets right, in numbers that JSON can hold."""
    watch, judge = device.Stopwatch(trial.where), trial.judge
    said = train.logits(trial.passes, network, judge.batch, len(judge), recorder.check_cancelled)
    return {**judged(said, judge), "seconds_test": watch.stop()}


def _summary(trial: Evaluation, trained: list[dict[str, Any]], parent: Parent) -> EvaluateSummary:
    config, setting, subject = trial.config, trial.setting, trial.subject
    counted = flops.count(config.network, config.shape, trial.classes, config.network_options())
    confusion = torch.tensor([one["confusion"] for one in trained]).sum(0)
    accuracies, areas = [one["accuracy"] for one in trained], [one["auc"] for one in trained]
    return EvaluateSummary(
        accuracy=Accuracy.of(accuracies, config.protocol_label(), config.split),
        accuracies_train=tuple(one["accuracy_train"] for one in trained),
        balanced_accuracy=Accuracy.of([one["balanced_accuracy"] for one in trained]),
        auc=None if None in areas else Accuracy.of(areas),
        confusion=confusion.tolist(), per_class=train.shares(confusion), classes=trial.judge.classes,
        majority=majority(trial.judge), notes=notes(config),
        seconds=sum(one["seconds_train"] + one["seconds_test"] for one in trained),
        # The median: the first networks on a GPU also pay for loading its kernels.
        seconds_train=statistics.median(one["seconds_train"] for one in trained),
        images=len(trial.labels), test_images=len(trial.judge), stored_floats=subject.stored_floats,
        labels="hard" if trial.soft is None else "soft",
        steps=setting.optimiser_steps(len(trial.labels)), batch_size=setting.batch_size,
        training=setting.values(), network=config.network, network_options=config.network_options(),
        parameters=counted.parameters, macs=counted.macs, flops=counted.flops,
        arithmetic=Arithmetic(**trial.passes.speed.told()),
        source=Source(run=parent.id, method=parent.name, images=config.images, step=config.step,
                      ipc=parent.config.get("ipc"), seed=parent.config.get("seed")),
    )


def _cost(name: str, config: EvaluateConfig, images: int | None) -> int:
    _, val, test = part_sizes(config)
    trained = trained_images(config.training(), set_size(config, images))
    return of_training(config, config.nets * trained, config.nets * (test if config.split == "test" else val))


def _steps(name: str, config: EvaluateConfig, images: int | None) -> int:
    return config.nets * config.training().optimiser_steps(set_size(config, images))


def _label(name: str, config: Mapping[str, Any], summary: Summary) -> str:
    """ "Evaluation of DataDAM, IPC 10", once the evaluation is done and has said whose images it tested."""
    if not (source := summary.source):
        return KIND.title + (" of initial images" if config.get("images") == "initial" else "")
    method = METHODS[source.method].title if source.method and source.method in METHODS else source.method
    start = "initial images of " if source.images == "initial" else ""
    if source.step is not None:
        start = f"step {source.step:,} of "
    labels = " with class labels alone" if config.get("labels") == "hard" else ""
    judged_on = " on the validation split" if config.get("split") == "val" else ""
    return f"{KIND.title} of {start}{method}, IPC {source.ipc}{labels}{judged_on}"


KIND = Kind(
    name="evaluate",
    title="Evaluation",
    help="Train networks on a finished run's images and test them. Waits unless --no-wait.",
    config=lambda name: EvaluateConfig,
    summary=EvaluateSummary,
    run=run,
    version=lambda name: 3,
    parents=lambda config: (config.run,),
    cost=_cost,
    steps=_steps,
    label=_label,
    details=lambda config: (network_title(config),),
    page=RUNS_PAGE,
    command=Command(lambda name, config: ("evaluate", config.run), ("run", "dataset", "resolution"), waits=True),
)
