"""What every fetched data set does, on tiny archives in the true formats, read by torchvision and without a network."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddcore.data import DATASETS, Split, downloaded, load
from ddcore.errors import DataBroken, DataMissing

SETS = ("fashionmnist", "cifar10", "svhn")
EVERY_SET = pytest.mark.parametrize("tiny", SETS, indirect=True)


def same(found: tuple[Split, Split], tiny: Any) -> bool:
    pairs = zip(found, (tiny.train, tiny.test), strict=True)
    return all(np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels) for a, b in pairs)


def never(*_: object) -> Any:
    pytest.fail("fetched or decoded again")


@EVERY_SET
def test_archives_placed_by_hand_are_read_without_a_network(tiny: Any, tmp_path: Path) -> None:
    train, test = tiny.download.read(tiny.placed(tmp_path), tiny.download.side)
    assert same((train, test), tiny)
    assert train.images.dtype == test.images.dtype == np.uint8
    assert train.labels.dtype == test.labels.dtype == np.int64


@EVERY_SET
def test_what_is_not_there_is_fetched(tiny: Any, tmp_path: Path, serve: Callable[[Path], str]) -> None:
    tiny.at(serve(tiny.handed))
    assert tiny.download.check(tmp_path).state == "download"
    assert same(tiny.download.read(tmp_path, 0), tiny)
    assert tiny.download.check(tmp_path).state == "ready"


@EVERY_SET
def test_half_an_archive_is_fetched_again(tiny: Any, tmp_path: Path, serve: Callable[[Path], str]) -> None:
    tiny.at(serve(tiny.handed))
    archive = tiny.download.folder(tiny.placed(tmp_path)) / tiny.download.archives[0].name
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    assert "Truncated" in tiny.download.check(tmp_path).message
    assert same(tiny.download.read(tmp_path, 0), tiny)
    assert archive.read_bytes() == whole


@EVERY_SET
def test_download_that_breaks_off_poisons_nothing(
    tiny: Any, tmp_path: Path, serve: Callable[[Path], str], mirror: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.at(serve(tiny.handed))
    monkeypatch.setattr(mirror, "breaks_off", True)
    with pytest.raises(DataMissing, match="could not be downloaded"):
        tiny.download.read(tmp_path, 0)
    assert tiny.download.check(tmp_path).state == "download"
    monkeypatch.setattr(mirror, "breaks_off", False)
    assert same(tiny.download.read(tmp_path, 0), tiny)


def packaged(tiny: Any, folder: Path) -> Any:
    package = downloaded.Package("the-package", folder, lambda _, content: content)
    return replace(tiny.download, fetch=lambda root: None, package=package)


@EVERY_SET
def test_archives_that_a_package_of_the_system_brings_are_taken_without_a_network(tiny: Any, tmp_path: Path) -> None:
    download = packaged(tiny, tiny.download.folder(tiny.placed(tmp_path / "system")))
    assert download.check(tmp_path).state == "ready"
    unpacked = replace(download, fetch=tiny.download.fetch) if download.archives[0].contents else download
    assert same(unpacked.read(tmp_path, 0), tiny)


@EVERY_SET
def test_a_packaged_archive_of_another_content_is_not_taken(tiny: Any, tmp_path: Path) -> None:
    folder = tiny.download.folder(tiny.placed(tmp_path / "system"))
    archive = tiny.download.archives[0]
    (folder / archive.name).write_bytes(b"x" * archive.bytes)
    with pytest.raises(DataMissing, match=rf"{archive.name} came of it|install the-package"):
        packaged(tiny, folder).read(tmp_path, 0)
    assert not (tiny.download.folder(tmp_path) / archive.name).exists()


@EVERY_SET
def test_damaged_archives_that_cannot_be_replaced_are_named_and_removed(tiny: Any, tmp_path: Path) -> None:
    cut, *others = tiny.download.archives
    folder = tiny.download.folder(tiny.placed(tmp_path))
    (folder / cut.name).write_bytes(b"x" * 10)
    for other in others:
        (folder / other.name).write_bytes(b"x" * other.bytes)
    with pytest.raises(DataBroken, match=rf"{cut.name} has 10 bytes instead of {cut.bytes:,}") as caught:
        tiny.download.read(tmp_path, 0)
    for other in others:
        assert f"{other.name} has the wrong content" in str(caught.value)
    with pytest.raises(DataMissing):
        tiny.download.read(tmp_path, 0)


@EVERY_SET
def test_a_whole_archive_under_another_name_stands_in_for_a_damaged_one(tiny: Any, tmp_path: Path) -> None:
    archive = tiny.download.folder(tiny.placed(tmp_path)) / tiny.download.archives[0].name
    archive.rename(archive.with_name("again.bin"))
    archive.write_bytes(b"x" * 10)
    assert tiny.download.check(tmp_path).state == "ready"
    assert same(tiny.download.read(tmp_path, 0), tiny)


@EVERY_SET
def test_what_an_archive_was_unpacked_to_is_found_in_another_folder_too(tiny: Any, tmp_path: Path) -> None:
    tiny.download.ensure(tiny.placed(tmp_path))
    folder = tiny.download.folder(tmp_path)
    (folder / "elsewhere").mkdir()
    for archive in tiny.download.archives:
        for file in archive.contents or (archive,):
            (folder / file.name).rename(folder / "elsewhere" / Path(file.name).name)
        if archive.contents:
            (folder / archive.name).unlink()
            shutil.rmtree((folder / archive.contents[0].name).parent)
    assert tiny.download.check(tmp_path).state == "ready"
    assert same(tiny.download.read(tmp_path, 0), tiny)


@EVERY_SET
def test_files_that_lie_around_the_data_root_or_are_of_other_sets_are_none_of_it(tiny: Any, tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "prepared").mkdir(parents=True)
    for other in (tmp_path / "letter.txt", root / "prepared" / "other.npy"):
        other.write_text("private")
    tiny.placed(tmp_path)
    archive = tiny.download.folder(tmp_path) / tiny.download.archives[0].name
    archive.rename(tmp_path / "elsewhere.bin")
    assert tiny.download.check(root).state == "download"
    with pytest.raises(DataMissing) as caught:
        tiny.download.read(root, 0)
    assert not [name for name in ("letter.txt", "other.npy", "elsewhere.bin") if name in str(caught.value)]


@EVERY_SET
def test_nothing_there_and_no_network_says_where_it_looked_and_how_to_get_it(tiny: Any, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(DataMissing) as caught:
        tiny.download.read(tmp_path, 0)
    assert time.monotonic() - start < 5
    names = [archive.name for archive in tiny.download.archives]
    for expected in (tiny.download.title, str(tiny.download.folder(tmp_path)), "internet", "by hand", *names):
        assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@EVERY_SET
def test_what_was_decoded_once_is_read_without_its_files_and_without_torchvision(tiny: Any, tmp_path: Path) -> None:
    tiny.download.read(tiny.placed(tmp_path), 0)
    for archive in tiny.download.archives:
        (tiny.download.folder(tmp_path) / archive.name).unlink()
        for file in archive.contents:
            (tiny.download.folder(tmp_path) / file.name).unlink()
    again = replace(tiny.download, fetch=never, decode=never)
    assert again.check(tmp_path).state == "ready"
    assert same(again.read(tmp_path, 0), tiny)


@EVERY_SET
def test_a_damaged_kept_array_is_decoded_again(tiny: Any, tmp_path: Path) -> None:
    tiny.download.read(tiny.placed(tmp_path), 0)
    for kept in (tmp_path / "prepared").iterdir():
        kept.write_bytes(kept.read_bytes()[:-8])
    assert same(tiny.download.read(tmp_path, 0), tiny)


@EVERY_SET
def test_other_files_are_another_content(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The true archives are never taken for the tiny ones, whose kept arrays lie in the same folder."""
    monkeypatch.setattr(downloaded.Download, "_packaged", lambda *_: None)
    true = DATASETS[tiny.download.name]
    assert true.fingerprint(tmp_path, true.resolution) != tiny.download.fingerprint(tmp_path, true.resolution)
    tiny.download.read(tiny.placed(tmp_path), 0)
    assert true.check(tmp_path).state == "download"


@EVERY_SET
def test_it_loads_like_any_other_set(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ddcore.data.resident import Resident

    facts = replace(DATASETS[tiny.download.name], read=tiny.download.read, sizes=(40, 20))
    monkeypatch.setitem(DATASETS._entries, facts.name, facts)
    data = load.load(facts.name, root=tiny.placed(tmp_path))
    assert facts.parts == {part: len(getattr(data, part)) for part in ("train", "val", "test")}
    assert data.shape == facts.shape()
    assert len(facts.mean or ()) == len(facts.std or ()) == facts.channels
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of arrays that nobody may write to
        parts = [Resident.from_split(split, data, "cpu") for split in (data.train, data.val, data.test)]
    assert np.array_equal(parts[2].images.numpy(), tiny.test.images)


@pytest.mark.parametrize(
    ("name", "size"), [("mnist", "11.6 MB"), ("fashionmnist", "30.9 MB"), ("cifar10", "170.5 MB"), ("svhn", "246.3 MB")]
)
def test_availability_tells_the_size_of_the_download(
    name: str, size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloaded.Download, "_packaged", lambda *_: None)
    found = DATASETS[name].check(tmp_path)
    assert found.state == "download"
    assert f"({size})" in found.message
    assert DATASETS[name].title in found.message


def test_fingerprints_are_known_before_the_download_and_differ(tmp_path: Path) -> None:
    facts = [DATASETS[name] for name in ("mnist", *SETS)]
    found = {d.fingerprint(tmp_path, d.resolution) for d in facts}
    assert len(found) == 4
    assert found == {d.fingerprint(tmp_path / "elsewhere", d.resolution) for d in facts}
