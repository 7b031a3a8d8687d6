"""The home full of runs that pages are timed on: its runs are as real ones, but for what was computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import shelf
from ddcore import home as places
from ddcore.experiments import spec
from ddcore.report import results
from ddcore.runs.store import Store


def test_every_copy_has_the_key_of_its_own_question_and_its_evaluations(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "demo_root", lambda: places.PROJECT / "ddcore" / "demo")
    assert shelf.fill(80) == 80
    own = [record for record in Store().records() if not record.demo]
    assert {record.state for record in own} == {"done"}
    assert all(record.id == spec(record.kind, record.name, record.config).key for record in own)
    judged = next(r for r in own if r.name == "datadam" and results.last_evaluation(Store(), r))
    found = results.results(Store(), judged, results.question_of(results.last_evaluation(Store(), judged)))
    assert {row.role for row in found if row.scores} >= {"final", "initial", "random_real"}
