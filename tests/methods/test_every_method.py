"""What every registered method owes, on the smallest real data set. A new method is tested unasked."""

from __future__ import annotations

import json
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from recording import MemoryRecorder

from ddcore.data import DATASETS
from ddcore.errors import Cancelled, ConfigError
from ddcore.experiments import KINDS, distill, spec
from ddcore.experiments.distill import run
from ddcore.methods import METHODS

TINY: dict[str, Any] = {"dataset": "digits", "ipc": 2, "device": "cpu"}
SMALL = {"width": 4, "num_iters": 2, "net_steps": 2, "batch_real": 4, "lr_img": 1.0, "agents": 1, "score_epochs": 1}
SMALL |= {
    "experts": 2, "train_epochs": 3, "batch_train": 128, "expert_epochs": 1, "first_max_start_epoch": 1,
    "max_start_epoch": 2, "expansion_iters": 4, "student_steps": 2, "add_end_epoch": 2,
    "window": 2, "longest_path": 4, "pool": 3, "max_age": 2,
}
LENGTHS = {"num_inits": 4, "num_iters": 8}  # each makes eight steps
# PAD trains experts first, which takes seconds each time: test_pad.py holds it by default.
EVERY_METHOD = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "pad")) for name in METHODS]
)
EVERY_STEPPING = pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.step])


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def config(name: str, **changes: Any) -> Any:
    fields = METHODS[name].Config.model_fields
    known = {k: v for k, v in SMALL.items() if k in fields}
    if length := METHODS[name].Config.length_param:
        known[length] = LENGTHS[length]
    wanted = {k: v for k, v in changes.items() if k != "init_noise" or k in fields}
    return spec("distill", name, {**TINY, **known, **wanted}).config


@cache
def _answer(kind: str, name: str, values: str) -> Any:
    """A run that others build on, as they see it; computed once for all tests."""
    recorder, one = MemoryRecorder(), spec(kind, name, json.loads(values))
    recorder.parents = {
        need.kind: _answer(need.kind, need.name, json.dumps(need.config.values()))
        for need in KINDS[kind].needs(name, one.config)
    }
    summary = KINDS[kind].run(name, one.config, recorder)
    return SimpleNamespace(summary=summary, arrays=recorder.arrays.__getitem__, mapped=recorder.maps.__getitem__)


def parents(name: str, asked: Any) -> dict[str, Any]:
    """What `Recorder.built_on` gives a method with this config, for MemoryRecorder.parents."""
    needed = METHODS[name].needs(asked)
    return {f"parent {i}": _answer(kind, of, json.dumps(values)) for i, (kind, of, values) in enumerate(needed)}


def made(name: str, recorder: MemoryRecorder | None = None, **changes: Any) -> MemoryRecorder:
    recorder, asked = recorder or MemoryRecorder(), config(name, **changes)
    recorder.parents = parents(name, asked)
    run(name, asked, recorder)
    return recorder


def images(recorder: MemoryRecorder) -> torch.Tensor:
    return recorder.sets["images"].images


def labels_and_rate(recorder: MemoryRecorder, name: str) -> tuple[Any, float | None]:
    """What else a set holds that is learnt."""
    kept = recorder.sets[name]
    return None if kept.label_logits is None else kept.label_logits.tolist(), kept.lr


@EVERY_METHOD
def test_the_result_is_finite_and_sorted_by_class(name: str) -> None:
    result = made(name).sets["images"]
    assert result.images.shape == (20, 1, 8, 8)
    assert result.images.isfinite().all()
    assert result.labels.tolist() == [c for c in range(10) for _ in range(2)]
    assert result.classes == DATASETS["digits"].classes


@EVERY_METHOD
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name: str) -> None:
    assert torch.equal(images(made(name)), images(made(name)))
    assert not torch.equal(images(made(name)), images(made(name, seed=1)))


@EVERY_METHOD
def test_the_global_generator_is_neither_read_nor_moved(name: str) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = images(made(name))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(images(made(name)), first)


@EVERY_STEPPING
def test_the_images_move_and_the_summary_says_how_far(name: str) -> None:
    recorder = MemoryRecorder()
    recorder.parents = parents(name, config(name))
    summary = run(name, config(name), recorder)
    moved = (images(recorder) - recorder.sets["initial"].images).abs().mean().item()
    assert moved > 1e-4
    assert summary.pixel_change == pytest.approx(moved)
    assert summary.steps == METHODS[name].steps(config(name))


@EVERY_STEPPING
def test_every_curve_is_recorded_as_declared(name: str) -> None:
    steps = made(name).told("step")
    seen = {key for e in steps for key in e} - {"event", "step", "total", "seconds"}
    assert seen == set(METHODS[name].curves)
    assert [e["step"] for e in steps] == list(range(1, steps[-1]["total"] + 1))


@EVERY_STEPPING
@pytest.mark.parametrize("stop", [2, 4, 7])
def test_a_run_stopped_anywhere_goes_on_to_the_same_bits(name: str, stop: int) -> None:
    from ddcore.experiments import state as states

    whole = made(name)
    halted = MemoryRecorder(cancel_at=stop)
    task, state = _task_and_state(name)
    for _ in range(stop):
        METHODS[name].step(task, state)  # type: ignore[misc]
        state.step += 1
    tensors, numbers = states.dump(state)
    halted.parents = parents(name, config(name))
    with pytest.raises(Cancelled):
        run(name, config(name), halted)
    meta = {"state": numbers, "seconds": 1.0, "latest": {}, "long": False}
    resumed = MemoryRecorder(point=(tensors | distill._initial_tensors(whole.sets["initial"]), meta))
    resumed.parents = parents(name, config(name))
    run(name, config(name), resumed)
    assert torch.equal(images(resumed), images(whole))
    assert labels_and_rate(resumed, "images") == labels_and_rate(whole, "images")
    assert resumed.told("step")[0]["step"] == stop + 1


@EVERY_STEPPING
def test_a_longer_run_continues_a_shorter_one_bit_for_bit(name: str) -> None:
    length = METHODS[name].Config.length_param
    assert length in LENGTHS, f"{name} cannot be extended, or LENGTHS does not know how"
    short = made(name, **{length: 2})
    longer = made(name, MemoryRecorder(point=short.points[-1]), **{length: 5})
    assert torch.equal(images(longer), images(made(name, **{length: 5})))
    assert torch.equal(longer.sets["initial"].images, short.sets["initial"].images)
    assert labels_and_rate(longer, "initial") == labels_and_rate(short, "initial")


@EVERY_STEPPING
def test_every_initialisation_starts_where_it_says(name: str) -> None:
    short = {METHODS[name].Config.length_param: 1}
    offered = METHODS[name].Config.param("init").choices or ()
    starts = {init: made(name, init=init, init_noise=0.25, **short).sets["initial"].images for init in offered}
    assert starts["noise"].mean().abs() < 0.1
    assert starts["noise"].std().item() == pytest.approx(1, rel=0.1)
    assert len({tuple(one.flatten().tolist()) for one in starts.values()}) == len(offered)
    if "real+noise" in offered:
        assert (starts["real+noise"] - starts["real"]).std().item() == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("name", ["datadam", "dm"])
def test_a_start_that_covers_the_classes_is_the_same_for_every_seed_and_its_help_says_so(name: str) -> None:
    short = {METHODS[name].Config.length_param: 1}

    def starts(init: str) -> list[torch.Tensor]:
        return [made(name, init=init, seed=seed, **short).sets["initial"].images for seed in (0, 1)]

    assert torch.equal(*starts("kcenter"))
    assert not torch.equal(*starts("real"))
    assert "(K-Center), which are the same whatever the seed" in METHODS[name].Config.param("init").help


@EVERY_STEPPING
def test_the_random_control_is_another_draw_than_the_start(name: str) -> None:
    start = made(name, init="real", **{METHODS[name].Config.length_param: 1}).sets["initial"].images
    random = images(made("random"))
    assert not any((one == other).all() for one, other in zip(start, random, strict=True))


@EVERY_METHOD
@pytest.mark.parametrize("dataset", list(DATASETS))
def test_every_preset_is_a_config_that_can_run_on_every_data_set(name: str, dataset: str) -> None:
    method = METHODS[name]
    for preset in method.presets:
        built = method.Config.build(preset.for_dataset(dataset))
        assert built.values()["dataset"] == dataset
        assert method.steps(built) > 0 or not method.step
        assert method.cost(built, 10**6, 10) > 0 or not method.step


@EVERY_METHOD
def test_more_images_than_a_class_has_are_refused_rather_than_repeated(name: str) -> None:
    with pytest.raises(ConfigError, match=r"ipc must be at most 125, .* of digits, got 126"):
        made(name, ipc=126)


@EVERY_METHOD
def test_a_wrong_parameter_is_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(ConfigError, match="did you mean 'ipc'"):
        spec("distill", name, {"ipcs": 3})


def _task_and_state(name: str) -> tuple[Any, Any]:
    from ddcore.data.load import load
    from ddcore.data.resident import Resident
    from ddcore.methods import Task

    data = load("digits")
    cpu = torch.device("cpu")
    asked = config(name)
    parents_ = tuple(parents(name, asked).values())
    task = Task(asked, Resident.from_split(data.train, data, cpu), cpu, parents_)
    return task, METHODS[name].start(task)
