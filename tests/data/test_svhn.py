from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ddcore.data import svhn


@pytest.mark.parametrize("tiny", ["svhn"], indirect=True)
def test_label_10_of_the_files_is_the_digit_0(tiny: Any, tmp_path: Path) -> None:
    from scipy.io import loadmat

    train, test = tiny.download.read(tiny.placed(tmp_path), 32)
    for split, file in zip((train, test), tiny.download.archives, strict=True):
        written = loadmat(tiny.handed / file.name)["y"].squeeze()
        assert set(written.tolist()) == set(range(1, 11))
        assert ((written == 10) == (split.labels == 0)).all()
        assert (written[written < 10] == split.labels[split.labels > 0]).all()


@pytest.mark.parametrize("tiny", ["svhn"], indirect=True)
def test_images_are_stored_image_by_image(tiny: Any, tmp_path: Path) -> None:
    """The files have the images in the fastest dimension: a view of that would make every batch a walk over all."""
    for split in tiny.download.read(tiny.placed(tmp_path), 32):
        assert split.images.flags.c_contiguous


def test_sums_are_torchvisions_and_the_extra_images_are_left_out() -> None:
    from torchvision import datasets

    official = [datasets.SVHN.split_list[part][1:] for part in ("train", "test")]
    assert [[f.name, f.md5] for f in svhn.DOWNLOAD.archives] == official
