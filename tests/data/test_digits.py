import importlib.util
from pathlib import Path

import numpy as np
import pytest

from ddcore.data import digits
from ddcore.errors import DataMissing


def test_images_are_those_of_scikit_learn_on_the_scale_of_bytes():
    from sklearn.datasets import load_digits

    theirs = load_digits()
    train, test = digits.read(Path(), 8)
    ours = np.concatenate([train.images, test.images])[:, 0]
    assert sorted(map(bytes, ours)) == sorted(map(bytes, np.rint(theirs.images * 255 / 16).astype(np.uint8)))
    assert ours.max() == 255
    assert (np.bincount(np.concatenate([train.labels, test.labels])) == np.bincount(theirs.target)).all()


def test_reading_the_shipped_file_gives_what_the_import_gives(monkeypatch):
    from_file = digits._table()
    monkeypatch.setattr(Path, "is_file", lambda self: False)
    assert (from_file == digits._table()).all()


def test_a_fifth_of_each_class_is_the_test_part():
    train, test = digits.read(Path(), 8)
    assert (len(train), len(test)) == (1438, 359)
    assert train.images.shape == (1438, 1, 8, 8)
    per_class = np.bincount(train.labels) + np.bincount(test.labels)
    assert (abs(np.bincount(test.labels) - per_class / 5) < 1).all()


def test_missing_scikit_learn_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert digits.check(Path()).state == "missing"
    with pytest.raises(DataMissing, match="scikit-learn"):
        digits.read(Path(), 8)
