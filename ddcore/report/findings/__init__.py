"""What runs that put others together found out, as far as that is read from those others and not from their summary.

A kind of run is one file of this package with `FINDING = Finding(…)`, under the name that it has among the kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ddcore.registry import Registry
from ddcore.runs.store import RunRecord, Store

Read = Callable[[Store, RunRecord], Any]


@dataclass(frozen=True)
class Finding:
    """What the runs of a kind found out. words: for a terminal; to_json: for scripts, under names that a run's own
    facts do not have."""

    name: str
    words: Callable[[Store, RunRecord], str]
    to_json: Callable[[Store, RunRecord], dict[str, Any]]


FINDINGS: Registry[Finding] = Registry("kind of run with findings", "ddcore.report.findings", "FINDING")
