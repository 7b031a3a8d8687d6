"""What is kept of ten thousand runs: the same values in less memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from shelf import copy, many_like

from ddcore.home import PROJECT
from ddcore.runs import Store
from ddcore.runs.files import read_json
from ddcore.runs.slim import SPLIT, slim
from ddcore.runs.store import Moment
from ddcore.summary import Arithmetic, Source, Summary


@pytest.mark.parametrize("value", [
    {}, [], (), {"a": []}, {1: "a", "b": 2.0}, {"__class__": "a", "__dict__": 1, "": None}, [{"a": "b"}, ("c", 1.5)],
    {f"n{i}": str(i) for i in range(SPLIT + 1)}, {"b": "x", "a": "y"}, Arithmetic(half=True), Source(run="a", step=3),
    Summary(confusion=[[70_000, 1], [0, 2**63]], classes=("a", "b"), notes=("c",), arithmetic=Arithmetic(exact=True)),
])
def test_what_is_kept_is_equal_in_the_same_order(value: Any) -> None:
    kept = slim(value)
    assert kept == value
    assert repr(kept) == repr(value)
    assert type(kept) is type(value)
    if isinstance(value, Summary):
        assert kept.to_json() == value.to_json()


@pytest.mark.parametrize(("one", "other"), [
    ({"a": "x", "b": 0.0}, {"a": "x", "b": -0.0}), ({"a": "x", "b": 1}, {"a": "x", "b": True}), (["a", 1], ["a", 1.0]),
    (["a"], ("a",)), ({"a": "x", "b": 1}, {"b": 1, "a": "x"}), (Arithmetic(), Arithmetic(half=False)),
])
def test_what_is_equal_and_not_the_same_stays_apart(one: Any, other: Any) -> None:
    kept = [slim(one), slim(other)]
    assert [repr(each) for each in kept] == [repr(one), repr(other)]
    if isinstance(one, Arithmetic):
        assert [each.to_json() for each in kept] == [{}, {"half": False}]


@pytest.mark.parametrize("make", [
    lambda: {"lr": 0.1, "name": "".join(["a", "b"])}, lambda: ["".join(["a", "b"])], lambda: Arithmetic(half=True),
])
def test_what_is_the_same_is_kept_once(make: Any) -> None:
    assert slim(make()) is slim(make())


def test_evaluations_are_kept_in_seven_thousand_bytes_each(store: Store) -> None:
    copy(Store(store.root, PROJECT / "ddcore" / "demo").records("evaluate")[0], store.root)
    (run,) = store.records("evaluate")
    told = read_json(run.folder / "run.json")
    many_like(run, 300, lambda i: {"config": {**told["config"], "seed": i}})
    tracemalloc.start()
    try:
        records = Moment(store.root, store.demo).records()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert records[-1].summary.confusion == run.summary.confusion
    assert taken / 300 < 7000
