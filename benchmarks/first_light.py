"""DataDAM on MNIST, end to end: time and accuracy beside the controls, under one or both protocols.

    python -m benchmarks.first_light --preset quick --protocols course
    python -m benchmarks.first_light --preset course --protocols course standard   (wants a CUDA GPU)

Uses the real command line in a home of its own (an empty one: nothing is answered from disk), and the
data root DDCORE_DATA. Writes benchmarks/results/first_light_<preset>_<dataset>_<device>.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.machine import described, keep
from ddcore.home import PROJECT, data_root


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="quick", choices=["quick", "course", "paper", "code"])
    parser.add_argument("--protocols", nargs="+", default=["course"], choices=["course", "standard"])
    parser.add_argument("--nets", type=int, default=3)
    parser.add_argument("--dataset", default="mnist")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as home:
        for protocol in arguments.protocols:
            results[protocol] = _timed(arguments, protocol, home)
            print(json.dumps(results[protocol]), flush=True)
    device = "cuda" if described()["gpu"] else "cpu"
    path = keep(
        f"first_light_{arguments.preset}_{arguments.dataset}_{device}",
        {"n": arguments.nets, "device": device, "dataset": arguments.dataset, "protocols": results},
    )
    print(path)


def _timed(arguments: argparse.Namespace, protocol: str, home: str) -> dict[str, Any]:
    """One command, from the first keystroke to the answer; later protocols find the images on disk."""
    flags = f"--preset {arguments.preset} --dataset {arguments.dataset} --evaluate {protocol} --nets {arguments.nets}"
    command = [sys.executable, *"-m ddcore run datadam".split(), *flags.split(), "--wait", "--json"]
    environment = {**os.environ, "DDCORE_HOME": home, "DDCORE_DATA": str(data_root())}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return {"wall_seconds": round(time.perf_counter() - began, 1), **json.loads(done.stdout.splitlines()[-1])}


if __name__ == "__main__":
    main()
