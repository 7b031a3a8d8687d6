"""Training a network on the full training data: what a distilled set is held against, its ceiling if trained long."""

from __future__ import annotations

from ddcore import counts
from ddcore.data import DATASETS
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.experiments.base import Curve, Kind, Recorder
from ddcore.experiments.cost import accelerate, of_training, part_sizes, trained_images
from ddcore.experiments.heavy import device, flops, torch, train
from ddcore.experiments.metrics import classification_scores, majority, notes, summary_fields
from ddcore.experiments.training import Session, accuracy, initial_network
from ddcore.presets import Preset
from ddcore.protocols import PROTOCOLS, Protocol
from ddcore.settings import NETWORK_PARAMS, NetworkConfig, TrainConfig, network_title
from ddcore.summary import Accuracy, Arithmetic, Count, Share, Summary


class BaselineConfig(TrainConfig, NetworkConfig):
    """A network and how it is trained. The defaults are the course's full-data task."""

    @classmethod
    def first(cls) -> tuple[str, ...]:
        return "network", "epochs", "lr", "batch_size"


class BaselineSummary(Summary):
    """accuracy_train: in the last epoch, while it learnt; macs_test_set: of one pass over all test images."""

    accuracy: Accuracy
    accuracy_train: Share | None = None
    macs_test_set: Count | None = None


def run(name: str, config: BaselineConfig, recorder: Recorder) -> BaselineSummary:
    """Train once on the training part; validate every epoch, test once, at the end."""
    where = device.pick(config.device)
    recorder.progress(0, 1, "Reading the data set")
    data = load(config.dataset, config.resolution)
    part, val, test = (Resident.from_split(split, data, where) for split in (data.train, data.val, data.test))
    speed = accelerate(config, _cost(name, config, None), where, recorder)
    network = initial_network(config, where, "baseline")
    passes = train.CompiledSteps(network, speed, len(test))
    training = train.Training.begin(network, passes=passes)
    steps, per_epoch = config.optimiser_steps(len(part)), counts.steps_per_epoch(len(part), config.batch_size)
    session, point = Session(training, recorder, steps), recorder.resume_point()
    session.resume(point)
    accuracy_train = point[1]["reached"] if point else 0.0
    if not training.step:
        recorder.event("judge", images=len(val), majority=majority(val))

    def on_epoch(loss: torch.Tensor, learnt: torch.Tensor) -> None:
        nonlocal accuracy_train
        with session.pause() as seconds:
            accuracy_train = learnt.item()
            recorder.event(
                "epoch", epoch=-(-training.step // per_epoch), step=training.step, loss=loss.item(),
                train_accuracy=accuracy_train, val_accuracy=accuracy(passes, training.network, val, recorder),
                seconds=round(seconds, 3),
            )
            session.checkpoint(reached=accuracy_train)

    train.train(
        training, part.batch, part.labels, train.Setting(**config.training_values()), [(config.seed, "baseline")],
        on_epoch, lambda: session.tell("Training"),
    )
    recorder.progress(steps, steps, "Testing")
    watch, tested = session.watch, device.Stopwatch(where)
    logits = train.logits(passes, training.network, test.batch, len(test), recorder.check_cancelled)
    scores = summary_fields([classification_scores(logits, test)], protocol_of(config))
    tested.stop()
    counted = flops.count(config.network, config.shape, len(data.classes), config.network_options())
    return BaselineSummary(
        **scores, accuracy_train=accuracy_train, classes=data.classes, majority=majority(test), notes=notes(config),
        seconds=watch.seconds + tested.seconds, seconds_train=watch.seconds, seconds_test=tested.seconds,
        images=len(part), test_images=len(test), steps=steps,
        parameters=counted.parameters, macs=counted.macs, flops=counted.flops, macs_test_set=counted.macs * len(test),
        arithmetic=Arithmetic(**speed.told()),
    )


def protocol_of(config: BaselineConfig) -> str:
    """The named protocol whose setting this is, else "own setting"."""
    own = TrainConfig(**config.training_values())
    fitting = (p.name for p in PROTOCOLS.values() if p.training(config.facts.augment) == own)
    return next(fitting, "own setting")


def _cost(name: str, config: BaselineConfig, images: int | None) -> int:
    part, val, test = part_sizes(config)
    trained = trained_images(config, part)
    return of_training(config, trained, round(val * trained / max(1, part)) + test)


def _as_protocol(protocol: Protocol) -> Preset:
    """The training that stands beside sets judged under this protocol."""
    return Preset(protocol.name, protocol.help, {},
                  of_dataset=lambda dataset: protocol.training(DATASETS[dataset].augment).values())


KIND = Kind(
    name="baseline", title="Full-data training", help="Train a network on the full training data.",
    config=lambda name: BaselineConfig, summary=BaselineSummary, run=run, version=lambda name: 3,
    cost=_cost, steps=lambda name, config, images: config.optimiser_steps(part_sizes(config)[0]),
    details=lambda config: (network_title(config),), told=NETWORK_PARAMS,
    presets=lambda name: (Preset("own", "", {}), *map(_as_protocol, PROTOCOLS.values())), page="Baselines", result=True,
    curves=lambda name: tuple(Curve(one, "epoch", one) for one in ("loss", "train_accuracy", "val_accuracy")),
)
