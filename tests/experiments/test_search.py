"""Trials, the truth and searches, on digits: cached, resumable, the same alone and in company."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from statistics import mean
from types import SimpleNamespace
from typing import Any

import plain
import pytest
import torch
from recording import MemoryRecorder

from ddcore import jobs
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import Cancelled, ConfigError
from ddcore.experiments import ImageSet, search, spec, training, trial
from ddcore.experiments import truth as truths
from ddcore.experiments.samplers import GridSampler, OptunaSampler, worse_half
from ddcore.experiments.search import SearchConfig
from ddcore.experiments.search_results import NetworkResult, TruthSummary
from ddcore.experiments.trial import TrialConfig, TrialSummary
from ddcore.jobs.api import run_inline
from ddcore.jobs.job import read_job
from ddcore.ops import nets, seeds
from ddcore.runs.recorder import FolderRecorder
from ddcore.runs.store import Store

TWO = "depth=2 width=16 units=64"  # ReLU and LeakyReLU
SMALL: dict[str, Any] = {"dataset": "digits", "subset": TWO, "steps": 3, "nets": 2, "batch_size": 20, "lr": 0.05,
                         "ipc": 2, "proxies": "random", "truth_sample": 3, "truth_steps": 4}
CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def searched(**changes: Any) -> Any:
    return Store().record(run_inline(spec("search", "search", {**SMALL, **changes})))


def events(run_id: str) -> list[dict[str, Any]]:
    return Store().events(run_id)[0]


def test_a_search_ranks_every_network_on_every_proxy_by_the_validation_split() -> None:
    run = searched(proxies="early,random")
    summary = run.summary
    assert [one.title for one in summary.proxies] == ["Random real images, IPC 2", "Early stopping"]
    assert [one.name for one in summary.networks] == ["2 conv × 16, fc 64, ReLU", "2 conv × 16, fc 64, LeakyReLU"]
    assert (summary.split, summary.majority) == ("val", most_frequent("val"))
    assert [one.images for one in summary.proxies] == [20, 1294]
    for one in summary.proxies:
        assert {*one.results} == {0, 1}
        for score in one.results.values():
            kept = Store().record(score.trial)
            assert (kept.kind, kept.state, kept.summary.accuracy.values) == ("trial", "done", score.accuracies)
            assert kept.summary.accuracies_test is None, "nothing that is ranked is tested"
            assert len(score.accuracies) == 2
    told = [e for e in events(run.id) if e["event"] == "trial"]
    assert [(e["proxy"], e["network"], e["known"]) for e in told] == [
        ("random", 0, False), ("random", 1, False), ("early", 0, False), ("early", 1, False),
    ]


def test_nothing_is_trained_twice_by_searches_that_overlap() -> None:
    first = searched()
    wider = searched(proxies="random,early", subset="depth=2 width=16 units=64,128")
    known = {e["trial"]: e["known"] for e in events(wider.id) if e["event"] == "trial"}
    before = {score.trial for score in first.summary.proxies[0].results.values()}
    assert {run_id for run_id, was_there in known.items() if was_there} == before
    assert len(known) == 2 * 4


def test_more_seeds_continue_fewer() -> None:
    fewer, more = searched(), searched(nets=3)
    for index, score in fewer.summary.proxies[0].results.items():
        longer = more.summary.proxies[0].results[index]
        assert longer.accuracies[:2] == score.accuracies
        assert (
            Store().record(longer.trial).summary.members[:2] == Store().record(score.trial).summary.members
        )


@pytest.mark.parametrize(("first", "then"), [(1, 3), (3, 1)])
def test_seeds_that_are_known_are_not_trained_again(first: int, then: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One trial by itself, then the same with other seeds; what a crowd has to train is looked at."""
    config = spec("search", "search", {**SMALL, "truth": "none", "truth_sample": None}).config
    assert isinstance(config, SearchConfig)
    asked = config.trial(config.members()[0])
    before = Store().record(run_inline(trial.question(asked.replace(nets=first))))
    trained: list[int] = []
    crowd = trial.TrialBatch

    def watched(members: Any, *more: Any) -> trial.TrialBatch:
        trained.extend(seed for _, seed in members)
        return crowd(members, *more)

    monkeypatch.setattr(trial, "TrialBatch", watched)
    bench = trial.TrialData(config, FolderRecorder(Store(), Store().create(spec("search", "search", SMALL)).id))
    (told,) = trial.results([asked.replace(nets=then)], bench)
    assert (trained, told.known) == (([1, 2], False) if then == 3 else ([], True))
    both = min(first, then)
    assert told.summary.members[:both] == before.summary.members[:both]
    assert len(told.summary.accuracy.each) == then
    assert Store().record(told.run_id).summary == told.summary


def test_the_truth_is_tested_too_and_a_larger_sample_holds_the_smaller() -> None:
    values = {"dataset": "digits", "subset": "depth=2 width=16", "steps": 3, "nets": 1, "batch_size": 20}
    small, large = (spec("truth", "truth", {**values, "sample": m}).config for m in (3, 5))
    assert small.sampled() == large.sampled()[:3]
    assert sorted(spec("truth", "truth", values).config.sampled()) == [*range(6)]
    run = Store().record(run_inline(spec("truth", "truth", {**values, "sample": 3})))
    assert {*run.summary.results} == {*small.sampled()}
    for score in run.summary.results.values():
        assert len(score.accuracies) == len(score.accuracies_test) == 1
    assert run.summary.images == 1294
    assert (run.summary.majority, run.summary.majority_test) == (most_frequent("val"), most_frequent("test"))
    assert most_frequent("val") != most_frequent("test")
    assert spec("truth", "truth", {**values, "sample": 3, "seed": 1}).config.sampled() != small.sampled()


def most_frequent(split: str) -> float:
    """The share of the most frequent class of a part of digits."""
    part = part_of(split)
    return max(part.counts) / len(part)


def ranked(**changes: Any) -> search.Ranking:
    """A search on the whole data, before its first question."""
    config = spec("search", "search", {**SMALL, "subset": "depth=2 width=16 units=64,128", **changes}).config
    assert isinstance(config, SearchConfig)
    bench: Any = SimpleNamespace(recorder=Stopped({}))
    return search.Ranking(config, config.about(), search.EARLY, None, bench)


def test_the_most_accurate_is_chosen_of_equals_the_cheapest_and_none_that_was_given_up_or_diverged() -> None:
    ranking = ranked()
    assert ranking.macs[0] == ranking.macs[1] < ranking.macs[2] == ranking.macs[3]
    accuracies = {3: [0.5, 0.7], 2: [0.6, 0.6], 1: [0.7, 0.5], 0: [0.9, 0.9]}

    def chosen(diverged: int | None = None, pruned: tuple[int, ...] = ()) -> int:
        ranking.results = {i: NetworkResult(accuracies=each, diverged=i == diverged) for i, each in accuracies.items()}
        ranking.pruned = [*pruned]
        return ranking.best()

    assert [chosen(), chosen(diverged=0), chosen(pruned=(0,)), chosen(pruned=(0, 1))] == [0, 1, 1, 2]


def test_the_seed_of_a_search_decides_what_is_asked_and_which_images_are_picked() -> None:
    asked = [ranked(subset="", strategy="random", trials=12, seed=seed).sampler.ask() for seed in (0, 0, 1)]
    assert asked[0] == asked[1] != asked[2]
    config = spec("search", "search", {**SMALL, "seed": 4}).config
    assert isinstance(config, SearchConfig)
    picked = config.sets()["random"].config.values()
    assert (picked["seed"], picked["ipc"]) == (4, 2)


def test_a_search_names_the_truth_it_is_held_against() -> None:
    config = spec("search", "search", SMALL).config
    assert isinstance(config, SearchConfig)
    truth = config.truth_config()
    assert truth is not None
    assert (truth.steps, truth.nets, truth.lr, truth.subset) == (4, 1, 0.05, TWO)
    assert truth.sample is None, "a sample of three of two networks is all of them"
    assert config.replace(subset="").truth_config().sample == 3  # type: ignore[union-attr]
    assert config.replace(truth="none", truth_sample=None).truth_config() is None
    whole = config.replace(truth="all", truth_sample=None).truth_config()
    assert whole is not None
    assert whole.sample is None


class Stopped(MemoryRecorder):
    """Answers from what it kept; stops at this many looks."""

    def __init__(self, kept: dict[str, Any], **more: Any) -> None:
        super().__init__(**more)
        self.kept = kept

    def answered(self, question: Any) -> Any:
        return self.kept.get(question.key)

    def answer(self, question: Any, summary: TrialSummary, seconds: float) -> Any:
        self.kept[question.key] = SimpleNamespace(id=question.key, summary=summary)
        return self.kept[question.key]


def truth(recorder: Stopped, **changes: Any) -> TruthSummary:
    values = {"dataset": "digits", "subset": TWO, "steps": 6, "nets": 2, "batch_size": 700, "device": "cpu", **changes}
    return truths.run("truth", spec("truth", "truth", values).config, recorder)  # type: ignore[arg-type]


def reached(summary: TruthSummary) -> dict[int, Any]:
    return {i: (score.accuracies, score.accuracies_test) for i, score in summary.results.items()}


def test_a_stopped_truth_goes_on_in_the_middle_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(trial, "RECORDED_STEPS", 1)
    whole = reached(truth(Stopped({})))
    first = Stopped({}, cancel_at=9)
    with pytest.raises(Cancelled):
        truth(first)
    point = first.points[-1]
    assert 0 < point[1]["step"] < 6
    again = Stopped(first.kept, point=point)
    assert reached(truth(again)) == whole
    assert any(note.startswith(f"Goes on after step {point[1]['step']} of 6") for note in again.notes)


def test_networks_of_one_shape_are_one_group_on_a_gpu_and_each_has_its_own_pass_on_a_cpu() -> None:
    config = spec("search", "search", {**SMALL, "subset": ""}).config
    assert isinstance(config, SearchConfig)
    trials = [config.trial(one) for one in config.members()]
    assert len(trials) == 36
    assert [len(group) for group in trial.groups(trials, GPU)] == [2] * 18
    assert [len(group) for group in trial.groups(trials, CPU)] == [1] * 36
    convnets = spec(
        "search", "search", {"dataset": "digits", "space": "convnet720", "subset": "width=32 depth=1"}
    ).config
    assert isinstance(convnets, SearchConfig)
    groups = trial.groups([convnets.trial(one) for one in convnets.members()], GPU)
    assert sorted({len(group) for group in groups}) == [1, 2], "sigmoid is another function: a group of its own"


def test_a_stacked_group_finds_what_its_networks_find_one_by_one() -> None:
    config = spec("search", "search", {**SMALL, "steps": 12}).config
    assert isinstance(config, SearchConfig)
    trials = [config.trial(one) for one in config.members()]
    bench = trial.TrialData(config, Stopped({}))  # type: ignore[arg-type]
    stacked = trial.train_group(trials, bench, stacked=True)
    alone = [trial.train_group([one], bench, stacked=False)[0] for one in trials]
    for together, single in zip(stacked, alone, strict=True):
        assert together.accuracy.each == pytest.approx(single.accuracy.each, abs=1.5 / 144)  # an image or one more
        assert together.network_options == single.network_options


def asked_trial(**changes: Any) -> TrialConfig:
    values = {"network": "coursenet", "depth": 2, "width": 16, "units": 32, "steps": 15, "nets": 2, "batch_size": 100}
    shared = {"dataset": "digits", "device": "cpu", "lr": 0.05, "momentum": 0.8, "weight_decay": 0.01, "seed": 3}
    config = spec("trial", "trial", {**shared, **values, **changes}).config
    assert isinstance(config, TrialConfig)
    return config


def part_of(split: str) -> Resident:
    data = load("digits")
    return Resident.from_split(getattr(data, split), data, "cpu")


def plainly(config: TrialConfig, purpose: str, i: int, *taught: Any, soft: Any = None) -> tuple[Any, float]:
    """(network i of a trial as plain PyTorch trains it on (images, labels), what it got right in its last epoch)."""
    draws = seeds.generator(3, purpose, i, "network")
    network = nets.build("coursenet", (1, 8, 8), 10, config.network_options(), draws)
    *_, (_, right) = plain.epochs(network, *taught, config, 3, purpose, i, soft=soft)
    return network, right


@pytest.mark.parametrize("tested", [False, True])
def test_a_trial_is_judged_by_the_validation_images_and_a_truth_by_the_test_images_too(tested: bool) -> None:
    config, (part, val, test) = asked_trial(tested=tested), map(part_of, ("train", "val", "test"))
    (found,) = trial.train_group([config], trial.TrialData(config, Stopped({})))  # type: ignore[arg-type]
    both = [plainly(config, "truth" if tested else "trial", i, part.batch, part.labels) for i in range(2)]
    by_hand = [[plain.accuracy(network, judge) for judge in (val, test)] for network, _ in both]
    assert found.accuracy.each == pytest.approx([right for right, _ in by_hand], abs=1.5 / len(val))
    assert found.accuracies_train == pytest.approx([learnt for _, learnt in both], abs=1e-3)
    if tested:
        assert found.accuracies_test == pytest.approx([right for _, right in by_hand], abs=1.5 / len(test))
    else:
        assert found.accuracies_test is None
    assert abs(by_hand[0][0] - by_hand[1][0]) > 2 / len(val), "the other network would be told from this one"
    assert max(abs(right - elsewhere) for right, elsewhere in by_hand) > 2 / len(val), "and the other images from these"
    assert found.majority == max(val.counts) / len(val) != max(test.counts) / len(test)


def test_a_trial_on_a_small_set_learns_its_soft_labels() -> None:
    part, recorder = part_of("train"), Stopped({})
    images, labels = part.sample(5, seeds.generator(0)), torch.arange(10).repeat_interleave(5)
    logits = 9 * torch.eye(10)[(labels + 1) % 10]  # one class off
    small = ImageSet(images, labels, part.classes, part.mean, part.std, logits)
    recorder.parents["a" * 16] = SimpleNamespace(id="a" * 16, images=lambda: small)
    config = asked_trial(run="a" * 16, batch_size=20)
    (found,) = trial.train_group([config], trial.TrialData(config, recorder))  # type: ignore[arg-type]
    soft, val = logits.softmax(1), part_of("val")
    both = [plainly(config, "trial", i, images.__getitem__, labels, soft=soft)[0] for i in range(2)]
    assert found.accuracy.each == pytest.approx([plain.accuracy(one, val) for one in both], abs=1.5 / len(val))
    assert max(found.accuracy.each) < 0.1


def test_a_network_that_diverges_is_told_and_stops_nobody() -> None:
    run = searched(lr=10.0, steps=30)
    scores = run.summary.proxies[0].results.values()
    assert all(score.diverged and len(score.accuracies) == 2 for score in scores)
    lost = NetworkResult(accuracies=(1.0, 1.0), diverged=True)
    assert lost.standing <= NetworkResult(accuracies=(0.0,)).standing < NetworkResult(accuracies=(0.1,)).standing


def test_pruning_gives_up_seeds_of_networks_that_are_behind() -> None:
    run = searched(pruning=True, nets=3, subset="depth=2 width=16")
    (proxy,) = run.summary.proxies
    lengths = {index: len(score.accuracies) for index, score in proxy.results.items()}
    assert len(lengths) == 6
    assert proxy.pruned
    assert all((lengths[i] < 3) == (i in proxy.pruned) for i in range(6))
    assert {e["network"] for e in events(run.id) if e.get("pruned")} == {*proxy.pruned}


@pytest.mark.parametrize("strategy", ["random", "tpe", "nsga2"])
def test_a_strategy_asks_for_as_many_as_it_may_and_goes_on_where_it_was(strategy: str) -> None:
    shorter = searched(strategy=strategy, trials=5, subset="depth=2", steps=1, nets=1)
    longer = searched(strategy=strategy, trials=8, subset="depth=2", steps=1, nets=1)
    (few,), (many,) = shorter.summary.proxies, longer.summary.proxies
    assert few.asked == 5
    assert 1 <= len(few.results) <= 5
    assert many.order[: len(few.order)] == few.order
    known = [e["known"] for e in events(longer.id) if e["event"] == "trial"]
    assert sum(known) >= len(few.results)


def test_a_model_of_what_was_good_finds_what_is_good() -> None:
    """On a made-up score that is the width alone, TPE asks for wide networks more often than a random search."""
    config = spec("search", "search", {"dataset": "digits", "space": "convnet720"}).config
    assert isinstance(config, SearchConfig)
    members = config.members()

    def wide(strategy: str) -> float:
        asking, found = OptunaSampler(strategy, members, [0] * len(members), 60, 0), []
        while numbers := asking.ask():
            for number in numbers:
                score = members[number].options["width"] / 256
                asking.tell(number, score, pruned=False)
                found.append(score)
        return mean(found[30:])

    assert wide("tpe") > wide("random") + 0.1


def test_a_grid_asks_for_every_network_once() -> None:
    grid = GridSampler(36)
    assert (grid.ask(), grid.ask()) == ([*range(36)], [])


def test_the_worse_half_is_given_up_whatever_the_order() -> None:
    """Of five, three go on."""
    standing = {0: 0.3, 1: 0.9, 2: 0.1, 3: 0.5, 4: 0.7}
    assert {*worse_half(standing)} == {*worse_half(dict(reversed(standing.items())))} == {0, 2}
    assert worse_half({7: 0.2}) == []


def test_a_network_that_is_asked_for_again_keeps_what_it_was() -> None:
    """Twelve asks among four networks: each is trained once, and none of those that went on is given up later."""
    short, long = (searched(strategy="tpe", trials=n, pruning=True, nets=3, subset="depth=2 width=16 units=64,128")
                   for n in (6, 12))
    (few,), (many,) = short.summary.proxies, long.summary.proxies
    assert all(many.results[i] == score for i, score in few.results.items())
    assert {*few.pruned} <= {*many.pruned}


def test_what_a_proxy_chose_is_trained_on_the_whole_data_as_the_truth_trains() -> None:
    run = searched(subset="depth=2")
    (proxy,) = run.summary.proxies
    macs = [one.macs for one in run.summary.networks]
    best = max(proxy.results, key=lambda i: (mean(proxy.results[i].accuracies), -macs[i], -i))
    ((number, score),) = run.summary.winners.items()
    assert number == best
    config = spec("search", "search", run.config).config
    assert isinstance(config, SearchConfig)
    truth = config.truth_config()
    assert truth is not None
    (asked,) = truth.trials([number])
    assert score.trial == trial.question(asked).key
    assert len(score.accuracies_test) == 1


def test_the_truth_has_weights_and_orders_of_its_own() -> None:
    """Else early stopping after as many steps would be the truth, and agree with it by construction."""
    run = searched(proxies="early", truth_steps=3, truth_nets=2, truth="all", truth_sample=None)
    early = run.summary.proxies[0].results
    (number,) = run.summary.winners
    assert run.summary.winners[number].accuracies != early[number].accuracies


def test_a_trial_that_holds_something_else_is_computed_again(home: Any) -> None:
    """Somebody's run.json in the place of a trial costs a computation, not the search."""
    run = searched()
    score = run.summary.proxies[0].results[0]
    place = Store().record(score.trial).folder / "run.json"
    told = json.loads(place.read_text())
    place.write_text(json.dumps({**told, "summary": {}}))
    again = searched(proxies="random,early")
    assert again.summary.proxies[0].results[0].accuracies == score.accuracies


def test_networks_that_no_memory_holds_are_refused_with_what_would_fit() -> None:
    """Four maps of 128·128·256 numbers, each kept four times in float32: 268 MB for an image."""
    values = {"dataset": "cifar10", "space": "convnet720", "subset": "width=256 pooling=none"}
    assert spec("search", "search", {**values, "batch_size": 256})
    large = {**values, "dataset": "mhist", "batch_size": 256}
    with pytest.raises(
        ConfigError, match="fills 69 GB with a batch of 256 images of 128 px: take a batch of at most 119"
    ):
        spec("search", "search", large)
    assert spec("search", "search", {**large, "batch_size": 119})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"subset": "depth=4"}, "depth must be at most 3"),
        ({"proxies": "randm"}, "no proxy 'randm'"),
        ({"proxies": ""}, "at least one set"),
        ({"trials": 5}, "a grid tries every network"),
        ({"pruning": True, "nets": 1}, "nets must be at least 2"),
        ({"pruning": True, "strategy": "nsga2"}, "nsga2 by two figures"),
        ({"subset": "depth=2 width=16 units=64 activation=relu"}, "ranks at least 2 networks"),
        ({"epochs": 5}, "in steps, not in epochs"),
        ({"space": "corse"}, "did you mean 'course'"),
        ({"truth": "all", "truth_sample": 5}, "truth_sample is for a sampled truth"),
    ],
)
def test_a_search_that_cannot_be_is_refused_with_the_reason(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        spec("search", "search", {**SMALL, "truth_sample": None, **values})


def test_the_same_search_written_in_another_way_has_the_same_key() -> None:
    one = spec("search", "search", {**SMALL, "proxies": "early,random", "subset": "units=64 width=16 depth=2"})
    other = spec("search", "search", {**SMALL, "proxies": "random, early, random"})
    assert one.key == other.key


@pytest.mark.parametrize("preset", search.PRESETS, ids=lambda preset: preset.name)
@pytest.mark.parametrize("dataset", ["mnist", "cifar10", "digits"])
def test_every_preset_is_a_search_on_every_data_set(preset: Any, dataset: str) -> None:
    config = SearchConfig.build(preset.for_dataset(dataset))
    assert config.members()
    assert search.preset(preset.name) is preset


def test_an_answer_that_somebody_else_gave_first_stays(home: Any) -> None:
    run = searched()
    store, question = Store(), spec("search", "search", SMALL)
    score = run.summary.proxies[0].results[0]
    kept = store.record(score.trial)
    asked = spec("trial", "trial", kept.config)
    recorder = FolderRecorder(store, store.create(spec("truth", "truth", {"dataset": "digits", "sample": 3})).id)
    other = kept.summary.model_copy(update={"seconds": 99.0})
    assert recorder.answer(asked, other, 1.0).summary == kept.summary
    assert isinstance(asked.config, TrialConfig)
    assert question.key == run.id


@pytest.mark.gpu
def test_a_stack_on_a_gpu_finds_what_its_networks_find_one_by_one() -> None:
    values = {**SMALL, "subset": "depth=2,3 width=16 units=64", "steps": 30}
    config = spec("search", "search", {**values, "device": "cuda", "truth": "none", "truth_sample": None}).config
    assert isinstance(config, SearchConfig)
    bench = trial.TrialData(config, Stopped({}))  # type: ignore[arg-type]
    for group in trial.groups([config.trial(one) for one in config.members()], bench.where):
        assert len(group) == 2
        stacked = trial.train_group(group, bench)
        alone = [trial.train_group([one], bench, stacked=False)[0] for one in group]
        for together, single in zip(stacked, alone, strict=True):
            assert together.accuracy.each == pytest.approx(single.accuracy.each, abs=3.5 / 144)  # TF32 turns an image


@pytest.mark.slow
def test_the_54_networks_rank_alike_in_stacks_and_one_by_one(mnist_root: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose accuracies are more than two of 500 images apart stand in the same order; rounding may turn two."""
    monkeypatch.setenv("DDCORE_DATA", str(mnist_root))
    values = {**SMALL, "dataset": "mnist", "subset": "", "steps": 12, "nets": 1, "batch_size": 20}
    config = spec("search", "search", values).config
    assert isinstance(config, SearchConfig)
    trials = [config.trial(one) for one in config.members()]
    bench = trial.TrialData(config, Stopped({}))  # type: ignore[arg-type]
    bench.val = Resident(
        bench.val.images[:500], bench.val.labels[:500], bench.val.classes, bench.val.mean, bench.val.std
    )
    groups = trial.groups(trials, GPU)
    assert (len(trials), len(groups)) == (54, 27)
    stacked = [one.accuracy.mean for group in groups for one in trial.train_group(group, bench, stacked=True)]
    alone = [trial.train_group([one], bench, stacked=False)[0].accuracy.mean for group in groups for one in group]
    assert len({*alone}) > 15
    turned = [
        (i, j) for i, j in itertools.combinations(range(54), 2)
        if abs(alone[i] - alone[j]) > 2.5 / 500 and (alone[i] < alone[j]) != (stacked[i] < stacked[j])
    ]
    assert not turned


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_to_the_same_ranking() -> None:
    """Its process is really killed after the first trials; what they found is not computed again."""
    asked = spec("search", "search", {**SMALL, "subset": "depth=2", "steps": 60, "seed": 1})
    run_id = jobs.submit(asked)
    deadline = time.monotonic() + 60
    while not (told := trials_of(run_id)) and time.monotonic() < deadline:
        time.sleep(0.02)
    job = read_job(Store().record(run_id).folder)
    os.killpg(job["pid"], signal.SIGKILL)
    while jobs.status(run_id).state != "interrupted":
        time.sleep(0.02)
    assert 0 < len(told) < 18
    jobs.wait(jobs.resume(run_id))
    again = [e for e in trials_of(run_id) if e["known"]]
    assert len(again) >= len(told)
    summary = Store().record(run_id).summary
    for number, score in [*summary.proxies[0].results.items()][:6]:
        fresh = asked.config.trial(asked.config.members()[number], run=summary.proxies[0].run, exact=True)
        bench = trial.TrialData(fresh, FolderRecorder(Store(), score.trial))
        (computed,) = trial.train_group([fresh.replace(exact=False)], bench)
        assert computed.accuracy.each == score.accuracies


def trials_of(run_id: str) -> list[dict[str, Any]]:
    return [e for e in events(run_id) if e["event"] == "trial"]
