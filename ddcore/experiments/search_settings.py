"""What searches and the truth share: which networks, how each is trained, and the trials that follow from that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ddcore import counts, spaces
from ddcore.data import DATASETS
from ddcore.experiments.search_results import NetworkFacts
from ddcore.experiments.trial import MOST_SEEDS, TrialConfig
from ddcore.networks import Shape, Variant
from ddcore.params import Param
from ddcore.settings import DataConfig, TrainConfig

IMAGE = 16  # bytes for each number of a map while a network learns: four tensors of float32 are kept of it
MOST = 32 * 10**9  # bytes that one network may take while it learns


def networks_told(config: Mapping[str, Any]) -> str:
    """ "24 CourseNets": the networks of these parameters; unnumbered where that follows from what is not known here."""
    dataset, side, subset = str(config.get("dataset")), config.get("resolution"), str(config.get("subset") or "")
    space = spaces.SPACES.get(str(config.get("space")))
    if space is None:
        return "networks"
    if dataset not in DATASETS or not isinstance(side, int) or spaces.misspelt(space, subset):
        return space.plural
    return f"{_number(space.name, subset, DATASETS[dataset].shape(side))} {space.plural}"


@lru_cache(maxsize=256)
def _number(space: str, subset: str, shape: Shape) -> int:
    return len(spaces.members(spaces.space(space), subset, shape))


def length_told(config: Mapping[str, Any]) -> str:
    """ "60 steps", "150 steps, 2 seeds": how long each network is trained, and how often where that is not once."""
    seeds = config.get("nets")
    return f"{config.get('steps')} steps{'' if seeds == 1 else f', {seeds} seeds'}"


class SpaceConfig(TrainConfig, DataConfig):
    """A search space on a data set, and one training setting for all of its networks."""

    space: str = Param(
        "course", label="Search space", group="Search", choices=spaces.SPACES,
        help="The networks that are compared. Those that do not fit the image size are left out.",
    )
    subset: str = Param(
        "", label="Subset", group="Search",
        help="Only some values of some options, as 'depth=2,3 width=16'; left empty, the whole space.",
    )
    steps: int | None = Param(
        300, label="Optimiser steps", group="Training", ge=1, le=10_000_000,
        help="Length of each training, the same for every network and every set, however large it is.",
    )
    epochs: int | None = Param(
        None, label="Epochs", group="Training", ge=1, le=5000, help="Not used: the length is given in optimiser steps.",
    )
    nets: int = Param(
        3, label="Seeds", symbol="n", group="Search", ge=1, le=MOST_SEEDS, step=1,
        help="How often each network is trained, each time from other random weights; it is ranked by the mean.",
    )
    exact: bool = Param(
        False, label="Plain arithmetic", group="Run", help="Computes everything the plain way, in whole batches.",
    )

    @classmethod
    def fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The same subset written in another way is the same question."""
        values = super().fill(values)
        space, subset = spaces.SPACES.get(values.get("space", "course")), values.get("subset")
        if space and isinstance(subset, str) and subset.strip() and not spaces.misspelt(space, subset):
            values["subset"] = spaces.tidy(space, subset)
        return values

    def problems(self) -> list[str]:
        problems = super().problems()
        if self.epochs or not self.steps:
            problems = [*problems, f"the length of a search is given in steps, not in epochs, got {self.epochs} epochs"]
        if not self.facts.parts.get("val", 1):
            problems = [*problems, f"{self.dataset} is so small that no image of it is held out to rank networks by"]
        if problems := problems or spaces.problems(self.declared, self.subset, self.shape):
            return problems
        if len(self.members()) < 2:
            return [f"a search ranks at least 2 networks, and {self.subset!r} of {self.space} is 1"]
        return self._too_large()

    def _too_large(self) -> list[str]:
        """Why the largest network cannot be trained anywhere: it would be found out in the middle of the search."""
        each = [IMAGE * (counts.maps(one.network, self.shape, one.options) or 0) for one in self.members()]
        if self.batch_size * max(each) <= MOST:
            return []
        largest, needed = self.members()[each.index(max(each))], self.batch_size * max(each) / 1e9
        return [
            f"{spaces.named(largest)} fills {needed:.0f} GB with a batch of {self.batch_size} images of "
            f"{self.resolution} px: take a batch of at most {MOST // max(each)}, smaller images, or a subset"
        ]

    @property
    def declared(self) -> spaces.Space:
        return spaces.space(self.space)

    def members(self) -> tuple[Variant, ...]:
        """The networks, in the space's order; their places in it are their numbers in every result."""
        return spaces.members(self.declared, self.subset, self.shape)

    def trial(self, variant: Variant, **more: Any) -> TrialConfig:
        """The trial of one network under this setting."""
        shared = {name: v for name, v in self.values().items() if name in TrialConfig.model_fields}
        return TrialConfig.build({**shared, **variant.values, **more})

    def about(self) -> dict[str, Any]:
        """The fields of a `SpaceSummary` that the question alone decides."""
        name, classes = self.declared.network, len(self.facts.classes)
        described = [
            NetworkFacts(name=spaces.named(one), options=dict(one.options),
                         parameters=counts.parameters(name, self.shape, classes, one.options),
                         macs=counts.macs(name, self.shape, classes, one.options))
            for one in self.members()
        ]
        left_out = spaces.left_out(self.declared, self.subset, self.shape)
        return {"network": name, "networks": described, "left_out": left_out, "steps": self.steps, "nets": self.nets}
