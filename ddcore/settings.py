"""Groups of parameters that several Configs share: data, network, training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from ddcore import counts
from ddcore.augmentations import STRATEGIES
from ddcore.data import DATASETS
from ddcore.data.base import Dataset
from ddcore.networks import ACTIVATIONS, NETWORKS, NORMS, POOLINGS, network
from ddcore.params import Config, Param, shown

NETWORK_OPTIONS = ("width", "depth", "units", "norm", "activation", "pooling")
NETWORK_PARAMS = ("network", *NETWORK_OPTIONS)  # the parameters that `network_title` tells
# Parameters that the first runs did not have, and what they ran with.
NOT_ALWAYS = {"exact": False, "units": None, "distance": "mean"}


def as_always(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without parameters younger than the first stored runs, where they have the value that those ran with."""
    return {n: v for n, v in values.items() if n not in NOT_ALWAYS or v != NOT_ALWAYS[n]}


class DataConfig(Config):
    """Which images, and where the work runs."""

    dataset: str = Param("digits", label="Data set", group="Data", choices=lambda: DATASETS,
                         help="The images to work on. 'digits' is built in and needs no download.")
    resolution: int | None = Param(None, label="Image side", group="Data", unit="px", ge=4, le=512,
                                   follows=("dataset",), short="",
                                   help="Side of the square images; left empty, the data set's own.")
    seed: int = Param(0, label="Seed", group="Run", ge=0, le=2**31 - 1, step=1,
                      help="Every random draw follows from it: same seed, same parameters, same device, same result.")
    device: Literal["auto", "cpu", "cuda"] = Param(
        "auto", label="Device", group="Run", in_key=False,
        help="Where it is computed: auto takes the GPU when there is one.",
    )

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = super().fill(values)
        name = values.get("dataset", cls.model_fields["dataset"].default)
        if name in DATASETS:
            values.setdefault("resolution", DATASETS[name].resolution)
        return values

    def problems(self) -> list[str]:
        offered = self.facts.resolutions
        if self.resolution not in offered:
            sides = ", ".join(map(str, offered))
            return [*super().problems(), f"resolution of {self.dataset} must be one of {sides}, got {self.resolution}"]
        return super().problems()

    @property
    def facts(self) -> Dataset:
        return DATASETS[self.dataset]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return self.facts.shape(self.resolution)


class NetworkConfig(DataConfig):
    """Which network, and how it departs from the published one."""

    network: str = Param("convnet3", label="Network", group="Network", choices=NETWORKS, short="",
                         help="The architecture. Left out, the one the field uses for this data set.")
    width: int | None = Param(None, label="Width", group="Network", ge=1, le=1024, step=16, follows=("network",),
                              help="Channels of each ConvNet block (units of each MLP layer).")
    depth: int | None = Param(None, label="Depth", group="Network", unit="blocks", ge=1, le=8, step=1,
                              follows=("network",),
                              help="Number of ConvNet blocks; each halves the image side, so small images allow few.")
    units: int | None = Param(
        None, label="Fully connected units", group="Network", ge=1, le=4096, step=16, follows=("network",),
        help="Units of the hidden layer between the convolutions and the classifier, where the network has one.",
    )
    norm: str | None = Param(None, label="Normalisation", group="Network", choices=NORMS, follows=("network",),
                             help="Layer between convolution and activation. The papers use instance, "
                                  "DataDAM's code batch.")
    activation: str | None = Param(None, label="Activation", group="Network", choices=ACTIVATIONS, follows=("network",),
                                   help="Non-linearity of a ConvNet block.")
    pooling: str | None = Param(None, label="Pooling", group="Network", choices=POOLINGS, follows=("network",),
                                help="What halves the side in a ConvNet block.")
    exact: bool = Param(False, label="Plain arithmetic", group="Run",
                        help="Computes everything the plain way: float32 throughout, no compiler, whole batches where "
                             "networks learn. Slower; steps differ by rounding only. "
                             "For checking the fast way against.")

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = super().fill(values)
        dataset = values.get("dataset", cls.model_fields["dataset"].default)
        if dataset in DATASETS:
            values.setdefault("network", DATASETS[dataset].network)
        if (name := str(values.get("network"))) in NETWORKS:
            values = {**NETWORKS[name].options, **values}
        return values

    def problems(self) -> list[str]:
        return [*super().problems(), *network(self.network).problems(self.shape, self.network_options())]

    def key_values(self) -> dict[str, Any]:
        return as_always(super().key_values())

    def network_options(self) -> dict[str, Any]:
        """The options given to the network's builder."""
        return {o: v for o in NETWORK_OPTIONS if (v := getattr(self, o)) is not None}


def network_title(config: Mapping[str, Any]) -> str:
    """ "ConvNet-3, width 32": the network of these parameters and how it departs from the published one; "" if none."""
    return _network_title(str(config.get("network") or ""), *map(config.get, NETWORK_OPTIONS))


@lru_cache(maxsize=4096, typed=True)  # pages with thousands of runs have few networks
def _network_title(name: str, *options: Any) -> str:
    """The title of a network by the values of NETWORK_OPTIONS."""
    if name not in NETWORKS:
        return name
    given = dict(zip(NETWORK_OPTIONS, options, strict=True))
    changed = [f"{NetworkConfig.param(option).label.lower()} {shown(given[option])}"
               for option, published in NETWORKS[name].options.items() if given.get(option) not in (None, published)]
    return ", ".join([NETWORKS[name].title, *changed])


class TrainConfig(Config):
    """How a network is trained on a set of images."""

    epochs: int | None = Param(20, label="Epochs", group="Training", ge=1, le=5000,
                               help="Passes over the images. Left empty where the length is given in steps.")
    steps: int | None = Param(None, label="Optimiser steps", group="Training", ge=1, le=10_000_000,
                              help="So many steps, however large the set is; then there is no number of epochs.")
    lr: float = Param(0.01, label="Learning rate", group="Training", gt=0, le=10, log=True,
                      help="Initial step size of SGD.")
    momentum: float = Param(0.9, label="Momentum", group="Training", ge=0, le=0.999, step=0.05, help="Momentum of SGD.")
    weight_decay: float = Param(0.0, label="Weight decay", group="Training", ge=0, le=1,
                                help="L2 penalty on the weights.")
    schedule: Literal["cosine", "half", "constant"] = Param(
        "cosine", label="Learning-rate schedule", group="Training",
        help="cosine: annealed to zero over the whole training; half: divided by ten half-way; constant.",
    )
    batch_size: int = Param(128, label="Batch size", group="Training", unit="images", ge=1, le=8192,
                            help="Images per optimiser step. A small set with a large batch means few steps.")
    augment: str = Param("none", label="Augmentation", group="Training", choices=STRATEGIES,
                         help="Siamese augmentation of every batch: colour, crop, cutout, flip, scale, rotate.")

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = super().fill(values)
        if values.get("steps") is not None:
            values.setdefault("epochs", None)
        return values

    def problems(self) -> list[str]:
        if self.epochs and self.steps:
            return [*super().problems(), f"either epochs or steps, got {self.epochs} epochs and {self.steps} steps"]
        return super().problems()

    def optimiser_steps(self, images: int) -> int:
        """Steps of a training on so many images."""
        return counts.optimiser_steps(images, self.batch_size, self.epochs, self.steps)

    def passes(self, images: int) -> float:
        """How often a training on so many images sees each of them (`counts.passes`)."""
        return counts.passes(images, self.batch_size, self.optimiser_steps(images))

    def training_values(self) -> dict[str, Any]:
        """Only the parameters declared here, whatever else the Config has."""
        return {name: getattr(self, name) for name in TrainConfig.model_fields}
