"""What a person brought, as a preview shows it: classes, sizes and modes in tables and words, examples in a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ddcore.data import tables
from ddcore.data.layout import Problem
from ddcore.data.preview import Preview
from ddcore.data.source import TABLE
from ddcore.lazy import np, pd
from ddcore.ops import pictures
from ddcore.report.text import shortened

PARTS = {"train": "training", "test": "test", "all": "all images"}
FOLDERS = {"part": "folders for training and test", "class": "a folder for each class", "folder": "folders of any name"}
BINS = 20
LONGEST = 20  # letters of a class's name in a picture
MODES = {"1": "black and white", "L": "grey", "LA": "grey with transparency", "P": "palette",
         "PA": "palette with transparency", "1A": "black and white with transparency", "RGB": "colour",
         "RGBA": "colour with transparency", "CMYK": "print colours (CMYK)", "I;16": "16-bit grey", "I": "32-bit grey",
         "F": "floating-point grey"}


def class_counts(preview: Preview, labels: str = "keep") -> pd.DataFrame:
    """Images of each class in each part: columns class, part, images.

    labels: what becomes of those that read the same, "keep" or "merge".
    """
    rows = [(name, PARTS.get(part, part), images)
            for part, counts in preview.counted(labels).items() for name, images in counts.items()]
    return pd.DataFrame(rows, columns=["class", "part", "images"])


def shorter_sides(preview: Preview) -> pd.DataFrame:
    """A histogram of the images' shorter sides: columns side ("32" or "32 to 47"), images; empty bins left out."""
    sides = np.repeat([min(size) for size in preview.sizes], list(preview.sizes.values()))
    low, high = int(sides.min()), int(sides.max())
    width = max(1, -(-(high - low + 1) // BINS))
    counts = np.bincount((sides - low) // width)
    starts = range(low, low + width * len(counts), width)
    rows = [(str(start) if width == 1 else f"{start} to {start + width - 1}", int(images))
            for start, images in zip(starts, counts, strict=True) if images]
    return pd.DataFrame(rows, columns=["side", "images"])


def sizes(preview: Preview) -> str:
    """The images' sizes in a sentence."""
    if not preview.sizes:
        return "No image could be read."
    ordered = sorted(preview.sizes, key=lambda size: (size[0] * size[1], size))
    if len(ordered) == 1:
        return f"All images are {_pixels(ordered[0])} pixels."
    common, images = preview.sizes.most_common(1)[0]
    often = f"; most often {_pixels(common)} ({images:,} images)" if images > 1 else ""
    return f"{len(ordered):,} sizes, from {_pixels(ordered[0])} to {_pixels(ordered[-1])} pixels{often}."


def modes(preview: Preview) -> str:
    """How the images' colours are stored, in a sentence, the most frequent way first."""
    counts = [f"{MODES.get(mode, mode)} {images:,}" for mode, images in preview.modes.most_common()]
    return f"Stored as: {', '.join(counts)}." if counts else ""


def sentence(problem: Problem) -> str:
    """The problem with a capital letter and a full stop; a path that it begins with stays as it is."""
    begun = problem.text if problem.text.startswith(problem.examples) else problem.text[:1].upper() + problem.text[1:]
    return f"{begun}."


def known_headings() -> str:
    """The headings that a table may have, for people."""
    kinds = {"image": (*tables.IMAGE_COLUMNS, *tables.OTHER_IMAGE_COLUMNS, *tables.ID_COLUMNS),
             "label": (*tables.LABEL_COLUMNS, *tables.OTHER_LABEL_COLUMNS),
             "part": (*tables.PART_COLUMNS, *tables.LOOSE_PART_COLUMNS)}
    lists = "\n".join(f"- {kind}: {', '.join(names)}" for kind, names in kinds.items())
    return f"Headings that are known, in any capitals, with spaces, hyphens or underscores:\n{lists}\n\n" \
           "Instead of a label, a column of zeros and ones for each class will do, and a table for each part."


def reading(key: str) -> str:
    """A way to read what was brought, in words: the folders around an image, from the outermost on, or a table."""
    if key == tables.TABLES:
        return "The tables together"
    if key.endswith(TABLE):
        return f"The table {key}"
    return " › ".join(FOLDERS[name] for name in key.split("/")).capitalize()


def picture(examples: Mapping[str, Sequence[np.ndarray]]) -> bytes:
    """A PNG with a row of examples, uint8 (C, side, side), for each class."""
    names = list(examples)
    images = np.stack([image for name in names for image in examples[name]]).astype(np.float32) / 255
    labels = np.repeat(np.arange(len(names)), [len(examples[name]) for name in names])
    channels = images.shape[1]
    short = [shortened(name, LONGEST) for name in names]
    return pictures.grid(images, labels, short, (0.0,) * channels, (1.0,) * channels)


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]:,} × {size[1]:,}"
