"""The command line, through `main` and through a real process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ddcore import jobs
from ddcore.cli import compute, main
from ddcore.evaluation import plans
from ddcore.experiments import KINDS, spec
from ddcore.home import PROJECT
from ddcore.methods import METHODS
from ddcore.protocols import PROTOCOLS
from ddcore.runs import Store
from ddcore.settings import TrainConfig
from tests.runs import shelf

EVALUATED = "--evaluate course --nets 2 --wait --json".split()
TINY = ("run datadam --dataset digits --ipc 1 --num-inits 3 --num-iters 1 --width 4 --batch-real 4 --device cpu "
        "--exact true").split()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(home, JSON of a tiny run that was distilled and evaluated with its controls, computed in this process)."""
    home, said = tmp_path_factory.mktemp("home"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setenv("DDCORE_HOME", str(home))
        patch.setattr(jobs, "submit", jobs.run_inline)
        patch.setattr("ddcore.jobs.api.submit", jobs.run_inline)
        assert main([*TINY, *EVALUATED]) == 0
    return home, json.loads(said.getvalue().strip().splitlines()[-1])


def called(home: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DDCORE_HOME": str(home), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "ddcore", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def here(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setenv("DDCORE_HOME", str(home))
    status = main(list(arguments))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are computed here and now, without a process each."""
    monkeypatch.setattr(jobs, "submit", jobs.run_inline)
    monkeypatch.setattr("ddcore.jobs.api.submit", jobs.run_inline)


def answered(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, command: str) -> dict[str, Any]:
    """The JSON that this command ends with, in this process."""
    status, out, err = here(home, monkeypatch, capsys, *command.split(), "--json")
    assert status == 0, err
    return json.loads(out.strip().splitlines()[-1])


def test_a_run_with_evaluation_answers_with_accuracy_controls_and_seconds(done: Any) -> None:
    _, result = done
    assert result["status"] == "done"
    for accuracy in (result["accuracy"], result["controls"]["random_real"], result["controls"]["initial"]):
        assert accuracy["n"] == 2
        assert accuracy["protocol"] == "course"
        assert 0 <= accuracy["mean"] <= 1
    assert 0 <= result["balanced_accuracy"]["mean"] <= 1
    assert 0 <= result["controls"]["random_real"]["balanced_accuracy"]["mean"] <= 1
    assert result["auc"] is result["controls"]["initial"]["auc"] is None  # of ten classes
    assert 0.1 <= result["majority"] < 0.11
    assert result["controls"]["full"] is None
    assert result["seconds"]["distill"] > 0
    assert result["seconds"]["evaluate"] > 0


@pytest.mark.slow  # six processes that import torch, one after another: half a minute
def test_real_workers_answer_as_this_process_does(done: Any, tmp_path: Path) -> None:
    out = called(tmp_path, [*TINY, *EVALUATED])
    assert out.returncode == 0, out.stderr
    result = json.loads(out.stdout.strip().splitlines()[-1])
    timed = {"seconds", "promised_seconds", "waited_seconds"}
    assert {n: v for n, v in result.items() if n not in timed} == {n: v for n, v in done[1].items() if n not in timed}
    assert "takes about" in out.stderr


def test_a_run_says_what_it_will_take_before_it_starts_and_what_it_took_in_the_end(done: Any) -> None:
    _, result = done
    assert result["promised_seconds"] > 0
    assert result["waited_seconds"] >= result["seconds"]["distill"] + result["seconds"]["evaluate"]


def test_the_same_question_is_answered_from_disk_in_under_three_seconds_of_process_time(done: Any) -> None:
    import resource

    home, first = done
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = called(home, [*TINY, *EVALUATED])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    again = json.loads(out.stdout)
    assert again == {**first, "promised_seconds": 0.0, "waited_seconds": again["waited_seconds"]}
    assert "takes" not in out.stderr
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 3


def test_show_runs_and_export_tell_of_the_run(done: Any, monkeypatch: Any, capsys: Any, tmp_path: Path) -> None:
    home, result = done
    status, out, _ = here(home, monkeypatch, capsys, "show", result["run"], "--json")
    assert status == 0
    assert json.loads(out)["config"]["num_inits"] == 3
    _, out, _ = here(home, monkeypatch, capsys, "runs", "--json")
    assert result["run"] in {row["run"] for row in json.loads(out)["runs"]}
    file = tmp_path / "set.npz"
    status, _, _ = here(home, monkeypatch, capsys, "export", result["run"], str(file))
    assert status == 0
    with np.load(file) as stored:
        assert stored["images"].shape == (10, 1, 8, 8)
        assert stored["images"].dtype == np.float32
        assert stored["labels"].tolist() == list(range(10))
        assert stored["classes"].tolist() == [str(c) for c in range(10)]
        assert stored["mean"].shape == stored["std"].shape == (1,)


def test_two_classes_are_told_with_balanced_accuracy_auc_majority_and_what_must_be_known(
    home: Path, monkeypatch: Any, capsys: Any
) -> None:
    told = {"mean": 0.7, "std": None, "n": 1}
    summary = {"accuracy": {**told, "protocol": "course"}, "balanced_accuracy": {**told, "mean": 0.61},
               "auc": {**told, "mean": 0.66}, "majority": 0.632, "per_class": [0.5, 0.72],
               "notes": ["Other images."]}
    one = spec("baseline", "baseline", {"dataset": "digits", "epochs": 1})
    shelf.finished(Store(), one, **summary)
    said = "70.0 % (n=1, course), balanced 61.0 %, AUC 66.0 %"
    _, out, err = here(home, monkeypatch, capsys, "baseline", "--dataset", "digits", "--epochs", "1", "--wait")
    assert f"accuracy {said}, majority class 63.2 %" in out
    assert "note: Other images." in err
    _, out, _ = here(home, monkeypatch, capsys, "runs")
    assert said in out
    _, out, err = here(home, monkeypatch, capsys, "show", one.key, "--json")
    assert json.loads(out)["summary"]["auc"]["mean"] == 0.66
    assert err == "note: Other images.\n"


@pytest.mark.usefixtures("inline")
def test_extending_and_evaluating_go_on_from_what_is_there(done: Any, monkeypatch: Any, capsys: Any) -> None:
    home, result = done
    longer = answered(home, monkeypatch, capsys, f"extend {result['run']} --iterations 5 --wait")["run"]
    assert answered(home, monkeypatch, capsys, f"show {longer}")["summary"]["steps"] == 5
    asked = f"evaluate {longer} --network mlp --width 8 --protocol course --nets 1 --device cpu"
    assert answered(home, monkeypatch, capsys, asked)["network"] == "mlp"
    (judged,) = [r for r in Store().records("evaluate") if r.config["network"] == "mlp" and r.config["run"] == longer]
    more = answered(home, monkeypatch, capsys, f"extend {judged.id} --length 2 --wait")["run"]
    assert Store().record(more).info["continued_from"] == judged.id
    assert answered(home, monkeypatch, capsys, f"show {more}")["summary"]["accuracy"]["n"] == 2


@pytest.mark.slow
@pytest.mark.usefixtures("inline")
def test_a_baseline_becomes_the_full_data_control(done: Any, monkeypatch: Any, capsys: Any) -> None:
    home, _ = done
    flags = "--dataset digits --width 4 --device cpu --epochs 20 --wait"
    full = answered(home, monkeypatch, capsys, f"baseline {flags}")
    assert full["accuracy"]["protocol"] == "course"
    again = answered(home, monkeypatch, capsys, " ".join([*TINY, "--evaluate course --nets 2 --wait"]))
    assert again["controls"]["full"]["mean"] == pytest.approx(full["accuracy"]["mean"])
    assert again["notes"] == []
    monkeypatch.setattr(plans, "CEILING_PASSES", 21)  # the course's protocol makes 20
    _, _, err = here(home, monkeypatch, capsys, *TINY, *EVALUATED)
    assert f"note: {plans.undertrained(20)}\n" in err


@pytest.mark.parametrize(
    ("arguments", "macs"),
    [
        ("flops convnet3 --shape 1x28x28 --json", 49246208),
        ("flops resnet18 --shape 1x28x28 --json", 458200832),
        ("flops convnet7 --shape 3x128x128 --classes 2 --json", 875713280),
    ],
)
def test_flops_gives_the_known_figures(arguments: str, macs: int, home: Path, monkeypatch: Any, capsys: Any) -> None:
    status, out, _ = here(home, monkeypatch, capsys, *arguments.split())
    counted = json.loads(out)
    assert status == 0
    assert (counted["macs"], counted["flops"]) == (macs, 2 * macs)
    assert counted["parameters"] > 0


@pytest.mark.parametrize("what", ["methods", "datasets", "networks", "spaces", "protocols", "presets"])
def test_list_tells_what_there_is(what: str, home: Path, monkeypatch: Any, capsys: Any) -> None:
    status, out, _ = here(home, monkeypatch, capsys, "list", what, "--json")
    assert status == 0
    assert all(row["name"] for row in json.loads(out)[what])
    if what == "methods":
        assert [row["name"] for row in json.loads(out)[what]] == list(METHODS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "run datadam --ipc 0 --lr-img fast",
            "ipc must be at least 1, got 0; lr_img must be a finite number, got 'fast'",
        ),
        ("run datadam --dataset minst", "no data set 'minst'; did you mean 'mnist'?"),
        ("run datadam --preset quik", "no preset 'quik'; did you mean 'quick'?"),
        ("run datadam --evaluate cours", "no protocol 'cours'; did you mean 'course'?"),
        ("run datadam --lambda 3", "--lambda"),
        ("run datadm", "datadm"),
        ("evaluate 0123456789abcdef", "0123456789abcdef"),
        ("show ../../etc", "../../etc"),
        ("flops convnet33", "no network 'convnet33'; did you mean 'convnet3'?"),
        ("flops convnet3 --shape 28x28", "shape must be CxHxW such as 1x28x28, got '28x28'"),
        ("flops convnet7 --shape 1x28x28", "depth must be at most 5"),
        ("flops lenet --shape 1x2x2", "sides of at least 8 pixels, got '1x2x2'"),
        ("run datadam --evaluate course --nets 0", "nets must be at least 1, got 0"),
        ("run datadam --seeds 0", "seeds must be at least 1, got 0"),
        ("run datadam --preset quick --network mlp", "an mlp attends to no place"),
        ("run kcenter --init noise", "no parameter 'init': a coreset picks real images, so there is nothing to"),
        ("run herding --ipc 10 --train-images 50", "train_images must be 0 or at least 100, 10 for each of 10 classes"),
        ("cancel 0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_an_error_is_one_line_that_says_what_was_given(
    arguments: str, message: str, home: Path, monkeypatch: Any, capsys: Any
) -> None:
    status, out, err = here(home, monkeypatch, capsys, *arguments.split())
    assert status != 0
    assert out == ""
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_refused_evaluation_starts_nothing(home: Path, monkeypatch: Any, capsys: Any) -> None:
    here(home, monkeypatch, capsys, *TINY, "--evaluate", "course", "--nets", "0")
    _, out, _ = here(home, monkeypatch, capsys, "runs", "--json")
    assert json.loads(out)["runs"] == []


@pytest.mark.slow
@pytest.mark.usefixtures("inline")
def test_several_seeds_are_distilled_and_their_networks_counted_together(
    done: Any, monkeypatch: Any, capsys: Any
) -> None:
    home, first = done
    asked = [*TINY, *"--seeds 2 --evaluate course --nets 2 --wait".split()]
    status, out, err = here(home, monkeypatch, capsys, *asked, "--json")
    assert status == 0, err
    both = json.loads(out)
    assert both["run"] == first["run"]
    assert [seed["seed"] for seed in both["seeds"]] == [0, 1]
    assert (both["accuracy"]["n"], both["accuracy"]["seeds"]) == (4, 2)
    assert both["seeds"][0]["accuracy"] == first["accuracy"]
    assert both["seeds"][0]["controls"]["random_real"] == first["controls"]["random_real"]
    means = [seed["accuracy"]["mean"] for seed in both["seeds"]]
    assert both["accuracy"]["mean"] == pytest.approx(sum(means) / 2)
    assert both["controls"]["random_real"]["n"] == 4
    assert both["seconds"]["distill"] > first["seconds"]["distill"]
    _, out, _ = here(home, monkeypatch, capsys, *asked)
    (line,) = (line for line in out.splitlines() if line.startswith("  seed 1 "))
    assert f" {both['seeds'][1]['run']}: " in line


PAD = (
    "run pad --dataset digits --ipc 1 --num-iters 2 --student-steps 1 --expert-epochs 1 --first-max-start-epoch 1 "
    "--max-start-epoch 1 --experts 1 --train-epochs 2 --width 4 --agents 1 --score-epochs 1 --train-images 200 "
    "--batch-train 64 --initial-ratio 0.5 --device cpu"
).split()


@pytest.mark.slow
@pytest.mark.usefixtures("inline")
def test_learnt_labels_and_variations_are_rows_of_the_answer(home: Path, monkeypatch: Any, capsys: Any) -> None:
    asked = [*PAD, *"--evaluate course --nets 1 --wait".split()]
    status, out, err = here(home, monkeypatch, capsys, *asked, "--json")
    assert status == 0, err
    assert err.startswith("takes about ")
    result = json.loads(out)
    assert list(result["controls"]) == ["random_real", "initial", "initial_hard", "datm", "full"]
    assert all(result["controls"][role]["n"] == 1 for role in ("initial", "initial_hard", "datm"))
    assert result["promised_seconds"] > 0
    records = Store().records()
    assert len([r for r in records if r.kind == "scores"]) == 1
    assert len([r for r in records if r.kind == "experts"]) == 2
    _, out, err = here(home, monkeypatch, capsys, *asked)
    assert "takes" not in err
    titles = {line[2:].partition("  ")[0] for line in out.splitlines()}
    assert {"this set", "initial images, soft labels", "initial images, class labels", "full data"} <= titles
    assert "  DATM: no scheduler, all parameters " in out


@pytest.mark.usefixtures("inline")
def test_experts_can_be_trained_ahead_of_the_run_that_needs_them(home: Path, monkeypatch: Any, capsys: Any) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(compute, "_single", lambda one, *rest: asked.append(one))
    assert here(home, monkeypatch, capsys, *"experts --preset quick --dataset mnist --experts 2".split())[0] == 0
    values = {**METHODS["pad"].preset("quick").for_dataset("mnist"), "experts": 2}
    assert asked == list(KINDS["distill"].needs("pad", spec("distill", "pad", values).config))
    here(home, monkeypatch, capsys, *"scores --dataset digits --agents 2 --epochs 3".split())
    assert asked[1] == spec("scores", "scores", {"dataset": "digits", "agents": 2, "epochs": 3})


def test_a_disk_that_is_too_small_is_refused_before_anything_starts(home: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    for arguments in (PAD, [*PAD, "--evaluate", "course"], "experts --dataset digits".split()):
        status, out, err = here(home, monkeypatch, capsys, *arguments)
        assert (status, out) == (1, "")
        assert err.startswith("error: the disk is too small: this needs ")
        assert len(err.splitlines()) == 1
    assert Store().records() == []


def test_much_disk_space_is_promised_beside_the_time(home: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**12))
    monkeypatch.setattr(jobs, "submit", lambda one: Store().create(one).id)
    monkeypatch.setattr(jobs, "status", lambda run_id: SimpleNamespace(state="queued"))
    status, _, err = here(
        home, monkeypatch, capsys, *"experts --dataset digits --experts 100 --train-epochs 99".split()
    )
    assert status == 0, err
    assert "GB on the disk; no run has finished on this" in err


def test_the_protocols_are_listed_with_every_field(home: Path, monkeypatch: Any, capsys: Any) -> None:
    _, out, _ = here(home, monkeypatch, capsys, "list", "protocols", "--json")
    listed = {row["name"]: row for row in json.loads(out)["protocols"]}
    for name, protocol in PROTOCOLS.items():
        assert set(TrainConfig.model_fields) <= set(listed[name])
        assert {n: listed[name][n] for n in protocol.values} == dict(protocol.values)
    assert (listed["course"]["augment"], listed["standard"]["augment"]) == ("none", "the data set's own")
    _, out, _ = here(home, monkeypatch, capsys, "list", "protocols")
    assert "weight_decay 0.0005" in out


@pytest.mark.usefixtures("inline")
def test_a_set_can_be_judged_at_a_snapshot_on_the_validation_split(done: Any, monkeypatch: Any, capsys: Any) -> None:
    home, result = done
    asked = f"evaluate {result['run']} --step 1 --split val --protocol course --nets 1 --json"
    status, out, err = here(home, monkeypatch, capsys, *asked.split())
    assert status == 0, err
    told = json.loads(out)
    assert (told["source"]["step"], told["accuracy"]["split"]) == (1, "val")


@pytest.mark.usefixtures("inline")
def test_only_distilled_sets_are_evaluated(home: Path, monkeypatch: Any, capsys: Any) -> None:
    full = answered(home, monkeypatch, capsys, "baseline --dataset digits --width 4 --device cpu --epochs 1 --wait")
    status, _, err = here(home, monkeypatch, capsys, "evaluate", full["run"])
    assert status == 1
    assert err.strip().endswith("is a baseline run")


@pytest.mark.slow
def test_a_run_can_be_cancelled_and_resumed_by_hand(tmp_path: Path) -> None:
    slow = "run datadam --dataset digits --ipc 1 --num-inits 4000 --num-iters 1 --width 4 --batch-real 4 --json".split()
    run_id = json.loads(called(tmp_path, slow).stdout)["run"]
    deadline = time.monotonic() + 60
    while json.loads(called(tmp_path, ["show", run_id, "--json"]).stdout)["status"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert called(tmp_path, ["cancel", run_id]).returncode == 0
    while (state := json.loads(called(tmp_path, ["show", run_id, "--json"]).stdout)["status"]) != "cancelled":
        assert state in ("running", "cancelling")
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert json.loads(called(tmp_path, ["resume", run_id, "--json"]).stdout)["status"] in ("queued", "running")
    called(tmp_path, ["cancel", run_id])
