"""Where a result came from: code, libraries, device. Best effort: what cannot be found out is None."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import ddcore
from ddcore import home

LIBRARIES = ("torch", "torchvision", "numpy", "fvcore", "scikit-learn", "safetensors")


@cache
def libraries() -> dict[str, str | None]:
    """The versions of Python and of what a result may depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}}


@cache
def code() -> dict[str, str | None]:
    """{commit, version}: the commit ends in "-dirty" when files differed from it."""
    return {"commit": _commit(home.PROJECT), "version": ddcore.__version__}


def device() -> dict[str, str | None]:
    """{type, name} of the device this process has computed on; a CPU's name ends in the threads torch used."""
    if (cuda := _cuda()) is not None:
        return {"type": "cuda", "name": cuda.get_device_name()}
    return {"type": "cpu", "name": ", ".join(part for part in (_processor(), _threads()) if part) or None}


def session() -> dict[str, Any]:
    """{code, libraries, device} of this process."""
    return {"code": code(), "libraries": libraries(), "device": device()}


def peak_memory_bytes() -> int | None:
    """The most memory that was in use: on the GPU when one was used, else of this process."""
    if (cuda := _cuda()) is not None:
        return int(cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cuda() -> Any:
    """torch.cuda when this process has used it; torch is not imported for the question."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def _threads() -> str | None:
    """How many threads torch computes with; None when this process has not used it."""
    if (torch := sys.modules.get("torch")) is None:
        return None
    count = torch.get_num_threads()
    return f"{count} thread{'s' * (count != 1)}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit(folder: Path) -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _processor() -> str | None:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or None
