"""The parameters of every coreset: a method that picks real images, with nothing to initialise or to step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ddcore.methods.base import MethodConfig


class CoresetConfig(MethodConfig):
    """A method that picks real images."""

    absent: ClassVar[Mapping[str, str]] = {"init": "a coreset picks real images, so there is nothing to initialise"}
