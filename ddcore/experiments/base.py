"""What a run is: a kind, a name within the kind, a Config; and what it may say while it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ddcore.params import Config

if TYPE_CHECKING:
    import numpy as np
    import torch


RUN_ID = re.compile("[0-9a-f]{16}")  # how a Config names a finished run
CHECKPOINT_SECONDS = 15  # a run that was killed loses at most so much work, and the step or epoch under way


@dataclass(frozen=True)
class ImageSet:
    """Stored images. images: float32 (N, C, H, W) normalised with mean, std; labels: int64 (N,).

    What else a method may have learnt: label_logits, float32 (N, classes), whose softmax are soft labels; lr, the
    learning rate for training on the set.
    """

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    label_logits: torch.Tensor | None = None
    lr: float | None = None

    @property
    def stored_floats(self) -> int:
        """How many numbers the set takes: pixels, soft labels and a learnt learning rate; class labels are free."""
        soft = 0 if self.label_logits is None else self.label_logits.numel()
        return self.images.numel() + soft + (self.lr is not None)


class Recorder(Protocol):
    """Everything a running experiment says to the outside; the store implements it on a run folder."""

    def note(self, text: str) -> None:
        """A line for people in the run's log."""

    def event(self, event: str, **fields: Any) -> None:
        """Append one self-contained record (JSON-ready fields) to the run's events."""

    def progress(self, done: int, total: int, phase: str = "") -> None:
        """How far the run is; cheap to call often (written at most a few times a second)."""

    def check_cancelled(self) -> None:
        """Raise Cancelled if somebody asked this run to stop; cheap to call often."""

    def snapshot(self, step: int, images: ImageSet) -> None:
        """Keep what the method learns as it is at `step` (pixels in half precision)."""

    def save_images(self, name: str, images: ImageSet) -> None:
        """Keep a float image set as `<name>.safetensors` ("images" is the result, "initial" the start)."""

    def save_arrays(self, name: str, arrays: Mapping[str, torch.Tensor]) -> None:
        """Keep named tensors as `<name>.safetensors`: scores, weights, what a later run builds on."""

    def mapped(self, name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """A writable array `<name>.npy` that lies on disk; one of this shape and dtype that is there is kept.

        Raises FolderUnusable, with the numbers, where the disk is too small for it.
        """

    def save_picture(self, name: str, png: bytes) -> None:
        """Keep a PNG for eyes."""

    def checkpoint(self, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
        """Keep, atomically, what the run needs to go on from here."""

    def resume_point(
        self, refuse: Callable[[Mapping[str, Any]], str] = lambda meta: ""
    ) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """The newest of: this run's own checkpoint, the final checkpoint of the longest finished shorter run.

        refuse(meta): why the run cannot go on from a checkpoint, in words for its log; "" where it can. Of one that is
        refused nothing stays: no event, no snapshot, no time.
        """

    def parent(self, run_id: str) -> Parent:
        """A finished run that this one builds on."""

    def answered(self, spec: Spec) -> Parent | None:
        """The finished run that answers this question, if there is one that was computed here."""

    def answer(self, spec: Spec, summary: Mapping[str, Any], seconds: float) -> Parent:
        """Keep the answer to a smaller question, found on the way in so many seconds, as a finished run of its own.

        Somebody else's answer to it that came first stays.
        """

    def built_on(self) -> tuple[Parent, ...]:
        """All finished runs that this one builds on: those its config names, then what its kind needs."""


class Parent(Protocol):
    """A finished run, read-only."""

    id: str
    kind: str
    name: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    dataset: Mapping[str, Any] | None  # name and fingerprint of the data it was made from

    def built_on(self) -> tuple[Parent, ...]:
        """The finished runs that it builds on, as far as they are still here."""

    def images(self, name: str = "images") -> ImageSet: ...

    def snapshot(self, step: int) -> ImageSet:
        """The set as it was at `step`, its pixels in half precision; RunNotFound when that step was not kept."""

    def arrays(self, name: str) -> dict[str, torch.Tensor]:
        """The named tensors that the run kept with `save_arrays`, on the CPU."""

    def mapped(self, name: str) -> np.ndarray:
        """The array that the run kept with `Recorder.mapped`, read-only, from disk as it is looked at."""


@dataclass(frozen=True)
class Kind:
    """A kind of run ("distill", "evaluate", …).

    names(): the names within the kind (methods for distill; else just the kind's own name);
    config(name) → its Config class; version(name): raised when results change, part of the key;
    parents(config): ids of the runs it needs finished first, as the config names them; needs(name, config): the
    questions whose answers it needs, which are asked along with it; disk(name, config): bytes that it will write,
    where they are more than a few MB; parts(name, config, key): the smaller questions that it answers on its way, each
    a run of its own (key gives the id of a question's run); part: whether this is the kind of such parts, which come by
    the thousand and are listed nowhere unless asked for;
    run(name, config, recorder) → summary (JSON-ready), executed in the worker.
    """

    name: str
    title: str
    names: Callable[[], tuple[str, ...]]
    config: Callable[[str], type[Config]]
    run: Callable[[str, Any, Recorder], dict[str, Any]]
    version: Callable[[str], int] = lambda name: 1
    parents: Callable[[Any], tuple[str, ...]] = lambda config: ()
    needs: Callable[[str, Any], tuple[Spec, ...]] = lambda name, config: ()
    disk: Callable[[str, Any], int] = lambda name, config: 0
    parts: Callable[[str, Any, Callable[[Spec], str]], tuple[Spec, ...]] = lambda name, config, key: ()
    part: bool = False


@dataclass(frozen=True)
class Spec:
    """One question to the engine: what to compute. Equal specs have equal keys and share one run."""

    kind: str
    name: str
    config: Config

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "config": self.config.values()}
