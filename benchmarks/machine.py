"""What a figure was measured on, and where figures are kept."""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

# Elsewhere where somebody only tries whether a benchmark works.
RESULTS = Path(os.environ.get("DDCORE_RESULTS") or Path(__file__).parent / "results")


def described() -> dict[str, Any]:
    """Processor, cores, GPU and library versions of this machine."""
    import torch

    names = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("torch", "numpy", "pydantic")},
    }


def complete(result: dict[str, Any]) -> dict[str, Any]:
    """A result with the command that made it and the machine; as it is where it has them."""
    command = "python -m " + " ".join([module(), *sys.argv[1:]])
    return {"command": command, "machine": described(), **result}


def keep(name: str, result: dict[str, Any]) -> Path:
    """Write a result, with the command that made it and the machine, to benchmarks/results/<name>.json."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(complete(result), indent=2) + "\n")
    return path


def held(where: Any) -> int:
    """Bytes held at most so far: by the allocator on a GPU, by this process on a CPU."""
    import torch

    if where.type == "cuda":
        return int(torch.cuda.max_memory_allocated(where))
    # What a process holds at most by getrusage is, on Linux, never less than what its parent held when it started it.
    peaks = [int(line.split()[1]) for line in _lines("/proc/self/status") if line.startswith("VmHWM")]
    return 1024 * (peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def module() -> str:
    """The benchmark that was called."""
    return f"benchmarks.{Path(sys.argv[0]).stem}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
