"""Peak memory of a set of MHIST's shape: as bytes on the device, as bytes in host memory, and as floats.

    python -m benchmarks.memory                  (2,175 + 977 images of 3×224×224)
    python -m benchmarks.memory --side 128

Each way is a process of its own. It takes the images in (random ones, for only their shape matters), then makes DM
steps on them with a narrow ConvNet-7 and looks at the test images as an evaluation does. On a CPU peak memory is the
process's largest resident size minus that before the images came; on a GPU it is what the allocator held at most, and
the host's is told beside it. "floats" is how the published scripts keep a set: normalised, as float32, on the device.
Writes benchmarks/results/memory_<device>.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.machine import described, held, keep

WAYS = ("bytes on the device", "bytes in host memory", "floats")
TRAIN, TEST, STEPS, BATCH_REAL, WIDTH = 2175, 977, 3, 16, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one, asked.side)))
        return
    rows = []
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.memory", "--one", way, "--side", str(asked.side)]
        rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        print(rows[-1], flush=True)
    assert len({row["sum"] for row in rows[:2]}) == 1, "both ways of keeping bytes must give the same numbers"
    device = "cuda" if described()["gpu"] else "cpu"
    shape = f"{TRAIN} + {TEST} images of 3x{asked.side}x{asked.side}"
    work = f"{STEPS} DM steps, {BATCH_REAL} real images per class, ConvNet-7 of width {WIDTH}, then all test images"
    print(keep(f"memory_{device}", {"images": shape, "work": work, "n": 1, "results": rows}))


def measured(way: str, side: int) -> dict[str, Any]:
    """Bytes at the worst moment, once the images are there and after the work on them."""
    import torch

    from ddcore.ops import device, nets, seeds, train
    from ddcore.ops.acceleration import Acceleration

    where = device.pick("auto")
    network = nets.build("convnet7", (3, side, side), 2, {"width": WIDTH}, seeds.generator(0, "n", device=where), where)
    before = held(where)
    train_part, test_part = _parts(way, side, where)
    there = held(where)
    synthetic = train_part.sample(10, seeds.generator(0, "s", device=where))
    for step in range(STEPS):
        synthetic.requires_grad_()
        real = train_part.sample(BATCH_REAL, seeds.generator(0, step, device=where))
        with torch.no_grad():
            target = network.embed(real).view(2, BATCH_REAL, -1).mean(1)
        loss = ((network.embed(synthetic).view(2, 10, -1).mean(1) - target) ** 2).sum()
        synthetic = synthetic.detach() - torch.autograd.grad(loss, synthetic)[0]
    passes = train.CompiledSteps(network, Acceleration(where), len(test_part))
    said = train.logits(passes, network, test_part.batch, len(test_part))
    found = {"way": way, "peak_bytes_images": there - before, "peak_bytes": held(where) - before}
    if where.type == "cuda":
        found["peak_bytes_host"] = held(torch.device("cpu"))
    return {**found, "sum": round(said.double().sum().item() + synthetic.double().sum().item(), 6)}


def _parts(way: str, side: int, where: Any) -> tuple[Any, Any]:
    """The training and the test part, held in this way."""
    import numpy as np
    import torch

    from ddcore.data.base import Data, Split
    from ddcore.data.resident import Resident

    draws, parts = np.random.default_rng(0), []
    for n in (TRAIN, TEST):
        split = Split(draws.integers(0, 256, (n, 3, side, side), dtype=np.uint8), np.arange(n) % 2)
        data = Data("shape", ("0", "1"), split, split, split, (0.5,) * 3, (0.25,) * 3)
        part = Resident.from_split(split, data, where, 0.0 if way == "bytes in host memory" else None)
        parts.append(_floats(part) if way == "floats" else part)
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    return parts[0], parts[1]


def _floats(part: Any) -> Any:
    """The same part with its images normalised beforehand: a batch is only picked out."""
    images = part.all()
    part.images, part.normalise = images, lambda batch: batch
    return part


if __name__ == "__main__":
    main()
