"""Scores of difficulty on digits: what is kept, what is told, and going on after a stop."""

from __future__ import annotations

import copy
from typing import Any

import plain
import pytest
import torch
from recording import MemoryRecorder

from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import Cancelled, ConfigError
from ddcore.experiments import scores, spec
from ddcore.ops import nets, seeds

TINY: dict[str, Any] = {
    "dataset": "digits", "width": 4, "device": "cpu", "agents": 2, "epochs": 3, "train_images": 300,
}


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def scored(recorder: MemoryRecorder | None = None, **changes: Any) -> tuple[scores.ScoresSummary, MemoryRecorder]:
    recorder = recorder or MemoryRecorder()
    config = spec("scores", "scores", {**TINY, **changes}).config
    return scores.run("scores", config, recorder), recorder  # type: ignore[arg-type]


def logits_of(recorder: MemoryRecorder, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(what the kept network says of these training images, their labels), computed apart."""
    data = load("digits")
    part = Resident.from_split(data.train, data, "cpu")
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4})
    network.load_state_dict(recorder.arrays["network"])
    with torch.no_grad():
        return network.eval()(part.batch(indices)), part.labels[indices]


def test_scores_are_over_agents_each_with_weights_and_orders_of_its_own_and_validated_on_validation_images() -> None:
    values = {"epochs": 2, "lr": 0.05, "momentum": 0.8, "weight_decay": 0.01, "augment": "siamese-no-flip", "seed": 7}
    summary, recorder = scored(**values, train_images=0)
    setting = spec("scores", "scores", {**TINY, **values}).config
    data, told = load("digits"), recorder.told("epoch")
    part, val = (Resident.from_split(split, data, "cpu") for split in (data.train, data.val))
    by_hand, (el2n, grad_norm, forgetting) = [], torch.zeros(3, len(part))
    for agent in range(2):
        draws = seeds.generator(7, "scores", agent, "network")
        network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4}, draws)
        losses, right = [], []
        for loss, _ in plain.epochs(network, part.batch, part.labels, setting, 7, "scores", agent):
            losses.append(loss)
            with torch.no_grad():
                embedded = network.eval().embed(part.all())
                said, lengths = network.classifier(embedded), embedded.norm(dim=1)
            errors = (said.softmax(1) - torch.eye(10)[part.labels]).norm(dim=1)
            el2n += errors / 4
            grad_norm += errors * (1 + lengths**2).sqrt() / 4
            right.append(said.argmax(1) == part.labels)
        forgetting += torch.where(right[0] | right[1], right[0] & ~right[1], 2)
        assert [e["loss"] for e in told if e["agent"] == agent] == pytest.approx(losses, rel=1e-4)
        by_hand.append(plain.accuracy(network, val))
    assert [told[1]["val_accuracy"], told[3]["val_accuracy"]] == pytest.approx(by_hand, abs=1.5 / len(val))
    assert summary.val_accuracy.mean == pytest.approx(sum(by_hand) / 2, abs=1.5 / len(val))
    elsewhere = [plain.accuracy(network, Resident.from_split(split, data, "cpu")) for split in (data.train, data.test)]
    assert min(abs(right - by_hand[1]) for right in elsewhere) > 0.05, "other images would be told from these"
    kept = recorder.arrays["scores"]
    torch.testing.assert_close(kept["el2n"], el2n, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(kept["grad_norm"], grad_norm, rtol=1e-3, atol=1e-4)
    assert (kept["forgetting"] != forgetting).sum() <= 2, "but for images that rounding decides"


def test_el2n_of_one_agent_after_one_epoch_is_that_of_the_network_it_kept() -> None:
    summary, recorder = scored(agents=1, epochs=1)
    kept = recorder.arrays["scores"]
    logits, labels = logits_of(recorder, kept["indices"])
    by_hand = (logits.softmax(1) - torch.eye(10)[labels]).norm(dim=1)
    torch.testing.assert_close(kept["el2n"], by_hand, atol=1e-5, rtol=1e-4)
    wrong = (logits.argmax(1) != labels).float()
    assert torch.equal(kept["forgetting"], wrong)  # after one epoch: never right, or right
    assert summary.never_forgotten == pytest.approx(1 - wrong.mean().item())
    assert recorder.told("epoch")[0]["train_accuracy"] == pytest.approx(1 - wrong.mean().item())


def gradient_norms(recorder: MemoryRecorder, indices: torch.Tensor) -> list[float]:
    """Of the kept network's last layer, by autograd, for each of these training images."""
    data = load("digits")
    part = Resident.from_split(data.train, data, "cpu")
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4})
    network.load_state_dict(recorder.arrays["network"])
    found = []
    for image in indices.split(1):
        loss = torch.nn.functional.cross_entropy(network.eval()(part.batch(image)), part.labels[image])
        gradients = torch.autograd.grad(loss, network.classifier.parameters())
        found.append(torch.cat([g.flatten() for g in gradients]).norm().item())
    return found


def test_the_gradient_norm_is_the_mean_over_early_epochs_of_that_of_the_last_layer() -> None:
    first, second = scored(agents=1, epochs=2, el2n_epochs=1)[1], scored(agents=1, epochs=2)[1]
    after_one = scored(agents=1, epochs=1)[1]
    some = after_one.arrays["scores"]["indices"][::60]
    one, both = (r.arrays["scores"]["grad_norm"][::60] for r in (first, second))
    assert one.tolist() == pytest.approx(gradient_norms(after_one, some), rel=1e-4)
    assert (2 * both - one).tolist() == pytest.approx(gradient_norms(second, some), rel=1e-4)


def test_the_easiest_and_the_hardest_images_of_each_class_are_kept_for_every_score() -> None:
    summary, recorder = scored(epochs=2)
    kept, data = recorder.arrays["scores"], load("digits")
    part = Resident.from_split(data.train, data, "cpu")
    names = summary.score_names
    assert names == ("el2n", "forgetting", "grad_norm")
    assert set(recorder.sets) == {f"{side}_{score}" for side in ("easiest", "hardest") for score in names}
    everything = part.batch(kept["indices"])
    assert torch.equal(kept["labels"], part.labels[kept["indices"]])
    for name, shown in recorder.sets.items():
        side, score = name.split("_", 1)
        assert shown.labels.tolist() == [c for c in range(10) for _ in range(5)]
        assert (shown.classes, shown.mean, shown.std) == (part.classes, part.mean, part.std)
        for label in range(10):
            mine = kept["labels"] == label
            ranked = kept[score][mine].sort(descending=side == "hardest").values
            found = [
                kept[score][mine][(everything[mine] == image).flatten(1).all(1)][0]
                for image in shown.images[shown.labels == label]
            ]
            assert torch.equal(torch.stack(found), ranked[:5])


def test_a_class_with_few_scored_images_shows_all_of_them() -> None:
    shown = scored(train_images=20, epochs=1, agents=1)[1].sets["easiest_el2n"]
    assert shown.labels.bincount().tolist() == [2] * 10


def test_el2n_is_the_mean_over_agents_and_early_epochs() -> None:
    both = scored(el2n_epochs=1)[1].arrays["scores"]["el2n"]
    first = scored(el2n_epochs=1, agents=1)[1].arrays["scores"]["el2n"]
    later = scored(el2n_epochs=3, agents=1)[1].arrays["scores"]["el2n"]
    second = 2 * both - first
    assert not torch.allclose(first, second, atol=1e-2)
    assert (second > 0).all()
    assert (second < 2**0.5 + 1e-5).all()
    assert later.mean() < first.mean()  # errors shrink as the agent learns


def test_the_scored_images_are_a_stratified_draw_of_the_wanted_size() -> None:
    indices = scored(epochs=1)[1].arrays["scores"]["indices"]
    labels = torch.from_numpy(load("digits").train.labels)
    assert len(indices) == 300
    assert torch.equal(indices, indices.unique())
    shares = labels[indices].bincount() - 300 / len(labels) * labels.bincount()
    assert shares.abs().max() <= 1
    assert not torch.equal(indices, scored(epochs=1, seed=1)[1].arrays["scores"]["indices"])
    assert len(scored(epochs=1, agents=1, train_images=0)[1].arrays["scores"]["indices"]) == len(labels)


def test_a_run_of_scores_tells_curves_and_a_summary() -> None:
    summary, recorder = scored(epochs=6, width=16, batch_size=30)
    told = recorder.told("epoch")
    assert [(e["agent"], e["epoch"]) for e in told] == [(a, e) for a in (0, 1) for e in range(1, 7)]
    assert [e["agent"] for e in told if "val_accuracy" in e] == [0] * 6 + [1]
    assert told[5]["loss"] < told[0]["loss"]
    ends = [told[5]["val_accuracy"], told[11]["val_accuracy"]]
    assert summary.val_accuracy.mean == pytest.approx(sum(ends) / 2)
    assert summary.val_accuracy.n == 2
    assert summary.val_accuracy.mean > 0.5
    assert (summary.agents, summary.epochs, summary.el2n_epochs, summary.images) == (2, 6, 5, 300)
    assert summary.steps == 2 * 6 * 10
    assert summary.el2n.mean == pytest.approx(recorder.arrays["scores"]["el2n"].mean().item())
    assert summary.el2n.max <= 2**0.5 + 1e-5
    assert summary.seconds > 0


@pytest.mark.parametrize(
    "stop", [(0, 3), (1, 1), pytest.param((0, 2), marks=pytest.mark.slow), pytest.param((1, 3), marks=pytest.mark.slow)]
)
def test_scores_that_were_stopped_after_any_epoch_go_on_to_the_same_bits(stop: tuple[int, int]) -> None:
    class Halting(MemoryRecorder):
        def checkpoint(self, tensors: Any, meta: Any) -> None:
            super().checkpoint(copy.deepcopy(tensors), copy.deepcopy(meta))
            if (meta["agent"], meta["step"]) == (stop[0], 3 * stop[1]):
                raise Cancelled("stopped by the test")

    summary, whole = scored(augment="siamese")
    halted = Halting()
    with pytest.raises(Cancelled):
        scored(halted, augment="siamese")
    again, resumed = scored(MemoryRecorder(point=halted.points[-1]), augment="siamese")
    assert len(resumed.told("epoch")) == 6 - 3 * stop[0] - stop[1]
    assert again.model_copy(update={"seconds": summary.seconds}) == summary
    for name in ("scores", "network"):
        assert resumed.arrays[name].keys() == whole.arrays[name].keys()
        assert all(torch.equal(t, whole.arrays[name][k]) for k, t in resumed.arrays[name].items())


def test_scoring_stops_when_asked() -> None:
    with pytest.raises(Cancelled):
        scored(MemoryRecorder(cancel_at=5))


def test_an_agent_learns_the_same_alone_and_in_company() -> None:
    alone, company = scored(agents=1)[1], scored(agents=2)[1]
    assert all(torch.equal(t, company.arrays["network"][k]) for k, t in alone.arrays["network"].items())


def test_more_images_than_there_are_are_refused_with_the_number() -> None:
    with pytest.raises(ConfigError, match=r"train_images must be at most 1294, .* digits \(0 takes all\), got 5000"):
        scored(train_images=5000)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"el2n_epochs": 4}, "el2n_epochs must be at most 3, the epochs of an agent, got 4"),
        ({"steps": 10}, "no parameter 'steps': images are scored after every epoch"),
    ],
)
def test_impossible_lengths_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        spec("scores", "scores", {**TINY, **changes})


def test_epochs_left_to_the_rule_are_the_same_question_as_epochs_given() -> None:
    keys = [spec("scores", "scores", {**TINY, "epochs": "8", "el2n_epochs": n}).key for n in (None, 5, 4)]
    assert keys[0] == keys[1] != keys[2]
