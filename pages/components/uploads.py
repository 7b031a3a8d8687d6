"""What browsers send: only what a page asked for, kept in files and not in the server's memory.

Streamlit takes a file from every visitor, whether or not a page asked for one, and keeps it in memory. `Intake` stands
in front of it: it refuses what no page asked for, writes the rest into files below the home, and hands Streamlit a few
bytes in its place. Should a later Streamlit take files at another address, `Intake` sees none of them, Streamlit keeps
them as it does, and the pages work with that.
"""

import contextlib
import os
import re
import shutil
import time
import uuid
import weakref
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import streamlit as st
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ddcore.errors import DDCoreError
from ddcore.home import home
from ddcore.runs.files import sweep
from pages.components import frame
from pages.components.allowed import control

MB = 2**20
FILE_MB = 200  # the largest file
EACH_MB = 5 * FILE_MB  # of one visitor at a time
ALL_MB = 20 * FILE_MB  # of all visitors at a time
FREE_MB = 500  # of the disk stay free: runs are written meanwhile
NOT_ASKED = "No page that you have open asks for a file, so none is taken."
FULL = f"The files that visitors have brought take the {ALL_MB:,} MB that they may. Try again in some minutes."
LOOK_SECONDS = 20.0  # between two looks for visitors who have gone
STAND_IN = b"This file lies in the home of the app."

_ADDRESS = re.compile(r".*/_stcore/upload_file/([^/]+)/([^/]+)", re.DOTALL)


@dataclass(frozen=True)
class Upload:
    """A file that a visitor brought; id: of this choice of it, another one each time."""

    id: str
    name: str
    path: Path


class Inbox:
    """What a visitor's page asked for and got. Its files go with it: with the session, or when another page is opened.

    files: by the id of the upload; bytes: of every file that is there, also of one that is still coming.
    """

    def __init__(self, session: str) -> None:
        self.files: dict[str, Path] = {}
        self.bytes: dict[Path, int] = {}
        self.shown: set[str] = set()  # the uploads that the page had the last time
        self.seen = time.monotonic()  # when its visitor was connected
        weakref.finalize(self, _delete, self.bytes)
        _inboxes[session] = self

    def close(self) -> None:
        """Delete everything: its visitor has gone."""
        _delete(self.bytes)
        self.files.clear()
        self.bytes.clear()

    def room(self) -> Path:
        """The path of a new file."""
        folder().mkdir(parents=True, exist_ok=True)
        path = folder() / f".upload.{os.getpid()}.{uuid.uuid4().hex}.tmp"
        self.bytes[path] = 0
        return path

    def hold(self) -> None:
        """Tell other servers of this home that its files are still held: what is old is nobody's to them."""
        for path in list(self.bytes):
            with contextlib.suppress(OSError):  # it was dropped meanwhile
                os.utime(path)

    def drop(self, path: Path | None) -> None:
        if path is not None and self.bytes.pop(path, None) is not None:
            path.unlink(missing_ok=True)

    def keep(self, file_id: str, path: Path) -> None:
        """This is the upload's file now."""
        self.drop(self.files.get(file_id))
        self.files[file_id] = path

    def forget(self, file_id: str) -> None:
        self.drop(self.files.pop(file_id, None))

    def grow(self, path: Path, size: int) -> None:
        """So many more bytes of a file are coming; raises HTTPException where they are too many."""
        with _counting:
            if path not in self.bytes:  # it was closed meanwhile
                raise HTTPException(403, NOT_ASKED)
            if self.bytes[path] + size > FILE_MB * MB:
                raise HTTPException(413, f"The file is larger than the {FILE_MB} MB allowed.")
            if sum(list(self.bytes.values())) + size > EACH_MB * MB:
                raise HTTPException(413, f"Your files take more than the {EACH_MB:,} MB allowed for one visitor.")
            if taken() + size > ALL_MB * MB:
                raise HTTPException(503, FULL)
            self.bytes[path] += size

    async def take(self, request: Request) -> tuple[Path, bytes]:
        """(the file that holds what a browser sends, the body of the same request with a stand-in for its content)."""
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise HTTPException(400, "A file is sent as multipart/form-data.")
        if int(request.headers.get("content-length") or 0) > (FILE_MB + 1) * MB:
            raise HTTPException(413, f"The file is larger than the {FILE_MB} MB allowed.")
        path = self.room()
        try:
            if shutil.disk_usage(path.parent).free < (FREE_MB + FILE_MB) * MB:
                raise HTTPException(507, "The disk is too full for files of visitors.")
            part = _Part(options[b"boundary"])
            with path.open("xb") as stream:
                async for chunk in request.stream():
                    self.grow(path, len(content := part.of(chunk)))
                    await run_in_threadpool(stream.write, content)
            return path, part.with_stand_in()
        except BaseException:
            self.drop(path)
            raise


class _Part:
    """The one file in a multipart body: its content goes on as it comes, its headers are kept."""

    def __init__(self, boundary: bytes) -> None:
        self.boundary, self.parts, self.whole, self.headers = boundary, 0, False, list[tuple[bytes, bytes]]()
        self._pieces, self._name, self._value = list[bytes](), b"", b""
        self._parser = MultipartParser(boundary, {
            "on_part_begin": self._begin, "on_part_data": self._data, "on_header_field": self._named,
            "on_header_value": self._valued, "on_header_end": self._header, "on_end": self._end,
        })

    def of(self, chunk: bytes) -> bytes:
        """What the next bytes of the body hold of the file; raises HTTPException where they hold more than one."""
        try:
            self._parser.write(chunk)
        except ValueError as error:  # MultipartParseError
            raise HTTPException(400, f"What was sent cannot be read: {error}.") from None
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content

    def with_stand_in(self) -> bytes:
        """The body, short: the same headers around a few bytes. Raises HTTPException where it was cut short."""
        if not self.whole or self.parts != 1:
            raise HTTPException(400, f"One whole file is expected; {self.parts} came.")
        headers = b"".join(b"%b: %b\r\n" % header for header in self.headers)
        return b"--%b\r\n%b\r\n%b\r\n--%b--\r\n" % (self.boundary, headers, STAND_IN, self.boundary)

    def _begin(self) -> None:
        self.parts += 1
        if self.parts > 1:
            raise HTTPException(400, "One file at a time.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _named(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _valued(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self.headers.append((self._name, self._value))
        self._name = self._value = b""

    def _end(self) -> None:
        self.whole = True


class Intake:
    """The middleware in front of Streamlit: what browsers send is asked for, bounded, and lies in files."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _ADDRESS.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if address is None or scope["method"] not in ("PUT", "DELETE"):
            await self.app(scope, receive, send)
            return
        session, file_id = address.groups()
        inbox = _inboxes.get(session)
        if scope["method"] == "DELETE":
            if await self._passed(scope, receive, send) and inbox is not None:
                inbox.forget(file_id)
            return
        try:
            if inbox is None:
                raise HTTPException(403, NOT_ASKED)
            path, body = await inbox.take(Request(scope, receive))
        except HTTPException as refusal:
            await PlainTextResponse(refusal.detail, refusal.status_code)(scope, receive, send)
        except OSError as error:
            words = f"The file cannot be kept here: {error.strerror or error}."
            await PlainTextResponse(words, 507)(scope, receive, send)
        except ClientDisconnect:
            pass
        else:
            inbox.keep(file_id, path)
            if not await self._passed({**scope, "headers": _of_length(scope["headers"], len(body))}, _once(body), send):
                inbox.forget(file_id)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether Streamlit took it."""
        took = False

        async def noting(message: Message) -> None:
            nonlocal took
            if message["type"] == "http.response.start":
                took = message["status"] < 300
            await send(message)

        await self.app(scope, receive, noting)
        return took


def _of_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    others = [header for header in headers if header[0].lower() not in (b"content-length", b"transfer-encoding")]
    return [*others, (b"content-length", b"%d" % length)]


def _once(body: bytes) -> Receive:
    """A request that has been received already."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


_inboxes: MutableMapping[str, Inbox] = weakref.WeakValueDictionary()  # by session: of pages that ask for a file
_counting = Lock()


def folder() -> Path:
    return home() / "uploads"


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """While the server runs, the files of those who have gone are deleted; all files at its end, and at its start those
    that one which was killed has left."""
    sweep(folder())
    closing = Event()

    def watch() -> None:
        while not closing.wait(LOOK_SECONDS):
            tidy()
            for inbox in list(_inboxes.values()):
                inbox.hold()

    Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        closing.set()
        for inbox in list(_inboxes.values()):
            inbox.close()


def tidy() -> None:
    """Delete the files of visitors whose sessions have ended. Streamlit ends one when somebody else comes, and Python
    lets go of it some time later; what it holds on the disk is not left to that."""
    with contextlib.suppress(ImportError, AttributeError, RuntimeError):  # where a later Streamlit has moved it
        from streamlit.runtime import get_instance

        runtime, patience = get_instance(), st.get_option("server.disconnectedSessionTTL")
        for session, inbox in list(_inboxes.items()):
            if runtime.is_active_session(session):
                inbox.seen = time.monotonic()
            elif time.monotonic() - inbox.seen > patience + LOOK_SECONDS:
                del _inboxes[session]
                inbox.close()


def taken() -> int:
    """Bytes of all files that visitors have here."""
    return sum(sum(list(inbox.bytes.values())) for inbox in list(_inboxes.values()))


def _delete(paths: dict[Path, int]) -> None:
    for path in list(paths):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def asked(page: str) -> Inbox:
    """The inbox of this visitor's page: from now on it may be sent files, until another page is opened."""
    context, key = get_script_run_ctx(), frame.session_key(page, "inbox")
    if key not in st.session_state:
        st.session_state[key] = Inbox(context.session_id if context else "")
    inbox: Inbox = st.session_state[key]
    return inbox


def unasked(page: str) -> None:
    """The page asks for no file any more."""
    st.session_state.pop(frame.session_key(page, "inbox"), None)


def uploader(
    page: str, label: str, types: list[str], key: str, deed: str, *, many: bool = False, help: str = ""
) -> list[Upload]:
    """A field for files, and those that were chosen in it. deed: what is done with them; the page asks for none of whom
    may not do it.

    Raises DDCoreError where they cannot be kept.
    """
    may = control(deed, help=help)
    if may["disabled"]:
        unasked(page)
        st.file_uploader(label, types, key=f"{key}-off", **may)
        return []
    inbox = asked(page)
    if taken() > (ALL_MB - FILE_MB) * MB:
        st.info(FULL, icon=":material/hourglass:")
    chosen: Any = st.file_uploader(label, types, many, key, help, max_upload_size=FILE_MB)
    files = chosen if many else [chosen] if chosen is not None else []
    for gone in inbox.shown - (shown := {file.file_id for file in files}):
        inbox.forget(gone)
    inbox.shown = shown
    for file in files:
        if file.file_id not in inbox.files:  # Streamlit has it
            try:
                if (content := file.getbuffer()) == STAND_IN:
                    raise DDCoreError(f"{file.name} is no longer here: choose it again")
                path = inbox.room()
                path.write_bytes(content)
            except OSError as error:
                raise DDCoreError(f"{file.name} cannot be kept in {folder()}: {error.strerror or error}") from None
            inbox.keep(file.file_id, path)
    return [Upload(file.file_id, file.name, inbox.files[file.file_id]) for file in files]
