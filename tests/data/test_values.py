"""What of an image's values would be lost is told: bits of a level, pages, what transparency shows, one flat colour."""

import io
import struct
import zlib

import numpy as np
import pytest
from brought import added, folders, looked, png_of, zipped
from PIL import Image

from ddcore.data import images, own, preview
from ddcore.errors import DataRefused


def saved(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def problems(files):
    return {problem.rule: problem.text for problem in looked(zipped(files))[1].problems}


def deep(top, low=0, seed=0, form="PNG"):
    """A file of 16-bit grey noise from `low` up to `top`, both of which it holds."""
    levels = np.random.default_rng(seed).integers(low, top + 1, (16, 16)).astype(np.uint16)
    levels[0, :2] = low, top
    return saved(Image.fromarray(levels), form)


def camera(top, form="PNG"):
    """Two classes of six images; the brightest level is `top`."""
    return {f"{name}/{i}.{form.lower()}": deep(top // (2 - c), seed=6 * c + i, form=form)
            for c, name in enumerate(("thin", "thick")) for i in range(6)}


def suggested(files):
    return preview.suggested("tiles.zip", looked(zipped(files))[1])


def stored(root):
    return np.load(own.place(root) / "pets" / "images.npy")


def test_twelve_bits_of_sixteen_are_told_and_spread_so_that_no_level_is_lost(tmp_path):
    files = camera(3999)
    assert problems(files) == {
        "levels": "12 images have 16 bits a level and use 0 to 3,999 of 65,535: the upper 8 bits alone leave 16 of 256 "
                  "grey levels, so this range is spread over all 256, unless the upper 8 are chosen"
    }
    values = suggested(files)
    assert values["levels"] == "used"
    facts = added(files, tmp_path, **{**values, "name": "pets", "side": 16})
    assert facts.notes == ("of 16-bit levels 0 to 3,999 were spread over 0 to 255",)
    assert (stored(tmp_path).min(), stored(tmp_path).max()) == (0, 255)
    assert len(np.unique(stored(tmp_path))) > 200


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_range_is_that_of_all_images_so_that_a_dark_class_stays_dark(tmp_path, form):
    added(camera(400, form), tmp_path, levels="used", colour="grey")
    labels = np.load(own.place(tmp_path) / "pets" / "labels.npy")  # of thick, thin
    assert stored(tmp_path)[labels == 1].max() == 128  # 200 of 400
    assert stored(tmp_path)[labels == 0].max() == 255


def test_the_upper_eight_bits_are_kept_where_they_are_chosen_and_it_is_told(tmp_path):
    facts = added(camera(3999), tmp_path, levels="upper", colour="grey")
    assert facts.notes == ("of 16-bit levels 0 to 3,999 the upper 8 bits were kept, 0 to 15",)
    assert stored(tmp_path).max() == 15


def test_images_that_differ_in_their_lower_bits_alone_are_no_copies():
    assert "duplicate" not in problems(camera(200))


def test_all_sixteen_bits_are_told_with_their_range_and_keep_their_upper_eight(tmp_path):
    files = camera(65_535)
    assert "use 0 to 65,535 of 65,535: the upper 8 are kept" in problems(files)["levels"]
    assert "levels" not in suggested(files)
    assert added(files, tmp_path, colour="grey").notes == ()


def test_sixteen_bits_in_colour_are_told_and_what_to_do_where_their_range_is_narrow():
    def colour(top, seed):
        levels = np.random.default_rng(seed).integers(0, top + 1, (16, 16, 3)).astype(">u2")
        rows = b"".join(b"\0" + row.tobytes() for row in levels)
        header = struct.pack(">2L5B", 16, 16, 16, 2, 0, 0, 0)
        return png_of([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])

    told = problems({f"{c}/{i}.png": colour(4000, 6 * c + i) for c in range(2) for i in range(4)})["levels"]
    assert told.startswith("8 images have 16 bits a level in colour and use 0 to ")
    assert told.endswith("leave 16 of 256 grey levels; save the images with 8 bits, spread over all 256")
    told = problems({f"{c}/{i}.png": colour(65_535, 6 * c + i) for c in range(2) for i in range(4)})["levels"]
    assert told.endswith("of 65,535: the upper 8 are kept")


def test_levels_that_are_no_sixteen_bits_are_unreadable_with_what_to_do():
    wide = saved(Image.fromarray(np.full((16, 16), 70_000, np.int32)), "TIFF")
    why = looked(zipped({**folders(3, 0), "cat/x.tif": wide}))[1].unreadable["cat/x.tif"]
    assert why == "its levels, 70,000 to 70,000, are not those of 16 bits: save it with 8 or 16 bits"


def test_pages_are_told_and_that_the_first_is_kept(tmp_path):
    pages = [Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16), np.uint8)) for i in range(60)]
    files = {f"{c}/{i}.tif": saved(pages[30 * c + 5 * i], "TIFF", save_all=True,
                                   append_images=pages[30 * c + 5 * i + 1 : 30 * c + 5 * i + 4 + c])
             for c in range(2) for i in range(5)}
    assert problems(files)["pages"].startswith(
        "10 images have 4 to 5 pages, of which the first is kept; save others that you need as images of their own: 0/")
    facts = added(files, tmp_path, colour="grey")
    assert facts.notes == ("of 10 images with more than one page the first was kept",)


def strokes(ink, ground=0):
    """White or black lines on nothing: two classes of five images."""
    files = {}
    for c, name in enumerate(("line", "bar")):
        for i in range(5):
            levels = np.zeros((16, 16, 4), np.uint8)
            levels[..., :3] = ink
            levels[3 * i : 3 * i + 1 + c, :, 3] = 255
            files[f"{name}/{i}.png"] = saved(Image.fromarray(levels))
    return files


def test_white_strokes_on_nothing_are_told_and_drawn_on_black(tmp_path):
    files = strokes(255)
    told = problems(files)
    assert told["transparent"].startswith("10 images are of one flat colour on white, for all they show is "
                                          "transparency; on black it can be seen: bar/0.png")
    assert told["mode"] == "10 images have transparency: drawn on black, unless another ground is chosen"
    assert set(told) == {"transparent", "mode"}
    values = suggested(files)
    assert values["ground"] == "black"
    assert added(files, tmp_path, **{**values, "name": "pets", "side": 16}).notes == ()
    drawn = stored(tmp_path)
    assert all(image.min() == 0 and image.max() == 255 for image in drawn)


def test_black_strokes_on_nothing_are_drawn_on_white_as_ever(tmp_path):
    assert "transparent" not in suggested(strokes(0))
    assert "ground" not in suggested(strokes(0))
    assert problems(strokes(0))["transparent"].startswith("10 images are of one flat colour on black")


def test_white_behind_white_strokes_is_refused_for_what_it_is(tmp_path):
    facts = added(strokes(255), tmp_path, ground="white")
    assert facts.notes == ("10 images were of one flat colour",)


def test_image_of_one_flat_colour_is_called_that_and_no_copy():
    files = {**folders(4, 0), **{f"cat/flat{i}.png": saved(Image.new("RGB", (16, 16), "red")) for i in range(2)}}
    told = problems(files)
    assert told == {"flat": "2 images are of one flat colour, and copies where it is the same: cat/flat0.png, "
                            "cat/flat1.png"}


def test_set_of_flat_images_is_refused_with_that_reason(tmp_path):
    files = {f"{name}/{i}.png": saved(Image.new("L", (16, 16), "black")) for name in "ab" for i in range(6)}
    with pytest.raises(DataRefused, match=r"fewer than 2 training images are left .*12 images were of one flat colour"):
        added(files, tmp_path)


def test_transparency_of_grey_and_palette_images_is_told_too():
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8))
    for image in (grey, grey.convert("P")):
        told = problems({**folders(3, 0), "cat/x.png": saved(image, transparency=7)})
        assert "1 image has transparency: drawn on white" in told["mode"]
    assert "transparency" not in problems({**folders(3, 0), "cat/x.png": saved(grey.convert("P"))})["mode"]


def test_same_picture_in_other_ways_of_storing_it_is_a_copy_still():
    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))
    half = rgb.convert("RGBA")
    half.putalpha(Image.new("L", (16, 16), 128))
    names = {images.digest(images.opened(images.Entry(len(c), None, lambda c=c: c))) for c in
             (saved(rgb), saved(rgb.convert("RGBA")), saved(rgb, "TIFF", compression="tiff_lzw"), saved(rgb, "BMP"))}
    assert len(names) == 1
    on_white = Image.new("RGBA", (16, 16), "white")
    on_white.alpha_composite(half)
    two = [saved(half), saved(on_white.convert("RGB"))]
    assert len({images.digest(images.opened(images.Entry(len(c), None, lambda c=c: c))) for c in two}) == 1
