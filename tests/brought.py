"""What a person might bring, made in memory: pictures, class folders, tables, archives."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from ddcore.data import adding, arranging, preview, source
from ddcore.data.base import Dataset


def picture(seed: int = 0, size: tuple[int, int] = (16, 16), mode: str = "RGB", form: str = "PNG") -> bytes:
    """An image file of noise; the same seed gives the same pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(stream, form)
    return stream.getvalue()


def promised(width: int, height: int) -> bytes:
    """A PNG of a few bytes that promises so many pixels."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return png_of([(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")])


def png_of(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The PNG file of these (kind, content), with their right sums."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
        for kind, content in chunks
    )


def folders(train: int = 4, test: int = 2, classes: tuple[str, ...] = ("cat", "dog")) -> dict[str, bytes]:
    """Files of an ImageFolder with so many images of each class; test=0: class folders alone."""
    parts = {"train/": train, "test/": test} if test else {"": train}
    names = [f"{part}{name}/{i}.png" for part, count in parts.items() for name in classes for i in range(count)]
    return {name: picture(seed) for seed, name in enumerate(names)}


def table(lines: list[str], header: str = "image,label,split") -> bytes:
    return "\n".join([header, *lines]).encode()


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream


def written(files: Mapping[str, bytes], folder: Path) -> Path:
    """The files in a folder on disk."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def looked(
    given: Path | io.BytesIO, name: str = "tiles.zip", reading: str = ""
) -> tuple[source.Source, preview.Preview]:
    opened = source.open_source(given, name)
    return opened, preview.look(opened, arranging.arrange(opened, reading))


def added(
    given: Path | io.BytesIO | Mapping[str, bytes], root: Path, reserved: bool = True, **values: object
) -> Dataset:
    """All the way from what was given to a data set called "pets", with sides of 16."""
    name = given.name if isinstance(given, Path) else "tiles.zip"
    opened, seen = looked(zipped(given) if isinstance(given, Mapping) else given, name)
    config = adding.AddConfig.build({"name": "pets", "side": 16, **values})
    return adding.add(opened, seen, config, root, reserved=lambda: reserved)


def tree(root: Path) -> dict[str, bytes | None]:
    """Everything below a folder: files with their content, folders with None."""
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in sorted(root.rglob("*"))}
