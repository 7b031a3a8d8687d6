from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddcore.data import fashionmnist


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
