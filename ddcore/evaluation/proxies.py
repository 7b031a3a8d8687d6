"""The runs that an architecture search ranks networks on: whether they fit it is told before anything is started."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ddcore.errors import ConfigError, DataBroken, DataMissing, RunBroken, RunNotFound
from ddcore.experiments.base import dataset_identity
from ddcore.experiments.search import SearchConfig
from ddcore.jobs.requirements import id_of
from ddcore.runs.record import RunRecord
from ddcore.runs.store import Store

if TYPE_CHECKING:
    from ddcore.runs.images import Images


def check(config: SearchConfig, store: Store) -> None:
    """Raise ConfigError, with all `problems`, where there are any."""
    if sentences := problems(config, store):
        raise ConfigError(sentences)


def whole(names: str, store: Store) -> str:
    """The proxies with every beginning of a run's id (at least 6 digits) made whole; other words stay as they are."""
    return ",".join(_whole(one, store) for one in names.replace(",", " ").split())


def _whole(name: str, store: Store) -> str:
    if not re.fullmatch("[0-9a-f]{6,15}", name):
        return name
    try:
        return store.record(name).id
    except RunNotFound:
        return name


def problems(config: SearchConfig, store: Store) -> list[str]:
    """Why these runs are no proxies for this search, one sentence each; [] if they are."""
    sentences = []
    for run_id in config.runs():
        try:
            sentences += unfit(config, store.record(run_id), store)
        except RunNotFound as error:
            sentences.append(f"proxy {run_id}: {error}")
    coresets = {id_of(one): name for name, one in config.sets().items()}
    return sentences + [
        f"proxy {one} is the very coreset {coresets[one]!r} that is named as well; name one of them"
        for one in config.runs() if one in coresets
    ]


def unfit(config: SearchConfig, record: RunRecord, store: Store) -> list[str]:
    """Why this run is no proxy for this search, one sentence each; [] if it is."""
    called = f"proxy {record.id}"
    if record.state != "done":
        return [f"{called} is {record.state}; only a finished run can be one"]
    if not record.makes_images:
        return [f"{called} is a run of kind {record.kind!r}; only a distilled set or a coreset can be one"]
    name, side = record.config.get("dataset"), record.config.get("resolution")
    if (name, side) != (config.dataset, config.resolution):
        return [f"{called} is of {name} at {side} px, the search is on {config.dataset} at {config.resolution} px"]
    if _moved(config, record):
        return [f"{called} was made from other images than those that are in the place of {config.dataset} now"]
    try:
        return [f"{called} {wrong}" for wrong in _differs(config, store.images(record.id))]
    except (RunNotFound, RunBroken) as error:
        return [f"{called} cannot be read: {error}"]


def _moved(config: SearchConfig, record: RunRecord) -> bool:
    """Whether the data set has other content now; of one that is not here that cannot be told."""
    try:
        return record.info.get("dataset") != dataset_identity(config)
    except (DataMissing, DataBroken):
        return False


def _differs(config: SearchConfig, images: Images) -> Iterator[str]:
    """How a stored set differs from the real images that its networks would be judged on."""
    facts, shape, scale = config.facts, images.images.shape[1:], (images.mean, images.std)
    if shape != config.shape:
        yield f"holds images of shape {shape}, the search expects {config.shape}"
    if images.classes != facts.classes:
        yield f"has the classes {', '.join(images.classes)}; {facts.name} has {', '.join(facts.classes)}"
    elif facts.mean and facts.std and not np.allclose(scale, (facts.mean, facts.std)):
        yield f"is normalised with mean and std {scale}, {facts.name} with {(facts.mean, facts.std)}"
