"""Timing several ways of doing the same in turn, A B A B, within one process, and telling what was found."""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.machine import complete, described, held, keep, module
from ddcore.errors import DDCoreError

# Largest relative distances of a loss, and of gradients and logits as a whole. The same float32 operations in another
# order agree to the first. In other layouts a CPU normalises less exactly (8e-5 of a map at 128 px), and where rounding
# turns a ReLU on or off a gradient jumps: ConvNet-7's was 1 % off, and 2 % with real images seen in bfloat16. TF32 was
# not measured: it keeps more digits than bfloat16, so that its gradients may be no further off.
TOLERANCE = {"exact": (1e-4, 1e-3), "float32": (1e-3, 5e-2), "tf32": (1e-2, 1e-1), "bfloat16": (5e-2, 1e-1)}

# Of steps of a student, through which PAD's gradients come: up to so many the same float32 operations in another order
# agree to 1e-6 (widths 16 and 64). Over more, some activation is rounded to the other side of a ReLU's 0 now and then,
# and the gradient jumps: by 7e-4 of its length in 10 steps and in 40, 3e-4 in 20 (width 16), 6e-4 in 10 (width 64),
# 1.4e-3 in 40 (width 128). With softplus for ReLU both ways are 8e-7 apart over 40 steps (width 16), and with ReLU in
# float64 9e-16. So "exact" allows gradients as many times more as there are more steps, and few are compared as well.
FEW_STEPS = 5

# The flags with which the question is the published one, and so a row of docs/measured.md.
PUBLISHED = {"width": None, "ipc": 10, "batch_real": None, "exact": False, "epochs": None}
LEAST_PAIRS = 3  # rounds of a figure that is told: with fewer there is no spread to see

SHOWN = ("precision", "ratio", "share_of_bare", "seconds_per_step", "seconds_per_step_plain", "seconds_per_step_bare",
         "images_per_second", "flops_per_second", "compile_seconds", "n")
WAYS = {"seconds_per_step": "ours", "seconds_per_step_plain": "plain", "seconds_per_step_bare": "bare"}


class NotTheSame(DDCoreError):
    """Two ways that should compute the same do not: their speeds say nothing of each other."""


def flags(parser: argparse.ArgumentParser, pairs: int) -> None:
    """The flags that every comparison has."""
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--json", action="store_true", help="end standard output with one JSON object, and no table")
    parser.add_argument("--pairs", type=_several, default=pairs, help=f"how often each way is timed [{pairs}]")
    parser.add_argument("--width", type=int, help="another width of the network, to try it small")
    parser.add_argument("--ipc", type=int, default=PUBLISHED["ipc"])
    parser.add_argument("--exact", action="store_true", help="time the plain arithmetic of ours, not the fast one")
    parser.add_argument("--one", choices=("ours", "plain"), help=argparse.SUPPRESS)  # a process to measure memory in


def _several(given: str) -> int:
    """How often, from the command line; at least once."""
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1, got {given!r}")
    return int(given)


def placed(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> Any:
    """The device that was asked for; the command line's own error where there is none."""
    from ddcore.ops import device

    try:
        return device.pick(asked.device)
    except DDCoreError as error:
        parser.error(str(error))


def published(asked: argparse.Namespace) -> argparse.Namespace:
    """The same question in the published size, computed in the fast way."""
    return argparse.Namespace(**{**vars(asked), **PUBLISHED})


def cold() -> None:
    """Let nothing that was compiled before be found, so that the first step tells what compiling takes."""
    if "TORCHINDUCTOR_CACHE_DIR" not in os.environ:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = empty = tempfile.mkdtemp(prefix="ddcore-inductor-")
        atexit.register(shutil.rmtree, empty, ignore_errors=True)


def same(
    what: str, arithmetic: str, ours: Mapping[str, Any], plain: Mapping[str, Any], student_steps: int = 0
) -> dict[str, Any]:
    """Both losses and what lies between them; NotTheSame beyond the tolerance of the arithmetic.

    ours, plain: "loss", a number, and the same tensors by name. Only ours is in this arithmetic, plain in float32.
    student_steps: how many steps of a student a gradient has come through.
    """
    of_loss, of_tensors = TOLERANCE[arithmetic]
    if arithmetic == "exact":
        of_tensors *= max(1, student_steps / FEW_STEPS)
    loss = abs(ours["loss"] - plain["loss"]) / abs(plain["loss"])
    told = {"arithmetic": arithmetic, "ours": ours["loss"], "plain": plain["loss"], "apart": loss, "tolerance": of_loss,
            "tensors_tolerance": of_tensors, **({"student_steps": student_steps} if student_steps else {})}
    far = [] if loss <= of_loss else [f"the losses {ours['loss']:.7g} and {plain['loss']:.7g}"]
    for name in sorted(ours.keys() - {"loss"}):
        told[f"{name}_apart"] = apart = ((ours[name] - plain[name]).norm() / plain[name].norm()).item()
        far += [] if apart <= of_tensors else [f"the {name} (by {apart:.2g} of their length)"]
    if far:
        raise NotTheSame(f"{what} differs between ours ({arithmetic}) and the plain way: {' and '.join(far)}")
    return told


def in_turn(ways: Mapping[str, Callable[[], None]], pairs: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each way in each round; in every round each runs once, in this order."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(pairs):
        for name, way in ways.items():
            began = clock()
            way()
            seconds[name].append(clock() - began)
    return seconds


def told(seconds: Mapping[str, Sequence[float]], images: float, macs: float, *, steps: int) -> dict[str, Any]:
    """Ratios and rates from `in_turn`, whose ways "ours", "plain" and "bare" each made so many steps a round.

    images, macs: of one step.
    """
    each = {name: [s / steps for s in rounds] for name, rounds in seconds.items()}
    median = {name: statistics.median(rounds) for name, rounds in each.items()}

    def over(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(each[one], each[other], strict=True))

    return {
        "ratio": over("plain", "ours"),
        "share_of_bare": over("ours", "bare"),
        "seconds_per_step": median["ours"],
        "seconds_per_step_plain": median["plain"],
        "seconds_per_step_bare": median["bare"],
        "rounds": each,
        "spread": {name: [min(rounds), max(rounds)] for name, rounds in each.items()},
        "images_per_second": images / median["ours"],
        "flops_per_second": 2 * macs / median["ours"],
        "n": len(each["ours"]),
        "steps_per_round": steps,
    }


def peak(where: Any, way: Callable[[], None]) -> int:
    """Bytes that a way takes at most on top of what was held: by the allocator on a GPU, by the process on a CPU."""
    import torch

    if where.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(where)
        before = torch.cuda.memory_allocated(where)
    else:
        before = held(where)
    way()
    return held(where) - before


def peaks(where: Any, ways: Mapping[str, Callable[[], None]]) -> dict[str, int]:
    """The peak of each way. On a CPU each has a process of its own: this same command with --one.

    Either finds compiled what this process has compiled, so that compiling is not part of it.
    """
    if where.type == "cuda":
        return {name: peak(where, way) for name, way in ways.items()}
    found = {}
    for name in ways:
        command = [sys.executable, "-m", module(), *sys.argv[1:], "--one", name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[name] = int(done.stdout.split()[-1])
    return found


def report(name: str, result: dict[str, Any], *, as_json: bool, trial: bool = False) -> None:
    """Print a result, as a table or as one JSON object, and keep it in benchmarks/results/speed_<name>.json.

    A trial, which is not of the published size or not of the fast way, or timed fewer than LEAST_PAIRS times, is kept
    in trial_<name>.json: no row tells it.
    """
    trial = trial or result["n"] < LEAST_PAIRS
    everything = complete({"device": result.pop("device"), "versions": described()["versions"], **result})
    path = keep(f"{'trial' if trial else 'speed'}_{name}", everything)
    if as_json:
        print(json.dumps(everything))
        return
    for field in SHOWN:
        value = everything[field]
        spread = everything["spread"].get(WAYS.get(field, ""), ())
        between = f"   ({' to '.join(format(one, ',.4g') for one in spread)})" if spread else ""
        print(f"{field:<24}{value if isinstance(value, str) else format(value, ',.4g')}{between}")
    for way, size in everything["peak_memory_bytes"].items():
        print(f"{'peak memory, ' + way:<24}{size / 1e6:,.0f} MB")
    print(path)
