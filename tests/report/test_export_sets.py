"""A set as files: what other programs read is what was made."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from PIL import Image

from ddcore.report.export import sets
from ddcore.runs.images import Images

RNG = np.random.default_rng(0)
SET = Images(
    RNG.normal(size=(6, 1, 8, 8)).astype(np.float32), np.array([0, 0, 0, 1, 1, 1]), ("a cat/dog", "…"), (0.5,), (0.25,),
    RNG.normal(size=(6, 2)).astype(np.float32), 0.01,
)


def test_arrays_are_read_by_numpy_without_pickle() -> None:
    with np.load(io.BytesIO(sets.npz(SET)), allow_pickle=False) as read:
        arrays = {name: read[name] for name in read.files}
    assert {*arrays} == {"images", "labels", "classes", "mean", "std", "label_logits", "lr"}
    assert (arrays["images"] == SET.images).all()
    assert arrays["labels"].tolist() == [0, 0, 0, 1, 1, 1]
    assert arrays["classes"].tolist() == ["a cat/dog", "…"]
    assert (arrays["mean"].tolist(), arrays["std"].tolist(), round(float(arrays["lr"]), 4)) == ([0.5], [0.25], 0.01)


def test_every_image_is_a_picture_of_its_own_size_in_a_folder_of_its_class() -> None:
    with zipfile.ZipFile(io.BytesIO(sets.singles(SET))) as archive:
        names = archive.namelist()
        picture = np.asarray(Image.open(io.BytesIO(archive.read(names[4]))))
    assert names == [f"{folder}/{i:02d}.png" for folder in ("0-a_cat_dog", "1-_") for i in range(3)]
    expected = np.clip(np.rint(255 * (SET.images[4, 0] * 0.25 + 0.5)), 0, 255)
    assert picture.shape == (8, 8, 3)
    assert (picture[..., 0] == expected).all()


def test_one_picture_has_all_of_them() -> None:
    width, height = Image.open(io.BytesIO(sets.sheet(SET))).size
    assert (height, width > 3 * 48) == (2 * 50, True)
