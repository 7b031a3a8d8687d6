"""The command line. Flags come from the Configs; nothing is declared twice."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ddcore.cli import compute, data, hosting, housekeeping, inspect, nas, report, serve, sweep
from ddcore.cli.console import show_any_sign
from ddcore.errors import DDCoreError
from ddcore.runs.store import moment


@click.group(help="Dataset distillation from the command line. DDCORE_HOME moves cache/, DDCORE_DATA the data sets.")
def cli() -> None: ...


for module in (compute, sweep, nas, inspect, data, report, housekeeping, serve, hosting):
    for command in module.COMMANDS:
        cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Every error is one line on standard error."""
    show_any_sign()
    try:
        with moment():  # runs are called as they are told apart among those that are there
            return cli.main(arguments, prog_name="python -m ddcore", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        return 0
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        return 2
    except OSError as error:  # a folder that cannot be written, a full disk: for the user to mend
        click.echo(f"error: {error}", err=True)
        return 1
    except DDCoreError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped waiting; jobs go on (see `python -m ddcore runs`)", err=True)
        return 130
