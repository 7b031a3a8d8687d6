"""Options made from a Config's parameters, and output shared by the commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ddcore.errors import ConfigError
from ddcore.params import Config, ParamInfo
from ddcore.report import text
from ddcore.summary import Scores

JSON = click.Option(["--json", "as_json"], is_flag=True, help="End standard output with one JSON object.")
WAIT = click.Option(["--wait"], is_flag=True, help="Stay until the result is there, showing progress.")
as_json = click.option("--json", "as_json", is_flag=True, help=JSON.help)
wait_flag = click.option("--wait", is_flag=True, help=WAIT.help)


def options(config: type[Config], skip: Iterable[str] = ()) -> list[click.Option]:
    """One option for each parameter; checking is the Config's work, so all problems show at once.

    What is absent on purpose is taken too, so that the Config can say why it is not there.
    """
    shown = [_option(p) for p in config.params() if p.name not in set(skip)]
    return [*shown, *(click.Option([f"--{name.replace('_', '-')}", name], hidden=True) for name in config.absent)]


def _option(p: ParamInfo) -> click.Option:
    allowed = f" One of: {', '.join(p.choices)}." if p.choices else ""
    default = "" if p.default is None else f" [default: {p.default}]"
    unit = f" ({p.unit})" if p.unit else ""
    return click.Option([p.flag, p.name], metavar=p.type.upper(), help=f"{p.title}{unit}. {p.help}{allowed}{default}")


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were actually used."""
    return {name: value for name, value in parameters.items() if value is not None}


def show(result: Mapping[str, Any], as_json: bool, plain: Callable[[], str]) -> None:
    """The result: one JSON object, or text for people."""
    click.echo(json.dumps(result) if as_json else plain())


def fail(problems: Iterable[str]) -> int:
    """Say what could not be done, on standard error; the exit status."""
    lines = list(problems)
    for line in lines:
        click.echo(f"error: {line}", err=True)
    return int(bool(lines))


def check_target(file: Path, suffix: str) -> None:
    """ConfigError where a file of this kind cannot be written there."""
    if file.suffix != suffix:
        raise ConfigError([f"the file must end in {suffix}, got {str(file)!r}"])
    check_folder(file.parent)


def check_folder(folder: Path) -> None:
    """ConfigError where there is no such folder."""
    if not folder.is_dir():
        raise ConfigError([f"no folder {str(folder)!r} to write into"])


def count_runs(number: int) -> str:
    """ "1 run", "1,200 runs"."""
    return f"{number:,} runs" if number != 1 else "1 run"


def caveats(notes: Iterable[str]) -> None:
    """What must be known of a result's numbers, on standard error."""
    for note in notes:
        click.echo(f"note: {note}", err=True)


def percent(scores: Scores | None, also: Sequence[str] = ()) -> str:
    """ "91.2 ± 0.4 % (n=3, course)", or words where not computed; also: "balanced_accuracy", "auc", told behind it."""
    if not scores:
        return "not computed"
    accuracy = scores.accuracy
    spread = "" if accuracy.std is None else f" ± {100 * accuracy.std:.1f}"
    told = f"{100 * accuracy.mean:.1f}{spread} %{text.mark(accuracy)}"
    return f"{told} (n={accuracy.n}, {accuracy.protocol}){text.beside(scores, also)}"
