"""Choosing and timing a device."""

from __future__ import annotations

import time

import torch

from ddcore.errors import ConfigError


def pick(name: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda"; raises ConfigError for "cuda" where there is no GPU."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError(["device must be 'cpu' or 'auto' here: no CUDA GPU was found"])
    return torch.device("cuda" if name != "cpu" and available else "cpu")


def now(device: torch.device) -> float:
    """Seconds on a monotonic clock, after everything queued on the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Stopwatch:
    """Seconds between `go` and `stop`, added to those of an earlier session."""

    def __init__(self, device: torch.device, seconds: float = 0.0) -> None:
        self.device, self.seconds = device, seconds
        self.go()

    def go(self) -> None:
        self._began = now(self.device)

    def stop(self) -> float:
        """Stop counting; the seconds so far."""
        self.seconds += now(self.device) - self._began
        return self.seconds
