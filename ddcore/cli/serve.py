"""Looking after the queue without the app."""

from __future__ import annotations

import os

import click

from ddcore.jobs import keeper
from ddcore.report import names


@click.command(help="Look after the queue until it is stopped: what waits is started, also after a reboot. The app "
               "does the same while its server runs.")
@click.option("--resumes", type=click.IntRange(0), help="How often an interrupted run goes on by itself. "
              "[default: DDCORE_RESUMES, else 0]")
def serve(resumes: int | None) -> None:
    most = keeper.resumes() if resumes is None else resumes
    os.environ["DDCORE_RESUMES"] = str(most)  # a sweep waits for runs of its own that go on by themselves
    again = f"interrupted runs go on by themselves {most} times at most" if most else "interrupted runs stay so"
    click.echo(f"looking after the queue; {again}. Stop with Ctrl-C; what computes goes on.", err=True)
    keeper.keep(most, called=names.public)


COMMANDS: tuple[click.Command, ...] = (serve,)
