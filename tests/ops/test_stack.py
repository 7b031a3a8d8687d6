"""Networks trained together against the same networks trained one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ddcore.errors import Diverged
from ddcore.networks import NETWORKS, network
from ddcore.ops import nets, seeds, train
from ddcore.settings import TrainConfig

SHAPE = (1, 8, 8)
DEEP = ("vgg11", "resnet18")  # of the same layers as the others, and six seconds each
VARIANTS = [
    *((name, {}) for name, one in NETWORKS.items() if not one.problems(SHAPE, {}) and name not in DEEP),
    *(("convnet3", {"norm": norm}) for norm in ("batch", "layer", "group", "none")),
    *(pytest.param(name, {"norm": norm}, marks=pytest.mark.slow) for name in DEEP for norm in ("instance", "batch")),
]


def built(name: str, options: dict[str, Any], n: int) -> list[nets.Net]:
    small = {"width": 16} if "width" in network(name).options else {}
    return [nets.build(name, SHAPE, 3, {**small, **options}, seeds.generator(0, i)).double() for i in range(n)]


def trained(networks: list[nets.Net], first: int = 0, **changes: Any) -> train.Training:
    """These networks after a few steps on six noisy images; they draw as numbers first, first + 1, …

    In double precision: in single precision a ResNet18 on noise magnifies the last digit to percents in five steps.
    """
    setting = TrainConfig.build({"steps": 3, "batch_size": 3, "lr": 0.01, "augment": "siamese", **changes})
    images = torch.randn(6, *SHAPE, generator=seeds.generator(1)).double()
    labels = torch.arange(6) % 3
    training = train.Training.begin(*networks, together=True)
    purposes = [(0, "test", first + i) for i in range(len(networks))]
    train.train(training, lambda chosen: images[chosen], labels, train.Setting(**setting.training_values()), purposes)
    return training


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=lambda v: v if isinstance(v, str) else "-".join(v.values()))
def test_networks_trained_together_are_those_trained_one_by_one(name: str, options: dict[str, Any]) -> None:
    together = trained(built(name, options, 2))
    assert together.stack.together
    for i, alone in enumerate(built(name, options, 2)):
        single = trained([alone], first=i)
        assert not single.stack.together
        ours, theirs = together.stack.member(i).state_dict(), single.stack.member(0).state_dict()
        start = built(name, options, 2)[i].state_dict()
        for key, value in theirs.items():
            torch.testing.assert_close(ours[key], value, rtol=1e-8, atol=1e-9, msg=lambda m, k=key: f"{k}: {m}")
        assert any(not torch.allclose(start[key], theirs[key], atol=1e-6) for key in theirs)


def test_soft_labels_of_one_class_are_hard_labels() -> None:
    images = torch.randn(6, *SHAPE, generator=seeds.generator(1)).double()
    labels = torch.arange(6) % 3
    setting = train.Setting(None, 0.05, 0.9, 0.0, "cosine", 4, "none", steps=6)
    hard, soft = (train.Training.begin(*built("mlp", {}, 2)) for _ in range(2))
    purposes = [(0, i) for i in range(2)]
    train.train(hard, lambda c: images[c], labels, setting, purposes)
    onehot = torch.nn.functional.one_hot(labels, 3).double()
    train.train(soft, lambda c: images[c], labels, setting, purposes, soft_labels=onehot)
    for a, b in zip(hard.stack.parameters.values(), soft.stack.parameters.values(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_training_in_steps_ends_within_an_epoch_and_says_so() -> None:
    told = []
    setting = train.Setting(None, 0.01, 0.9, 0.0, "constant", 5, "none", steps=4)
    images, labels = torch.zeros(12, *SHAPE).double(), torch.arange(12) % 3
    training = train.Training.begin(*built("mlp", {}, 1))
    train.train(
        training, lambda c: images[c], labels, setting, [(0, "test")],
        lambda loss, accuracy: told.append((training.step, loss.shape, float(accuracy))),
    )
    assert [step for step, *_ in told] == [3, 4]
    assert all(shape == (1,) and 0 <= accuracy <= 1 for _, shape, accuracy in told)


def test_rates_follow_epochs_or_steps() -> None:
    epochs = train.Setting(4, 1.0, 0.9, 0.0, "half", 5, "none")
    assert [epochs.rate(step, 12) for step in (0, 5, 6, 11)] == [1.0, 1.0, 0.1, 0.1]
    steps = train.Setting(None, 1.0, 0.9, 0.0, "cosine", 5, "none", steps=4)
    assert [round(steps.rate(step, 12), 3) for step in range(4)] == [1.0, 0.854, 0.5, 0.146]
    assert (epochs.total(12), steps.total(12)) == (12, 4)


def test_more_networks_fit_where_batches_are_smaller() -> None:
    (net,) = built("convnet3", {}, 1)
    net = net.float()
    many, few = (train.fitting(net, SHAPE, batch, torch.device("cpu")) for batch in (10, 1000))
    assert many > few >= 1
    assert train.fitting(net, SHAPE, 10**9, torch.device("cpu")) == 1


def test_a_training_that_runs_away_says_at_which_step_and_what_to_try() -> None:
    images, labels = torch.randn(12, *SHAPE).double(), torch.arange(12) % 3
    setting = train.Setting(50, 1e200, 0.9, 0.0, "constant", 5, "none")
    with pytest.raises(Diverged, match=r"diverged by step \d+: .* learning rate: 1e\+200; try 1e\+199"):
        train.train(train.Training.begin(*built("mlp", {}, 1)), lambda c: images[c], labels, setting, [(0, "test")])


def test_a_dump_of_another_number_of_networks_is_refused() -> None:
    one, two = (train.Training.begin(*built("mlp", {}, n)) for n in (1, 2))
    with pytest.raises(ValueError, match="the dump holds"):
        two.load(one.dump(), 3)
