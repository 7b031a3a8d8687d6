"""One picture in two sizes, or compressed anew, is found and told; pictures that are alike by nature are not."""

import io
import time
import tracemalloc

import numpy as np
import pytest
from brought import added, looked, zipped
from PIL import Image

from ddcore.data import lookalikes

RESAMPLING = Image.Resampling


def photo(seed, side=96):
    """Colours that run into one another, with the fine grain of a camera."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((side, side), RESAMPLING.BICUBIC)
    return Image.fromarray(np.clip(np.asarray(coarse) + draw.normal(0, 6, (side, side, 3)), 0, 255).astype(np.uint8))


def saved(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def found(pictures, others=None):
    signatures = [None if some is None else np.stack([lookalikes.signature(picture) for picture in some])
                  for some in (pictures, others)]
    return lookalikes.alike(*signatures)


def compressed(image, quality):
    return Image.open(io.BytesIO(saved(image, "JPEG", quality=quality)))


@pytest.mark.parametrize("way", [
    lambda image: image.resize((48, 48), RESAMPLING.BILINEAR),
    lambda image: image.resize((32, 32), RESAMPLING.LANCZOS),
    lambda image: image.resize((70, 70), RESAMPLING.BICUBIC),
    lambda image: image.resize((192, 192), RESAMPLING.BICUBIC),
    lambda image: compressed(image, 90),
    lambda image: compressed(image, 50),
    lambda image: compressed(image.resize((48, 48), RESAMPLING.LANCZOS), 75),
])
def test_picture_in_another_size_or_compressed_anew_looks_the_same(way):
    pictures = [photo(seed) for seed in range(40)]
    copies = [way(picture) for picture in pictures[::4]]
    assert found(copies, pictures) == [(i, 4 * i) for i in range(10)]
    assert found([*pictures, *copies]) == [(40 + i, 4 * i) for i in range(10)]


@pytest.mark.parametrize("way", [
    lambda levels: levels[:, ::-1],
    lambda levels: 255 - levels,
    lambda levels: np.roll(levels, 12, axis=0),
    lambda levels: levels[..., ::-1],
    lambda levels: np.where(np.arange(96)[:, None, None] < 32, 128, levels),
])
def test_picture_that_was_changed_for_the_eye_is_another_one(way):
    pictures = [photo(seed) for seed in range(8)]
    assert found([Image.fromarray(np.ascontiguousarray(way(np.asarray(p)).astype(np.uint8))) for p in pictures],
                 pictures) == []


def test_pale_pictures_and_flat_ones_look_like_nothing():
    pale = [Image.fromarray((200 + np.asarray(photo(seed)) // 24).astype(np.uint8)) for seed in range(30)]
    flat = [Image.new("RGB", (64, 64), (level, level, level)) for level in (0, 1, 254, 255)]
    assert found([*pale, *flat]) == []
    nothing = np.empty((0, 16, 16, 3), np.uint8)
    assert lookalikes.alike(nothing) == lookalikes.alike(nothing, nothing) == []


def test_many_pictures_take_less_memory_to_be_held_against_each_other_than_they_take_themselves():
    pictures = np.zeros((20_000, 16, 16, 3), np.uint8)
    pictures[19_000:19_002] = lookalikes.signature(photo(1))
    assert lookalikes.alike(pictures) == [(19_001, 19_000)]
    tracemalloc.start()
    lookalikes.alike(pictures)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < pictures.nbytes


def test_copies_that_a_machine_made_are_told_within_a_part_and_across_the_two(tmp_path):
    files = {f"{part}/{name}/{i}.png": saved(photo(100 * p + 10 * c + i)) for p, part in enumerate(("train", "test"))
             for c, name in enumerate(("cat", "dog")) for i in range(5)}
    small = photo(100 + 2).resize((48, 48), RESAMPLING.BILINEAR)  # of test/cat/2.png
    files |= {"train/cat/small.png": saved(small), "train/dog/again.jpg": saved(photo(13), "JPEG", quality=80)}
    told = {p.rule: p for p in looked(zipped(files))[1].problems}
    assert told["near leak"].text == ("1 image of the training part looks the same as one of the test part, saved in "
                                      "another size or compressed anew, and stays unless you take one of the two out "
                                      "first: train/cat/small.png and test/cat/2.png")
    assert told["near copy"].text == ("1 image looks the same as another one of the same part, saved in another size "
                                      "or compressed anew, and stays unless you take one of the two out first: "
                                      "train/dog/3.png and train/dog/again.jpg")
    assert not told["near leak"].stops
    assert {told["near leak"].text, told["near copy"].text} <= set(added(files, tmp_path).notes)


def test_copies_are_told_where_the_test_part_is_made_here_and_exact_ones_once():
    files = {f"{name}/{i}.png": saved(photo(10 * c + i)) for c, name in enumerate(("cat", "dog")) for i in range(5)}
    files |= {"cat/again.jpg": saved(photo(3), "JPEG", quality=80), "dog/exact.bmp": saved(photo(12), "BMP")}
    told = {p.rule: p.text for p in looked(zipped(files))[1].problems}
    assert set(told) == {"duplicate", "near copy"}
    assert told["near copy"].endswith("cat/3.png and cat/again.jpg")


def test_tiles_of_tissue_are_not_taken_for_one_another(histology):
    paths = sorted((histology / "MHIST" / "images").iterdir())
    tiles = [Image.open(path).convert("RGB") for path in paths]
    assert found(tiles) == []
    again = tiles[::40]
    assert found([compressed(tile.resize((112, 112), RESAMPLING.LANCZOS), 75) for tile in again], tiles) == [
        (i, 40 * i) for i in range(len(again))]


@pytest.mark.parametrize("way", [RESAMPLING.BOX, RESAMPLING.BILINEAR, RESAMPLING.HAMMING, RESAMPLING.BICUBIC,
                                 RESAMPLING.LANCZOS])
@pytest.mark.parametrize("side", [28, 64])
def test_small_tiles_are_found_at_half_their_size_by_their_pixels(histology, side, way):
    paths = sorted((histology / "MHIST" / "images").iterdir())[:120]
    tiles = [Image.open(path).convert("RGB").resize((side, side), RESAMPLING.LANCZOS) for path in paths]
    halves = [tile.resize((side // 2, side // 2), way) for tile in tiles]
    shown = [np.stack([lookalikes.signature(tile) for tile in some]) for some in (halves, tiles)]
    pairs = lookalikes.alike(*shown, lambda index, other: lookalikes.scaled(halves[index], tiles[other]))
    assert all(index == other for index, other in pairs)
    assert len(pairs) > 100


def test_small_picture_that_is_another_one_or_of_another_shape_is_no_scaled_one():
    tile = photo(3, 28)
    assert lookalikes.scaled(tile.resize((14, 14), RESAMPLING.BOX), tile)
    assert lookalikes.scaled(tile, tile.resize((14, 14), RESAMPLING.BOX))
    moved = Image.fromarray(np.roll(np.asarray(tile), 2, axis=1)).resize((14, 14), RESAMPLING.BOX)
    bright = np.asarray(tile.resize((14, 14), RESAMPLING.BOX)) // 2 + 64
    tile = Image.fromarray(np.asarray(tile) // 2 + 64)
    red = Image.fromarray((bright + np.round([20, 0, -20 * 0.299 / 0.114])).astype(np.uint8))  # as bright as it was
    others = [moved, red, tile.resize((14, 18), RESAMPLING.BOX), tile, photo(4, 14), Image.new("L", (14, 14), 90)]
    assert not any(lookalikes.scaled(other, tile) for other in others)


def test_small_copies_at_half_the_size_are_told_across_the_parts():
    tiles = [photo(seed, 28) for seed in range(24)]
    files = {f"{'train' if i < 12 else 'test'}/{'ab'[i % 2]}/{i}.png": saved(tile) for i, tile in enumerate(tiles)}
    files |= {"test/b/half.png": saved(tiles[0].resize((14, 14), RESAMPLING.BILINEAR))}
    told = {p.rule: p.text for p in looked(zipped(files))[1].problems}
    assert told["near leak"].endswith(": train/a/0.png and test/b/half.png")
    assert "near copy" not in told


@pytest.mark.slow  # 20,000 digits, twice
def test_halved_digits_are_found_and_none_is_taken_for_another(mnist_root):
    from ddcore.data import DATASETS

    train, _ = DATASETS["mnist"].read(mnist_root, 28)
    digits = [Image.fromarray(image[0]) for image in train.images[:20_000]]
    halves = [digit.resize((14, 14), RESAMPLING.BOX) for digit in digits]
    shown = [np.stack([lookalikes.signature(digit) for digit in some]) for some in (halves, digits)]
    pairs = lookalikes.alike(*shown, lambda index, other: lookalikes.scaled(halves[index], digits[other]))
    assert all(index == other for index, other in pairs)
    assert len(pairs) > 19_000


@pytest.mark.slow  # 20,000 digits
def test_digits_are_not_taken_for_one_another_and_twenty_thousand_are_soon_held_against_each_other(mnist_root):
    from ddcore.data import DATASETS

    train, _ = DATASETS["mnist"].read(mnist_root, 28)
    signatures = np.stack([lookalikes.signature(Image.fromarray(image[0])) for image in train.images[:20_000]])
    begun = time.process_time()
    assert lookalikes.alike(signatures) == []
    assert time.process_time() - begun < 30  # 4 s where it was measured
