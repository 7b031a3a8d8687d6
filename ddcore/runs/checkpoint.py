"""checkpoint.safetensors: the tensors a run needs to go on, and in its header where the run stood."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from ddcore.errors import RunBroken
from ddcore.runs.files import write_bytes

if TYPE_CHECKING:
    import torch

FILE = "checkpoint.safetensors"
SEAL = "sha256"  # in the header: the hash of all else
_PIECE = 2**20


@dataclass(frozen=True)
class Checkpoint:
    """The head of a checkpoint.

    meta: what the experiment gave; seconds: time spent until then; events: bytes of events.jsonl
    written until then; origin: the shorter run whose work this goes on with, if any; used: how it was computed so far
    (`Recorder.uses`); sessions: {code, libraries, device} of those that computed it, each once; lost: bytes of events
    that were written and were gone when a session began.
    """

    path: Path
    meta: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    events: int = 0
    origin: str | None = None
    used: dict[str, bool] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    lost: int = 0

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The head of the checkpoint in a run folder; None when there is none.

        RunBroken where it cannot be read, or is not what was written; those of earlier versions do not tell.
        """
        from safetensors import SafetensorError, safe_open

        path = folder / FILE
        try:
            _check_seal(path)
            with safe_open(path, framework="np") as file:
                head = {name: json.loads(text) for name, text in (file.metadata() or {}).items() if name != SEAL}
            return cls(path, dict(head["meta"]), float(head["seconds"]), int(head["events"]), head["origin"],
                       dict(head.get("used") or {}), list(head.get("sessions") or ()), int(head.get("lost") or 0))
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunBroken(f"{FILE} is damaged: {error}") from None

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
        head = {name: getattr(self, name) for name in
                ("meta", "seconds", "events", "origin", "used", "sessions", "lost")}
        content = serialised(tensors, {name: json.dumps(value) for name, value in head.items()})
        write_bytes(self.path, _sealed(content))


def serialised(tensors: Mapping[str, torch.Tensor], head: dict[str, str] | None = None) -> bytes:
    """The content of a safetensors file with these tensors and this header."""
    if not tensors:
        from safetensors.numpy import save as save_none

        return save_none({}, metadata=head)
    from safetensors.torch import save

    # Copies, because tensors that share memory (tied weights, views) may not be stored together.
    return save({n: t.detach().to("cpu", copy=True).contiguous() for n, t in tensors.items()}, metadata=head)


def _sealed(content: bytes) -> bytes:
    """A safetensors file (length of the header in 8 bytes, header as JSON, data) with the hash of all of it."""
    begin = 8 + int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8:begin]), memoryview(content)[begin:]
    digest = _digest(header)
    digest.update(data)
    header["__metadata__"][SEAL] = digest.hexdigest()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the data stay aligned
    return b"".join([len(text).to_bytes(8, "little"), text, data])


def _check_seal(path: Path) -> None:
    """RunBroken where the file is not what its hash is of. Raises ValueError and others for what is no such file."""
    with open(path, "rb") as file:
        header = _header(file)
        told = header["__metadata__"].pop(SEAL, None)
        digest = _digest(header)
        while told is not None and (piece := file.read(_PIECE)):
            digest.update(piece)
    if told not in (None, digest.hexdigest()):
        raise RunBroken(f"{FILE} is damaged: it is not what was written")


def _header(file: IO[bytes]) -> dict[str, Any]:
    length = int.from_bytes(file.read(8), "little")
    header: dict[str, Any] = json.loads(file.read(min(length, 100 * _PIECE)))
    return header


def _digest(header: Mapping[str, Any]) -> Any:
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode())
