"""One distillation step: ours, the published way of working, and the bare convolutions, timed in turn.

    python -m benchmarks.distill --method dm --device cpu
    python -m benchmarks.distill --method datadam --shape cifar10 --device cuda --json
    python -m benchmarks.distill --method pad --device cpu --student-steps 5
    python -m benchmarks.distill --method dm --width 8 --batch-real 8 --ipc 1 --pairs 1      (to try it)

Ours is what a run executes: the method's own `start` and `step`. The plain way is `benchmarks.plain`. Before anything
is timed both make one step on the same draws, and a loss or gradient that differs ends the benchmark: in plain
float32, then in the precision that is timed. Images are random bytes in the data set's shape, for only that matters.

A round is --steps steps of each way. `ratio` is plain over ours and `share_of_bare` ours over the convolutions alone,
medians over rounds; peak memory is of two steps, on top of what the process held before the images were there (on a
CPU a process of its own), with everything compiled before; compile_seconds the first step minus a later one, with
nothing compiled before. Writes benchmarks/results/speed_<method>_<shape>_<device>.json, of another width, IPC or batch,
with --exact or with fewer than three pairs trial_….json.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import bare, paired, plain
from ddcore.data.resident import Resident
from ddcore.experiments import KINDS
from ddcore.methods import METHODS, Task, pad
from ddcore.ops import augment, device, nets, seeds
from ddcore.ops.acceleration import Acceleration
from ddcore.ops.augment import Draw

SHAPES = ("mnist", "cifar10", "mhist")
EXPERTS, DRIFT = 2, 0.01  # of the stand-ins for expert trajectories: how far weights go in an epoch
PRESET = {"dm": "paper", "datadam": "paper", "pad": "mnist"}
MORE_IMAGES = 50  # real images in a class than a step draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", required=True, choices=tuple(PRESET))
    parser.add_argument("--shape", default="mnist", choices=SHAPES)
    parser.add_argument("--batch-real", type=int, help="real images of each class in a step")
    parser.add_argument("--steps", type=int, help="steps in a round [5, on a GPU 20; PAD: 1]")
    parser.add_argument("--student-steps", type=int, help="PAD: steps of a student")
    parser.add_argument("--unroll", choices=("plain", "recompute"), help="PAD: how ours goes through memory")
    paired.flags(parser, pairs=3)
    asked = parser.parse_args()
    where = paired.placed(parser, asked)
    config = configured(asked)
    if asked.one:
        print(paired.peak(where, lambda: used(asked.one, config, where)))
        return
    paired.cold()
    result = compared(asked.method, config, where, asked.pairs, asked.steps)
    name, trial = f"{asked.method}_{asked.shape}_{where.type}", config != configured(paired.published(asked))
    paired.report(name, {"shape": asked.shape, **result}, as_json=asked.json, trial=trial)


def configured(asked: argparse.Namespace) -> Any:
    """The published setting for this shape, with what was asked for otherwise."""
    values = METHODS[asked.method].preset(PRESET[asked.method]).for_dataset(asked.shape)
    changes = {"ipc": asked.ipc, "width": asked.width, "exact": asked.exact or None, "device": asked.device}
    if asked.method == "pad":
        # Any learnt label and start does; no update may be skipped, and stand-ins for experts need few epochs.
        changes |= {"init": "real", "threshold": 1000.0, "experts": EXPERTS, "student_steps": asked.student_steps,
                    "unroll": asked.unroll, "batch_syn": None}
    else:
        changes["batch_real"] = asked.batch_real or (128 if asked.shape == "mhist" else None)
    return METHODS[asked.method].Config.build({**values, **{k: v for k, v in changes.items() if v is not None}})


class Ours:
    """A run's own step on images of this shape, from its start."""

    def __init__(self, config: Any, where: torch.device) -> None:
        self.method = METHODS[_name(config)]
        self.notes: list[str] = []
        work = KINDS["distill"].cost(self.method.name, config, None)
        speed = Acceleration(where, exact=config.exact, work=work, note=self.notes.append)
        self.task = Task(config, images(config, where), where, _parents(config), speed=speed)
        self.state = self.method.start(self.task)

    def step(self) -> dict[str, Tensor]:
        assert self.method.step is not None
        found = self.method.step(self.task, self.state)
        self.state.step += 1
        return found

    def first(self) -> dict[str, Any]:
        """The first step's loss and gradients: what starts to move is as fast as the gradient is long."""
        state: Any = self.state
        loss = float(self.step()["loss"])
        labels = {"labels": state.label_velocity} if isinstance(state, pad.PADState) else {}
        return {"loss": loss, "images": state.velocity.clone(), **labels}


class Plain:
    """The published way on the same images, from the same start."""

    def __init__(self, config: Any, where: torch.device) -> None:
        self.name, part = _name(config), images(config, where)
        self.task = Task(config, part, where, _parents(config), speed=Acceleration(where, exact=config.exact))
        self.draws = plain.Draws(config, part.all(), part.labels, self.task.classes)
        start = METHODS[self.name].start(self.task)
        self.made = plain.Set(config, start.images)
        if start.label_logits is not None:
            self.made = plain.LearntSet(config, start.images, start.label_logits, Experts(config).lists())

    def step(self, draws: plain.Draws | None = None) -> float:
        return STEPS[self.name](self.made, draws or self.draws)

    def first(self) -> dict[str, Any]:
        """Loss and gradients of a step on our draws."""
        made, loss = self.made, self.step(Replayed(self.task, self.draws))
        labels = {"labels": made.logits.grad} if isinstance(made, plain.LearntSet) else {}
        return {"loss": loss, "images": made.images.grad, **labels}


WAYS: dict[str, Callable[[Any, torch.device], Ours | Plain]] = {"ours": Ours, "plain": Plain}
STEPS: dict[str, Callable[[Any, plain.Draws], float]] = {
    "dm": plain.dm_step, "datadam": plain.datadam_step, "pad": plain.pad_step,
}


class Replayed(plain.Draws):
    """What our generators draw in the first step of a task."""

    def __init__(self, task: Task, draws: plain.Draws) -> None:
        self.task, self.config, self.images, self.classes = task, task.config, draws.images, draws.classes
        inner = () if _name(task.config) == "dm" else (0,)
        if _name(task.config) == "pad":
            self.pieces, self.orders = task.generator("piece", 0, on="cpu"), task.generator("batches", 0)
            self.changes = task.generator("augment", 0, on="cpu")
        else:
            self.drawn = task.data.sample(self.config.batch_real, task.generator("real", 0, *inner))
            self.changes = task.generator("siamese", 0, *inner, on="cpu")

    def network(self) -> plain.ConvNet:
        network, config = super().network(), self.config
        draws = self.task.generator("network", 0)
        same = nets.build(config.network, config.shape, self.classes, config.network_options(), draws, self.task.device)
        alike(network, same)
        return network

    def real(self, label: int, n: int) -> Tensor:
        return self.drawn[label * n : (label + 1) * n]

    def change(self, images: int | None = None) -> Draw:
        return augment.draw(self.config.augment, self.changes, self.config.shape, images=images)

    def order(self, n: int) -> Tensor:
        return torch.randperm(n, generator=self.orders, device=self.task.device)

    def piece(self) -> tuple[int, int]:
        config = self.config
        expert = int(torch.randint(config.experts, (), generator=self.pieces))
        return expert, int(torch.randint(config.min_start_epoch, pad.latest(config, 0), (), generator=self.pieces))


@torch.no_grad()
def alike(network: plain.ConvNet, ours: nets.Net) -> None:
    """Give the plain network the weights of ours."""
    for theirs, weight in zip(network.parameters(), ours.parameters(), strict=True):
        theirs.copy_(weight)


class Experts:
    """Stands in for a finished run of experts: random weights that drift."""

    def __init__(self, config: Any) -> None:
        self.config = config
        draws = seeds.generator(0, "experts")
        network = nets.build(config.network, config.shape, len(config.facts.classes), config.network_options(), draws)
        self.shapes = [p.shape for p in network.parameters()]
        start = torch.cat([p.detach().flatten() for p in network.parameters()])
        steps = DRIFT * torch.randn(EXPERTS, 1, len(start), generator=draws) * start.std()
        epochs = torch.arange(config.train_epochs + 1).view(1, -1, 1)
        self.trajectories: np.ndarray = (start + epochs * steps).numpy()

    def mapped(self, name: str) -> np.ndarray:
        return self.trajectories

    def arrays(self, name: str) -> dict[str, Tensor]:
        return {}

    def lists(self) -> list[list[list[Tensor]]]:
        """The same as lists of tensors."""
        sizes = [shape.numel() for shape in self.shapes]
        return [
            [[p.view(s).clone() for p, s in zip(torch.from_numpy(flat).split(sizes), self.shapes, strict=True)]
             for flat in epochs]
            for epochs in self.trajectories
        ]


def _parents(config: Any) -> tuple[Experts, ...]:
    return (Experts(config),) if _name(config) == "pad" else ()


def _name(config: Any) -> str:
    return next(name for name in PRESET if METHODS[name].Config is type(config))


def images(config: Any, where: torch.device) -> Resident:
    """As many images of each class as a step needs, and some more."""
    each = getattr(config, "batch_real", config.ipc) + MORE_IMAGES
    return noise(config, torch.arange(len(config.facts.classes)).repeat_interleave(each), where)


def noise(config: Any, labels: Tensor, where: torch.device) -> Resident:
    """Random bytes in the shape of the data set, with these labels."""
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), *config.shape), dtype=np.uint8)
    mean, std = ((value,) * config.shape[0] for value in (0.5, 0.25))
    return Resident(torch.from_numpy(pixels).to(where), labels.to(where), config.facts.classes, mean, std)


def compared(name: str, config: Any, where: torch.device, pairs: int, steps: int | None = None) -> dict[str, Any]:
    """Both ways held to each other and timed in turn."""
    steps = steps or (1 if name == "pad" else 20 if where.type == "cuda" else 5)
    what, held = f"a step of {name}", []
    for one in lengths(config.replace(exact=True)):
        reference = Plain(one, where).first()
        held.append(paired.same(what, "exact", Ours(one, where).first(), reference, students(one)))
    ours, theirs = Ours(config, where), Plain(config, where)
    speed = ours.task.speed
    began = device.now(where)
    found = ours.first()
    first = device.now(where) - began
    timed = precision(name, speed)
    held.append(paired.same(what, timed, found, reference, students(config)))
    theirs.step()
    shape, classes = config.shape, ours.task.classes
    network = nets.build(config.network, shape, classes, config.network_options(), None, where)
    alone = bare.Bare(network, shape, convolved(name, config, classes), where, timed == "bfloat16")
    once: dict[str, Callable[[], Any]] = {"plain": theirs.step, "ours": ours.step, "bare": alone}
    ways = {way: _repeated(one, steps) for way, one in once.items()}
    seconds = paired.in_turn(ways, pairs, lambda: device.now(where))
    macs = KINDS["distill"].cost(name, config, None) / METHODS[name].steps(config)
    images_a_step = sum(one.images for one in convolved(name, config, classes))
    return {
        "device": where.type, "method": name, "precision": timed, "arithmetic": speed.told(),
        **paired.told(seconds, images_a_step, macs, steps=steps),
        "compile_seconds": first - statistics.median(seconds["ours"]) / steps,
        "peak_memory_bytes": paired.peaks(where, {way: partial(used, way, config, where) for way in WAYS}),
        "same_loss": held, "notes": ours.notes,
        "config": {field: value for field, value in config.values().items() if field != "device"},
    }


def lengths(config: Any) -> list[Any]:
    """What both ways are held to each other in: with few student steps, where rounding is small, and as it is."""
    few = [config.replace(student_steps=paired.FEW_STEPS)] if students(config) > paired.FEW_STEPS else []
    return [*few, config]


def students(config: Any) -> int:
    """Steps of a student in a step of PAD; of other methods 0."""
    return config.student_steps if _name(config) == "pad" else 0


def used(way: str, config: Any, where: torch.device) -> None:
    """Two steps of this way, from nothing."""
    one = WAYS[way](config, where)
    for _ in range(2):
        one.step()


def precision(name: str, speed: Acceleration) -> str:
    """In what the convolutions of ours are computed."""
    if speed.half and name != "pad":
        return "bfloat16"
    return "tf32" if speed.device.type == "cuda" and not speed.exact else "float32"


def convolved(name: str, config: Any, classes: int) -> tuple[bare.Work, ...]:
    """What a step's convolutions are computed of, at the least: for PAD without computing any step again."""
    synthetic = classes * config.ipc
    if name == "pad":
        return (bare.Work(config.student_steps * config.batch_syn, "twice", at_once=config.batch_syn),)
    real = classes * config.batch_real
    return bare.Work(real, "forward", at_once=real), bare.Work(synthetic, "images", at_once=synthetic)


def _repeated(step: Callable[[], Any], steps: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(steps):
            step()

    return run


if __name__ == "__main__":
    main()
