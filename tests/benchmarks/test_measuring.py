"""What benchmarks say and keep: the fields of their JSON, the table of speeds, and how a long list of them ends."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import distill, evaluate, gpu, machine, paired, table
from benchmarks.gpu import Part
from ddcore.ops import acceleration

CPU = torch.device("cpu")
FIELDS = {"ratio", "share_of_bare", "seconds_per_step", "seconds_per_step_plain", "spread", "images_per_second",
          "flops_per_second", "peak_memory_bytes", "compile_seconds", "precision", "n", "device", "versions",
          "command", "machine", "same_loss"}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where results are kept; nothing is started to measure memory in."""
    monkeypatch.setattr(machine, "RESULTS", tmp_path)
    monkeypatch.setattr(paired, "peaks", lambda where, ways: dict.fromkeys(ways, 10**9))
    return tmp_path


def step() -> dict[str, Any]:
    asked = argparse.Namespace(
        method="dm", shape="mnist", ipc=1, width=4, exact=False, device="cpu", batch_real=4, student_steps=None,
        unroll=None,
    )
    return {"shape": "mnist", **distill.compared("dm", distill.configured(asked), CPU, pairs=3, steps=2)}


def judged() -> dict[str, Any]:
    asked = argparse.Namespace(
        case="small-set", shape="mnist", nets=2, epochs=4, ipc=1, width=4, exact=False, timed_epochs=2,
        timed_images=None, timed_test=10,
    )
    return {"shape": "mnist", "case": "small-set", **evaluate.compared(evaluate.cased(asked, CPU), CPU, pairs=1)}


@pytest.mark.parametrize("measured", [step, judged])
def test_a_comparison_says_all_that_is_asked_of_it(measured: Any, results: Path, capsys: Any) -> None:
    paired.report("x", measured(), as_json=True)
    told = json.loads(capsys.readouterr().out)
    (written,) = results.iterdir()
    assert told == json.loads(written.read_text())
    assert len(told["rounds"]["ours"]) == told["n"]
    assert told.keys() >= FIELDS
    assert [one["arithmetic"] for one in told["same_loss"]] == ["exact", "float32"]
    assert told["seconds_per_step"] > 0
    for way in ("ours", "plain", "bare"):
        low, high = told["spread"][way]
        assert 0 < low <= high
    assert table.row(told).count("|") == table.HEAD[0].count("|")


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("distill --method dm", "speed_dm_mnist_cpu"),
        ("distill --method dm --width 128 --batch-real 256 --pairs 3", "speed_dm_mnist_cpu"),
        ("distill --method dm --pairs 1", "trial_dm_mnist_cpu"),
        ("evaluate --epochs 5", "trial_small-set_mnist_cpu"),
        ("distill --method dm --batch-real 4", "trial_dm_mnist_cpu"),
        ("distill --method pad --student-steps 2", "speed_pad_mnist_cpu"),
        ("distill --method datadam --shape mhist --exact", "trial_datadam_mhist_cpu"),
        ("evaluate", "speed_small-set_mnist_cpu"),
        ("evaluate --ipc 1", "trial_small-set_mnist_cpu"),
        ("evaluate --case full-data --width 8", "trial_full-data_mnist_cpu"),
    ],
)
def test_a_trial_leaves_the_published_figure_as_it_was(
    words: str, kept: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    which, *flags = words.split()
    benchmark = {"distill": distill, "evaluate": evaluate}[which]
    pairs = 1 if "--pairs 1" in words else 3
    measured = {**dict.fromkeys(paired.SHOWN, 1.0), "n": pairs, "device": "cpu", "peak_memory_bytes": {}, "spread": {}}
    monkeypatch.setattr(benchmark, "compared", lambda *given: dict(measured))
    monkeypatch.setattr(paired, "cold", lambda: None)
    monkeypatch.setattr(sys, "argv", [which, *flags, "--device", "cpu"])
    benchmark.main()
    assert [path.stem for path in results.iterdir()] == [kept]


@pytest.mark.slow
def test_what_compiling_an_evaluation_takes_is_told(monkeypatch: pytest.MonkeyPatch, results: Path) -> None:
    def slowly(function: Any, **options: Any) -> Any:
        waits = iter([0.2])  # for the first call

        def call(*given: Any) -> Any:
            time.sleep(next(waits, 0.0))
            return function(*given)

        return call

    monkeypatch.setattr(acceleration, "WORTH_COMPILING", {"cpu": 0})
    monkeypatch.setattr(acceleration, "no_compiler", lambda device: "")
    monkeypatch.setattr(torch, "compile", slowly)
    assert judged()["compile_seconds"] > 0.3  # a graph to learn and one to look


@pytest.mark.parametrize(
    ("shape", "config", "title"),
    [
        ("mnist", {"network": "convnet3", "width": 128, "batch_real": 256}, "DM, one step, MNIST"),
        ("mhist", {"network": "convnet7", "width": 128, "batch_real": 128},
         "DM, one step, ConvNet-7, 128 real images of each class, MHIST at 128 px"),
    ],
)
def test_a_row_says_where_it_is_not_what_the_readme_says_of_all(shape: str, config: Any, title: str) -> None:
    numbers = dict.fromkeys(("ratio", "share_of_bare", "seconds_per_step", "seconds_per_step_plain"), 1.0)
    one = {**numbers, "method": "dm", "shape": shape, "device": "cpu", "n": 3, "precision": "float32",
           "machine": {"threads": 2}, "peak_memory_bytes": {"plain": 1, "ours": 1}, "config": config}
    assert table.row(one).split(" | ")[0] == f"| {title}"


def test_ratios_are_medians_over_rounds() -> None:
    seconds = {"plain": [4.0, 9.0, 8.0], "ours": [1.0, 1.0, 2.0], "bare": [1.0, 0.5, 1.0]}
    told = paired.told(seconds, images=10, macs=100, steps=2)
    assert (told["ratio"], told["share_of_bare"], told["n"]) == (4.0, 2.0, 3)
    assert (told["seconds_per_step"], told["seconds_per_step_plain"]) == (0.5, 4.0)
    assert (told["images_per_second"], told["flops_per_second"]) == (20, 400)


def test_ways_are_timed_in_turn() -> None:
    done, clock = [], iter(range(100))
    seconds = paired.in_turn({n: lambda n=n: done.append(n) for n in "ab"}, 2, lambda: float(next(clock)))
    assert done == ["a", "b", "a", "b"]
    assert seconds == {"a": [1.0, 1.0], "b": [1.0, 1.0]}


def test_the_page_of_measurements_shows_the_speeds_that_were_kept() -> None:
    page = table.PAGE.read_text("utf-8")
    assert page == table.written(page, table.kept())


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        table.written("# Title\n", [])


@pytest.mark.slow
def test_one_that_fails_or_takes_too_long_keeps_no_other_from_running(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("OUT", str(tmp_path))
    slow = "timeit -n 1 -r 1 __import__('time').sleep(60)"
    parts = (
        Part("wrong", "benchmarks.nothing", 4, ""), Part("slow", slow, 1, ""),
        Part("right", "json.tool {device}", 8, ""),
    )
    (given := tmp_path / "given.json").write_text("{}")
    monkeypatch.setattr(gpu, "LEAST", 1)
    ended = gpu.run(parts, str(given), tiny=False, seconds=13, results=tmp_path / "results")
    assert (ended["wrong"], ended["right"]) == ("failed with status 1", "done")
    assert ended["slow"] in {f"stopped after {n} s" for n in (2, 3, 4, 5)}, "it has what the first left of its time"
    assert gpu.run(parts[2:], str(given), tiny=False, seconds=0.5, results=tmp_path) == {"right": "left out: no time"}


def test_all_parts_for_a_gpu_fit_into_the_time_that_they_have() -> None:
    assert sum(part.share for part in gpu.PARTS) == 60 * gpu.MINUTES < 600
    assert all(part.share >= gpu.LEAST for part in gpu.PARTS)
