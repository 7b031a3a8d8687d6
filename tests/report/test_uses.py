from __future__ import annotations

from pathlib import Path

from ddcore.experiments import spec
from ddcore.jobs.job import mark_ended, mark_queued
from ddcore.report.uses import Uses, uses
from ddcore.runs.store import Store


def run(seed: int, state: str) -> str:
    record = Store().create(spec("distill", "random", {"dataset": "digits", "seed": seed}))
    mark_queued(record.folder)
    if state != "queued":
        mark_ended(record.folder, state, "", None)
    return record.id


def test_runs_are_counted_by_what_they_mean_for_their_data_set(home: Path) -> None:
    assert uses(Store(), "digits") == Uses(0, 0, 0)
    assert not uses(Store(), "digits").any
    run(0, "queued")
    run(1, "failed")
    Store().trash(run(2, "cancelled"))
    assert uses(Store(), "digits") == Uses(active=1, finished=0, other=2)
    assert not uses(Store(), "mnist").any
