"""The fast ways of computing, held to the plain one; what is not as it could be is said, once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from recording import MemoryRecorder
from test_every_method import config, images, made, parents

from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.experiments import KINDS
from ddcore.methods import METHODS, Task, datadam
from ddcore.ops import acceleration, augment, nets, seeds, train
from ddcore.ops.acceleration import Acceleration

CPU = torch.device("cpu")
REDRAWN = {"width": 8, "norm": "batch"}


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def moved(name: str, pace: Acceleration, steps: int = 3, **changes: Any) -> tuple[torch.Tensor, list[float]]:
    """(the images after so many steps done in this way, the losses)."""
    data, asked, method = load("digits"), config(name, **changes), METHODS[name]
    part = Resident.from_split(data.train, data, pace.device)
    task = Task(asked, part, pace.device, tuple(parents(name, asked).values()), speed=pace)
    state, told = method.start(task), []
    assert method.step is not None
    for state.step in range(steps):
        told.append(method.step(task, state)["loss"].item())
    return state.images.cpu(), told


def apart(images: torch.Tensor, exact: torch.Tensor, name: str) -> float:
    """How far images are from the exact ones, as a share of how far those have moved."""
    start, _ = moved(name, Acceleration(CPU, exact=True), steps=0)
    return ((images - exact).norm() / (exact - start).norm()).item()


def test_a_short_run_is_not_compiled_and_a_long_one_is() -> None:
    short, long = (Acceleration(CPU, work=work) for work in (1e11, 1e15))
    assert (short.compiles, long.compiles) == (False, not acceleration.no_compiler(CPU))
    assert not Acceleration(CPU, exact=True, work=1e15).compiles


def test_without_a_compiler_everything_is_computed_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "no_compiler", lambda device: "no C++ compiler was found")
    notes: list[str] = []
    pace = Acceleration(CPU, work=math.inf, note=notes.append)
    assert pace.compiled(torch.sin) is torch.sin
    assert notes == ["Computed without a compiler, which takes longer: no C++ compiler was found."]


@pytest.mark.parametrize("name", ["dm", "datadam", "pad"])
def test_a_run_that_grows_long_enough_to_be_compiled_begins_anew(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its images would be neither those of a compiled run nor those of an eager one."""
    monkeypatch.setattr(acceleration, "no_compiler", lambda device: "")
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    length = METHODS[name].Config.length_param
    short = made(name, **{length: 2})
    between = (KINDS["distill"].cost(name, config(name, **{length: n}), None) for n in (2, 3))
    monkeypatch.setitem(acceleration.WORTH_COMPILING, "cpu", sum(between) / 2)
    longer = made(name, MemoryRecorder(point=short.points[-1]), **{length: 3})
    assert longer.told("step")[0]["step"] == 1
    assert torch.equal(images(longer), images(made(name, **{length: 3})))


@pytest.mark.parametrize("name", ["dm", "datadam", "pad"])
def test_what_is_recorded_of_the_arithmetic_is_what_was_done(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "no_compiler", lambda device: "")
    monkeypatch.setattr(acceleration, "has_half", lambda device: True)
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    matching = name != "pad"  # on a CPU nothing of PAD is compiled, nor seen in half precision
    pace = Acceleration(CPU, work=math.inf)
    moved(name, pace, steps=1)
    assert pace.told() == {"exact": False, "compiled": matching, "half": matching}


@pytest.mark.parametrize("name", ["dm", "datadam", "bptt", "frepo"])
def test_bfloat16_is_told_of_real_images_where_they_are_seen_in_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "has_half", lambda device: True)
    recorder, asked, used = MemoryRecorder(), config(name, **{METHODS[name].Config.length_param: 1}), []
    monkeypatch.setattr(recorder, "uses", used.append)
    KINDS["distill"].run(name, asked, recorder)
    assert any("bfloat16" in note for note in recorder.notes) == used[0]()["half"] == METHODS[name].half


def test_a_compiler_that_fails_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "no_compiler", lambda device: "")
    tried = []

    def failing(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            tried.append(given)
            raise RuntimeError("ld: cannot find -lgomp")

        return call

    monkeypatch.setattr(torch, "compile", failing)
    notes: list[str] = []
    pace = Acceleration(CPU, work=math.inf, note=notes.append)
    one, two = pace.compiled(torch.sin), pace.compiled(torch.cos)
    x = torch.ones(2)
    assert [one(x).tolist(), one(x).tolist(), two(x).tolist()] == [x.sin().tolist()] * 2 + [x.cos().tolist()]
    assert len(tried) == 1
    assert notes == ["Computed without a compiler, which takes longer: the compiler failed (RuntimeError)."]
    assert pace.told() == {"exact": False, "compiled": False, "half": pace.half}


def test_an_error_of_the_function_itself_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceleration, "no_compiler", lambda device: "")
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)

    def wrong(x: torch.Tensor) -> torch.Tensor:
        raise ValueError("not these images")

    with pytest.raises(ValueError, match="not these images"):
        Acceleration(CPU, work=math.inf).compiled(wrong)(torch.ones(1))


@pytest.mark.parametrize(
    ("n", "most", "piece"), [(2560, 16, 16), (100, 16, 10), (7, 16, 7), (97, 16, 16), (90, 16, 15), (12, 1, 1)]
)
def test_pieces_are_even_where_that_does_not_make_them_small(n: int, most: int, piece: int) -> None:
    assert acceleration.even(n, most) == piece


def test_a_piece_is_as_large_as_the_cache_has_room_for_its_largest_map() -> None:
    network = nets.build("convnet3", (1, 28, 28), 10, {"width": 128})
    images = torch.zeros(320, 1, 28, 28)
    assert Acceleration(CPU).piece(network, images) == 16  # the first map has 128·32² numbers
    assert Acceleration(CPU).piece(network, images[:, :, :14, :14]) == 40  # 50 at most, of 128·18²; 320 is 8 × 40
    assert Acceleration(CPU, exact=True).piece(network, images) == 320
    assert network.training


@pytest.mark.parametrize("name", ["dm", "datadam", "pad"])
def test_pieces_lead_to_the_same_images_as_whole_batches(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact, plainly = moved(name, Acceleration(CPU, exact=True))
    monkeypatch.setattr(acceleration, "CACHED", 4 * 8 * 12 * 12)
    fast, told = moved(name, Acceleration(CPU))
    assert told == pytest.approx(plainly, rel=1e-4)
    assert apart(fast, exact, name) < 2e-2


@pytest.mark.parametrize("name", ["dm", "datadam"])
def test_half_precision_sees_the_same_within_its_rounding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact, plainly = moved(name, Acceleration(CPU, exact=True), steps=1)
    monkeypatch.setattr(acceleration, "has_half", lambda device: True)
    fast, told = moved(name, Acceleration(CPU), steps=1)
    assert told != plainly
    assert told == pytest.approx(plainly, rel=0.05)  # bfloat16 keeps 8 bits; the loss is a difference of means
    assert apart(fast, exact, name) < 5e-2


def redrawn(beside: bool, generator: Callable[[int], torch.Generator] = seeds.generator) -> tuple[Any, nets.Net]:
    """(what draws the network again, the network)."""
    network, pace = nets.build("convnet3", (3, 16, 16), 2, REDRAWN), Acceleration(CPU)
    pace.beside = beside
    return acceleration.Redrawn(network, generator, pace), network


@pytest.mark.parametrize("beside", [False, True])
def test_redrawn_weights_are_those_of_a_network_built_anew_whatever_was_there(beside: bool) -> None:
    again, network = redrawn(beside)
    for number in (1, 2, 7, 3):
        network.to(memory_format=torch.channels_last)
        network.load_state_dict({name: t + 1 for name, t in network.state_dict().items()})
        again.draw(number)
        expected = nets.build("convnet3", (3, 16, 16), 2, REDRAWN, seeds.generator(number)).state_dict()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in network.state_dict().items())


def test_beside_the_host_each_network_is_drawn_once_and_while_the_one_before_is_at_work() -> None:
    drawn: list[int] = []

    def generator(number: int) -> torch.Generator:
        drawn.append(number)
        return seeds.generator(number)

    again, _ = redrawn(True, generator)
    asked = []
    for number in (3, 4, 9):
        again.draw(number)
        asked.append(list(drawn))
    assert asked == [[3, 4], [3, 4, 5], [3, 4, 5, 9, 10]]


@pytest.mark.parametrize("name", ["dm", "datadam", pytest.param("pad", marks=pytest.mark.slow)])
def test_a_device_that_works_beside_the_host_makes_the_same_bits_and_tells_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = made(name)
    monkeypatch.setattr(acceleration, "works_beside", lambda device: True)
    beside = made(name)
    assert torch.equal(images(beside), images(usual))
    told = ([{**e, "seconds": None} for e in run.events] for run in (usual, beside))
    assert next(told) == next(told)


@pytest.mark.slow
@pytest.mark.parametrize("images", [None, 6])
@pytest.mark.parametrize("operation", augment.DRAWS)
def test_no_augmentation_asks_the_device_for_a_number(operation: str, images: int | None) -> None:
    drawn = augment.Draw(((operation, augment.DRAWS[operation](seeds.generator(1), 8, 8, images)),))
    assert augment.apply(torch.empty(6, 3, 8, 8, device="meta"), drawn).shape == (6, 3, 8, 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dm", "datadam", "pad"])
def test_no_step_asks_the_device_for_a_number(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is what a GPU's queue would run empty for. On "meta" there are no numbers, so that asking fails."""
    nowhere, drawn = torch.device("meta"), seeds.generator
    data, method = load("digits"), METHODS[name]
    asked = config(name, augment="siamese")
    part = Resident.from_split(data.train, data, CPU)
    task = Task(asked, part, CPU, tuple(parents(name, asked).values()))
    state: Any = method.start(task)
    for one in (part, state):
        for field, value in vars(one).items():
            if isinstance(value, torch.Tensor):
                setattr(one, field, value.to(nowhere))
    state.network.to(nowhere)
    monkeypatch.setattr(seeds, "generator", lambda *purpose, device: drawn(*purpose))
    assert method.step is not None
    for state.step in range(2):
        recorded = method.step(dataclasses.replace(task, device=nowhere), state)
        assert state.images.device == nowhere
        with pytest.raises(RuntimeError, match="meta"):
            recorded["loss"].item()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dm", "datadam"])
def test_compiled_steps_lead_to_the_same_images_as_plain_ones(name: str) -> None:
    exact, plainly = moved(name, Acceleration(CPU, exact=True), steps=6)
    notes: list[str] = []
    pace = Acceleration(CPU, work=math.inf, note=notes.append)
    fast, told = moved(name, pace, steps=6)
    assert (pace.compiles, notes) == (True, []), "this machine has a compiler"
    assert told == pytest.approx(plainly, rel=1e-3)
    assert apart(fast, exact, name) < 2e-2
    again, _ = moved(name, Acceleration(CPU, work=math.inf), steps=6)
    assert torch.equal(fast, again)


@pytest.mark.slow
def test_a_training_step_of_a_network_compiles_to_one_graph() -> None:
    network = nets.build("convnet3", (1, 8, 8), 10, {"width": 4})
    learn, traced = (datadam.learning(network, lr=0.05, traced=traced) for traced in (False, True))
    notes: list[str] = []
    pace = Acceleration(CPU, work=math.inf, note=notes.append)
    fast, batch = pace.compiled(traced), (torch.randn(6, 1, 8, 8, generator=seeds.generator(1)), torch.arange(6))
    plainly = compiled = tuple(p.detach() for p in network.parameters())
    with torch.no_grad():
        for _ in range(3):
            plainly, compiled = learn(plainly, *batch), fast(compiled, *batch)
    assert (pace.told()["compiled"], notes) == (True, [])
    for one, other in zip(compiled, plainly, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_images_made_in_half_precision_teach_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = {"num_iters": 60, "ipc": 5, "width": 16, "batch_real": 32, "lr_img": 5.0, "augment": "none",
               "init": "noise"}
    plain, _ = moved("dm", Acceleration(CPU, exact=True), steps=60, **setting)
    monkeypatch.setattr(acceleration, "has_half", lambda device: True)
    half, _ = moved("dm", Acceleration(CPU), steps=60, **setting)
    start, _ = moved("dm", Acceleration(CPU), steps=0, **setting)
    learnt = {name: taught(images) for name, images in (("start", start), ("plain", plain), ("half", half))}
    assert learnt["half"] == pytest.approx(learnt["plain"], abs=0.05), learnt  # of 0.5 that were learnt
    assert learnt["half"] > learnt["start"] + 0.2, learnt


def taught(images: torch.Tensor) -> float:
    """Mean accuracy on the test images of five networks that learnt from these, five a class."""
    data = load("digits")
    labels, test = torch.arange(10).repeat_interleave(5), Resident.from_split(data.test, data, CPU)
    networks = [nets.build("convnet3", (1, 8, 8), 10, {"width": 16}, seeds.generator(n)) for n in range(5)]
    training = train.Training.begin(*networks)
    setting = train.Setting(None, 0.05, 0.9, 5e-4, "cosine", 25, "none", steps=200)
    train.train(training, lambda i: images[i], labels, setting, [(n,) for n in range(5)])
    passes = train.CompiledSteps(networks[0], Acceleration(CPU), len(test))
    said = [train.logits(passes, training.stack.member(n), test.batch, len(test)).argmax(1) for n in range(5)]
    return sum((one == test.labels).float().mean().item() for one in said) / 5


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["dm", "datadam", "pad"])
def test_a_gpu_compiles_to_the_same_losses_as_plain_steps(name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    gpu = torch.device("cuda")
    exact, plainly = moved(name, Acceleration(gpu, exact=True), steps=6)
    notes: list[str] = []
    pace = Acceleration(gpu, work=math.inf, note=notes.append)
    fast, told = moved(name, pace, steps=6)
    assert (pace.compiles, notes) == (True, [])
    assert told == pytest.approx(plainly, rel=0.05)  # TF32 and bfloat16 keep 10 and 8 bits
    assert ((fast - exact).norm() / exact.norm()).item() < 0.05


@pytest.mark.gpu
def test_a_gpu_draws_the_same_networks_ahead_as_in_their_place() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    gpu, found = torch.device("cuda"), []
    seen = torch.randn(64, 3, 64, 64, device=gpu, generator=seeds.generator(1, device="cuda"))
    for exact in (True, False):  # in their place, and ahead
        network = nets.build("convnet3", (3, 64, 64), 2, {"width": 128}, device=gpu)
        pace = Acceleration(gpu, exact=exact)
        again = acceleration.Redrawn(network, lambda number: seeds.generator(number, device="cuda"), pace)
        for number in range(20):
            again.draw(number)
            with torch.no_grad():
                for _ in range(5):  # work that the next draw may not wait for
                    network(seen)
            found.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    assert all(torch.equal(ahead, in_place) for ahead, in_place in zip(found[20:], found[:20], strict=True))
