"""One run alone on the machine, and runs of several homes at once: what their waiting threads cost each other.

    python -m benchmarks.together [--homes 2] [--rounds 3] [--spins 300000 1000 0] [-- run dm --dataset mnist …]

OpenMP's threads wait for each other many times in a step. GCC's library, which PyTorch's builds for Linux bring along,
has them spin 300,000 times before they sleep (GOMP_SPINCOUNT), and a thread that spins keeps its core from the one that
is waited for. Each round times each number of spins in turn, alone and together, so that other load meets all alike.
Seconds are what a run tells of itself: its method, without the start of its process. Nothing else may run beside this.
Writes benchmarks/results/together.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack

from benchmarks.browsing import summary
from benchmarks.machine import keep
from ddcore.home import PROJECT, data_root

RUN = ["run", "dm", "--preset", "quick", "--dataset", "mnist", "--num-iters", "60"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", type=int, default=2, help="how many compute at once [2]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spins", type=int, nargs="+", default=[300_000, 1000, 0])
    parser.add_argument("run", nargs="*", help=f"what is computed [{' '.join(RUN)}]")
    asked = parser.parse_args()
    times: dict[int, dict[str, list[float]]] = {spins: {"alone": [], "together": []} for spins in asked.spins}
    for _ in range(asked.rounds):
        for spins, of in times.items():
            of["alone"] += seconds(asked.run or RUN, 1, spins)
            of["together"] += seconds(asked.run or RUN, asked.homes, spins)
            print(f"{spins:>7,} spins: alone {of['alone'][-1]:.1f} s, together {of['together'][-1]:.1f} s", flush=True)
    told = {f"{spins} spins": {how: summary(found) for how, found in of.items()} for spins, of in times.items()}
    print(keep("together", {"run": " ".join(asked.run or RUN), "homes": asked.homes, "seconds": told}))


def seconds(run: list[str], homes: int, spins: int) -> list[float]:
    """Seconds of the same run in each of so many fresh homes at once."""
    with ExitStack() as stack:
        places = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(homes)]
        processes = [_start(run, place, spins) for place in places]
        outputs = [process.communicate()[0] for process in processes]
    return [sum(json.loads(output.splitlines()[-1])["seconds"].values()) for output in outputs]


def _start(run: list[str], place: str, spins: int) -> subprocess.Popen[str]:
    environment = {"DDCORE_HOME": place, "DDCORE_DATA": str(data_root()), "GOMP_SPINCOUNT": str(spins)}
    return subprocess.Popen(
        [sys.executable, "-m", "ddcore", *run, "--wait", "--json"], cwd=PROJECT, env={**os.environ, **environment},
        stdout=subprocess.PIPE, text=True,
    )


if __name__ == "__main__":
    main()
