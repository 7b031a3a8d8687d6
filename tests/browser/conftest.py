"""A freshly started server with an empty home, and a browser that notices errors and foreign requests."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ddcore.home import PROJECT

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]


@dataclass
class Server:
    url: str
    pid: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(home: Path, page: Any = None, *options: str, port: int = 0, **variables: str) -> Iterator[Server]:
    """A server of its own on a free port, with these environment variables; what it started is stopped at the end.

    page: of the browser, emptied before the server ends: an open one would go on asking for what is gone; options: of
    Streamlit, as its command takes them.
    """
    port = port or free_port()
    environment = {**os.environ, "DDCORE_HOME": str(home), "OMP_NUM_THREADS": "1", **variables}
    environment.pop("DDCORE_DATA", None)
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true",
               *options]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health")
        yield Server(f"http://localhost:{port}", process.pid)
        if page is not None:
            page.goto("about:blank")
    finally:
        process.terminate()
        process.wait(timeout=20)
        _stop_jobs(home)


def _wait_for(url: str) -> None:
    for _ in range(150):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the server did not come up within 30 s")


def _stop_jobs(home: Path) -> None:
    """Cancel what runs in this home; its runner ends by itself then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDCORE_HOME", str(home))
        from ddcore import jobs

        for run_id, _ in jobs.list_jobs():
            jobs.cancel(run_id)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "home") as running:
        yield running


@dataclass
class Watched:
    """A page of the browser; `complaints` holds console errors and requests to other hosts."""

    page: object
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = os.environ.get("DDCORE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs a Chromium: install one or name it in DDCORE_CHROMIUM")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watched(chromium: object) -> Iterator[Watched]:
    """A page that fails the test for console errors and for requests that leave this machine."""
    with watching(chromium) as seen:
        yield seen


@contextmanager
def watching(chromium: object, *exempt: str, **options: Any) -> Iterator[Watched]:
    """Such a page in a browser of its own, which has its own cookies. exempt: foreign hosts that may be asked, and are
    answered with nothing; options: of the browser."""
    context: Any = chromium.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})  # type: ignore[attr-defined]
    for host in exempt:
        context.route(f"https://{host}/**", lambda route: route.fulfill(body=""))
    seen = Watched(context.new_page())
    seen.page.on("console", lambda message: _note_console(seen, message))  # type: ignore[attr-defined]
    seen.page.on("pageerror", lambda error: seen.complaints.append(f"page error: {error}"))  # type: ignore[attr-defined]
    seen.page.on("request", lambda request: _note_request(seen, request.url, exempt))  # type: ignore[attr-defined]
    yield seen
    context.close()
    assert not seen.complaints


def _note_console(seen: Watched, message: object) -> None:
    where = message.location.get("url", "")  # type: ignore[attr-defined]
    # Streamlit's front end looks for the server below a deep link's own path first and is told 404 there (twice). An
    # answer there would make it take the page's address for the server's.
    probing = "/_stcore/" in where and "404" in message.text  # type: ignore[attr-defined]
    if message.type == "error" and not probing:  # type: ignore[attr-defined]
        seen.complaints.append(f"console: {message.text} ({where})")  # type: ignore[attr-defined]


def _note_request(seen: Watched, url: str, exempt: Collection[str] = ()) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("data", "blob") and parts.hostname not in ("localhost", "127.0.0.1", *exempt):
        seen.complaints.append(f"request to a foreign host: {url}")


def start_from_form(page: Any, draws: int) -> str:
    """Start the quick preset on digits with so many network draws, from DataDAM's form; the run's address."""
    from playwright.sync_api import expect

    field = page.get_by_role("textbox", name="K · Network draws")
    expect(field).to_be_visible(timeout=60_000)
    field.fill(str(draws))
    field.press("Enter")
    expect(page.get_by_text(f"K · Network draws {draws} instead of")).to_be_visible(timeout=60_000)
    page.get_by_text("Evaluate when done").click()
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"\?run=[0-9a-f]{16}$"), timeout=60_000)
    return str(page.url)
