"""A hosted workbench from the machine that it runs on: who uses what, the queue, quotas, the audit log; health."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ddcore.cli.flags import as_json, count_runs, show
from ddcore.errors import ConfigError
from ddcore.hosting import people, quotas
from ddcore.jobs import drain as draining
from ddcore.jobs import oversight
from ddcore.jobs.health import health as look
from ddcore.report import oversight as words
from ddcore.report import text
from ddcore.runs.store import Store

PERSON = click.argument("person", metavar="PERSON")


@click.group("hosting", help="Look after a workbench that many share. PERSON is an id, an e-mail address or a name.")
def hosting() -> None: ...


@hosting.command("people", help="Who uses what.")
@as_json
def people_(as_json: bool) -> None:
    uses = oversight.uses()
    rows = [{**asdict(use), "person": asdict(use.person), "quota": asdict(use.quota)} for use in uses]
    show({"people": rows}, as_json, lambda: _table(words.people(uses)) if uses else "nobody has signed in yet")


@hosting.command(help="What works and what waits, with its people, in the order in which it is taken.")
@as_json
def queue(as_json: bool) -> None:
    places = oversight.queue()
    rows = [asdict(place) for place in places]
    show({"queue": rows, "draining": draining.draining()}, as_json, lambda: "\n".join([
        *([draining.TOLD] if draining.draining() else []),
        _table(words.queue(places, Store().by_id())) if places else "nothing works and nothing waits"]))


@hosting.command(help="Let nothing begin any longer: what works is finished.")
@as_json
def drain(as_json: bool) -> None:
    draining.drain()
    show({"draining": True}, as_json, lambda: draining.TOLD)


@hosting.command("go-on", help="Let what waits begin again.")
@as_json
def go_on(as_json: bool) -> None:
    draining.go_on()
    show({"draining": False}, as_json, lambda: "The queue goes on.")


@hosting.command(help="Stop all that works or waits for somebody; what somebody else waits for goes on.")
@PERSON
@as_json
def cancel(person: str, as_json: bool) -> None:
    number = oversight.cancel_all(_id(person))
    show({"cancelled": number}, as_json, lambda: f"{count_runs(number)} cancelled")


@hosting.command(help="Allow somebody more, or less, than the settings say. "
                      f"LIMIT: {', '.join(quotas.TYPES)}. NUMBER: 0 for no limit, “default” for what the settings say.")
@PERSON
@click.argument("limit", metavar="LIMIT")
@click.argument("number", metavar="NUMBER")
@as_json
def allow(person: str, limit: str, number: str, as_json: bool) -> None:
    person_id = _id(person)
    try:
        quotas.allow(person_id, limit, None if number == "default" else float(number))
    except ValueError:
        raise ConfigError([f"NUMBER is a number or “default”, got {number!r}"]) from None
    told = words.quota(quotas.of(person_id), quotas.allowed(person_id))
    show({"quota": asdict(quotas.of(person_id)), "allowed": quotas.allowed(person_id)}, as_json, lambda: _table(told))


@hosting.command(help="Who did what to which run when, newest first.")
@click.option("--person", default="", metavar="PERSON", help="Only of this person.")
@click.option("--deed", default="", help="Only of this deed, as the table of rights names it.")
@click.option("--last", default=50, type=click.IntRange(1), help="So many lines.", show_default=True)
@as_json
def log(person: str, deed: str, last: int, as_json: bool) -> None:
    lines = oversight.log(_id(person) if person else "", deed, last)
    show({"log": lines}, as_json, lambda: _table(words.log(lines, Store().by_id())) if lines else "nothing yet")


@click.command(help="Whether the workbench works, as its address /health tells monitors. Exit status 1 where it does "
               "not.")
@as_json
def health(as_json: bool) -> int:
    told = look()
    show(told, as_json, lambda: _health(told))
    return int(told["status"] != "ok")


def _health(told: dict[str, Any]) -> str:
    queue, disk = told["queue"], told["disk"] or {}
    return "\n".join([
        f"{told['status']}: {queue['working']} working, {queue['waiting']} waiting"
        f"{', draining' if queue['draining'] else ''}; {text.bytes_(disk.get('free_bytes'))} free", *told["problems"]])


def _id(words: str) -> str:
    """The id of whom these words name."""
    if people.PERSON_ID.fullmatch(words) or words == people.MACHINE.id:
        return words
    named = [one.id for one in people.people() if words.lower() in (one.email.lower(), one.name.lower())]
    if len(named) != 1:
        raise ConfigError([f"{len(named) or 'no'} people are called {words!r}; see `python -m ddcore hosting people`"])
    return named[0]


def _table(frame: Any) -> str:
    return str(frame.to_string(index=False))


COMMANDS: tuple[click.Command, ...] = (hosting, health)
