import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ddcore import experiments
from ddcore.data import DATASETS, agreement, load
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
    splits = summary.splits
    assert {part: s.size for part, s in splits.items()} == {"train": 1294, "val": 144, "test": 359}
    assert all(sum(s.per_class) == s.size and s.votes is None for s in splits.values())
    assert splits["test"].majority == max(splits["test"].per_class) / 359
    assert summary.shape == (1, 8, 8)
    assert summary.classes == tuple(str(d) for d in range(10))
    assert all(check.ok for check in summary.checks)
    assert told.phases[-1] == (3, 3)


def test_other_counts_than_the_official_ones_are_shown(told, histology, monkeypatch):
    monkeypatch.setenv("DDCORE_DATA", str(histology))
    summary = described(told, dataset="mhist", resolution=64)
    assert "573 training and validation images; there should be 2,175" in told.notes
    assert "243 test images; there should be 977" in told.notes
    assert "816 images in all; there should be 3,152" in told.notes
    assert [c.ok for c in summary.checks][:3] == [False, False, False]
    assert summary.splits["test"].votes == (68, 0, 0, 0, 0, 0, 0, 175)
    assert summary.to_json()["majorities"] == {
        "test": {"class": "SSA", "share": pytest.approx(175 / 243), "images": 243},
        "all": {"class": "SSA", "share": pytest.approx(589 / 816), "images": 816},
    }
    assert "always answering SSA is right on 72.18 % of all 816 images" in told.notes


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


def leaking(images):
    """Six training images of one pixel each, and three test images of which the first and the last are among them."""
    training = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    return Split(training, np.zeros(6, int)), Split(np.array(images, np.uint8).reshape(-1, 1, 1, 1), np.zeros(3, int))


def test_image_in_both_parts_is_a_leak_that_is_named():
    official, test = leaking([2, 9, 0])
    assert describe.identical(official, test) == [(0, 2), (2, 0)]
    check = describe.checks(DATASETS["digits"], official, test)[-1]
    assert not check.ok
    assert check.found == 2
    assert check.text.startswith("2 test images that are also training images: test 0 = training 2, test 2 = tra")


def test_positions_of_leaks_are_those_of_the_data_set_before_the_validation_part_is_taken_out(told, monkeypatch):
    def read(root, resolution):
        images = np.arange(200, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8), np.uint8)
        labels = np.arange(200) % 10
        return Split(images, labels), Split(images[150:170], labels[150:170])

    monkeypatch.setitem(DATASETS._entries, "digits", replace(DATASETS["digits"], read=read, sizes=(200, 20)))
    summary = described(told, dataset="digits")
    assert summary.checks[-1].pairs == tuple((i, 150 + i) for i in range(5))
    assert summary.checks[-1].text.endswith("and 15 more (positions in the data set's own order, from 0)")


def test_the_majority_of_the_test_images_and_that_of_all_images_are_told_apart():
    counted = {"train": (1545, 630), "val": (0, 0), "test": (617, 360)}
    splits = {part: describe.Part(size=sum(each), per_class=each) for part, each in counted.items()}
    told = describe.majorities(splits, ("HP", "SSA"))
    assert describe.in_words("test", told["test"]) == "always answering HP is right on 63.15 % of the 977 test images"
    assert describe.in_words("all", told["all"]) == "always answering HP is right on 68.59 % of all 3,152 images"


def test_examples_go_from_unanimous_to_split_and_wear_the_colour_of_their_agreement():
    voted = Split(np.zeros((4, 3, 64, 64), np.uint8), np.zeros(4, int), np.array([3, 7, 1, 5]))
    data = Data("x", ("a",), voted, voted, voted, (0.0,) * 3, (1.0,) * 3)
    picture = np.asarray(Image.open(io.BytesIO(describe.examples(data, 0, voters=7))))
    cell = 64 + 2 * (4 + 2)
    assert picture.shape == (cell, 10 * cell, 3)
    frames = [tuple(picture[3, at * cell + 3]) for at in range(4)]
    assert frames == agreement.colours(7)
    assert tuple(picture[cell // 2, cell // 2]) == (0, 0, 0)


def test_a_set_of_very_many_classes_has_a_picture_of_the_first_ones():
    many = Split(np.zeros((200, 1, 8, 8), np.uint8), np.arange(200))
    data = Data("x", tuple(map(str, range(200))), many, many, many, (0.0,), (1.0,))
    assert Image.open(io.BytesIO(describe.examples(data, 0))).size == (10 * 68, 30 * 68)


def test_label_against_the_votes_is_counted():
    split = Split(np.zeros((3, 1, 1, 1), np.uint8), np.array([0, 1, 1]), np.array([3, 4, 3]))
    assert describe._against_votes(split, voters=7, classes=2) == 1


def test_votes_are_for_the_last_of_many_classes_and_only_a_majority_contradicts_a_label():
    labels, votes = np.array([0, 1, 2, 2, 0]), np.array([0, 1, 6, 3, 5])
    split = Split(np.zeros((5, 1, 1, 1), np.uint8), labels, votes)
    assert describe._against_votes(split, voters=7, classes=3) == 1


def test_cancelled_description_stops(told, monkeypatch):
    def cancel():
        raise Cancelled

    monkeypatch.setattr(told, "check_cancelled", cancel)
    with pytest.raises(Cancelled):
        described(told, dataset="digits")
    assert not told.pictures
