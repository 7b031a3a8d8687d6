"""Time and peak memory of one PAD iteration, with all student steps remembered and with one recomputed at a time.

    python -m benchmarks.unroll                                     (ConvNet-3 of width 32, ten student steps)
    python -m benchmarks.unroll --width 128 --steps 40 80           (wants a CUDA GPU)

Each measurement is a process of its own: on a CPU peak memory is the process's largest resident size minus that before
the first iteration, on a GPU what the allocator held at most. Writes benchmarks/results/unroll_<device>.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

from benchmarks.machine import described, held, keep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--steps", type=int, nargs="+", default=[5, 10, 20])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one, asked.width, asked.steps[0], asked.images, asked.repeats)))
        return
    rows = []
    for steps in asked.steps:
        for way in ("unrolled", "recomputed"):
            words = ["--one", way, "--width", str(asked.width), "--steps", str(steps), "--images", str(asked.images)]
            command = [sys.executable, "-m", "benchmarks.unroll", *words, "--repeats", str(asked.repeats)]
            rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
            print(rows[-1], flush=True)
    device = "cuda" if described()["gpu"] else "cpu"
    print(keep(f"unroll_{device}", {"network": f"ConvNet-3, width {asked.width}", "results": rows}))


def measured(way: str, width: int, steps: int, images: int, repeats: int) -> dict[str, Any]:
    """One way through memory: median seconds of an iteration, bytes at the worst moment."""
    import torch

    from ddcore.ops import device, nets, unroll

    where = device.pick("auto")
    draws = torch.Generator(where).manual_seed(0)
    network = nets.build("convnet3", (1, 28, 28), 10, {"width": width}, draws, where)
    x = torch.randn(images, 1, 28, 28, device=where, generator=draws).requires_grad_()
    y = torch.randn(images, 10, device=where, generator=draws).requires_grad_()
    start = torch.cat([p.detach().flatten() for p in network.parameters()])
    target = start + 0.01 * torch.randn(len(start), device=where, generator=draws)
    before, seconds = held(where), []
    for _ in range(repeats):
        began = time.perf_counter()
        getattr(unroll, way)(
            unroll.Student(network), start, lambda i: (x, y.softmax(1)), steps, torch.tensor(0.02, device=where),
            lambda end: unroll.matching_loss(end, start, target, len(start) // 4), [x, y],
        )
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        seconds.append(time.perf_counter() - began)
    return {
        "way": way, "student_steps": steps, "batch": images, "n": repeats,
        "seconds": round(sorted(seconds)[repeats // 2], 4), "peak_bytes": held(where) - before,
    }


if __name__ == "__main__":
    main()
