"""The driver of all methods: what it keeps, what it says, and how it ends when numbers run away."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from recording import MemoryRecorder

from ddcore import jobs
from ddcore.errors import Cancelled, Diverged, JobFailed
from ddcore.experiments import KINDS, distill, spec
from ddcore.methods import METHODS
from ddcore.ops import acceleration
from ddcore.runs import Store
from ddcore.runs.checkpoint import Checkpoint

SMALL: dict[str, Any] = {
    "dataset": "digits", "ipc": 1, "width": 4, "batch_real": 4, "num_iters": 30, "device": "cpu",
}
WILD = {"norm": "none", "depth": 1, "width": 64, "lr_img": 10_000}  # nothing holds the images back


@pytest.fixture(autouse=True)
def _home(home: Any) -> None: ...


def made(recorder: MemoryRecorder, **changes: Any) -> dict[str, Any]:
    return distill.run("dm", spec("distill", "dm", {**SMALL, **changes}).config, recorder)


def poison(monkeypatch: pytest.MonkeyPatch, at: int, value: float, scalars: bool = False) -> None:
    """From step `at` on, DM leaves images with one such pixel, or gives such a loss."""

    def step(task: Any, state: Any) -> dict[str, torch.Tensor]:
        bad = state.step + 1 >= at
        if bad and not scalars:
            state.images = state.images.clone()
            state.images[0, 0, 0, 0] = value
        return {"loss": torch.tensor(value if bad and scalars else 1.0), "grad_norm": torch.tensor(1.0)}

    monkeypatch.setitem(METHODS._entries, "dm", dataclasses.replace(METHODS["dm"], step=step))


def kept_steps(recorder: MemoryRecorder) -> list[int]:
    """The step of every checkpoint, each of which must hold finite images."""
    assert all(tensors["images"].isfinite().all() for tensors, _ in recorder.points)
    return [meta["state"]["step"] for _, meta in recorder.points]


def test_images_are_checkpointed_at_the_start_at_every_snapshot_and_at_the_end() -> None:
    recorder = MemoryRecorder()
    made(recorder)
    assert kept_steps(recorder) == [0, 1, 2, 5, 10, 20, 30]
    assert sorted(recorder.snapshots) == [0, 1, 2, 5, 10, 20]


def test_too_large_a_step_ends_the_run_with_its_name_a_smaller_one_and_what_is_kept() -> None:
    recorder = MemoryRecorder()
    with pytest.raises(Diverged) as error:
        made(recorder, **WILD)
    text = str(error.value)
    last = kept_steps(recorder)[-1]
    assert "too large a step on the images: η_S (lr_img) is 10000; try 1000." in text
    assert f"The last good checkpoint, of step {last}, is kept." in text
    assert text.startswith(f"the run diverged at step {recorder.told('step')[-1]['step'] + 1}: ")
    assert all(images.half().isfinite().all() for images in recorder.snapshots.values())
    assert "images" not in recorder.sets


@pytest.mark.parametrize(
    ("value", "scalars", "said"),
    [
        (math.nan, True, "loss nan"), (math.inf, True, "loss inf"), (-math.inf, True, "loss -inf"),
        (math.nan, False, "images up to nan"), (-math.inf, False, "images up to inf"),
        (-1e5, False, r"images up to 100000"),
    ],
)
@pytest.mark.parametrize(("at", "last"), [(1, 0), (2, 1), (10, 5), (13, 10), (30, 20)])
def test_whatever_stops_being_finite_the_checkpoint_before_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, value: float, scalars: bool, said: str, at: int, last: int
) -> None:
    poison(monkeypatch, at, value, scalars)
    recorder = MemoryRecorder()
    with pytest.raises(Diverged, match=rf"^the run diverged at step {at}: {said}\..* of step {last}, is kept"):
        made(recorder)
    assert kept_steps(recorder)[-1] == last
    assert max(recorder.snapshots) == last


def test_images_that_ran_away_between_recorded_steps_are_not_checkpointed(monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, 32, float("nan"))
    monkeypatch.setattr(distill, "CHECKPOINT_SECONDS", -1)
    monkeypatch.setattr(distill, "MOST_RECORDED_STEPS", 10)
    recorder = MemoryRecorder()
    with pytest.raises(Diverged, match="at step 32: images up to nan"):
        made(recorder, num_iters=100)
    assert kept_steps(recorder)[-1] == 31
    assert 32 not in [e["step"] for e in recorder.told("step")]


class Watched(MemoryRecorder):
    """Also keeps how many steps had been told before each one was made."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.known: list[int] = []

    def check_cancelled(self) -> None:
        self.known.append(len(self.told("step")))
        super().check_cancelled()


def beside(monkeypatch: pytest.MonkeyPatch, steps: int = 256, seconds: float = math.inf) -> None:
    """As on a GPU: what is recorded is held for so many steps and so long."""
    monkeypatch.setattr(acceleration, "works_beside", lambda device: True)
    monkeypatch.setattr(distill, "HELD_STEPS", steps)
    monkeypatch.setattr(distill, "HELD_SECONDS", seconds)


@pytest.mark.parametrize(
    ("held", "known"),
    [
        (None, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ({}, [0, 1, 2, 2, 2, 5, 5, 5, 5, 5, 10, 10]),  # before the snapshots of steps 1, 2, 5 and 10
        ({"steps": 3}, [0, 1, 2, 2, 2, 5, 5, 5, 8, 8, 10, 10]),
        ({"seconds": 0.0}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    ],
)
def test_a_gpu_is_waited_for_once_in_many_steps_and_every_step_is_told(
    held: dict[str, Any] | None, known: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if held is not None:
        beside(monkeypatch, **held)
    recorder = Watched()
    summary = made(recorder, num_iters=12)
    steps = recorder.told("step")
    assert recorder.known == known
    assert [e["step"] for e in steps] == list(range(1, 13))
    assert summary.losses == {name: steps[-1][name] for name in ("loss", "grad_norm")}


def test_a_run_on_a_gpu_that_was_stopped_goes_on_and_tells_every_step_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = MemoryRecorder()
    made(whole)
    beside(monkeypatch)
    stopped = MemoryRecorder(cancel_at=9)
    with pytest.raises(Cancelled):
        made(stopped)
    resumed = MemoryRecorder(point=stopped.points[-1])
    made(resumed)
    losses = [[e["loss"] for e in recorder.told("step")] for recorder in (stopped, resumed, whole)]
    assert kept_steps(stopped)[-1] == len(losses[0]) == 5
    assert losses[0] + losses[1] == losses[2]
    assert torch.equal(resumed.sets["images"].images, whole.sets["images"].images)


def test_a_run_that_diverged_on_a_gpu_names_the_step_and_keeps_what_was_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poison(monkeypatch, 13, math.nan)
    beside(monkeypatch)
    recorder = MemoryRecorder()
    with pytest.raises(Diverged, match=r"^the run diverged at step 13: images up to nan\..* of step 10, is kept"):
        made(recorder)
    assert kept_steps(recorder)[-1] == max(recorder.snapshots) == 10
    assert [e["step"] for e in recorder.told("step")] == list(range(1, 13))


def test_a_run_that_diverged_is_a_failed_run_whose_checkpoint_can_be_read() -> None:
    with pytest.raises(JobFailed, match="the run diverged"):
        jobs.run_inline(spec("distill", "dm", {**SMALL, **WILD}))
    (record,) = Store().records()
    assert record.state == "failed"
    assert "η_S (lr_img) is 10000; try 1000" in record.problem
    point = Checkpoint.read(record.folder)
    assert point is not None
    assert point.tensors()["images"].isfinite().all()
    assert f"of step {point.meta['state']['step']}, is kept" in record.problem


def test_a_class_smaller_than_the_real_batch_is_told_once() -> None:
    first = MemoryRecorder()
    summary = made(first, num_iters=2, batch_real=128)
    (note,) = summary.notes
    assert note.startswith("Fewer training images than the real batch of 128: ")
    assert "8 (125)" in note
    assert "with replacement" in note
    assert first.notes == [note]
    resumed = MemoryRecorder(point=first.points[-2])
    assert made(resumed, num_iters=2, batch_real=128).notes == (note,)
    assert note not in resumed.notes


def test_a_run_like_any_other_has_no_notes() -> None:
    recorder = MemoryRecorder()
    assert made(recorder, num_iters=1).notes == ()
    assert recorder.notes == []


def grown(monkeypatch: pytest.MonkeyPatch, compiled_from: int) -> tuple[Store, str, str]:
    """(the store, a run of 4 steps that took 1,000 s, the run of 8 steps computed after it).

    Runs are compiled, by a compiler that changes nothing, from so many steps on.
    """
    monkeypatch.setattr(acceleration, "no_compiler", lambda device: "")
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    short, long, least = (spec("distill", "dm", {**SMALL, "num_iters": n}) for n in (4, 8, compiled_from))
    monkeypatch.setitem(acceleration.WORTH_COMPILING, "cpu", KINDS["distill"].cost("dm", least.config, None))
    store, first = Store(), jobs.run_inline(short)
    head = Checkpoint.read(store.record(first).folder)
    assert head is not None
    dataclasses.replace(head, seconds=1000.0).write(head.tensors())
    return store, first, jobs.run_inline(long)


def steps_told(store: Store, run: str) -> list[int]:
    return [event["step"] for event in store.events(run)[0] if event["event"] == "step"]


def test_a_run_that_begins_anew_has_a_history_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    store, short, long = grown(monkeypatch, compiled_from=6)
    record, log = store.record(long), store.log(long)
    assert steps_told(store, long) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert store.snapshots(long) == [0, 1, 2, 5, 8]  # not 4, where the shorter one ended
    assert record.info["continued_from"] is None
    assert record.info["times"]["seconds"] < 1000
    assert f"Begins anew, not where run {short} ended: what is done was not worth compiling, the whole is" in log
    assert "Continues" not in log


def test_a_run_that_continues_has_the_history_of_the_shorter_one(monkeypatch: pytest.MonkeyPatch) -> None:
    store, short, long = grown(monkeypatch, compiled_from=9)
    record, log = store.record(long), store.log(long)
    assert steps_told(store, long) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert store.snapshots(long) == [0, 1, 2, 4, 5, 8]
    assert record.info["continued_from"] == short
    assert record.info["times"]["seconds"] > 1000
    assert f"Continues run {short}: 4 of 8 are done." in log
    assert "anew" not in log
