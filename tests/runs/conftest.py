from __future__ import annotations

from pathlib import Path

import pytest

from ddcore.runs import Store


@pytest.fixture
def store(home: Path, tmp_path: Path) -> Store:
    """An empty store, and no demo runs."""
    return Store(demo=tmp_path / "demo")
