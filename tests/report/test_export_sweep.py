"""A sweep in a report: whole, with its cells and one command."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from ddcore.cli import main
from ddcore.lazy import go
from ddcore.report.compare_runs import compared
from ddcore.report.export import bundle, plots
from ddcore.report.export.bundle import Bundle
from ddcore.report.export.commands import command
from ddcore.report.export.drawn import draw
from ddcore.report.export.pivot import Choice
from ddcore.report.findings import compared_by
from ddcore.report.findings.sweep import FINDING
from ddcore.runs.store import Store
from tests.sweeping import World, question


@pytest.fixture(autouse=True)
def _home(home: Path) -> None: ...


def quality(values: dict[str, Any]) -> float | None:
    return {0.0: 0.6, 0.01: 0.8, 1.0: None}[values.get("lambda_task", 0.0)]


def stored(**changes: Any) -> str:
    return World(quality).stored(question(**changes), Store())


def report(run_id: str) -> Bundle:
    store = Store()
    return bundle.bundle(store, compared(store, bundle.gathered(store, [store.record(run_id)])), Choice())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures on paper take a second each."""
    monkeypatch.setattr(plots, "paper", lambda plot: {"png": b""})


@pytest.mark.usefixtures("quick")
def test_a_report_takes_a_sweep_whole() -> None:
    run_id = stored()
    made = report(run_id)
    assert made.problems == ()
    cells = compared_by(Store(), Store().record(run_id))
    assert len(cells) == 3
    assert {f"configs/{one}.json" for one in (run_id, *cells)} <= made.files.keys()
    assert sum(name.endswith("/images.safetensors") for name in made.files) == 2, "one diverged"
    assert {f"figures/sweep-{run_id}-effect.{ending}" for ending in ("png", "html")} <= made.files.keys()
    readme = made.files["README.md"].decode()
    assert "λ 0.01 is chosen by validation" in readme
    assert "Random real images, IPC 1: 60.5 ± 0.7 %" in readme
    rows = list(csv.DictReader(io.StringIO(made.files[f"tables/sweep-{run_id}.csv"].decode())))
    assert [(row["lambda_task"], row["mean"], row["state"]) for row in rows] == [
        ("0.0", "60.5", "done"), ("0.01", "80.5", "done"), ("1.0", "", "failed")]
    assert float(rows[0]["behind_best"]) == pytest.approx(20)
    assert float(rows[0]["random_real"]) == pytest.approx(60.5)
    numbers = list(csv.DictReader(io.StringIO(made.files["tables/numbers.csv"].decode())))
    assert [row["run"] for row in numbers] == list(cells), "the sweep is no row among its cells"
    assert f"tables/sweep-{run_id}.tex" in made.files["report.tex"].decode()


@pytest.mark.usefixtures("quick")
def test_one_command_makes_a_sweep_and_its_cells_again() -> None:
    run_id = stored(protocol="course", seeds=2)
    (line,) = [one for one in report(run_id).files["commands.sh"].decode().splitlines() if one.startswith("python")]
    assert line.startswith("python -m ddcore sweep datadam ")
    assert line.endswith("--wait")


def test_every_command_that_a_report_tells_is_understood(capsys: Any) -> None:
    run_id = stored(protocol="quick", leave_out=True, vary="lambda_task=0,0.01; ipc=1,900")
    told = command(Store(), Store().record(run_id)).arguments
    assert main([one for one in told if one != "--wait"]) == 0
    assert f"sweep {run_id}: done" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_a_sweep_that_this_version_cannot_read_is_named_and_the_rest_is_written() -> None:
    run_id = stored()
    record = Store().record(run_id)
    other = replace(record, config={**record.config, "vary": "lambda_tusk=1,2"})
    made = bundle.bundle(Store(), compared(Store(), [other]), Choice())
    assert [problem for problem in made.problems if "lambda_tusk" in problem]
    assert f"configs/{run_id}.json" in made.files


@pytest.mark.parametrize("changes", [
    {}, {"vary": "lambda_task=0,0.01; init=real,noise"}, {"vary": "ipc=1,2,4", "with_full": True},
    {"vary": "lambda_task=0,0.01; init=real,noise; ipc=1,2"},
])
def test_its_figures_are_on_paper_what_they_are_on_the_page(changes: dict[str, Any]) -> None:
    whole = FINDING.whole and FINDING.whole(Store(), Store().record(stored(**changes)))
    assert whole
    for plot in whole.plots:
        shown, axes = plot.interactive(), Figure().add_subplot()
        draw(axes, shown)
        named = {trace.name for trace in shown.data if trace.showlegend is not False and trace.type == "scatter"}
        assert set(axes.get_legend_handles_labels()[1]) == (set() if shown.layout.showlegend is False else named)
        for said, axis in ((shown.layout.xaxis.title.text, axes.xaxis), (shown.layout.yaxis.title.text, axes.yaxis)):
            assert axis.label.get_text().split() == (said or "").replace("<br>", " ").split()
        said = {note.text.replace("<br>", "\n") for note in shown.layout.annotations}
        assert {note.get_text() for note in axes.texts} >= said
        if shown.layout.xaxis.tickvals:
            assert axes.get_xticks().tolist() == pytest.approx(list(shown.layout.xaxis.tickvals))


def test_points_of_names_stand_in_the_order_of_the_axis() -> None:
    axes, figure = Figure().add_subplot(), go.Figure()
    figure.add_scatter(x=["b", "a"], y=[1, 2], mode="markers", name="it", marker={"color": "#0072B2"})
    draw(axes, figure.update_layout(xaxis={"type": "category", "categoryarray": ["a", "b"]}))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    assert axes.lines[0].get_xdata().tolist() == [1, 0]
