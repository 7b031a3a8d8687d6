"""The plan that judges a distilled set, and what is known of it, from runs put there by hand."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ddcore import jobs
from ddcore.errors import ConfigError
from ddcore.evaluation import plans
from ddcore.experiments import Spec, spec
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.runs import RunRecord, Store
from ddcore.runs.files import FolderUnusable
from tests.report.conftest import BRIEF, QUESTION, TINY_PAD, Answer, answer, distilled, imitated, run, store
from tests.runs import shelf

__all__ = ["answer", "run", "store"]


def test_set_and_controls_are_judged_by_the_same_networks_and_training(run: RunRecord) -> None:
    plan = plans.plan(run, replace(QUESTION, batch_size=10))
    configs = [one.config for one in plan.specs() if isinstance(one.config, EvaluateConfig)]
    assert len(configs) == 3
    assert len({config.training() for config in configs}) == 1
    assert {config.values()["width"] for config in configs} == {8}
    full = plan.full.config.values()
    assert {name: full[name] for name in ("epochs", "lr", "batch_size", "width")} == {
        "epochs": 20, "lr": 0.01, "batch_size": 10, "width": 8,
    }


def test_the_seed_of_a_question_is_that_of_its_networks_and_the_seed_of_a_set_that_of_its_control(store: Store) -> None:
    plan = plans.plan(distilled(store, seed=1, ipc=2), replace(QUESTION, seed=4))
    configs = [one.config.values() for one in plan.specs(with_full=True)]
    assert [(c["seed"], c.get("ipc")) for c in configs] == [(4, None), (1, 2), (4, None), (4, None), (4, None)]
    assert plan.random.config.values() == configs[1]


def test_a_question_may_change_the_network_the_labels_and_the_augmentation(run: RunRecord) -> None:
    asked = replace(QUESTION, network={"network": "mlp"}, augment="siamese", labels="hard", split="val")
    config = plans.evaluation(run, asked, step=1).config
    told = config.values()
    assert (told["network"], told["width"], told["step"]) == ("mlp", 128, 1)
    assert (told["labels"], told["split"], told["augment"]) == ("hard", "val", "siamese")


def test_only_a_set_can_be_judged(store: Store) -> None:
    baseline = shelf.finished(store, spec("baseline", "baseline", {"dataset": "digits"}))
    with pytest.raises(ConfigError, match="is a baseline run"):
        plans.evaluation(baseline, QUESTION)


def test_what_is_not_computed_is_none(store: Store, run: RunRecord) -> None:
    known = plans.outcome(plans.plan(run, QUESTION), store)
    assert known["accuracy"] is known["controls"]["random_real"] is known["seconds"]["evaluate"] is None
    assert known["seconds"]["distill"] == 2.0


@pytest.mark.parametrize(
    ("protocol", "passes"), [("course", 20), ("standard", 1000), ("steps", 1000 / 215), ("quick", 600 / 1100)]
)
def test_a_protocol_passes_over_the_full_data_as_often_as_its_steps_reach(protocol: str, passes: float) -> None:
    of = spec("distill", "random", {"dataset": "mnist", "ipc": 1})
    found = plans.plan(of, plans.Question(protocol)).full_passes
    assert found == pytest.approx(passes)
    assert bool(plans.undertrained(found)) == (protocol in ("steps", "quick"))


def test_below_ten_passes_full_data_is_no_ceiling() -> None:
    assert plans.undertrained(10) == plans.undertrained(None) == ""
    said = "The network on the full data is trained for {} over the training images only and is no ceiling."
    for passes, words in ((9.9, "9.9 passes"), (1.0, "1 pass"), (600 / 1100, "0.55 passes")):
        assert plans.undertrained(passes) == said.format(words)


def test_full_data_that_is_no_ceiling_is_a_note_once_it_is_there(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    brief, usual = (plans.plan(run, question) for question in (BRIEF, QUESTION))
    answer(brief.final, 0.5, notes=["Other images."])
    assert plans.outcome(brief, store)["notes"] == ["Other images."]
    for plan in (brief, usual):
        answer(plan.full, 0.9)
    known = plans.outcome(brief, store)
    assert known["notes"] == ["Other images.", plans.undertrained(600 / 162)]
    assert known["controls"]["full"]["passes"] == pytest.approx(600 / 162)
    assert plans.outcome(usual, store)["notes"] == []


def test_full_data_is_found_over_all_seeds_and_also_from_before_steps_could_be_told(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    plan = plans.plan(run, QUESTION)
    answer(plan.full, 0.9)
    answer(replace(plan.full, config=plan.full.config.replace(seed=1)), 0.8)
    answer(replace(plan.full, config=plan.full.config.replace(lr=0.5)), 0.1)
    full = plans.full_data(plan, store)
    assert full
    assert (full.accuracy.mean, full.accuracy.n, full.seconds_train) == (pytest.approx(0.85), 2, 0.5)


def test_over_seeds_all_networks_count_alike(store: Store, run: RunRecord, answer: Answer) -> None:
    seeded = [plans.plan(record, QUESTION) for record in (run, distilled(store, seed=1))]
    for plan, accuracies, random in zip(seeded, ((0.5, 0.7), (0.6, 0.8)), (0.3, 0.4), strict=True):
        answer(plan.final, *accuracies, seconds=3.0)
        answer(plan.random_real, random, random)
    known = plans.over_seeds(seeded, store)
    assert known["accuracy"]["mean"] == pytest.approx(0.65)
    assert (known["accuracy"]["n"], known["accuracy"]["seeds"]) == (4, 2)
    assert known["controls"]["random_real"]["mean"] == pytest.approx(0.35)
    assert known["controls"]["initial"] is None
    assert known["seconds"] == {"distill": 4.0, "evaluate": 8.0}
    assert [(s["seed"], s["run"]) for s in known["seeds"]] == [(0, seeded[0].run), (1, seeded[1].run)]
    assert known["seeds"][1]["accuracy"]["mean"] == pytest.approx(0.7)
    assert known["evaluation"] == seeded[0].final.key


def test_nothing_is_pooled_from_nothing() -> None:
    assert plans.pooled([]) is None


def spread(*values: float) -> dict[str, Any]:
    return {"mean": statistics.mean(values), "std": statistics.stdev(values), "n": len(values)}


def test_balanced_accuracy_and_auc_are_told_beside_every_accuracy_and_pooled_over_all_networks(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    seeded = [plans.plan(record, QUESTION) for record in (run, distilled(store, seed=1))]
    first, second = (0.5, 0.7), (0.6, 0.9)
    for plan, values in zip(seeded, (first, second), strict=True):
        for asked in (plan.final, plan.random_real):
            answer(asked, 0.6, 0.6, balanced_accuracy=spread(*values), auc=spread(*values), notes=["Other images."])
    one, both = plans.outcome(seeded[0], store), plans.over_seeds(seeded, store)
    assert one["balanced_accuracy"] == one["auc"] == one["controls"]["random_real"]["auc"] == spread(*first)
    for told in (both, both["accuracy"], both["controls"]["random_real"]):
        for name in ("balanced_accuracy", "auc"):
            assert told[name] == pytest.approx({**spread(*first, *second), "seeds": 2})
    assert one["notes"] == both["notes"] == ["Other images."]


def test_balanced_accuracy_is_not_pooled_where_one_evaluation_is_older_than_it(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    seeded = [plans.plan(record, QUESTION) for record in (run, distilled(store, seed=1))]
    answer(seeded[0].final, 0.5, 0.7, balanced_accuracy=spread(0.5, 0.7))
    answer(seeded[1].final, 0.6, 0.8)
    assert plans.over_seeds(seeded, store)["balanced_accuracy"] is None


def test_a_set_with_learnt_labels_is_held_against_its_start_with_and_without_them(store: Store) -> None:
    plan = plans.plan(imitated(store), QUESTION)
    assert plan.initial
    assert plan.initial_hard
    soft, hard = plan.initial.config.values(), plan.initial_hard.config.values()
    assert [(one["images"], one["labels"]) for one in (soft, hard)] == [("initial", "learnt"), ("initial", "hard")]
    assert {n: v for n, v in soft.items() if n != "labels"} == {n: v for n, v in hard.items() if n != "labels"}


def test_no_control_is_asked_twice_where_no_soft_labels_are_used(store: Store, run: RunRecord) -> None:
    assert plans.plan(imitated(store, soft_labels=False), QUESTION).initial_hard is None
    assert plans.plan(imitated(store), replace(QUESTION, labels="hard")).initial_hard is None
    assert plans.plan(run, QUESTION).initial_hard is None


def test_a_variation_is_distilled_from_its_own_experts_and_judged_alike(store: Store) -> None:
    plan = plans.plan(imitated(store), QUESTION)
    (datm,) = plan.variations
    assert datm.role == "datm"
    assert (datm.distil.config.values()["initial_ratio"], datm.distil.config.values()["shallow_ratio"]) == (1, 0)
    assert datm.evaluation.config == plan.final.config.replace(run=datm.distil.key)
    order = [one.key for one in plan.specs()]
    assert order.index(datm.distil.key) < order.index(datm.evaluation.key)
    assert len(set(order)) == len(order) == 7


def test_a_plan_can_be_made_before_the_set_is_asked_for(store: Store) -> None:
    one = spec("distill", "pad", TINY_PAD)
    before = plans.plan(one, QUESTION)
    assert before == plans.plan(imitated(store), QUESTION)
    assert before.run == one.key


def test_the_controls_of_learnt_labels_and_variations_are_told_by_their_roles(store: Store, answer: Answer) -> None:
    seeded = [plans.plan(imitated(store, seed=seed), QUESTION) for seed in (0, 1)]
    for plan, accuracy in zip(seeded, (0.3, 0.5), strict=True):
        assert plan.initial_hard
        answer(plan.initial_hard, accuracy)
        answer(plan.variations[0].evaluation, accuracy + 0.2)
    one, both = plans.outcome(seeded[0], store), plans.over_seeds(seeded, store)
    assert list(one["controls"]) == ["random_real", "initial", "initial_hard", "datm", "full"]
    assert one["controls"]["initial"] is None
    assert one["controls"]["datm"]["mean"] == pytest.approx(0.5)
    assert one["seconds"]["evaluate"] == 2.0
    assert both["controls"]["initial_hard"]["mean"] == pytest.approx(0.4)
    assert both["controls"]["datm"]["mean"] == pytest.approx(0.6)


def test_a_run_of_a_version_with_other_parameters_has_only_the_usual_controls(store: Store) -> None:
    record = imitated(store)
    older = replace(record, config={**record.config, "gone": 1})
    assert [*plans.plan(older, QUESTION).controls] == ["random_real", "initial"]


def test_nothing_of_a_plan_is_asked_for_where_the_disk_is_too_small_for_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[Spec] = []
    monkeypatch.setattr(jobs, "submit", lambda one: submitted.append(one) or "")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(FolderUnusable, match="the disk is too small"):
        plans.submit(plans.plan(imitated(store), QUESTION))
    assert submitted == []
