"""Everything that wants a GPU, in one call of under ten minutes.

    python -m benchmarks.gpu
    python -m benchmarks.gpu --device cpu --tiny                   (tries every part in small, in a few minutes)

The most important first: the tests that need a GPU, one step of each method and both evaluations against the published
way of working, the course's DataDAM and the full-data baseline on MNIST as people run them, memory. Each part is a
process with its share of the --minutes, and what one leaves of its share goes to those after it: none is left out
because others were slow, and one that fails or is stopped keeps none of the others from running. How each ended is
told at the end. MNIST is looked for in DDCORE_DATA, and downloaded if it is not there.

Results are written to benchmarks/results/ (with --tiny to a folder that is thrown away), and, where the environment
names a folder OUT, packed into its results.tar.gz after each part.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.machine import RESULTS
from ddcore.home import PROJECT

LEAST = 15  # seconds: with less left a part is not begun
MINUTES = 9.0


@dataclass(frozen=True)
class Part:
    """One benchmark: a command, its share of MINUTES in seconds, and what it is told to be small."""

    title: str
    command: str
    share: int
    tiny: str

    def words(self, device: str, tiny: bool) -> list[str]:
        return f"{self.command} {self.tiny if tiny else ''}".format(device=device).split()


SMALL_STEP = "--width 8 --ipc 1 --pairs 1 --steps 1"
SMALL_MATCH = f"{SMALL_STEP} --batch-real 4"
STEP = "benchmarks.distill --device {device} --method"
PARTS = (
    # Only these folders: a machine that is lent may lack what the tests of the pages import.
    Part("tests that need a GPU",
         "pytest tests/ops tests/methods tests/data tests/experiments -m gpu -n 0 -q -p no:cacheprovider", 60,
         "--collect-only"),
    Part("DataDAM, one step", f"{STEP} datadam", 60, SMALL_MATCH),
    Part("DM, one step", f"{STEP} dm", 50, SMALL_MATCH),
    Part("20 networks on a small set", "benchmarks.evaluate --device {device}", 50,
         "--width 8 --nets 2 --pairs 1 --timed-epochs 1 --timed-test 50"),
    Part("DataDAM course on MNIST",
         "benchmarks.accuracy datadam --preset course --protocols course --nets 5 --device {device}", 70,
         "--dataset digits --width 8 --nets 1 --num-inits 1 --num-iters 2 --net-steps 2 --batch-real 8"),
    Part("full data, 20 epochs on MNIST", "benchmarks.accuracy baseline --device {device}", 30,
         "--dataset digits --epochs 1"),
    Part("full data against the published way", "benchmarks.evaluate --case full-data --device {device}", 35,
         "--width 8 --pairs 1 --timed-images 128 --timed-test 50"),
    Part("54 networks in stacks", "benchmarks.nas stacked --device {device}", 30,
         "--dataset digits --steps 1 --nets 1 --pairs 1"),
    Part("PAD, one iteration", f"{STEP} pad", 35, f"{SMALL_STEP} --student-steps 2"),
    Part("DataDAM, CIFAR-10's shape", f"{STEP} datadam --shape cifar10", 20, SMALL_MATCH),
    Part("DM, CIFAR-10's shape", f"{STEP} dm --shape cifar10", 20, SMALL_MATCH),
    Part("DataDAM, MHIST's shape", f"{STEP} datadam --shape mhist", 20, SMALL_MATCH),
    Part("DM, MHIST's shape", f"{STEP} dm --shape mhist", 20, SMALL_MATCH),
    Part("memory", "benchmarks.memory", 20, "--side 128"),
    Part("student steps", "benchmarks.unroll --width 128 --steps 40", 20, "--width 8 --steps 2 --repeats 1"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--tiny", action="store_true", help="try every part in small")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"for all of them together [{MINUTES:g}]")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as thrown_away:
        results = Path(thrown_away) if asked.tiny else RESULTS
        outcomes = run(PARTS, asked.device, asked.tiny, 60 * asked.minutes, results)
    print("\n".join(f"{outcome:<28}{title}" for title, outcome in outcomes.items()))
    sys.exit(any(outcome not in ("done", "left out: no time") for outcome in outcomes.values()))


def run(parts: tuple[Part, ...], device: str, tiny: bool, seconds: float, results: Path) -> dict[str, str]:
    """How each part ended, in so many seconds for all; their files are written to `results`."""
    began, outcomes, due = time.monotonic(), {}, 0.0
    results.mkdir(parents=True, exist_ok=True)
    for part in parts:
        due += seconds * part.share / sum(p.share for p in parts)
        left = due - (time.monotonic() - began)
        if left < LEAST:
            outcomes[part.title] = "left out: no time"
            continue
        words = part.words(device, tiny)
        print(f"\n== {part.title}: python -m {' '.join(words)}", flush=True)
        outcomes[part.title] = outcome = _ended(words, left, results)
        print(f"== {outcome}, {time.monotonic() - began:.0f} s so far", flush=True)
        _pack(results)
    return outcomes


def _ended(words: list[str], limit: float, results: Path) -> str:
    """Run it; "done", or how it failed. What it started itself ends with it."""
    environment = {**os.environ, "DDCORE_RESULTS": str(results), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([sys.executable, "-m", *words], cwd=PROJECT, env=environment)
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        for one in [*psutil.Process(process.pid).children(recursive=True), process]:
            one.kill()
        process.wait()
        return f"stopped after {limit:.0f} s"
    return "done" if status == 0 else f"failed with status {status}"


def _pack(results: Path) -> None:
    """All results in one file of the folder OUT, if there is one: a lent machine gives few files back."""
    if out := os.environ.get("OUT"):
        with tarfile.open(Path(out, "results.tar.gz"), "w:gz") as archive:
            archive.add(results, arcname="results")


if __name__ == "__main__":
    main()
