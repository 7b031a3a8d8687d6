"""A file is told by its first bytes: what it is, and what to do."""

import io
import struct

import pytest
from PIL import Image

from ddcore.data import formats, images


def saved(form):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, form)
    return stream.getvalue()


def reason(content):
    with pytest.raises(images.Unreadable) as caught:
        images.opened(images.Entry(len(content), None, lambda: content))
    return str(caught.value)


@pytest.mark.parametrize("form", formats.READ)
def test_what_is_read_is_known_by_its_first_bytes(form):
    assert formats.decoded(saved(form)) == form


@pytest.mark.parametrize(("content", "told"), [
    (saved("WEBP"), "it is a WebP image, save it as PNG"),
    (saved("GIF"), "it is a GIF, save it as PNG"),
    (saved("ICO"), "it is an icon (ICO), save it as PNG"),
    (saved("PPM"), "it is a PNM image, save it as PNG"),
    (saved("PDF"), "it is a PDF document, save its pictures as PNG"),
    (b"\0\0\0\x18ftypheic\0\0\0\0", "it is a HEIC image, as phones take them, save it as JPEG or PNG"),
    (b"\0\0\0\x18ftypavif\0\0\0\0", "it is an AVIF image, save it as PNG"),
    (b"\0\0\0\x18ftypisom\0\0\0\0", "it is a video, save the pictures that you need as PNG"),
    (b"\0\0\0\x0cJXL \r\n", "it is a JPEG XL image, save it as PNG"),
    (b"\0\0\0\x0cjP  \r\n", "it is a JPEG 2000 image, save it as PNG"),
    (b"8BPS\0\1", "it is a Photoshop document, save it as PNG"),
    (bytes(128) + b"DICM", "it is a DICOM image, save it as PNG with the window that shows it best"),
    (b"\x93NUMPY\1\0", "it is a NumPy array, save its images as PNG"),
    (b"PK\3\4", "it is a zip archive, unpack it"),
    (b"\x1f\x8b\x08", "it is a gzip file, unpack it"),
    (b"\0\5\x16\7\0\2", "it is a Mac's notes on a file, bring the file itself"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:12", "it is a pointer to a file kept by Git LFS"),
    (b"", "it is empty (0 bytes), fetch or copy it again"),
    (bytes(5000), "its bytes are zeros, as a copy that broke off leaves them"),
    (b"<html><head><title>404</title></head></html>",
     "it is an HTML page that a server sent in place of the file, fetch it again"),
    (b"\xef\xbb\xbf \n<!DOCTYPE html><p>", "it is an HTML page"),
    (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "it is an SVG drawing, save it as PNG"),
    (b"<Error><Code>AccessDenied</Code></Error>", "it is a text with markup that a server sent"),
    ("Zugriff verweigert, bitte anmelden – danke".encode(), "it is a text, fetch or copy the image again"),
    (b"\x07\xfe\x80\x00", "its first bytes (07 fe 80 00) are those of no image that is read (PNG, JPEG, BMP, TIFF)"),
])
def test_what_is_no_image_is_told_as_what_it_is_and_what_to_do(content, told):
    assert reason(content).startswith(told)


def tiff(**values):
    """A TIFF with these values of its tags, each a short one."""
    content = bytearray(saved("TIFF"))
    (at,) = struct.unpack_from("<L", content, 4)
    for i in range(struct.unpack_from("<H", content, at)[0]):
        place = at + 2 + 12 * i
        if (value := values.get(f"tag{struct.unpack_from('<H', content, place)[0]}")) is not None:
            struct.pack_into("<HLL", content, place + 2, 3, 1, value)
    return bytes(content)


@pytest.mark.parametrize(("content", "told"), [
    (tiff(tag259=34_712), "a TIFF of a kind that is not read, or damaged (3 samples of 8 bits a pixel, compression "
                          "34712, colours 2)"),
    (tiff(tag258=64), "(3 samples of 64 bits a pixel, compression 1, colours 2): unknown pixel mode, save it as PNG"),
    (b"BM" + bytes(60), "a BMP of a kind that is not read, or damaged: "),
])
def test_image_of_a_known_format_tells_what_of_it_is_not_taken(content, told):
    assert told in reason(content)


def test_name_of_a_file_says_nothing_of_what_it_is():
    png = saved("PNG")
    assert images.opened(images.Entry(len(png), None, lambda: png)).format == "PNG"
