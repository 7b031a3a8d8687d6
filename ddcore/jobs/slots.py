"""Slots: how many jobs run at once. One for each GPU; without a GPU, one for the CPU."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from itertools import takewhile


@dataclass(frozen=True)
class Slot:
    """A place for one job.

    name: the same for a GPU in every process, however few GPUs that process may see; device: what
    the job computes on, as it sees it (of the GPUs it sees its own only); gpu: what
    CUDA_VISIBLE_DEVICES is set to for its worker, None on the CPU.
    """

    name: str
    device: str
    gpu: str | None = None


ASIDE = Slot("aside", "cpu")  # the place beside the slots, of what only reads and counts; it sees what they see


def slots() -> tuple[Slot, ...]:
    """The slots this process may use. GPUs are counted without torch; they are looked for once."""
    return _slots(shutil.which("nvidia-smi"), os.environ.get("CUDA_VISIBLE_DEVICES"))


@cache
def _slots(nvidia_smi: str | None, visible: str | None) -> tuple[Slot, ...]:
    uuids = _uuids(nvidia_smi)
    ids = [str(index) for index in range(len(uuids))] if visible is None else visible.split(",")
    # As in CUDA, nothing counts that stands behind an id which is no GPU's.
    named = takewhile(lambda pair: pair[0], ((_name(gpu.strip(), uuids), gpu.strip()) for gpu in ids))
    gpus = {name: gpu for name, gpu in named if name is not None}
    return tuple(Slot(name, "cuda:0", gpu) for name, gpu in gpus.items()) or (Slot("cpu", "cpu"),)


def _name(gpu: str, uuids: list[str]) -> str | None:
    """The slot's name for an index, a UUID or its unique beginning, or a MIG part of a GPU; None for what is none."""
    if gpu.isdecimal():
        return f"gpu{int(gpu)}" if int(gpu) < len(uuids) else None
    if gpu.startswith("MIG-") and uuids:
        return re.sub(r"[^a-z0-9]+", "-", gpu.lower())  # part of the name of a file, before a dot
    near = [index for index, uuid in enumerate(uuids) if gpu.startswith("GPU-") and uuid.startswith(gpu)]
    return f"gpu{near[0]}" if len(near) == 1 else None


def _uuids(nvidia_smi: str | None) -> list[str]:
    """The UUID of each GPU, in the order of their indices."""
    if nvidia_smi is None:
        return []
    try:
        listed = subprocess.run([nvidia_smi, "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.rpartition("UUID: ")[2].rstrip(") ") for line in listed.splitlines() if line.startswith("GPU ")]
