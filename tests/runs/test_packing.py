"""A run as one file: the same bytes there and back, and nothing that was not looked at."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save
from shelf import finished, question, sealed

from ddcore.errors import DDCoreError
from ddcore.experiments import KINDS, spec
from ddcore.experiments.base import digest
from ddcore.experiments.tsne import TsneSummary
from ddcore.home import PROJECT
from ddcore.runs import RunRecord, Store, key, packing, validation
from ddcore.runs.files import FolderUnusable, write_json
from ddcore.runs.packing import Arrived, RunRefused, pack, pack_all, unpack, unpack_all

Files = dict[str, bytes]
OBJECTS = (
    b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}".ljust(117) + b"\n\x80\x04N."
)


@pytest.fixture
def run(store: Store) -> RunRecord:
    return whole(store)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A packed run with everything that a run can have."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDCORE_HOME", str(home))
        store = Store(home / "runs", home / "demo")
        return packed(store, whole(store))


def whole(store: Store) -> RunRecord:
    """A finished run with everything that a run can have, a name and a tag."""
    record = finished(store, question(), accuracy={"mean": 0.5, "std": None, "n": 1})
    (record.folder / "pictures" / "final.png").write_bytes(png())
    (record.folder / "log.txt").write_text("10:00  Goes on from step 2.\n")
    np.save(record.folder / "rows.npy", np.arange(6.0))
    sealed(record)
    return store.annotate(record.id, name="the best", tags=["report"])


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """The store of another machine."""
    return Store(root=tmp_path / "other" / "runs", demo=tmp_path / "demo")


def png(width: int = 3, height: int = 2) -> bytes:
    """A small picture that says it has this size."""
    content = io.BytesIO()
    Image.new("RGB", (3, 2)).save(content, "PNG")
    head = b"IHDR" + struct.pack(">LL", width, height) + content.getvalue()[24:29]
    return content.getvalue()[:12] + head + struct.pack(">L", zlib.crc32(head)) + content.getvalue()[33:]


def packed(store: Store, run: RunRecord, heavy: bool = False) -> bytes:
    content = io.BytesIO()
    pack(store, run.id, content, heavy)
    return content.getvalue()


def files_of(content: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}


def remade(content: bytes, change: Callable[[Files], Any], **manifest: Any) -> bytes:
    """The same file after a change to what is in it, with the manifest that belongs to it: nobody's checksum is off."""
    files = files_of(content)
    told = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("manifest.json"))
    change(files)
    listed = [{"name": n, "bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in files.items()]
    return zipped({"manifest.json": json.dumps({**told, "files": listed, **manifest}).encode(), **files})


def zipped(files: Files, how: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", how) as archive:
        for name, one in files.items():
            archive.writestr(name, one)
    return content.getvalue()


def edit(file: str, /, **values: Any) -> Callable[[Files], None]:
    """Give a JSON file of a run other values."""
    return lambda files: files.update({file: json.dumps({**json.loads(files[file]), **values}).encode()})


def having(name: str, content: bytes) -> Callable[[Files], None]:
    return lambda files: files.update({name: content})


def pixels(shape: tuple[int, ...], value: float = 0.0) -> np.ndarray:
    return np.full(shape, value, np.float32)


def images(images: Any = None, labels: Any = None, **facts: Any) -> bytes:
    """images.safetensors of the shelf's run with something else in it."""
    images = pixels((10, 1, 8, 8)) if images is None else images
    labels = np.arange(10) if labels is None else labels
    told = {"classes": list("0123456789"), "mean": [0.3], "std": [0.25], "lr": None, **facts}
    return save({"images": images, "labels": labels}, metadata={n: json.dumps(v) for n, v in told.items()})


def bfloat16() -> bytes:
    header = json.dumps({"x": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0\0"


def left(store: Store) -> list[str]:
    """What lies in a store besides its lock."""
    return [p.name for p in store.root.iterdir() if p.name != ".lock"] if store.root.exists() else []


@pytest.mark.parametrize("heavy", [False, True])
def test_a_run_comes_back_with_the_same_key_and_the_same_bytes(
    store: Store, other: Store, run: RunRecord, heavy: bool
) -> None:
    content = packed(store, run, heavy)
    arrived = unpack(other, io.BytesIO(content), "best.ddrun")
    assert (arrived.record.key, arrived.record.state, arrived.new, arrived.missing) == (run.id, "done", True, ())
    assert not other.exists(run.id)
    assert arrived.record.user == run.user
    names = set(files_of(content))
    assert names >= {"run.json", "spec.json", "user.json", "events.jsonl", "log.txt", "images.safetensors",
                     "initial.safetensors", "snapshots/2.safetensors", "pictures/final.png"}
    assert ({"checkpoint.safetensors", "rows.npy"} <= names) == heavy
    for name in names:
        assert (arrived.record.folder / name).read_bytes() == (run.folder / name).read_bytes(), name
    assert packed(other, arrived.record, heavy) == content


def test_a_file_is_the_same_at_any_time_and_says_what_was_left_out(
    store: Store, run: RunRecord, tmp_path: Path
) -> None:
    made = pack(store, run.id, tmp_path / "one.ddrun")
    for path in run.folder.rglob("*"):
        os.utime(path, (1, 1))
    (run.folder / "job.json").write_text("{}")
    pack(store, run.id[:8], tmp_path / "two.ddrun")
    assert (tmp_path / "one.ddrun").read_bytes() == (tmp_path / "two.ddrun").read_bytes()
    assert made.bytes == (tmp_path / "one.ddrun").stat().st_size
    assert made.left_out == ("checkpoint.safetensors", "rows.npy")
    assert sorted(p.name for p in tmp_path.glob("*.ddrun*")) == ["one.ddrun", "two.ddrun"]


def test_only_a_finished_run_is_packed(store: Store) -> None:
    record = store.create(question())
    with pytest.raises(DDCoreError, match="is interrupted; only a finished run"):
        pack(store, record.id, io.BytesIO())


def test_a_run_of_a_kind_that_does_not_travel_is_not_packed(
    store: Store, run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS["distill"].__dict__, "travels", False)
    with pytest.raises(DDCoreError, match=f"^run {run.id} is a distill run, and these stay where they were computed$"):
        pack(store, run.id, io.BytesIO())


def test_every_run_that_ships_can_be_packed_and_brought(home: Path, other: Store) -> None:
    shipped = Store(demo=PROJECT / "ddcore" / "demo")
    ids = [record.id for record in shipped.records()]
    content = io.BytesIO()
    pack_all(shipped, ids, content)
    became = unpack_all(other, content, "runs.zip")
    assert [one.record.key for one in became if isinstance(one, Arrived)] == ids
    assert {record.state for record in other.records()} == {"done"}


def test_a_run_that_is_here_already_stays_as_it_is(store: Store, run: RunRecord) -> None:
    content = packed(store, run)
    store.annotate(run.id, name="renamed here")
    arrived = unpack(store, io.BytesIO(content))
    assert not arrived.new
    assert arrived.record.user["name"] == "renamed here"
    assert arrived.record.imported is None


def test_a_run_with_other_content_comes_to_lie_beside_the_one_that_was_computed_here(
    store: Store, run: RunRecord
) -> None:
    content = packed(store, run)
    (run.folder / "events.jsonl").write_text('{"event": "step", "step": 1}\n')
    arrived = unpack(store, io.BytesIO(content))
    assert arrived.new
    assert sorted(record.id for record in store.records()) == [run.id, arrived.record.id]
    assert (store.record(run.id).imported, arrived.record.key) == (None, run.id)


def test_of_two_imports_with_one_key_the_second_is_refused_until_the_first_is_put_away(
    content: bytes, other: Store
) -> None:
    first = unpack(other, io.BytesIO(content)).record
    second = remade(content, having("events.jsonl", b'{"event": "step", "step": 1}\n'))
    with pytest.raises(RunRefused, match=rf"{first.id} was imported before, with other content \(events\.jsonl\)"):
        unpack(other, io.BytesIO(second))
    assert not unpack(other, io.BytesIO(content)).new
    other.trash(first.id)
    assert unpack(other, io.BytesIO(second)).record.id != first.id


def test_a_run_that_is_being_computed_here_is_not_touched(store: Store, run: RunRecord) -> None:
    content = packed(store, run)
    (run.folder / "run.json").unlink()
    assert unpack(store, io.BytesIO(content)).record.id != run.id
    assert store.record(run.id).state == "interrupted"


def test_what_was_brought_says_when_and_from_which_file(content: bytes, other: Store) -> None:
    record = unpack(other, io.BytesIO(content), "C:\\data\\../best.ddrun").record
    came = record.imported
    assert came is not None
    assert came["file"] == "best.ddrun"
    assert abs(came["when"] - time.time()) < 60


def test_parents_that_are_not_here_are_told(store: Store, other: Store, run: RunRecord) -> None:
    info = json.loads((run.folder / "run.json").read_text())
    told = key.of_stored({**info, "parents": ["0" * 16]})
    changed, run_id = edit("run.json", parents=["0" * 16], **told), told["id"]
    content = remade(packed(store, run), lambda files: (changed(files), files.pop("spec.json")), id=run_id)
    assert unpack(other, io.BytesIO(content)).missing == ("0" * 16,)


def test_a_run_of_a_kind_that_is_not_known_here_is_held_to_what_entered_its_key(
    store: Store, other: Store, run: RunRecord
) -> None:
    info = json.loads((run.folder / "run.json").read_text())
    asked = {"kind": "hunt", "name": "tpe", "version": 1, "dataset": None, "parents": []}
    run_id = digest({**asked, "config": {"trials": 3}})
    told = {**info, **asked, "id": run_id, "config": {"trials": 3, "device": "cpu"}, "in_key": {"trials": 3}}

    def of(told: dict[str, Any]) -> io.BytesIO:
        content = zipped({"manifest.json": b'{"files": []}', "run.json": json.dumps(told).encode()})
        return io.BytesIO(remade(content, lambda files: None, format=1, id=run_id, kind="hunt"))

    hunt = unpack(other, of(told)).record
    assert hunt.kind == "hunt"
    other.trash(hunt.id)
    with pytest.raises(RunRefused, match="two values for 'trials'"):
        unpack(other, of({**told, "config": {"trials": 4}}))
    with pytest.raises(RunRefused, match="cannot be told here: no kind of run 'hunt'"):
        unpack(other, of({n: v for n, v in told.items() if n != "in_key"}))


CONTENTS: dict[str, tuple[Callable[[Files], Any], str]] = {
    "another parameter": (edit("run.json", in_key={}), "is not the key of the question"),
    "a parameter told twice": (edit("run.json", config={"ipc": 7}), "two values for 'ipc'"),
    "another id": (edit("run.json", id="f" * 16), "the folder was renamed or copied"),
    "a list for an answer": (having("run.json", b"[1]"), "run.json holds a list, not an object"),
    "NaN": (lambda f: f.update({"run.json": f["run.json"].replace(b'"mean": 0.5', b'"mean": NaN')}), "NaN is no JSON"),
    "an accuracy in words": (edit("run.json", summary={"accuracy": "good"}), "its 'accuracy' is 'good'"),
    "notes that are no texts": (edit("run.json", summary={"notes": [{}]}), r"its 'notes\.0' is {}"),
    "a time in another age": (edit("run.json", times={"submitted": 1e300}), "its 'times' is {'submitted': 1e[+]300}"),
    "a time of digits": (edit("run.json", times={"submitted": 10**400}), "its 'times' is {'submitted': 1000"),
    "another family": (edit("run.json", family="f" * 16), "has the family 'ffffffffffffffff', its question has '"),
    "another length": (edit("run.json", length=5), "has the length 5, its question has None"),
    "parents by path": (edit("run.json", parents=["../x"]), "names parents that are no run ids"),
    "nested parameters": (edit("run.json", config={"a": {}}), "its 'config' is {'a': {}}"),
    "a parameter with a picture": (edit("run.json", config={"run": "![](http://x/y.png)"}), "gives 'run' values"),
    "a note with a picture": (edit("run.json", summary={"why": [{"x": "![](http://x/y.png)"}]}), "holds a picture in"),
    "a name with a picture": (edit("run.json", name="<img src=x>"), "has the name '<img src=x>'"),
    "another run's question": (edit("spec.json", id="f" * 16), "spec.json is that of another run"),
    "a tag that is a number": (edit("user.json", tags=[1]), "user.json must give name, tags and note as texts"),
    "a name without end": (edit("user.json", name="x" * 201), "a name may have 200 characters, 'xxx"),
    "half a line": (having("events.jsonl", b'{"event": "step"}\n{"ev'), "events.jsonl line 2 is not JSON"),
    "lines that are numbers": (having("events.jsonl", b"1\n" * 9), "events.jsonl has more problems like these"),
    "a log in bytes": (having("log.txt", b"\xff"), "log.txt is not text"),
    "no picture": (having("pictures/final.png", b"<svg/>"), r"final\.png is not a whole PNG"),
    "a cut picture": (having("pictures/final.png", png()[:40]), r"final\.png is not a whole PNG"),
    "a huge picture": (having("pictures/final.png", png(50_000, 1000)), "has 50,000,000 pixels, allowed are"),
    "no tensors": (having("images.safetensors", b"\x80\x04."), r"images\.safetensors is not a safetensors file"),
    "an unknown type": (having("network.safetensors", bfloat16()), "holds 'x' of type BF16"),
    "weights without end": (having("network.safetensors", save({"w": np.array([np.inf])})), "holds 'w' with values"),
    "flat images": (having("images.safetensors", images(np.zeros((10, 64), np.float32))), r"holds images \(10, 64\)"),
    "images of another size": (having("images.safetensors", images(pixels((10, 3, 9, 9)))), "expected are 1×8×8"),
    "no images": (having("images.safetensors", images(pixels((0, 1, 8, 8)), np.zeros(0, int))), "holds 0 images"),
    "a pixel that is no number": (
        having("initial.safetensors", images(pixels((10, 1, 8, 8), np.nan))), r"initial\.safetensors holds 'images'",
    ),
    "a label too many": (having("images.safetensors", images(labels=np.full(10, 10))), "labels from 10 to 10 for 10"),
    "too few labels": (having("images.safetensors", images(labels=np.arange(3))), r"but labels \(3,\)"),
    "other classes": (having("images.safetensors", images(classes=list("abcdefghij"))), "other classes than the data"),
    "classes without end": (having("images.safetensors", images(classes=5)), "does not say its classes"),
    "a mean in words": (having("images.safetensors", images(mean=["x"])), "mean and std of its 1 channels"),
    "a mean of digits": (having("images.safetensors", images(mean=[10**400])), "mean and std of its 1 channels"),
    "no channels": (
        having("images.safetensors", images(pixels((10, 0, 8, 8)), mean=[], std=[])), "holds 10 images of 0×8×8",
    ),
    "a learning rate of digits": (having("images.safetensors", images(lr=10**400)), "which is no finite number"),
    "no spread": (having("images.safetensors", images(std=[0])), "a std of 0; it must be above 0"),
    "a learning rate in words": (having("images.safetensors", images(lr="fast")), "learning rate 'fast'"),
    "a snapshot of another shape": (
        having("snapshots/1.safetensors", save({"images": np.zeros((1, 1, 8, 8), np.float16)})),
        r"snapshots/1\.safetensors is no snapshot",
    ),
    "a snapshot with other labels": (
        having("snapshots/1.safetensors", save({"images": np.zeros((10, 1, 8, 8), np.float16),
                                                "label_logits": np.zeros((10, 9), np.float32)})),
        r"but label logits \(10, 9\)",
    ),
    "a snapshot with half a rate": (
        having("snapshots/1.safetensors", save({"images": np.zeros((10, 1, 8, 8), np.float16)}, metadata={"lr": "["})),
        "does not tell its learning rate",
    ),
    "snapshots without a start": (lambda f: f.pop("initial.safetensors"), r"cannot be looked at without initial\.saf"),
    "objects for an array": (having("rows.npy", OBJECTS), r"rows\.npy is not a plain array"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_what_no_run_writes_is_refused_and_leaves_nothing(case: str, content: bytes, other: Store) -> None:
    change, said = CONTENTS[case]
    with pytest.raises(RunRefused, match=said):
        unpack(other, io.BytesIO(remade(content, change)), "best.ddrun")
    assert left(other) == []


def renamed(old: str, new: str) -> Callable[[Files], None]:
    return lambda files: files.update({new: files.pop(old)})


def linked(content: bytes) -> bytes:
    """One of the files is told to be a symbolic link."""
    at = content.rindex(b"PK\1\2")
    return content[: at + 38] + struct.pack("<L", 0o120777 << 16) + content[at + 42 :]


def flagged(content: bytes) -> bytes:
    at = content.rindex(b"PK\1\2")
    return content[: at + 8] + struct.pack("<H", 1) + content[at + 10 :]


def twice(content: bytes) -> bytes:
    out = io.BytesIO(content)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(out, "a") as archive:
        archive.writestr("run.json", "{}")
    return out.getvalue()


def damaged(content: bytes) -> bytes:
    return content.replace(b'"event": "step"', b'"event": "stop"')


def compressed(content: bytes) -> bytes:
    return zipped({"manifest.json": b"{}", **files_of(content)}, zipfile.ZIP_DEFLATED)


def patched(content: bytes, at: int, value: bytes) -> bytes:
    """Other bytes at a place in the directory's entry of the last file."""
    at += content.rindex(b"PK\1\2")
    return content[:at] + value + content[at + len(value) :]


def head(content: bytes, at: int, value: bytes) -> bytes:
    """Other bytes at a place in the head that stands before the last file itself."""
    at += content.rindex(b"PK\3\4")
    return content[:at] + value + content[at + len(value) :]


def larger(content: bytes) -> bytes:
    """The directory says that a file is larger than it is."""
    at = content.rindex(b"PK\1\2")
    return content[: at + 20] + struct.pack("<LL", 10**9, 10**9) + content[at + 28 :]


ARCHIVES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda c: b"", "it is no packed run"),
    "no zip": (lambda c: b"run " * 100, "it is no packed run"),
    "cut short": (lambda c: c[:-9], "it is no packed run, or it was cut short"),
    "cut in the middle": (lambda c: c[: len(c) // 2] + c[-22:], "it is damaged"),
    "larger than 2 GB": (lambda c: c[:-22] + b"PK\6\7" + bytes(16) + c[-22:], "it is no packed run"),
    "a directory without end": (lambda c: c[:-10] + struct.pack("<LLH", 2**31, 0, 0), "allowed are"),
    "a directory beyond the file": (lambda c: c[:-6] + struct.pack("<LH", 2**31, 0), "json cannot be read"),
    "a directory of nothing": (lambda c: c[:-14] + struct.pack("<2H2LH", 1, 1, 0, len(c) - 22, 0), "lists none"),
    "patched data": (lambda c: patched(c, 8, b"\x20\0"), "is damaged: its content is not what was packed"),
    "a place beyond the file": (lambda c: patched(c, 42, struct.pack("<L", 2**31)), "is damaged"),
    "a flipped byte before a file": (lambda c: head(c, 0, b"PX"), "is damaged: its content is not what was packed"),
    "another name before a file": (lambda c: head(c, 30, b"\xff"), "is damaged: its content is not what was packed"),
    "a name in no alphabet": (
        lambda c: head(patched(c, 8, b"\0\x08"), 6, b"\0\x08" + bytes(22) + b"\xff"), "is damaged",
    ),
    "a zip of nothing": (lambda c: zipped({}), "in 0 files"),
    "no manifest": (lambda c: zipped(files_of(c)), "must begin with manifest.json"),
    "no answer": (lambda c: remade(c, lambda f: f.pop("run.json")), "and hold run.json"),
    "a way up": (lambda c: remade(c, renamed("log.txt", "../log.txt")), "'../log.txt' is no file that a run has"),
    "a place elsewhere": (lambda c: remade(c, renamed("log.txt", "/tmp/log.txt")), "'/tmp/log.txt' is no file that"),
    "a way up within": (lambda c: remade(c, renamed("log.txt", "pictures/../../x.png")), "is no file that a run has"),
    "code": (lambda c: remade(c, renamed("log.txt", "model.pkl")), "'model.pkl' is no file that a run has"),
    "a job": (lambda c: remade(c, renamed("log.txt", "job.json")), "'job.json' is no file that a run has"),
    "the marker": (lambda c: remade(c, renamed("log.txt", "imported.json")), "'imported.json' is no file"),
    "other digits": (lambda c: remade(c, renamed("snapshots/1.safetensors", "snapshots/١.safetensors")), "is no file"),
    "a link": (linked, "is a link, a folder or a device"),
    "a folder": (lambda c: remade(c, having("pictures/", b"")), "is a link, a folder or a device"),
    "a password": (flagged, "is encrypted"),
    "a file twice": (twice, "'run.json' is in it more than once"),
    "compressed": (compressed, "is compressed"),
    "files that share bytes": (larger, "more bytes together than it has itself"),
    "a changed byte": (damaged, r"events\.jsonl is damaged"),
    "a log without end": (
        lambda c: remade(c, having("log.txt", b" " * (16 * 2**20 + 1))), "has 16,777,217 bytes, allowed are 16,777,216",
    ),
    "a newer format": (lambda c: remade(c, lambda f: None, format=2), "format 2; this version of the app reads 1"),
    "an id by path": (lambda c: remade(c, lambda f: None, id="../../x"), "does not tell id, kind and files"),
    "a kind by path": (lambda c: remade(c, lambda f: None, kind="../x"), "does not tell id, kind and files"),
    "files in words": (lambda c: remade(c, lambda f: None, files=["run.json"]), "does not tell id, kind and files"),
    "another manifest": (lambda c: remade(c, lambda f: None, files=[]), "its manifest tells other files and sizes"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_an_archive_that_we_did_not_make_is_refused_and_leaves_nothing(case: str, content: bytes, other: Store) -> None:
    make, said = ARCHIVES[case]
    with pytest.raises(RunRefused, match=said) as refused:
        unpack(other, io.BytesIO(make(content)), "x.ddrun")
    assert str(refused.value).startswith("x.ddrun: ")
    assert left(other) == []


def test_all_problems_of_a_file_are_told_at_once(content: bytes, other: Store) -> None:
    def change(files: Files) -> None:
        files |= {"log.txt": b"\xff", "pictures/final.png": b"", "images.safetensors": images(std=[0])}

    with pytest.raises(RunRefused) as refused:
        unpack(other, io.BytesIO(remade(content, change)))
    assert [problem.split()[0] for problem in refused.value.problems] == ["log.txt", "pictures/final.png",
                                                                           "images.safetensors"]


def test_of_very_many_problems_the_first_are_told(content: bytes, other: Store) -> None:
    many = remade(content, lambda files: files.update({f"{n}.pkl": b"" for n in range(1000)}))
    with pytest.raises(RunRefused, match=r"'0\.pkl' is no file that a run has; .*; and 980 more"):
        unpack(other, io.BytesIO(many))


def test_a_good_run_behind_a_bent_one_is_taken_in(content: bytes, other: Store) -> None:
    for bent in (patched(content, 8, b"\x20\0"), content[:-6] + struct.pack("<LH", 2**31, 0),
                 remade(content, having("images.safetensors", images(mean=[10**400])))):
        refused, arrived = unpack_all(other, io.BytesIO(zipped({"a.ddrun": bent, "b.ddrun": content})))
        assert isinstance(refused, RunRefused)
        assert refused.called == "a.ddrun"
        assert isinstance(arrived, Arrived)
        other.trash(arrived.record.id)
        other.purge(arrived.record.id)
    (refused,) = unpack_all(other, io.BytesIO(patched(zipped({"a.ddrun": content}), 8, b"\x20\0")))
    assert str(refused).startswith("a.ddrun: it is damaged")


def test_a_zip_that_lists_nothing_is_refused(content: bytes, other: Store) -> None:
    (refused,) = unpack_all(other, io.BytesIO(ARCHIVES["a directory of nothing"][0](content)), "x.zip")
    assert str(refused) == "x.zip: it is damaged: it says that it holds files and lists none"


def test_several_runs_come_in_one_zip_and_a_bad_one_spoils_nothing(store: Store, other: Store, run: RunRecord) -> None:
    second = finished(store, question(seed=2))
    (second.folder / "pictures" / "final.png").write_bytes(png())
    sealed(second)
    content = io.BytesIO()
    pack_all(store, [run.id, second.id, run.id], content)
    files = files_of(content.getvalue())
    assert list(files) == [f"{run.id}.ddrun", f"{second.id}.ddrun"]
    files[f"{run.id}.ddrun"] = files[f"{run.id}.ddrun"][:-5]
    refused, arrived = unpack_all(other, io.BytesIO(zipped(files)))
    assert isinstance(refused, RunRefused)
    assert str(refused).startswith(f"{run.id}.ddrun: it is no packed run")
    assert isinstance(arrived, Arrived)
    assert [record.key for record in other.records()] == [second.id]


def test_a_zip_of_several_is_held_to_the_same_rules(content: bytes, other: Store) -> None:
    for bad, said in ((larger(zipped({"a.ddrun": content})), "more bytes together than it has itself"),
                      (zipped({"a.ddrun": content}, zipfile.ZIP_DEFLATED), "'a.ddrun' is compressed"),
                      (zipped({"../a.ddrun": content[:-1]}), "a.ddrun: it is no packed run")):
        (refused,) = unpack_all(other, io.BytesIO(bad), "runs.zip")
        assert said in str(refused)
    assert left(other) == []


def test_nothing_is_packed_that_could_not_be_brought(
    store: Store, run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(run.folder / "log.txt", "wb") as log:
        log.truncate(2**24 + 1)
    monkeypatch.setattr(packing, "MAX_FILES", 5)
    with pytest.raises(DDCoreError, match=r"log\.txt has 16,777,217 bytes, allowed are 16,777,216; it has \d+ files, "):
        pack(store, run.id, io.BytesIO())


def test_several_runs_are_too_much_together_before_they_are_written(
    store: Store, run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = finished(store, question(seed=2))
    monkeypatch.setattr(packing, "MOST_BYTES", len(packed(store, run)) + 1)
    with pytest.raises(DDCoreError, match="the first 2 of these runs have"):
        pack_all(store, [run.id, second.id], io.BytesIO())


def test_files_are_opened_one_by_one(store: Store, run: RunRecord) -> None:
    import resource

    for step in range(200):
        (run.folder / "snapshots" / f"{step + 10}.safetensors").write_bytes(b"")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 50, hard))
    try:
        assert pack(store, run.id, io.BytesIO()).files > 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_file_that_changes_while_it_is_packed_is_told(
    store: Store, run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = packing._file

    def then_changed(folder: Path, name: str) -> packing.File:
        found = file(folder, name)
        if name == "log.txt":
            (folder / name).write_text("another log of about the same length")
        return found

    monkeypatch.setattr(packing, "_file", then_changed)
    with pytest.raises(DDCoreError, match=r"log\.txt of run .* was changed meanwhile"):
        pack(store, run.id, io.BytesIO())


def test_a_file_that_is_not_there_is_said(other: Store, tmp_path: Path) -> None:
    (refused,) = unpack_all(other, tmp_path / "gone.ddrun")
    assert str(refused) == "gone.ddrun: it cannot be read: No such file or directory"


def test_a_run_that_ships_still_answers_beside_an_import_with_other_content(store: Store, run: RunRecord) -> None:
    content = packed(store, run)
    store.demo.mkdir()
    os.replace(run.folder.parent, store.demo / "distill")
    assert not unpack(store, io.BytesIO(content)).new
    (store.demo / "distill" / run.id / "events.jsonl").unlink()
    arrived = unpack(store, io.BytesIO(content))
    assert arrived.new
    assert store.record(run.id).demo
    assert {record.id for record in store.records()} == {run.id, arrived.record.id}


def test_a_full_disk_is_said_before_anything_is_copied(
    content: bytes, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 10}))
    with pytest.raises(FolderUnusable, match="the disk is too small"):
        unpack(other, io.BytesIO(content))
    assert left(other) == []


def test_what_a_dead_process_left_is_swept_away_after_a_day(content: bytes, other: Store) -> None:
    dead, young = other.root / ".arriving-dead", other.root / ".arriving-young"
    for folder in (dead, young):
        folder.mkdir(parents=True)
    os.utime(dead, (1, 1))
    arrived = unpack(other, io.BytesIO(content))
    assert sorted(left(other)) == [".arriving-young", "distill"]
    assert other.records() == [arrived.record]


def test_links_in_a_run_folder_are_not_followed(store: Store, run: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (run.folder / "log.txt").unlink()
    (run.folder / "log.txt").symlink_to(tmp_path / "secret.txt")
    assert "log.txt" not in validation.names(run.folder)
    assert b"secret" not in packed(store, run)


def test_a_run_says_what_entered_its_key(store: Store, run: RunRecord) -> None:
    assert run.stored()["in_key"]["ipc"] == 1
    assert "device" not in run.stored()["in_key"]
    write_json(run.folder / "run.json", {n: v for n, v in run.stored().items() if n != "in_key"})
    assert validation.problems(run.folder) == []


def space(**other: np.ndarray) -> bytes:
    """space.safetensors of a map of 4 real and 2 synthetic images, with something else in it."""
    found = {"real": pixels((4, 2)), "real_labels": np.arange(4), "synthetic": pixels((2, 2)), "labels": np.arange(2),
             "run": np.zeros(2, int)}
    return save({name: array for name, array in {**found, **other}.items() if array is not None})


ARRAYS: dict[str, tuple[bytes | None, str]] = {
    "as it should be": (space(), ""),
    "nothing": (None, "space.safetensors is missing"),
    "one array": (space(real=None), "space.safetensors holds no real"),
    "three columns": (space(real=pixels((4, 3))), "holds 'real' as float32 (4, 3), which no run writes there"),
    "labels of no image": (space(labels=np.array([99])), "holds 'labels' as int64 (1,)"),
    "labels of no class": (space(labels=np.array([0, 99])), "holds 'labels' from 0 to 99, there are 10"),
    "labels in fractions": (space(real_labels=pixels((4,))), "holds 'real_labels' as float32 (4,)"),
    "images of no run": (space(run=np.array([0, 1])), "holds 'run' from 0 to 1, there are 1"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_the_arrays_of_a_kind_are_held_to_what_pages_read(case: str, store: Store) -> None:
    content, said = ARRAYS[case]
    record = store.create(spec("distill", "random", {"dataset": "digits", "ipc": 1}))
    folder = store.root / "tsne" / record.id
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "space.safetensors").write_bytes(content)
    told = RunRecord(record.id, "tsne", "tsne", "done", record.config, TsneSummary(runs=("a" * 16,)), {}, {}, False,
                     folder, None, 0.0)
    assert [problem.removeprefix("space.safetensors ")[: len(said)] for problem in validation._arrays(told)] == [
        said.removeprefix("space.safetensors ")
    ] * bool(said)


def test_a_set_of_a_shipped_data_set_is_normalised_as_that_is(store: Store) -> None:
    from ddcore.data import DATASETS
    from ddcore.runs.images import Images

    facts = DATASETS["mnist"]
    assert facts.mean
    assert facts.std
    given = pixels((10, 1, 28, 28)), np.arange(10), facts.classes
    assert not list(validation._set(Images(*given, facts.mean, facts.std), (1, 28, 28), facts))
    (wrong,) = validation._set(Images(*given, (0.5,), facts.std), (1, 28, 28), facts)
    assert wrong.startswith("has mean (0.5,) and std (0.3081,), those of mnist are (0.1307,)")
