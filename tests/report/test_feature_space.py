"""Maps of real and synthetic images, and pairs of nearest ones, from what a look kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddcore.experiments import Spec, spec
from ddcore.report import features, figures, neighbours
from ddcore.runs import RunRecord, Store
from tests.runs import shelf

LOOKS = {"a": ("DM <b>", "#111111"), "b": ("PAD", "#222222")}


@pytest.fixture
def store(home: Path) -> Store:
    return Store()


def kept(store: Store, one: Spec, arrays: dict[str, dict[str, np.ndarray]], **summary: Any) -> RunRecord:
    from safetensors.numpy import save_file

    record = shelf.finished(store, one, classes=[*"0123456789"], **summary)
    for name, tensors in arrays.items():
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, record.folder / f"{name}.safetensors")
    return record


SEEN = {"variance": [0.314, 0.12], "val_accuracy": 0.9, "real_images": 3, "training_images": 1294,
        "held_out": {"images": 9, "pixels": 5.25, "features": 3.5}}


def looked(store: Store) -> tuple[RunRecord, list[str]]:
    """Two runs of ten images each, one a class, and a look at them: the first's nearest are of class 7, at 0, 1, …"""
    ids = sorted(shelf.finished(store, shelf.question(seed=seed), images=10).id for seed in (0, 1))
    real = np.full((20, 1, 8, 8), 128, np.uint8)
    near = {
        f"{way}_{name}": value
        for way in ("pixels", "features")
        for name, value in (
            ("index", np.arange(20)), ("distance", np.arange(20, dtype=np.float32)), ("label", np.full(20, 7)),
            ("image", real),
        )
    }
    space = {
        "real": np.zeros((3, 2), np.float32), "real_labels": np.array([0, 1, 1]),
        "synthetic": np.arange(40, dtype=np.float32).reshape(20, 2), "labels": np.tile(np.arange(10), 2),
        "run": np.repeat([0, 1], 10),
    }
    asked = spec("features", "features", {"dataset": "digits", "runs": ",".join(ids)})
    return kept(store, asked, {"space": space, "nearest": near}, runs=ids, **SEEN), ids


def test_every_image_is_a_row_that_names_its_run_and_class(store: Store) -> None:
    run, ids = looked(store)
    frame = features.points(store, run)
    assert frame[frame["run"] == ""]["class"].tolist() == ["0", "1", "1"]
    assert frame[frame["run"] == ""]["image"].tolist() == [1, 1, 2]
    second = frame[(frame["run"] == ids[1]) & (frame["class"] == "4")]
    assert second[["image", "x", "y"]].values.tolist() == [[1, 28.0, 29.0]]


def test_axes_say_what_they_are(store: Store) -> None:
    run, ids = looked(store)
    assert features.axes(run) == ("First principal component (31 % of the variance)",
                                  "Second principal component (12 %)")
    laid_out = kept(store, spec("tsne", "tsne", {"dataset": "digits", "runs": ",".join(ids)}), {}, runs=ids)
    assert features.axes(laid_out)[0] == "t-SNE, first axis (no unit)"


def frame_of(*rows: tuple[str, str]) -> Any:
    import pandas as pd

    frame = pd.DataFrame([(run, name, 1, 0.5, 1.5) for run, name in rows], columns=["run", "class", "image", "x", "y"])
    return frame.assign(**{"class": pd.Categorical(frame["class"], ["no", "yes"], ordered=True)})


FRAME = frame_of(("", "no"), ("", "yes"), ("a", "no"), ("a", "yes"), ("b", "yes"))


def drawn(figure: Any) -> dict[str, Any]:
    """The traces that hold images, by name."""
    return {trace.name: trace for trace in figure.data if list(trace.x) != [None]}


def test_only_images_of_chosen_classes_are_drawn_real_ones_pale_and_small() -> None:
    figure = features.scatter(FRAME, LOOKS, ("x", "y"), ["yes"], by_class=True)
    traces = drawn(figure)
    assert {name: len(trace.x) for name, trace in traces.items()} == {
        features.REAL: 1, "DM &lt;b&gt;": 1, "PAD": 1,
    }
    assert traces[features.REAL].marker.size < traces["PAD"].marker.size
    assert traces[features.REAL].marker.opacity < 0.5
    assert traces["PAD"].marker.symbol != traces["DM &lt;b&gt;"].marker.symbol
    assert figure.layout.yaxis.scaleanchor == "x"


def test_colours_tell_classes_or_runs_and_a_class_keeps_its_colour() -> None:
    by_class = drawn(features.scatter(FRAME, LOOKS, ("x", "y"), ["no", "yes"], by_class=True))
    alone = drawn(features.scatter(FRAME, LOOKS, ("x", "y"), ["yes"], by_class=True))
    assert list(by_class["PAD"].marker.color) == list(alone["PAD"].marker.color) == [features.CLASSES[1]]
    assert list(by_class[features.REAL].marker.color) == list(features.CLASSES[:2])
    by_run = drawn(features.scatter(FRAME, LOOKS, ("x", "y"), ["no", "yes"], by_class=False))
    assert [by_run[name].marker.color for name in (features.REAL, "PAD")] == [figures.INK, "#222222"]


def test_the_legends_name_every_run_once_and_the_chosen_classes() -> None:
    figure = features.scatter(FRAME, LOOKS, ("x", "y"), ["no"], by_class=True)
    named = [(trace.name, trace.legend) for trace in figure.data if trace.showlegend is not False]
    assert named == [(features.REAL, None), ("DM &lt;b&gt;", None), ("PAD", None), ("no", "legend2")]


def test_pairs_are_the_images_of_one_run_and_class_with_what_is_nearest(store: Store) -> None:
    run, ids = looked(store)
    (pair,) = neighbours.pairs(store, run, ids[1], "4")
    assert (pair.image.shape, pair.near["pixels"].image.shape) == ((8, 8, 3), (8, 8, 3))
    assert (pair.near["features"].index, pair.near["features"].label, pair.near["features"].distance) == (14, "7", 14.0)
    assert neighbours.copies([pair]) == 0
    assert neighbours.copies(neighbours.pairs(store, run, ids[0], "0")) == 1  # at no distance: the image itself


def test_a_strip_shows_each_image_above_its_two_nearest_and_has_one_width(store: Store) -> None:
    run, ids = looked(store)
    found = [pair for label in "0123" for pair in neighbours.pairs(store, run, ids[0], label)]
    one, four = (Image.open(io.BytesIO(neighbours.strip(some))) for some in (found[:1], found))
    assert one.size == four.size
    solid = np.asarray(four)[..., 3] == 255
    side, step = neighbours.CELL, neighbours.CELL + neighbours.GAP
    left = four.width - neighbours.EACH * step
    columns = solid[:side, left:].all(0)
    assert columns.sum() == 4 * side
    assert solid[:, left + 1].sum() >= 3 * side
    grey = (np.asarray(four)[..., :3] == 128).all(2) & solid
    assert grey.sum() == 4 * 2 * side**2  # the real images; the synthetic ones have another value


def test_a_long_name_of_a_class_is_cut_to_the_width_of_its_image() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    near = neighbours.Near(image, "a very long name of a class", 12.3456, 0)
    pair = neighbours.Pair(image, "other", {"pixels": near, "features": near})
    words = neighbours._caption(pair, near, 64)
    assert words.startswith("12.3 · ")
    assert words.endswith("…")
    assert neighbours._caption(pair, near, 1000) == "12.3 · a very long name of a class"
