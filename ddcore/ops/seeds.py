"""Random streams named by what they are for, never by the clock or by the order of drawing.

A stream is (seed, purpose…): the same tuple draws the same numbers in a fresh run and in a resumed one.
"""

from __future__ import annotations

import hashlib
import json

import torch


def integer(seed: int, *purpose: str | int) -> int:
    """A number of 63 bits that stands for (seed, purpose…): the head of the tuple's SHA-256.

    The text "1" and the number 1 are different purposes.
    """
    text = json.dumps([int(seed), *purpose], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def permutation(n: int, seed: int, *purpose: str | int) -> torch.Tensor:
    """0..n−1 in the order that (seed, purpose…) gives them, the same on every device."""
    return torch.randperm(n, generator=generator(seed, *purpose))


def generator(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator on `device` for (seed, purpose…); torch's global generators are left alone.

    A CPU generator and a CUDA one draw different numbers from the same seed.
    """
    return torch.Generator(device).manual_seed(integer(seed, *purpose))
