"""A mirror on this machine, and tiny versions of what torchvision fetches, in the formats of the true ones."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import io
import pickle
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ddcore.data import cifar10, fashionmnist, svhn
from ddcore.data.base import Split
from ddcore.data.downloaded import File, Kept

NOWHERE = "file:///nowhere/"


class Mirror(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; breaks off half-way through every file while `breaks_off`."""

    breaks_off = False

    def copyfile(self, source, outputfile):
        content = source.read()
        outputfile.write(content[: len(content) // 2] if self.breaks_off else content)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror() -> type[Mirror]:
    """The one that `serve` serves with."""
    return Mirror


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """serve(folder) is the address of a server on this machine that has the files of the folder."""
    servers = []

    def start(folder: Path) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Mirror, directory=str(folder)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Tiny:
    """A tiny version of a data set: its archives lie in `handed`, and `at(address)` is where torchvision asks for them.

    train, test: what reading has to give.
    """

    download: Kept
    handed: Path
    at: Callable[[str], None]
    train: Split
    test: Split

    def placed(self, root: Path) -> Path:
        """The data root, with the archives in it."""
        self.download.folder(root).mkdir(parents=True, exist_ok=True)
        for archive in self.download.archives:
            shutil.copyfile(self.handed / archive.name, self.download.folder(root) / archive.name)
        return root


@pytest.fixture
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
         monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """The tiny version of the data set that the test is parametrised with; no mirror has it."""
    handed = tmp_path_factory.mktemp("handed")
    made = {"fashionmnist": _fashionmnist, "cifar10": _cifar10, "svhn": _svhn}[request.param](handed, monkeypatch)
    made.at(NOWHERE)
    return made


def _split(n: int, channels: int, side: int) -> Split:
    labels = np.arange(n) * 7 % 10
    return Split(np.random.default_rng(n).integers(0, 256, (n, channels, side, side), dtype=np.uint8), labels)


def _file(folder: Path, name: str, contents: tuple[File, ...] = ()) -> File:
    content = (folder / name).read_bytes()
    return File(name, len(content), hashlib.md5(content).hexdigest(), contents)


def _fashionmnist(handed: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    from torchvision import datasets

    train, test = _split(40, 1, 28), _split(20, 1, 28)
    for part, split in (("train", train), ("t10k", test)):
        head = len(split).to_bytes(4, "big")
        images = bytes([0, 0, 8, 3]) + head + 2 * (28).to_bytes(4, "big") + split.images.tobytes()
        (handed / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        labels = bytes([0, 0, 8, 1]) + head + split.labels.astype(np.uint8).tobytes()
        (handed / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    archives = tuple(_file(handed, archive.name) for archive in fashionmnist.DOWNLOAD.archives)
    monkeypatch.setattr(datasets.FashionMNIST, "resources", [(f.name, f.md5) for f in archives])

    def at(address: str) -> None:
        monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [address])

    return Tiny(replace(fashionmnist.DOWNLOAD, archives=archives, package=None), handed, at, train, test)


def _cifar10(handed: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    from torchvision import datasets

    train, test = _split(40, 3, 32), _split(20, 3, 32)
    batches = [(f"data_batch_{i + 1}", train, slice(8 * i, 8 * i + 8)) for i in range(5)]
    batches += [("test_batch", test, slice(None))]
    folder = handed / "cifar-10-batches-py"
    folder.mkdir()
    for name, split, part in batches:
        kept = {"data": split.images[part].reshape(-1, 3 * 32 * 32), "labels": split.labels[part].tolist()}
        (folder / name).write_bytes(pickle.dumps(kept, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(cifar10.DATASET.classes)}, protocol=2))
    contents = tuple(_file(handed, f"{folder.name}/{name}") for name, *_ in batches)
    with tarfile.open(handed / "cifar-10-python.tar.gz", "w:gz") as tar:
        tar.add(folder, folder.name)
    shutil.rmtree(folder)
    archive = _file(handed, "cifar-10-python.tar.gz", contents)
    sums = [[Path(f.name).name, f.md5] for f in contents]
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", archive.md5)
    monkeypatch.setattr(datasets.CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", sums[5:])

    def at(address: str) -> None:
        monkeypatch.setattr(datasets.CIFAR10, "url", f"{address}{archive.name}")

    return Tiny(replace(cifar10.DOWNLOAD, archives=(archive,)), handed, at, train, test)


def _svhn(handed: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    from scipy.io import savemat
    from torchvision import datasets

    splits = {"train": _split(40, 3, 32), "test": _split(20, 3, 32)}
    for part, split in splits.items():
        labels = np.where(split.labels == 0, 10, split.labels).astype(np.uint8)[:, None]
        content = io.BytesIO()
        savemat(content, {"X": split.images.transpose(2, 3, 1, 0), "y": labels}, do_compression=True)
        (handed / f"{part}_32x32.mat").write_bytes(content.getvalue())
    archives = tuple(_file(handed, archive.name) for archive in svhn.DOWNLOAD.archives)

    def at(address: str) -> None:
        for part, file in zip(splits, archives, strict=True):
            monkeypatch.setitem(datasets.SVHN.split_list, part, [f"{address}{file.name}", file.name, file.md5])

    return Tiny(replace(svhn.DOWNLOAD, archives=archives), handed, at, *splits.values())
