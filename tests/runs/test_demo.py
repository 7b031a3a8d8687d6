"""The finished runs that ship with the code."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from ddcore.experiments import KINDS, spec
from ddcore.home import PROJECT
from ddcore.runs import upgrade
from ddcore.runs.store import Store

DEMO = PROJECT / "ddcore" / "demo"


@pytest.fixture
def store(home: Path) -> Store:
    return Store(demo=DEMO)


def test_demo_runs_are_whole_small_and_still_answers_to_their_own_question(store: Store) -> None:
    records = store.records()
    assert len(records) == len(list(DEMO.glob("*/*"))), "an unfinished folder is no run"
    assert {r.kind for r in records} == {"distill", "evaluate", "baseline", "describe", "flops", "search", "truth"}
    for record in records:
        assert (record.state, record.demo, record.problem) == ("done", True, None)
        assert spec(record.kind, record.name, record.config).key == record.id
        assert KINDS[record.kind].version(record.name) == record.info["version"]
    assert sum(f.stat().st_size for f in DEMO.rglob("*") if f.is_file()) < 950_000


def test_a_demo_set_shows_images_at_every_snapshot_and_stands_beside_its_controls(store: Store) -> None:
    for record in store.records("distill"):
        assert len(store.images(record.id).labels) == record.summary.images
        assert all(len(store.snapshot(record.id, step).labels) for step in store.snapshots(record.id))
    judged = {r.config["run"] for r in store.records("evaluate")}
    assert {r.id for r in store.records("distill")} <= judged


def test_the_accuracy_of_each_network_is_read_from_demo_runs_of_older_versions(store: Store) -> None:
    stored = [(record, record.info["summary"]) for record in store.records("evaluate")]
    older = [(record, told["accuracies"]) for record, told in stored if "accuracies" in told]
    assert older
    for record, accuracies in older:
        assert record.summary.accuracy is not None
        assert record.summary.accuracy.values == tuple(accuracies)
        assert record.summary.accuracy.mean == pytest.approx(statistics.mean(accuracies))


def test_what_a_demo_run_answers_is_told_again_as_it_is_stored_counts_as_whole_numbers(store: Store) -> None:
    for record in store.records():
        stored = upgrade.summary(record.info["summary"])
        stored.pop("accuracies", None)  # they stand with the accuracy
        assert json.dumps(record.summary.to_json(), sort_keys=True) == json.dumps(stored, sort_keys=True), record.kind


def test_demo_runs_name_no_folder_of_the_machine_that_made_them() -> None:
    for file in DEMO.rglob("*.json*"):
        text = file.read_text()
        assert not [place for place in ("/home/", "/root/", "/tmp/", "/Users/") if place in text]
