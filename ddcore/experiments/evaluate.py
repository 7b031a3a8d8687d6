"""How good a small set is: networks trained on it from scratch, tested on the real test images."""

from __future__ import annotations

import bisect
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from ddcore import counts
from ddcore.augmentations import STRATEGIES
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.experiments.base import RUNS_PAGE, Command, Curve, ImageSet, Kind, Parent, Point, Recorder, Spec, spec
from ddcore.experiments.cost import accelerate, of_training, part_sizes, set_size, trained_images
from ddcore.experiments.heavy import acceleration, device, flops, nets, seeds, torch, train
from ddcore.experiments.metrics import check_fit, classification_scores, majority, notes, summary_fields
from ddcore.experiments.training import Session, accuracy, initial_network, not_empty
from ddcore.params import Param
from ddcore.protocols import PROTOCOLS
from ddcore.settings import NETWORK_PARAMS, NetworkConfig, TrainConfig
from ddcore.summary import Accuracy, Arithmetic, Share, Source, Summary, Values

CONTROL = "random"  # the method whose sets, real images at random, every set is compared with
TEST_POINTS = 10  # parts of the training after which the test curve has a point; the last is the test itself
RECORDED = 100  # parts of the training after which its loss is recorded; a GPU runs ahead in between
TEST_IMAGES = 1000  # that a point of it is measured on: it is for eyes, and testing takes longer than training


class EvaluateConfig(NetworkConfig):
    """Which images, on which network, under which protocol."""

    length_param: ClassVar[str] = "nets"

    run: str = Param("", label="Run", group="Images", help="Id of the finished run whose images are evaluated.")
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


def question(run_id: str, config: Mapping[str, Any], network: Mapping[str, Any], values: Mapping[str, Any]) -> Spec:
    """What judges the images of a run with these parameters.

    network: the evaluation network and its options, where they are not those that the set was made with; values: the
    other parameters of EvaluateConfig. Raises ConfigError or UnknownName like any spec.
    """
    place = {"dataset": config["dataset"], "resolution": config["resolution"]}
    chosen = {name: value for name, value in network.items() if value is not None}
    unknown = set(chosen) - {*NETWORK_PARAMS}
    assert not unknown, f"not network options: {unknown}"
    if chosen.get("network", config.get("network")) == config.get("network"):
        chosen = {**{name: config.get(name) for name in NETWORK_PARAMS}, **chosen}
    return spec("evaluate", "evaluate", {**place, **chosen, "run": run_id, **values})


def control(config: Mapping[str, Any], device: str) -> Spec:
    """As many real images at random as a set with these parameters has, of the same seed."""
    place = {name: config[name] for name in ("dataset", "resolution", "ipc", "seed")}
    return spec("distill", CONTROL, {**place, "device": device})


def full_data(judging: EvaluateConfig, number: int = 0) -> Spec:
    """Training on the full data in the setting of this evaluation. number: of the network; each has its own seed."""
    place = {name: getattr(judging, name) for name in ("dataset", "resolution", "device", "network")}
    values = {**place, **judging.network_options(), **judging.training().values(), "seed": judging.seed + number}
    return spec("baseline", "baseline", values)


class EvaluateSummary(Summary):
    """accuracies_train: of each network on the set that it learnt; labels: "hard" or "soft"; training: the setting.

    validation: accuracy of the same networks on the validation split, for choosing between sets whose test accuracy is
    shown; None of evaluations that did not measure it.
    """

    accuracy: Accuracy
    validation: Accuracy | None = None
    accuracies_train: tuple[Share, ...] = ()
    labels: str = "hard"
    training: Values = {}
    network: str = ""
    network_options: Values = {}


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
    data = load(config.dataset, config.resolution)
    judged_on = Resident.from_split(data.test if config.split == "test" else data.val, data, where)
    judge = not_empty(judged_on, config.dataset)
    chooser = judge if config.split == "val" else Resident.from_split(data.val, data, where)
    speed = accelerate(config, _cost(name, config, len(subject.images)), where, recorder)
    evaluation = Evaluation(config, subject, judge, chooser, speed, recorder)
    point = recorder.resume_point(lambda meta: speed.differs(meta.get("long", speed.long)))  # older ones do not say
    done: list[dict[str, Any]] = list(point[1]["done"]) if point else []
    batch = min(evaluation.setting.batch_size, len(subject.labels))
    at_once = train.fitting(evaluation.network(0), config.shape, batch, where)
    while len(done) < config.nets:
        # A group that was begun keeps its size, though another device would take more or fewer.
        size = point[1]["together"] if point and point[0] else at_once
        evaluation.train_and_test(range(len(done), min(len(done) + size, config.nets)), done, point)
        point = None
        recorder.checkpoint({}, {"done": done, "step": 0, "seconds": 0.0, "together": 0, "long": speed.long})
        if len(done) < config.nets:
            recorder.give_way()
    return evaluation.summary(done, parent)


class Evaluation:
    """All networks of one evaluation: the set they learn, the images that judge them, those that may choose between
    sets, the setting."""

    def __init__(
        self, config: EvaluateConfig, subject: ImageSet, judge: Resident, chooser: Resident,
        speed: acceleration.Acceleration, recorder: Recorder,
    ) -> None:
        self.config, self.subject, self.recorder = config, subject, recorder
        self.judge, self.chooser = judge, chooser
        own, where = config.training(), speed.device
        self.setting = own.replace(lr=subject.lr) if subject.lr and config.lr_from == "learnt" else own
        self.images, self.labels = subject.images.to(where), subject.labels.to(where)
        soft = subject.label_logits if config.labels == "learnt" else None
        self.soft = None if soft is None else soft.to(where).softmax(1)
        self.steps = self.setting.optimiser_steps(len(self.labels))
        self.passes = train.CompiledSteps(self.network(0), speed, len(judge))

    def network(self, index: int) -> nets.Net:
        """Network number `index` before its first step."""
        return initial_network(self.config, self.judge.device, "evaluate", index)

    def train_and_test(self, indices: range, done: list[dict[str, Any]], point: Point | None) -> None:
        """Train these networks together, from `point` on if they were begun, and add what each reached to `done`."""
        training = train.Training.begin(*map(self.network, indices), passes=self.passes)
        accuracies_train, seconds = self._train(training, indices, done, point)
        judge, look = self.judge, self.recorder.check_cancelled
        for position, index in enumerate(indices):
            watch = device.Stopwatch(judge.device)
            network = training.stack.member(position)
            logits = train.logits(self.passes, network, judge.batch, len(judge), look)
            scores = {**classification_scores(logits, judge), "seconds_test": watch.stop()}
            scores["validation"] = (scores["accuracy"] if judge is self.chooser
                                    else accuracy(self.passes, network, self.chooser, self.recorder))
            done.append({
                **scores, "accuracy_train": accuracies_train[position], "seconds_train": seconds / len(indices),
            })
            self.recorder.event("net", net=index, accuracy=scores["accuracy"])
            self._progress(indices, 1.0, position + 1, f"Tested {index + 1} of {self.config.nets}")

    def _train(
        self, training: train.Training, indices: range, done: list[dict[str, Any]], point: Point | None
    ) -> tuple[list[float], float]:
        """(training accuracy of each network in its last epoch; the seconds that all took)."""
        config, recorder, first, total = self.config, self.recorder, indices[0], self.steps
        words = f"network {first + 1}" if len(indices) == 1 else f"networks {first + 1} to {indices[-1] + 1}"
        curve = sorted({round(total * i / TEST_POINTS) for i in range(1, TEST_POINTS)})
        per_epoch = counts.steps_per_epoch(len(self.labels), self.setting.batch_size)
        session, accuracies = Session(training, recorder, total), list[float]()
        session.resume(point)
        del curve[: bisect.bisect_right(curve, training.step)]  # told before

        def on_epoch(loss: torch.Tensor, learnt: torch.Tensor) -> None:
            accuracies[:] = learnt.tolist()
            fields = {"first": first, "epoch": -(-training.step // per_epoch), "step": training.step}
            recorder.event("epoch", **fields, loss=loss.mean().item(), train_accuracy=learnt.mean().item())
            self._progress(indices, training.step / total, 0, f"Training {words} of {config.nets}")
            if curve and training.step >= curve[0]:
                del curve[: bisect.bisect_right(curve, training.step)]
                with session.pause():
                    self._test_point(training, first)
            session.checkpoint_if_due(done=done, together=len(indices), long=self.passes.speed.long)

        train.train(
            training, self.images.__getitem__, self.labels, train.Setting(**self.setting.training_values()),
            [(config.seed, "evaluate", index) for index in indices], on_epoch, recorder.check_cancelled, self.soft,
            every=-(-total // RECORDED),
        )
        return accuracies, session.watch.stop()

    def _progress(self, indices: range, trained: float, tested: int, phase: str) -> None:
        """In hundredths of a network: the training of these networks is 70 of each, the test 30."""
        done = int(100 * indices[0] + 70 * trained * len(indices)) + 30 * tested
        self.recorder.progress(done, 100 * self.config.nets, phase)

    def _test_point(self, training: train.Training, first: int) -> None:
        """One point of the test curve, for eyes only: the first network of a group on a part of the images."""
        drawn = seeds.permutation(len(self.judge), self.config.seed, "test curve")[:TEST_IMAGES].to(self.judge.device)
        share = accuracy(self.passes, training.network, self.judge, self.recorder, drawn)
        self.recorder.event("tested", first=first, step=training.step, test_accuracy=share, images=len(drawn))

    def summary(self, trained: Sequence[Mapping[str, Any]], parent: Parent) -> EvaluateSummary:
        """The answer, from what each network reached."""
        config, setting, judge, options = self.config, self.setting, self.judge, self.config.network_options()
        counted = flops.count(config.network, config.shape, len(judge.classes), options)
        # None where the data set has no validation images, and of a checkpoint of an older version.
        measured = [share for one in trained if (share := one.get("validation")) is not None]
        return EvaluateSummary(
            validation=Accuracy.of(measured, config.protocol_label(), "val") if len(measured) == len(trained) else None,
            **summary_fields(trained, config.protocol_label(), config.split),
            accuracies_train=tuple(one["accuracy_train"] for one in trained), classes=judge.classes,
            majority=majority(judge), notes=notes(config),
            seconds=sum(one["seconds_train"] + one["seconds_test"] for one in trained),
            # The median: the first networks on a GPU also pay for loading its kernels.
            seconds_train=statistics.median(one["seconds_train"] for one in trained),
            images=len(self.labels), test_images=len(judge), stored_floats=self.subject.stored_floats,
            labels="hard" if self.soft is None else "soft", steps=self.steps, batch_size=setting.batch_size,
            training=setting.values(), network=config.network, network_options=options,
            parameters=counted.parameters, macs=counted.macs, flops=counted.flops,
            arithmetic=Arithmetic(**self.passes.speed.told()),
            source=Source(run=parent.id, method=parent.name, images=config.images, step=config.step,
                          ipc=parent.config.get("ipc"), seed=parent.config.get("seed")),
        )


def _cost(name: str, config: EvaluateConfig, images: int | None) -> int:
    _, val, test = part_sizes(config)
    trained = trained_images(config.training(), set_size(config, images))
    return of_training(config, config.nets * trained, config.nets * (val + (test if config.split == "test" else 0)))


def _label(name: str, config: Mapping[str, Any], summary: Summary) -> str:
    """ "Evaluation", "Evaluation of initial images", "Evaluation of step 500": of whose is told behind it."""
    if (step := config.get("step")) is not None:
        return f"{KIND.title} of step {step:,}"
    return KIND.title + (" of initial images" if config.get("images") == "initial" else "")


def _details(config: Mapping[str, Any]) -> tuple[str, ...]:
    """How the images were judged: "course", "batch 10", "n 5"; and with what, where that is not all of the set."""
    batch, augment = config.get("batch_size"), config.get("augment")
    return tuple(filter(None, (
        str(config.get("protocol") or ""), f"batch {batch}" if batch else "",
        "no augmentation" if augment == "none" else f"augmentation {augment}" if augment else "",
        "learnt learning rate" if config.get("lr_from") == "learnt" else "",
        "class labels alone" if config.get("labels") == "hard" else "",
        "validation split" if config.get("split") == "val" else "", f"n {config['nets']}" if config.get("nets") else "",
    )))


KIND = Kind(
    name="evaluate", title="Evaluation",
    help="Train networks on a finished run's images and test them. Waits unless --no-wait.",
    config=lambda name: EvaluateConfig, summary=EvaluateSummary, run=run, version=lambda name: 3,
    parents=lambda config: (config.run,), cost=_cost,
    steps=lambda name, config, images: config.nets * config.training().optimiser_steps(set_size(config, images)),
    label=_label, details=_details, about="run", page=RUNS_PAGE, shown_with="run",
    told=("images", "step", "protocol", "batch_size", "augment", "lr_from", "labels", "split", "nets"),
    curves=lambda name: (Curve("eval_train", "epoch", "train_accuracy"),
                         Curve("eval_unseen", "tested", "test_accuracy")),
    command=Command(lambda name, config: ("evaluate", config.run), ("run", "dataset", "resolution"), waits=True),
)
