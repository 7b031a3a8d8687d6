"""checkpoint.safetensors: the tensors a run needs to go on, and in its header where the run stood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ddcore.runs.files import write_bytes

if TYPE_CHECKING:
    import torch

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """The head of a checkpoint.

    meta: what the experiment gave; seconds: time spent until then; events: bytes of events.jsonl
    written until then; origin: the shorter run whose work this goes on with, if any.
    """

    path: Path
    meta: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    events: int = 0
    origin: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The head of the checkpoint in a run folder; None when there is none that can be read."""
        from safetensors import SafetensorError, safe_open

        path = folder / FILE
        try:
            with safe_open(path, framework="np") as file:
                head = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            return cls(path, dict(head["meta"]), float(head["seconds"]), int(head["events"]), head["origin"])
        except (OSError, SafetensorError, ValueError, TypeError, KeyError):
            return None

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors, on the CPU."""
        from safetensors import safe_open

        with safe_open(self.path, framework="np") as file:
            if not list(file.keys()):
                return {}  # a state of plain numbers needs no torch
        from safetensors.torch import load_file

        return load_file(self.path)

    def write(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Store atomically; the previous checkpoint stays until this one is whole."""
        head = {"meta": self.meta, "seconds": self.seconds, "events": self.events, "origin": self.origin}
        write_bytes(self.path, serialised(tensors, {name: json.dumps(value) for name, value in head.items()}))


def serialised(tensors: Mapping[str, torch.Tensor], head: dict[str, str] | None = None) -> bytes:
    """The content of a safetensors file with these tensors and this header."""
    if not tensors:
        from safetensors.numpy import save as save_none

        return save_none({}, metadata=head)
    from safetensors.torch import save

    # Copies, because tensors that share memory (tied weights, views) may not be stored together.
    return save({n: t.detach().to("cpu", copy=True).contiguous() for n, t in tensors.items()}, metadata=head)
