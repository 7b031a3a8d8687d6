"""More images per class than the smallest class has are refused before anything is queued, by the class's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brought import added, folders, picture

from ddcore.cli import main
from ddcore.data import DATASETS, own
from ddcore.data.load import load
from ddcore.data.split import smallest_class
from ddcore.errors import ConfigError
from ddcore.experiments import spec
from ddcore.home import data_root
from ddcore.methods import METHODS
from ddcore.report import browse
from ddcore.runs.store import Store

SENTENCE = "ipc must be at most 6, the training images of class tail, the smallest of pets, got 7"


@pytest.fixture
def pets(home: Path) -> Path:
    """A data set whose classes have 30, 15 and 7 training images, one of the last held out for validation."""
    counts = {"head": 30, "mid": 15, "tail": 7}
    train = {f"train/{path}": content for name, count in counts.items()
             for path, content in folders(count, 0, (name,)).items()}
    test = {f"test/{name}/x.png": picture(100 + c) for c, name in enumerate(counts)}
    added({**train, **test}, data_root(), duplicates="keep")
    return home


@pytest.mark.parametrize("name", ["digits", "pets"])
def test_smallest_class_is_the_one_that_reading_gives(pets: Path, name: str) -> None:
    data = load(name)
    counts = np.bincount(data.train.labels).tolist()
    assert smallest_class(DATASETS[name]) == (data.classes[counts.index(min(counts))], min(counts))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_and_coreset_refuses_it_with_the_name_of_the_class(pets: Path, method: str) -> None:
    with pytest.raises(ConfigError) as caught:
        METHODS[method].Config.build({"dataset": "pets", "ipc": 7})
    assert SENTENCE in str(caught.value)
    assert METHODS[method].Config.build({"dataset": "pets", "ipc": 6}).values()["ipc"] == 6


@pytest.mark.parametrize("method", [name for name, one in METHODS.items() if one.presets])
def test_presets_start_with_no_more_than_it_has(pets: Path, method: str) -> None:
    for preset in METHODS[method].presets:
        values = METHODS[method].preset_values(preset.name, "pets")
        assert values.get("ipc", 10) == min(6, preset.for_dataset("pets").get("ipc", 10))
        spec("distill", method, values)
        assert METHODS[method].preset_values(preset.name, "digits") == preset.for_dataset("digits")


def test_its_images_can_be_ordered_by_difficulty(pets: Path) -> None:
    assert browse.question("pets").config.values()["dataset"] == "pets"


def test_the_command_line_queues_nothing(pets: Path, capsys: Any) -> None:
    assert main(["run", "dm", "--dataset", "pets", "--ipc", "7"]) == 1
    assert SENTENCE in capsys.readouterr().err
    assert main(["run", "random", "--dataset", "pets", "--ipc", "7"]) == 1
    assert main(["sweep", "dm", "--dataset", "pets", "--vary", "ipc=1,7"]) == 1
    assert f"ipc=7 cannot run: {SENTENCE}" in capsys.readouterr().err
    assert not list(Store().records())


def test_sets_of_earlier_versions_are_counted_by_their_labels(pets: Path) -> None:
    file = own.place(data_root()) / "pets" / "dataset.json"
    facts = json.loads(file.read_text())
    assert facts.pop("counts") == [30, 15, 7]
    file.write_text(json.dumps(facts))
    assert own.known(data_root())["pets"].counts == (30, 15, 7)
    spec("distill", "dm", {"dataset": "pets", "ipc": 6})
