"""Named sets of parameter values: data, not code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ddcore.networks import NETWORKS


@dataclass(frozen=True)
class Preset:
    """A named starting point for a method.

    help says where the values come from; `values` hold for every data set, `of_dataset` adds what follows from the
    facts of the one that is named (its augmentation, its image size), `by_dataset` overrides both for one.
    """

    name: str
    help: str
    values: Mapping[str, Any]
    by_dataset: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_dataset: Callable[[str], Mapping[str, Any]] = lambda dataset: {}

    def for_dataset(self, dataset: str) -> dict[str, Any]:
        """The values of this preset on `dataset`."""
        return {**self.values, **self.of_dataset(dataset), **self.by_dataset.get(dataset, {}), "dataset": dataset}

    def special(self, dataset: str) -> dict[str, Any]:
        """What this preset has for `dataset` and not for every data set."""
        values = self.for_dataset(dataset)
        return {name: v for name, v in values.items() if name != "dataset" and self.values.get(name) != v}


def fitting(values: Mapping[str, Any], network: str | None) -> dict[str, Any]:
    """A preset's values without the network options that `network` does not have.

    All of them where it is None, or no network's name: that is reported elsewhere.
    """
    if network is None or network not in NETWORKS:
        return dict(values)
    lacking = {option for other in NETWORKS.values() for option in other.options} - set(NETWORKS[network].options)
    return {name: value for name, value in values.items() if name not in lacking}
