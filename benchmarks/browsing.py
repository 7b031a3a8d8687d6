"""A server of its own and a browser that says how long things take, when a page stands still, and what it says.

For benchmarks.app, benchmarks.screens and the browser tests.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from ddcore.home import PROJECT

QUIET = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
SETTLED = 2.0  # seconds in which a page that stands loads what it may need next

# Milliseconds until the title, until all of `shown`, and until the server has nothing more to say: seen by the page
# itself, from the click on, or from where the address was asked for.
WATCH = """
async ({click, title, shown}) => {
  const began = click ? performance.now() : 0;
  const passed = async (ready) => {
    while (!ready()) {
      if (performance.now() - began > 60000) throw new Error(`${title} did not come within a minute`);
      await new Promise((resume) => setTimeout(resume, 8));
    }
    return performance.now() - began;
  };
  const app = () => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState;
  if (click) document.querySelector(click).click();
  const titled = await passed(() => document.querySelector('h1')?.innerText === title);
  const seen = await passed(() => shown.every((one) => document.querySelector(one)));
  return [titled, seen, await passed(() => app() === 'notRunning')];
}
"""

# Every message to the server starts an entry; what comes back until the next one is counted with it.
LISTEN = """
window.exchanges = [];
window.WebSocket = class extends window.WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({data}) => {
      const last = window.exchanges.at(-1);
      if (last) { last.heard = performance.now(); last.bytes += data.byteLength ?? data.size ?? 0; }
    });
  }
  send(data) { window.exchanges.push({asked: performance.now(), heard: null, bytes: 0}); super.send(data); }
};
"""

# One string, the same for as long as nothing is being computed, drawn or moved.
STILL = """
() => {
  const app = document.querySelector('[data-testid=stApp]');
  const busy = '[data-testid=stStatusWidget], [data-testid=stSpinner], [data-testid=stSkeleton], [data-stale=true],'
    + '[data-testid=stAppSkeleton]';
  const charts = [...document.querySelectorAll('[data-testid=stPlotlyChart]')];
  const ready = app?.dataset.testScriptState === 'notRunning' && document.querySelector('h1')
    && !document.querySelector(busy) && [...document.images].every((image) => image.complete)
    && charts.every((chart) => !chart.offsetParent || chart.querySelector('.main-svg'));
  const main = document.querySelector('[data-testid=stMain]');
  const state = () => [main.scrollHeight, main.innerText.length, main.querySelectorAll('*').length].join(' ');
  return ready ? state() : `${Math.random()}`;
}
"""

# What a person reads in the main area: the text that is shown outside of charts, tables and closed expanders, but for
# symbols, which are letters to the browser, and the copy of a formula that is there for machines.
READ = """
() => {
  const apart = '[data-testid=stPlotlyChart], [data-testid=stDataFrame], table, canvas, svg, style, script,'
    + '[data-testid=stIconMaterial], .katex-mathml, details:not([open]) > :not(summary)';
  const main = document.querySelector('[data-testid=stMain]');
  const texts = document.createTreeWalker(main, NodeFilter.SHOW_TEXT), read = [];
  while (texts.nextNode()) {
    const within = texts.currentNode.parentElement;
    if (within.checkVisibility({visibilityProperty: true}) && !within.closest(apart)) read.push(texts.currentNode.data);
  }
  return read.join(' ');
}
"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET.split())
        yield browser
        browser.close()


@contextlib.contextmanager
def server(home: str) -> Iterator[tuple[str, psutil.Process]]:
    """(address, process) of a server with this DDCORE_HOME that has answered once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    process = subprocess.Popen(
        [*command, "--server.port", address.rsplit(":", 1)[1]], cwd=PROJECT, env={**os.environ, "DDCORE_HOME": home},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            time.sleep(0.1)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def visit(tab: Page, address: str, title: str, *shown: str) -> tuple[float, float, float]:
    """Seconds until the page at this address has its title, has all of `shown` (selectors), and stands."""
    tab.goto(address, wait_until="commit")
    return _watched(tab, None, title, shown)


def click(tab: Page, link: str, title: str, *shown: str) -> tuple[float, float, float]:
    """Likewise from a click on what the selector `link` finds, in a page that has it and has had a moment of rest."""
    tab.wait_for_selector(link, state="attached")
    tab.wait_for_timeout(1000 * SETTLED)
    return _watched(tab, link, title, shown)


def settle(tab: Page, seconds: float = 60, quiet: float = 0.6) -> bool:
    """Wait until the page has stood still for `quiet` seconds; whether it came to that."""
    last, since, end = "", time.monotonic(), time.monotonic() + seconds
    while time.monotonic() < end:
        if (now := tab.evaluate(STILL)) != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > quiet:
            return True
        time.sleep(0.1)
    return False


def words(tab: Page) -> list[str]:
    """What a person reads in the page's main area outside of charts, tables and closed expanders."""
    return [word for word in tab.evaluate(READ).split() if any(map(str.isalnum, word))]


def _watched(tab: Page, link: str | None, title: str, shown: Sequence[str]) -> tuple[float, float, float]:
    titled, seen, stands = tab.evaluate(WATCH, {"click": link, "title": title, "shown": list(shown)})
    return titled / 1000, seen / 1000, stands / 1000


def listen(tab: Page) -> None:
    """From the next page on, count what goes to and from the server."""
    tab.add_init_script(LISTEN)


def exchanges(tab: Page, seconds: float) -> list[dict[str, Any]]:
    """{seconds, bytes} of each question that was answered within the last so many seconds."""
    found = tab.evaluate("(since) => window.exchanges.filter((one) => one.heard && one.asked > since)",
                         tab.evaluate("performance.now()") - 1000 * seconds)
    return [{"seconds": (one["heard"] - one["asked"]) / 1000, "bytes": one["bytes"]} for one in found]


def summary(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds), 3), "max": round(max(seconds), 3), "n": len(seconds)}
