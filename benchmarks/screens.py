"""Screenshots of every page in every state, wide and narrow, light and dark, with an index to look through.

    python -m benchmarks.screens [FOLDER] [words …]

Makes a home with a run of every kind and state (benchmarks.every_state), starts a server on it and one on an empty
home, and visits every page in a Chromium. FOLDER/index.html shows what was seen, whole pages each, with their words and
what was wrong: errors in the console or on the page, pages that did not come to rest, that are wider than their window
or too long on a telephone. words: only the screens whose names have one of them, as "NAS" or "failed". Exit status 1
when something was wrong. Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import html
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

from playwright.sync_api import Browser, ConsoleMessage, Page

from benchmarks import every_state
from benchmarks.browsing import chromium, server, settle, words
from ddcore import jobs

FOLDER = Path(__file__).parent / "screens"
PAGES = ("", "Datasets", "Baselines", "DataDAM", "PAD", "DM", "NAS", "Sweeps", "Compare", "Runs")
VIEWS = ("Numbers", "What differs", "Curves", "Images", "Feature space", "Report")  # of Compare
WIDTHS = {"wide": 1400, "narrow": 420}
SCHEMES = ("light", "dark")
HEIGHTS = (900, 12_000)  # px: of a window, and at most of a picture
INSTEAD = "choose what to compare"  # opens in place of what is compared
LONGEST = 5000  # px: of a page on a telephone
WIDER = "document.querySelector('[data-testid=stMain]').scrollWidth > innerWidth"
POLLED = 4  # seconds in which a page sees that a run has ended
BROKEN = "[data-testid=stException], :text('This page met an error'), :text('Page not found')"


@dataclass(frozen=True)
class Screen:
    """One picture: what it shows, where it lies, how many words a person reads there, and what is wrong."""

    name: str
    file: str
    words: int
    complaints: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("words", nargs="*")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"  # the server and the browser want the other cores
    with chromium() as browser, ExitStack() as stack:
        screens: list[Screen] = []
        for state, addresses, address in _served(stack):
            for name, path in addresses.items():
                if not asked.words or any(word in f"{name} {state}" for word in asked.words):
                    screens += _seen(browser, f"{name}, {state}", f"{address}/{path}", asked.folder)
                    write_index(asked.folder, screens)
                    print(screens[-1].name, screens[-1].words, "words", *screens[-1].complaints, flush=True)
    return int(any(screen.complaints for screen in screens))


def _served(stack: ExitStack) -> Iterator[tuple[str, dict[str, str], str]]:
    """(state, addresses by name, the server's address) of a new home, of one full of runs, and of one that computes."""
    with _home() as home, server(home) as (address, _):
        yield "new", {page or "Home": page for page in PAGES}, address
    with _home() as home:
        runs = every_state.fill()
        with server(home) as (address, _):
            pages = {page or "Home": page for page in PAGES}
            yield "full", {**pages, **of_runs(runs), **compared(runs), **choosing(runs)}, address
            with every_state.working(runs["datadam"]) as unfinished:
                yield "computing", {"Home": "", "Runs": "Runs", **of_runs(unfinished)}, address


def choosing(runs: dict[str, str]) -> dict[str, str]:
    """Addresses of forms that somebody has begun to fill in, rightly and wrongly, and of a run on the Runs page."""
    return {
        "DataDAM like a run": f"DataDAM?like={runs['datadam']}&ipc=5",
        "DataDAM with wrong values": "DataDAM?ipc=5000&lambda_task=-3",
        "Sweeps of two parameters": f"Sweeps?vary={quote_plus('lambda_task=0,0.01,1; ipc=1,10')}&strategy=random",
        "Sweeps like a run": f"Sweeps?like={runs['datadam']}",
        "Sweeps with wrong values": f"Sweeps?vary={quote_plus('lambda_task=0,-1')}",
        "Runs with one open": f"Runs?run={runs['datadam']}",
    }


def of_runs(runs: dict[str, str]) -> dict[str, str]:
    """Addresses of runs on their own pages, by method, kind or state."""
    pages = {"dm": "DM", "failed": "DM", "pad": "PAD", "herding": "Baselines", "random": "Baselines",
             "baseline": "Baselines", "search": "NAS", "truth": "NAS", "sweep": "Sweeps", "grid": "Sweeps",
             "sweeping": "Sweeps", "imported": "Baselines"}
    return {f"run {name}": f"{pages.get(name, 'DataDAM')}?run={run_id}" for name, run_id in runs.items()}


def compared(runs: dict[str, str]) -> dict[str, str]:
    """Addresses of Compare with three sets, by what is shown of them."""
    three = ",".join(runs[name] for name in ("datadam", "dm", "pad"))
    return {f"Compare {view}": f"Compare?runs={three}&view={quote_plus(view)}" for view in VIEWS}


def _seen(browser: Browser, name: str, address: str, folder: Path) -> Iterator[Screen]:
    """The page in both widths and both schemes, and in one of them also its other tabs and what is folded."""
    for width, pixels in WIDTHS.items():
        complaints: list[str] = []
        context = browser.new_context(viewport={"width": pixels, "height": HEIGHTS[0]}, reduced_motion="reduce")
        tab = context.new_page()
        tab.on("console", lambda said, to=complaints: to.append(said.text) if complaint(said) else None)
        tab.on("pageerror", lambda error, to=complaints: to.append(str(error)))
        tab.goto(address)
        for scheme in SCHEMES:
            tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            yield _shot(tab, f"{name}, {width}, {scheme}", pixels, folder, complaints)
        if width == "wide":
            tab.emulate_media(color_scheme="light")
            for inner in tab.get_by_role("tab", selected=False).all_inner_texts():
                tab.get_by_role("tab", name=inner, exact=True).first.click()
                yield _shot(tab, f"{name}, tab {inner}", pixels, folder, complaints)
            if _unfold(tab):
                yield _shot(tab, f"{name}, unfolded", pixels, folder, complaints)
        context.close()


def complaint(said: ConsoleMessage) -> bool:
    """Whether a message tells of an error; not of Streamlit's own search for its server below the page's address."""
    return said.type == "error" and not ("/_stcore/" in said.location.get("url", "") and "404" in said.text)


def _shot(tab: Page, name: str, width: int, folder: Path, complaints: list[str]) -> Screen:
    """A picture of the whole page: Streamlit scrolls inside of its window, so that is made as high as the page."""
    rests = settle(tab)
    if ", computing" not in name and _computed():
        tab.wait_for_timeout(1000 * POLLED)
        rests = settle(tab)
    for _ in range(2):  # a higher window may make room for more
        need = tab.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        tab.set_viewport_size({"width": width, "height": max(HEIGHTS[0], min(need, HEIGHTS[1]))})
        rests = settle(tab, 20) and rests
    file = "".join(char if char.isalnum() else "-" for char in name) + ".png"
    tab.mouse.move(width - 2, 300)  # away from what shows a help text or a toolbar
    tab.screenshot(path=folder / file)
    found = [*complaints, *([] if rests else ["it did not come to rest"])]
    found += ["an error is shown"] * bool(tab.locator(BROKEN).count())
    found += ["it is wider than its window"] * tab.evaluate(WIDER)
    found += [f"it is {need:,} px long"] * (width == WIDTHS["narrow"] and need > LONGEST)
    screen = Screen(name, file, len(words(tab)), found)
    complaints.clear()
    tab.set_viewport_size({"width": width, "height": HEIGHTS[0]})
    return screen


def _computed() -> bool:
    """Wait until nothing is computed any more that a page began by itself; whether there was something."""
    was_busy = bool(jobs.list_jobs())
    while jobs.list_jobs():
        time.sleep(0.5)
    return was_busy


def _unfold(tab: Page) -> int:
    """Open what is folded on the page, and what is folded in there; how much there was."""
    opened = 0
    shut = tab.locator("[data-testid=stMain] details:not([open]) > summary:visible").filter(has_not_text=INSTEAD)
    while shut.count() and opened < 30:
        shut.first.click()
        settle(tab, 20, 0.2)
        opened += 1
    return opened


def write_index(folder: Path, screens: list[Screen]) -> None:
    """index.html: every picture below its name, its words and what was wrong."""
    figures = "\n".join(
        f'<figure><figcaption>{html.escape(s.name)} · {s.words} words '
        f'<b>{html.escape("; ".join(s.complaints))}</b></figcaption>'
        f'<a href="{s.file}"><img src="{s.file}" loading="lazy" alt="{html.escape(s.name)}"></a></figure>'
        for s in screens
    )
    style = "body {font: 14px sans-serif; display: flex; flex-wrap: wrap; gap: 16px} figure {margin: 0; width: 340px} "
    style += "img {max-width: 100%; border: 1px solid #ccc} b {color: #b00}"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Screens</title><style>{style}</style>'
    (folder / "index.html").write_text(f"{head}\n{figures}\n")


@contextmanager
def _home() -> Iterator[str]:
    """An empty home, of this process as well."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["DDCORE_HOME"] = home
        yield home


if __name__ == "__main__":
    sys.exit(main())
