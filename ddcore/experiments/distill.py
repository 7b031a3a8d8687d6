"""Making a small synthetic set: the shared driver of every method.

It records, snapshots, checkpoints, resumes, extends, cancels and times; a method only steps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
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
    watch = device.Stopwatch(where)
    state = method.start(task)
    progress = _resume(state, recorder) or Progress(state.images.detach().clone())
    watch.seconds = progress.seconds
    initial = _image_set(progress.initial, state, task)
    recorder.save_images("initial", initial)
    if state.step == 0:
        recorder.snapshot(0, initial.images)
    if method.step:
        _advance(method, task, state, progress, recorder)
    seconds = watch.stop()
    _checkpoint(state, progress, seconds, recorder)
    final = _image_set(state.images, state, task)
    recorder.save_images("images", final)
    recorder.save_picture("final", _picture(final, config.ipc))
    return {
        "steps": state.step,
        "images": len(state.images),
        "ipc": config.ipc,
        "stored_floats": state.images.numel(),
        "seconds": seconds,
        "losses": progress.latest,
        "pixel_change": (final.images - initial.images).abs().mean().item(),
    }


@dataclass
class Progress:
    """What the driver itself carries from session to session.

    initial: the images before the first step (kept, not drawn again: another device would draw others);
    seconds: time spent until the last checkpoint; latest: the last recorded value of each curve.
    """

    initial: torch.Tensor
    seconds: float = 0.0
    latest: dict[str, float] = field(default_factory=dict)


def _resume(state: State, recorder: Recorder) -> Progress | None:
    """Load the newest checkpoint into `state`, if any."""
    if (point := recorder.resume_point()) is None:
        return None
    tensors, meta = point
    states.load(state, tensors, meta["state"])
    recorder.event("resumed", step=state.step)
    recorder.note(f"Goes on from step {state.step}.")
    return Progress(tensors["initial"].to(state.images.device), float(meta["seconds"]), dict(meta["latest"]))


def _advance(method: Method, task: Task, state: State, progress: Progress, recorder: Recorder) -> None:
    """Step to the end."""
    assert method.step is not None
    total = method.steps(task.config)
    every = -(-total // MOST_RECORDED_STEPS)
    began = saved = time.perf_counter()
    while state.step < total:
        recorder.check_cancelled()
        scalars = method.step(task, state)
        state.step += 1
        last = state.step == total
        seconds = progress.seconds + time.perf_counter() - began
        if last or (state.step - 1) % every == 0 or state.step in _snapshot_steps(state.step):
            progress.latest |= _record(scalars, state.step, total, seconds, recorder)
        if not last and state.step in _snapshot_steps(state.step):
            recorder.snapshot(state.step, state.images)
            recorder.event("snapshot", step=state.step)
        recorder.progress(state.step, total, "Distilling")
        if time.perf_counter() - saved > CHECKPOINT_SECONDS:
            _checkpoint(state, progress, seconds, recorder)
            saved = time.perf_counter()


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


def _checkpoint(state: State, progress: Progress, seconds: float, recorder: Recorder) -> None:
    tensors, numbers = states.dump(state)
    meta = {"state": numbers, "seconds": seconds, "latest": progress.latest}
    recorder.checkpoint(tensors | {"initial": progress.initial}, meta)


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
