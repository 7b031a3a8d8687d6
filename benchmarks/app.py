"""The app as a browser meets it: a fresh server, first content of a page, and the server's memory.

    python -m benchmarks.app [--repeats 5]

Each repeat starts a new server and a new browser context and asks for the page once. First content is
the browser's own first-contentful-paint; the title comes later, with the page's own words.
Needs playwright and a Chromium. Writes benchmarks/results/app.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence

import psutil
from playwright.sync_api import Browser, sync_playwright

from benchmarks.machine import keep
from ddcore.home import PROJECT

PAGES = ("", "Datasets", "Baselines", "DataDAM", "Runs")
QUIET = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    result = {"n": repeats, "pages": {}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET.split())
        for page in PAGES:
            measured = [_visit(browser, page) for _ in range(repeats)]
            painted, titled, memory = zip(*measured, strict=True)
            result["pages"][page or "Home"] = {
                "first_content_seconds": _summary(painted),
                "title_seconds": _summary(titled),
                "server_memory_mb": round(max(memory) / 1e6),
            }
            print(page or "Home", json.dumps(result["pages"][page or "Home"]), flush=True)
        browser.close()
    print(keep("app", result))


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds), 2), "max": round(max(seconds), 2)}


def _visit(browser: Browser, page: str) -> tuple[float, float, int]:
    """(seconds to the first paint of content, seconds to the title, resident bytes of the server a moment later)."""
    with tempfile.TemporaryDirectory() as home, _server(home) as (address, server):
        context = browser.new_context()
        tab = context.new_page()
        began = time.perf_counter()
        tab.goto(f"{address}/{page}", wait_until="commit")
        tab.wait_for_selector("h1", timeout=60_000)
        titled = time.perf_counter() - began
        painted = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
        tab.wait_for_timeout(3000)
        memory = psutil.Process(server).memory_info().rss
        context.close()
    return painted, titled, memory


@contextlib.contextmanager
def _server(home: str) -> Iterator[tuple[str, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    process = subprocess.Popen(
        [*command, "--server.port", address.rsplit(":", 1)[1]], cwd=PROJECT, env={**os.environ, "DDCORE_HOME": home},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            time.sleep(0.1)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
