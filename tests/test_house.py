"""The house rules: imports point down and never in a circle, packages are listed, the web process never loads torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    {"errors", "lazy", "home", "disk", "registry", "params", "summary", "presets", "run_id", "networks", "spaces",
     "augmentations", "counts", "hosting", "matrix"},
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


def statements(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name that is taken from it or "") of every import in a file: also in a function, for types only, and by
    `lazy("…")`. What `lazy(f"…{name}")` gives is imported for types too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports by a relative name"
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy":
            yield from ((str(a.value), "") for a in node.args if isinstance(a, ast.Constant))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, by full name, and every name that it takes from one."""
    for module, name in statements(path):
        yield module
        if name:
            yield f"{module}.{name}"


def module_of(path: Path) -> str:
    """ "ddcore.runs.store" of a file; a package's __init__.py has the package's name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in [*ENGINE, *WEB]}


def imported(path: Path) -> set[str]:
    """Our own modules that a file imports; `from package import module` is the module, not the package."""
    given = ((module, f"{module}.{name}") for module, name in statements(path))
    return {full if full in MODULES else module for module, full in given} & set(MODULES)


def packages(paths: Iterable[Path], local: Collection[str]) -> dict[str, set[str]]:
    """The packages that files import, each by the names of the distributions that hold it ("PIL": {"pillow"}).

    local: names of our own.
    """
    tops = {module.partition(".")[0] for path in paths for module, _ in statements(path)}
    known = packages_distributions()
    return {top: {_normal(name) for name in known.get(top, [top])}
            for top in tops - set(sys.stdlib_module_names) - set(local)}


def listed(file: str) -> set[str]:
    """The packages of a requirements file."""
    lines = (ROOT / file).read_text()
    return {_normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[\w+\])?[><=]", lines, re.MULTILINE)}


def _normal(name: str) -> str:
    """A distribution's name as PyPI compares them."""
    return re.sub(r"[-_.]+", "-", name).lower()


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


def storey(module: str) -> int:
    """0: components; 1: the folders of a page's sections; 2: pages, which nobody imports; 3: app.py."""
    path = MODULES[module]
    folders = len(path.relative_to(ROOT).parts) - 1
    return 1 if folders == 3 else {2: 0, 1: 2, 0: 3}[folders]


@pytest.mark.parametrize("path", WEB, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_import_sections_and_sections_components(path: Path) -> None:
    """Pages none of each other, and no folder of sections from another one."""
    own = storey(module_of(path))
    for module in imported(path):
        if not module.startswith("ddcore"):
            beside = own < 2 and MODULES[module].parent == path.parent
            assert storey(module) < own or beside, f"{path} imports {module}, which does not lie below it"


def test_imports_lead_in_no_circle() -> None:
    try:
        TopologicalSorter({name: imported(path) - {name} for name, path in MODULES.items()}).prepare()
    except CycleError as error:
        pytest.fail("imported by one another: " + " ← ".join(error.args[1]))


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


APP, CHECKS = "requirements.txt", "requirements-dev.txt"
TOOLS = {"pytest-timeout", "pytest-xdist", "ruff", "mypy", "pandas-stubs"}  # run beside the tests, imported by none


def test_what_the_app_imports_is_listed_and_what_is_listed_is_imported() -> None:
    used = packages([*ENGINE, *WEB], {"ddcore", "pages"})
    assert {top for top, names in used.items() if not names & listed(APP)} == set()
    assert listed(APP) - set().union(*used.values()) == set()


def test_what_tests_and_benchmarks_import_is_listed_and_what_is_listed_for_them_is_imported() -> None:
    files = [path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    local = {name for path in files for name in (path.stem, *path.relative_to(ROOT).parts[:-1])}
    used = packages(files, {"ddcore", "pages", *local})
    assert {top for top, names in used.items() if not names & (listed(CHECKS) | listed(APP))} == set()
    assert listed(CHECKS) - TOOLS - set().union(*used.values()) == set()
