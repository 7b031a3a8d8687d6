"""The commands that make runs again: parents first, only the flags that say more than the defaults do."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ddcore.errors import ConfigError, DDCoreError, RunNotFound
from ddcore.evaluation import plans
from ddcore.experiments import KINDS, Spec, spec
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.params import Config
from ddcore.report import results, tables
from ddcore.report.compare_runs import Compared
from ddcore.report.export.escape import one_line
from ddcore.report.findings import compared_by
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_PARAMS

Make = Callable[[Mapping[str, Any]], Spec]


@dataclass(frozen=True)
class Command:
    """What makes one run. arguments: behind `python -m ddcore`, none where no command makes it here; why: what it is;
    note: what must be known of it."""

    run: str
    why: str
    arguments: tuple[str, ...]
    note: str = ""

    @property
    def line(self) -> str:
        """For a shell; empty where there is none."""
        return shlex.join(["python", "-m", "ddcore", *self.arguments]) if self.arguments else ""


def commands(store: Store, runs: Iterable[Compared]) -> list[Command]:
    """Of the chosen runs, of what judges them and of their controls, each behind what it builds on.

    What another one of them asks for by itself has no command of its own.
    """
    runs = list(runs)
    whole = {run.record.id: command(store, run.record) for run in runs if compared_by(store, run.record)}
    made = {run_id for run in runs if run.record.id in whole and whole[run.record.id].arguments
            for run_id in compared_by(store, run.record)}
    records = [r for run in runs if run.record.id not in made for r in _with_judges(store, run)]
    return [whole.get(record.id) or command(store, record) for record in in_order(store, records)]


def _with_judges(store: Store, run: Compared) -> list[RunRecord]:
    """A chosen run, the evaluation that speaks for it, and those of its controls that are known."""
    if run.evaluation is None or run.evaluation.id == run.record.id:
        return [run.record]
    try:
        plan = plans.plan(run.record, results.question_of(run.evaluation))
        ids = [control.key for control in plan.controls.values() if control]
        controls = [store.record(run_id) for run_id in ids if store.exists(run_id)] + plans.full_runs(plan, store)
    except DDCoreError:  # a data set that is not here: what was measured is told, what was asked cannot be worked out
        controls = []
    return [run.record, run.evaluation, *(record for record in controls if record.state == "done")]


def in_order(store: Store, records: Iterable[RunRecord]) -> list[RunRecord]:
    """These runs, each once, behind all that it builds on, as far as that is here."""
    placed: list[RunRecord] = []
    seen: set[str] = set()

    def place(record: RunRecord) -> None:
        if record.id in seen:
            return
        seen.add(record.id)
        for parent in record.info.get("parents") or ():
            try:
                place(store.record(str(parent)))
            except RunNotFound:  # the command that builds on it makes it too, or says that it is gone
                continue
        placed.append(record)

    for record in records:
        place(record)
    return placed


def command(store: Store, record: RunRecord) -> Command:
    """The command that asks what this run answers."""
    why = one_line(f"{tables.title(record)} → run {record.id}")
    why += "" if record.state == "done" else f" ({record.state})"
    try:
        question = record.question()
        if (declared := KINDS[question.kind].command) is None:
            raise ConfigError([f"{tables.kind(record.kind)} has none, {KINDS[record.kind].asked_by} asks for it"])
        values = fewest_values(question.config, _make(store, question), declared.implied)
    except DDCoreError as error:
        return Command(record.id, why, (), one_line(f"No command makes it here: {error}"))
    flags = [part for name, value in values.items() for part in
             (question.config.param(name).flag, str(value).lower() if isinstance(value, bool) else str(value))]
    wait = [] if declared.waits else ["--wait"]
    words = (*declared.words(question.name, question.config), *flags, *wait)
    return Command(record.id, why, words, _note(question, record))


def _make(store: Store, question: Spec) -> Make:
    """What the command of this kind asks with such flags, as `ddcore.cli.compute` has it."""
    if not isinstance(question.config, EvaluateConfig):
        return lambda values: spec(question.kind, question.name, values)
    tested = store.record(question.config.run)

    def evaluation(values: Mapping[str, Any]) -> Spec:
        network = {name: value for name, value in values.items() if name in NETWORK_PARAMS}
        rest = {name: value for name, value in values.items() if name not in NETWORK_PARAMS}
        return plans.evaluation(tested, plans.Question(rest.pop("protocol", "course"), network=network), **rest)

    return evaluation


def fewest_values(config: Config, make: Make, left_out: Iterable[str] = ()) -> dict[str, Any]:
    """The fewest values from which `make` makes this Config: what its defaults fill in needs no telling."""
    values = {name: value for name, value in config.values().items() if value is not None and name not in left_out}
    if not _makes(make, values, config):
        raise ConfigError(["its parameters cannot all be given to this version of the code"])
    for name in list(values):
        fewer = {other: value for other, value in values.items() if other != name}
        values = fewer if _makes(make, fewer, config) else values
    return values


def _makes(make: Make, values: Mapping[str, Any], config: Config) -> bool:
    try:
        return make(values).config == config
    except DDCoreError:
        return False


def _note(question: Spec, record: RunRecord) -> str:
    """Whether the command gives this very run, where it would not."""
    try:
        if question.key == record.key:
            return ""
    except DDCoreError as error:  # the data set is not here
        return one_line(f"Whether it gives this very run is not known here: {error}")
    return ("This version of the code, or the data set here, is not the one that made it: the answer has another id, "
            "and commands below that name this run want the new one.")


def script(commands: Iterable[Command]) -> str:
    """All commands as a shell script, in order."""
    lines = ["#!/bin/sh", "# Makes every run of this report again, in order; what is known is answered at once.",
             "# Run it in the folder of the workbench, with its Python as `python`.", "set -e"]
    for one in commands:
        lines += ["", f"# {one.why}", *([f"# {one.note}"] if one.note else []), *([one.line] if one.line else [])]
    return "\n".join(lines) + "\n"
