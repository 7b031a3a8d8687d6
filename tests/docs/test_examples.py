"""The worked examples of docs/ are run as they are printed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from fenced import DOCS, blocks
from safetensors.numpy import save
from streamlit.testing.v1 import AppTest

from ddcore import jobs, report
from ddcore.cli import main
from ddcore.data import DATASETS
from ddcore.data.load import fingerprint, load
from ddcore.errors import DataBroken, DataMissing
from ddcore.experiments import KINDS, spec
from ddcore.home import PROJECT
from ddcore.methods import METHODS
from ddcore.report import tables
from ddcore.report.catalogue import catalogue
from ddcore.runs import packing
from ddcore.runs.images import read_images
from ddcore.runs.store import Store
from pages.components import frame, menu
from tests.pages.conftest import Backend, Open, backend, open_page, words
from tests.runs import shelf

__all__ = ["backend", "open_page"]

PYTHON = ".venv/bin/python"
# The command line with its jobs computed in its own process: workers, each with its own import of torch, take long.
INLINE = """
import sys
from ddcore import jobs
from ddcore.jobs import api
jobs.submit = api.submit = jobs.run_inline
from ddcore.cli import main
sys.exit(main(sys.argv[1:]))
"""

Plugin = Callable[..., Path]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    """plugin("logits", code): a module outside the tree that the registries of this process and of others know."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)

    def add(name: str, code: str) -> Path:
        (folder / f"{name}.py").write_text(code, "utf-8")
        monkeypatch.setenv("DDCORE_PLUGINS", name)
        forget()
        return folder

    yield add
    monkeypatch.undo()
    for name in [path.stem for path in folder.glob("*.py")]:
        sys.modules.pop(name, None)
    forget()


def forget() -> None:
    """The registries look again."""
    for registry in (DATASETS, KINDS, METHODS):
        registry.__dict__.pop("_entries", None)


def called(command: list[str]) -> str:
    """What this command says on standard output; it must end well."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    return done.stdout


def printed(page: str, beginning: str) -> str:
    """The one line of the page's shell blocks that begins like this."""
    (line,) = [line for block in blocks(DOCS / page, "sh") for line in block.splitlines() if line.startswith(beginning)]
    return line


def arguments(page: str, beginning: str) -> list[str]:
    """What the page's one command that begins like this gives to `python -m ddcore`."""
    return printed(page, f"{PYTHON} -m ddcore {beginning}").split()[3:]


def module(name: str, code: str, folder: Path) -> ModuleType:
    """The module that this code would be if it lay in the tree."""
    file = folder / f"{name}.py"
    file.write_text(code, "utf-8")
    place = importlib.util.spec_from_file_location(name, file)
    assert place is not None
    assert place.loader is not None
    made = importlib.util.module_from_spec(place)
    place.loader.exec_module(made)
    return made


@pytest.mark.slow  # processes that load torch; the example of a kind is run from a terminal by default
def test_the_example_of_a_method_distils_digits_in_two_steps(plugin: Plugin, home: Path) -> None:
    (code,) = blocks(DOCS / "add-a-method.md", "python")
    plugin("logits", code)
    command = arguments("add-a-method.md", "run logits --dataset digits")
    said = json.loads(called([sys.executable, "-c", INLINE, *command, "--json"]).splitlines()[-1])
    kept = home / "runs" / "distill" / said["run"]
    run = json.loads((kept / "run.json").read_text("utf-8"))
    assert (run["id"], run["name"], run["summary"]["steps"]) == (said["run"], "logits", 2)
    final, first = read_images(kept / "images.safetensors"), read_images(kept / "initial.safetensors")
    assert (final.images.shape, final.labels.tolist()) == ((20, 1, 8, 8), [c for c in range(10) for _ in range(2)])
    assert run["summary"]["pixel_change"] == pytest.approx(np.abs(final.images - first.images).mean(), rel=1e-3)
    assert run["summary"]["pixel_change"] > 1e-3
    assert (kept / "pictures" / "final.png").is_file()


@pytest.mark.slow  # processes that import torch, one after another
def test_the_example_of_a_method_runs_outside_the_tree_and_passes_what_every_method_owes(
    plugin: Plugin, home: Path
) -> None:
    (code,) = blocks(DOCS / "add-a-method.md", "python")
    folder = plugin("logits", code)
    line = printed("add-a-method.md", "PYTHONPATH=mine").replace("=mine", f"={folder}").replace(PYTHON, sys.executable)
    assert ": done" in called(["bash", "-c", line])
    every = "tests/methods/test_every_method.py"
    said = called([sys.executable, "-m", "pytest", "-n", "0", "-m", "not gpu", every, "-k", "logits"])
    assert re.search(r"\[100%\]|\d+ passed", said)


def test_the_example_of_a_data_set_is_read_split_and_drawn_from(
    plugin: Plugin, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw, code = blocks(DOCS / "add-a-data-set.md", "python")
    folder = plugin("shapes", code)
    root = home / "data"
    assert DATASETS["shapes"].check(root).state == "missing"
    with pytest.raises(DataMissing, match=r"looked for .*shapes\.npz"):
        load("shapes")
    (folder / "draw_shapes.py").write_text(draw, "utf-8")
    monkeypatch.setattr(sys, "argv", ["draw_shapes.py", str(root / "shapes")])
    runpy.run_path(str(folder / "draw_shapes.py"))
    assert DATASETS["shapes"].check(root).state == "ready"
    before, data = fingerprint("shapes"), load("shapes")
    assert data.classes == ("circle", "square", "cross")
    assert [np.bincount(part.labels).tolist() for part in (data.train, data.val, data.test)] == [
        [144] * 3, [16] * 3, [40] * 3,
    ]
    assert {part.images.shape[1:] for part in (data.train, data.val, data.test)} == {(1, 16, 16)}
    assert DATASETS["shapes"].parts == {"train": 432, "val": 48, "test": 120}
    monkeypatch.setattr("ddcore.jobs.api.submit", jobs.run_inline)
    monkeypatch.setattr(jobs, "submit", jobs.run_inline)
    assert main([*arguments("add-a-data-set.md", "run random"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert read_images(home / "runs" / "distill" / said["run"] / "images.safetensors").labels.tolist() == [
        0, 0, 1, 1, 2, 2,
    ]
    (root / "shapes" / "shapes.npz").write_bytes(b"PK\3\4 and then nothing")
    assert fingerprint("shapes") != before
    with pytest.raises(DataBroken, match="is not a file of shapes"):
        load("shapes")


@pytest.fixture
def brightness(plugin: Plugin, home: Path) -> None:
    """The kind of the worked example, in this process and in those that it starts."""
    (code,) = blocks(DOCS / "add-a-kind.md", "python")
    plugin("brightness", code)


def test_the_example_of_a_kind_answers_from_a_terminal_under_its_own_key(brightness: None, home: Path) -> None:
    command = arguments("add-a-kind.md", "brightness --dataset digits")
    said = json.loads(called([sys.executable, "-c", INLINE, *command, "--json"]).splitlines()[-1])
    asked = spec("brightness", "brightness", {"dataset": "digits", "per_class": 20})
    record = Store().record(asked.key)
    assert (said["run"], record.state) == (asked.key, "done")
    assert asked.key != spec("brightness", "brightness", {"dataset": "digits", "per_class": 21}).key
    train = load("digits").train
    means = [float(train.images[train.labels == c][:20].mean()) / 255 for c in range(10)]
    assert (said["images"], said["brightest"]) == (200, str(int(np.argmax(means))))
    assert said["span"] == pytest.approx(max(means) - min(means))
    assert Store().arrays(asked.key, "brightness")["mean"] == pytest.approx(means)


def test_the_example_of_a_kind_has_menu_form_estimate_page_and_row(
    brightness: None, open_page: Open, backend: Backend
) -> None:
    (entry,) = [one for one in menu.entries() if one.kind == "brightness"]
    assert (entry.title, entry.address) == ("Brightness of classes", "brightness")
    app = open_page("pages/kind.py")
    assert (app.title[0].value, app.markdown[0].value) == (
        "Brightness of classes", "How bright the training images of each class are.",
    )
    field = app.text_input(key="brightness..digits.per_class")
    assert (field.label, field.value) == ("Images per class", "100")
    assert "Allowed: from 1 to 10,000." in field.help
    assert "Takes **about 4.0 s (rough)**" in words(app)
    field.set_value("20").run()
    app.button(key="launch-brightness").click().run()
    (asked,) = backend.submitted
    assert asked.config.values()["per_class"] == 20
    run = jobs.run_inline(spec("brightness", "brightness", {"dataset": "digits", "per_class": 30}))
    app = open_page("pages/kind.py", run=run)
    shown = app.dataframe[0].value.set_index("Measured")["Value"]
    assert (shown["Images"], shown["Span"]) == ("300", f"{100 * Store().record(run).summary.span:.2f} %")  # type: ignore[attr-defined]
    assert frame.page_of(Store().record(run)) == entry
    assert "Brightness of classes · digits · 30 images per class" in tables.runs(Store().records())["run"].tolist()
    assert catalogue(Store()).set_index("id").loc[run, "kind"] == "brightness"


def test_the_example_of_a_kind_travels_and_is_checked_where_it_arrives(
    brightness: None, tmp_path: Path, home: Path
) -> None:
    run = jobs.run_inline(spec("brightness", "brightness", {"dataset": "digits"}))
    file = tmp_path / f"{run}.ddrun"
    packing.pack(Store(), run, file)
    there = packing.unpack(Store(tmp_path / "elsewhere"), file)
    assert (there.new, there.record.summary) == (True, Store().record(run).summary)
    kept = Store().record(run).folder / "brightness.safetensors"
    kept.write_bytes(save({"mean": np.zeros((10, 2), np.float32)}))
    shelf.sealed(Store().record(run))
    packing.pack(Store(), run, file)
    with pytest.raises(packing.RunRefused, match=r"brightness.safetensors holds 'mean' as float32 \(10, 2\)"):
        packing.unpack(Store(tmp_path / "third"), file)
    info = json.loads((kept.parent / "run.json").read_text("utf-8"))
    info["summary"]["span"] = 7
    (kept.parent / "run.json").write_text(json.dumps(info), "utf-8")
    record = Store().record(run)
    assert (record.state, record.problem) == ("broken", "its 'span' is 7: input should be less than or equal to 1")


def test_the_example_of_a_page_adds_up_hours_and_says_where_to_begin(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, page = blocks(DOCS / "add-a-page.md", "python")
    hours = module("hours", numbers, tmp_path)
    monkeypatch.setitem(sys.modules, "ddcore.report.hours", hours)
    monkeypatch.setattr(report, "hours", hours, raising=False)
    for source in (PROJECT / "pages").glob("*.py"):
        (tmp_path / source.name).write_text(source.read_text("utf-8"), "utf-8")
    file = tmp_path / "9_Hours.py"
    file.write_text(page, "utf-8")
    monkeypatch.setattr(menu, "FOLDER", tmp_path)

    def opened() -> AppTest:
        app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60).run()
        app.switch_page(str(file)).run()
        assert not app.exception
        return app

    assert (opened().title[0].value, [box.value[:10] for box in opened().info]) == ("Hours", ["No run yet"])
    for number, seconds in enumerate((5400, 1800)):
        made = Store().create(spec("flops", "flops", {"dataset": ("digits", "mnist")[number]})).folder
        info = json.loads((made / "spec.json").read_text("utf-8"))
        done = {**info, "times": {"seconds": seconds}, "summary": {"rows": [], "convention": ""}}
        (made / "run.json").write_text(json.dumps(done), "utf-8")
    app = opened()
    assert app.metric[0].value == "2.00"
    assert app.dataframe[0].value.to_dict("list") == {"kind": ["FLOPs table"], "runs": [2], "hours": [2.0]}
