"""What a sweep found out."""

from __future__ import annotations

from ddcore.experiments import spec
from ddcore.experiments.sweep import SweepConfig
from ddcore.report import sweeps
from ddcore.report.findings import Finding
from ddcore.report.sweeps import Answer
from ddcore.runs.store import RunRecord, Store


def words(answer: Answer) -> str:
    """The table, the controls and what can be said, for a terminal."""
    controls = [f"  {name}: {told}" for name, told in answer.controls_told().items()]
    left = [f"  left out: {place} ({why})" for place, why in answer.config.grid.impossible.items()]
    return "\n".join([sweeps.table(answer).to_string(index=False), *controls, *left, answer.sentence])


def answer(store: Store, record: RunRecord) -> Answer:
    """What a sweep says by now. Raises DDCoreError for one of a version that had other parameters."""
    config = spec("sweep", record.name, record.config).config
    assert isinstance(config, SweepConfig)
    return sweeps.answer(config, store)


FINDING = Finding(
    "sweep", words=lambda store, record: words(answer(store, record)),
    to_json=lambda store, record: sweeps.to_json(answer(store, record)),
)
