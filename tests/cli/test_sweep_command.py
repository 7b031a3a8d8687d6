"""`python -m ddcore sweep` and what other commands say of a sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ddcore.cli import main
from ddcore.experiments import KINDS
from ddcore.jobs.job import mark_queued
from ddcore.report.findings import FINDINGS
from ddcore.runs.files import write_json
from ddcore.runs.store import Store
from tests.sweeping import World, question

FLAGS = ["--dataset", "digits", "--ipc", "1", "--num-inits", "9", "--num-iters", "1", "--net-steps", "0", "--width",
         "16", "--nets", "2", "--evaluate", "quick", "--vary", "lambda_task=0,0.01,1"]


@pytest.fixture
def finished(home: Path) -> str:
    qualities = {0.0: 0.6, 0.01: 0.8}
    return World(lambda values: qualities.get(values.get("lambda_task", 0.0))).stored(question(), Store())


def said(capsys: Any, *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return str(capsys.readouterr().out)


def test_every_finding_is_that_of_a_kind() -> None:
    assert set(FINDINGS) <= set(KINDS)


def test_show_tells_the_same_of_a_sweep_as_the_command_that_asked_for_it(finished: str, capsys: Any) -> None:
    asked, shown = (json.loads(said(capsys, *words, "--json")) for words in (["sweep", "datadam", *FLAGS],
                                                                              ["show", finished]))
    assert asked["run"] == shown["run"] == finished
    about_asking = {"computed", "promised_seconds"}
    assert {name: shown[name] for name in asked.keys() - about_asking} == {
        name: value for name, value in asked.items() if name not in about_asking}
    assert [cell["state"] for cell in shown["cells"]] == ["done", "done", "failed"]
    assert shown["config"]["vary"] == "lambda_task=0,0.01,1"


def test_show_tells_people_the_table_the_controls_and_the_sentence_once(finished: str, capsys: Any) -> None:
    shown, asked = said(capsys, "show", finished), said(capsys, "sweep", "datadam", *FLAGS)
    answer = asked.partition("\n")[2]
    assert shown.endswith(answer)
    assert "λ 0.01 is chosen by validation" in answer
    assert "Random real images, IPC 1: 60.5" in answer
    assert '"random_real"' not in shown, "no JSON beside the words"


def test_show_tells_what_is_known_of_a_sweep_under_way_and_of_one_that_cannot_be_read(home: Path, capsys: Any) -> None:
    store = Store()
    record = store.create(question())
    mark_queued(record.folder)
    assert [cell["state"] for cell in json.loads(said(capsys, "show", record.id, "--json"))["cells"]] == ["waiting"] * 3
    told = json.loads((record.folder / "spec.json").read_text())
    write_json(record.folder / "spec.json", {**told, "config": {**told["config"], "vary": "lambda_tusk=1,2"}})
    assert "what it found cannot be read here: " in said(capsys, "show", record.id)
