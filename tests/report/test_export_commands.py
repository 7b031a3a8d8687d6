"""The commands of a report, through the command line's own parser."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ddcore import jobs
from ddcore.cli import compute, main
from ddcore.evaluation import plans
from ddcore.experiments import Spec, spec
from ddcore.report.compare_runs import compared
from ddcore.report.export import commands
from ddcore.runs import RunRecord, Store
from tests.report.conftest import QUESTION, TINY_PAD, Answer, distilled, imitated
from tests.runs import shelf


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Spec]:
    """What commands ask for; nothing is computed."""
    found: list[Spec] = []
    monkeypatch.setattr(compute, "_distil", lambda sets, *rest: found.extend(sets))
    monkeypatch.setattr(compute, "_single", lambda one, *rest: found.append(one))
    return found


def called(line: str) -> int:
    python, m, package, *arguments = shlex.split(line)
    assert (python, m, package) == ("python", "-m", "ddcore")
    return main(arguments)


QUESTIONS = [
    spec("distill", "datadam", {"dataset": "mnist", "ipc": 1, "num_inits": 4, "lr_img": 0.5, "exact": True}),
    spec("distill", "dm", {"dataset": "cifar10", "network": "convnet5", "depth": 2, "seed": 3, "device": "cpu"}),
    spec("distill", "pad", {**TINY_PAD, "network": "mlp", "soft_labels": True}),
    spec("distill", "herding", {"dataset": "digits", "ipc": 2, "agents": 1, "score_epochs": 7, "width": 8}),
    spec("distill", "random", {}),
    spec("baseline", "baseline", {"dataset": "digits", "steps": 9, "width": 8, "augment": "siamese"}),
    spec("scores", "scores", {"dataset": "digits", "epochs": 2, "el2n_epochs": 1}),
    spec("experts", "experts", {"dataset": "digits", "train_epochs": 3, "initial_ratio": 0.5}),
    spec("describe", "describe", {"dataset": "digits"}),
]


@pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one.name)
def test_the_command_of_a_run_asks_for_this_very_run(one: Spec, store: Store, asked: list[Spec]) -> None:
    made = commands.command(store, store.create(one))
    assert called(made.line) == 0
    assert asked == [one]
    assert made.run == one.key
    assert made.note == ""


def test_only_what_differs_from_the_defaults_is_told(store: Store) -> None:
    one = spec("distill", "dm", {"dataset": "mnist", "ipc": 5, "width": 64})
    line = commands.command(store, store.create(one)).line
    assert line == "python -m ddcore run dm --dataset mnist --width 64 --ipc 5 --wait"


@pytest.mark.parametrize(
    "changes",
    [{}, {"network": {"network": "mlp", "width": 16}}, {"network": {"width": 16}},
     {"protocol": "standard", "nets": 1, "batch_size": 10, "augment": "none", "seed": 4, "labels": "hard"}],
    ids=["plain", "mlp", "wider", "all else"],
)
def test_the_command_of_an_evaluation_asks_for_this_very_evaluation(
    changes: dict[str, Any], store: Store, run: RunRecord, asked: list[Spec]
) -> None:
    one = plans.evaluation(run, plans.Question(**{"protocol": "course", **changes}), step=2)
    made = commands.command(store, store.create(one))
    assert called(made.line) == 0
    assert [each.key for each in asked] == [one.key]


def test_what_the_run_was_distilled_with_is_not_told_again(store: Store, run: RunRecord) -> None:
    made = commands.command(store, store.create(plans.evaluation(run, QUESTION)))
    assert made.line == f"python -m ddcore evaluate {run.id} --nets 2"


def test_parents_come_first_then_the_set_its_judge_and_its_controls(store: Store, answer: Answer) -> None:
    scores, experts = (shelf.finished(store, one) for one in _needs(store))
    run = imitated(store)
    asked = plans.plan(run, QUESTION)
    shelf.finished(store, asked.random)
    others = [answer(one, 0.5, 0.6).id for one in (asked.final, asked.random_real, asked.initial, asked.full) if one]
    made = [one.run for one in commands.commands(store, compared(store, [run]))]
    assert made[:3] == [scores.id, experts.id, run.id]
    assert made.index(asked.random.key) < made.index(others[1])
    assert set(made[3:]) == {asked.random.key, *others}
    assert len(made) == len(set(made))


def _needs(store: Store) -> list[Spec]:
    """The scores and experts of `imitated`, in that order."""
    from ddcore.jobs.requirements import unfinished

    return list(unfinished([spec("distill", "pad", TINY_PAD)], []).values())[:2]


def test_a_run_without_a_command_says_why(store: Store, home: Path) -> None:
    made = [commands.command(store, store.create(spec("flops", "flops", {})))]
    run = distilled(store)
    file = run.folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "config": {**run.config, "dataset": "tiles\nrm -rf"}}))
    made.append(commands.command(store, store.record(run.id)))
    (store.root / "distill" / ("e" * 16)).mkdir(parents=True)
    made.append(commands.command(store, store.record("e" * 16)))
    assert [one.line for one in made] == ["", "", ""]
    assert all(one.note.startswith("No command makes it here: ") for one in made)
    assert "no data set 'tiles" in made[1].note


def test_a_run_of_other_code_or_data_is_said_to_get_another_id(store: Store) -> None:
    run = shelf.finished(store, spec("distill", "dm", {"dataset": "digits", "width": 8}))
    file = run.folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "config": {**run.config, "ipc": 3}}))
    made = commands.command(store, store.record(run.id))
    assert "--ipc 3" in made.line
    assert "the answer has another id" in made.note


def test_parents_in_a_circle_end(store: Store) -> None:
    run = distilled(store)
    file = run.folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "parents": [run.id, 7, "nothing"]}))
    assert [r.id for r in commands.in_order(store, [store.record(run.id)])] == [run.id]


def test_a_name_cannot_leave_its_comment_in_the_script(store: Store, tmp_path: Path) -> None:
    run = distilled(store)
    store.annotate(run.id, name="x\ntouch gone")
    script = commands.script([commands.Command(run.id, commands.command(store, store.record(run.id)).why, ())])
    (tmp_path / "commands.sh").write_text(script)
    done = subprocess.run(["sh", "commands.sh"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [file.name for file in tmp_path.iterdir() if file.name == "gone"] == []
    assert "touch gone" in script


@pytest.mark.slow  # torch, a distillation and two evaluations, twice
def test_the_commands_make_the_same_runs_in_an_empty_home(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "submit", jobs.run_inline)
    monkeypatch.setattr("ddcore.jobs.api.submit", jobs.run_inline)
    distil = "run datadam --ipc 1 --num-inits 3 --num-iters 1 --width 4 --batch-real 4 --device cpu"
    assert main([*distil.split(), *"--evaluate course --nets 2 --wait".split()]) == 0
    store = Store()
    (run,) = (r for r in store.records("distill") if r.name == "datadam")
    found = compared(store, [run])
    lines = [one.line for one in commands.commands(store, found)]
    monkeypatch.setenv("DDCORE_HOME", str(tmp_path / "other"))
    assert [called(line) for line in lines] == [0] * len(lines)
    again = Store()
    assert {r.id for r in again.records()} == {r.id for r in store.records()}
    (twin,) = compared(again, [again.record(run.id)])
    assert twin.accuracies == found[0].accuracies
    assert (again.images(run.id).images == store.images(run.id).images).all()
