"""Making a small synthetic set: the shared driver of every method.

It records, snapshots, checkpoints, resumes, extends, cancels and times; a method only steps.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ddcore.experiments.base import ImageSet, Kind, Recorder
from ddcore.lazy import lazy
from ddcore.methods import METHODS, Method, MethodConfig, State, Task
from ddcore.ops import pictures
from ddcore.params import Config

if TYPE_CHECKING:
    import torch

    from ddcore.data import load, resident
    from ddcore.experiments import state as states
    from ddcore.ops import device
else:
    torch = lazy("torch")
    load, resident = lazy("ddcore.data.load"), lazy("ddcore.data.resident")
    device, states = lazy("ddcore.ops.device"), lazy("ddcore.experiments.state")

CHECKPOINT_SECONDS = 15
MOST_RECORDED_STEPS = 2000


def run(name: str, config: MethodConfig, recorder: Recorder) -> dict[str, Any]:
    """Run method `name` to its end; the summary that becomes part of run.json."""
    method = METHODS[name]
    where = device.pick(config.device)
    recorder.progress(0, method.steps(config), "Reading the data set")
    data = load.load(config.dataset, config.resolution)
    task = Task(config, resident.Resident.from_split(data.train, data, where), where)
    recorder.progress(0, method.steps(config), "Preparing the first images")
    began = device.now(where)
    state = method.start(task)
    initial = state.images.detach().clone()
    earlier = _resume(state, recorder)
    recorder.save_images("initial", _image_set(initial, state, task))
    if state.step == 0:
        recorder.snapshot(0, initial)
    losses = _advance(method, task, state, recorder, earlier) if method.step else {}
    seconds = earlier + device.now(where) - began
    _checkpoint(state, seconds, recorder)
    final = _image_set(state.images, state, task)
    recorder.save_images("images", final)
    recorder.save_picture("final", _picture(final, config.ipc))
    return {
        "steps": state.step,
        "images": len(state.images),
        "ipc": config.ipc,
        "stored_floats": state.images.numel(),
        "seconds": seconds,
        "losses": losses,
        "pixel_change": (state.images - initial).abs().mean().item(),
    }


def _resume(state: State, recorder: Recorder) -> float:
    """Load the newest checkpoint into `state`, if any; the seconds already spent."""
    if (point := recorder.resume_point()) is None:
        return 0.0
    tensors, meta = point
    states.load(state, tensors, meta["state"])
    recorder.event("resumed", step=state.step)
    recorder.note(f"Goes on from step {state.step}.")
    return float(meta["seconds"])


def _advance(method: Method, task: Task, state: State, recorder: Recorder, earlier: float) -> dict[str, float]:
    """Step to the end; the last recorded value of each curve."""
    assert method.step is not None
    total = method.steps(task.config)
    every = -(-total // MOST_RECORDED_STEPS)
    latest: dict[str, float] = {}
    began = saved = time.perf_counter()
    while state.step < total:
        recorder.check_cancelled()
        scalars = method.step(task, state)
        state.step += 1
        last = state.step == total
        if last or (state.step - 1) % every == 0 or state.step in _snapshot_steps(state.step):
            latest |= _record(scalars, state.step, total, earlier + time.perf_counter() - began, recorder)
        if not last and state.step in _snapshot_steps(state.step):
            recorder.snapshot(state.step, state.images)
            recorder.event("snapshot", step=state.step)
        recorder.progress(state.step, total, "Distilling")
        if time.perf_counter() - saved > CHECKPOINT_SECONDS:
            _checkpoint(state, earlier + time.perf_counter() - began, recorder)
            saved = time.perf_counter()
    return latest


def _record(
    scalars: dict[str, torch.Tensor], step: int, total: int, seconds: float, recorder: Recorder
) -> dict[str, float]:
    """Write one step's scalars: the only place where the loop waits for the device."""
    values = dict(zip(scalars, torch.stack(list(scalars.values())).tolist(), strict=True)) if scalars else {}
    recorder.event("step", step=step, total=total, seconds=round(seconds, 3), **values)
    return values


def _snapshot_steps(step: int) -> set[int]:
    """1, 2, 5, 10, 20, 50, …: the same for every run and length, so runs can be held side by side."""
    power = 10 ** (len(str(step)) - 1)
    return {power, 2 * power, 5 * power}


def _checkpoint(state: State, seconds: float, recorder: Recorder) -> None:
    tensors, numbers = states.dump(state)
    recorder.checkpoint(tensors, {"state": numbers, "seconds": seconds, "step": state.step})


def _image_set(images: torch.Tensor, state: State, task: Task) -> ImageSet:
    data = task.data
    return ImageSet(images.detach().cpu(), state.labels.cpu(), tuple(data.classes), tuple(data.mean), tuple(data.std))


def _picture(images: ImageSet, ipc: int) -> bytes:
    """One row a class, for eyes only: the float images are the artefact."""
    shown = images.images.numpy(), images.labels.numpy()
    return pictures.grid(*shown, images.classes, images.mean, images.std, per_class=ipc, columns=10)


def _config(name: str) -> type[Config]:
    return METHODS[name].Config


KIND = Kind(
    name="distill",
    title="Distillation",
    names=lambda: tuple(METHODS),
    config=_config,
    run=run,
    version=lambda name: METHODS[name].version,
)
