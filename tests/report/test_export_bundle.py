"""The zip of a report: what is in it, that nobody's words can do harm there, and that it is the same every time."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ddcore.evaluation.plans import evaluation, plan, undertrained
from ddcore.experiments import spec
from ddcore.jobs.job import mark_ended
from ddcore.report.compare_runs import Compared, compared, numbers, setting_of
from ddcore.report.export import bundle, plots
from ddcore.report.export.pivot import Choice
from ddcore.runs import Store
from tests.report.conftest import BRIEF, QUESTION, Answer, distilled
from tests.report.test_export_table import compiled
from tests.runs import shelf

WORDS = r'$\frac{1}{ _a/../b | <script>alert(1)</script> 中 😀 [x] `sh` "q"'


@pytest.fixture
def found(store: Store, answer: Answer) -> list[Compared]:
    """Two sets with all their controls, the second called by odd words, and one that failed."""
    runs = [distilled(store), distilled(store, ipc=2)]
    for run, accuracies in zip(runs, ((0.5, 0.52), (0.6, 0.64)), strict=True):
        asked = plan(run, QUESTION)
        shelf.finished(store, asked.random)
        for one, values in ((asked.final, accuracies), (asked.random_real, (0.3, 0.4)), (asked.full, (0.9,))):
            answer(one, *values, seconds_train=values[0])
    store.annotate(runs[1].id, name=WORDS, note="=cmd()", tags=["a|b"])
    failed = store.create(spec("distill", "dm", {"dataset": "digits", "ipc": 1, "width": 8}))
    mark_ended(failed.folder, "failed", "The loss is not a number.", "Traceback")
    return compared(store, [store.record(run.id) for run in (*runs, failed)])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without figures, which take a second each."""
    monkeypatch.setattr(plots, "plots", lambda store, found, numbers: iter(()))


@pytest.mark.usefixtures("quick")
def test_a_report_holds_tables_figures_images_parameters_and_commands(store: Store, found: list[Compared]) -> None:
    files = bundle.bundle(store, found, Choice()).files
    first, odd, failed = (one.record.id for one in found)
    tables = {f"tables/{name}.{ending}" for name in ("numbers", "pivot", "parameters") for ending in
              ("csv", "md", "tex")}
    assert {"README.md", "commands.sh", "report.tex", f"images/{first}/grid.png", f"configs/{failed}.json"} <= set(
        files
    )
    assert tables <= set(files)
    assert not any(name.startswith(f"images/{failed}") for name in files)
    assert all(re.fullmatch(r"[A-Za-z0-9/._-]+", name) and ".." not in name for name in files)
    assert files[f"images/{odd}/images.safetensors"] == (found[1].record.folder / "images.safetensors").read_bytes()
    for name, content in files.items():
        if name.endswith(".png"):
            Image.open(io.BytesIO(content)).verify()
    told = json.loads(files[f"configs/{first}.json"])
    assert told["config"] == found[0].record.config
    assert told["judged_by"]["config"]["protocol"] == "course"


@pytest.mark.usefixtures("quick")
def test_a_report_says_of_briefly_trained_full_data_that_it_is_no_ceiling(store: Store, answer: Answer) -> None:
    run, said = distilled(store), undertrained(600 / 162)
    for question in (QUESTION, BRIEF):
        asked = plan(run, question)
        answer(asked.final, 0.5, accuracy={"mean": 0.5, "std": None, "n": 1, "protocol": asked.label})
        answer(asked.full, 0.9)
    for label, times in ((plan(run, QUESTION).label, 0), (plan(run, BRIEF).label, 1)):
        of = compared(store, [run, store.record(plan(run, BRIEF).final.key)], f"ConvNet-3, width 8 · protocol {label}")
        files = bundle.bundle(store, of, Choice()).files
        assert [files[name].decode().count(said) for name in ("README.md", "report.tex")] == [times, times]


@pytest.mark.usefixtures("quick")
def test_the_readme_tells_every_run_also_one_that_failed(store: Store, found: list[Compared]) -> None:
    readme = bundle.bundle(store, found, Choice()).files["README.md"].decode()
    assert all(one.record.id in readme for one in found)
    assert "failed: The loss is not a number." in readme
    assert "51.0 ± 1.4 % \\(n" not in readme
    assert "51.0 ± 1.4 % (n = 2)" in readme
    assert f"python -m ddcore evaluate {found[0].record.id} --nets 2" in readme
    assert "<script>" not in readme.replace("\\<script\\>", "")


@pytest.mark.usefixtures("quick")
def test_csv_reads_back_with_plain_numbers_and_no_formula(store: Store, found: list[Compared]) -> None:
    files = bundle.bundle(store, found, Choice()).files
    lines = list(csv.DictReader(io.StringIO(files["tables/numbers.csv"].decode())))
    assert float(lines[0]["mean"]) == pytest.approx(51)
    assert lines[2]["mean"] == ""
    for name, content in files.items():
        if name.endswith(".csv"):
            cells = [cell for line in csv.reader(io.StringIO(content.decode())) for cell in line]
            assert not [cell for cell in cells if cell[:1] in "=+@" and cell], name


@pytest.mark.usefixtures("quick")
def test_images_that_cannot_be_read_are_said_and_the_rest_is_written(store: Store, found: list[Compared]) -> None:
    (found[0].record.folder / "images.safetensors").write_bytes(b"nonsense")
    files = bundle.bundle(store, found, Choice()).files
    assert f"images/{found[0].record.id}/grid.png" not in files
    assert f"images/{found[1].record.id}/grid.png" in files
    assert "## Not in it" in files["README.md"].decode()


@pytest.mark.usefixtures("quick")
def test_an_accuracy_on_the_validation_split_says_so_wherever_it_stands(store: Store, answer: Answer) -> None:
    run = distilled(store)
    other = answer(evaluation(run, QUESTION, split="val"), 0.9, 0.92, source={"method": "datadam", "ipc": 1})
    files = bundle.bundle(store, compared(store, [run, other]), Choice()).files
    readme, numbers = files["README.md"].decode(), files["tables/numbers.md"].decode()
    assert "91.0 ± 1.4 % (n = 2), measured on the validation split" in readme
    assert "| 91.0 ± 1.4 % | on the validation split |" in numbers
    assert "Test accuracy" not in numbers
    (line,) = [one for one in csv.DictReader(io.StringIO(files["tables/numbers.csv"].decode())) if one["mean"]]
    assert line["measured"] == "on the validation split"


def test_a_figure_that_cannot_be_drawn_is_told_and_the_rest_is_there(
    store: Store, found: list[Compared], monkeypatch: pytest.MonkeyPatch
) -> None:
    def three(store: Store, found: list[Compared], numbers: object) -> Iterator[plots.Plot]:
        for name in ("accuracy", "ipc"):
            yield plots.Plot(name, "What", "title", 3.0, lambda axes: None, lambda: None)
        raise ValueError("no curves")

    def paper(plot: plots.Plot) -> dict[str, bytes]:
        if plot.name == "accuracy":
            raise RuntimeError("no pixels")
        return {"svg": b"drawn"}

    for name, stand_in in (("plots", three), ("paper", paper), ("page", lambda plot: b""), ("script", lambda: b"")):
        monkeypatch.setattr(plots, name, stand_in)
    made = bundle.bundle(store, found, Choice())
    assert made.problems == ("figure accuracy: RuntimeError: no pixels", "further figures: ValueError: no curves")
    assert "- figure accuracy: RuntimeError: no pixels" in made.files["README.md"].decode()
    assert made.files["figures/ipc.svg"] == b"drawn"
    assert not any(name.startswith("figures/accuracy") for name in made.files)
    assert b"accuracy.pdf" not in made.files["report.tex"]
    assert "tables/pivot.md" in made.files


@pytest.mark.usefixtures("quick")
def test_a_run_that_was_brought_is_told_to_be(store: Store, found: list[Compared]) -> None:
    came: list[dict[str, Any]] = [{"when": 86400.0, "file": "a|b.ddrun"}, {"when": "1e999", "file": "x"}]
    runs = [replace(one, record=replace(one.record, imported=how)) for one, how in zip(found[:2], came, strict=True)]
    files, run = bundle.bundle(store, [*runs, *found[2:]], Choice()).files, found[0].record
    assert "- came: imported from a\\|b.ddrun on 1970-01-02\n" in files["README.md"].decode()
    assert "- came: imported from x on an unknown day\n" in files["README.md"].decode()
    assert json.loads(files[f"configs/{run.id}.json"])["imported"] == {"when": 86400.0, "file": "a|b.ddrun"}
    assert json.loads(files[f"configs/{found[2].record.id}.json"])["imported"] is None


def test_a_run_that_was_judged_in_another_setting_alone_is_not_left_out(store: Store, answer: Answer) -> None:
    runs = [distilled(store), distilled(store, ipc=2, width=16)]
    for run in runs:
        answer(plan(run, QUESTION).final, 0.5, 0.6)
    found = compared(store, runs, setting_of(store.record(plan(runs[0], QUESTION).final.key)))
    assert [one.accuracy is None for one in found] == [False, True]
    assert [one.accuracy is None for one in bundle.completed(store, found)] == [False, False]


@pytest.mark.usefixtures("quick")
def test_a_folder_that_is_no_run_is_told_and_names_no_file(store: Store) -> None:
    (store.root / "distill" / "odd\\..\\name").mkdir(parents=True)
    (broken,) = compared(store, store.records())
    files = bundle.bundle(store, [broken], Choice()).files
    assert not any("odd" in name for name in files)
    assert "broken: this folder is not named like a run" in files["README.md"].decode()


@pytest.mark.usefixtures("quick")
def test_the_script_is_one_that_a_shell_takes(store: Store, found: list[Compared], tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.bundle(store, found, Choice()).zipped())) as archive:
        assert archive.testzip() is None
        entry = archive.getinfo("commands.sh")
        assert entry.external_attr >> 16 & 0o111
        (tmp_path / "commands.sh").write_bytes(archive.read(entry))
    done = subprocess.run(["sh", "-n", "commands.sh"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.usefixtures("quick")
def test_the_same_runs_give_the_same_bytes(store: Store, found: list[Compared]) -> None:
    one, other = (bundle.bundle(Store(store.root, store.demo), found, Choice()).zipped() for _ in range(2))
    assert one == other


def test_a_page_of_a_figure_asks_nobody_for_anything(store: Store, found: list[Compared]) -> None:
    page = plots.page(next(plots.plots(store, found, numbers(found)))).decode()
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == [plots.PLOTLY]
    assert "<script>alert" not in page


@pytest.mark.slow  # every figure in every format, twice
def test_every_figure_is_drawn_in_both_makes_the_same_every_time(
    store: Store, found: list[Compared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "PRICES", ("train",))
    files = bundle.bundle(store, found, Choice()).files
    drawn = {name: content for name, content in files.items() if name.startswith("figures/")}
    names = ("accuracy", "ipc", "tradeoff-train", "loss")
    assert {f"figures/{name}.{ending}" for name in names for ending in (*plots.FORMATS, "html")} <= set(drawn)
    for name, content in drawn.items():
        if name.endswith(".png"):
            Image.open(io.BytesIO(content)).verify()
    assert drawn["figures/accuracy.svg"].startswith(b"<?xml")
    assert drawn["figures/accuracy.pdf"].startswith(b"%PDF")
    assert bundle.bundle(store, found, Choice()).files == files


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex (Debian: texlive-latex-recommended)")
def test_the_document_compiles_with_all_tables_and_figures(store: Store, found: list[Compared], tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.bundle(store, found, Choice()).zipped())) as archive:
        archive.extractall(tmp_path)
    compiled(tmp_path, "report.tex")
