"""Expert trajectories on digits: what is kept of whom, what is told, and going on after a stop."""

from __future__ import annotations

import copy
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import plain
import pytest
import torch
from recording import MemoryRecorder

from ddcore import counts
from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.data.split import take
from ddcore.errors import Cancelled, ConfigError, Diverged, RunBroken
from ddcore.experiments import KINDS, experts, scores, spec, training
from ddcore.experiments.scores import scored_images
from ddcore.methods.trajectories import TrajectoryConfig
from ddcore.ops import nets, seeds, train

TINY: dict[str, Any] = {
    "dataset": "digits", "width": 4, "device": "cpu", "experts": 3, "train_epochs": 4, "batch_train": 100,
    "lr_teacher": 0.1, "initial_ratio": 0.5, "add_end_epoch": 2, "remove_epoch": 3, "remove_ratio": 0.25,
    "agents": 1, "score_epochs": 1, "train_images": 300,
}
UNSCHEDULED = {"initial_ratio": 1.0, "remove_ratio": 0.0, "second_remove_ratio": 0.0}


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def config_of(**changes: Any) -> TrajectoryConfig:
    config = spec("experts", "experts", {**TINY, **changes}).config
    assert isinstance(config, TrajectoryConfig)
    return config


@cache
def _scored() -> Any:
    recorder = MemoryRecorder()
    (need,) = KINDS["experts"].needs("experts", config_of())
    scores.run("scores", need.config, recorder)  # type: ignore[arg-type]
    return SimpleNamespace(arrays=recorder.arrays.__getitem__)


def trained(recorder: MemoryRecorder | None = None, **changes: Any) -> tuple[experts.ExpertsSummary, MemoryRecorder]:
    recorder, config = recorder or MemoryRecorder(), config_of(**changes)
    recorder.parents = {"scores": _scored()} if config.scheduled else {}
    return experts.run("experts", config, recorder), recorder


def rows(recorder: MemoryRecorder) -> np.ndarray:
    return recorder.maps["trajectories"]


def test_row_0_is_the_random_start_of_each_expert() -> None:
    kept = rows(trained(train_epochs=1)[1])
    for index in range(3):
        start = nets.build(
            "convnet3", (1, 8, 8), 10, {"width": 4}, seeds.generator(0, "experts", index, "network")
        )
        assert np.array_equal(kept[index, 0], torch.nn.utils.parameters_to_vector(start.parameters()).detach().numpy())


def test_a_row_is_the_weights_of_a_network_that_answers_as_was_told() -> None:
    summary, recorder = trained(train_epochs=4, lr_teacher=0.5, momentum_teacher=0.5)
    data = load("digits")
    val = Resident.from_split(data.val, data, "cpu")
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4})
    for told in recorder.told("epoch"):
        row = torch.from_numpy(rows(recorder)[told["first"], told["epoch"]])
        torch.nn.utils.vector_to_parameters(row, network.parameters())
        right = (network(val.all()).argmax(1) == val.labels).float().mean().item()
        assert told["val_accuracy"] == pytest.approx(right, abs=0.01)
    last = [e["val_accuracy"] for e in recorder.told("epoch") if e["epoch"] == 4]
    assert summary.val_accuracy.mean == pytest.approx(sum(last) / 3)
    assert summary.val_accuracy.mean > 0.2, "twice what guessing gives"


def test_one_epoch_is_plain_sgd_on_the_images_in_use() -> None:
    kept, config = rows(trained(train_epochs=1, batch_train=1000, experts=1)[1]), config_of(batch_train=1000)
    stored = _scored().arrays("scores")
    labels = torch.from_numpy(load("digits").train.labels)[stored["indices"]]
    used = []
    for label in range(10):
        members = (labels == label).nonzero().flatten()
        used.append(members[stored["el2n"][members].argsort()][: int(len(members) * config.initial_ratio + 0.5)])
    data = load("digits")
    part = Resident.from_split(data.train, data, "cpu")
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4})
    torch.nn.utils.vector_to_parameters(torch.from_numpy(kept[0, 0].copy()), network.parameters())
    easy = stored["indices"][torch.cat(used)]
    torch.nn.functional.cross_entropy(network(part.batch(easy)), part.labels[easy]).backward()
    with torch.no_grad():
        stepped = torch.cat([(p - config.lr_teacher * p.grad).flatten() for p in network.parameters()])  # type: ignore[operator]
    np.testing.assert_allclose(kept[0, 1], stepped.numpy(), atol=1e-6)


def test_an_expert_has_weights_and_orders_of_its_own_and_learns_in_each_epoch_what_is_in_use_then() -> None:
    asked = {"train_epochs": 4, "experts": 2, "batch_train": 60, "momentum_teacher": 0.8, "seed": 3}
    config, data = config_of(**asked, augment="siamese-no-flip"), load("digits")
    kept = {"indices": torch.arange(0, 1294, 4), "el2n": torch.rand(324, generator=seeds.generator(1))}
    part, in_use = Resident.from_split(take(data.train, kept["indices"].numpy()), data, "cpu"), []
    for low, high in ((0, 0.5), (0, 0.75), (0, 1), (0.25, 1)):
        members = [(part.labels == label).nonzero().flatten() for label in range(10)]
        easy_first = [of_class[kept["el2n"][of_class].argsort()] for of_class in members]
        used = [one[int(low * len(one) + 0.5) : int(high * len(one) + 0.5)] for one in easy_first]
        in_use.append(torch.cat(used).sort().values)
    recorder = MemoryRecorder()
    recorder.parents = {"scores": SimpleNamespace(arrays=lambda name: kept)}
    experts.run("experts", config, recorder)
    setting = train.Setting(4, 0.1, 0.8, 0.0, "constant", 60, "siamese-no-flip")
    for i in range(2):
        draws = seeds.generator(3, "experts", i, "network")
        network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4}, draws)
        learnt = plain.epochs(network, part.batch, part.labels, setting, 3, "experts", i, in_use=in_use)
        for row, _ in enumerate(learnt, 1):
            weights = torch.nn.utils.parameters_to_vector(network.parameters()).detach().numpy()
            np.testing.assert_allclose(rows(recorder)[i, row], weights, rtol=1e-3, atol=1e-4)


def test_experts_tell_curves_and_a_summary() -> None:
    summary, recorder = trained()
    told = recorder.told("epoch")
    assert [(e["first"], e["epoch"]) for e in told] == [(i, e) for i in range(3) for e in range(1, 5)]
    assert [(e["low"], e["high"]) for e in told[:4]] == [(0, 0.5), (0, 0.75), (0, 1), (0.25, 1)]
    assert summary.shares == tuple((e["low"], e["high"]) for e in told[:4])
    assert told[2]["images"] == summary.images == 300
    assert [abs(e["images"] - 300 * (e["high"] - e["low"])) <= 10 for e in told] == [True] * 12
    assert summary.steps == sum(-(-e["images"] // 100) for e in told)
    assert told[3]["loss"] < told[0]["loss"]
    assert (
        summary.parameters == rows(recorder).shape[2] == counts.parameters("convnet3", (1, 8, 8), 10, {"width": 4})
    )
    assert summary.bytes == rows(recorder).nbytes == KINDS["experts"].disk("experts", config_of())
    assert (summary.experts, summary.epochs, summary.precision) == (3, 4, "full")
    assert (summary.train_accuracy.n, summary.val_accuracy.n) == (3, 3)
    assert summary.seconds > 0
    assert summary.layers[-1] == experts.Layer(name="classifier", parameters=50, share=1.0)


def test_half_precision_is_full_precision_rounded_and_takes_half_the_space() -> None:
    full, half = trained(), trained(precision="half")
    assert rows(half[1]).dtype == np.float16
    assert np.array_equal(rows(half[1]), rows(full[1]).astype(np.float16))
    assert half[0].bytes * 2 == full[0].bytes
    assert KINDS["experts"].disk("experts", config_of(precision="half")) == half[0].bytes


def test_weights_that_half_precision_cannot_hold_are_refused_with_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def enlarge(training: train.Training, *_: Any) -> tuple[torch.Tensor, torch.Tensor]:
        next(iter(training.stack.parameters.values())).data.fill_(70_000)
        return torch.zeros(1), torch.zeros(1)

    monkeypatch.setattr(train, "one_epoch", enlarge)
    with pytest.raises(
        Diverged, match=r"expert 1 .* epoch 1: a weight is 70000, while half precision holds at most 65504"
    ):
        trained(precision="half")
    trained(experts=1, train_epochs=1)  # full precision has room for it


def test_experts_that_run_away_say_what_to_try() -> None:
    with pytest.raises(Diverged, match=r"diverged by .* learning rate"):
        trained(lr_teacher=10.0, network="mlp", width=None, momentum_teacher=0.99, batch_train=10, initial_ratio=1.0)


def test_an_expert_learns_the_same_alone_and_after_others() -> None:
    assert np.array_equal(rows(trained(experts=1)[1])[0], rows(trained()[1])[0])


def test_an_expert_learns_the_same_alone_and_in_company(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = trained(augment="siamese")
    monkeypatch.setattr(experts, "_at_once", lambda shared: 2)
    together = trained(augment="siamese")
    np.testing.assert_allclose(rows(together[1]), rows(alone[1]), atol=1e-6)
    assert [(e["first"], e["epoch"]) for e in together[1].told("epoch")] == [
        (i, e) for i in (0, 2) for e in range(1, 5)
    ]
    assert together[0].steps == alone[0].steps
    assert together[0].val_accuracy.mean == pytest.approx(alone[0].val_accuracy.mean, abs=0.01)


def test_another_seed_or_another_order_of_difficulty_gives_other_experts() -> None:
    usual = rows(trained(experts=1)[1])
    assert not np.array_equal(rows(trained(experts=1, seed=1)[1]), usual)
    assert not np.array_equal(rows(trained(experts=1, difficulty="grad_norm")[1]), usual)


class Halting(MemoryRecorder):
    """Checkpoints after every epoch, and stops after so many checkpoints."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def checkpoint(self, tensors: Any, meta: Any) -> None:
        super().checkpoint(copy.deepcopy(tensors), copy.deepcopy(meta))
        if len(self.points) == self.after:
            raise Cancelled("stopped by the test")


@pytest.mark.parametrize(
    ("size", "after"),
    [(1, 4), (2, 3), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((1, 2), (1, 12), (2, 4)))],
)
def test_experts_that_were_stopped_after_any_epoch_go_on_to_the_same_bits(
    size: int, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1)
    monkeypatch.setattr(experts, "_at_once", lambda shared: size)
    asked = {"momentum_teacher": 0.5, "augment": "siamese"}
    summary, whole = trained(**asked)
    halted = Halting(after)
    with pytest.raises(Cancelled):
        trained(halted, **asked)
    resumed = MemoryRecorder(point=halted.points[-1])
    resumed.maps = halted.maps
    monkeypatch.setattr(experts, "_at_once", lambda shared: 1)  # a group that was begun keeps its size
    again, _ = trained(resumed, **asked)
    assert again.model_copy(update={"seconds": summary.seconds}) == summary
    assert np.array_equal(rows(resumed), rows(whole))
    seen = [(e["first"], e["epoch"], e["loss"]) for e in halted.told("epoch") + resumed.told("epoch")]
    assert seen == [(e["first"], e["epoch"], e["loss"]) for e in whole.told("epoch")]
    assert (len(whole.told("judge")), len(halted.told("judge")), resumed.told("judge")) == (1, 1, [])


def test_a_checkpoint_whose_trajectories_are_gone_is_no_place_to_go_on_from() -> None:
    with pytest.raises(RunBroken, match="trajectories that this run had kept are gone"):
        trained(MemoryRecorder(point=trained()[1].points[0]))


def test_training_experts_stops_when_asked() -> None:
    with pytest.raises(Cancelled):
        trained(MemoryRecorder(cancel_at=5))


def test_without_a_scheduler_no_scores_are_needed_and_all_chosen_images_are_in_use() -> None:
    config = config_of(**UNSCHEDULED)
    assert KINDS["experts"].needs("experts", config) == ()
    summary, recorder = trained(**UNSCHEDULED)
    assert {e["images"] for e in recorder.told("epoch")} == {300} == {len(scored_images(config, load("digits")))}
    assert summary.shares == ((0, 1),) * 4


def test_what_only_the_scheduler_asks_for_is_no_other_question_without_one() -> None:
    def asked(**changes: Any) -> str:
        return spec("experts", "experts", {**TINY, **changes}).key

    assert asked(**UNSCHEDULED) == asked(**UNSCHEDULED, difficulty="forgetting", add_end_epoch=7, agents=9)
    assert asked() != asked(difficulty="forgetting")
    assert asked() != asked(precision="half")


def test_the_scores_that_are_needed_are_those_of_the_same_images_and_agents() -> None:
    (need,) = KINDS["experts"].needs("experts", config_of(agents=2, score_epochs=3))
    values = need.config.values()
    assert (need.kind, values["agents"], values["epochs"], values["train_images"]) == ("scores", 2, 3, 300)


def test_a_scheduler_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="scheduler must leave some images in use"):
        config_of(initial_ratio=0.1, remove_epoch=0, remove_ratio=0.5)
