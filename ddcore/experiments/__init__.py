"""What a run means, one file a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddcore.errors import UnknownName
from ddcore.experiments.base import ImageSet, Kind, Parent, Recorder, Spec
from ddcore.registry import Registry

KINDS: Registry[Kind] = Registry("kind of run", "ddcore.experiments", "KIND")


def spec(kind: str, name: str, values: Mapping[str, Any]) -> Spec:
    """A checked Spec. Raises UnknownName for the kind or name, ConfigError for the values."""
    entry = KINDS[kind]
    if name not in entry.names():
        raise UnknownName("method" if kind == "distill" else kind, name, entry.names())
    return Spec(kind, name, entry.config(name).build(values))


__all__ = ["KINDS", "ImageSet", "Kind", "Parent", "Recorder", "Spec", "spec"]
