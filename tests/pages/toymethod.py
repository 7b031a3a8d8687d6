"""A distiller in one file, as somebody writes it who knows nothing of the pages. Registered through DDCORE_PLUGINS."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ddcore.lazy import lazy
from ddcore.methods import Method, State, Task
from ddcore.methods.initial import SyntheticConfig, initial_images
from ddcore.params import Param
from ddcore.presets import Preset

if TYPE_CHECKING:
    import torch
else:
    torch = lazy("torch")


class FadeConfig(SyntheticConfig):
    """How long the images fade, and how fast."""

    length_param: ClassVar[str] = "num_iters"

    num_iters: int = Param(4, label="Iterations", symbol="T", ge=1, le=1000, help="Steps of the images.")
    fading: float = Param(0.5, label="Fading", symbol="φ", gt=0, le=1, help="What a step leaves of every pixel.")


def start(task: Task) -> State:
    """Real images."""
    images, labels = initial_images(task)
    return State(images, labels)


def step(task: Task, state: State) -> dict[str, torch.Tensor]:
    """Every pixel a share φ of what it was."""
    state.images = state.images * task.config.fading
    return {"loss": state.images.norm()}


METHOD = Method(
    name="fade",
    title="Fade to grey",
    summary="Makes every image greyer, step by step.",
    paper="",
    Config=FadeConfig,
    start=start,
    step=step,
    steps=lambda config: config.num_iters,
    cost=lambda config, macs, classes: config.num_iters * classes * config.ipc * macs,
    presets=(Preset("quick", "Four steps.", {"num_iters": 4, "ipc": 2}),),
    curves={"loss": "What is left of the images"},
)
