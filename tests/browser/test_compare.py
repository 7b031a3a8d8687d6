"""The Compare page in a real browser: choose, move the slider, hand the address on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ddcore.home import PROJECT
from tests.browser.conftest import Server, Watched, serving
from tests.browser.test_app import SLOW

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser
HEADER, ROW = 36, 40  # px of the table
USABLE = 2.0  # seconds until the table of a thousand runs can be used


def tick(page: Any, row: int) -> None:
    """Choose a row of the run table by its box, at the left."""
    expect(page.locator("canvas [role=columnheader]").first).to_be_attached(timeout=SLOW)
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'",
                           timeout=SLOW)
    table = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(table["x"] + 18, table["y"] + HEADER + ROW * row + ROW / 2)


def asked(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def captions(page: Any) -> list[str]:
    """What stands above each grid, the run and the step that it shows, once all of them are drawn."""
    expect(page.get_by_alt_text(re.compile("rows of images"))).to_have_count(3, timeout=SLOW)
    shown: list[str] = []
    for _ in range(30):
        page.wait_for_timeout(1000)  # grids come one by one
        before, shown = shown, [image.get_attribute("alt") for image in
                                page.get_by_alt_text(re.compile("rows of images")).all()]
        if shown == before:
            return shown
    raise AssertionError(f"the grids do not come to rest: {shown}")


def test_three_runs_one_slider_and_the_same_view_on_a_fresh_server(
    server: Server, watched: Watched, tmp_path: Path
) -> None:
    page: Any = watched.page
    page.goto(f"{server.url}/Compare?q=IPC+10")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible(timeout=SLOW)
    for row in range(3):
        tick(page, row)
        page.wait_for_function(
            f"(location.search.match(/[0-9a-f]{{16}}/g) || []).length === {row + 1}", timeout=SLOW
        )
    page.get_by_role("button", name="Compare 3 runs").click()
    page.get_by_role("radio", name="Images").click()
    final = captions(page)
    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    for _ in range(3):
        before = page.evaluate("location.search")
        slider.press("ArrowLeft")
        page.wait_for_function(f"location.search !== {before!r}", timeout=SLOW)
    step = asked(page)["step"][0]
    moved, view = captions(page), asked(page)
    # What was distilled shows this step, or says which it has next to it.
    assert sum(bool(re.search(rf"(step|nearest to) {step}\b", words)) for words in moved) >= 2
    assert moved != final
    assert len(view["runs"][0].split(",")) == 3
    assert view["view"] == ["Images"]
    with serving(tmp_path / "home", page) as fresh:
        page.goto(f"{fresh.url}/Compare?{urlsplit(page.url).query}")
        assert captions(page) == moved
        assert asked(page) == view


def test_a_run_that_is_left_out_stays_out(server: Server, watched: Watched) -> None:
    page: Any = watched.page
    page.goto(f"{server.url}/Compare?q=IPC&view=Curves")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible(timeout=SLOW)
    for row in range(2):
        tick(page, row)
        page.wait_for_function(f"(location.search.match(/[0-9a-f]{{16}}/g) || []).length === {row + 1}", timeout=SLOW)
    page.get_by_role("button", name="Compare 2 runs").click()
    page.locator("[class*=st-key-out-]").first.get_by_role("button").click()
    page.wait_for_function("location.search.match(/[0-9a-f]{16}/g).length === 1", timeout=SLOW)
    page.get_by_role("radio", name="What differs").click()
    expect(page.get_by_text("Where and with what they were computed")).to_be_visible(timeout=SLOW)
    assert len(re.findall("[0-9a-f]{16}", page.url)) == 1


def test_from_home_to_accuracy_cost_and_images_of_several_methods_in_few_clicks(
    server: Server, watched: Watched
) -> None:
    page: Any = watched.page
    page.goto(server.url)
    clicks = [
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Compare"),
        page.get_by_role("button", name=re.compile("The shipped sets")).first,
        page.get_by_role("radio", name="Images"),
    ]
    for click in clicks[:-1]:
        click.click(timeout=SLOW)
    headings = page.locator("canvas [role=columnheader]")
    for heading in ("Accuracy", "Train", "FLOPs", "Distil"):
        expect(headings.filter(has_text=heading).first).to_be_attached(timeout=SLOW)
    clicks[-1].click()
    expect(page.get_by_alt_text(re.compile("rows of images")).nth(1)).to_be_visible(timeout=SLOW)
    assert len(clicks) <= 8


def test_a_thousand_runs_can_be_used_within_two_seconds(tmp_path: Path, watched: Watched) -> None:
    environment = {**os.environ, "DDCORE_HOME": str(tmp_path / "home")}
    fill = [sys.executable, "-m", "benchmarks.shelf", "1000"]
    subprocess.run(fill, cwd=PROJECT, env=environment, check=True, timeout=100)
    page: Any = watched.page
    with serving(tmp_path / "home") as running:
        took = [_opened(page, running.url) for _ in range(4)]
        page.goto("about:blank")
    # The first visit starts the server's own imports; of the others the best, for other tests run beside this one.
    assert min(took[1:]) < USABLE, took


def _opened(page: Any, url: str) -> float:
    """Seconds from the click in the menu until the table of runs is there and nothing is being computed."""
    page.goto(url)
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name="Compare")
    expect(link).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=SLOW)
    began = time.perf_counter()
    link.click()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("Tick rows to compare them"))).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=SLOW)
    return time.perf_counter() - began
