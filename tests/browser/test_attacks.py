"""Visitors that no browser would be: six files that no page asked for, and an archive of endless pixels."""

from __future__ import annotations

import http.client
import io
import os
import struct
import threading
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.components import uploads
from tests.browser.conftest import Server, serving

connect = pytest.importorskip("websockets.sync.client", reason="comes with Streamlit").connect
pytestmark = pytest.mark.slow
MB = 2**20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One that takes a visitor for gone two seconds after the connection broke."""
    with serving(tmp_path / "home", STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL="2") as running:
        yield running


class Visitor:
    """A page that is open, without a browser; what is drawn is gathered as text."""

    def __init__(self, server: Server, socket: Any, token: str) -> None:
        self.server, self.socket, self.token, self.drawn, self.uploader = server, socket, token, "", ""

    def open(self, page: str, query: str, chosen: tuple[str, Any] | None = None) -> None:
        message = BackMsg()
        message.rerun_script.page_name, message.rerun_script.query_string = page, query
        if chosen is not None:
            name, urls = chosen
            state = message.rerun_script.widget_states.widgets.add(id=self.uploader)
            file = state.file_uploader_state_value.uploaded_file_info.add(file_id=urls.file_id, name=name, size=1)
            file.file_urls.CopyFrom(urls)
        self.socket.send(message.SerializeToString())

    def until(self, kind: str) -> Any:
        """The next message of this kind."""
        while True:
            message = ForwardMsg()
            message.ParseFromString(self.socket.recv(timeout=120))
            if message.WhichOneof("type") == "delta":
                self.drawn += str(message.delta)
                self.uploader = message.delta.new_element.file_uploader.id or self.uploader
            if message.WhichOneof("type") == kind:
                return getattr(message, kind)

    def send(self, pieces: list[bytes]) -> tuple[int, str, Any]:
        """(status and words of the answer, the address) of a file that is sent as browsers do."""
        message = BackMsg()
        message.file_urls_request.request_id = "1"
        message.file_urls_request.file_names.append("tiles.zip")
        self.socket.send(message.SerializeToString())
        urls = self.until("file_urls_response").file_urls[0]
        head = b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="tiles.zip"\r\n\r\n'
        pieces = [head, *pieces, b"\r\n--xyz--\r\n"]
        address = urlsplit(self.server.url)
        assert address.hostname
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        connection.putrequest("PUT", urls.upload_url)
        for name, value in (("Content-Type", "multipart/form-data; boundary=xyz"), ("X-Xsrftoken", self.token),
                            ("Cookie", f"_streamlit_xsrf={self.token}"), ("Content-Length", sum(map(len, pieces)))):
            connection.putheader(name, str(value))
        connection.endheaders()
        try:
            for piece in pieces:
                connection.send(piece)
        except (BrokenPipeError, ConnectionResetError):  # it is refused before it is sent
            pass
        try:
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), urls
        except ConnectionError:
            return 0, "", urls

    def choose(self, content: bytes, page: str, query: str) -> None:
        """Upload it and let the page see it; its end is not awaited."""
        status, _, urls = self.send([content])
        assert status == 204
        self.open(page, query, ("tiles.zip", urls))


@contextmanager
def visiting(server: Server, page: str = "", query: str = "") -> Iterator[Visitor]:
    """Somebody who has opened this page."""
    answer = urllib.request.urlopen(f"{server.url}/_stcore/health")
    token = next(cookie.split(";")[0].split("=", 1)[1] for cookie in answer.headers.get_all("set-cookie")
                 if cookie.startswith("_streamlit_xsrf"))
    address = f"ws://{urlsplit(server.url).netloc}/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], origin=server.url, max_size=None) as socket:
        visitor = Visitor(server, socket, token)
        visitor.open(page, query)
        visitor.until("script_finished")
        yield visitor


def rss(server: Server) -> float:
    return psutil.Process(server.pid).memory_info().rss / MB


def kept(home: Path) -> list[Path]:
    return list((home / "uploads").iterdir()) if (home / "uploads").exists() else []


def bent(images: int, side: int = 6300) -> bytes:
    """A zip of half a kilobyte for each image of 39.7 megapixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    packed = zlib.compress((b"\0" + b"\x55" * (-(-side // 8))) * side, 9)
    image = b"\x89PNG\r\n\x1a\n" + b"".join((
        chunk(b"IHDR", struct.pack(">2L5B", side, side, 1, 0, 0, 0, 0)), chunk(b"IDAT", packed), chunk(b"IEND", b"")))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(images):
            archive.writestr(f"{'cat' if i % 2 else 'dog'}/{i}.png", image)
    return stream.getvalue()


def test_six_files_that_no_page_asked_for_are_refused_and_take_no_memory(server: Server, tmp_path: Path) -> None:
    with visiting(server) as visitor:
        before = rss(server)
        answers = [visitor.send([os.urandom(MB)] * 150)[:2] for _ in range(6)]
    assert set(answers) <= {(403, uploads.NOT_ASKED), (0, "")}
    assert (403, uploads.NOT_ASKED) in answers
    assert rss(server) - before < 20
    assert not kept(tmp_path / "home")


def test_what_a_page_asked_for_is_bounded_takes_no_memory_and_goes_with_the_visitor(
    server: Server, tmp_path: Path
) -> None:
    with visiting(server, "Datasets", "bring=own") as visitor:
        before = rss(server)
        answers = [visitor.send([os.urandom(MB)] * 150)[0] for _ in range(7)]
        assert answers[:6] == [204] * 6
        assert answers[6] in (413, 0)
        assert rss(server) - before < 20
        assert sum(path.stat().st_size for path in kept(tmp_path / "home")) == 900 * MB
    _wait(lambda: not kept(tmp_path / "home"), 3 * uploads.LOOK_SECONDS)


def test_files_end_with_the_server_and_those_of_a_killed_one_with_the_next(tmp_path: Path) -> None:
    for signal in ("SIGTERM", "SIGKILL", "SIGTERM"):
        with serving(tmp_path / "home") as server:
            assert not kept(tmp_path / "home")
            with visiting(server, "Datasets", "bring=own") as visitor:
                visitor.send([b"x" * MB])
                assert len(kept(tmp_path / "home")) == 1
                process = psutil.Process(server.pid)
                process.kill() if signal == "SIGKILL" else process.terminate()
                process.wait(20)
        assert len(kept(tmp_path / "home")) == (signal == "SIGKILL")


def test_an_archive_of_endless_pixels_costs_nobody_else_anything(server: Server, tmp_path: Path) -> None:
    """Of a zip of 10 kB, 20 × 39.7 megapixels."""
    with visiting(server):
        pass  # whatever is loaded once
    with visiting(server, "Datasets", "bring=own") as visitor:
        alone = min(_seconds_of_home(server) for _ in range(3))
        before, most, seconds, over = rss(server), 0.0, list[float](), threading.Event()
        visitor.choose(bent(20), "Datasets", "bring=own")
        waiting = threading.Thread(target=lambda: (visitor.until("script_finished"), over.set()))
        waiting.start()
        while not over.is_set():
            seconds.append(_seconds_of_home(server))
            most = max(most, rss(server))
        waiting.join()
        while "Refused" not in visitor.drawn:  # the page is drawn again to say so
            visitor.until("script_finished")
    assert "already have 436,590,000 pixels, allowed are 400,000,000 in all for" in visitor.drawn
    assert most - before < 30
    assert min(seconds) < 3 * alone + 0.3
    assert not kept(tmp_path / "home")


def test_who_leaves_takes_the_process_along(server: Server, tmp_path: Path) -> None:
    process = psutil.Process(server.pid)
    with visiting(server, "Datasets", "bring=own") as visitor:
        visitor.choose(bent(9), "Datasets", "bring=own")
        _wait(lambda: process.children())
        visitor.open("", "")
        _wait(lambda: not process.children(), 5)
        visitor.until("script_finished")
        _wait(lambda: not kept(tmp_path / "home"))


def _seconds_of_home(server: Server) -> float:
    began = time.monotonic()
    with visiting(server):
        return time.monotonic() - began


def _wait(true: Any, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)
