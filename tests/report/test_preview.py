from __future__ import annotations

import io
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image

from ddcore.data.layout import Layout, Problem
from ddcore.data.preview import Preview
from ddcore.report import preview


def seen(**values: Any) -> Preview:
    """A preview in which nothing was found but what is given."""
    given = {"counts": {}, "sizes": Counter(), "modes": Counter(), "facts": {}, "unreadable": {}, "problems": ()}
    return Preview(Layout("folders", ("cat", "dog"), ()), **{**given, **values})  # type: ignore[arg-type]


def test_class_counts_have_a_row_for_each_class_of_each_part() -> None:
    frame = preview.class_counts(seen(counts={"train": {"cat": 3, "dog": 1}, "test": {"cat": 2, "dog": 0}}))
    assert frame.values.tolist() == [
        ["cat", "training", 3], ["dog", "training", 1], ["cat", "test", 2], ["dog", "test", 0]
    ]
    assert set(preview.class_counts(seen(counts={"all": {"cat": 3, "dog": 1}}))["part"]) == {"all images"}


def test_few_sizes_are_counted_one_by_one_and_many_in_bins() -> None:
    frame = preview.shorter_sides(seen(sizes=Counter({(32, 40): 2, (33, 33): 5, (50, 34): 1})))
    assert frame.values.tolist() == [["32", 2], ["33", 5], ["34", 1]]
    many = preview.shorter_sides(seen(sizes=Counter({(100 + i, 2000): 1 for i in range(400)})))
    assert len(many) == 20
    assert many["side"].iloc[0] == "100 to 119"
    assert many["images"].sum() == 400


def test_sizes_and_modes_are_told_in_a_sentence() -> None:
    assert preview.sizes(seen(sizes=Counter({(224, 224): 816}))) == "All images are 224 × 224 pixels."
    mixed = Counter({(10, 30): 1, (2000, 20): 1, (25, 25): 8})
    assert preview.sizes(seen(sizes=mixed)) == (
        "3 sizes, from 10 × 30 to 2,000 × 20 pixels; most often 25 × 25 (8 images)."
    )
    assert preview.sizes(seen(sizes=Counter({(8, 8): 1, (9, 9): 1}))) == "2 sizes, from 8 × 8 to 9 × 9 pixels."
    assert preview.sizes(seen()) == "No image could be read."
    assert preview.modes(seen(modes=Counter({"L": 2, "RGB": 9, "YCbCr": 1}))) == "Stored as: colour 9, grey 2, YCbCr 1."


def test_a_problem_is_a_sentence_and_its_path_stays_as_it_is() -> None:
    assert preview.sentence(Problem("few", "too few images")) == "Too few images."
    assert preview.sentence(Problem("table", "b/x.csv is not used", examples=("b/x.csv",))) == "b/x.csv is not used."


def test_the_picture_has_a_row_for_each_class_that_has_examples() -> None:
    grey = [np.full((1, 48, 48), level, np.uint8) for level in (0, 255)]
    one = Image.open(io.BytesIO(preview.picture({"cat": grey, "dog": grey[:1]})))
    assert one.height == 2 * (48 + 2)
    assert np.asarray(one.convert("RGBA"))[24, one.width - 24].tolist() == [255, 255, 255, 255]
    cut = Image.open(io.BytesIO(preview.picture({"cat": grey, "dog": grey, "x" * 200: grey})))
    assert cut.height == 3 * 50
    assert cut.width < 400
