"""What a comparison lacks: evaluations of the compared sets, and of their controls, in one setting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ddcore.data import DATASETS
from ddcore.errors import DDCoreError
from ddcore.evaluation import plans
from ddcore.evaluation.plans import Question
from ddcore.experiments import Spec
from ddcore.experiments.baseline import BaselineConfig
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.jobs.requirements import unfinished
from ddcore.report import results
from ddcore.report.compare_runs import Compared, setting_of
from ddcore.report.results import Result
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_OPTIONS, network_title

SETS, CONTROLS, FULL = "Sets", "Controls", "Full data"


@dataclass(frozen=True)
class Lacking:
    """sets: the results of sets that nobody judged in the setting; controls, full: what is not known beside all sets.

    excluded: (label, why it cannot be judged in this setting).
    """

    sets: tuple[Result, ...] = ()
    controls: tuple[Result, ...] = ()
    full: tuple[Result, ...] = ()
    excluded: tuple[tuple[str, str], ...] = ()

    @property
    def parts(self) -> tuple[Result, ...]:
        """Everything that may be on its way."""
        return (*self.sets, *self.controls, *self.full)

    def missing(self) -> dict[str, list[Result]]:
        """SETS, CONTROLS, FULL → what is neither known nor under way, where there is some."""
        parts = {SETS: self.sets, CONTROLS: self.controls, FULL: self.full}
        missing = {name: [result for result in each if result.missing] for name, each in parts.items()}
        return {name: each for name, each in missing.items() if each}


def lacking(store: Store, runs: Iterable[Compared], question: Question) -> Lacking:
    """What is not known of these runs in the setting of this question.

    Any set can be judged on any network that takes its images, whatever it was made with. Runs that test a network
    themselves have their accuracy.
    """
    sets: list[Result] = []
    others: list[Result] = []
    excluded: list[tuple[str, str]] = []
    for run in runs:
        if run.record.summary.accuracy:
            if not run.evaluation:
                excluded.append((run.label, f"its accuracy is of {setting_of(run.record)}"))
            continue
        if reason := _no_set(run.record):
            excluded.append((run.label, reason))
            continue
        judged = run.evaluation
        try:
            rows = results.results(store, run.record, results.question_of(judged) if judged else question)
        except DDCoreError as error:
            excluded.append((run.label, str(error)))
            continue
        named = [replace(row, title=f"{run.label}: {row.title}") for row in rows]
        sets += [] if judged else named[:1]
        others += [row for row in named[1:] if row.scores is None]
    return Lacking(tuple(sets), _once(row for row in others if row.role != "full"),
                   _once(row for row in others if row.role == "full"), tuple(excluded))


def _no_set(record: RunRecord) -> str:
    """Why a run has no images that can be judged, "" where it has."""
    if not record.makes_images:
        return "no set of images"
    if record.state != "done":
        return record.state
    dataset = str(record.config.get("dataset"))
    if dataset not in DATASETS or DATASETS[dataset].removed:
        return f"the data set {dataset} is not here"
    return ""


def _once(rows: Iterable[Result]) -> tuple[Result, ...]:
    """Each question once: sets of one size and seed share their controls."""
    return tuple({row.specs[-1].key: row for row in rows}.values())


def trainings(rows: Iterable[Result], records: Iterable[RunRecord]) -> int:
    """How many networks are trained to answer these, each question once."""
    return sum(_networks(one) for one in unfinished((one for row in rows for one in row.specs), records).values())


def _networks(one: Spec) -> int:
    if isinstance(one.config, EvaluateConfig):
        return one.config.nets
    return int(isinstance(one.config, BaselineConfig))


def question(store: Store, records: Iterable[RunRecord], setting: str) -> Question | None:
    """How these sets were asked in this setting, with the most networks of one; None where none was."""
    asked = [results.question_of(one) for record in records for one in results.evaluations(store, record, done=True)
             if setting_of(one) == setting]
    return max(asked, key=lambda one: one.nets) if asked else None


def networks(records: Sequence[RunRecord]) -> dict[str, dict[str, Any]]:
    """Title → network with its options: those that these sets were made with, then the one of their data set."""
    own: list[dict[str, Any]] = [{name: r.config.get(name) for name in ("network", *NETWORK_OPTIONS)}
                                 for r in records if r.makes_images and r.config.get("network")]
    datasets = dict.fromkeys(str(r.config.get("dataset")) for r in records)
    usual = [{"network": DATASETS[name].network} for name in datasets if name in DATASETS]
    return {network_title(one): one for one in [*own, *usual]}


def setting(records: Iterable[RunRecord], question: Question) -> str | None:
    """What `compare_runs.setting_of` says of an evaluation that asks this; None where no set can be asked so."""
    for record in records:
        if _no_set(record):
            continue
        try:
            config = plans.evaluation(record, question).config
        except DDCoreError:
            continue
        assert isinstance(config, EvaluateConfig)
        return f"{network_title(config.values())} · protocol {config.protocol_label()}"
    return None
