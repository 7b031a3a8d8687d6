"""What lies beside the pixels of an image file decides over none; its orientation is read, its pages counted."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ddcore.data import images, metadata

WIDE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (8, 16, 3), dtype=np.uint8))
HEAD = b"II*\0\x08\0\0\0"
TURNED = struct.pack("<HHLL", 0x0112, 3, 1, 6)  # the camera was held a quarter to the left


def saved(image=WIDE, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def opened(content):
    return images.opened(images.Entry(len(content), None, lambda: content))


def pixels(content):
    return np.asarray(images.plain(opened(content)))


def tag(number, kind, count, value):
    return struct.pack("<HHL", number, kind, count) + (value if isinstance(value, bytes) else struct.pack("<L", value))


def directory(*tags):
    return struct.pack("<H", len(tags)) + b"".join(tags) + bytes(4)


def photograph(exif, head=b"Exif\0\0"):
    """A JPEG with these bytes as its EXIF."""
    plain, segment = saved(form="JPEG", quality=95), head + exif
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]


@pytest.mark.parametrize(("exif", "turned"), [
    (HEAD + directory(TURNED), True),
    (b"Exif\0\0" + HEAD + directory(TURNED), True),
    (HEAD + directory(TURNED, tag(0x0112, 3, 1, 1)), True),
    (HEAD + directory(tag(0x0112, 3, 2, struct.pack("<2H", 6, 6))), True),
    (HEAD + directory(tag(0x0112, 4, 1, 6)), True),
    (HEAD + directory(TURNED, tag(0x8769, 9, 1, struct.pack("<l", -5))), True),
    (HEAD + directory(TURNED, tag(0x010F, 5, 1, 60)) + bytes(30) + struct.pack("<2L", 1, 0), True),
    (HEAD + directory(TURNED, tag(0x0111, 2, 2, b"a\0\0\0"), tag(0x0202, 2, 2, b"1\0\0\0")), True),
    (HEAD + directory(TURNED, tag(0x010F, 77, 1, 3)), True),
    (HEAD + directory(TURNED, tag(0x8769, 4, 1, 8)), True),
    (HEAD + directory(tag(0x0112, 2, 2, b"6\0\0\0")), False),
    (HEAD + directory(tag(0x0112, 3, 1, 9)), False),
    (HEAD + directory(tag(0x0112, 3, 0, 6)), False),
    (HEAD + struct.pack("<H", 60_000), False),
    (HEAD[:5], False),
    (b"", False),
    (b"what is this", False),
])
def test_photograph_is_turned_where_its_exif_says_so_and_read_whatever_else_is_in_there(exif, turned):
    upright = pixels(saved(form="JPEG", quality=95))
    assert (pixels(photograph(exif)) == (np.rot90(upright, -1) if turned else upright)).all()


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_each_way_of_holding_a_camera_is_turned_upright(form, value):
    exif = Image.Exif()
    exif[0x0112] = value
    square = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
              5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1),
              7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: np.rot90}[value]
    options = {"tiffinfo": {0x0112: value}} if form == "TIFF" else {"exif": exif}
    assert (pixels(saved(form=form, **options)) == square(pixels(saved(form=form)))).all()


def test_orientation_is_read_of_imagemagicks_text_and_of_xmp_too():
    text = PngImagePlugin.PngInfo()
    exif = b"Exif\0\0" + HEAD + directory(TURNED)
    text.add_text("Raw profile type exif", f"\nexif\n{len(exif):8}\n{exif.hex()}\n", zip=True)
    xmp = PngImagePlugin.PngInfo()
    xmp.add_itxt("XML:com.adobe.xmp", '<rdf tiff:Orientation="6"/>')
    for told in (text, xmp):
        assert pixels(saved(pnginfo=told)).shape == (16, 8, 3)
    assert pixels(photograph(b'<rdf tiff:Orientation="6"/>', b"http://ns.adobe.com/xap/1.0/\0")).shape == (16, 8, 3)


def test_texts_and_profiles_of_any_size_leave_the_pixels_of_a_png_alone():
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "z" * 2_000_000, zip=True)
    for options in ({"pnginfo": text}, {"icc_profile": bytes(3_000_000)}):
        assert (pixels(saved(**options)) == np.asarray(WIDE)).all()


def test_blocks_that_are_no_pixels_may_be_damaged():
    plain = saved()
    wrong = struct.pack(">L", 4) + b"tEXtab\0c" + struct.pack(">L", 1)  # not its sum
    assert (pixels(plain[:33] + wrong + plain[33:]) == np.asarray(WIDE)).all()


def test_transparency_and_palette_are_pixels():
    image = WIDE.convert("P")
    shown = saved(image, transparency=int(np.asarray(image)[0, 0]))
    assert opened(shown).has_transparency_data
    assert (pixels(shown)[0, 0] == 255).all()


def test_tags_that_are_no_pixels_may_say_anything_in_a_tiff():
    content = bytearray(saved(form="TIFF", tiffinfo={270: "a long note on this image", 305: "a program"}))
    (at,) = struct.unpack_from("<L", content, 4)
    for i in range(struct.unpack_from("<H", content, at)[0]):
        place = at + 2 + 12 * i
        if struct.unpack_from("<H", content, place)[0] in (270, 305):
            struct.pack_into("<HLL", content, place + 2, 9, 2**30, 2**32 - 7)
    assert (pixels(bytes(content)) == np.asarray(WIDE)).all()


@pytest.mark.parametrize(("content", "pages"), [
    (saved(), 1),
    (saved(form="TIFF"), 1),
    (saved(form="TIFF", save_all=True, append_images=[WIDE] * 4), 5),
    (saved(save_all=True, append_images=[WIDE.rotate(180), WIDE]), 3),
    (saved(form="MPO", save_all=True, append_images=[WIDE.resize((4, 2))]), 1),  # a preview beside the photograph
])
def test_pages_are_counted_and_the_first_is_what_is_read(content, pages):
    assert opened(content).info["pages"] == pages
    assert pixels(content).shape == (8, 16, 3)


def test_smaller_copies_in_a_microscopes_tiff_are_no_pages():
    pages = [saved(form="TIFF", tiffinfo={254: kind}) for kind in (0, 1)]
    content = bytearray(saved(form="TIFF", save_all=True, append_images=[WIDE]))
    assert metadata.bare(bytes(content)).pages == 2
    (at,) = struct.unpack_from("<L", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    (second,) = struct.unpack_from("<L", content, at + 2 + 12 * count)
    struct.pack_into("<HHLL", content, second + 2, 254, 4, 1, 1)
    assert metadata.bare(bytes(content)).pages == 1
    assert {metadata.bare(page).pages for page in pages} == {1}


def test_directories_that_lead_to_one_another_end():
    content = bytearray(saved(form="TIFF"))
    (at,) = struct.unpack_from("<L", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    struct.pack_into("<L", content, at + 2 + 12 * count, at)
    assert metadata.bare(bytes(content)).pages == 2


def test_tag_of_millions_of_values_is_refused_before_anything_is_made_of_them():
    content = bytearray(saved(form="TIFF"))
    (at,) = struct.unpack_from("<L", content, 4)
    for i in range(struct.unpack_from("<H", content, at)[0]):
        if struct.unpack_from("<H", content, at + 2 + 12 * i)[0] == 273:
            struct.pack_into("<L", content, at + 2 + 12 * i + 4, 2**24)
    with pytest.raises(images.Unreadable, match="a tag of 16,777,216 values, allowed are 1,048,576"):
        opened(bytes(content))


def test_jpeg_of_more_scans_than_anybody_writes_is_unreadable():
    content = saved(form="JPEG")
    scan = content.index(b"\xff\xda")
    bomb = content[:-2] + content[scan:-2] * 100 + content[-2:]
    with pytest.raises(images.Unreadable, match="stored in 101 scans, allowed are 100"):
        opened(bomb)


def test_whatever_a_decoder_raises_makes_the_image_unreadable_and_our_own_errors_go_on(monkeypatch):
    class Wild(BaseException):
        pass

    def raising(error):
        def load(self):
            raise error
        return load

    image = opened(saved())
    for error in (AttributeError("no attribute"), KeyError("x"), RecursionError(), SystemError(""), MemoryError()):
        monkeypatch.setattr(type(image), "load", raising(error))
        with pytest.raises(images.Unreadable) as caught, images.turn(image):
            images.plain(image)
        assert str(caught.value)
    monkeypatch.setattr(type(image), "load", raising(Wild()))
    with pytest.raises(Wild), images.turn(image):
        images.plain(image)


def test_depth_is_told_of_each_format():
    deep = Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000)
    assert [opened(saved(deep, form)).info["depth"] for form in ("PNG", "TIFF")] == [16, 16]
    assert [opened(saved(form=form)).info["depth"] for form in ("PNG", "TIFF", "JPEG")] == [8, 8, 8]


def test_imagemagicks_text_that_is_a_bomb_is_not_unpacked():
    body = b"Raw profile type exif\0\0" + zlib.compress(b"0" * 50_000_000)
    chunk = struct.pack(">L", len(body)) + b"zTXt" + body + struct.pack(">L", zlib.crc32(b"zTXt" + body))
    plain = saved()
    assert (pixels(plain[:33] + chunk + plain[33:]) == np.asarray(WIDE)).all()
