import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from ddcore.data import images
from ddcore.errors import DataBroken


def png(side=8, mode="RGB", value=100):
    stream = io.BytesIO()
    Image.new(mode, (side, side), value if mode == "L" else (value,) * len(mode)).save(stream, "PNG")
    return stream.getvalue()


def entry(content):
    return images.Entry(len(content), zlib.crc32(content), lambda: content)


@pytest.mark.parametrize(
    "name", ["../a.png", "/etc/passwd", "a/b.png", "a\\b.png", "C:a.png", "..", ".", "", "a\0.png"]
)
def test_names_that_leave_the_folder_are_not_plain(name):
    assert not images.is_plain_name(name)


def test_folder_gives_the_sizes_and_sums_that_a_zip_of_it_gives(tmp_path):
    contents = {"a.png": png(), "b.png": png(value=7)}
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
            archive.writestr(f"images/{name}", content)
    loose = images.in_folder(tmp_path, contents, tmp_path / "memo.json")
    packed = images.in_zip(tmp_path / "all.zip", contents)
    for name, content in contents.items():
        assert (loose[name].size, loose[name].crc) == (packed[name].size, packed[name].crc)
        assert loose[name].read() == packed[name].read() == content


def test_sums_of_a_folder_are_taken_once_and_again_for_a_changed_file(tmp_path, monkeypatch):
    taken = []
    take = images._crc
    monkeypatch.setattr(images, "_crc", lambda path: taken.append(path.name) or take(path))
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(png())
    first = images.in_folder(tmp_path, ["a.png", "b.png"], tmp_path / "memo.json")
    images.in_folder(tmp_path, ["a.png", "b.png"], tmp_path / "memo.json")
    assert taken == ["a.png", "b.png"]
    (tmp_path / "b.png").write_bytes(png(value=3))
    changed = images.in_folder(tmp_path, ["a.png", "b.png"], tmp_path / "memo.json")
    assert taken == ["a.png", "b.png", "b.png"]
    assert changed["a.png"].crc == first["a.png"].crc
    assert changed["b.png"].crc != first["b.png"].crc


@pytest.mark.parametrize("memo", [b"", b"[1]", b'{"a.png": 3}', b"\xff"])
def test_damaged_memo_is_made_again(tmp_path, memo):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "memo.json").write_bytes(memo)
    assert images.in_folder(tmp_path, ["a.png"], tmp_path / "memo.json")["a.png"].crc == zlib.crc32(png())


def test_zip_is_read_for_listed_names_only_and_nothing_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("../../outside.png", png())
        archive.writestr("__MACOSX/images/a.png", b"resource fork")
        archive.writestr("images/a.png", png())
    found = images.in_zip(tmp_path / "all.zip", ["a.png"])
    assert list(found) == ["a.png"]
    assert found["a.png"].read() == png()
    assert [p.name for p in tmp_path.rglob("*")] == ["all.zip"]


def test_zip_with_a_name_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("images/a.png", png())
        archive.writestr("more/a.png", png())
    with pytest.raises(DataBroken, match=r"a\.png more than once"):
        images.in_zip(tmp_path / "all.zip", ["a.png"])


@pytest.mark.parametrize("content", [b"", b"not a zip"])
def test_file_that_is_no_zip_is_broken(tmp_path, content):
    (tmp_path / "all.zip").write_bytes(content)
    with pytest.raises(DataBroken, match=r"all\.zip cannot be read as a zip archive"):
        images.in_zip(tmp_path / "all.zip", ["a.png"])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_every_mode_becomes_three_channels(tmp_path, mode):
    out = images.decode([("a.png", entry(png(mode=mode)))], 8, tmp_path)
    assert out.shape == (1, 3, 8, 8)
    assert (out == 100).all()


def test_shrinking_averages_instead_of_skipping_pixels(tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200  # skipping pixels would give all 0 or all 200
    stream = io.BytesIO()
    Image.fromarray(stripes).save(stream, "PNG")
    out = images.decode([("a.png", entry(stream.getvalue()))], 8, tmp_path)
    assert abs(out.astype(int) - 100).max() <= 13


def wide():
    stream = io.BytesIO()
    Image.new("RGB", (8, 4)).save(stream, "PNG")
    return stream.getvalue()


def bomb():
    """A valid PNG head that promises 30,000 × 30,000 pixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0" * 20


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "a.png: it is empty (0 bytes)"),
        (b"GIF89a" + b"\0" * 50, "a.png: it is a GIF, save it as PNG"),
        (png(64)[:60], "a.png: "),
        (wide(), "8×4 pixels, must be square"),
        (bomb(), "a.png: "),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_unreadable_image_is_named_with_its_problem(tmp_path, content, problem):
    with pytest.raises(DataBroken, match=r"a\.png") as caught:
        images.decode([("a.png", entry(content))], 8, tmp_path)
    assert problem in str(caught.value)


def test_oversized_file_is_refused_unread(tmp_path):
    huge = images.Entry(images.MAX_FILE_BYTES + 1, 0, lambda: pytest.fail("was read"))
    with pytest.raises(DataBroken, match="allowed are"):
        images.decode([("a.png", huge)], 8, tmp_path)


def test_many_problems_are_counted_and_the_first_few_named(tmp_path):
    with pytest.raises(DataBroken) as caught:
        images.decode([(f"{i}.png", entry(b"")) for i in range(9)], 8, tmp_path)
    assert "9 problems" in str(caught.value)
    assert "0.png" in str(caught.value)
    assert "4 more" in str(caught.value)
    assert "8.png" not in str(caught.value)


def test_damage_inside_a_zip_names_the_image(tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", png(32))
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    found = images.in_zip(path, ["a.png"])
    with pytest.raises(DataBroken, match=r"a\.png: Bad CRC"):
        images.decode([*found.items()], 8, path)


def loaded(content):
    return images.plain(images.opened(entry(content)))


def test_sixteen_bits_keep_their_upper_eight():
    stream = io.BytesIO()
    Image.fromarray(np.array([[0, 255], [256, 65_535]], np.uint16)).save(stream, "PNG")
    assert np.asarray(loaded(stream.getvalue())).tolist() == [[0, 0], [1, 255]]


def test_transparent_pixels_are_drawn_on_white():
    stream = io.BytesIO()
    Image.fromarray(np.array([[[9, 8, 7, 0], [9, 8, 7, 255]]], np.uint8)).save(stream, "PNG")
    assert np.asarray(loaded(stream.getvalue())).tolist() == [[[255, 255, 255], [9, 8, 7]]]


@pytest.mark.parametrize(("fit", "expected"), [("crop", [[20, 30]]), ("stretch", [[17, 33]])])
def test_image_that_is_not_square_is_cropped_to_its_centre_or_stretched(fit, expected):
    bars = np.repeat(np.array([[10, 20, 30, 40]], np.uint8), 2, axis=0)
    out = images.fitted(Image.fromarray(bars), 2, "grey", fit)
    assert out.shape == (1, 2, 2)
    assert abs(out[0, :1].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_grey_image_keeps_its_levels_in_either_colour(colour):
    levels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    assert (images.fitted(Image.fromarray(levels), 8, colour, "crop") == levels).all()


def tiff(width=64, length=64, magic=42, hidden=None):
    """A black TIFF of 32×32 in one deflated tile; hidden: a tag before that of the width, which PIL looks past."""
    packed = zlib.compress(bytes(64 * 64 * 3))
    tags = [(256, 4, 32), (257, 4, 32), (258, 3, 8), (259, 3, 8), (262, 3, 2), (277, 3, 3),
            (322, 4, width), (323, 4, length), (324, 4, 16), (325, 4, len(packed))]
    tags[6:6] = [hidden] if hidden else []
    head = struct.pack("<2sHLQ", b"II", magic, 16 + len(packed), 16_384)
    return head + packed + struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHLL", tag, kind, 1, value) for tag, kind, value in tags
    ) + bytes(4)


def test_tile_larger_than_its_image_is_read():
    assert np.asarray(loaded(tiff())).shape == (32, 32, 3)
    assert images.opened(entry(tiff(1024, 1024))).size == (32, 32)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (tiff(16_384, 16_384), "32×32 pixels in tiles of 268,435,456, allowed are 1,048,576"),
        (tiff(hidden=(322, 17, 8)), "its tiles are measured in a way that the standard does not allow"),
        (tiff(hidden=(322, 4, 2**30)), "in tiles of 68,719,476,736"),
        (tiff(magic=43), "a BigTIFF"),
        (struct.pack("<2sHLH", b"II", 42, 8, 5000), "5,000 tags, allowed are 4,096"),
        (b"II*\0\xff\xff\xff\xff", "unpack requires"),
    ],
)
def test_tiff_that_unfolds_to_far_more_than_its_image_is_unreadable(content, problem):
    with pytest.raises(images.Unreadable, match=problem):
        images.opened(entry(content))


def test_tiff_waits_its_turn_as_long_as_its_largest_tile_would(monkeypatch):
    monkeypatch.setattr(images, "LARGE_PIXELS", 3000)
    for content, waits in ((tiff(), True), (png(32), False)):
        with images.turn(images.opened(entry(content))):
            assert images._large.locked() == waits


def test_large_images_unfold_one_at_a_time(monkeypatch):
    monkeypatch.setattr(images, "LARGE_PIXELS", 3)
    with images.turn(Image.new("L", (2, 2))):
        assert images._large.locked()
        with images.turn(Image.new("L", (1, 1))):
            pass
    assert not images._large.locked()
