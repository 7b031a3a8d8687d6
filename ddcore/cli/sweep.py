"""Sweeps: how a method's parameters matter, asked in one command."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import click

from ddcore import jobs
from ddcore.cli.compute import device_of, preset_values
from ddcore.cli.flags import JSON, WAIT, given, options, show
from ddcore.cli.waiting import wait as wait_for
from ddcore.errors import Cancelled, JobFailed
from ddcore.experiments import KINDS, Spec, spec
from ddcore.experiments.sweep import SweepConfig
from ddcore.jobs.requirements import check_data, check_disk
from ddcore.methods import METHODS, Method
from ddcore.protocols import PROTOCOLS
from ddcore.report import sweeps
from ddcore.report.findings.sweep import words
from ddcore.report.sweeps import Answer
from ddcore.runs.files import size
from ddcore.runs.store import Store


@click.group(help=KINDS["sweep"].help)
def sweep() -> None: ...


def _command(method: Method) -> click.Command:
    def callback(preset: str | None, vary: tuple[str, ...], wait: bool, as_json: bool, **parameters: Any) -> None:
        values = {**given(parameters), "vary": "; ".join(vary)}
        _sweep(spec("sweep", method.name, {**preset_values(method, preset, values), **values}), wait, as_json)

    config = KINDS["sweep"].config(method.name)
    own = {"vary": click.Option(["--vary"], multiple=True, metavar="NAME=VALUES", help=config.param("vary").help),
           "protocol": click.Option(["--evaluate", "--protocol", "protocol"], help="How each set is judged: "
                                    f"{', '.join(PROTOCOLS)}. [default: {config.param('protocol').default}]")}
    presets = ", ".join(p.name for p in method.presets)
    return click.Command(method.name, callback=callback, help=f"Sweep over {method.title}.", params=[
        *own.values(), click.Option(["--preset"], help=f"Start from a named set of values: {presets or 'none here'}."),
        *options(config, skip=own), WAIT, JSON,
    ])


for _method in METHODS.values():
    sweep.add_command(_command(_method))


def _sweep(question: Spec, stay: bool, as_json: bool) -> None:
    """Ask for the sweep, wait for it if asked, and show what it says by now."""
    config, store = question.config, Store()
    assert isinstance(config, SweepConfig)
    before = sweeps.answer(config, store)
    missing = before.outcome.missing
    check_data(store, missing)
    check_disk(store, missing)
    promised, began = _promise(before, store), time.monotonic()
    run_id = sweeps.ask(question, missing)
    if stay:
        wait_for(run_id, f"sweep {run_id}")
        for one in missing:
            with contextlib.suppress(JobFailed, Cancelled):  # the sweep goes on without it
                jobs.wait(one.key)
    answer, state = sweeps.answer(config, store), jobs.status(run_id).state
    result = {"run": run_id, "status": state, "computed": len(missing), "promised_seconds": promised,
              **({"waited_seconds": round(time.monotonic() - began, 1)} if stay else {}), **sweeps.to_json(answer)}
    show(result, as_json, lambda: "\n".join([f"sweep {run_id}: {state}", words(answer)]))


def _promise(before: Answer, store: Store) -> float:
    """Seconds that the runs which are still to be computed will take, said on standard error."""
    missing = before.outcome.missing
    if not missing:
        return 0.0
    guess = sweeps.left(before, store, device_of(missing[0]))
    click.echo(f"{len(missing):,} runs to compute, {guess}, {size(sweeps.room(before, store))} on disk; {guess.basis}",
               err=True)
    return round(guess.seconds, 1)


COMMANDS: tuple[click.Command, ...] = (sweep,)
