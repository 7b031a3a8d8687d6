"""Where the synthetic images start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ddcore.lazy import lazy
from ddcore.methods.base import MethodConfig, Task
from ddcore.params import Param
from ddcore.settings import NetworkConfig

if TYPE_CHECKING:
    import torch

    from ddcore.ops import coreset
else:
    torch, coreset = lazy("torch"), lazy("ddcore.ops.coreset")


class SyntheticConfig(MethodConfig, NetworkConfig):
    """The parameters of every method that optimises images."""

    init: Literal["real", "noise", "real+noise", "kcenter"] = Param(
        "real", label="Initialisation", group="Small set", short="", main=True,
        help="Where the images start: random real images, Gaussian noise, real images with noise added, "
        "or real images that cover each class (K-Center), which are the same whatever the seed.",
    )
    init_noise: float = Param(0.5, label="Initial noise", symbol="σ", group="Small set", ge=0, le=10, step=0.1,
                              used=lambda values: values["init"] == "real+noise",
                              help="Standard deviation of the noise added by 'real+noise', in units of the normalised "
                                   "image. Not used by the other initialisations.")


def initial_images(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    """The first synthetic images, float32 (classes·ipc, C, H, W) sorted by class, and their labels.

    real: drawn without replacement within each class. noise: N(0, 1) in normalised units, as in the published code.
    real+noise: the same real draw plus N(0, σ²). kcenter: greedy K-Center on the normalised pixels of each class, from
    the image nearest the class mean, whatever the seed (DataDAM's "smart" start; there the space is a network's
    features, here pixels, so it costs nothing and needs no network).
    """
    config = task.config
    labels = torch.arange(task.classes, device=task.device).repeat_interleave(config.ipc)
    shape = (len(labels), *config.shape)
    noise = torch.randn(shape, generator=task.generator("init noise"), device=task.device)
    if config.init == "noise":
        return noise, labels
    real = task.real("init real")
    if config.init == "kcenter":
        return _k_center(task), labels
    return (real + config.init_noise * noise if config.init == "real+noise" else real), labels


def _k_center(task: Task) -> torch.Tensor:
    members = map(task.data.of_class, range(task.classes))
    indices = [m[coreset.k_center(task.data.batch(m).flatten(1), task.config.ipc)] for m in members]
    return task.data.batch(torch.cat(indices))
