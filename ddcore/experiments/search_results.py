"""What searches and the truth answer: what each network of a space reached on each training set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from ddcore.summary import Accuracy, Answer, Count, Flag, Seconds, Share, Summary, Values


class NetworkFacts(Answer):
    """One network of a space. options: of its builder; macs: of one forward pass of one image."""

    name: str
    options: Values
    parameters: Count
    macs: Count


class Candidate(NetworkFacts):
    """A network with its number in the space and the name of what builds it."""

    index: int
    network: str

    @property
    def identity(self) -> tuple[str, frozenset[tuple[str, str | int | float]]]:
        """What it is, wherever it stands."""
        return self.network, frozenset(self.options.items())


class NetworkResult(Answer):
    """What one network reached on one training set.

    accuracies: on the validation split, one a seed; accuracies_test: on the test images, of the truth's networks only;
    trial: the run that trained it; diverged: whether some seed did, so that its accuracies mean nothing.
    """

    accuracies: tuple[Share, ...] = Field(min_length=1)
    accuracies_test: tuple[Share, ...] | None = None
    seconds: Seconds = 0.0
    trial: str = ""
    diverged: Flag = False

    @cached_property
    def mean(self) -> float:
        """Mean validation accuracy, exact to 12 digits so that equal means are ties."""
        return round(math.fsum(self.accuracies) / len(self.accuracies), 12)

    @property
    def standing(self) -> float:
        """What a network is ranked by: its mean validation accuracy.

        One that diverged, whose answers mean nothing, stands below all that did not.
        """
        return self.mean - self.diverged

    @property
    def validation(self) -> Accuracy:
        """On the validation split."""
        return Accuracy.of(self.accuracies)

    @property
    def test(self) -> Accuracy | None:
        """On the test images, where it was tested."""
        return Accuracy.of(self.accuracies_test) if self.accuracies_test else None


Results = Annotated[Mapping[int, NetworkResult], "by the number of the network in its space"]


class ProxyResult(Answer):
    """One training set and the networks that were trained on it.

    results: by number; order: in which they were tried; pruned: those that were given up before their last seed, which
    have no rank; run: the distilled or chosen set; seconds: of all trainings, as they took when they were computed;
    seconds_set: of making the set with what it builds on; asked: how many networks it is to train.
    """

    name: str = Field(alias="proxy")
    title: str
    results: Results = Field(alias="scores")
    order: tuple[Count, ...] = ()
    pruned: tuple[Count, ...] = ()
    asked: Count | None = None
    seconds: Seconds
    seconds_set: Seconds | None = None
    run: str | None = None
    method: str | None = None
    ipc: Count | None = None
    images: Count | None = None
    stored_floats: Count | None = None

    @property
    def ranked(self) -> dict[int, NetworkResult]:
        """The networks that were trained to the end, in the order tried."""
        return self._tried(pruned=False)

    @property
    def given_up(self) -> dict[int, NetworkResult]:
        """Those that were not, in the order tried."""
        return self._tried(pruned=True)

    @property
    def trainings(self) -> int:
        """How often a network was trained on it: each network once a seed."""
        return sum(len(result.accuracies) for result in self.results.values())

    def _tried(self, pruned: bool) -> dict[int, NetworkResult]:
        numbers, given_up = dict.fromkeys((*self.order, *self.results)), {*self.pruned}
        return {n: self.results[n] for n in numbers if n in self.results and (n in given_up) == pruned}


class ProxyEvent(Answer):
    """A search begins with a proxy, on which so many networks are to be trained."""

    proxy: str
    title: str
    networks: Count


class TrialEvent(NetworkResult):
    """What is known of a network by now. proxy: None of one that is trained on the whole data."""

    network: Count
    proxy: str | None = None
    pruned: Flag = False


class SpaceSummary(Summary):
    """The networks of a space, and how each was trained. left_out: why others do not fit the images → how many;
    steps, nets: of each training, and seeds."""

    network: str
    networks: tuple[NetworkFacts, ...]
    left_out: Mapping[str, Count] = {}
    nets: Count | None = None
    val_images: Count | None = None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The networks, each with its number."""
        return tuple(Candidate(index=index, network=self.network, **dict(one))
                     for index, one in enumerate(self.networks))

    def numbers(self) -> Iterable[int]:
        """The networks that it tells of, by number."""
        return ()

    @model_validator(mode="after")
    def _within_the_space(self) -> Self:
        for number in self.numbers():
            if not 0 <= number < len(self.networks):
                raise ValueError(f"network {number} of {len(self.networks)}")
        if len({frozenset(one.options.items()) for one in self.networks}) < len(self.networks):
            raise ValueError("the same network twice")
        return self


class TruthSummary(SpaceSummary):
    """The whole data's answer. sampled: the networks that were trained; majority_test: that of the test images."""

    sampled: tuple[Count, ...] = ()
    results: Results = Field(default_factory=dict, alias="scores")
    majority_test: Share | None = None

    def numbers(self) -> Iterable[int]:
        return (*self.sampled, *self.results)


class SearchSummary(SpaceSummary):
    """What each proxy found, and what the networks that they chose reach on the whole data (winners)."""

    proxies: tuple[ProxyResult, ...]
    winners: Results = Field(default_factory=dict)
    split: str = "val"

    def numbers(self) -> Iterable[int]:
        return (*self.winners, *(n for one in self.proxies for n in (*one.results, *one.order, *one.pruned)))
