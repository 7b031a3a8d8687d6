"""What differs between runs: their parameters, and what else could explain a number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ddcore.errors import DDCoreError
from ddcore.experiments import KINDS
from ddcore.lazy import pd
from ddcore.methods import METHODS
from ddcore.params import Config, ParamInfo
from ddcore.report import text
from ddcore.runs.store import RunRecord
from ddcore.settings import NOT_ALWAYS

STEPS = "Steps in all"
STEPS_HELP = "Optimiser steps of the whole run; of a method, updates of its images."
NO_PARAMETERS = ("device",)  # where a run was allowed to compute; where it did is part of its environment


def differing(records: Sequence[RunRecord]) -> dict[str, list[Any]]:
    """Parameter → its value in each run, None where a run has no such parameter; of those that are not all equal.

    In the order of declaration, the first run's first.
    """
    return {name: values for name, values in _values(records).items() if any(value != values[0] for value in values)}


def question(record: RunRecord, questions: Mapping[str, str] = MappingProxyType({})) -> str:
    """What a run asks but for its seed, equal for runs that differ in their seeds alone.

    questions: run → its question, so that evaluations of the seeds of one set are seeds of one evaluation.
    """
    asked = record.without("seed", run=questions.get(str(record.config.get("run"))))
    return hashlib.sha256(asked.encode()).hexdigest()[:32]  # a kilobyte each, kept for every run


def parameters(records: Sequence[RunRecord], labels: Sequence[str], *, all_of_them: bool = False) -> pd.DataFrame:
    """One row a parameter that all runs have and that differs (or each): Parameter, Meaning, a column for each run.

    What methods mean otherwise by one name, as iterations and iterations per network, has a row for each meaning; what
    they come to, the steps in all, is a row of its own, the first.
    """
    rows = _rows(records)
    return _table([row for row in rows if all_of_them or (row.differs and row.is_shared)], labels)


def only_some(records: Sequence[RunRecord], labels: Sequence[str]) -> pd.DataFrame:
    """One row a parameter that some of the runs do not have, like `parameters`."""
    return _table([row for row in _rows(records) if row.differs and not row.is_shared], labels)


def _values(records: Sequence[RunRecord]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for record in records for name in record.config if name not in NO_PARAMETERS)
    return {name: [record.config.get(name, NOT_ALWAYS.get(name)) for record in records] for name in names}


@dataclass(frozen=True)
class _Row:
    """A parameter with one meaning. each: its value in each run, None where a run has no such parameter."""

    title: str
    meaning: str
    unit: str
    each: tuple[Any, ...]

    @property
    def differs(self) -> bool:
        return any(value != self.each[0] for value in self.each)

    @property
    def is_shared(self) -> bool:
        return None not in self.each

    def cells(self) -> list[str]:
        texts = (f"{text.value(value)} {'' if value is None else self.unit}".strip() for value in self.each)
        return [self.title, self.meaning, *texts]


def _rows(records: Sequence[RunRecord]) -> list[_Row]:
    """The steps in all, then every parameter: one row for each title under which the runs declare it."""
    steps = tuple(map(steps_in_all, records))
    rows = [_Row(STEPS, STEPS_HELP, "", steps)] if any(steps) else []
    for name, values in _values(records).items():
        own = [declared[0] if (declared := declarations([record], name)) else None for record in records]
        titles: dict[str, ParamInfo | None] = {}
        for info, record in zip(own, records, strict=True):
            if name in record.config:
                titles.setdefault(_title(info, name), info)
        for title, info in titles.items():
            each = tuple(value if len(titles) == 1 or _title(one, name) == title else None
                         for value, one in zip(values, own, strict=True))
            rows.append(_Row(title, info.help if info else "", info.unit if info else "", each))
    return rows


def _title(info: ParamInfo | None, name: str) -> str:
    """What people call a parameter; of one that is not declared here, its name as words."""
    return info.title if info else name.replace("_", " ").capitalize()


def steps_in_all(record: RunRecord) -> int | None:
    """Optimiser steps of the whole run: those that it took, else those that it is asked for."""
    if record.summary.steps is not None or record.declared is None:
        return record.summary.steps
    try:
        config = record.declared.config(record.name).build(record.config)
        return METHODS[record.name].steps(config) if record.name in METHODS else None
    except DDCoreError:  # parameters of another version
        return None


def _table(rows: Sequence[_Row], labels: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([row.cells() for row in rows], columns=["Parameter", "Meaning", *_headings(labels)])


def environment(records: Sequence[RunRecord], labels: Sequence[str], *, judged: Sequence[str | None] = (),
                all_of_it: bool = False) -> pd.DataFrame:
    """One row a thing beside the parameters that differs (or each): columns What, then a column for each run.

    judged: on which network and how the accuracy of each was measured. What a run does not tell, as one that cannot be
    read, does not count as a difference.
    """
    rows = [
        [what, *(text.NONE if value is None else str(value) for value in values)]
        for what, values in [*([("Judged on", list(judged))] if any(judged) else []), *_surroundings(records)]
        if all_of_it or len(set(values) - {None}) > 1
    ]
    return pd.DataFrame(rows, columns=["What", *_headings(labels)])


def _surroundings(records: Sequence[RunRecord]) -> list[tuple[str, list[Any]]]:
    """What could explain a number → what each run says of it, None where it says nothing."""
    libraries = dict.fromkeys(name for r in records for name in r.info.get("libraries") or {})
    # Only what the parameters do not say already: other data sets hold other images, other methods other versions.
    same_data = len({r.config.get("dataset") for r in records}) == 1
    same_question = len({(r.kind, r.name) for r in records}) == 1
    facts: list[tuple[str, Callable[[RunRecord], Any]]] = [
        ("Data set's content", lambda r: (r.info.get("dataset") or {}).get("fingerprint") if same_data else None),
        ("Version of the method or kind", lambda r: r.info.get("version") if same_question else None),
        ("Device", lambda r: (r.info.get("device") or {}).get("name") or (r.info.get("device") or {}).get("type")),
        ("Arithmetic", lambda r: r.summary.arithmetic and str(r.summary.arithmetic)),
        *((name, lambda r, name=name: (r.info.get("libraries") or {}).get(name)) for name in libraries),
        ("Code", lambda r: ((r.info.get("code") or {}).get("commit") or "")[:10] or None),
        ("ddcore", lambda r: (r.info.get("code") or {}).get("version")),
        ("Continued from", lambda r: r.info.get("continued_from")),
    ]
    return [(what, [fact(record) for record in records]) for what, fact in facts]


def declarations(records: Sequence[RunRecord], name: str) -> list[ParamInfo]:
    """How the runs that have this parameter declare it: two methods may mean different things by one name."""
    params: list[ParamInfo] = []
    for record in records:
        if record.kind not in KINDS or name not in record.config:
            continue
        try:
            config: type[Config] = KINDS[record.kind].config(record.name)
        except DDCoreError:  # a method that is not known here
            continue
        if name in config.model_fields:
            params.append(config.param(name))
    return params


def _headings(labels: Sequence[str]) -> list[str]:
    """The labels as column names; somebody may have called a run like a column, which an invisible sign tells apart."""
    return [f"{label}\u200b" if label in ("Parameter", "Meaning", "What") else label for label in labels]
