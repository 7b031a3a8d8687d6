"""A finished run as the run that builds on it sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ddcore.errors import RunBroken, RunNotFound
from ddcore.experiments.base import ImageSet
from ddcore.runs import whole
from ddcore.runs.images import Images
from ddcore.runs.store import Store, checked_name
from ddcore.summary import Summary

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass
class FinishedRun:
    """Implements `experiments.base.Parent`."""

    store: Store
    id: str
    kind: str
    name: str
    config: Mapping[str, Any]
    summary: Summary
    dataset: Mapping[str, Any] | None
    opened: dict[str, np.ndarray] = field(default_factory=dict)  # an open file outlives the trash

    def built_on(self) -> tuple[FinishedRun, ...]:
        """Those of the runs that it builds on which are still here."""
        ids = self.store.record(self.id).info.get("parents") or ()
        here = [run_id for run_id in ids if self.store.exists(run_id) and self.store.record(run_id).state == "done"]
        return tuple(finished(self.store, run_id) for run_id in here)

    def images(self, name: str = "images") -> ImageSet:
        """A stored image set as tensors on the CPU."""
        self._check(f"{name}.safetensors")
        return _tensors(self.store.images(self.id, name))

    def snapshot(self, step: int) -> ImageSet:
        """The images as they were at `step`. RunNotFound when that step was not kept."""
        for name in ("initial.safetensors", "images.safetensors", f"snapshots/{step}.safetensors"):
            self._check(name)
        return _tensors(self.store.snapshot(self.id, step))

    def arrays(self, name: str) -> dict[str, torch.Tensor]:
        """Named tensors, on the CPU. RunNotFound when the run kept none of that name."""
        from safetensors.torch import load_file

        path = self.store.record(self.id).folder / f"{checked_name(name)}.safetensors"
        if not path.is_file():
            raise RunNotFound(f"run {self.id} kept nothing called {name!r}")
        self._check(path.name)
        return load_file(path)

    def mapped(self, name: str) -> np.ndarray:
        """An array that lies on disk, read-only. RunNotFound when the run kept none of that name."""
        import numpy as np

        if name in self.opened:
            return self.opened[name]
        path = self.store.record(self.id).folder / f"{checked_name(name)}.npy"
        try:
            array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise RunNotFound(f"run {self.id} kept nothing called {name!r}") from None
        except (OSError, ValueError, EOFError) as error:
            raise RunBroken(f"{path.name} of run {self.id} cannot be read: {error}") from None
        self._check(path.name)
        self.opened[name] = array
        return array

    def _check(self, name: str) -> None:
        """RunBroken where this file is not what the run wrote."""
        whole.check(self.store.record(self.id), name)


def _tensors(stored: Images) -> ImageSet:
    import torch

    soft = None if stored.label_logits is None else torch.from_numpy(stored.label_logits)
    images, labels = torch.from_numpy(stored.images), torch.from_numpy(stored.labels)
    return ImageSet(images, labels, stored.classes, stored.mean, stored.std, soft, stored.lr)


def finished(store: Store, run_id: str) -> FinishedRun:
    """The finished run with this id. RunNotFound when there is none or it is not done."""
    record = store.record(run_id)
    if record.state != "done":
        raise RunNotFound(f"run {record.id} is {record.state}, so nothing can build on it yet")
    made_from = record.info.get("dataset")
    return FinishedRun(store, record.id, record.kind, record.name, record.config, record.summary, made_from)
