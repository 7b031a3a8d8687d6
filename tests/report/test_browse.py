"""Browsing the images of a data set: parts, classes, difficulty, small pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddcore.data import DATASETS
from ddcore.data.base import Split
from ddcore.experiments import spec
from ddcore.report import browse
from ddcore.runs import Store
from ddcore.runs.files import read_json, write_json
from ddcore.runs.recorder import FolderRecorder
from tests.runs import shelf

PART = Split(np.zeros((6, 1, 4, 4), np.uint8), np.array([0, 1, 0, 1, 0, 1]))


def scores(store: Store, images: int, **values: object) -> str:
    """A finished run of scores of the images 1, 3, 5, …"""
    record = store.create(spec("scores", "scores", {"dataset": "digits", **values}))
    recorder = FolderRecorder(store, record.id)
    indices = np.arange(images) * 2 + 1
    arrays = {"indices": indices, "labels": indices % 2, "el2n": np.linspace(1, 0, images).astype(np.float32),
              "forgetting": np.zeros(images, np.float32), "grad_norm": np.zeros(images, np.float32)}
    recorder.save_arrays("scores", {name: torch.from_numpy(array) for name, array in arrays.items()})
    recorder.finish(shelf.summary("scores", images=images), {"started": 1.0})
    return record.id


def test_images_are_chosen_by_class_and_ordered_by_their_scores_those_without_one_left_out(home: Path) -> None:
    found = browse.Difficulty(None, "EL2N", np.array([1, 3, 4]), np.array([0.5, 0.1, 0.9]))  # type: ignore[arg-type]
    assert browse.chosen(PART, None, "as they lie", found).tolist() == [0, 1, 2, 3, 4, 5]
    assert browse.chosen(PART, 0, "as they lie", None).tolist() == [0, 2, 4]
    assert browse.chosen(PART, None, "easiest first", found).tolist() == [3, 1, 4]
    assert browse.chosen(PART, 1, "hardest first", found).tolist() == [1, 3]


def test_the_scores_of_most_of_the_same_images_are_used(home: Path) -> None:
    store = Store()
    assert browse.scored(store, "digits") is None
    scores(store, 3, seed=1)
    most = scores(store, 5, seed=2)
    found = browse.scored(store, "digits")
    assert found is not None
    assert (found.run.id, found.title, found.indices.tolist()) == (most, "EL2N", [1, 3, 5, 7, 9])
    told = store.record(most).folder / "run.json"
    write_json(told, {**read_json(told), "dataset": {"name": "digits", "fingerprint": "of other images"}})
    other = browse.scored(Store(), "digits")
    assert other is not None
    assert len(other.indices) == 3


def test_the_scores_to_ask_for_are_those_that_a_coreset_would_need(home: Path) -> None:
    asked = browse.question("digits")
    assert asked.kind == "scores"
    assert asked.config.values()["dataset"] == "digits"


@pytest.mark.parametrize(("side", "shown"), [(8, 8), (128, browse.SIDE)])
def test_large_images_are_made_small_and_small_ones_stay_as_they_are(side: int, shown: int) -> None:
    part = Split(np.full((2, 3, side, side), 77, np.uint8), np.array([0, 1]))
    (png,) = browse.thumbnails(part, [1])
    picture = Image.open(io.BytesIO(png))
    assert picture.size == (shown, shown)
    assert picture.getpixel((0, 0)) == (77, 77, 77)


def test_how_many_values_a_data_set_has_is_known_before_it_is_read() -> None:
    assert browse.values(DATASETS["mnist"]) == 70_000 * 28 * 28
