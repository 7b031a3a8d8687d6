"""One zip of chosen runs for a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ddcore.cli.flags import as_json, caveats, check_target, count_runs, show
from ddcore.errors import ConfigError
from ddcore.report.compare_runs import Compared, compared, settings
from ddcore.report.export.bundle import bundle, completed, gathered
from ddcore.report.export.pivot import DIMENSIONS, METRICS, Choice, why_not
from ddcore.runs.files import size, write_bytes
from ddcore.runs.store import RunRecord, Store

LISTED = ", ".join(DIMENSIONS)


@click.command(
    "report",
    help="Put chosen runs into one zip: figures, tables (CSV, LaTeX, Markdown), images, parameters and the commands "
    "that make them again. A sweep comes whole: its table, figures and sentence, and the sets of its cells. The pivot "
    "table's rows, columns and metric can be chosen.",
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The zip to write.")
@click.option("--rows", default="method", help=f"Rows of the pivot, some of {LISTED}. [default: method]")
@click.option("--columns", default="dataset,ipc", help="Columns of the pivot, likewise. [default: dataset,ipc]")
@click.option("--metric", default="accuracy", help=f"One of {', '.join(METRICS)}. [default: accuracy]")
@click.option("--protocol", help="Take evaluations under this protocol, where there are; else each run's newest.")
@as_json
def report(
    runs: tuple[str, ...], out: Path, rows: str, columns: str, metric: str, protocol: str | None, as_json: bool
) -> None:
    check_target(out, ".zip")
    choice, store = Choice(_names(rows), _names(columns), metric), Store()
    records = gathered(store, map(store.record, runs))
    rated = _evaluated(store, records, protocol)
    archive = bundle(store, rated, choice)
    content = archive.zipped()
    write_bytes(out, content, durable=False)
    missing = {one.record.id: why_not(one) for one in rated if one.accuracy is None}
    caveats(f"run {run_id} has no accuracy: {why}" for run_id, why in missing.items())
    caveats(f"not in the report: {problem}" for problem in archive.problems)
    result = {"file": str(out), "bytes": len(content), "runs": [record.id for record in records], "missing": missing,
              "problems": list(archive.problems)}
    show(result, as_json, lambda: f"report on {count_runs(len(records))} to {out} ({size(len(content))})")


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _evaluated(store: Store, records: Sequence[RunRecord], protocol: str | None) -> list[Compared]:
    """The runs with their newest evaluation, or with one under this protocol where they have it."""
    if protocol is None:
        return compared(store, records)
    every = settings(store, records)
    fitting = [setting for setting in every if setting.rpartition(" · protocol ")[2] == protocol]
    if not fitting:
        names = ", ".join(every) or "none"
        raise ConfigError([f"none of these runs was evaluated under protocol {protocol!r}; their settings: {names}"])
    tries = [compared(store, records, setting) for setting in fitting]
    rated = [next((one for one in each if one.accuracy), each[0]) for each in zip(*tries, strict=True)]
    return completed(store, rated)


COMMANDS: tuple[click.Command, ...] = (report,)
