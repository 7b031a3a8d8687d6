import io

import numpy as np
import pytest
from PIL import Image

from ddcore import experiments
from ddcore.data import load
from ddcore.data.base import Data, Split
from ddcore.errors import Cancelled
from ddcore.experiments import describe


class Notebook:
    """A recorder that remembers what it was told."""

    def __init__(self):
        self.notes, self.pictures, self.phases = [], {}, []

    def note(self, text):
        self.notes.append(text)

    def progress(self, done, total, phase=""):
        self.phases.append((done, total))

    def check_cancelled(self):
        pass

    def save_picture(self, name, png):
        self.pictures[name] = png


@pytest.fixture
def told():
    return Notebook()


def described(told, **values):
    spec = experiments.spec("describe", "describe", values)
    return experiments.KINDS["describe"].run(spec.name, spec.config, told)


def test_summary_counts_what_was_read(told):
    summary = described(told, dataset="digits")
    splits = summary["splits"]
    assert {part: s["size"] for part, s in splits.items()} == {"train": 1294, "val": 144, "test": 359}
    assert all(sum(s["per_class"]) == s["size"] and s["votes"] is None for s in splits.values())
    assert splits["test"]["majority"] == max(splits["test"]["per_class"]) / 359
    assert summary["shape"] == [1, 8, 8]
    assert summary["classes"] == [str(d) for d in range(10)]
    assert all(check["ok"] for check in summary["checks"])
    assert told.phases[-1] == (3, 3)


def test_other_counts_than_the_official_ones_are_shown(told, histology, monkeypatch):
    monkeypatch.setenv("DDCORE_DATA", str(histology))
    summary = described(told, dataset="mhist", resolution=64)
    assert "573 training images; the official set has 2,175" in told.notes
    assert "243 test images; the official set has 977" in told.notes
    assert [c["ok"] for c in summary["checks"]][:2] == [False, False]
    assert summary["splits"]["test"]["votes"] == [68, 0, 0, 0, 0, 0, 0, 175]
    assert summary["splits"]["test"]["majority"] == pytest.approx(175 / 243)


def test_picture_has_a_row_for_each_class(told):
    described(told, dataset="digits")
    picture = Image.open(io.BytesIO(told.pictures["examples"]))
    assert picture.size == (10 * 68, 10 * 68)
    cells = np.asarray(picture)[2:66:8, 2:66:8]
    digits = load.load("digits").train
    assert any((cells == image).all() for image in digits.images[digits.labels == 0][:, 0])


def test_picture_follows_the_seed():
    digits = load.load("digits")
    assert describe.examples(digits, 0) == describe.examples(digits, 0) != describe.examples(digits, 1)


def test_large_colour_images_and_classes_with_few_of_them_fit_the_picture():
    images = np.zeros((3, 3, 100, 100), np.uint8)
    few = Split(images, np.array([0, 1, 1]))
    data = Data("x", ("a", "b"), few, few, few, (0.0,) * 3, (1.0,) * 3)
    assert Image.open(io.BytesIO(describe.examples(data, 0))).size == (10 * 68, 2 * 68)


def test_image_in_both_parts_is_a_leak_that_is_counted():
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    train, val, test = (Split(images[p], np.zeros(len(p), int)) for p in ([0, 1], [2], [2, 5, 0]))
    assert describe.shared_images(Data("x", ("a",), train, val, test, (0.0,), (1.0,))) == 2


def test_label_against_the_votes_is_counted():
    split = Split(np.zeros((3, 1, 1, 1), np.uint8), np.array([0, 1, 1]), np.array([3, 4, 3]))
    assert describe._against_votes(split, voters=7) == 1


def test_cancelled_description_stops(told, monkeypatch):
    def cancel():
        raise Cancelled

    monkeypatch.setattr(told, "check_cancelled", cancel)
    with pytest.raises(Cancelled):
        described(told, dataset="digits")
    assert not told.pictures
