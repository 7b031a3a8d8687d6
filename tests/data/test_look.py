import io
import time

import numpy as np
import pytest
from brought import folders, looked, picture, promised, table, written, zipped
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddcore.data import adding, preview
from ddcore.data.source import open_source
from ddcore.errors import DataRefused

GOOD = folders(3, 2)


def seen(files):
    return looked(zipped(files))[1]


def problem(files, rule):
    """The one problem of this rule that is found in the files."""
    (found,) = (p for p in seen(files).problems if p.rule == rule)
    return found


def saved(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def test_good_images_have_counts_sizes_modes_and_no_problem():
    found = seen(GOOD)
    assert found.counts == {"train": {"cat": 3, "dog": 3}, "test": {"cat": 2, "dog": 2}}
    assert found.sizes == {(16, 16): 10}
    assert found.modes == {"RGB": 10}
    assert (found.problems, found.stops, found.unreadable) == ((), False, {})
    assert found.readable == list(found.layout.rows)


def test_without_parts_all_images_are_counted_together():
    assert seen(folders(4, 0)).counts == {"all": {"cat": 4, "dog": 4}}


def test_progress_counts_every_image_from_the_calling_thread():
    told = []
    source, found = looked(zipped(GOOD))
    preview.look(source, found.layout, lambda done, total: told.append((done, total)))
    assert told == [(i, 10) for i in range(1, 11)]


def test_looking_that_is_broken_off_decodes_no_further(monkeypatch):
    source, found = looked(zipped(folders(60, 2)))
    begun = []
    monkeypatch.setattr(preview, "_fact", lambda source, path: begun.append(path) or time.sleep(0.01) or ("slow", None))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        preview.look(source, found.layout, stop)
    at_once = len(begun)
    time.sleep(0.05)
    assert len(begun) == at_once < len(found.layout.rows)
    assert caught.tb  # what keeps a generator alive that was not closed


def test_unreadable_images_stop_unless_they_are_skipped():
    found = seen({**GOOD, "train/cat/x.png": b"no", "train/cat/y.png": promised(60_000, 60_000)})
    assert set(found.unreadable) == {"train/cat/x.png", "train/cat/y.png"}
    assert "2 of 12 images cannot be read: train/cat/x.png: it is a text" in found.problems[0].text
    assert found.problems[0].stops
    assert not found.stops
    assert found.counts["train"]["cat"] == 3


@pytest.mark.parametrize(
    ("files", "rule", "text"),
    [
        (folders(3, 2, ("cat",)), "one class", "one class only, cat"),
        ({**GOOD, "train/owl/": b"", "test/owl/": b""}, "empty class", "no training image of class owl"),
        ({**GOOD, "test/owl/1.png": picture(50)}, "empty class", "no training image of class owl"),
        ({**folders(3, 1), "train/owl/1.png": picture(50), "train/owl/2.png": picture(51)}, "empty class",
         "no test image of class owl"),
        (folders(1, 1), "few", "too few training images of class cat, dog: at least 2 to train on"),
        (folders(2, 0), "few", "too few images of class cat, dog: at least 2 to train on and 1 to test on"),
    ],
)
def test_classes_that_cannot_be_told_apart_stop(files, rule, text):
    found = next(p for p in seen(files).problems if p.rule == rule)
    assert text in found.text
    assert found.stops
    assert seen(files).stops


def test_empty_class_folder_stops_without_parts_too():
    assert problem({**folders(3, 0), "owl/": b""}, "empty class").text == "no image of class owl"


def test_images_in_both_parts_are_named_with_both_paths():
    found = problem({**GOOD, "test/cat/copy.png": GOOD["train/cat/1.png"]}, "leak")
    assert found.text == ("1 image of the training part is in the test part too: train/cat/1.png and test/cat/copy.png")
    assert found.examples == ("train/cat/1.png", "test/cat/copy.png")
    assert not found.stops


def test_copy_is_known_by_its_pixels_in_whatever_file_format():
    pixels = Image.open(io.BytesIO(GOOD["train/cat/1.png"]))
    files = {**GOOD, "train/cat/copy.bmp": saved(pixels, "BMP"), "test/dog/copy.tif": saved(pixels, "TIFF")}
    assert problem(files, "duplicate").examples == ("train/cat/copy.bmp",)
    assert len(problem(files, "leak").examples) == 4
    assert "test/dog/copy.tif (dog) and train/cat/1.png (cat)" in problem(files, "two labels").text


def test_image_with_one_pixel_of_difference_is_no_copy_but_looks_the_same():
    other = np.array(Image.open(io.BytesIO(GOOD["train/cat/1.png"])))
    other[0, 0, 0] ^= 1
    told = seen({**GOOD, "test/cat/near.png": saved(Image.fromarray(other))}).problems
    assert [p.rule for p in told] == ["near leak"]


def test_plain_images_of_other_shapes_are_no_copies():
    files = {f"cat/{w}.png": saved(Image.new("RGB", (w, 64 // w), "red")) for w in (4, 8, 16)}
    assert "duplicate" not in {p.rule for p in seen({**files, **folders(3, 0)}).problems}


@pytest.mark.parametrize(
    ("image", "becomes"),
    [
        (Image.new("RGBA", (16, 16), (1, 2, 3, 0)), "transparency: drawn on white"),
        (Image.new("P", (16, 16)), "a palette"),
        (Image.new("1", (16, 16)), "two levels"),
    ],
)
def test_unusual_mode_says_what_becomes_of_it(image, becomes):
    found = problem({**GOOD, "train/cat/x.png": saved(image)}, "mode")
    assert found.text.startswith(f"1 image has {becomes}")
    assert found.examples == ("train/cat/x.png",)


def test_print_colours_and_floating_point_levels_are_told_of():
    assert "CMYK" in problem({**GOOD, "train/cat/x.tif": saved(Image.new("CMYK", (16, 16)), "TIFF")}, "mode").text
    found = seen({**GOOD, "train/cat/x.tif": saved(Image.new("F", (16, 16)), "TIFF")})
    assert "floating-point" in found.unreadable["train/cat/x.tif"]


def test_grey_among_coloured_images_is_told_by_content():
    grey = saved(Image.open(io.BytesIO(picture(9))).convert("L").convert("RGB"))
    assert "1 of 11 images are grey" in problem({**GOOD, "train/cat/x.png": grey}, "mixed colours").text


def test_shapes_and_unequal_sizes_and_other_files_are_told_of():
    files = {
        **GOOD,
        "train/cat/wide.png": picture(8, (30, 20)),
        "train/cat/big.png": picture(9, (80, 80)),
        "a.txt": b"",
    }
    assert problem(files, "not square").examples == ("train/cat/wide.png",)
    assert "from 16 to 80 pixels" in problem(files, "unequal sizes").text
    assert problem(files, "ignored").text == "1 other file or folder will not be read: a.txt"


def test_images_of_other_formats_are_told_apart_from_other_files_with_what_to_do(tmp_path):
    files = {**folders(4, 0), "cat/a.webp": b"", "cat/b.WEBP": b"", "dog/c.heic": b"", "plan.docx": b""}
    told = {p.rule: p.text for p in looked(written(files, tmp_path))[1].problems}
    assert told["ignored"] == "1 other file or folder will not be read: plan.docx"
    texts = [p.text for p in looked(tmp_path)[1].problems if p.rule == "format"]
    assert texts == ["2 .webp files will not be read, save them as PNG or JPEG: cat/a.webp, cat/b.WEBP",
                     "1 .heic file will not be read, save it as PNG or JPEG: dog/c.heic"]
    assert all(text in adding._plan(looked(tmp_path)[1], adding.AddConfig()).notes for text in texts)


def test_problems_that_stop_come_first():
    files = {**folders(1, 1), "a.txt": b"", "train/cat/wide.png": picture(8, (30, 20))}
    stops = [p.stops for p in seen(files).problems]
    assert stops == sorted(stops, reverse=True)
    assert set(stops) == {True, False}


@pytest.mark.parametrize(
    ("name", "size", "mode", "expected"),
    [
        ("My Tiles (2).zip", 70, "RGB", {"name": "my-tiles-2", "side": 64, "colour": "rgb"}),
        ("2024.zip", 28, "L", {"name": "my-data", "side": 28, "colour": "grey"}),
        ("a" * 50, 20, "RGB", {"name": "a" * 32, "side": 20, "colour": "rgb"}),
        ("tiles", 600, "L", {"name": "tiles", "side": 128, "colour": "grey"}),
        ("x.zip", 4, "RGB", {"name": "my-data", "side": 8, "colour": "rgb"}),
    ],
)
def test_suggested_values_fit_the_images(name, size, mode, expected):
    files = {f"{c}/{i}.png": picture(i + 5 * c, (size, size + 9), mode) for c in range(2) for i in range(3)}
    source, found = looked(zipped(files), name)
    assert preview.suggested(source.name, found) == expected
    assert preview.suggested(source.name, found, most=64)["side"] == min(64, expected["side"])
    adding.AddConfig.build(expected)


@given(st.text(max_size=60))
def test_suggested_name_is_always_allowed(name):
    source = open_source(zipped({"a/1.png": b"x"}), name)
    empty = preview.look(source, preview.Layout("folders", ("a",), ()))
    assert adding.name_problems(preview.suggested(source.name, empty)["name"]) == []


def test_examples_are_the_first_readable_images_as_they_would_be_stored():
    source, found = looked(zipped({**GOOD, "test/cat/-.png": b"no"}))
    shown = preview.examples(source, found, classes=20, each=2, side=8, colour="grey", fit="crop")
    assert {name: [image.shape for image in some] for name, some in shown.items()} == {
        "cat": [(1, 8, 8)] * 2, "dog": [(1, 8, 8)] * 2,
    }
    first = next(row.path for row in found.readable if row.label == 1)
    assert (shown["dog"][0] == preview.stored(source, first, 8, "grey", "crop")[0]).all()


def test_examples_are_of_the_first_classes_only_and_never_larger_than_a_page_shows_them(monkeypatch):
    files = {f"{c}/{i}.png": picture(3 * c + i, (300, 300)) for c in range(4) for i in range(3)}
    source, found = looked(zipped({**files, "1/a.png": b"no"}))
    opened, stored = [], preview.stored
    monkeypatch.setattr(preview, "stored", lambda at, path, *rest: opened.append(path) or stored(at, path, *rest))
    shown = preview.examples(source, found, classes=2, each=2, side=512, colour="rgb", fit="crop")
    assert {name: [image.shape for image in some] for name, some in shown.items()} == {
        "0": [(3, 96, 96)] * 2, "1": [(3, 96, 96)] * 2,
    }
    assert sorted(opened) == ["0/0.png", "0/1.png", "1/0.png", "1/1.png"]


def test_votes_of_a_table_reach_the_preview():
    files = {f"{i}.png": picture(i) for i in range(6)}
    lines = [f"{i}.png,{'ab'[i % 2]},{i % 2 * 5}" for i in range(6)]
    header = "image,label,Number of Annotators who Selected b (Out of 5)"
    assert seen({**files, "l.csv": table(lines, header)}).layout.voters == 5


def test_more_pixels_in_all_than_anybody_waits_for_are_refused_on_the_way(monkeypatch):
    monkeypatch.setattr(preview, "MAX_PIXELS", 3 * 16 * 16)
    with pytest.raises(
        DataRefused, match=r"the first 4 images of tiles\.zip already have 1,024 pixels, allowed are 768"
    ):
        seen(GOOD)
    monkeypatch.setattr(preview, "MAX_PIXELS", 10 * 16 * 16)
    assert seen(GOOD).sizes == {(16, 16): 10}


def test_a_photograph_is_turned_as_the_camera_was_held():
    image = Image.new("RGB", (24, 16), "white")
    image.paste((0, 0, 0), (0, 0, 12, 16))  # dark on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    turned = saved(image, "JPEG", quality=100, exif=exif)
    source, found = looked(zipped({**GOOD, "train/cat/photo.jpg": turned}))
    assert (found.facts["train/cat/photo.jpg"].width, found.facts["train/cat/photo.jpg"].height) == (16, 24)
    pixels, _ = preview.stored(source, "train/cat/photo.jpg", 8, "grey", "stretch")
    assert pixels[0, :3].max() < 60  # the dark side is on top now
    assert pixels[0, 5:].min() > 200
