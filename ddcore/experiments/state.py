"""A method's State as plain tensors and numbers, and back: what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any

from ddcore.experiments.heavy import torch
from ddcore.methods.base import MADE_ANEW, State


def stored_fields(state: State) -> list[Field[Any]]:
    """The fields that a run needs to go on; what is made anew at every start is marked MADE_ANEW."""
    return [field for field in fields(state) if field.metadata != MADE_ANEW]


def dump(state: State) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """(tensors, numbers) of every field; a module's tensors are named "<field>.<its own name>"."""
    tensors: dict[str, torch.Tensor] = {}
    numbers: dict[str, Any] = {}
    for field in stored_fields(state):
        value = getattr(state, field.name)
        if isinstance(value, torch.Tensor):
            tensors[field.name] = value.detach().clone()
        elif isinstance(value, torch.nn.Module):
            tensors |= {f"{field.name}.{name}": t.detach().clone() for name, t in value.state_dict().items()}
        else:
            numbers[field.name] = value
    return tensors, numbers


def load(state: State, tensors: Mapping[str, torch.Tensor], numbers: Mapping[str, Any]) -> None:
    """Put a dump back into a fresh state of the same method, in place."""
    for field in stored_fields(state):
        value = getattr(state, field.name)
        if isinstance(value, torch.Tensor):
            setattr(state, field.name, tensors[field.name].to(value.device, copy=True))
        elif isinstance(value, torch.nn.Module):
            prefix = field.name + "."
            value.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        else:
            setattr(state, field.name, numbers[field.name])
