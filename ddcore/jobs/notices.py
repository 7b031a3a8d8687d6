"""Word of a run that has ended, for the course's chat: posted to the webhook of the settings, in its own time.

Runners leave a note of each end under <home>/jobs/notices/, so that none is missed whoever is there; the keeper posts
them. What is posted names the run by what it computes, its state and its address, and no person: what somebody called
it may name one, so that is left out.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddcore import home
from ddcore.errors import ConfigError, RunBroken
from ddcore.hosting import audit
from ddcore.hosting.people import MACHINE, acting_as
from ddcore.hosting.private import owner
from ddcore.hosting.settings import settings
from ddcore.jobs.job import cancel_reason
from ddcore.runs.files import read_json, write_json
from ddcore.runs.record import RunRecord
from ddcore.runs.state import CANCELLED, asker
from ddcore.runs.store import Store

WORDS = {"done": "Done", "failed": "Failed", "interrupted": "Interrupted", "cancelled": "Ended"}
PATIENCE = (30.0, 120.0)  # seconds after each try in vain until the next; then it is given up
TIMEOUT = 5.0  # seconds of one try
DEED = "notice"  # in the audit log
Called = Callable[[RunRecord], str]

_posting = threading.Lock()


@dataclass(frozen=True)
class Notice:
    """What is to be posted, and the file that says so; last: whether it is not tried again after this."""

    file: Path
    last: bool
    message: dict[str, Any]


def note(folder: Path, state: str) -> None:
    """A run has ended: whoever posts notices finds it. Nothing is noted of private runs, of what a run asked for by
    itself, and of what somebody cancelled."""
    if not _webhook() or state not in WORDS or asker(folder) or owner(folder):
        return
    if state == "cancelled" and cancel_reason(folder) == CANCELLED:
        return
    _place().mkdir(parents=True, exist_ok=True)
    write_json(_place() / folder.name, {"state": state, "tries": 0}, durable=False)


def post(store: Store, called: Called) -> threading.Thread | None:
    """Post what is due, in a thread of its own: whoever looks after the queue does not wait for a chat. The thread,
    where there was something to post and nobody is at it."""
    if (where := _webhook()) is None or not (files := _files()):
        return None
    if not _posting.acquire(blocking=False):
        return None
    due = []
    try:
        due = [one for file in files if (one := _notice(store, file, where[1], called)) is not None]
    finally:
        if not due:
            _posting.release()
    thread = threading.Thread(target=_post_all, args=(where[0], due), daemon=True)
    if due:
        thread.start()
    return thread if due else None


def message(record: RunRecord, state: str, name: str, address: str) -> dict[str, Any]:
    """What is posted: text, as chats take it (Mattermost, Slack, Zulip), and what it says in parts."""
    link = f"{address.rstrip('/')}/Runs?run={record.id}" if address else ""
    text = f"{WORDS[state]}: {name}{f' {link}' if link else ''}"
    return {"text": text, "name": name, "state": state, "link": link}


def _notice(store: Store, file: Path, address: str, called: Called) -> Notice | None:
    """What this file asks for, where it is due; a file that asks for nothing any longer is deleted."""
    try:
        told, age = read_json(file), time.time() - file.stat().st_mtime
        state, tries = str(told["state"]), int(told["tries"])
    except FileNotFoundError:
        return None
    except (OSError, RunBroken, KeyError, TypeError, ValueError):
        state, tries, age = "", 0, 0.0
    if state not in WORDS or tries > len(PATIENCE) or not store.exists(file.name):
        file.unlink(missing_ok=True)
        return None
    if tries and 0 <= age < PATIENCE[tries - 1]:
        return None
    write_json(file, {"state": state, "tries": tries + 1}, durable=False)  # another keeper leaves it to this one
    record = store.record(file.name)
    return Notice(file, tries == len(PATIENCE), message(record, state, called(record), address))


def _post_all(url: str, due: list[Notice]) -> None:
    try:
        for one in due:
            problem = _post(url, one.message)
            with contextlib.suppress(OSError):
                if one.last or not problem:
                    one.file.unlink(missing_ok=True)
                if one.last and problem:
                    with acting_as(MACHINE):
                        audit.write(DEED, one.file.name, f"failed: {problem}")
    finally:
        _posting.release()


def _post(url: str, content: dict[str, Any]) -> str:
    """Why it could not be posted, without the address, which is a secret; "" where it was."""
    try:
        asked = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        return f"the webhook answered {error.code}"
    except Exception as error:  # whatever an address or what answers there makes of it
        return f"the webhook could not be reached ({type(error).__name__})"


def _webhook() -> tuple[str, str] | None:
    """(where notices are posted to, the address of the workbench)"""
    try:
        hosted = settings()
    except ConfigError:
        return None
    if hosted is None or not hosted.notices.webhook.startswith(("https://", "http://")):
        return None
    return hosted.notices.webhook, hosted.address


def _files() -> list[Path]:
    try:
        return sorted(one for one in _place().iterdir() if not one.name.startswith("."))
    except OSError:
        return []


def _place() -> Path:
    return home.jobs_root() / "notices"
