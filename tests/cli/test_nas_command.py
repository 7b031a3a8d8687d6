"""`python -m ddcore nas`: what it asks for, what it says before and after, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddcore import jobs
from ddcore.cli import main
from ddcore.experiments import Spec, spec
from ddcore.experiments.search import SearchConfig
from ddcore.experiments.trial import TrialSummary
from ddcore.jobs.job import mark_queued
from ddcore.runs import Store
from ddcore.runs.recorder import FolderRecorder
from tests.report import studies

SMALL = "nas --dataset digits --subset depth=2 --steps 20 --nets 1 --truth-sample 8 --truth-steps 40".split()
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(home: Path, capsys: Any) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(list(arguments))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Spec]:
    """What is asked for; it waits in the queue for ever."""
    found: list[Spec] = []

    def submit(one: Spec) -> str:
        found.append(one)
        record = Store().create(one)
        mark_queued(record.folder)
        return record.id

    monkeypatch.setattr(jobs, "submit", submit)
    monkeypatch.setattr("ddcore.jobs.api.tend", lambda *_: None)
    return found


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for is answered at once, with figures that nobody computed."""
    random = studies.proxy("random", studies.each(*reversed(studies.TRUE)))
    early = studies.proxy("early", studies.each(*studies.TRUE), title="Early stopping", images=1294)
    told = {"search": studies.search(random, early), "truth": studies.truth(studies.each(*studies.TRUE))}

    def submit(one: Spec) -> str:
        record = Store().create(one)
        FolderRecorder(Store(), record.id).finish(told[one.kind].summary, {})
        return record.id

    monkeypatch.setattr(jobs, "submit", submit)


def result(out: str) -> dict[str, Any]:
    return json.loads(out.strip().splitlines()[-1])


def test_the_search_and_its_truth_are_asked_for_and_each_estimate_is_said_first(call: Call, asked: list[Spec]) -> None:
    status, out, err = call(*SMALL, "--proxies", "early,random", "--json")
    assert status == 0
    search, truth = asked
    assert isinstance(search.config, SearchConfig)
    assert (search.kind, search.config.names()) == ("search", ("random", "early"))
    assert search.config.truth_config() == truth.config
    told = result(out)
    assert (told["run"], told["truth_run"]) == (search.key, truth.key)
    assert (told["status"], told["truth_status"]) == ("queued", "queued")
    assert (told["networks"], told["left_out"], told["proxies"]) == (18, {}, [])
    assert set(told["promised_seconds"]) == {"search", "truth"}
    assert "waited_seconds" not in told
    assert [line.partition(" takes about ")[0] for line in err.splitlines()] == ["the search", "the whole-data truth"]


def test_a_search_without_a_truth_asks_for_nothing_else(call: Call, asked: list[Spec]) -> None:
    _, out, _ = call(*SMALL[:7], "--truth", "none", "--json")
    assert [one.kind for one in asked] == ["search"]
    told = result(out)
    assert (told["truth_run"], told["truth_status"], told["truth"]) == (None, None, None)


def test_a_preset_starts_the_values_and_flags_change_them(call: Call, asked: list[Spec]) -> None:
    call("nas", "--preset", "quick", "--steps", "7")
    quick = spec("search", "search", asked[0].config.values()).config
    assert isinstance(quick, SearchConfig)
    assert (quick.steps, quick.truth_sample) == (7, 12)


def test_networks_that_do_not_fit_the_images_are_told_with_their_reason(call: Call, asked: list[Spec]) -> None:
    _, out, _ = call("nas", "--dataset", "digits")
    assert "36 networks" in out
    assert "18 left out: depth must be at most 3 for 1×8×8 images" in out
    assert "the same command with --wait shows the answer" in out


@pytest.mark.usefixtures("answered")
def test_the_answer_is_a_table_with_a_proxy_a_column(call: Call) -> None:
    status, out, _ = call(*SMALL, "--wait")
    assert status == 0
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    assert "−1.00" in lines["Spearman"]
    assert "1.00" in lines["Kendall"]
    assert "3 conv × 64, leakyrelu" in lines["Selected network"]
    assert "Majority class of the validation split: 11.0 %" in out
    assert "Majority class of the test images: 12.0 %" in out


@pytest.mark.usefixtures("answered")
def test_the_json_holds_coefficients_with_intervals_for_each_proxy(call: Call) -> None:
    _, out, err = call(*SMALL, "--wait", "--json")
    told = result(out)
    assert (told["status"], told["truth_status"]) == ("done", "done")
    random, early = told["proxies"]
    assert (random["proxy"], random["spearman"]["value"], random["kendall"]["value"]) == ("random", -1.0, -1.0)
    assert (early["spearman"]["value"], early["spearman"]["n"], set(early["top"])) == (1.0, 8, {"5", "10", "20"})
    assert {"low", "high"} <= set(early["spearman"])
    assert (early["regret"], random["regret"]) == (0.0, pytest.approx(7.0))
    assert (told["truth"]["n"], told["truth"]["best"]["val"]["mean"]) == (8, 0.97)
    assert told["waited_seconds"] >= 0
    assert err.count("note: a note") == 1


def test_a_search_that_cannot_be_read_is_shown_with_what_is_wrong(call: Call) -> None:
    record = Store().create(spec("search", "search", {"dataset": "digits"}))
    told = studies.search_summary(studies.proxy("random", studies.each(0.5), scores=7))
    info = json.loads((record.folder / "spec.json").read_text("utf-8"))
    (record.folder / "run.json").write_text(json.dumps({**info, "summary": told}), "utf-8")
    status, out, err = call("show", record.id)
    assert (status, err) == (0, "")
    assert "its 'proxies.0.scores' is 7" in out
    assert "nothing is known of what it found" in out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--space coures", "no search space 'coures'; did you mean 'course'?"),
        ("--subset depth=9", "depth of course is one of 2, 3, 4, got '9'"),
        ("--subset depth=4", "depth must be at most 3 for 1×8×8 images (each block halves the side), got 4"),
        ("--proxies randm", "did you mean 'random'?"),
        ("--proxies 0123456789abcdef", "proxy 0123456789abcdef: no run '0123456789abcdef'"),
        ("--preset fast", "no preset 'fast'; allowed: course, papers, quick"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_the_reason_before_anything_is_asked(
    flags: str, message: str, call: Call, asked: list[Spec]
) -> None:
    status, _, err = call("nas", "--dataset", "digits", *flags.split(maxsplit=1))
    assert (status, asked, Store().records()) == (1, [], [])
    assert message in err


def test_trials_are_listed_where_their_kind_is_asked_for(call: Call, asked: list[Spec]) -> None:
    one = spec("trial", "trial", {"dataset": "digits", "network": "coursenet", "steps": 20})
    told = {"accuracy": {"mean": 0.9, "n": 1}, "seconds": 1.0, "members": []}
    FolderRecorder(Store(), Store().create(one).id).finish(TrialSummary.model_validate(told), {})
    assert result(call("runs", "--json")[1])["runs"] == []
    (row,) = result(call("runs", "--kind", "trial", "--json")[1])["runs"]
    assert (row["run"], row["kind"]) == (one.key, "trial")


@pytest.mark.slow  # torch, and four networks on two sets and on the whole data
def test_a_search_is_computed_answered_and_answered_again_from_disk(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "submit", jobs.run_inline)
    monkeypatch.setattr("ddcore.jobs.api.submit", jobs.run_inline)
    tiny = "nas --dataset digits --steps 20 --nets 1 --truth all --truth-steps 40 --device cpu --wait --json".split()
    tiny += ["--subset", "depth=2 width=16 units=64,128"]
    status, out, err = call(*tiny)
    assert status == 0, err
    told = result(out)
    assert (told["status"], told["truth_status"], told["networks"]) == ("done", "done", 4)
    assert [one["proxy"] for one in told["proxies"]] == ["random", "early"]
    assert all(one["n"] == 4 and one["selected"]["test"] for one in told["proxies"])
    again = result(call(*tiny)[1])
    assert again["promised_seconds"] == {"search": 0.0, "truth": 0.0}
    assert again["proxies"] == told["proxies"]
