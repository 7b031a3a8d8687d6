"""Slots: how many jobs run at once. One for each GPU; without a GPU, one for the CPU."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Slot:
    """A place for one job. gpu: what CUDA_VISIBLE_DEVICES is set to for its worker; None on the CPU."""

    name: str
    device: str
    gpu: str | None = None


def slots() -> tuple[Slot, ...]:
    """The slots of this machine. GPUs are counted without torch; they are looked for once."""
    return _slots(shutil.which("nvidia-smi"), os.environ.get("CUDA_VISIBLE_DEVICES"))


def slot(name: str) -> Slot:
    """The slot of this name; one that is no longer there (a GPU was taken out) is a CPU slot."""
    return next((s for s in slots() if s.name == name), Slot(name, "cpu"))


@cache
def _slots(nvidia_smi: str | None, visible: str | None) -> tuple[Slot, ...]:
    gpus = [str(index) for index in range(_count_gpus(nvidia_smi))]
    if visible is not None and gpus:
        gpus = [part for part in (p.strip() for p in visible.split(",")) if part and part != "-1"]
    return tuple(Slot(f"gpu{i}", f"cuda:{i}", gpu) for i, gpu in enumerate(gpus)) or (Slot("cpu", "cpu"),)


def _count_gpus(nvidia_smi: str | None) -> int:
    if nvidia_smi is None:
        return 0
    try:
        listed = subprocess.run([nvidia_smi, "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())
