from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddcore.data import arranging, fashionmnist, source
from ddcore.errors import DataRefused
from ddcore.home import PROJECT
from ddcore.runs.store import Store


def test_archives_and_classes_are_torchvisions() -> None:
    from torchvision import datasets

    assert [(f.name, f.md5) for f in fashionmnist.DOWNLOAD.archives] == datasets.FashionMNIST.resources
    assert list(fashionmnist.DATASET.classes) == datasets.FashionMNIST.classes


@pytest.mark.parametrize("tiny", ["fashionmnist"], indirect=True)
def test_unpacked_files_beside_the_archives_are_not_believed(tiny: Any, tmp_path: Path) -> None:
    raw = tiny.download.folder(tiny.placed(tmp_path))
    for archive in tiny.download.archives:
        (raw / archive.name).with_suffix("").write_bytes(b"\0" * 1000)
    train, _ = tiny.download.read(tmp_path, 28)
    assert np.array_equal(train.images, tiny.train.images)


@pytest.mark.parametrize("tiny", ["fashionmnist"], indirect=True)
def test_archives_are_read_as_torchvision_reads_them(tiny: Any, tmp_path: Path, serve: Any) -> None:
    from torchvision import datasets

    tiny.at(serve(tiny.handed))
    theirs = datasets.FashionMNIST(str(tmp_path), train=False, download=True)
    _, test = tiny.download.read(tmp_path, 28)
    assert np.array_equal(theirs.data.numpy(), test.images[:, 0])
    assert theirs.targets.tolist() == test.labels.tolist()


def test_an_archive_without_name_and_time_becomes_the_one_with_both() -> None:
    with_both, without = io.BytesIO(), io.BytesIO()
    for stream, name, time in ((with_both, "train-labels-idx1-ubyte", fashionmnist.PACKED["train"]), (without, "", 1)):
        with gzip.GzipFile(name, "wb", fileobj=stream, mtime=time) as file:
            file.write(b"labels")
    original = fashionmnist._original("train-labels-idx1-ubyte.gz", without.getvalue())
    assert original == with_both.getvalue() != without.getvalue()


@pytest.mark.parametrize(("name", "titles"), [
    ("t10k-images-idx3-ubyte.gz", "MNIST or Fashion-MNIST, which need not be brought: choose --dataset mnist or "
                                  "--dataset fashionmnist"),
    ("train-images-idx3-ubyte", "MNIST, which need not be brought: choose --dataset mnist "),
    ("cifar-10-python.tar.gz", "CIFAR-10, which need not be brought: choose --dataset cifar10 "),
])
def test_the_files_of_a_known_set_are_called_that_where_they_are_brought(
    name: str, titles: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"1")
    with pytest.raises(DataRefused, match=titles):
        arranging.arrange(source.open_source(tmp_path, "brought"))


INSTALLED = all(fashionmnist.DOWNLOAD._packaged(archive) for archive in fashionmnist.DOWNLOAD.archives)


@pytest.mark.slow
@pytest.mark.timeout(600)  # six trainings, beside another test
@pytest.mark.skipif(not INSTALLED, reason="needs Debian's package dataset-fashion-mnist")
def test_the_real_clothes_of_debians_package_are_distilled_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the archives to an accuracy, on a machine that has never been online."""
    monkeypatch.setenv("DDCORE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "data"))
    run = ("run dm --preset quick --dataset fashionmnist --num-iters 10 --width 8 --evaluate quick --nets 1 "
           "--wait --json")
    subprocess.run([sys.executable, "-m", "ddcore", *run.split()], cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
    judged = [record for record in Store().records("evaluate") if not record.demo]
    assert [record.state for record in judged] == ["done"] * len(judged)
    assert min(record.summary.accuracy.mean for record in judged) > 0.4
