"""What runs that put others together found out, as far as that is read from those others and not from their summary.

A kind of run is one file of this package with `FINDING = Finding(…)`, under the name that it has among the kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ddcore.errors import DDCoreError
from ddcore.lazy import pd
from ddcore.registry import Registry
from ddcore.report.export.plots import Plot
from ddcore.report.export.table import Table
from ddcore.runs.store import RunRecord, Store


@dataclass(frozen=True)
class Tabled:
    """A table of a report. caption: what it holds; table: in words; numbers: the same as plain numbers, for CSV."""

    caption: str
    table: Table
    numbers: pd.DataFrame


@dataclass(frozen=True)
class Whole:
    """What a report has of a run that put others together. title: what it is; tables and plots: named as their files
    are."""

    title: str
    sentences: tuple[str, ...] = ()
    tables: Mapping[str, Tabled] = field(default_factory=dict)
    plots: Sequence[Plot] = ()


@dataclass(frozen=True)
class Finding:
    """What the runs of a kind found out. words: for a terminal; to_json: for scripts, under names that a run's own
    facts do not have; sentence: what can be said of it in short.

    whole: for a report, None where it has them as any other run; runs: the ids of those that it compares, which a
    report takes along and which its own command makes again.
    """

    name: str
    words: Callable[[Store, RunRecord], str]
    to_json: Callable[[Store, RunRecord], dict[str, Any]]
    sentence: Callable[[Store, RunRecord], str] = lambda store, record: ""
    whole: Callable[[Store, RunRecord], Whole] | None = None
    runs: Callable[[Store, RunRecord], tuple[str, ...]] = lambda store, record: ()


FINDINGS: Registry[Finding] = Registry("kind of run with findings", "ddcore.report.findings", "FINDING")


def sentence(store: Store, record: RunRecord) -> str:
    """What can be said of it in short; "" where that cannot be read here."""
    try:
        return FINDINGS[record.kind].sentence(store, record) if record.kind in FINDINGS else ""
    except DDCoreError:
        return ""


def compared_by(store: Store, record: RunRecord) -> tuple[str, ...]:
    """The ids of the runs that this one compares; none where that cannot be read here."""
    try:
        return FINDINGS[record.kind].runs(store, record) if record.kind in FINDINGS else ()
    except DDCoreError:
        return ()
