"""What an architecture search found out, compared with its own truth where that was begun."""

from __future__ import annotations

from typing import Any

from ddcore.experiments import Spec, spec
from ddcore.experiments.search import SearchConfig
from ddcore.report.findings import Finding
from ddcore.report.nas import answer as answers
from ddcore.report.nas.answer import Answer
from ddcore.report.nas.study import study
from ddcore.runs.store import RunRecord, Store


def answer(store: Store, search: RunRecord, truth: str | None) -> Answer:
    """What a search says by now. truth: the run that it is compared with, None where there is none."""
    held_against = (store.record(truth), store.events(truth)[0]) if truth else ()
    return answers.answer(study(search, store.events(search.id)[0], *held_against))


def columns(answer: Answer) -> str:
    """The table on its side: a proxy a column, so that it fits a terminal."""
    table = answers.table(answer)
    return table.set_index(table.columns[0]).T.to_string(justify="left")


def _own(store: Store, record: RunRecord) -> Answer:
    config = spec("search", "search", record.config).config
    assert isinstance(config, SearchConfig)
    truth = config.truth_config()
    run_id = None if truth is None else Spec("truth", "truth", truth).key
    return answer(store, record, run_id if run_id and store.exists(run_id) else None)


def _words(store: Store, record: RunRecord) -> str:
    return columns(_own(store, record))


def _to_json(store: Store, record: RunRecord) -> dict[str, Any]:
    return answers.to_json(_own(store, record))


FINDING = Finding("search", _words, _to_json)
