"""All runs as one list: what judges a run, or is shown with it for another reason, stands inside of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ddcore.jobs import Status
from ddcore.lazy import pd
from ddcore.report import catalogue, compare_runs, tables, text
from ddcore.report.catalogue import Judged
from ddcore.runs.store import RunRecord


@dataclass(frozen=True)
class Row:
    """A run of the list. inside: what is shown with it, newest first; judge: the run whose accuracy is its own;
    elsewhere: whether that is of another network or protocol than most."""

    record: RunRecord
    inside: tuple[RunRecord, ...] = ()
    judge: RunRecord | None = None
    elsewhere: bool = False

    @property
    def states(self) -> set[str]:
        """Its own state and those of what is inside."""
        return {record.state for record in (self.record, *self.inside)}


def rows(records: Sequence[RunRecord], alone: Container[str] = (), judged: Judged | None = None) -> list[Row]:
    """The runs in their order, those that are shown with another one inside that; alone: kinds that are rows too.

    What is shown with a run that is not here is a row of its own. judged: what `catalogue.judged` says of these runs,
    where it is known.
    """
    inside: dict[str, list[RunRecord]] = {record.id: [] for record in records}
    listed = []
    for record in records:
        host = inside.get(shown_with(record))
        if host is not None:
            host.append(record)
        if host is None or record.kind in alone:
            listed.append(record)
    judges, usual = judged or catalogue.judged_of(records)
    return [Row(record, tuple(inside[record.id]), judge, judge is not None and catalogue.elsewhere(judge, usual))
            for record in listed for judge in [judges.get(record.id)]]


def inside(run: RunRecord, records: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs among these that are shown with this one."""
    return [record for record in records if shown_with(record) == run.id]


def shown_with(record: RunRecord) -> str:
    """The id of the run that this one is shown with, as its kind declares; "" where it stands alone."""
    parameter = record.declared.shown_with if record.declared else ""
    return str(record.config.get(parameter) or "") if parameter else ""


def table(rows: Sequence[Row], waits: Mapping[str, str]) -> pd.DataFrame:
    """One row a run: what `tables.runs` says, its accuracy being its judge's, judged and inside; waits: see `waits`.

    One that cannot be read has no name but its folder's, and nothing to tell but what is wrong with it.
    """
    shown = tables.runs([row.record for row in rows], {row.record.id: row.judge for row in rows if row.judge})
    unreadable = pd.Series([row.record.state == "broken" for row in rows], dtype=bool)
    return shown.assign(
        accuracy=[f"{accuracy} {catalogue.ELSEWHERE}" if row.elsewhere else accuracy
                  for row, accuracy in zip(rows, shown["accuracy"], strict=True)],
        run=shown["run"].mask(unreadable, shown["id"]),
        note=shown["note"].mask(unreadable, [row.record.problem for row in rows]),
        state=[waits.get(row.record.id, state)
               for row, state in zip(rows, shown["state"], strict=True)],
        judged=[compare_runs.setting_of(row.judge) if row.judge else text.NONE for row in rows],
        inside=[counted(row.inside) for row in rows],
    )


def counted(records: Sequence[RunRecord]) -> str:
    """ "3", "3, 2 running", "1 failed": how many, and those that are not done by their state."""
    states = Counter(record.state for record in records)
    done = states.pop("done", 0)
    return ", ".join([*([str(done)] if done else []), *(f"{n} {state}" for state, n in states.items())])


def waits(jobs: Iterable[tuple[str, Status]], records: Mapping[str, RunRecord]) -> dict[str, str]:
    """What runs that have not ended are at: run → "running, 40 %", "queued, number 2", "queued, after DM · mnist",
    "waiting for 3 runs" that it asked for."""
    states = dict(jobs)
    return {run_id: _at(status, records.get(run_id), states, records) for run_id, status in states.items()}


def _at(status: Status, record: RunRecord | None, states: Mapping[str, Status],
        records: Mapping[str, RunRecord]) -> str:
    if status.state == "running":
        return f"running, {text.percent(status.done / status.total, 0)}" if status.total else "running"
    if status.state != "queued" or record is None:
        return status.state
    first = next((records[parent] for parent in record.info.get("parents") or () if parent in states), None)
    if first is not None:
        return f"queued, after {tables.title(first)}"
    if status.awaited:
        return waiting_for(status)
    state = "queued"
    if status.aside:
        state = f"stepped aside at {text.percent(status.done / status.total, 0)}" if status.total else "stepped aside"
    return f"{state}, number {status.position}" if status.position else state


def waiting_for(status: Status) -> str:
    """ "waiting for 3 runs", which it asked for."""
    return f"waiting for {status.awaited:,} run{'s' * (status.awaited != 1)}"


def unnamed(private: Iterable[Status]) -> str:
    """ "Private runs of others: 1 running, 2 waiting (number 2, 5)."; "" where there are none."""
    statuses = list(private)
    places = sorted(status.position for status in statuses if status.position)
    waiting = sum(status.state == "queued" for status in statuses)
    numbers = {"running": len(statuses) - waiting, "waiting": waiting}
    words = ", ".join(f"{number} {word}" for word, number in numbers.items() if number)
    where = f" (number {', '.join(map(str, places))})" if places else ""
    return f"Private runs of others: {words}{where}." if statuses else ""


def before(active: Iterable[Status], slots: int) -> str:
    """ "3 runs wait before it": of a run that would be asked for now; "" where it would start at once.

    Runs that wait for others take no slot themselves.
    """
    working = [status for status in active if not status.awaited]
    waiting = sum(status.state == "queued" for status in working)
    if len(working) < slots:
        return ""
    return (f"{waiting:,} run{'s wait' if waiting != 1 else ' waits'} before it" if waiting
            else "it waits until a run has ended")
