"""MNIST without a network: mirrors are folders on disk, and damage is real damage to real archives."""

import gzip
import shutil
import socket
import threading
import time

import numpy as np
import pytest

from ddcore.data import downloaded, mnist
from ddcore.errors import DataBroken, DataMissing

RAW, ARCHIVES = mnist.DOWNLOAD.folder, mnist.DOWNLOAD.archives


@pytest.fixture
def offline(monkeypatch):
    """No mirror answers."""
    from torchvision import datasets

    monkeypatch.setattr(datasets.MNIST, "mirrors", ["file:///nowhere/"])


@pytest.fixture
def mirrored(monkeypatch, mnist_root, serve):
    """The only mirror is a server on this machine, with the real archives."""
    from torchvision import datasets

    monkeypatch.setattr(datasets.MNIST, "mirrors", [serve(RAW(mnist_root))])


@pytest.fixture
def root(tmp_path, mnist_root):
    """A data root of its own with the four archives, to be damaged."""
    RAW(tmp_path).mkdir(parents=True)
    for file in ARCHIVES:
        shutil.copyfile(RAW(mnist_root) / file.name, RAW(tmp_path) / file.name)
    return tmp_path


@pytest.fixture
def small(tmp_path):
    """A data root whose archives are all cut off after 100 bytes."""
    RAW(tmp_path).mkdir(parents=True)
    for file in ARCHIVES:
        (RAW(tmp_path) / file.name).write_bytes(b"x" * 100)
    return tmp_path


@pytest.mark.usefixtures("offline")
def test_archives_placed_by_hand_give_the_official_set_without_a_network(mnist_root):
    train, test = mnist.read(mnist_root, 28)
    assert train.images.shape == (60_000, 1, 28, 28)
    assert test.images.shape == (10_000, 1, 28, 28)
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64
    # Class counts of the original test labels.
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_files_cut_short_or_altered_while_unpacking_are_unpacked_again(root):
    before, _ = mnist.read(root, 28)
    images, labels = (RAW(root) / f.name for f in mnist.DOWNLOAD.files[:2])
    with images.open("r+b") as stream:
        stream.truncate(1_000_000)
    altered = bytearray(labels.read_bytes())
    altered[100] ^= 1
    labels.write_bytes(altered)
    after, _ = mnist.read(root, 28)
    assert (after.images == before.images).all()
    assert (after.labels == before.labels).all()


@pytest.mark.usefixtures("mirrored")
def test_half_an_archive_is_fetched_again(root):
    archive = RAW(root) / ARCHIVES[0].name
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    assert len(mnist.read(root, 28)[0]) == 60_000
    assert archive.read_bytes() == whole


@pytest.mark.usefixtures("mirrored")
def test_download_that_breaks_off_poisons_nothing(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(mirror, "breaks_off", True)
    with pytest.raises(DataMissing, match="could not be downloaded"):
        mnist.read(tmp_path, 28)
    assert mnist.DATASET.check(tmp_path).state == "download"
    monkeypatch.setattr(mirror, "breaks_off", False)
    assert len(mnist.read(tmp_path, 28)[0]) == 60_000


@pytest.mark.usefixtures("offline")
def test_truncated_archives_that_cannot_be_replaced_are_named_and_removed(small):
    with pytest.raises(DataBroken, match=r"train-images-idx3-ubyte\.gz has 100 bytes instead of 9,912,422"):
        mnist.read(small, 28)
    assert not list(RAW(small).glob("*.gz"))
    with pytest.raises(DataMissing):
        mnist.read(small, 28)


@pytest.mark.usefixtures("offline")
def test_archive_of_the_right_size_with_other_content_is_broken(small):
    file = ARCHIVES[3]
    (RAW(small) / file.name).write_bytes(b"x" * file.bytes)
    with pytest.raises(DataBroken, match=r"t10k-labels-idx1-ubyte\.gz has the wrong content"):
        mnist.read(small, 28)


@pytest.mark.usefixtures("offline")
def test_nothing_there_and_no_network_says_where_it_looked_and_how_to_get_it(tmp_path):
    start = time.monotonic()
    with pytest.raises(DataMissing) as caught:
        mnist.read(tmp_path, 28)
    assert time.monotonic() - start < 5
    for expected in (str(RAW(tmp_path)), "internet", "by hand", *(f.name for f in ARCHIVES)):
        assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_silent_network_gives_up_soon_and_leaves_the_time_limit_as_it_was(tmp_path, monkeypatch):
    from torchvision import datasets

    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts, and never says a word
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{deaf.getsockname()[1]}/"])
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(downloaded, "_OFFLINE_SECONDS", 0.2)
        with pytest.raises(DataMissing, match="could not be downloaded"):
            mnist.read(tmp_path, 28)
    assert socket.getdefaulttimeout() is None


@pytest.mark.usefixtures("offline")
def test_data_root_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "MNIST").write_text("a file where the folder should be")
    with pytest.raises(DataMissing, match="MNIST was not found"):
        mnist.read(tmp_path, 28)


def test_two_workers_do_not_fetch_at_the_same_time(tmp_path, monkeypatch):
    at_once, most, lock = [], [], threading.Lock()

    class Fetching:
        def __init__(self, root, download):
            with lock:
                at_once.append(self)
                most.append(len(at_once))
            time.sleep(0.1)
            at_once.remove(self)
            raise OSError("no network")

    monkeypatch.setattr(mnist, "_torchvision_mnist", lambda: Fetching)
    errors = []

    def work():
        try:
            mnist.read(tmp_path, 28)
        except DataMissing as error:
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(errors) == 2
    assert most == [1, 1]


@pytest.mark.usefixtures("offline")
def test_unverified_files_of_old_torchvision_are_not_read(tmp_path):
    processed = tmp_path / "MNIST" / "processed"
    processed.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(b"not a tensor")
    with pytest.raises(DataMissing):  # instead of an error from reading those
        mnist.read(tmp_path, 28)


def test_archives_and_sums_are_torchvisions():
    from torchvision import datasets

    assert [(f.name, f.md5) for f in ARCHIVES] == datasets.MNIST.resources


def test_availability_is_told_without_reading(tmp_path, mnist_root, small):
    assert mnist.DATASET.check(mnist_root).state == "ready"
    assert mnist.DATASET.check(tmp_path / "empty").state == "download"
    assert "11.6 MB" in mnist.DATASET.check(tmp_path / "empty").message
    assert mnist.DATASET.check(small).state == "download"
    assert "Truncated" in mnist.DATASET.check(small).message


def test_fingerprint_is_known_before_the_download(tmp_path):
    assert mnist.DATASET.fingerprint(tmp_path, 28) == mnist.DATASET.fingerprint(tmp_path / "elsewhere", 28)


OTHER_NAMES = {
    "dots for dashes": lambda name: name.replace("-idx", ".idx"),
    "underscores": lambda name: name.replace("-", "_"),
    "a folder of that name": lambda name: f"{name}/{name}",
    "beside the folder": lambda name: f"../{name}",
}


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("unpacked", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("way", OTHER_NAMES)
def test_the_right_files_under_other_names_are_accepted_by_size_and_md5(tmp_path, mnist_root, way, unpacked):
    for archive in ARCHIVES:
        content = (RAW(mnist_root) / archive.name).read_bytes()
        name = archive.name.removesuffix(".gz") if unpacked else archive.name
        place = RAW(tmp_path) / OTHER_NAMES[way](name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.decompress(content) if unpacked else content)
    found = mnist.DOWNLOAD.check(tmp_path)
    assert (found.state, "under other names" in found.message) == ("ready", True)
    train, test = mnist.read(tmp_path, 28)
    assert (len(train), np.bincount(test.labels).tolist()[0]) == (60_000, 980)


@pytest.mark.usefixtures("offline")
def test_files_that_are_none_of_them_are_named(tmp_path):
    RAW(tmp_path).mkdir(parents=True)
    (RAW(tmp_path) / "mnist_train.csv").write_text("5,0,0")
    (RAW(tmp_path) / "train-images.idx3-ubyte").write_bytes(bytes(47_040_016))  # its size alone
    with pytest.raises(DataMissing, match=r"by size and MD5: mnist_train\.csv, train-images\.idx3-ubyte\."):
        mnist.read(tmp_path, 28)
