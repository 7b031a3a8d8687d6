from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ddcore.ops import pictures


def test_denormalising_gives_back_the_pixels_and_clips_the_rest() -> None:
    images = np.array([[[[-1.0, 1.0, 9.0]]]], dtype=np.float32)
    shown = pictures.denormalise(images, mean=(0.5,), std=(0.5,))
    assert shown.shape == (1, 1, 3, 3)
    assert shown[0, 0, :, 0].tolist() == [0, 255, 255]


def open_grid(per_class: int) -> Image.Image:
    images = np.stack([np.full((1, 8, 8), value, np.float32) for value in (0.0, 1.0, 0.5, 0.5)])
    png = pictures.grid(images, np.array([1, 0, 1, 1]), ("no", "yes"), (0.0,), (1.0,), per_class=per_class, columns=2)
    return Image.open(io.BytesIO(png))


def test_rows_follow_the_classes_and_images_are_enlarged_without_smoothing() -> None:
    picture = open_grid(per_class=1)
    colours = {c for _, c in picture.getcolors(10_000) or [] if c[3] == 255 and len(set(c[:3])) == 1}
    assert colours >= {(255, 255, 255, 255), (0, 0, 0, 255)}
    column = picture.width - 20
    assert picture.getpixel((column, 10))[0] == 255  # class "no" holds the white image
    assert picture.getpixel((column, picture.height - 15))[0] == 0


def test_a_class_with_more_images_than_columns_takes_more_rows() -> None:
    assert open_grid(per_class=3).height > open_grid(per_class=2).height
