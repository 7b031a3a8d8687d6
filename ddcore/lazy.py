"""Modules that are imported when first used.

The web process reads declarations (configs, presets, facts of data sets) from the same files that hold the algorithms;
importing torch there would cost seconds and hundreds of megabytes. So those files say

    if TYPE_CHECKING:
        import torch
    else:
        torch = lazy("torch")
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.__name__), attribute)


def lazy(name: str) -> Any:
    """The module `name`, imported at the first attribute access."""
    return _LazyModule(name)
