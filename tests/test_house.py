"""The house rules: imports point down, and the web process never loads torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    {"errors", "lazy", "home", "registry", "params", "presets", "networks", "spaces", "augmentations", "counts"},
    {"ops"},
    {"data"},
    {"settings", "protocols"},
    {"methods"},
    {"experiments"},
    {"runs"},
    {"jobs"},
    {"evaluation"},
    {"report"},
    {"cli", "__main__"},
)
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
ENGINE = sorted((ROOT / "ddcore").rglob("*.py"))
WEB = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, by full name, `lazy("…")` included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy":
            yield from (str(a.value) for a in node.args if isinstance(a, ast.Constant))


def floor_of(module: str) -> str:
    return module.split(".")[1]


def test_every_part_of_the_engine_has_a_floor() -> None:
    parts = {p.relative_to(ROOT / "ddcore").parts[0].removesuffix(".py") for p in ENGINE} - {"__init__"}
    assert parts == set(LEVEL)


@pytest.mark.parametrize("path", ENGINE, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down_and_never_at_streamlit(path: Path) -> None:
    part = path.relative_to(ROOT / "ddcore").parts[0].removesuffix(".py")
    if part == "__init__":
        return
    for module in imports(path):
        assert not module.startswith(("streamlit", "pages", "app")), f"{path} imports {module}"
        if module.startswith("ddcore.") and floor_of(module) in LEVEL:
            assert LEVEL[floor_of(module)] <= LEVEL[part], f"{path} imports {module}, which lies above it"


def test_everything_the_pages_import_loads_without_torch() -> None:
    modules = sorted({m for path in WEB for m in imports(path) if m.startswith("ddcore")})
    code = f"""
import importlib, sys
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("ddcore"):
            raise
from ddcore.data import DATASETS
from ddcore.experiments import KINDS
from ddcore.methods import METHODS
assert DATASETS and KINDS and METHODS and all(m.Config.params() for m in METHODS.values())
heavy = {{"torch", "torchvision", "sklearn", "fvcore", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", [*ENGINE, *WEB], ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_pickled_and_nothing_exits_from_below(path: Path) -> None:
    text = path.read_text()
    assert not {"pickle", "dill", "cloudpickle", "joblib"} & {m.split(".")[0] for m in imports(path)}
    assert "torch.load(" not in text
    assert "torch.save(" not in text
    assert not re.search(r"\bexit\(", text.split('if __name__ == "__main__":')[0])


def test_the_readme_names_every_method_data_set_page_and_protocol() -> None:
    from ddcore.data import DATASETS
    from ddcore.methods import METHODS
    from ddcore.protocols import PROTOCOLS

    readme = (ROOT / "README.md").read_text()
    pages = [p.stem.split("_", 1)[1].replace("_", " ") for p in (ROOT / "pages").glob("[0-9]*_*.py")]
    for name in (*METHODS, *DATASETS.shipped, *PROTOCOLS, *pages):
        assert re.search(rf"\b{re.escape(name)}\b", readme), f"README.md does not name {name}"


def test_every_required_package_is_imported_somewhere() -> None:
    listed = re.findall(r"^([A-Za-z0-9-]+)[><=]", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    module = {"scikit-learn": "sklearn"}
    used = {m.split(".")[0] for path in [*ENGINE, *WEB] for m in imports(path)}
    assert {module.get(name, name) for name in listed} <= used
