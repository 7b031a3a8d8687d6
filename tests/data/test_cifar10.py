"""CIFAR-10, whose batches are pickles: a pickle that is not the official one must never be opened."""

from __future__ import annotations

import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddcore.data import cifar10
from ddcore.errors import DataBroken, DataMissing

TINY = pytest.mark.parametrize("tiny", ["cifar10"], indirect=True)


class Trap:
    """A pickle that makes the folder `marker` when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "something-ran"


@pytest.fixture
def trap(marker: Path) -> bytes:
    return pickle.dumps(Trap(marker), protocol=2)


def test_the_trap_would_run(trap: bytes, marker: Path) -> None:
    pickle.loads(trap)
    assert marker.exists()


@TINY
@pytest.mark.parametrize("batch", ["data_batch_1", "data_batch_5", "test_batch"])
def test_a_batch_of_the_right_size_and_another_sum_is_never_opened(
    tiny: Any, tmp_path: Path, trap: bytes, marker: Path, batch: str
) -> None:
    tiny.download.read(tiny.placed(tmp_path / "root"), 32)
    root = tmp_path / "root"
    for path in (root / "prepared").iterdir():
        path.unlink()
    (root / tiny.download.archives[0].name).unlink()
    poisoned = root / "cifar-10-batches-py" / batch
    poisoned.write_bytes(trap.ljust(poisoned.stat().st_size, b"."))
    assert tiny.download.check(root).state == "ready"  # by its size
    with pytest.raises(DataMissing):
        tiny.download.read(root, 32)
    assert not marker.exists()
    assert not poisoned.exists()
    assert same_train(tiny, tiny.placed(root))


@TINY
def test_an_archive_with_another_sum_is_neither_unpacked_nor_opened(
    tiny: Any, tmp_path: Path, trap: bytes, marker: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "batch").write_bytes(trap)
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as tar:
        for file in tiny.download.archives[0].contents:
            tar.add(tmp_path / "batch", file.name)
        tar.add(tmp_path / "batch", "../outside")
    with pytest.raises(DataBroken, match=r"cifar-10-python\.tar\.gz has .* bytes instead of"):
        tiny.download.read(root, 32)
    assert not marker.exists()
    assert not (root / "cifar-10-batches-py").exists()
    assert not (tmp_path / "outside").exists()


@TINY
def test_an_archive_that_a_mirror_poisoned_is_not_opened(
    tiny: Any, tmp_path: Path, trap: bytes, marker: Path, serve: Any
) -> None:
    (tiny.handed / "cifar-10-python.tar.gz").write_bytes(trap)
    tiny.at(serve(tiny.handed))
    with pytest.raises(DataMissing, match="could not be downloaded"):
        tiny.download.read(tmp_path / "root", 32)
    assert not marker.exists()


@TINY
def test_the_names_of_the_classes_are_not_read_from_their_pickle(
    tiny: Any, tmp_path: Path, trap: bytes, marker: Path
) -> None:
    root = tmp_path / "root"
    tiny.download.fetch(tiny.placed(root))
    (root / "cifar-10-batches-py" / "batches.meta").write_bytes(trap)
    assert same_train(tiny, root)
    assert not marker.exists()


@TINY
def test_files_cut_short_while_unpacking_are_unpacked_again(tiny: Any, tmp_path: Path) -> None:
    tiny.download.ensure(tiny.placed(tmp_path))
    tiny.download.fetch(tmp_path)
    batch = tmp_path / tiny.download.files[0].name
    whole = batch.read_bytes()
    batch.write_bytes(whole[:100])
    assert same_train(tiny, tmp_path)
    assert batch.read_bytes() == whole


def test_sums_are_torchvisions() -> None:
    from torchvision import datasets

    (archive,) = cifar10.DOWNLOAD.archives
    assert (archive.name, archive.md5) == (datasets.CIFAR10.filename, datasets.CIFAR10.tgz_md5)
    listed = datasets.CIFAR10.train_list + datasets.CIFAR10.test_list
    assert [[f.name, f.md5] for f in archive.contents] == [
        [f"{datasets.CIFAR10.base_folder}/{name}", md5] for name, md5 in listed
    ]


def same_train(tiny: Any, root: Path) -> bool:
    train, _ = tiny.download.read(root, 32)
    return np.array_equal(train.images, tiny.train.images) and np.array_equal(train.labels, tiny.train.labels)
