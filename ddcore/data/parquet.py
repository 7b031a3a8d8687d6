"""Hugging Face's image sets: Parquet files, alone or in a folder.

A column of encoded images ({bytes, path} or plain bytes) and one of labels: numbers, whose names stand in the file's
own description, or words. A file's part is what it is called after (`train-00000-of-00002.parquet`), or its folder.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from ddcore.data.images import MAX_FILE_BYTES, Entry
from ddcore.data.layout import part_name
from ddcore.data.packed import MAX_IMAGES, Files, Last, PackedImage, Packing
from ddcore.errors import DataRefused

MAX_GROUP_BYTES = 2**30  # of one row group, which is in memory while its images are read
LABELS = ("label", "labels", "class", "target")


def _images(files: Files, called: str) -> Iterator[PackedImage]:
    parts = _parts([path for path, _ in files], called)
    for (path, place), part in zip(files, parts, strict=True):
        table = _Table(place, path)
        for index, (label, entry) in enumerate(table.rows()):
            yield PackedImage(part, label, f"{PurePosixPath(path).stem}-{index:06}.png", entry)


def _parts(paths: Sequence[str], called: str) -> list[str]:
    """The part of each file, "train" where none says its own.

    Raises DataRefused where some do not, and where files of one part and name lie in folders of their own.
    """
    parts = [_part(path) for path in paths]
    unsaid = [path for path, part in zip(paths, parts, strict=True) if not part]
    if unsaid and any(parts):
        raise DataRefused(f"{called} holds {unsaid[0]!r}, whose name does not say its part, beside files whose names "
                          "do: call it after train, validation or test, or take it out")
    (part, name), count = Counter((part, PurePosixPath(path).name)
                                  for path, part in zip(paths, parts, strict=True)).most_common(1)[0]
    if count > 1:
        raise DataRefused(f"{called} holds {count:,} files called {name!r} of the {part or 'same'} part, as data sets "
                          "of their own have them: bring the folder of one")
    return [part or "train" for part in parts]


def _part(path: str) -> str:
    """The part that a file's name, or else that of a folder around it, speaks of; "" where none does."""
    names = reversed(PurePosixPath(path).with_suffix("").parts)
    return next((known.part for known in map(part_name, names) if known), "")


class _Table:
    """One file. The images of one row group are in memory at a time; threads take turns."""

    def __init__(self, place: Path | BinaryIO, path: str) -> None:
        from pyarrow.parquet import ParquetFile

        self.path, self.images = path, Last(self._group)
        with self._whole():
            self.file = ParquetFile(place)
            self.image, self.label, self.names = _columns(self.file.schema_arrow, path)
        groups = [self.file.metadata.row_group(number) for number in range(self.file.num_row_groups)]
        if (count := self.file.metadata.num_rows) > MAX_IMAGES:
            raise DataRefused(f"{path} holds {count:,} images, allowed are {MAX_IMAGES:,}")
        if (most := max((group.total_byte_size for group in groups), default=0)) > MAX_GROUP_BYTES:
            raise DataRefused(f"{path} has a row group of {most:,} bytes, allowed are {MAX_GROUP_BYTES:,}")
        self.sizes = [group.num_rows for group in groups]

    def rows(self) -> Iterator[tuple[str, Entry]]:
        """(class, how to read the image) of each row."""
        with self._whole():
            labels = self.file.read(columns=[self.label]).column(self.label).to_pylist()
        places = ((group, row) for group, size in enumerate(self.sizes) for row in range(size))
        for label, (group, row) in zip(labels, places, strict=True):
            yield self._named(label), Entry(0, None, functools.partial(self.content, group, row))

    def _group(self, group: int) -> list[Any]:
        return list(self.file.read_row_group(group, columns=[self.image]).column(self.image).to_pylist())

    def content(self, group: int, row: int) -> bytes:
        """The file of an image."""
        value = self.images(group)[row]
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise ValueError(f"{self.path} tells where the image lies instead of holding it")
        if len(content) > MAX_FILE_BYTES:
            raise ValueError(f"{len(content):,} bytes, allowed are {MAX_FILE_BYTES:,}")
        return content

    def _named(self, label: Any) -> str:
        if not isinstance(label, str | int) or not str(label).strip():
            what = "an image without a label" if label is None or label == "" else f"labels such as {str(label)[:50]!r}"
            raise DataRefused(f"{self.path} holds {what}; a data set here has one class for each image")
        known = self.names and isinstance(label, int) and 0 <= label < len(self.names)
        return str(self.names[int(label)] if known else label)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except DataRefused:
            raise
        except Exception as error:  # by where the damage is, pyarrow raises its own errors, OSError or ValueError
            why = " ".join(str(error).split())
            raise DataRefused(f"{self.path} is no Parquet file, or damaged: {why}") from None


def _columns(schema: Any, path: str) -> tuple[str, str, Sequence[str]]:
    """The columns of images and of labels, and what the labels are called."""
    described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    kinds = {name: described.get(name, {}).get("_type") for name in schema.names}
    images = [name for name in schema.names if kinds[name] == "Image"]
    images = images or [field.name for field in schema if "binary" in str(field.type)]
    labels = [name for name in schema.names if kinds[name] == "ClassLabel"]
    labels = labels if len(labels) == 1 else [name for name in labels or schema.names if name.lower() in LABELS]
    for what, columns in (("images", images), ("labels", labels)):
        if len(columns) != 1:
            raise DataRefused(f"{path} has {len(columns) or 'no'} columns of {what} that are known for it; its columns "
                              f"are {', '.join(map(repr, schema.names[:8]))}")
    return images[0], labels[0], described.get(labels[0], {}).get("names", ())


PACKING = Packing("parquet", ".parquet", _images)
