"""Making a small synthetic set: the shared driver of every method.

It records, snapshots, checkpoints, resumes, extends, cancels and times; a method only steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

from ddcore.data.load import load
from ddcore.data.resident import Resident
from ddcore.errors import DDCoreError, Diverged
from ddcore.experiments import state as states
from ddcore.experiments.base import CHECKPOINT_SECONDS, Command, Curve, ImageSet, Kind, Recorder, spec
from ddcore.experiments.cost import macs
from ddcore.experiments.heavy import acceleration, device, torch
from ddcore.experiments.metrics import notes as data_notes
from ddcore.methods import METHODS, Method, MethodConfig, State, Task
from ddcore.ops import pictures
from ddcore.params import Config
from ddcore.settings import NetworkConfig
from ddcore.summary import Arithmetic, Count, Number, Summary

MOST_RECORDED_STEPS = 2000
HELD_STEPS, HELD_SECONDS = 256, 1.0  # of a GPU: how many recorded steps are read at once, and after what time
LARGEST = 65_504  # of half precision, in which snapshots are kept; no pixel comes near it


class DistillSummary(Summary):
    """ipc: images per class; losses: the last value of each curve; pixel_change: mean absolute change since step 0, in
    standard deviations of the data; data_notes: those of the notes that are about the data."""

    ipc: Count | None = None
    losses: Mapping[str, Number] = {}
    pixel_change: Number | None = None
    data_notes: tuple[str, ...] = ()

    @property
    def notes_on_data(self) -> tuple[str, ...]:
        return self.data_notes


def run(name: str, config: MethodConfig, recorder: Recorder) -> DistillSummary:
    """Run method `name` to its end; the summary that becomes part of run.json."""
    method = METHODS[name]
    where = device.pick(config.device)
    recorder.progress(0, method.steps(config), "Reading the data set")
    data = load(config.dataset, config.resolution)
    part = Resident.from_split(data.train, data, where)
    exact = isinstance(config, NetworkConfig) and config.exact
    speed = acceleration.Acceleration(where, exact=exact, work=_cost(name, config, None), note=recorder.note)
    recorder.uses(speed.told)
    task = Task(config, part, where, recorder.built_on(), partial(_tell, recorder), speed)
    recorder.progress(0, method.steps(config), "Preparing the first images")
    watch = device.Stopwatch(where)
    state = method.start(task)
    on_data = data_notes(config)
    notes = [*on_data, *_notes(task, method)]
    if (progress := _resume(state, task, recorder)) is None:
        progress = Progress(_image_set(state, task))
        for text in notes:
            recorder.note(text)
    watch.seconds = progress.seconds
    recorder.save_images("initial", progress.initial)
    if state.step == 0:
        recorder.snapshot(0, progress.initial)
    if method.step:
        _advance(method, task, state, progress, recorder)
    seconds = watch.stop()
    _checkpoint(state, task, progress, seconds, recorder)
    final = _image_set(state, task)
    recorder.save_images("images", final)
    arrays = final.images.numpy(), final.labels.numpy()
    grid = pictures.grid(*arrays, final.classes, final.mean, final.std, per_class=config.ipc, columns=10)
    recorder.save_picture("final", grid)  # for eyes only: the float images are the artefact
    return DistillSummary(
        steps=state.step, images=len(state.images), ipc=config.ipc, stored_floats=final.stored_floats, seconds=seconds,
        losses=progress.latest, pixel_change=(final.images - progress.initial.images).abs().mean().item(),
        notes=notes, data_notes=on_data, arithmetic=Arithmetic(**speed.told()),
    )


@dataclass
class Progress:
    """What the driver itself carries from session to session.

    initial: the set before the first step (kept, not drawn again: another device would draw another);
    seconds: time spent until the last checkpoint; latest: the last recorded value of each curve; saved: the step
    of the last checkpoint.
    """

    initial: ImageSet
    seconds: float = 0.0
    latest: dict[str, float] = field(default_factory=dict)
    saved: int | None = None


def _resume(state: State, task: Task, recorder: Recorder) -> Progress | None:
    """Load the newest checkpoint into `state`, if there is one that was computed as this run is."""
    if (point := recorder.resume_point(lambda meta: task.speed.differs(meta["long"]))) is None:
        return None
    tensors, meta = point
    states.load(state, tensors, meta["state"])
    recorder.event("resumed", step=state.step)
    recorder.note(f"Goes on from step {state.step}.")
    rate = tensors.get("initial_lr")
    first = replace(
        _image_set(state, task), images=tensors["initial"], label_logits=tensors.get("initial_logits"),
        lr=None if rate is None else float(rate),
    )
    return Progress(first, float(meta["seconds"]), dict(meta["latest"]), state.step)


def _advance(method: Method, task: Task, state: State, progress: Progress, recorder: Recorder) -> None:
    """Step to the end, from a checkpoint that is there however early the numbers run away."""
    assert method.step is not None
    _checkpoint(state, task, progress, progress.seconds, recorder)
    total = method.steps(task.config)
    every, readings = -(-total // MOST_RECORDED_STEPS), Readings(task, progress, recorder, total)
    if task.speed.compiles and task.speed.graphs:
        recorder.progress(state.step, total, "Compiling for this machine, about a minute")
    began = saved = time.perf_counter()
    while state.step < total:
        recorder.check_cancelled()
        scalars = method.step(task, state)
        state.step += 1
        last = state.step == total
        snapshot = not last and state.step in _snapshot_steps(state.step)
        seconds = progress.seconds + time.perf_counter() - began
        checkpoint = recorder.slice_over() or snapshot or time.perf_counter() - saved > CHECKPOINT_SECONDS
        if last or snapshot or (state.step - 1) % every == 0:
            readings.add(scalars, state, seconds)
        if last or checkpoint:
            readings.record()
        if snapshot:
            recorder.snapshot(state.step, _image_set(state, task))
            recorder.event("snapshot", step=state.step)
        recorder.progress(state.step, total, "Distilling")
        if checkpoint:
            _checkpoint(state, task, progress, seconds, recorder)
            if not last:
                recorder.give_way()
            saved = time.perf_counter()


@dataclass(frozen=True)
class Reading:
    """What a step recorded, and how far what is learnt has grown: numbers that only the device knows yet.

    names, sizes: what the values (names and sizes,) are of.
    """

    step: int
    seconds: float
    names: tuple[str, ...]
    sizes: tuple[str, ...]
    values: torch.Tensor

    @classmethod
    def of(cls, scalars: Mapping[str, torch.Tensor], state: State, seconds: float) -> Reading:
        learnt = {"images": state.images, "label logits": state.label_logits, "learning rate": state.lr}
        sizes = {f"{name} up to": t.detach().abs().amax() for name, t in learnt.items() if t is not None}
        values = torch.stack([*scalars.values(), *sizes.values()])
        return cls(state.step, seconds, tuple(scalars), tuple(sizes), values)

    def numbers(self, values: list[float], task: Task, progress: Progress) -> dict[str, float]:
        """What the step recorded, given all values.

        Raises Diverged where one of them is not finite, or what the set is made of is not, or is more than a snapshot
        holds.
        """
        named = dict(zip((*self.names, *self.sizes), values, strict=True))
        wrong = [
            f"{n} {v:g}" for n, v in named.items() if not (abs(v) <= LARGEST if n in self.sizes else math.isfinite(v))
        ]
        if wrong:
            saved = "" if progress.saved is None else f" The last good checkpoint, of step {progress.saved}, is kept."
            cause = _likely_cause(task.config)
            raise Diverged(f"the run diverged at step {self.step}: {', '.join(wrong)}.{cause}{saved}")
        return {name: named[name] for name in self.names}


class Readings:
    """What steps recorded, held until it is recorded: on a CPU at once.

    A GPU would have to be waited for, so there it is read for many steps together: at the latest after a second, and
    before anything is kept. A run that diverged ends then, and names the step that did.
    """

    def __init__(self, task: Task, progress: Progress, recorder: Recorder, total: int) -> None:
        self._task, self._progress, self._recorder, self._total = task, progress, recorder, total
        self._most, self._held = HELD_STEPS if task.speed.beside else 1, list[Reading]()
        self._recorded = time.perf_counter()

    def add(self, scalars: Mapping[str, torch.Tensor], state: State, seconds: float) -> None:
        """Hold what a step recorded, and record what is held if it is much or old."""
        self._held.append(Reading.of(scalars, state, seconds))
        if len(self._held) >= self._most or time.perf_counter() - self._recorded >= HELD_SECONDS:
            self.record()

    def record(self) -> None:
        """Record all that is held; besides keeping something, the only time when the loop waits for the device."""
        held, self._held = self._held, []
        if not held:
            return
        arrived = torch.cat([one.values for one in held]).cpu()
        for one, values in zip(held, arrived.split([len(one.values) for one in held]), strict=True):
            numbers = one.numbers(values.tolist(), self._task, self._progress)
            fields = {"step": one.step, "total": self._total, "seconds": round(one.seconds, 3)}
            self._recorder.event("step", **fields, **numbers)
            self._progress.latest |= numbers
        self._recorded = time.perf_counter()


def _likely_cause(config: Config) -> str:
    """What to change, as far as it can be told: the step size on the images, where the method has one."""
    if "lr_img" not in type(config).model_fields:
        return ""
    p, lr = config.param("lr_img"), config.values()["lr_img"]
    return (
        f" The likely cause is too large a step on the images: {p.sign} (lr_img) is {lr:g}; "
        f"try {lr / 10:g}."
    )


def _notes(task: Task, method: Method) -> list[str]:
    """Sentences about what people may not expect of this run."""
    batch, notes = getattr(task.config, "batch_real", 0), []
    few = [f"{name} ({n})" for name, n in zip(task.data.classes, task.data.counts, strict=True) if n < batch]
    if few:
        notes.append(
            f"Fewer training images than the real batch of {batch}: {', '.join(few)}. Images of these classes "
            "are drawn with replacement."
        )
    if batch and method.half and task.speed.half:
        notes.append("Real images are seen in bfloat16, in which this machine is faster; with 'Plain "
                     "arithmetic' (exact), in float32.")
    return notes


def _snapshot_steps(step: int) -> set[int]:
    """1, 2, 5, 10, 20, 50, …: the same for every run and length, so runs can be held side by side."""
    power = 10 ** (len(str(step)) - 1)
    return {power, 2 * power, 5 * power}


def _checkpoint(state: State, task: Task, progress: Progress, seconds: float, recorder: Recorder) -> None:
    """Keep what the run needs to go on from here, unless it has run away."""
    now = Reading.of({}, state, seconds)
    now.numbers(now.values.tolist(), task, progress)
    tensors, numbers = states.dump(state)
    meta = {"state": numbers, "seconds": seconds, "latest": progress.latest, "long": task.speed.long}
    recorder.checkpoint(tensors | _initial_tensors(progress.initial), meta)
    progress.saved = state.step


def _initial_tensors(initial: ImageSet) -> dict[str, torch.Tensor]:
    """What of the first set is learnt, for a checkpoint."""
    soft = {} if initial.label_logits is None else {"initial_logits": initial.label_logits}
    rate = {} if initial.lr is None else {"initial_lr": torch.tensor(initial.lr)}
    return {"initial": initial.images, **soft, **rate}


def _image_set(state: State, task: Task) -> ImageSet:
    """A copy of the set as it is now, on the CPU."""
    data = task.data
    soft = None if state.label_logits is None else state.label_logits.detach().cpu().clone()
    return ImageSet(
        state.images.detach().cpu().clone(), state.labels.cpu(), tuple(data.classes), tuple(data.mean),
        tuple(data.std), soft, None if state.lr is None else float(state.lr),
    )


def _tell(recorder: Recorder, done: int, total: int, phase: str) -> None:
    recorder.check_cancelled()
    recorder.progress(done, total, phase)


def _cost(name: str, config: MethodConfig, images: int | None) -> int:
    return METHODS[name].cost(config, macs(config), len(config.facts.classes))


def _label(name: str, config: Mapping[str, Any], summary: Summary) -> str:
    """The method's title, or the name that it has with these values."""
    if name not in METHODS:
        return KIND.title
    return _called(name, tuple((n, value) for n, value in config.items() if n != "seed"))


@lru_cache(maxsize=512)  # lists of runs ask for all of them, again and again
def _called(name: str, values: tuple[tuple[str, Any], ...]) -> str:
    method = METHODS[name]
    try:
        return (method.called and method.called(method.Config.build(dict(values)))) or method.title
    except DDCoreError:  # a run of a version that had other parameters, or on a data set that is not known here
        return method.title


KIND = Kind(
    name="distill", title="Distillation",
    help="Distil a data set: `run METHOD`. Every parameter of the method is a flag.",
    names=lambda: tuple(METHODS), config=lambda name: METHODS[name].Config, summary=DistillSummary, run=run,
    version=lambda name: METHODS[name].version,
    needs=lambda name, config: tuple(spec(*need) for need in METHODS[name].needs(config)),
    cost=_cost, steps=lambda name, config, images: (METHODS[name].rounds or METHODS[name].steps)(config),
    label=_label, details=lambda config: (f"IPC {config['ipc']}",) if config.get("ipc") else (), told=("ipc",),
    presets=lambda name: METHODS[name].presets,
    page="Baselines", result=True, makes_images=True,
    curves=lambda name: tuple(Curve(one, "step", one, words) for one, words in METHODS[name].curves.items()),
    command=Command(lambda name, config: ("run", name)),
)
