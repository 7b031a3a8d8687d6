"""The finished runs that ship with the code."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import make_demo
from ddcore.evaluation import plans
from ddcore.experiments import KINDS, search, spec
from ddcore.experiments.search_results import TruthSummary
from ddcore.home import PROJECT
from ddcore.methods import METHODS, quick
from ddcore.presets import Preset
from ddcore.runs import upgrade
from ddcore.runs.store import Store

DEMO = PROJECT / "ddcore" / "demo"


@pytest.fixture
def store(home: Path) -> Store:
    return Store(demo=DEMO)


def test_demo_runs_are_whole_small_and_still_answers_to_their_own_question(store: Store) -> None:
    records = store.records()
    assert len(records) == len(list(DEMO.glob("*/*"))), "an unfinished folder is no run"
    assert {r.kind for r in records} == {"distill", "evaluate", "baseline", "describe", "flops", "search", "truth",
                                         "sweep"}
    for record in records:
        assert (record.state, record.demo, record.problem) == ("done", True, None)
        assert spec(record.kind, record.name, record.config).key == record.id
        assert KINDS[record.kind].version(record.name) == record.info["version"]
    assert sum(f.stat().st_size for f in DEMO.rglob("*") if f.is_file()) < 4_000_000


def test_a_demo_set_shows_images_at_every_snapshot_and_stands_beside_its_controls(store: Store) -> None:
    pictured = [record for record in store.records("distill") if (record.folder / "images.safetensors").exists()]
    bare = {record.id for record in store.records("distill")} - {record.id for record in pictured}
    cells = [make_demo.sizes().config.cell({"ipc": ipc}, make_demo.SEED) for ipc in (20, 50)]
    assert bare == {run for cell in cells for run in (cell.distil.key, cell.control[0].key)}, "those that are large"
    for record in pictured:
        assert len(store.images(record.id).labels) == record.summary.images
        assert all(len(store.snapshot(record.id, step).labels) for step in store.snapshots(record.id))
    judged = {r.config["run"] for r in store.records("evaluate")}
    assert {r.id for r in store.records("distill")} <= judged


@pytest.mark.parametrize("protocol", ["course", "quick"])
def test_the_five_shipped_sets_are_judged_alike_on_one_network_beside_all_their_controls(
    store: Store, protocol: str
) -> None:
    sets = {r.name: r for r in store.records("distill") if r.id in {make_demo.small_set(n).key for n in make_demo.SETS}}
    assert set(sets) == {"random", "herding", "datadam", "dm", "pad"}
    assert {(r.config["dataset"], r.config["ipc"]) for r in sets.values()} == {("mnist", 10)}
    question = plans.Question(protocol, nets=5, network=quick.network("mnist"))
    for name, record in sets.items():
        made_with = {option: record.config.get(option) for option in plans.NETWORK_PARAMS}
        plan = plans.plan(record, question)
        known = plans.outcome(plan, store)
        assert name == "random" or made_with == known["network"]
        assert known["accuracy"]["n"] == 5
        networks = {role: one and one["n"] for role, one in known["controls"].items()}
        assert networks.pop("full") == make_demo.FULL.get(protocol)
        assert {networks[role] for role, one in plan.controls.items() if one} == {5}, name


def test_no_shipped_run_answers_what_somebody_asks_first_with_a_preset(store: Store) -> None:
    shipped = {record.id for record in store.records()}
    asked = [spec(kind, name, {"dataset": dataset, **values}).key
             for dataset in ("digits", "mnist") for kind, name, values in first_questions(dataset)]
    assert len(asked) > 2 * len(METHODS)
    assert not shipped & set(asked)


def first_questions(dataset: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(kind, name, values) of what the pages ask before anything is changed in a form, with every preset."""
    for method in METHODS.values():
        yield from (("distill", method.name, one.for_dataset(dataset)) for one in (*method.presets, Preset("", "", {})))
    yield from (("search", "search", one.for_dataset(dataset)) for one in search.PRESETS)
    yield "baseline", "baseline", {}


def test_the_shipped_search_has_networks_that_differ_and_a_truth_that_can_tell_proxies_apart(store: Store) -> None:
    (found,), (truth,) = store.records("search"), store.records("truth")
    sets = {make_demo.small_set(name).key for name in ("datadam", "dm")}
    assert {*found.config["proxies"].split(",")} == {"random", "early", *sets}
    assert (found.config["dataset"], found.config["ipc"]) == ("mnist", 10)
    reached = [result.accuracies_test for result in truth.answer(TruthSummary).results.values()]
    means = [statistics.mean(each) for each in reached if each]
    assert len(means) >= 20
    assert max(means) - min(means) > 0.05


def test_the_accuracy_of_each_network_is_read_from_demo_runs_of_older_versions(store: Store) -> None:
    stored = [(record, record.stored()["summary"]) for record in store.records("evaluate")]
    older = [(record, told["accuracies"]) for record, told in stored if "accuracies" in told]
    assert older
    for record, accuracies in older:
        assert record.summary.accuracy is not None
        assert record.summary.accuracy.values == tuple(accuracies)
        assert record.summary.accuracy.mean == pytest.approx(statistics.mean(accuracies))


def test_what_a_demo_run_answers_is_told_again_as_it_is_stored_counts_as_whole_numbers(store: Store) -> None:
    for record in store.records():
        stored = upgrade.summary(record.stored()["summary"])
        stored.pop("accuracies", None)  # they stand with the accuracy
        assert json.dumps(record.summary.to_json(), sort_keys=True) == json.dumps(stored, sort_keys=True), record.kind


def test_demo_runs_name_no_folder_of_the_machine_that_made_them() -> None:
    for file in DEMO.rglob("*.json*"):
        text = file.read_text()
        assert not [place for place in ("/home/", "/root/", "/tmp/", "/Users/") if place in text]
