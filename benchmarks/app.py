"""The app as a browser meets it: first visits, page switches, many runs, a run that many people watch.

    python -m benchmarks.app [--repeats 5] [--parts first switches many live users] [--runs 1000] [--users 20]

- first: a fresh server and a new browser context for each page. First content is the browser's own
  first-contentful-paint; the title comes later, with the page's own words; and the server's memory a moment later.
- switches: a warm server with the runs that ship with the app; from every page to every other by the menu.
- many: a warm server with so many finished runs more; page switches there, with the seconds of a processor that the
  server takes for each, and opening a finished run: by a link from Home, by its line on its method's page, and by its
  address, which starts Streamlit's own front end first (the browser has seen another run before). Each number of runs
  has its own result.
- live: a run that computes, watched by ten browser contexts. Their browser runs on the same machine, so what it takes
  is part of what slows the run; the server's share of one core is told apart.
- users: a run that computes, and so many sessions without browsers (`benchmarks.sessions`), each of which opens a page,
  that run or a finished one every few seconds. Seconds count from the click to the end of what the server sends;
  milliseconds of processor are the server's, told for one session at a time.

"title", "shown" (what one came for: the table, the heading and the images) and "stands" (the server has nothing more
to say) count from the click, or from where the address was asked for. Needs playwright and a Chromium. Writes
benchmarks/results/app.json; parts and numbers of runs that are not asked for stay there as they were.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks import sessions, shelf
from benchmarks.browsing import chromium, click, exchanges, listen, server, summary, visit
from benchmarks.machine import RESULTS, complete, keep
from benchmarks.sessions import Place
from ddcore import jobs
from ddcore.errors import Cancelled
from ddcore.experiments import spec
from ddcore.methods import METHODS
from ddcore.report import names
from ddcore.runs.store import RunRecord, Store, moment

TITLES = {"": "Dataset distillation workbench", **{page: page for page in
          ("Datasets", "Baselines", "DataDAM", "PAD", "DM", "NAS", "Sweeps", "Compare", "Runs")}}
FRESH = ("", "Datasets", "Baselines", "DataDAM", "Compare", "Runs")
OPENED = 4  # finished runs
VIEWERS = 10
ALONE, WATCHED, BUSY = 15, 30, 60  # seconds
REPEATS = 5  # of each place, to tell what it costs the server
TABLE, CHART = "[data-testid=stDataFrame] canvas", "[data-testid=stPlotlyChart]"
IMAGES, HEADING = "img[alt^='Final images']", "h2"
Times = tuple[float, float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--runs", type=int, default=1000, help="finished runs of the part many")
    parser.add_argument("--users", type=int, default=20, help="sessions of the part users")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and servers, browser and job with it
    kept = RESULTS / "app.json"
    result = json.loads(kept.read_text()) if kept.exists() else {}
    with chromium() as browser:
        for part in asked.parts:
            made = PARTS[part](browser, asked)
            result[part] = ({**result.get(part, {}), **{number: complete(one) for number, one in made.items()}}
                            if part == "many" else complete(made))
            print(part, json.dumps(result[part], indent=2), flush=True)
    print(keep("app", result))


def first(browser: Browser, asked: argparse.Namespace) -> dict[str, Any]:
    """Each page as the very first that a server is asked for."""
    found = {}
    for page in FRESH:
        painted, titled, memory = zip(*(_first(browser, page) for _ in range(asked.repeats)), strict=True)
        found[page or "Home"] = {
            "first_content_seconds": summary(painted), "title_seconds": summary(titled),
            "server_memory_mb": round(max(memory) / 1e6),
        }
    return found


def _first(browser: Browser, page: str) -> tuple[float, float, int]:
    """(seconds to the first paint of content, seconds to the title, resident bytes of the server a moment later)."""
    with _home() as home, server(home) as (address, process), _tab(browser) as tab:
        titled, _, _ = visit(tab, f"{address}/{page}", TITLES[page])
        painted = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
        tab.wait_for_timeout(3000)
        return painted, titled, process.memory_info().rss


def switches(browser: Browser, asked: argparse.Namespace) -> dict[str, Any]:
    """Every page from every other one, after each was seen once."""
    with _home() as home, server(home) as (address, _), _tab(browser) as tab:
        _warm(tab, address)
        pairs = list(permutations(TITLES, 2))
        times = {pair: (_go(tab, pair[0]), _go(tab, pair[1]))[1] for pair in pairs}
    return {page or "Home": _told([times[pair] for pair in pairs if pair[1] == page]) for page in TITLES}


def many(browser: Browser, asked: argparse.Namespace) -> dict[str, Any]:
    """Page switches and opening a finished run where there are so many, by their number."""
    with _home() as home:
        number = shelf.fill(asked.runs)
        with server(home) as (address, process), _tab(browser) as tab:
            _warm(tab, address)
            pages: dict[str, list[Times]] = {page: [] for page in TITLES}
            processor: dict[str, list[float]] = {page: [] for page in TITLES}
            opened: dict[str, list[Times]] = {"link on Home": [], "line on its page": [], "address": []}
            with moment() as runs:
                shipped = next(record for record in runs.records() if record.demo and record.name == "datadam")
                titles = {record.id: names.title(record) for record in (shipped, *_judged(runs.records())[:OPENED])}
            newest, *_ = own = [run_id for run_id in titles if run_id != shipped.id]  # pages list the first
            for run_id in own:
                for page in TITLES:
                    used = sum(process.cpu_times()[:2])
                    pages[page].append(_go(tab, page, *([TABLE] if page in ("Compare", "Runs") else [])))
                    processor[page].append(sum(process.cpu_times()[:2]) - used)
                _go(tab, "")
                opened["link on Home"].append(click(tab, f"a[href*='{newest}']", titles[newest], IMAGES, HEADING))
                _go(tab, ""), _go(tab, "DataDAM")
                line = f"[class*='st-key-open-{newest}'] button"
                opened["line on its page"].append(click(tab, line, titles[newest], IMAGES, HEADING))
                with _tab(browser) as other:
                    there = f"{address}/DataDAM?run="
                    visit(other, there + shipped.id, titles[shipped.id], IMAGES, CHART)  # keeps the front end's parts
                    other.wait_for_timeout(3000)
                    opened["address"].append(visit(other, there + run_id, titles[run_id], IMAGES, HEADING))
            memory = round(process.memory_info().rss / 1e6)
    return {str(asked.runs): {
        "runs": number, "pages": {page or "Home": _told(times) for page, times in pages.items()},
        "server_processor_seconds": {page or "Home": summary(seconds) for page, seconds in processor.items()},
        "finished_run": {how: _told(times) for how, times in opened.items()}, "server_memory_mb": memory,
    }}


def live(browser: Browser, asked: argparse.Namespace) -> dict[str, Any]:
    """A run that computes: alone, then watched by ten."""
    with _home() as home, server(home) as (address, process), _computing() as run_id, contextlib.ExitStack() as stack:
        alone = _speed(run_id, lambda: time.sleep(ALONE))
        tabs = [stack.enter_context(_tab(browser)) for _ in range(VIEWERS)]
        for tab in tabs:
            listen(tab)
            visit(tab, f"{address}/DataDAM?run={run_id}", "DataDAM", CHART)
        tabs[0].wait_for_timeout(10_000)
        used = process.cpu_times()
        watched = _speed(run_id, lambda: tabs[0].wait_for_timeout(1000 * WATCHED))
        busy = sum(process.cpu_times()[:2]) - sum(used[:2])
        seen = [one for tab in tabs for one in exchanges(tab, WATCHED)]
        visitor = stack.enter_context(_tab(browser))
        visit(visitor, f"{address}/DM", "DM")
        elsewhere = [_go(visitor, page) for page in ("Runs", "Datasets", "DM", "Runs", "Datasets", "DM")]
        return {
            "viewers": VIEWERS, "refresh_seconds": summary([one["seconds"] for one in seen]),
            "refresh_bytes": round(sum(one["bytes"] for one in seen) / len(seen)),
            "server_share_of_a_core": round(busy / WATCHED, 3),
            "server_memory_mb": round(process.memory_info().rss / 1e6),
            "steps_per_second": {"alone": round(alone, 2), "watched": round(watched, 2)},
            "page_switch_meanwhile": _told(elsewhere[3:]),
        }


def users(browser: Browser, asked: argparse.Namespace) -> dict[str, Any]:
    """A run that computes: alone, then with so many sessions, none of which is a browser."""
    with _home() as home, server(home) as (address, process), _computing() as run_id:
        finished = [Place(METHODS[r.name].title, f"run={r.id}", "a finished run") for r in Store().records("distill")
                    if r.demo and METHODS[r.name].title in TITLES.values()]
        running = Place("DataDAM", f"run={run_id}", "the run that computes")
        places = [Place("Home"), *(Place(title) for page, title in TITLES.items() if page), *finished, running]
        costs = sessions.costs(address, places, process, REPEATS)
        refresh = sessions.refresh(address, running, process, WATCHED)
        alone = _speed(run_id, lambda: time.sleep(ALONE))
        used, began, done = sessions.used(process), time.monotonic(), jobs.status(run_id).done
        clicks, errors = sessions.people(address, places, asked.users, BUSY)
        passed = time.monotonic() - began
        kinds = sorted({kind for kind, _ in clicks})
        return {
            "users": asked.users, "errors": errors, "click_seconds": _spread([seconds for _, seconds in clicks]),
            **{kind: _spread([seconds for what, seconds in clicks if what == kind]) for kind in kinds},
            "server_share_of_a_core": round((sessions.used(process) - used) / passed, 3),
            "server_memory_mb": round(process.memory_info().rss / 1e6),
            "steps_per_second": {"alone": round(alone, 2),
                                 "meanwhile": round((jobs.status(run_id).done - done) / passed, 2)},
            "processor_milliseconds": {**costs, "a refresh of the run that computes": refresh},
        }


def _spread(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and max of these, and how many there are."""
    twentieths = statistics.quantiles(seconds, n=20, method="inclusive")
    return {"p50": round(twentieths[9], 3), "p95": round(twentieths[18], 3), "max": round(max(seconds), 3),
            "n": len(seconds)}


@contextlib.contextmanager
def _computing() -> Iterator[str]:
    """A run under way for as long as it is looked at."""
    run_id = jobs.submit(spec("distill", "datadam", {"dataset": "digits", "width": 32, "num_inits": 100_000}))
    try:
        while jobs.status(run_id).done < 20:
            time.sleep(0.5)
        yield run_id
    finally:
        jobs.cancel(run_id, grace=0)
        with contextlib.suppress(Cancelled):
            jobs.wait(run_id)  # its worker would stay if its home went first


def _speed(run_id: str, wait: Callable[[], object]) -> float:
    """Steps a second that a running run makes meanwhile."""
    began, done = time.monotonic(), jobs.status(run_id).done
    wait()
    return (jobs.status(run_id).done - done) / (time.monotonic() - began)


def _judged(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Of these the finished DataDAM runs whose images were tested, newest first, the shipped ones not among them."""
    judged = {record.config.get("run") for record in records if record.kind == "evaluate"}
    return [r for r in records if r.name == "datadam" and r.id in judged and not r.demo]


def _warm(tab: Page, address: str) -> None:
    """See every page once."""
    visit(tab, address, TITLES[""])
    for page in TITLES:
        _go(tab, page)


def _go(tab: Page, page: str, *shown: str) -> Times:
    return click(tab, f"[data-testid=stSidebarNavItems] a[href$='/{page}']", TITLES[page], *shown)


def _told(times: list[Times]) -> dict[str, Any]:
    return dict(zip(("title", "shown", "stands"), map(summary, zip(*times, strict=True)), strict=True))


@contextlib.contextmanager
def _home() -> Iterator[str]:
    """An empty home, of this process as well."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:  # a job that was stopped may still write
        before = os.environ.get("DDCORE_HOME")
        os.environ["DDCORE_HOME"] = home
        try:
            yield home
        finally:
            os.environ.pop("DDCORE_HOME") if before is None else os.environ.update(DDCORE_HOME=before)


@contextlib.contextmanager
def _tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    try:
        yield context.new_page()
    finally:
        context.close()


PARTS: dict[str, Callable[[Browser, argparse.Namespace], dict[str, Any]]] = {
    "first": first, "switches": switches, "many": many, "live": live, "users": users,
}

if __name__ == "__main__":
    main()
