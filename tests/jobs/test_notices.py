"""Word of a run that has ended: what is posted to a real address, what never is, and that nobody waits for it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from toyjobs import finish, toy, until

from ddcore import jobs
from ddcore.errors import DDCoreError
from ddcore.hosting import audit
from ddcore.hosting.people import Person, acting_as
from ddcore.jobs import notices
from ddcore.jobs.job import mark_ended, mark_queued, request_cancel
from ddcore.jobs.keeper import Keeper
from ddcore.report import names
from ddcore.runs import Store

ANNE = Person("a" * 16, "student", "Anne Secret", "anne@example.org")
SECRET = "hook-4711"


@dataclass
class Chat:
    """A chat that takes messages, or answers otherwise."""

    url: str
    answer: int = 200
    pause: float = 0.0
    said: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def chat() -> Iterator[Chat]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            room.said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(room.pause)
            self.send_response(room.answer)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    room = Chat(f"http://127.0.0.1:{server.server_port}/{SECRET}")
    Thread(target=server.serve_forever, daemon=True).start()
    yield room
    server.shutdown()
    server.server_close()


@pytest.fixture
def hosted(toys: Path, chat: Chat) -> Path:
    (toys / "hosting.toml").write_text(
        f'address = "https://distil.example.org/"\n[notices]\nwebhook = "{chat.url}"\n')
    return toys


def ended(seed: int, state: str = "done") -> str:
    """A run that ended so, as its runner notes it."""
    if state == "done":
        run = jobs.run_inline(toy(seed=seed))
    else:
        record = Store().create(toy(seed=seed))
        run = record.id
        mark_queued(record.folder)
        mark_ended(record.folder, state)
    notices.note(Store().record(run).folder, state)
    return run


def posted() -> None:
    if thread := notices.post(Store(), names.public):
        thread.join()


def left(home: Path) -> list[str]:
    return sorted(os.listdir(home / "jobs" / "notices"))


def test_a_run_that_ends_is_told_by_what_it_computes_its_state_and_its_address_and_no_person(
    hosted: Path, chat: Chat
) -> None:
    with acting_as(ANNE):
        run = jobs.submit(toy(seed=1))
        finish(run)
        Store().annotate(run, name="Anne's best <!channel>")
    until(lambda: (hosted / "jobs" / "notices" / run).exists())
    looks = Keeper(0, names.public)
    until(lambda: (looks.look(), chat.said)[1])
    link = f"https://distil.example.org/Runs?run={run}"
    assert chat.said == [{"text": f"Done: Toy {link}", "name": "Toy", "state": "done", "link": link}]
    until(lambda: left(hosted) == [])
    looks.look()
    assert len(chat.said) == 1


@pytest.mark.parametrize(("state", "word"), [("failed", "Failed"), ("interrupted", "Interrupted")])
def test_how_it_ended_is_told(hosted: Path, chat: Chat, state: str, word: str) -> None:
    ended(1, state)
    posted()
    (said,) = chat.said
    assert (said["state"], said["text"].partition(":")[0]) == (state, word)


def test_what_was_cancelled_and_what_a_run_asked_for_is_not_told_and_what_its_time_ended_is(
    hosted: Path, chat: Chat
) -> None:
    record = Store().create(toy(seed=1))
    mark_queued(record.folder)
    request_cancel(record.folder, 5)
    notices.note(record.folder, "cancelled")
    part = Store().create(toy(seed=2))
    mark_queued(part.folder, record.id)
    notices.note(part.folder, "done")
    notices.note(record.folder, "queued")
    assert not (hosted / "jobs" / "notices").exists()
    request_cancel(record.folder, 5, "It has computed for 8 hours; 8 are allowed. A teacher can resume it.")
    notices.note(record.folder, "cancelled")
    posted()
    assert [said["text"].partition(":")[0] for said in chat.said] == ["Ended"]


@pytest.mark.parametrize("text", ["", '[notices]\nwebhook = ""', '[notices]\nwebhook = "file:///etc/passwd"', "wrong"])
def test_without_an_address_nothing_is_noted(hosted: Path, chat: Chat, text: str) -> None:
    (hosted / "hosting.toml").write_text(text)
    ended(1)
    assert notices.post(Store(), names.public) is None
    assert not (hosted / "jobs" / "notices").exists()


def test_a_chat_that_refuses_is_asked_a_few_times_and_then_no_longer(
    hosted: Path, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.answer = 500
    run = ended(1)
    posted()
    posted()  # it is not yet time
    assert len(chat.said) == 1
    monkeypatch.setattr(notices, "PATIENCE", (0.0, 0.0))
    for _ in range(5):
        posted()
    assert len(chat.said) == 3
    assert left(hosted) == []
    line = audit.lines(1)[0]
    assert (line["who"], line["deed"], line["what"], line["outcome"]) == \
        ("machine", "notice", run, "failed: the webhook answered 500")
    assert SECRET not in (hosted / "audit.jsonl").read_text()


def test_where_nobody_answers_the_reason_does_not_hold_the_address(
    hosted: Path, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hosted / "hosting.toml").write_text(f'[notices]\nwebhook = "http://127.0.0.1:9/{SECRET}"')
    monkeypatch.setattr(notices, "PATIENCE", ())
    ended(1)
    posted()
    assert audit.lines(1)[0]["outcome"] == "failed: the webhook could not be reached (URLError)"
    assert SECRET not in (hosted / "audit.jsonl").read_text()


def test_a_slow_chat_holds_up_neither_the_queue_nor_a_run(hosted: Path, chat: Chat) -> None:
    chat.pause = 2.0
    ended(1)
    ended(2)
    began = time.monotonic()
    thread = notices.post(Store(), names.public)
    assert notices.post(Store(), names.public) is None  # one at a time
    Keeper(0, names.public).look()
    assert time.monotonic() - began < 1.5
    assert thread is not None
    thread.join()
    assert len(chat.said) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": "done", "tries": "x"}', '{"state": "odd", "tries": 0}'])
def test_a_note_that_says_something_else_is_thrown_away(hosted: Path, chat: Chat, text: str) -> None:
    run = ended(1)
    (hosted / "jobs" / "notices" / run).write_text(text)
    (hosted / "jobs" / "notices" / "nothing").write_text('{"state": "done", "tries": 0}')
    posted()
    assert (chat.said, left(hosted)) == ([], [])


def test_a_failing_worker_is_told_by_its_runner(hosted: Path, chat: Chat) -> None:
    run = jobs.submit(toy(manner="fail"))
    with pytest.raises(DDCoreError):
        jobs.wait(run)
    until(lambda: (posted(), chat.said)[1])
    assert chat.said[0]["state"] == "failed"
