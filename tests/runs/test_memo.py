"""The memo: bytes only, never a result, never in the way."""

from __future__ import annotations

import ast
import contextlib
import os
import pickle
import sqlite3
from pathlib import Path

import pytest
from diskcache import Cache

from ddcore import home as places
from ddcore.runs import memo


@pytest.fixture(autouse=True)
def _home(home: Path):
    yield
    memo._open.cache_clear()


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_json_and_bytes_come_back():
    memo.put_json("flops:1", {"macs": [1, 2]})
    assert memo.get_json("flops:1") == {"macs": [1, 2]}
    assert memo.get_json("flops:2") is None
    memo.put_bytes("large", b"x" * 100_000)
    assert memo.get_bytes("large") == b"x" * 100_000


def test_the_folder_is_for_its_owner_only():
    memo.memo()
    assert places.memo_root().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("value", [1, 1.5, "text", None, [1], {"a": 1}, object()])
def test_only_bytes_are_stored(value):
    with pytest.raises(memo.NotBytesError, match="must be bytes"):
        memo.memo().set("key", value)
    with pytest.raises(memo.NotBytesError, match="must be text"):
        memo.memo().set(("a", value), b"")


@pytest.mark.parametrize("size", [0, 100_000])
def test_a_planted_pickle_is_refused_and_never_run(tmp_path: Path, size: int):
    memo.memo().close()
    with Cache(str(places.memo_root())) as plain:
        plain.set("key", [Bomb(tmp_path / "harm"), "x" * size])
    memo._open.cache_clear()
    with pytest.raises(memo.NotBytesError, match="refused"):
        memo.memo()["key"]
    assert memo.get_bytes("key") is None
    assert memo.get_json("key") is None
    assert not (tmp_path / "harm").exists()
    memo.put_json("key", 1)
    assert memo.get_json("key") == 1


def test_a_planted_pickled_key_is_refused(tmp_path: Path):
    memo.memo().close()
    with Cache(str(places.memo_root())) as plain:
        plain.set("good", b"")
    with sqlite3.connect(places.memo_root() / "cache.db") as database:
        database.execute("UPDATE Cache SET raw = 0, key = ?", (pickle.dumps(Bomb(tmp_path / "harm")),))
    memo._open.cache_clear()
    with pytest.raises(memo.NotBytesError):
        list(memo.memo())
    assert not (tmp_path / "harm").exists()


def test_a_file_outside_the_folder_is_not_read(tmp_path: Path):
    (tmp_path / "secret").write_bytes(b"secret")
    memo.put_bytes("key", b"x" * 100_000)
    with memo.memo().transact():
        memo.memo()._sql("UPDATE Cache SET filename = ?", (str(tmp_path / "secret"),))
    assert memo.get_bytes("key") is None


def test_a_damaged_memo_is_begun_again():
    places.memo_root().mkdir(parents=True)
    (places.memo_root() / "cache.db").write_bytes(b"this is no database" * 100)
    memo.put_json("a", 1)
    assert memo.get_json("a") == 1


@pytest.mark.parametrize("value", ["x", None, b"\0"])
def test_settings_that_somebody_planted_in_a_memo_are_not_followed(home: Path, value: object):
    memo.put_bytes("a", b"1")
    memo.memo().close()
    memo._open.cache_clear()
    with contextlib.closing(sqlite3.connect(places.memo_root() / "cache.db")) as base, base:
        assert base.execute("UPDATE Settings SET value = ? WHERE key = 'disk_min_file_size'", (value,)).rowcount == 1
    memo.put_bytes("b", b"2")
    assert (memo.get_bytes("a"), memo.get_bytes("b")) == (b"1", b"2")


def test_a_memo_that_cannot_be_written_costs_time_only(home: Path):
    (home / "memo").write_text("a file where the folder should be")
    memo.put_json("a", 1)
    assert memo.get_json("a") is None


def test_memoise_computes_once_for_equal_arguments_and_anew_for_another_version():
    calls = []

    def square(x: int, power: int = 2) -> dict:
        calls.append(x)
        return {"value": x**power}

    first = memo.memoise("1")(square)
    assert first(3) == first(x=3) == first(3, power=2) == {"value": 9}
    assert calls == [3]
    assert first(3, power=3) == {"value": 27}
    assert memo.memoise("2")(square)(3) == {"value": 9}
    assert calls == [3, 3, 3]


FORBIDDEN_IMPORTS = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"torch.load", "torch.save"}


@pytest.mark.slow
def test_nothing_in_the_code_pickles():
    sources = [*(places.PROJECT / "ddcore").rglob("*.py"), *(places.PROJECT / "pages").rglob("*.py")]
    assert len(sources) > 30
    found = []
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    used = {alias.name.partition(".")[0] for alias in names} & FORBIDDEN_IMPORTS
                case ast.ImportFrom(module=module):
                    used = {(module or "").partition(".")[0]} & FORBIDDEN_IMPORTS
                case ast.Attribute():
                    used = {ast.unparse(node)} & FORBIDDEN_CALLS
                case ast.keyword(arg="allow_pickle", value=value):
                    used = {"allow_pickle"} if ast.unparse(value) != "False" else set()
                case _:
                    used = set()
            found += [f"{source.name}: {name}" for name in used]
    assert found == []
