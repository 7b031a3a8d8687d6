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

RESULTS = Path(__file__).parent / "results"


def described() -> dict[str, Any]:
    """Processor, cores, GPU and library versions of this machine."""
    import torch

    names = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("torch", "numpy", "pydantic")},
    }


def keep(name: str, result: dict[str, Any]) -> Path:
    """Write a result, with the command that made it and the machine, to benchmarks/results/<name>.json."""
    command = "python -m " + " ".join([_module(), *sys.argv[1:]])
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"command": command, "machine": described(), **result}, indent=2) + "\n")
    return path


def held(where: Any) -> int:
    """Bytes held at most so far: by the allocator on a GPU, by this process on a CPU."""
    import torch

    if where.type == "cuda":
        return int(torch.cuda.max_memory_allocated(where))
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _module() -> str:
    return f"benchmarks.{Path(sys.argv[0]).stem}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
