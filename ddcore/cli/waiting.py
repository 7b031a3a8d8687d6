"""Waiting for jobs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

import click
from tqdm import tqdm

from ddcore import jobs
from ddcore.report import turns
from ddcore.report.overview import waiting_for

SECONDS_BETWEEN_LINES = 5


def wait(run_id: str, title: str) -> jobs.Status:
    """Block until the run is finished. Raises JobFailed or Cancelled with the reason."""
    show = _Bar(title) if sys.stderr.isatty() else _Lines(title)
    try:
        return jobs.wait(run_id, on_status=show)
    finally:
        show.close()


class _Bar:
    def __init__(self, title: str) -> None:
        self.title, self.bar = title, tqdm(desc=title, file=sys.stderr, leave=True, bar_format="{desc}")

    def __call__(self, status: jobs.Status) -> None:
        if status.state == "running" and status.total:
            self.bar.bar_format = None
            self.bar.total, self.bar.n = status.total, status.done
        self.bar.set_description_str(f"{self.title}: {_state(status)}")
        self.bar.refresh()

    def close(self) -> None:
        self.bar.close()


class _Lines:
    def __init__(self, title: str) -> None:
        self.title, self.last, self.at = title, "", 0.0

    def __call__(self, status: jobs.Status) -> None:
        line = f"{self.title}: {_waits(status) or status.state}"
        if status.state == "running" and status.total:
            line = f"{self.title}: {status.phase} {status.done}/{status.total}"
            if status.eta_seconds is not None:
                line += f", about {status.eta_seconds:.0f} s left"
        if line != self.last and time.monotonic() - self.at > SECONDS_BETWEEN_LINES:
            click.echo(line, err=True)
            self.last, self.at = line, time.monotonic()

    def close(self) -> None: ...


def _state(status: jobs.Status) -> str:
    return _waits(status) or status.phase or status.state


def _waits(status: jobs.Status) -> str:
    """For what it waits, or when it is its turn; "" where that is not known."""
    return waiting_for(status) if status.awaited else turns.in_words(status)
