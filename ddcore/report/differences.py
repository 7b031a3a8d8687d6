"""What differs between runs: their parameters, and what else could explain a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ddcore.errors import DDCoreError
from ddcore.experiments import KINDS
from ddcore.lazy import pd
from ddcore.params import Config, ParamInfo
from ddcore.report import text
from ddcore.runs.store import RunRecord
from ddcore.settings import NOT_ALWAYS

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
    return record.without("seed", run=questions.get(str(record.config.get("run"))))


def parameters(records: Sequence[RunRecord], labels: Sequence[str], *, all_of_them: bool = False) -> pd.DataFrame:
    """One row a parameter that all runs have and that differs (or each): Parameter, Meaning, a column for each run."""
    values = _values(records) if all_of_them else differing(records)
    return _table(records, labels, {n: v for n, v in values.items() if all_of_them or None not in v})


def only_some(records: Sequence[RunRecord], labels: Sequence[str]) -> pd.DataFrame:
    """One row a parameter that some of the runs do not have, like `parameters`."""
    return _table(records, labels, {n: v for n, v in differing(records).items() if None in v})


def _values(records: Sequence[RunRecord]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for record in records for name in record.config if name not in NO_PARAMETERS)
    return {name: [record.config.get(name, NOT_ALWAYS.get(name)) for record in records] for name in names}


def _table(records: Sequence[RunRecord], labels: Sequence[str], values: Mapping[str, list[Any]]) -> pd.DataFrame:
    rows = []
    for name, each in values.items():
        declared = declarations(records, name)
        titles = " / ".join(dict.fromkeys(info.title for info in declared)) or name
        meaning = " / ".join(dict.fromkeys(info.help for info in declared))
        unit = declared[0].unit if declared else ""
        texts = [f"{text.value(value)} {'' if value is None else unit}".strip() for value in each]
        rows.append([titles, meaning, *texts])
    return pd.DataFrame(rows, columns=["Parameter", "Meaning", *_headings(labels)])


def environment(records: Sequence[RunRecord], labels: Sequence[str], *, all_of_it: bool = False) -> pd.DataFrame:
    """One row a thing beside the parameters that differs (or each): columns What, then a column for each run.

    What a run does not tell, as one that cannot be read, does not count as a difference.
    """
    rows = [
        [what, *(text.NONE if value is None else str(value) for value in values)]
        for what, values in _surroundings(records)
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
