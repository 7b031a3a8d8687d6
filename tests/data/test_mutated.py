"""Image files with bytes changed at random: each is an image or unreadable by name, soon, in bounded memory."""

import io
import random
import resource
import struct
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ddcore.data import images

SEED = 20
SECONDS = 5  # of processor time for one file, where 40 million pixels may be promised and unfolded
MEBIBYTES = 1024  # beyond what the process had
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def saved(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def originals(form):
    """Small files of one format, of many kinds: modes, ways of packing, metadata, pages."""
    levels = np.random.default_rng(SEED).integers(0, 256, (13, 17, 3), dtype=np.uint8)
    rgb = Image.fromarray(levels)
    grey, deep = rgb.convert("L"), Image.fromarray(levels[..., 0].astype(np.uint16) * 99)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "a camera", 72.0
    if form == "JPEG":
        options = [{}, {"progressive": True}, {"exif": exif, "comment": b"a note", "icc_profile": bytes(300)}]
        files = [saved(image, form, **some) for image in (rgb, grey, rgb.convert("CMYK")) for some in options]
        return [*files, saved(rgb, "MPO", save_all=True, append_images=[rgb])]
    if form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("parameters", "z" * 500, zip=True)
        text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
        files = [saved(rgb.convert(mode), form) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]
        return [*files, saved(deep, form), saved(rgb.convert("P"), form, transparency=3),
                saved(rgb, form, pnginfo=text, exif=exif, icc_profile=bytes(300)),
                saved(rgb, form, save_all=True, append_images=[rgb.rotate(90)])]
    if form == "TIFF":
        packed = [saved(image, form, compression=way, tiffinfo={274: 6, 270: "a note"})
                  for image in (rgb, grey, deep) for way in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")]
        fax = [saved(rgb.convert("1"), form, compression=way) for way in ("group3", "group4")]
        return [*packed, *fax, saved(rgb, form, compression="jpeg"), saved(rgb.convert("CMYK"), form),
                saved(grey, form, save_all=True, append_images=[grey, grey])]
    return [saved(rgb.convert(mode), form) for mode in ("1", "L", "P", "RGB", "RGBA")]


def mutated(draw, files):
    """One of the files with a few bytes overwritten, taken out, put in twice, cut off or spliced with another's."""
    content = bytearray(draw.choice(files))
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        # Headers are what decoders decide by, so every other place lies in the first bytes.
        at = draw.randrange(min(len(content), draw.choice((200, len(content)))) or 1)
        way = draw.randrange(7)
        if way == 0:
            content[at : at + 1] = bytes([draw.randrange(256)])
        elif way == 1:
            size, order = draw.choice("BHL"), draw.choice("<>")
            number = draw.choice(EXTREMES) & (256 ** struct.calcsize(f"<{size}") - 1)
            content[at : at + struct.calcsize(f"<{size}")] = struct.pack(f"{order}{size}", number)
        elif way == 2:
            content[at : at + 1] = bytes([content[at] ^ 1 << draw.randrange(8)]) if content else b""
        elif way == 3:
            del content[at : at + draw.randrange(1, 40)]
        elif way == 4:
            content[at:at] = content[at : at + draw.randrange(1, 40)]
        elif way == 5 and draw.randrange(4) == 0:
            del content[at:]
        elif way == 6:
            other = draw.choice(files)
            content[at:] = other[draw.randrange(len(other)) :]
    return resummed(bytes(content)) if draw.randrange(2) else bytes(content)


def resummed(content):
    """A PNG whose blocks have right sums again, so that what they say is looked at; any other file as it is."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    written, at = bytearray(content), 8
    while at + 12 <= len(written):
        end = at + 8 + struct.unpack_from(">L", written, at)[0]
        if end + 4 > len(written):
            break
        struct.pack_into(">L", written, end, zlib.crc32(written[at + 4 : end]))
        at = end + 4
    return bytes(written)


def outcome(content):
    """The reason why it is unreadable, or "" where it is an image."""
    try:
        image = images.opened(images.Entry(len(content), None, lambda: content))
        with images.turn(image):
            plain = images.plain(image)
            assert images.fitted(plain, 16, "rgb", "crop").shape == (3, 16, 16)
            images.digest(plain)
    except images.Unreadable as error:
        return str(error) or "without a reason"
    return ""


def tried(form, count, seed):
    """(how many are images, the seconds of the slowest); fails on whatever else is raised, with the file's number."""
    draw, files = random.Random(f"{form} {seed}"), originals(form)
    readable, slowest = 0, 0.0
    for number in range(count):
        content = mutated(draw, files)
        begun = time.process_time()
        try:
            reason = outcome(content)
        except Exception as error:
            pytest.fail(f"{form} {number} of seed {seed} let {type(error).__name__} escape: {error}\n{content[:400]!r}")
        assert reason != "without a reason", (form, seed, number)
        readable += not reason
        slowest = max(slowest, time.process_time() - begun)
    return readable, slowest


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP"])
def test_whatever_bytes_a_file_has_it_is_an_image_or_unreadable_soon_and_in_bounded_memory(form, count):
    assert not any(map(outcome, originals(form)))
    unit = 2**20 if sys.platform == "darwin" else 2**10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    readable, slowest = tried(form, count, SEED + count)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit - before
    print(f"{form}: {count:,} mutated files of seed {SEED + count}, {readable:,} still images, "
          f"slowest {slowest:.2f} s, {grown:.0f} MiB more memory")
    assert count // 50 < readable < count * 49 // 50
    assert slowest < SECONDS
    assert grown < MEBIBYTES
