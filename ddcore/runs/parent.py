"""A finished run as the run that builds on it sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddcore.errors import RunNotFound
from ddcore.experiments.base import ImageSet
from ddcore.runs.store import Store


@dataclass
class FinishedRun:
    """Implements `experiments.base.Parent`."""

    store: Store
    id: str
    kind: str
    name: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]

    def images(self, name: str = "images") -> ImageSet:
        """A stored image set as tensors on the CPU."""
        import torch

        stored = self.store.images(self.id, name)
        images, labels = torch.from_numpy(stored.images), torch.from_numpy(stored.labels)
        return ImageSet(images, labels, stored.classes, stored.mean, stored.std)


def finished(store: Store, run_id: str) -> FinishedRun:
    """The finished run with this id. RunNotFound when there is none or it is not done."""
    record = store.record(run_id)
    if record.state != "done":
        raise RunNotFound(f"run {record.id} is {record.state}, so nothing can build on it yet")
    return FinishedRun(store, record.id, record.kind, record.name, record.config, record.summary)
