from __future__ import annotations

from dataclasses import replace

import pytest

from ddcore.errors import DataMissing
from ddcore.experiments import KINDS, Spec, spec
from ddcore.report import stages
from ddcore.report.estimate import estimate
from ddcore.runs import Store
from tests.runs import shelf

HERDING = {"dataset": "digits", "ipc": 1, "width": 8, "agents": 1, "score_epochs": 2}
PAD = {"dataset": "digits", "ipc": 1, "width": 8}


@pytest.fixture
def store(home: object) -> Store:
    return Store()


def asked() -> Spec:
    return spec("distill", "herding", HERDING)


def test_the_stages_of_pad_are_scores_experts_and_matching(store: Store) -> None:
    found = stages.stages(store, spec("distill", "pad", PAD))
    assert [stage.spec.kind for stage in found] == ["scores", "experts", "distill"]
    assert all(stage.words and stage.state == "missing" for stage in found)


def test_an_unscheduled_run_has_no_scores(store: Store) -> None:
    plain = {"initial_ratio": 1.0, "remove_ratio": 0.0, "second_remove_ratio": 0.0}
    found = stages.stages(store, spec("distill", "pad", {**PAD, **plain}))
    assert [stage.spec.kind for stage in found] == ["experts", "distill"]


def test_a_stage_that_is_computed_already_is_found_whatever_the_others_are(store: Store) -> None:
    scores, _ = stages.stages(store, asked())
    shelf.finished(store, scores.spec)
    store.create(asked())
    assert [stage.state for stage in stages.stages(store, asked())] == ["done", "interrupted"]


def test_what_is_computed_takes_no_time_and_the_others_add_up(store: Store) -> None:
    found = stages.stages(store, asked())
    each = stages.times(found, [], "cpu")
    whole = estimate("distill", "herding", asked().config, [])
    assert sum(one.seconds for one in each) == pytest.approx(whole.seconds)
    assert all(one.seconds > 0 for one in each)
    record = shelf.finished(store, found[0].spec)
    known = stages.times(stages.stages(store, asked()), [record], "cpu")
    assert known[0].seconds == 0.0
    assert known[1].seconds == pytest.approx(each[1].seconds)


def test_a_run_shows_the_very_runs_it_was_built_on(store: Store) -> None:
    scores, last = stages.stages(store, asked())
    shelf.finished(store, scores.spec)
    run = shelf.finished(store, last.spec)
    found = stages.of_run(store, run)
    assert [stage.record.id for stage in found if stage.record] == [*run.info["parents"], run.id]
    store.trash(run.info["parents"][0])
    assert [stage.state for stage in stages.of_run(store, run)] == ["missing", "done"]


def test_a_run_of_another_version_has_no_stages_to_show(store: Store) -> None:
    run = shelf.finished(store, asked())
    assert stages.of_run(store, replace(run, config={"gone": 1})) == []


def test_a_missing_data_set_leaves_every_stage_to_do(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> str:
        raise DataMissing("the folder is not there")

    monkeypatch.setattr("ddcore.experiments.base.dataset_identity", away)
    assert [stage.state for stage in stages.stages(store, asked())] == ["missing", "missing"]


def test_experts_say_how_much_they_write(store: Store) -> None:
    found = {stage.spec.kind: stage for stage in stages.stages(store, spec("distill", "pad", PAD))}
    config = found["experts"].spec.config
    assert found["experts"].disk == KINDS["experts"].disk("experts", config) > 0
    assert found["scores"].disk == 0
