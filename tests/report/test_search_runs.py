"""Searches, truths and trials wherever runs of every kind are shown, packed or put into a report."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest

from ddcore.errors import DDCoreError
from ddcore.experiments import Spec, spec
from ddcore.experiments.search import SearchConfig
from ddcore.report import tables
from ddcore.report.catalogue import catalogue
from ddcore.report.compare_runs import compared, numbers, setting_of
from ddcore.report.export import bundle, commands, plots
from ddcore.report.export.pivot import Choice
from ddcore.report.uses import uses
from ddcore.runs import RunRecord, Store, packing
from ddcore.runs.recorder import FolderRecorder
from ddcore.summary import Summary
from tests.report import studies
from tests.report.conftest import Answer, distilled

TINY = {"dataset": "digits", "subset": "depth=2 units=64", "steps": 20, "nets": 1, "proxies": "random,early"}


def finished(store: Store, one: Spec, summary: Summary) -> RunRecord:
    recorder = FolderRecorder(store, store.create(one).id)
    recorder.finish(summary, {"started": 1.0})
    return store.record(recorder.record.id)


@pytest.fixture
def search(store: Store) -> RunRecord:
    told = studies.search(studies.proxy("random", studies.each(*studies.TRUE))).summary
    return finished(store, spec("search", "search", TINY), told)


@pytest.fixture
def truth(store: Store, search: RunRecord) -> RunRecord:
    config = spec("search", "search", search.config).config
    assert isinstance(config, SearchConfig)
    asked = config.truth_config()
    assert asked is not None
    return finished(store, spec("truth", "truth", asked.values()), studies.truth(studies.each(*studies.TRUE)).summary)


@pytest.fixture
def trial(answer: Answer) -> RunRecord:
    told = {"mean": 0.9, "std": None, "n": 1, "protocol": "20 steps", "split": "val"}
    asked = spec("trial", "trial", {"dataset": "digits", "network": "coursenet", "depth": 2, "steps": 20})
    return answer(asked, 0.9, accuracy=told, members=[])


def test_a_trial_is_in_no_list_of_runs_but_counts_as_a_use_of_its_data(store: Store, trial: RunRecord) -> None:
    assert catalogue(store).empty
    assert uses(store, "digits").finished == 1


def test_each_is_called_by_what_it_is(search: RunRecord, truth: RunRecord, trial: RunRecord) -> None:
    of = " · digits† · "  # its notes are of the data
    name = f"Architecture search{of}6 CourseNets · on random real images, early stopping · 20 steps"
    assert tables.title(search) == name
    assert tables.title(truth).startswith(f"Whole-data truth{of}all 6 CourseNets · 3000 steps")
    other = {"proxies": f"random,{'0' * 16}", "strategy": "tpe", "trials": 9, "pruning": True, "nets": 2}
    told = tables.title(dataclasses.replace(search, config={**search.config, **other}))
    assert "on random real images, 1 distilled set · tpe, 9 trials · pruned · 20 steps, 2 seeds" in told
    unknown = {**truth.config, "dataset": "was removed", "sample": 4}
    assert "4 of CourseNets" in tables.title(dataclasses.replace(truth, config=unknown))
    assert "on the validation split · digits · CourseNet, depth 2" in tables.title(trial)


def test_searches_are_listed_without_an_accuracy_and_compared_without_harm(
    store: Store, search: RunRecord, truth: RunRecord
) -> None:
    rows = catalogue(store).set_index("id")
    assert rows.loc[[search.id, truth.id], "accuracy"].isna().all()
    found = compared(store, [search, truth, distilled(store)])
    assert [one.accuracy for one in found] == [None, None, None]
    assert numbers(found)["kind"].tolist() == ["search", "truth", "distill"]


def test_the_accuracy_of_a_trial_never_stands_beside_one_on_the_test_images(store: Store, trial: RunRecord) -> None:
    (one,) = compared(store, [trial])
    assert one.evaluation is not None
    assert setting_of(one.evaluation).endswith("protocol 20 steps · validation split")


def test_the_command_of_a_search_asks_for_this_very_search_and_its_truth_has_none(
    store: Store, search: RunRecord, truth: RunRecord, trial: RunRecord
) -> None:
    made = commands.command(store, search)
    assert made.line == "python -m ddcore nas --steps 20 --subset 'depth=2 units=64' --nets 1 --wait"
    assert commands.command(store, truth).arguments == ()
    assert "a search asks for it" in commands.command(store, truth).note
    assert "a search asks for it" in commands.command(store, trial).note


def test_a_search_goes_into_a_report(
    store: Store, search: RunRecord, truth: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "plots", lambda store, found, numbers: iter(()))  # a second each
    made = bundle.bundle(store, compared(store, [search, truth, distilled(store)]), Choice())
    assert made.problems == ()
    assert {f"configs/{search.id}.json", f"configs/{truth.id}.json"} <= set(made.files)


def test_searches_truths_and_trials_travel_as_files(
    store: Store, search: RunRecord, truth: RunRecord, trial: RunRecord, tmp_path: Path
) -> None:
    other = Store(root=tmp_path / "other" / "runs", demo=tmp_path / "demo")
    for record in (search, truth, trial):
        content = io.BytesIO()
        packing.pack(store, record.id, content)
        arrived = packing.unpack(other, content)
        assert (arrived.new, arrived.record.summary.to_json()) == (True, record.summary.to_json())
    assert {record.key for record in other.records()} == {search.id, truth.id}


def test_a_search_has_no_images_to_export(store: Store, search: RunRecord) -> None:
    with pytest.raises(DDCoreError, match="has no image set 'images' yet"):
        store.images(search.id)
