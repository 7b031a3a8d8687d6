"""What runs that train networks share: how a network begins, how a training goes on and is kept, how it is judged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ddcore.data.resident import Resident
from ddcore.errors import DataMissing
from ddcore.experiments.base import CHECKPOINT_SECONDS, Point, Recorder
from ddcore.experiments.heavy import device, nets, seeds, torch, train
from ddcore.settings import NetworkConfig


def initial_network(config: NetworkConfig, where: torch.device, *purpose: str | int) -> nets.Net:
    """The config's network before its first step, with the weights that its seed gives it for this purpose."""
    draws = seeds.generator(config.seed, *purpose, "network", device=where)
    return nets.build(config.network, config.shape, len(config.facts.classes), config.network_options(), draws, where)


def not_empty(part: Resident, dataset: str) -> Resident:
    """The part by whose images networks are judged. DataMissing where it has none: no test part is empty."""
    if not len(part):
        raise DataMissing(f"{dataset} is so small that no image of it is held out for validation")
    return part


def accuracy(
    passes: train.CompiledSteps, network: nets.Net, part: Resident, recorder: Recorder,
    indices: torch.Tensor | None = None,
) -> float | None:
    """The share of a part's images, or of those at `indices`, that the network answers right; None of no images."""
    labels = part.labels if indices is None else part.labels[indices]
    if not len(labels):
        return None
    images = part.batch if indices is None else lambda some: part.batch(indices[some])
    logits = train.logits(passes, network, images, len(labels), recorder.check_cancelled)
    return (logits.argmax(1) == labels).float().mean().item()


class Session:
    """A training under way in a run: its seconds and its checkpoints.

    total: steps to its end; seconds: spent before.
    """

    def __init__(self, training: train.Training, recorder: Recorder, total: int, seconds: float = 0.0) -> None:
        self.training, self.recorder, self.total = training, recorder, total
        self.watch = device.Stopwatch(training.velocity[0].device, seconds)
        self._saved = time.monotonic()
        recorder.slice_over()  # its time begins

    def resume(self, point: Point | None) -> None:
        """Go on from a checkpoint of this training, if there is one."""
        if point and point[0]:
            tensors, meta = point
            self.training.load(tensors, meta["step"])
            self.watch.seconds = meta["seconds"]
            self.recorder.note(f"Goes on after step {self.training.step} of {self.total}.")

    def tell(self, phase: str) -> None:
        """Before each step: how far the training is. Raises Cancelled if somebody asked the run to stop."""
        self.recorder.check_cancelled()
        self.recorder.progress(self.training.step, self.total, phase)

    @contextlib.contextmanager
    def pause(self) -> Iterator[float]:
        """The seconds so far; those within do not count."""
        yield self.watch.stop()
        self.watch.go()

    def checkpoint(self, tensors: Mapping[str, torch.Tensor] | None = None, **meta: Any) -> None:
        """Keep where the training stands, with what else the run needs to go on. Within `pause`. Others may go first
        then, unless the training has ended."""
        meta = {"step": self.training.step, "seconds": self.watch.seconds, **meta}
        self.recorder.checkpoint({**self.training.dump(), **(tensors or {})}, meta)
        if self.training.step < self.total:
            self.recorder.give_way()

    def checkpoint_if_due(self, **meta: Any) -> None:
        """The same if the last one is old, or others are to go first, and the training has not ended."""
        due = self.recorder.slice_over() or time.monotonic() - self._saved > CHECKPOINT_SECONDS
        if due and self.training.step < self.total:
            with self.pause():
                self.checkpoint(**meta)
            self._saved = time.monotonic()
