"""Judging a set, and training on the full data: ours, the published way and the bare convolutions, timed in turn.

    python -m benchmarks.evaluate --device cpu                             (20 networks × 1,000 epochs on 100 images)
    python -m benchmarks.evaluate --device cuda --case full-data --json    (20 epochs on all training images)
    python -m benchmarks.evaluate --device cpu --width 8 --nets 2 --pairs 1 --timed-test 100    (to try it)

small-set is what an evaluation under the protocol `standard` does, full-data what a baseline does: both train and
then test, with the functions that those runs use. The plain way is `benchmarks.plain`. Before their times are held
against each other both train on the same batch with the same draws, and a loss, or an answer to test images
afterwards, that differs ends the benchmark.

All networks are trained and tested in every round, but only --timed-epochs of the epochs on --timed-images images are
computed, and --timed-test of the test images; the whole is counted up from these, in proportion to steps and images.
What is done once however long the training is, from building a network to its first step, is added once. So `seconds`
is the whole, testing included, and seconds_per_step that over the optimiser steps of one network. compile_seconds is
the first round, with nothing compiled before, minus a later one. Writes
benchmarks/results/speed_<case>_<shape>_<device>.json, of another width, IPC or number of epochs, with --exact or with
fewer than three pairs trial_….json.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks import bare, paired, plain
from benchmarks.distill import SHAPES, alike, noise
from ddcore import counts
from ddcore.data import DATASETS
from ddcore.data.resident import Resident
from ddcore.experiments.evaluate import RECORDED, EvaluateConfig
from ddcore.ops import augment, device, nets, seeds, train
from ddcore.ops.acceleration import Acceleration

CASES = ("small-set", "full-data")
TEST_BATCH = 250


class Seconds(NamedTuple):
    """What the parts of a round took: what is done once, before the first step; the training; the testing."""

    begun: float = 0.0
    trained: float = 0.0
    tested: float = 0.0


@dataclass(frozen=True)
class Case:
    """What is trained and tested, and how much of it is timed.

    small: a small set, else the full data; config: network and protocol; images: of the training set; tested: of the
    test set; timed: epochs, images and test images of a round.
    """

    small: bool
    config: Any
    nets: int
    epochs: int
    images: int
    tested: int
    timed: tuple[int, int, int]

    @property
    def setting(self) -> Any:
        return self.config.training()

    @property
    def batch(self) -> int:
        return min(self.setting.batch_size, self.timed[1])

    @property
    def steps(self) -> int:
        """Optimiser steps of one network."""
        return self.epochs * -(-self.images // self.setting.batch_size)

    def whole(self, one: Seconds) -> float:
        """What the whole takes where a round takes this."""
        epochs, images, test_images = self.timed
        trained = one.trained * self.steps / (epochs * -(-images // self.batch))
        return one.begun + trained + one.tested * self.tested / test_images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", default="small-set", choices=CASES)
    parser.add_argument("--shape", default="mnist", choices=SHAPES)
    parser.add_argument("--nets", type=int, help="networks [20; full-data 1]")
    parser.add_argument("--epochs", type=int, help="[1,000; full-data 20]")
    parser.add_argument("--timed-epochs", type=int, help="[1; on a GPU 20 of a small set]")
    parser.add_argument("--timed-images", type=int, help="full-data: training images of a timed epoch [640; GPU: all]")
    parser.add_argument("--timed-test", type=int, help="[250; on a GPU all]")
    paired.flags(parser, pairs=3)
    asked = parser.parse_args()
    where = paired.placed(parser, asked)
    case = cased(asked, where)
    if asked.one:
        print(paired.peak(where, lambda: used(asked.one, case, where)))
        return
    paired.cold()
    result = compared(case, where, asked.pairs)
    name, trial = f"{asked.case}_{asked.shape}_{where.type}", case != cased(paired.published(asked), where)
    paired.report(name, {"shape": asked.shape, "case": asked.case, **result}, as_json=asked.json, trial=trial)


def cased(asked: argparse.Namespace, where: torch.device) -> Case:
    """The published size of this case, with what was asked for otherwise."""
    facts, small, gpu = DATASETS[asked.shape], asked.case == "small-set", where.type == "cuda"
    values = {"run": "none", "dataset": asked.shape, "protocol": "standard" if small else "course",
              "width": asked.width, "exact": asked.exact or None}
    images = asked.ipc * len(facts.classes) if small else facts.parts["train"]
    timed = (
        asked.timed_epochs or (20 if small and gpu else 1),
        images if small else asked.timed_images or (images if gpu else 640),
        asked.timed_test or (facts.parts["test"] if gpu else TEST_BATCH),
    )
    networks, epochs = (20, 1000) if small else (1, 20)
    return Case(
        small, EvaluateConfig.build(values), asked.nets or networks, asked.epochs or epochs, images,
        facts.parts["test"], timed,
    )


class Ours:
    """Networks trained as an evaluation trains them, as many at once as fit."""

    def __init__(self, case: Case, where: torch.device) -> None:
        self.case, self.where, config = case, where, case.config
        self.classes = len(config.facts.classes)
        self.notes: list[str] = []
        speed = Acceleration(where, exact=config.exact, work=_macs(case), note=self.notes.append)
        self.passes = train.CompiledSteps(self.network(0), speed, case.tested)
        part, self.test = data(case, where)
        # A small set is floats, of which images are picked; a data set is bytes, normalised batch by batch.
        self.labels, whole = part.labels, part.all()
        self.images = (lambda chosen: whole[chosen]) if case.small else part.batch

    def network(self, index: int) -> nets.Net:
        config, draws = self.case.config, seeds.generator(0, "evaluate", index, "network", device=self.where)
        return nets.build(config.network, config.shape, self.classes, config.network_options(), draws, self.where)

    def begun(self) -> list[train.Training]:
        """Every network before its first step, those together that are trained at once."""
        case = self.case
        some = train.fitting(self.network(0), case.config.shape, case.batch, self.where)
        groups = [range(first, min(first + some, case.nets)) for first in range(0, case.nets, some)]
        return [train.Training.begin(*map(self.network, indices), passes=self.passes) for indices in groups]

    def learn(self, begun: list[train.Training], epochs: int) -> None:
        """Train them all for so many epochs."""
        case, indices = self.case, itertools.count()
        setting = train.Setting(**{**case.setting.training_values(), "epochs": epochs})
        for training in begun:
            purposes = [(0, "evaluate", index) for index in itertools.islice(indices, len(training.stack))]
            train.train(training, self.images, self.labels, setting, purposes, every=-(-case.steps // RECORDED))

    def answers(self, trained: list[train.Training]) -> Tensor:
        """(networks, test images, classes)."""
        members = (training.stack.member(i) for training in trained for i in range(len(training.stack)))
        return torch.stack([train.logits(self.passes, one, self.test.batch, len(self.test)) for one in members])

    def round(self) -> Seconds:
        began = device.now(self.where)
        networks = self.begun()
        ready = device.now(self.where)
        self.learn(networks, self.case.timed[0])
        between = device.now(self.where)
        self.answers(networks)
        return Seconds(ready - began, between - ready, device.now(self.where) - between)

    def first(self) -> dict[str, Any]:
        """One network's loss on a batch, and what it answers after that step."""
        training = train.Training.begin(*(self.network(index) for index in range(2)), passes=self.passes)
        purposes = [(0, "evaluate", index) for index in range(2)]
        order, draws = train.drawn(purposes, 0, torch.arange(len(self.labels), device=self.where))
        setting = train.Setting(**self.case.setting.training_values())
        batch = order[:, : self.case.batch]
        loss, _ = train.one_epoch(training, self.images, self.labels, setting, batch, draws)
        return {"loss": loss[1].item(), "logits": self.answers([training])[1].float()}


class Plain:
    """Networks trained and tested as the scripts do it, one after another."""

    def __init__(self, case: Case, where: torch.device) -> None:
        self.case, self.where = case, where
        part, test = data(case, where)
        self.images, self.labels = part.all(), part.labels
        self.test, self.test_labels = test.all().cpu(), test.labels.cpu()  # only the training set lies on the device
        # Its draws know the augmentation under the name that methods give it.
        config = argparse.Namespace(**{**case.config.values(), "augment": case.setting.augment})
        config.shape = case.config.shape
        self.draws = plain.Draws(config, self.images, self.labels, len(case.config.facts.classes))

    def round(self) -> Seconds:
        given = (self.draws, self.images, self.labels, self.test, self.test_labels)
        found = [plain.evaluated(*given, self.case.setting, self.case.timed[0]) for _ in range(self.case.nets)]
        return Seconds(*(sum(part) for part in zip(*(seconds for _, seconds in found), strict=True)))

    def first(self, ours: Ours) -> dict[str, Any]:
        """The same with what ours drew for its second network."""
        network, setting = self.draws.network(), self.case.setting
        alike(network, ours.network(1))
        (order,), (changes,) = train.drawn([(0, "evaluate", 1)], 0, torch.arange(len(self.labels), device=self.where))
        batch = order[: self.case.batch]
        loss, _ = plain.one_epoch(
            network, [(self.images[batch], self.labels[batch])], plain.optimiser_of(network, setting),
            lambda n: augment.draw(setting.augment, changes, self.case.config.shape, images=n),
        )
        with torch.no_grad():
            return {"loss": loss, "logits": network.eval()(self.test.to(self.where))}


WAYS: dict[str, Any] = {"ours": Ours, "plain": Plain}


def data(case: Case, where: torch.device) -> tuple[Resident, Resident]:
    """Training and test images of a round: noise, for only their shape matters."""
    classes = len(case.config.facts.classes)
    train_part, test_part = (noise(case.config, torch.arange(n) % classes, where) for n in case.timed[1:])
    return train_part, test_part


def compared(case: Case, where: torch.device, pairs: int) -> dict[str, Any]:
    """Both ways held to each other and timed in turn."""
    config, what = case.config, "a training step"
    plainly = replace(case, config=config.replace(exact=True))
    reference = Plain(plainly, where).first(exactly := Ours(plainly, where))
    exact = paired.same(what, "exact", exactly.first(), reference)
    ours, theirs = Ours(case, where), Plain(case, where)
    timed = "tf32" if where.type == "cuda" and not config.exact else "float32"
    first = sum(ours.round())  # before the losses are compared, for which the same graphs are compiled
    agreed = paired.same(what, timed, ours.first(), reference)
    theirs.round()
    network = ours.network(0)
    epochs, images, tested = case.timed
    trained, looked_at = (
        bare.Bare(network, config.shape, [work], where, half=False)
        for work in (
            bare.Work(case.nets * images * epochs, "weights", case.batch),
            bare.Work(case.nets * tested, "forward", tested),
        )
    )
    rounds: dict[str, list[Seconds]] = {"plain": [], "ours": [], "bare": []}
    for _ in range(pairs):
        rounds["plain"].append(theirs.round())
        rounds["ours"].append(ours.round())
        alone = paired.in_turn({"train": trained, "test": looked_at}, 1, lambda: device.now(where))
        rounds["bare"].append(Seconds(trained=alone["train"][0], tested=alone["test"][0]))
    seconds, training, testing = (
        {name: [case.whole(one._replace(**left_out)) for one in found] for name, found in rounds.items()}
        for left_out in ({}, {"tested": 0.0}, {"begun": 0.0, "trained": 0.0})
    )
    seen = case.nets * (case.epochs * case.images + case.tested)
    return {
        "device": where.type, "precision": timed, "arithmetic": ours.passes.speed.told(),
        **paired.told(seconds, seen / case.steps, _macs(case) / case.steps, steps=case.steps),
        "seconds": _medians(seconds), "seconds_train": _medians(training), "seconds_test": _medians(testing),
        "compile_seconds": first - statistics.median(sum(one) for one in rounds["ours"]),
        "peak_memory_bytes": paired.peaks(where, {way: partial(used, way, case, where) for way in WAYS}),
        "same_loss": [exact, agreed], "notes": ours.notes, "nets": case.nets, "epochs": case.epochs,
        "images": case.images, "test_images": case.tested,
        "timed": {"epochs": epochs, "images": images, "test_images": tested},
        "protocol": config.protocol, "network": config.network, "network_options": config.network_options(),
    }


def used(way: str, case: Case, where: torch.device) -> None:
    """One round of this way, from nothing."""
    WAYS[way](case, where).round()


def _medians(rounds: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(found) for name, found in rounds.items()}


def _macs(case: Case) -> int:
    """Multiply-adds of the whole."""
    config = case.config
    each = counts.macs(config.network, config.shape, len(config.facts.classes), config.network_options())
    return case.nets * each * (3 * case.epochs * case.images + case.tested)


if __name__ == "__main__":
    main()
