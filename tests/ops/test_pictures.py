from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ddcore.ops import pictures


def test_denormalising_gives_back_the_pixels_and_clips_the_rest() -> None:
    images = np.array([[[[-1.0, 1.0, 9.0]]]], dtype=np.float32)
    shown = pictures.denormalise(images, mean=(0.4,), std=(0.2,))
    assert shown.shape == (1, 1, 3, 3)
    assert shown[0, 0, :, 0].tolist() == [51, 153, 255]


def test_each_channel_is_denormalised_with_its_own_mean_and_std() -> None:
    images = np.array([[[[1.0]], [[-1.0]], [[2.0]]]], dtype=np.float32)  # 0.2 + 0.4, 0.6 − 0.2, 0 + 2·0.1
    assert pictures.denormalise(images, (0.2, 0.6, 0.0), (0.4, 0.2, 0.1))[0, 0, 0].tolist() == [153, 102, 51]


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


def test_signed_numbers_run_from_blue_over_white_to_orange_and_no_further() -> None:
    colours = pictures.signed(np.array([-9.0, -2.0, 0.0, 1.0, 2.0]), most=2.0)
    assert colours.tolist() == [[0, 114, 178], [0, 114, 178], [255, 255, 255], [234, 174, 128], [213, 94, 0]]


def test_large_images_are_made_smaller_only_where_that_is_asked_for() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    assert pictures.enlarged(image, 24).shape == (100, 100, 3)
    assert pictures.enlarged(image, 24, shrink=True).shape == (25, 25, 3)
    assert pictures.enlarged(image[:10, :10], 24, shrink=True).shape == (30, 30, 3)


def test_the_shape_of_a_sheet_does_not_depend_on_the_size_of_its_images() -> None:
    sheets = [
        Image.open(io.BytesIO(pictures.sheet([("a class", [np.zeros((side, side, 3), np.uint8)])] * 3, 4)))
        for side in (8, 20, 28, 33, 224)
    ]
    assert len({sheet.width / sheet.height for sheet in sheets}) == 1


def test_names_stand_on_a_plate_of_their_own_that_makes_them_legible_on_any_page() -> None:
    white = np.full((48, 48, 3), 255, np.uint8)
    picture = Image.open(io.BytesIO(pictures.sheet([("7", [white]), ("", [white])], 1)))
    step = picture.height // 2
    plate = np.asarray(picture)[6 : step - 8, 6 : picture.width - step - 6]
    assert (plate[..., 3] == 255).all()
    assert contrast(plate[0, 0], plate.reshape(-1, 4)[plate[..., :3].sum(-1).argmax()]) > 7
    assert not np.asarray(picture)[step:, : picture.width - step - 4].any()


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Of two colours, by WCAG 2.2."""
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (one[:3] / 255, other[:3] / 255)]
    light, dark = sorted((float(c @ [0.2126, 0.7152, 0.0722]) for c in linear), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_a_row_without_images_keeps_its_place() -> None:
    white = np.full((48, 48, 3), 255, np.uint8)
    picture = Image.open(io.BytesIO(pictures.sheet([("a", []), ("b", [white])], 1)))
    assert picture.getpixel((picture.width - 20, picture.height // 4))[3] == 0  # type: ignore[index]
    assert picture.getpixel((picture.width - 20, 3 * picture.height // 4)) == (255, 255, 255, 255)


def test_a_sheet_can_be_stored_with_a_loss_in_less_room() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
    exact, lossy = (pictures.sheet([("a", noise)], 20, stored=stored) for stored in ("small", "lossy"))
    assert len(lossy) < len(exact)
    one, other = Image.open(io.BytesIO(exact)), Image.open(io.BytesIO(lossy))
    assert (one.format, other.format) == ("PNG", "WEBP")
    assert one.size == other.size


def test_a_picture_that_is_kept_is_smaller_than_one_that_is_drawn_to_be_looked_at() -> None:
    waves = np.sin(np.arange(20 * 32 * 32) / 40).reshape(20, 1, 32, 32).astype(np.float32)
    kept = pictures.grid(waves, np.repeat([0, 1], 10), ("a", "b"), (0.5,), (0.5,))
    shown = pictures.denormalise(waves, (0.5,), (0.5,))
    small, quick = (
        pictures.sheet([("a", shown[:10]), ("b", shown[10:])], 10, stored=how) for how in ("small", "quickly")
    )
    assert kept == small
    assert len(small) < 0.9 * len(quick)
    one, other = (np.asarray(Image.open(io.BytesIO(png))) for png in (small, quick))
    assert np.array_equal(one, other)


def test_rows_can_stand_side_by_side_each_with_its_name() -> None:
    white = np.full((48, 48, 3), 255, np.uint8)
    rows = [(name, [white // 3 * number]) for number, name in enumerate("abc")]
    one_row = Image.open(io.BytesIO(pictures.sheet(rows[:1], 1)))
    picture = Image.open(io.BytesIO(pictures.sheet(rows, 1, across=2)))
    assert picture.size == (2 * one_row.width, 2 * one_row.height)
    wide, high = one_row.size
    seen = [picture.getpixel((wide * (c + 1) - 20, high * r + 20)) for r, c in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert seen == [(0, 0, 0, 255), (85, 85, 85, 255), (170, 170, 170, 255), (0, 0, 0, 0)]
    names = np.asarray(picture)[:, wide : wide + 20, 3]
    assert names[:high].any()  # that of the second row
    assert not names[high:].any()
