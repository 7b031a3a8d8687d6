"""The fast passes, in pieces and compiled, against the plain ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ddcore.ops import nets, seeds, train
from ddcore.ops.acceleration import Acceleration
from ddcore.ops.compiled_steps import CompiledSteps

SHAPE = (1, 8, 8)
CPU = torch.device("cpu")
LABELS = torch.arange(11) % 3
IMAGES = torch.randn(11, *SHAPE, generator=seeds.generator(1)).double()
SOFT = torch.rand(11, 3, generator=seeds.generator(2)).double().softmax(1)
PURPOSES = [(0, "test", 0), (0, "test", 1)]


class InPieces(Acceleration):
    """Takes the way of what is compiled, without the compiler, in pieces of three images."""

    def __init__(self) -> None:
        super().__init__(CPU)
        self.compiles = True

    def compiled(self, function: Any, **_: bool) -> Any:
        return function

    def piece(self, network: Any, images: torch.Tensor) -> int:
        return 3


def built(n: int, **options: Any) -> list[nets.Net]:
    chosen = {"width": 4, **options}
    return [nets.build("convnet3", SHAPE, 3, chosen, seeds.generator(0, i)).double() for i in range(n)]


def trained(
    speed: Acceleration | None, together: bool = False, soft: bool = False, epochs: int = 3, **options: Any
) -> tuple[train.Training, list[torch.Tensor]]:
    """(two networks after so many epochs in batches of 8 and 3 images, the losses and accuracies that were told)."""
    networks = built(2, **options)
    told: list[torch.Tensor] = []
    passes = CompiledSteps(networks[0], speed) if speed else None
    training = train.Training.begin(*networks, together=together, passes=passes)
    setting = train.Setting(epochs, 0.05, 0.9, 0.01, "cosine", 8, "siamese")
    train.train(
        training, lambda i: IMAGES[i], LABELS, setting, PURPOSES, lambda *epoch: told.extend(epoch),
        soft_labels=SOFT if soft else None,
    )
    return training, told


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("soft", "norm"), [(False, "instance"), (True, "instance"), (False, "batch")])
def test_networks_trained_in_pieces_are_those_trained_on_whole_batches(together: bool, soft: bool, norm: str) -> None:
    (fast, told), (plain, expected) = (trained(speed, together, soft, norm=norm) for speed in (InPieces(), None))
    torch.testing.assert_close(told, expected)
    for name, weight in plain.stack.state().items():
        torch.testing.assert_close(fast.stack.state()[name], weight, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("speed", [InPieces(), Acceleration(CPU)], ids=["in pieces", "not compiled"])
def test_each_image_is_answered_as_the_plain_way_answers_it(speed: Acceleration) -> None:
    one, other = built(2)
    exact, fast = CompiledSteps(one, Acceleration(CPU, exact=True)), CompiledSteps(one, speed, looked_at=11)
    for network in (one, other, one):
        plain = train.logits(exact, network, lambda i: IMAGES[i], 11)
        torch.testing.assert_close(train.logits(fast, network, lambda i: IMAGES[i], 11), plain)
        both = train.logits_and_lengths(fast, network, lambda i: IMAGES[i], 11)
        with torch.no_grad():
            embedded = network.eval().embed(IMAGES)
            torch.testing.assert_close(plain, network(IMAGES))
        torch.testing.assert_close(both, (plain, embedded.norm(dim=1)))


def test_a_compiled_piece_is_always_of_the_same_size() -> None:
    sizes = []
    passes = CompiledSteps(built(1)[0], InPieces())
    for n in (11, 2):
        train.logits(passes, built(1)[0], lambda i: sizes.append(len(i)) or IMAGES[i], n)  # type: ignore[func-returns-value]
    assert [size for size in sizes if size > 1] == [3, 3, 3, 3, 3]


def test_looking_leaves_the_network_as_it_was() -> None:
    (network,) = built(1)
    train.logits(CompiledSteps(network, Acceleration(CPU)), network, lambda i: IMAGES[i], 11)
    assert network.training
    assert all(p.is_contiguous() for p in network.parameters())


def test_what_was_learnt_is_told_once_in_so_many_steps_and_at_the_end() -> None:
    at: list[int] = []
    training = train.Training.begin(*built(1))
    setting = train.Setting(7, 0.05, 0.9, 0.0, "cosine", 8, "none")
    train.train(
        training, lambda i: IMAGES[i], LABELS, setting, PURPOSES[:1], lambda *_: at.append(training.step), every=5
    )
    assert at == [6, 12, 14]


def test_a_compiler_that_fails_leaves_a_note_and_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any) -> None:
        raise RuntimeError("no compiler today")

    monkeypatch.setattr("ddcore.ops.acceleration.no_compiler", lambda device: "")
    monkeypatch.setattr(torch, "compile", lambda *given, **options: fails)
    notes: list[str] = []
    speed = Acceleration(CPU, work=float("inf"), note=notes.append)
    assert speed.compiles
    (fast, told), (_, expected) = trained(speed), trained(None)
    torch.testing.assert_close(told, expected)
    assert not speed.compiles
    assert len(notes) == 1
    passes = fast.passes
    assert passes
    slow = CompiledSteps(fast.network, Acceleration(CPU, exact=True))
    plain = train.logits(slow, fast.network, lambda i: IMAGES[i], 11)
    torch.testing.assert_close(train.logits(passes, fast.network, lambda i: IMAGES[i], 11), plain)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_compiled_passes_are_one_graph_for_all_networks_and_agree_with_the_plain_ones(norm: str) -> None:
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    notes: list[str] = []
    speed = Acceleration(CPU, work=float("inf"), note=notes.append)
    (fast, told), (_, expected) = (trained(one, norm=norm) for one in (speed, None))
    torch.testing.assert_close(told, expected)
    batches = 1 if norm == "instance" else 2  # of another size, where they cannot be filled up
    assert counters["stats"]["unique_graphs"] == batches
    passes = fast.passes
    assert passes
    for network in (fast.stack.member(0), fast.stack.member(1), *built(1, norm=norm)):
        plain = train.logits(CompiledSteps(network, Acceleration(CPU, exact=True)), network, lambda i: IMAGES[i], 11)
        torch.testing.assert_close(train.logits(passes, network, lambda i: IMAGES[i], 11), plain)
        torch.testing.assert_close(train.logits(passes, network, lambda i: IMAGES[i], 5), plain[:5])
    assert counters["stats"]["unique_graphs"] == batches + 1
    assert not counters["graph_break"]
    assert speed.compiles
    assert not notes
