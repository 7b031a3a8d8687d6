"""What browsers send: refused where no page asked for it, bounded, and kept in files; on Streamlit's own routes."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.web.server.starlette import starlette_routes

from ddcore.runs.files import LEFT_SECONDS, sweep
from pages.components import uploads
from pages.components.uploads import MB, Inbox

BOUNDARY = b"----WebKitFormBoundaryx"


class Server:
    """Streamlit's own upload routes behind our middleware."""

    def __init__(self) -> None:
        self.manager = MemoryUploadedFileManager("/_stcore/upload_file")
        runtime: Any = SimpleNamespace(is_active_session=lambda session: session != "gone")
        routes = starlette_routes.create_upload_routes(runtime, self.manager, "")
        self.app = Starlette(routes=routes, middleware=[Middleware(uploads.Intake)])

    def send(self, session: str, pieces: Iterable[bytes], method: str = "PUT", length: int | None = None,
             file_id: str = "f", kind: bytes = b"multipart/form-data; boundary=" + BOUNDARY) -> tuple[int, str]:
        """(status, words) of the answer."""
        return asyncio.run(self._send(session, iter(pieces), method, length, file_id, kind))

    async def _send(self, session: str, pieces: Any, method: str, length: int | None, file_id: str,
                    kind: bytes) -> tuple[int, str]:
        answer: list[Any] = []

        async def receive() -> Any:
            piece = next(pieces, None)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": piece != END}

        async def send(message: Any) -> None:
            answer.append(message)

        headers = [(b"content-type", kind)] + ([(b"content-length", b"%d" % length)] if length is not None else [])
        path = f"/_stcore/upload_file/{session}/{file_id}"
        await self.app({"type": "http", "method": method, "path": path, "root_path": "", "query_string": b"",
                        "headers": headers, "http_version": "1.1", "scheme": "http"}, receive, send)
        return (answer[0]["status"], b"".join(m.get("body", b"") for m in answer).decode()) if answer else (0, "")

    def kept(self, session: str, file_id: str = "f") -> Any:
        """What Streamlit has of it."""
        return next(iter(self.manager.get_files(session, [file_id])), None)


END = b"\r\n--" + BOUNDARY + b"--\r\n"


def body(*content: bytes, name: str = "katzen-ä.zip") -> list[bytes]:
    head = b'--%b\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\nContent-Type: application/zip\r\n\r\n'
    return [head % (BOUNDARY, name.encode()), *content, END]


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(starlette_routes, "is_xsrf_enabled", lambda: False)
    return Server()


def files(home: Path) -> list[Path]:
    return list((home / "uploads").iterdir()) if (home / "uploads").exists() else []


def test_what_no_page_asked_for_is_refused_before_it_is_read(server: Server, home: Path) -> None:
    def endless() -> Iterable[bytes]:
        yield body()[0]
        pytest.fail("it was read")

    assert server.send("somebody", endless()) == (403, uploads.NOT_ASKED)
    assert server.kept("somebody") is None
    assert not files(home)


def test_what_a_page_asked_for_lies_in_a_file_and_streamlit_has_a_few_bytes_of_it(server: Server, home: Path) -> None:
    """Should this fail with another Streamlit: it takes files in another way, and keeps them in memory."""
    inbox = Inbox("somebody")
    content = [b"PK\3\4", b"\r\n--" + BOUNDARY[:-1] + b"y\r\n", os.urandom(3 * MB), b"\r\n"]
    assert server.send("somebody", body(*content)) == (204, "")
    record = server.kept("somebody")
    assert (record.name, record.type, record.data) == ("katzen-ä.zip", "application/zip", uploads.STAND_IN)
    assert [inbox.files["f"].read_bytes()] == [b"".join(content)]
    assert files(home) == [inbox.files["f"]]
    assert inbox.bytes == {inbox.files["f"]: sum(map(len, content))}


def test_a_file_goes_with_its_successor_the_visitors_wish_and_the_page(server: Server, home: Path) -> None:
    inbox = Inbox("somebody")
    for content in (b"one", b"two"):
        server.send("somebody", body(content))
    assert [path.read_bytes() for path in files(home)] == [b"two"]
    assert server.send("somebody", [END], "DELETE")[0] == 204
    assert not files(home)
    server.send("somebody", body(b"three"))
    left = weakref.ref(inbox)
    del inbox
    gc.collect()
    assert left() is None
    assert not files(home)
    assert server.send("somebody", body(b"four"))[0] == 403


@pytest.mark.parametrize(("length", "status"), [(None, 413), (999 * MB, 413)])
def test_too_large_a_file_is_refused_and_nothing_of_it_stays(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch, length: int | None, status: int
) -> None:
    monkeypatch.setattr(uploads, "FILE_MB", 2)
    inbox = Inbox("somebody")
    answer = server.send("somebody", body(*[bytes(MB)] * 5), length=length)
    assert answer == (status, "The file is larger than the 2 MB allowed.")
    assert (files(home), inbox.bytes, inbox.files) == ([], {}, {})


def test_one_visitor_and_all_visitors_together_have_so_much_and_no_more(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "EACH_MB", 2)
    monkeypatch.setattr(uploads, "ALL_MB", 3)
    one, two = Inbox("one"), Inbox("two")
    content = body(bytes(MB - 1))
    assert [server.send("one", content, file_id=str(i))[0] for i in range(3)] == [204, 204, 413]
    assert [server.send("two", content, file_id=str(i))[0] for i in range(2)] == [204, 503]
    assert server.send("two", content, file_id="2")[1].startswith("The files that visitors have brought take the ")
    assert (len(one.files), len(two.files), len(files(home))) == (2, 1, 3)
    one.forget("0")
    assert server.send("two", content)[0] == 204


@pytest.mark.parametrize(("pieces", "kind", "words"), [
    (body(b"x")[:-1], b"multipart/form-data; boundary=" + BOUNDARY, ""),  # hung up
    ([*body(b"x")[:-1], b"\r\n--" + BOUNDARY + b"\r\n\r\nsecond", END], b"multipart/form-data; boundary=" + BOUNDARY,
     "One file at a time."),
    ([b"nonsense", END], b"multipart/form-data; boundary=" + BOUNDARY, "cannot be read"),
    ([b"x", END], b"text/plain", "sent as multipart"),
    ([b"x", END], b"multipart/form-data", "sent as multipart"),
])
def test_what_is_not_one_whole_file_leaves_nothing(
    server: Server, home: Path, pieces: list[bytes], kind: bytes, words: str
) -> None:
    inbox = Inbox("somebody")
    status, told = server.send("somebody", pieces, kind=kind)
    assert (status, told) == (0, "") if not words else status == 400
    assert words in told
    assert (files(home), inbox.bytes, server.kept("somebody")) == ([], {}, None)


def test_what_streamlit_refuses_is_not_kept(server: Server, home: Path) -> None:
    inbox = Inbox("gone")
    assert server.send("gone", body(b"x"))[0] == 400
    assert (files(home), inbox.files) == ([], {})


def test_a_full_disk_is_told(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox("somebody")
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda path: SimpleNamespace(free=100 * MB))
    assert server.send("somebody", body(b"x")) == (507, "The disk is too full for files of visitors.")
    assert (files(home), inbox.bytes) == ([], {})


def test_what_a_killed_server_left_is_swept_and_what_another_one_has_is_not(home: Path) -> None:
    (home / "uploads").mkdir(parents=True)
    left = home / "uploads" / ".upload.99999999.abc.tmp"
    left.write_bytes(b"x")
    mine = Inbox("somebody")
    (path := mine.room()).write_bytes(b"y")
    with uploads.kept():
        assert files(home) == [path]
    assert not files(home)


def test_a_server_that_starts_on_the_same_home_leaves_what_another_ones_visitor_has_held_for_hours(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LOOK_SECONDS", 0.01)
    inbox, long_ago = Inbox("somebody"), time.time() - 2 * LEFT_SECONDS
    with uploads.kept():
        (path := inbox.room()).write_bytes(b"y")
        os.utime(path, (long_ago, long_ago))
        time.sleep(0.2)
        sweep(home / "uploads")  # by the other server
        assert files(home) == [path]


def test_the_files_of_a_visitor_who_has_gone_are_deleted_and_of_one_who_may_come_back_are_not(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, now = set[str](), [1000.0]
    monkeypatch.setattr("streamlit.runtime.get_instance",
                        lambda: SimpleNamespace(is_active_session=lambda session: session not in away))
    monkeypatch.setattr(uploads, "time", SimpleNamespace(monotonic=lambda: now[0]))
    inboxes = [Inbox("here"), Inbox("away")]
    for session in ("here", "away"):
        server.send(session, body(b"x"))
    for seconds, left in ((100, 2), (50, 1)):
        uploads.tidy()
        away.add("away")
        now[0] += seconds
        uploads.tidy()
        assert len(files(home)) == left
    assert [len(inbox.files) for inbox in inboxes] == [1, 0]
    with pytest.raises(HTTPException, match=uploads.NOT_ASKED):
        inboxes[1].grow(home / "still coming", 1)
    assert server.send("away", body(b"x"))[0] == 403


def test_a_streamlit_that_does_not_say_who_is_there_is_not_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox("somebody")
    inbox.room().write_bytes(b"x")
    monkeypatch.setattr("streamlit.runtime.get_instance", lambda: SimpleNamespace())
    uploads.tidy()
    assert len(files(home)) == 1
