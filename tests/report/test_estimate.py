from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ddcore import counts
from ddcore.evaluation import plans
from ddcore.experiments import KINDS, Spec, spec
from ddcore.experiments.distill import DistillSummary
from ddcore.jobs.job import mark_waiting
from ddcore.jobs.requirements import unfinished
from ddcore.methods import METHODS
from ddcore.report import estimate
from ddcore.runs import Store
from ddcore.runs.recorder import FolderRecorder
from tests.report.conftest import QUESTION, TINY_PAD
from tests.report.test_tables import record
from tests.runs import shelf

QUICK = METHODS["datadam"].preset("quick").for_dataset("digits")


def cost(kind: str, name: str, config: Any, images: int | None = None) -> int:
    return KINDS[kind].cost(name, config, images)


def steps(kind: str, name: str, config: Any, images: int | None = None) -> int:
    return KINDS[kind].steps(name, config, images)


def finished(seconds: float, **config: Any) -> Any:
    run = spec("distill", "datadam", {**QUICK, **config}).config
    info = {"times": {"seconds": seconds}, "device": {"type": "cpu"}}
    return record(kind="distill", name="datadam", config=run.values(), summary=DistillSummary(images=100), info=info)


def guess(records: list[Any], **config: Any) -> estimate.Estimate:
    return estimate.estimate("distill", "datadam", spec("distill", "datadam", {**QUICK, **config}).config, records)


def test_without_a_finished_run_the_estimate_is_rough_and_says_so() -> None:
    first = guess([])
    assert first.rough
    assert "(rough)" in str(first)


def test_a_finished_run_predicts_itself() -> None:
    predicted = guess([finished(60.0)])
    assert predicted.seconds == pytest.approx(60.0, rel=0.01)
    assert not predicted.rough


def test_what_is_nearest_measures_first_and_several_at_once_take_no_less_than_the_longest() -> None:
    asked = [spec("distill", "datadam", {**QUICK, "seed": seed}) for seed in (1, 2, 3)]
    slow, fast = [finished(600.0)], [finished(60.0)]
    assert estimate.total(asked, slow).seconds == pytest.approx(3 * 600, rel=0.01)
    assert estimate.total(asked, slow, like=fast).seconds == pytest.approx(3 * 60, rel=0.01)
    assert estimate.total(asked, slow, like=fast, at_once=2).seconds == pytest.approx(90, rel=0.01)
    assert estimate.total(asked, slow, like=fast, at_once=9).seconds == pytest.approx(60, rel=0.01)
    other = replace(fast[0], kind="evaluate", name="evaluate")
    assert estimate.total(asked, slow, like=[other]).seconds == pytest.approx(3 * 600, rel=0.01), "another kind"


def test_an_evaluation_of_a_set_that_is_still_made_counts_the_images_that_it_will_have() -> None:
    few, many = ([set_ := spec("distill", "random", {"dataset": "digits", "ipc": ipc}),
                  plans.evaluation(set_, QUESTION, protocol="course")] for ipc in (1, 50))
    assert estimate.total(many, []).seconds > 2 * estimate.total(few, []).seconds


def test_twice_the_work_takes_twice_as_long() -> None:
    work = guess([finished(64.0)], num_inits=2 * QUICK["num_inits"]).seconds - estimate.START
    assert work == pytest.approx(2 * (64.0 - estimate.START), rel=0.01)


def test_the_middle_of_several_runs_counts() -> None:
    assert guess([finished(30.0), finished(50.0), finished(900.0)]).seconds == pytest.approx(50.0, rel=0.01)


def longer(factor: int, seconds: float) -> Any:
    return finished(seconds, num_inits=factor * QUICK["num_inits"])


def work(factor: int) -> float:
    """Seconds that the model says of so many times the work."""
    return guess([], num_inits=factor * QUICK["num_inits"]).seconds - estimate.START


def test_the_start_of_far_shorter_runs_is_counted_once_and_not_multiplied_up() -> None:
    slow_start = [finished(estimate.START + work(1) + 9.0)] * 3
    alike = guess(slow_start)
    assert (alike.seconds, alike.rough) == (pytest.approx(estimate.START + work(1) + 9.0), False)
    long = guess(slow_start, num_inits=100 * QUICK["num_inits"])
    assert (long.seconds, long.rough) == (pytest.approx(estimate.START + 9.0 + work(100)), True)
    assert "on this CPU did far less work, so only their start is counted" in long.basis
    assert "(rough)" in str(long)


def test_runs_of_like_length_measure_before_shorter_ones_that_are_newer_or_more_alike() -> None:
    short, long = [finished(20.0)] * 9, longer(50, 154.0)
    mnist = {**METHODS["datadam"].preset("quick").for_dataset("mnist"), "num_inits": 50 * QUICK["num_inits"]}
    elsewhere = replace(long, config=spec("distill", "datadam", mnist).config.values())
    alike, less = (guess([*short, one], num_inits=100 * QUICK["num_inits"]) for one in (long, elsewhere))
    assert (alike.seconds, alike.rough) == (pytest.approx(304.0, rel=0.01), False)
    assert (less.basis, less.rough) == ("measured on the last finished run of this kind on this CPU", True)
    assert guess([long]).seconds == pytest.approx(estimate.START + 150.0 / 50, rel=0.01), "a longer run tells the speed"


def test_no_run_measures_twice_where_the_nearest_are_too_short() -> None:
    short, long = replace(finished(20.0), id="a"), [replace(longer(50, 54.0 + 100 * i), id=str(i)) for i in range(3)]
    asked = [spec("distill", "datadam", {**QUICK, "num_inits": 100 * QUICK["num_inits"], "seed": 1})]
    guessed = estimate.total(asked, [*long, short], like=[short])
    assert guessed.basis == "measured on the last 3 finished runs of this kind, data set and network on this CPU"
    near = [replace(short, id="b"), short]
    of_short = estimate.total(asked, near, like=near)
    assert of_short.basis.startswith("the last 2 finished runs ")


def test_a_short_run_that_worked_for_a_minute_tells_the_speed() -> None:
    taken = guess([finished(64.0)], num_inits=100 * QUICK["num_inits"])
    assert (taken.seconds, taken.rough) == (pytest.approx(6004.0, rel=0.01), False)


def test_of_many_runs_only_the_newest_that_are_most_alike_are_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, known = [], [finished(60.0 + i) for i in range(20)]
    others = [replace(one, kind="evaluate") for one in known]
    taken = estimate._taken
    monkeypatch.setattr(estimate, "_taken", lambda record, device: (asked.append(record), taken(record, device))[1])
    assert guess([*others, *known]).seconds == pytest.approx(62.0, rel=0.01)
    assert asked == known[:5]


def test_however_many_are_estimated_together_the_known_runs_are_gone_through_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked, likeness = list[object](), estimate._likeness
    monkeypatch.setattr(estimate, "_likeness", lambda record, spec: (looked.append(record), likeness(record, spec))[1])
    asked = [spec("distill", "datadam", {**QUICK, "lr_img": float(rate)}) for rate in range(1, 31)]
    known = [finished(60.0) for _ in range(7)]
    assert estimate.total(asked, known).seconds == pytest.approx(30 * 60, rel=0.01)
    assert len(looked) == len(known)


def test_runs_of_another_kind_or_method_make_the_estimate_more_cautious_and_never_less() -> None:
    alone = guess([]).seconds - estimate.START
    other = replace(finished(60.0), name="dm", config=spec("distill", "dm", {"num_iters": 20}).config.values())
    slow, fast = (
        replace(other, info={**other.info, "times": {"seconds": 1e6}}),
        replace(other, info={**other.info, "times": {"seconds": 4.5}}),
    )
    assert guess([fast]).seconds - estimate.START == pytest.approx(alone)
    assert "no run of this kind has finished on this CPU yet" in guess([fast]).basis
    assert guess([slow]).seconds > 2 * alone
    assert guess([slow]).basis == "measured on the last finished run of other kinds on this CPU"
    assert guess([fast]).rough
    assert guess([slow]).rough
    assert not guess([slow, finished(60.0)]).rough


def test_runs_on_another_device_failed_and_foreign_runs_say_nothing() -> None:
    gpu = replace(finished(9.0), info={"times": {"seconds": 9.0}, "device": {"type": "cuda"}})
    odd = replace(finished(9.0), config={"dataset": "gone"})
    assert guess([gpu, replace(finished(9.0), state="failed"), odd]).rough


@pytest.mark.parametrize("protocol", ["course", "standard", "steps", "quick"])
def test_evaluations_and_baselines_have_a_cost(protocol: str) -> None:
    evaluation = spec("evaluate", "evaluate", {"run": "0" * 16, "protocol": protocol, "nets": 2})
    assert cost("evaluate", "evaluate", evaluation.config, 100) > 0
    assert cost("baseline", "baseline", spec("baseline", "baseline", {}).config) > 0


def test_work_that_is_not_training_costs_only_the_start() -> None:
    asked = spec("flops", "flops", {})
    assert estimate.estimate("flops", "flops", asked.config, []).seconds == estimate.START


def judged(protocol: str, **changes: Any) -> Any:
    return spec("evaluate", "evaluate", {"run": "0" * 16, "protocol": protocol, **changes})


def test_a_protocol_told_in_steps_costs_the_same_whatever_the_set_is_large() -> None:
    test = judged("steps")
    small, large = (cost("evaluate", "evaluate", test.config, images) for images in (256, 25600))
    assert small == large
    assert steps("evaluate", "evaluate", test.config, 100) == 3 * 1000


def test_an_evaluation_on_the_validation_split_predicts_fewer_images() -> None:
    test, val = judged("course", nets=1), judged("course", nets=1, split="val")
    one = counts.macs("convnet3", (1, 8, 8), 10)
    costs = [cost("evaluate", "evaluate", asked.config, 100) for asked in (test, val)]
    # 359 test images and 144 of the validation split, which the networks of a test predict too.
    assert costs == [one * (3 * 20 * 100 + 359 + 144), one * (3 * 20 * 100 + 144)]


def test_a_baseline_may_be_told_in_steps() -> None:
    asked = spec("baseline", "baseline", {"steps": 50, "batch_size": 10}).config
    assert steps("baseline", "baseline", asked) == 50
    assert (
        0
        < cost("baseline", "baseline", asked)
        < cost("baseline", "baseline", asked.replace(steps=500))
    )


def test_a_coreset_that_needs_scores_takes_as_long_as_both_until_they_are_there(home: Any) -> None:
    asked = spec("distill", "herding", METHODS["herding"].preset("quick").for_dataset("digits"))
    (scores,) = KINDS["distill"].needs(asked.name, asked.config)
    both = estimate.estimate("distill", "herding", asked.config, [])
    alone = estimate.estimate("scores", "scores", scores.config, [])
    done = record(id=scores.key, kind="scores", name="scores", config=scores.config.values(), info={})
    after = estimate.estimate("distill", "herding", asked.config, [done])
    assert both.seconds == pytest.approx(alone.seconds + after.seconds)
    assert alone.seconds > estimate.START


def test_several_runs_are_counted_once_each_and_not_where_they_are_done(home: Any) -> None:
    first, second = (judged("course", seed=seed) for seed in (0, 1))
    one = estimate.total([first], []).seconds
    assert estimate.total([first, first, second], []).seconds == pytest.approx(2 * one)
    done = record(id=first.key, kind="evaluate", config=first.config.values(), info={})
    assert estimate.total([first, second], [done]).seconds == pytest.approx(one)
    assert estimate.total([first], [done]).seconds == 0


def test_a_run_that_goes_on_from_a_shorter_one_takes_as_long_as_the_rest(
    store: Store, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    two, three, five = (plans.evaluation(run, replace(QUESTION, nets=nets)) for nets in (2, 3, 5))
    ended = shelf.finished(store, three)
    shelf.finished(store, plans.evaluation(run, replace(QUESTION, nets=1)))

    def rest() -> float:
        return estimate.total([five], store.records(), "cuda", images=10).seconds  # none of them was measured there

    whole, part = (estimate.total([one], [], "cuda", images=10).seconds for one in (five, two))
    assert rest() == pytest.approx(part)
    monkeypatch.setitem(counts.WORTH_COMPILING, "cuda", cost("evaluate", "evaluate", five.config, 10))
    assert rest() == pytest.approx(whole)  # it begins anew, for only the longer one is compiled
    monkeypatch.setitem(counts.WORTH_COMPILING, "cuda", 0)
    assert rest() == pytest.approx(part)
    (ended.folder / "checkpoint.safetensors").unlink()
    assert part < rest() < whole  # one network is known


PAD = spec("distill", "pad", TINY_PAD)
(EXPERTS,) = KINDS["distill"].needs("pad", PAD.config)
(SCORES,) = KINDS["experts"].needs("experts", EXPERTS.config)


def test_experts_cost_what_their_images_in_use_cost_in_each_epoch() -> None:
    one = counts.macs("convnet3", (1, 8, 8), 10, {"width": 8})
    in_use = [round(1294 * share) for share in (0.75, 0.875, 1.0)]
    assert cost("experts", "experts", EXPERTS.config) == one * (2 * 3 * sum(in_use) + 2 * 3 * 144)
    assert steps("experts", "experts", EXPERTS.config) == 2 * sum(-(-n // 64) for n in in_use)
    few = EXPERTS.config.replace(train_images=100, initial_ratio=1.0)
    assert steps("experts", "experts", few) == 2 * 3 * 2


def test_a_run_on_experts_takes_as_long_as_it_the_experts_and_the_scores(home: Path) -> None:
    each = [estimate.estimate(one.kind, one.name, one.config, [answered(SCORES), answered(EXPERTS)]).seconds
            for one in (SCORES, EXPERTS, PAD)]
    whole = estimate.estimate("distill", "pad", PAD.config, [])
    assert whole.seconds == pytest.approx(sum(each))
    assert estimate.total([PAD], [answered(SCORES)]).seconds == pytest.approx(sum(each[1:]))
    assert estimate.total([PAD], [answered(SCORES), answered(EXPERTS)]).seconds == pytest.approx(each[2])


def test_a_variation_brings_experts_of_its_own_to_the_total(home: Path) -> None:
    asked = plans.plan(PAD, QUESTION).specs()
    kinds = [one.kind for one in unfinished([PAD, *asked], []).values()]
    assert (kinds.count("scores"), kinds.count("experts")) == (1, 2)
    assert estimate.total([PAD, *asked], []).seconds > 2 * estimate.total([PAD], [answered(SCORES)]).seconds


def test_the_disk_space_is_that_of_the_trajectories_that_are_not_there(home: Path) -> None:
    each = 2 * 4 * 4 * counts.parameters("convnet3", (1, 8, 8), 10, {"width": 8})
    assert estimate.disk([PAD], []) == each
    assert estimate.disk([PAD, EXPERTS], []) == each
    assert estimate.disk([PAD], [answered(EXPERTS)]) == 0
    assert estimate.disk(plans.plan(PAD, QUESTION).specs(), []) == each  # that of the variation
    half = spec("distill", "pad", {**TINY_PAD, "precision": "half"})
    assert estimate.disk([half], []) == each // 2


def answered(one: Spec) -> Any:
    return record(id=one.key, kind=one.kind, name=one.name, config=one.config.values(), info={})


SEARCH = {"dataset": "digits", "subset": "width=16", "steps": 20, "nets": 2, "proxies": "random,early",
          "truth": "none"}


def search(**values: Any) -> Spec:
    return spec("search", "search", {**SEARCH, **values})


def trials(one: Spec) -> tuple[Spec, ...]:
    return KINDS[one.kind].parts(one.name, one.config, lambda part: part.key)


def tried(store: Store, one: Spec, seconds: float = 2.0) -> None:
    """A finished trial that took so long; nothing is computed."""
    images = 100 if one.config.values()["run"] else 1294
    FolderRecorder(store, store.create(one).id, seconds).finish(shelf.summary(one.kind, images=images), {})


def alone(one: Spec, store: Store) -> estimate.Estimate:
    """The estimate of a search whose coreset is there."""
    sets = [answered(need) for need in KINDS[one.kind].needs(one.name, one.config)]
    return estimate.total([one], [*sets, *store.records()])


def test_a_trial_costs_what_its_networks_cost_on_the_images_that_they_learn(home: Path) -> None:
    small, whole = trials(search())[0].config, trials(search())[-1].config
    one = counts.macs("coursenet", (1, 8, 8), 10, {"depth": 2, "width": 16, "units": 64})
    assert cost("trial", "trial", small, 100) == one * 2 * (3 * 20 * 100 + 144)
    assert steps("trial", "trial", small, 100) == 2 * 20
    whole = whole.replace(depth=2, units=64, tested=True)
    assert cost("trial", "trial", whole) == one * 2 * (3 * 20 * 128 + 144 + 359)


def test_what_proxies_will_choose_is_trained_on_the_whole_data_too(home: Path) -> None:
    chosen = trials(search(truth="all", truth_steps=600, truth_nets=1))[24:]
    assert len(chosen) == 2, "one for each proxy"
    assert all((one.config.tested, one.config.steps, one.config.nets) == (True, 600, 1) for one in chosen)


def test_a_search_takes_as_long_as_those_of_its_trials_that_nobody_has_computed(home: Path) -> None:
    store, asked = Store(), trials(search())
    fresh = alone(search(), store)
    assert (fresh.parts, fresh.known, fresh.rough) == (24, 0, True)
    for one in asked[:6]:
        tried(store, one, seconds=0.5)
    half = alone(search(), store)
    assert (half.parts, half.known, half.rough) == (24, 6, False)
    assert half.basis == "measured on the last 6 finished runs of this kind, data set and network on this CPU"
    for one in asked[6:]:
        tried(store, one)
    done = alone(search(), store)
    assert (done.seconds, done.parts, done.known, done.rough) == (estimate.START, 24, 24, False)


def test_trials_that_took_so_long_predict_their_like(home: Path) -> None:
    store = Store()
    for one in trials(search()):
        tried(store, one, seconds=3.0)
    other = alone(search(seed=1), store)
    assert other.known == 0
    assert other.seconds - estimate.START == pytest.approx(24 * 3.0, rel=0.05)


def test_what_an_unfinished_search_left_counts_as_known_and_a_larger_one_shares_it(home: Path) -> None:
    store, small = Store(), search(proxies="early")
    for one in trials(small):
        tried(store, one)
    assert alone(small, store).known == 12
    assert alone(search(), store).known == 12
    assert alone(search(subset=""), store).known == 12


def test_a_search_of_thousands_of_trials_is_estimated_in_less_than_a_second(home: Path) -> None:
    large = search(space="convnet720", subset="", proxies="random,herding,early")
    began = time.process_time()
    guess = alone(large, Store())
    assert guess.parts == 3 * 600
    assert time.process_time() - began < 1.0


def test_of_many_trials_few_are_looked_at_and_those_of_the_newest_searches_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "OTHER_PARTS", 5)
    store, newest = Store(), trials(search(seed=1))
    for one in trials(search(seed=2)):
        tried(store, one, seconds=9.0)
    shelf.many_like(store.records("trial")[0], 300)
    for one in newest:
        tried(store, one, seconds=3.0)
    mark_waiting(shelf.finished(store, search(seed=1)).folder, [one.key for one in newest])
    alone(search(), store)
    with shelf.looked_at(monkeypatch) as paths:
        guess = alone(search(), store)
    folder = str(store.root / "trial")
    assert len({path.split(os.sep)[-2] for path in paths if path.startswith(folder) and path.endswith("run.json")}) < 80
    assert guess.seconds - estimate.START == pytest.approx(24 * 3.0, rel=0.05)


def test_the_parts_of_a_run_are_worked_out_once_and_counted_anew(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    one, asked = spec("truth", "truth", {"dataset": "digits", "subset": "depth=2 width=16", "steps": 7}), []
    model = estimate._model
    monkeypatch.setattr(estimate, "_model", lambda *given: (asked.append(given), model(*given))[1])
    first = estimate.estimate("truth", "truth", one.config, [])
    assert (first.known, len(asked)) == (0, first.parts)
    asked.clear()
    folder = Store().create(KINDS["truth"].parts("truth", one.config, lambda part: part.key)[0]).folder
    (folder / "run.json").write_text((folder / "spec.json").read_text("utf-8"), "utf-8")
    again = estimate.estimate("truth", "truth", one.config, [])
    assert (again.known, again.parts) == (1, first.parts)
    assert not asked
