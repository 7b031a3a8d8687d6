"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import re

READ = ("PNG", "JPEG", "BMP", "TIFF")  # as PIL calls what is decoded
SAVE_AS = "save it as PNG"
PICTURES = (  # endings of images of other kinds
    ".webp", ".gif", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".dcm", ".npy", ".nii", ".raw", ".dng",
    ".cr2", ".nef", ".arw", ".psd", ".pgm", ".ppm", ".tga", ".exr", ".svs", ".ndpi", ".mrxs", ".h5", ".mat",
)

_DECODED = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP",
            **dict.fromkeys((b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"), "TIFF")}
_OTHERS = (  # (where, first bytes, what it is, what to do)
    (0, rb"GIF8[79]a", "a GIF", SAVE_AS),
    (0, rb"RIFF....WEBP", "a WebP image", SAVE_AS),
    (4, rb"ftyp(hei[cx]|heim|heis|hev[cx]|mif1|msf1)", "a HEIC image, as phones take them", "save it as JPEG or PNG"),
    (4, rb"ftypavi[fs]", "an AVIF image", SAVE_AS),
    (4, rb"ftyp(crx )", "a camera's raw file (CR3)", "develop it and save it as PNG"),
    (4, rb"ftyp", "a video", "save the pictures that you need as PNG"),
    (0, rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "a JPEG XL image", SAVE_AS),
    (0, rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  ", "a JPEG 2000 image", SAVE_AS),
    (0, rb"II\xbc\x01", "a JPEG XR image", SAVE_AS),
    (0, rb"8BPS", "a Photoshop document", SAVE_AS),
    (0, rb"gimp xcf", "a GIMP document", "export it as PNG"),
    (0, rb"%PDF", "a PDF document", "save its pictures as PNG"),
    (0, rb"%!PS", "a PostScript document", SAVE_AS),
    (0, rb"\x00\x00\x01\x00", "an icon (ICO)", SAVE_AS),
    (0, rb"P[1-7]\s", "a PNM image", SAVE_AS),
    (0, rb"#\?RADIANCE", "a Radiance image", SAVE_AS),
    (0, rb"v/1\x01", "an OpenEXR image", SAVE_AS),
    (0, rb"\x89HDF\r\n", "an HDF5 file", "save its images as PNG"),
    (0, rb"\x93NUMPY", "a NumPy array", "save its images as PNG"),
    (128, rb"DICM", "a DICOM image", "save it as PNG with the window that shows it best"),
    (344, rb"n[+i]1\x00", "a NIfTI volume", "save its slices as PNG"),
    (0, rb"PK\x03\x04", "a zip archive", "unpack it"),
    (0, rb"\x1f\x8b", "a gzip file", "unpack it"),
    (0, rb"Rar!", "a RAR archive", "unpack it"),
    (0, rb"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (0, rb"\x00\x05\x16\x07", "a Mac's notes on a file", "bring the file itself"),
    (0, rb"version https://git-lfs", "a pointer to a file kept by Git LFS", "fetch the files with: git lfs pull"),
)
_MARKUP = re.compile(rb"\s*(<!--.*?-->\s*|<\?xml.*?\?>\s*)*<(!doctype\s+)?(?P<kind>html|head|svg|\w+)", re.I | re.S)
_LOOKED = 1024  # bytes of the beginning


def decoded(content: bytes) -> str | None:
    """PIL's name of the format, of those that are read; None where it is of another kind."""
    return next((name for beginning, name in _DECODED.items() if content.startswith(beginning)), None)


def named(content: bytes) -> str:
    """What a file is that is none of the images that are read, and what to do: "it is a GIF, save it as PNG"."""
    if not content:
        return "it is empty (0 bytes), fetch or copy it again"
    start = content[:_LOOKED].removeprefix(b"\xef\xbb\xbf")
    for at, beginning, kind, remedy in _OTHERS:
        if re.compile(beginning, re.DOTALL).match(start, at):
            return f"it is {kind}, {remedy}"
    if match := _MARKUP.match(start):
        tag = match["kind"].lower()
        if tag == b"svg":
            return f"it is an SVG drawing, {SAVE_AS}"
        what = "an HTML page" if tag in (b"html", b"head") else "a text with markup"
        return f"it is {what} that a server sent in place of the file, fetch it again"
    if not any(start):
        return "its bytes are zeros, as a copy that broke off leaves them, fetch or copy it again"
    if _is_text(start):
        return "it is a text, fetch or copy the image again"
    return f"its first bytes ({start[:4].hex(' ')}) are those of no image that is read ({', '.join(READ)})"


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", "replace")[:-1] or "\0"
    return all(letter.isprintable() or letter.isspace() for letter in text) and "\ufffd" not in text
