"""What a method is: a Config, a `start`, a `step`, and presets. Everything else is the driver's.

    start(task) -> state      the initial synthetic set and whatever the method carries along
    step(task, state) -> {}   one step, in place; returns scalars (0-dim tensors) to record

All that a run needs to go on lies in the State, so the driver can checkpoint, resume, extend, snapshot, cancel and time
any method; a method holds no logging, saving, evaluation or progress bar. Random draws come from
`task.generator(purpose, step)`, never from a stateful generator, so a resumed run draws what an uninterrupted one would
have drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ddcore.data import DATASETS
from ddcore.data.split import smallest_class
from ddcore.errors import ConfigError, UnknownName
from ddcore.lazy import lazy
from ddcore.params import Param
from ddcore.presets import Preset
from ddcore.settings import DataConfig

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ddcore.data.resident import Resident
    from ddcore.ops import acceleration as speeds
    from ddcore.ops import seeds
    from ddcore.ops.acceleration import Acceleration
else:
    torch, seeds, speeds = lazy("torch"), lazy("ddcore.ops.seeds"), lazy("ddcore.ops.acceleration")


MADE_ANEW = {"made": "anew"}  # metadata of a State's field that `start` makes and no checkpoint holds
Need = tuple[str, str, Mapping[str, Any]]


class Parent(Protocol):
    """A finished run that a method builds on: the arrays that it stored."""

    def arrays(self, name: str) -> dict[str, torch.Tensor]: ...

    def mapped(self, name: str) -> np.ndarray: ...


class MethodConfig(DataConfig):
    """The parameters of every distillation method and coreset."""

    ipc: int = Param(10, label="Images per class", symbol="IPC", group="Small set", ge=1, le=1000, step=1, log=True,
                     main=True, help="Size of the small set: this many images for each class.")

    def problems(self) -> list[str]:
        """Where nobody counted the images of each class, the smallest has no more than the mean one; the exact bound is
        known once the data are read."""
        sizes, classes = self.facts.sizes, len(self.facts.classes)
        most, whose = self.ipc, ""
        if (smallest := smallest_class(self.facts)) is not None:
            whose, most = f"class {smallest[0]}, the smallest of {self.dataset}", smallest[1]
        elif sizes:
            whose, most = f"{self.dataset} in a class", round(sizes[0] * (1 - self.facts.val_share)) // classes
        if self.ipc > most:
            return [*super().problems(), f"ipc must be at most {most}, the training images of {whose}, got {self.ipc}"]
        return super().problems()


@dataclass
class State:
    """All that a run carries from step to step. Subclasses add tensors, modules and numbers.

    images: float32 (classes·ipc, C, H, W), normalised, sorted by class; labels: int64. Where they are learnt too:
    label_logits (classes·ipc, classes), whose softmax are soft labels; lr, 0-dim, for training on the set.
    """

    images: torch.Tensor
    labels: torch.Tensor
    step: int = 0
    label_logits: torch.Tensor | None = None
    lr: torch.Tensor | None = None


@dataclass(frozen=True)
class Task:
    """What a method works on: its parameters and the training part of the data on the device.

    parents: the finished runs of `Method.needs`, in that order; tell(done, total, phase): says how far a long `start`
    is, and raises Cancelled if the run is to stop; speed: how the arithmetic is done.
    """

    config: Any
    data: Resident
    device: torch.device
    parents: tuple[Parent, ...] = ()
    tell: Callable[[int, int, str], None] = lambda done, total, phase: None
    speed: Acceleration = field(default_factory=lambda: speeds.Acceleration(torch.device("cpu")))

    @property
    def classes(self) -> int:
        return len(self.data.classes)

    def real(self, *purpose: str | int) -> torch.Tensor:
        """IPC different real images of each class, sorted by class; ConfigError where a class has fewer."""
        self.check_ipc()
        return self.data.sample(self.config.ipc, self.generator(*purpose))

    def check_ipc(self) -> None:
        """ConfigError where a class has fewer images than IPC."""
        fewest, name = min(zip(self.data.counts, self.data.classes, strict=True))
        if self.config.ipc > fewest:
            raise ConfigError([f"ipc must be at most {fewest}, the training images of class {name}, the smallest of "
                               f"{self.config.dataset}, got {self.config.ipc}"])

    def generator(self, *purpose: str | int, on: str | torch.device | None = None) -> torch.Generator:
        """A fresh generator for (seed, purpose…); the same purpose draws the same. `on` defaults to the device.

        Augmentations are drawn with `on="cpu"`: Python reads their parameters, and would wait for a draw on the GPU.
        """
        return seeds.generator(self.config.seed, *purpose, device=on or self.device)


@dataclass(frozen=True)
class Variation:
    """The same method with other values, shown beside a run of it as a control.

    role: its name in tables and JSON ("datm"); title, help: for people; values: all parameters of the control.
    """

    role: str
    title: str
    help: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """A registered method.

    steps(config): how many times `step` is called (0 for coresets, which finish in `start`);
    rounds(config): how many passes through networks follow one another, each of which takes its least time however
    small it is; left out, the steps;
    cost(config, macs, classes): multiply-adds of the whole run, given those of one forward pass of one image;
    needs(config): (kind, name, values) of each run that it builds on, computed first and passed in `Task.parents`;
    learns_labels(config): whether the set gets soft labels, so that controls are shown with and without them;
    variations(config): the same method with other values, distilled and shown beside a run;
    called(config): the name of its own that the method has with these values ("DATM"), "" where it has none;
    half: whether real images are seen in half precision where the machine is faster in it;
    curves: recorded scalar → label for people; version: raise it when results change; url: of the paper;
    lead: its idea for newcomers to its page, in Markdown, if the summary is not enough; symbol: the name of a Material
    symbol, for the menu; shows: the kinds of runs it builds on that its page shows.
    """

    name: str
    title: str
    summary: str
    paper: str
    Config: type[MethodConfig]
    start: Callable[[Task], State]
    step: Callable[[Task, Any], dict[str, torch.Tensor]] | None = None
    steps: Callable[[Any], int] = lambda config: 0
    rounds: Callable[[Any], int] | None = None
    cost: Callable[[Any, int, int], int] = lambda config, macs, classes: 0
    needs: Callable[[Any], tuple[Need, ...]] = lambda config: ()
    learns_labels: Callable[[Any], bool] = lambda config: False
    variations: Callable[[Any], tuple[Variation, ...]] = lambda config: ()
    called: Callable[[Any], str] | None = None
    presets: tuple[Preset, ...] = ()
    half: bool = True
    curves: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    rank: int = 100
    url: str = ""
    lead: str = ""
    symbol: str = "grain"
    shows: tuple[str, ...] = ()

    def preset_values(self, preset: str, dataset: str) -> dict[str, Any]:
        """The values of a preset on a data set, with no more images per class than its smallest class has."""
        values = self.preset(preset).for_dataset(dataset)
        fewest = smallest_class(DATASETS[dataset]) if dataset in DATASETS else None
        usual = int(values.get("ipc", self.Config.param("ipc").default))
        return {**values, "ipc": max(1, fewest[1])} if fewest and fewest[1] < usual else values

    def preset(self, name: str) -> Preset:
        for preset in self.presets:
            if preset.name == name:
                return preset
        raise UnknownName("preset", name, [p.name for p in self.presets])
