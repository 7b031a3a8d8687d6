"""`python -m ddcore report`."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ddcore.cli import main
from ddcore.evaluation.plans import Question, evaluation
from ddcore.report.export import plots
from ddcore.runs import RunRecord, Store
from tests.report.conftest import Answer, answer, distilled, run, store

__all__ = ["answer", "run", "store"]


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have their own tests."""
    monkeypatch.setattr(plots, "plots", lambda store, found, numbers: iter(()))


@pytest.fixture
def judged(run: RunRecord, answer: Answer) -> RunRecord:
    """A set evaluated under two protocols, the newest under `quick`."""
    for protocol, accuracy in (("course", 0.5), ("quick", 0.7)):
        told = {"mean": accuracy, "std": 0.01, "n": 2, "protocol": protocol}
        answer(evaluation(run, Question(protocol, nets=2)), accuracy, accuracy, accuracy=told)
    return run


def read(file: Path, name: str) -> str:
    with zipfile.ZipFile(file) as archive:
        return archive.read(name).decode()


def test_a_report_of_two_runs_is_written_and_told(judged: RunRecord, store: Store, tmp_path: Path, capsys: Any) -> None:
    other, file = distilled(store, ipc=2), tmp_path / "report.zip"
    assert main(["report", judged.id[:8], other.id, "--out", str(file), "--json"]) == 0
    said, warned = capsys.readouterr()
    result = json.loads(said)
    assert result["runs"] == [judged.id, other.id]
    assert result["bytes"] == file.stat().st_size
    assert result["missing"] == {other.id: "not evaluated"}
    assert warned == f"note: run {other.id} has no accuracy: not evaluated\n"
    assert judged.id in read(file, "README.md")


def test_the_pivot_is_as_asked(judged: RunRecord, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "report.zip"
    asked = ["--rows", "dataset, ipc", "--columns", "method", "--metric", "accuracy", "--protocol", "course"]
    assert main(["report", judged.id, "--out", str(file), *asked]) == 0
    assert read(file, "tables/pivot.md").splitlines()[:3] == [
        "| Data set | IPC | DataDAM |",
        "| :-- | :-- | --: |",
        "| digits | 1 | 50.0 ± 1.0 |",
    ]
    assert capsys.readouterr().out.startswith(f"report on 1 run to {file} (")


def test_what_could_not_be_written_is_told(judged: RunRecord, tmp_path: Path, capsys: Any) -> None:
    (judged.folder / "images.safetensors").write_bytes(b"nonsense")
    assert main(["report", judged.id, "--out", str(tmp_path / "report.zip"), "--json"]) == 0
    said, warned = capsys.readouterr()
    (problem,) = json.loads(said)["problems"]
    assert problem.startswith("images of ")
    assert warned == f"note: not in the report: {problem}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--out report.tar", "the file must end in .zip, got 'report.tar'"),
        ("--out nowhere/report.zip", "no folder 'nowhere' to write into"),
        ("--out report.zip --rows methd,ipc", "no row or column 'methd'; did you mean 'method'?; ipc is asked for 2"),
        ("--out report.zip --metric acc", "no metric 'acc'"),
        (
            "--out report.zip --protocol steps",
            "none of these runs was evaluated under protocol 'steps'; their",
        ),
        ("", "out"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    arguments: str, message: str, judged: RunRecord, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert main(["report", judged.id, *arguments.split()]) != 0
    said, warned = capsys.readouterr()
    assert said == ""
    assert message in warned
    assert len(warned.strip().splitlines()) == 1
    assert set(tmp_path.iterdir()) == before


def test_a_run_that_is_not_there_is_said(store: Store, tmp_path: Path, capsys: Any) -> None:
    assert main(["report", "0123456789abcdef", "--out", str(tmp_path / "report.zip")]) == 1
    assert "no run '0123456789abcdef'" in capsys.readouterr().err
