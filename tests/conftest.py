"""Fixtures for all tests: where things lie on disk, and the real data where it is at hand."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddcore import home as places
from ddcore.hosting import people

# Two test processes share two cores: one thread each, in the jobs they start too. Set before torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = places.PROJECT.parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def no_demo_runs() -> Iterator[None]:
    """The finished runs that ship with the code are not in the way of tests of empty stores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "demo_root", lambda: places.PROJECT / "no-demo-runs")
        yield


@pytest.fixture(scope="session", autouse=True)
def any_processor() -> Iterator[None]:
    """All processors compute the same here: bfloat16 is tested where it is meant, not where one is fast in it.

    Modules of tests that compute have imported torch by now; for all others it stays where it is.
    """
    if "torch" not in sys.modules:
        yield
        return

    from ddcore.ops import acceleration

    of_this_machine = acceleration.has_half
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acceleration, "has_half", lambda device: device.type == "cuda" and of_this_machine(device))
        yield


@pytest.fixture(autouse=True)
def machine_acts() -> Iterator[None]:
    """Whoever acts in the next test is the machine's own user again, also after one that drew a page."""
    yield
    people.found_by(None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty DDCORE_HOME, with an empty data root in it."""
    folder = tmp_path / "home"
    (folder / "data").mkdir(parents=True)
    monkeypatch.setenv("DDCORE_HOME", str(folder))
    monkeypatch.setenv("DDCORE_DATA", str(folder / "data"))
    return folder


@pytest.fixture(scope="session")
def mnist_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root that holds the four archives of MNIST. Set DDCORE_DATA to it, and do not damage it."""
    return _copied("MNIST/raw", "MNIST/raw", tmp_path_factory)


@pytest.fixture(scope="session")
def histology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root whose MHIST/ is the stand-in: its layout, other tissue. Do not damage it."""
    return _copied("histology-standin", "MHIST", tmp_path_factory)


def _copied(source: str, target: str, factory: pytest.TempPathFactory) -> Path:
    if not (SHARED_DATA / source).is_dir():
        pytest.skip(f"needs shared/data/{source} beside the project")
    root = factory.mktemp("data")
    shutil.copytree(SHARED_DATA / source, root / target, copy_function=shutil.copyfile)
    for folder in [root, *(p for p in root.rglob("*") if p.is_dir())]:
        folder.chmod(0o755)  # copytree keeps the modes of folders, and the shared ones are read-only
    return root
