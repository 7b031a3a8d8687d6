"""Modules that are imported when first used.

The web process reads declarations (configs, presets, facts of data sets) from the same files that hold the algorithms;
importing torch there would cost seconds and hundreds of megabytes. So those files say

    if TYPE_CHECKING:
        import torch
    else:
        torch = lazy("torch")

numpy, pandas and plotly, which tables and figures use, stand here for all: `from ddcore.lazy import np, pd, go`.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go


class _LazyModule(ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.__name__), attribute)


def lazy(name: str) -> Any:
    """The module `name`, imported at the first attribute access."""
    return _LazyModule(name)


if not TYPE_CHECKING:
    np, pd, go = lazy("numpy"), lazy("pandas"), lazy("plotly.graph_objects")
