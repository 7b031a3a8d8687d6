"""MedMNIST's .npz and Hugging Face's Parquet files become data sets like a folder of the same images."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from brought import added, looked, picture

from ddcore.data import DATASETS, arranging, load, npz, packed, parquet, source
from ddcore.errors import DataRefused

CELLS = ("basophil", "eosinophil", "erythroblast")


def arrays(colours: int = 3, counts: tuple[int, ...] = (6, 3, 3), side: int = 16) -> dict[str, np.ndarray]:
    """A file of MedMNIST's layout: noise, three classes in turn."""
    rng, shape = np.random.default_rng(0), (side, side, 3)[: 2 + (colours == 3)]
    made = dict[str, np.ndarray]()
    for part, count in zip(("train", "val", "test"), counts, strict=False):
        made[f"{part}_images"] = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
        made[f"{part}_labels"] = np.arange(count, dtype=np.uint8)[:, None] % 3
    return made


def saved(folder: Path, name: str = "bloodmnist.npz", **changes: Any) -> Path:
    np.savez_compressed(folder / name, **{name: array for name, array in {**arrays(), **changes}.items()
                                          if array is not None})
    return folder / name


@pytest.mark.parametrize("colours", [1, 3])
def test_a_medmnist_file_is_read_pixel_by_pixel_with_its_own_split_and_names(colours: int, tmp_path: Path) -> None:
    theirs = arrays(colours)
    np.savez_compressed(tmp_path / "bloodmnist.npz", **theirs)
    facts = added(tmp_path / "bloodmnist.npz", tmp_path / "data", colour="rgb" if colours == 3 else "grey")
    train, test = facts.read(tmp_path / "data", 16)
    assert facts.classes == CELLS
    assert facts.sizes == (9, 3)  # validation images count as training images, of which a part is held out here
    for found, parts in ((train, ("train", "val")), (test, ("test",))):
        pixels = np.concatenate([theirs[f"{part}_images"] for part in parts]).reshape(-1, 16, 16, colours)
        labels = np.concatenate([theirs[f"{part}_labels"] for part in parts])[:, 0]
        expected = {(image.tobytes(), label) for image, label in zip(pixels.transpose(0, 3, 1, 2), labels, strict=True)}
        assert {(image.tobytes(), label) for image, label in zip(found.images, found.labels, strict=True)} == expected


def test_it_loads_like_any_other_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path))
    added(saved(tmp_path, "pathmnist.npz", **{k: np.repeat(v, 8, 0) for k, v in arrays().items()}), tmp_path,
          duplicates="keep")
    data = load.load("pets", root=tmp_path)
    assert DATASETS["pets"].classes == ("adipose", "background", "debris")
    assert (len(data.train) + len(data.val), len(data.test)) == (72, 24)


def test_its_labels_are_said_to_lie_in_the_same_file(tmp_path: Path) -> None:
    facts = added(saved(tmp_path), tmp_path / "data")
    assert "12 images with their labels in the same file" in facts.source


def test_kerass_names_are_known_and_labels_without_names_are_numbers(tmp_path: Path) -> None:
    made = arrays()
    np.savez(tmp_path / "mine.npz", x_train=made["train_images"], y_train=made["train_labels"][:, 0],
             x_test=made["test_images"], y_test=made["test_labels"][:, 0])
    _, seen = looked(tmp_path / "mine.npz", "mine.npz")
    assert seen.layout.classes == ("0", "1", "2")
    assert sorted(str(row.part) for row in seen.layout.rows) == ["test"] * 3 + ["train"] * 6


def test_names_of_medmnist_are_not_given_to_labels_that_have_more(tmp_path: Path) -> None:
    _, seen = looked(saved(tmp_path, "breastmnist.npz"), "breastmnist.npz")
    assert seen.layout.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_labels": np.zeros((6, 14), np.uint8)}, "14 labels for each image"),
        ({"train_labels": np.zeros(5, np.uint8)}, "5 labels for 6 images"),
        ({"train_labels": np.full(6, 0.5)}, r"npz holds numbers with fractions, such as '0\.5'; labels are whole"),
        ({"train_labels": np.full(6, "cat")}, "npz holds words, such as 'cat'; labels are whole numbers from 0"),
        ({"train_labels": np.full(6, -1)}, "npz holds -1; labels are whole numbers"),
        ({"train_images": np.zeros((6, 16, 16, 3), np.float32)}, "images are uint8"),
        ({"train_images": np.zeros((6, 16, 16, 16), np.uint8)}, "images are uint8"),
        ({"train_labels": np.array([{}] * 6)}, "Python objects, which are never read"),
        (dict.fromkeys(("train_labels", "val_labels", "test_labels")), "looked for are train_images and train_labels"),
    ],
)
def test_what_is_wrong_with_an_npz_is_told(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=words):
        source.open_source(saved(tmp_path, **changes), "bloodmnist.npz")


def test_an_array_that_declares_more_than_it_has_is_refused_before_it_is_read(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 1000, 1000)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("train_images.npy", stream.getvalue())
    with pytest.raises(DataRefused, match=r"says that it has 1,000,000,000,000 bytes; allowed are \d+"):
        source.open_source(tmp_path / "x.npz", "x.npz")


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_what_is_no_such_file_is_refused(ending: str, tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"PAR1" * 10, picture()):
        (tmp_path / f"x{ending}").write_bytes(content)
        with pytest.raises(DataRefused, match="or damaged"):
            source.open_source(tmp_path / f"x{ending}", f"x{ending}")


def test_half_a_file_is_refused_or_its_images_are_unreadable_by_name(tmp_path: Path) -> None:
    whole = saved(tmp_path).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataRefused, match=r"half\.npz is no \.npz file, or damaged"):
        source.open_source(tmp_path / "half.npz", "half.npz")


@pytest.mark.parametrize("module", [npz, parquet])
def test_too_many_images_are_refused(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_IMAGES", 11)
    place = saved(tmp_path) if module is npz else table(tmp_path / "train.parquet", range(12))
    with pytest.raises(DataRefused, match="more than the 11 images allowed"):
        source.open_source(place, place.name)


def table(path: Path, labels: Any, *, described: bool = True, group: int = 4, **columns: Any) -> Path:
    """A Parquet file as Hugging Face's library writes it: encoded images, numbered labels, names in the description."""
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = list(labels)
    images = [{"bytes": picture(seed, form="JPEG" if seed % 2 else "PNG"), "path": None} for seed in range(len(labels))]
    made = pa.table({"image": images, "label": [n % 3 if isinstance(n, int) else n for n in labels], **columns})
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(CELLS)}}
    if described:
        made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(made, path, row_group_size=group)
    return path


def test_a_folder_of_a_hugging_face_set_is_read_file_by_file(tmp_path: Path) -> None:
    for name, count in (("train-00000-of-00002", 6), ("train-00001-of-00002", 3), ("test-00000-of-00001", 3)):
        table(tmp_path / "cells" / "data" / f"{name}.parquet", range(count))
    (tmp_path / "cells" / "README.md").write_text("a card")
    files, seen = looked(tmp_path / "cells", "cells")
    assert seen.layout.classes == CELLS
    assert [row.part for row in seen.layout.rows].count("test") == 3
    assert len(seen.layout.rows) == 12
    assert not seen.unreadable
    assert files.ignored == ("README.md",)
    path = "train/eosinophil/train-00000-of-00002-000004.png"
    assert files.entries[path].read() == picture(4)  # beyond the first row group


@pytest.mark.parametrize(("described", "classes"), [(True, CELLS), (False, ("0", "1", "2"))])
def test_a_single_file_is_one_part(described: bool, classes: tuple[str, ...], tmp_path: Path) -> None:
    place = table(tmp_path / "train-00000-of-00001.parquet", range(9), described=described)
    _, seen = looked(place, place.name)
    assert seen.layout.classes == classes
    assert len(seen.layout.rows) == 9


@pytest.mark.parametrize(
    ("labels", "columns", "words"),
    [
        ([None] * 3, {}, "an image without a label"),
        (["cat", "", "dog"], {}, "an image without a label"),
        ([[1, 2]] * 3, {}, "labels such as"),
        (range(3), {"class": [1, 2, 3]}, "2 columns of labels"),
        (range(3), {"mask": [b"x"] * 3}, "2 columns of images"),
    ],
)
def test_what_is_wrong_with_a_parquet_file_is_told(labels: Any, columns: Any, words: str, tmp_path: Path) -> None:
    place = table(tmp_path / "train.parquet", labels, described=False, **columns)
    with pytest.raises(DataRefused, match=words):
        source.open_source(place, place.name)


def test_several_npz_in_a_folder_are_sets_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "medmnist").mkdir()
    for name in ("bloodmnist.npz", "bloodmnist_64.npz"):
        saved(tmp_path / "medmnist", name)
    with pytest.raises(DataRefused, match=r"medmnist holds 2 \.npz files, .*: bring one of them, such as bloodm"):
        source.open_source(tmp_path / "medmnist", "medmnist")
    (tmp_path / "medmnist" / "bloodmnist_64.npz").unlink()
    _, seen = looked(tmp_path / "medmnist", "medmnist")
    assert len(seen.layout.rows) == 12
    table(tmp_path / "medmnist" / "train.parquet", range(3))
    with pytest.raises(DataRefused, match=r"\.npz files and \.parquet files"):
        source.open_source(tmp_path / "medmnist", "medmnist")


def test_no_image_takes_the_place_of_another(tmp_path: Path) -> None:
    image = packed.PackedImage("train", "a/b", "1.png", source.Entry(0, None, bytes))
    with pytest.raises(DataRefused, match="more than one image that would be called 'train/a∕b/1"):
        packed.entries([image, image._replace(label="a∕b")], "cells")


@pytest.mark.parametrize(("names", "parts"), [
    (("train-0", "dev-0"), {"train": 3, "test": 3}),  # the only other part judges
    (("train/0000", "validation/0000", "test/0000"), {"train": 6, "test": 3}),
    (("default/partial-train/0", "default/test/0"), {"train": 3, "test": 3}),
    (("train-0", "test-0", "unlabelled-0"), {"train": 3, "test": 3}),
    (("more/data-0", "more/data-1"), {None: 6}),
])
def test_the_part_of_a_parquet_file_is_what_it_or_its_folder_is_called_after(
    names: tuple[str, ...], parts: dict[str | None, int], tmp_path: Path
) -> None:
    for name in (*names, "._train"):
        table(tmp_path / "cells" / f"{name}.parquet", range(3))
    (tmp_path / "cells" / "._train.parquet").write_bytes(b"a Mac's notes")
    _, seen = looked(tmp_path / "cells", "cells")
    assert Counter(row.part for row in seen.layout.rows) == parts
    told = "3 images without a class, as the name of their folder 'unlabelled' says, are left out"
    assert [p.text for p in seen.problems if p.rule == "left out"] == [told][: "unlabelled-0" in names]


@pytest.mark.parametrize(("names", "words"), [
    (("train", "eval"), r"holds 'eval\.parquet', whose name does not say its part"),
    (("full/train", "small/train"), r"holds 2 files called 'train\.parquet' of the train part"),
    (("a/0000", "b/0000"), r"holds 2 files called '0000\.parquet' of the same part"),
])
def test_parquet_files_that_may_be_of_other_sets_or_parts_are_not_put_together(
    names: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    for name in names:
        table(tmp_path / "cells" / f"{name}.parquet", range(3))
    with pytest.raises(DataRefused, match=words):
        source.open_source(tmp_path / "cells", "cells")


def test_words_of_parquet_files_that_read_the_same_are_told(tmp_path: Path) -> None:
    place = table(tmp_path / "train.parquet", ["cat", "Cat", "dog", "dog", "cat", "Cat"], described=False)
    assert "alike" in [problem.rule for problem in looked(place, place.name)[1].problems]


def test_images_that_lie_elsewhere_are_unreadable_and_named(tmp_path: Path) -> None:
    place = table(tmp_path / "train.parquet", range(3))
    elsewhere = pq.read_table(place).set_column(0, "image", pa.array([{"bytes": None, "path": "a.png"}] * 3))
    pq.write_table(elsewhere, place)
    _, seen = looked(place, place.name)
    assert len(seen.unreadable) == 3


def test_a_folder_with_images_is_not_read_for_the_tables_beside_them(tmp_path: Path) -> None:
    table(tmp_path / "pets" / "train.parquet", range(3))
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir()
        (tmp_path / "pets" / name / "1.png").write_bytes(picture())
    files, seen = looked(tmp_path / "pets", "pets")
    assert set(files.entries) == {"cat/1.png", "dog/1.png"}
    assert "1 file that holds images will not be read, for images lie here as well; bring such a file by itself: " \
           "train.parquet" in [problem.text for problem in seen.problems]


def test_images_in_no_folder_are_told_and_not_read_where_files_hold_others(tmp_path: Path) -> None:
    table(tmp_path / "pets" / "train.parquet", range(3))
    (tmp_path / "pets" / "preview.png").write_bytes(picture())
    (tmp_path / "pets" / "README.md").write_text("cats")
    _, seen = looked(tmp_path / "pets", "pets")
    assert (seen.images, seen.layout.kind) == (3, "file")
    assert [problem.text for problem in seen.problems if problem.rule in ("beside", "ignored")] == [
        "1 image in no folder will not be read, for other files here hold images: preview.png",
        "1 other file or folder will not be read: README.md"]


def test_a_table_beside_loose_images_lists_them_and_files_that_hold_others_are_not_read(tmp_path: Path) -> None:
    table(tmp_path / "pets" / "train.parquet", range(3))
    for name in "ab":
        (tmp_path / "pets" / f"{name}.png").write_bytes(picture())
    (tmp_path / "pets" / "labels.csv").write_text("image,label\na.png,cat\nb.png,dog\n")
    assert looked(tmp_path / "pets", "pets")[1].layout.kind == "table"


def test_no_other_layout_can_be_chosen_for_a_file_that_tells_its_own(tmp_path: Path) -> None:
    found = source.open_source(saved(tmp_path), "bloodmnist.npz")
    with pytest.raises(DataRefused, match=r"says itself .* so it cannot be read as 'class/part'"):
        arranging.arrange(found, "class/part")
