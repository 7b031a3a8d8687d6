from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddcore import home
from ddcore.report import film
from ddcore.runs.store import Store

DEMO = home.PROJECT / "ddcore" / "demo"  # the fixtures of all tests take it away


@pytest.fixture
def store(home: Path) -> Store:
    return Store(demo=DEMO)


def test_the_shipped_film_is_of_a_set_that_was_made_in_steps(store: Store) -> None:
    run = film.shown(store)
    assert run
    frames = film.frames(store, run)
    assert [frame.step for frame in frames] == store.snapshots(run.id)
    assert frames[-1].step == run.summary.steps
    assert len({frame.png for frame in frames}) == len(frames)


def test_a_frame_has_the_first_image_of_each_class_at_its_own_size(store: Store) -> None:
    run = film.shown(store)
    assert run
    images = store.images(run.id)
    side = images.images.shape[-1]
    last = np.asarray(Image.open(io.BytesIO(film.frames(store, run)[-1].png)).convert("RGBA"))
    assert last.shape[:2] == (2 * side + film.GAP, 5 * (side + film.GAP) - film.GAP)
    first_of_class_6 = images.images[np.flatnonzero(images.labels == 6)[0], 0] * images.std[0] + images.mean[0]
    at = side + film.GAP
    assert np.array_equal(last[at:at + side, at:at + side, 0], np.clip(np.rint(255 * first_of_class_6), 0, 255))
    assert last[side, 0, 3] == 0  # nothing between them


def test_there_is_no_film_where_no_runs_ship(home: Path) -> None:
    assert film.shown(Store()) is None
