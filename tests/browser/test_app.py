"""The app in a real browser, on a server that was started for the test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psutil
import pytest

from ddcore.home import PROJECT
from tests.browser.conftest import Server, Watched, serving, start_from_form

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser
SLOW = 60_000  # ms: two cores that also compute

PAGES = {
    "": "Dataset distillation workbench", "Datasets": "Datasets", "Baselines": "Baselines", "DataDAM": "DataDAM",
    "PAD": "PAD", "DM": "DM", "bptt": "BPTT", "frepo": "FRePo", "NAS": "NAS", "Sweeps": "Sweeps", "Compare": "Compare",
    "Runs": "Runs",
}


@pytest.mark.parametrize("path", PAGES)
def test_a_deep_link_on_a_fresh_server_opens_its_page(path: str, server: Server, watched: Watched) -> None:
    page: Any = watched.page
    page.goto(f"{server.url}/{path}")
    expect(page.get_by_role("heading", name=PAGES[path], level=1)).to_be_visible(timeout=SLOW)
    menu = page.get_by_test_id("stSidebarNav")
    titles = ["Home", *list(PAGES.values())[1:]]
    expect(menu.get_by_role("link")).to_have_text([re.compile(title) for title in titles], timeout=SLOW)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    assert page.url.rstrip("/") == f"{server.url}/{path}".rstrip("/")
    assert psutil.Process(server.pid).memory_info().rss < 250 * 2**20


def test_a_method_from_outside_is_reached_by_its_address_started_and_found_again(
    tmp_path: Path, watched: Watched
) -> None:
    page: Any = watched.page
    plugin = {"DDCORE_PLUGINS": "toymethod", "PYTHONPATH": str(PROJECT / "tests/pages")}
    with serving(tmp_path / "home", page, **plugin) as server:
        page.goto(f"{server.url}/fade")
        expect(page.get_by_role("heading", name="Fade to grey", level=1)).to_be_visible(timeout=SLOW)
        expect(page.get_by_test_id("stSidebarNav").get_by_role("link")).to_have_count(len(PAGES) + 1)
        expect(page.get_by_text("Page not found")).to_have_count(0)
        page.get_by_text("Evaluate when done").click()
        page.get_by_role("button", name="Start run").click()
        expect(page.get_by_alt_text("Final images: a row of images for each class")).to_be_visible(timeout=2 * SLOW)
        address = page.url
        assert re.fullmatch(rf"{server.url}/fade\?run=[0-9a-f]{{16}}", address)
        page.get_by_role("link", name="Home").click()
        page.get_by_role("link", name="Fade to grey · digits · IPC 2").click()
        expect(page.get_by_alt_text("Final images: a row of images for each class")).to_be_visible(timeout=SLOW)
        assert page.url == address


def start_run(page: Any, server: Server, draws: int) -> str:
    """Start the quick preset on digits with so many network draws, from the form; the run's address."""
    page.goto(f"{server.url}/DataDAM")
    return start_from_form(page, draws)


def test_a_run_is_launched_watched_reloaded_and_finished(server: Server, watched: Watched) -> None:
    page: Any = watched.page
    address = start_run(page, server, draws=25)
    expect(page.get_by_text(re.compile("Distilling")).first).to_be_visible(timeout=SLOW)
    page.reload()
    expect(page.get_by_role("heading", name="How good is it?")).to_be_visible(timeout=2 * SLOW)
    expect(page.get_by_role("heading", name="How it went")).to_be_visible(timeout=SLOW)
    assert page.url == address
    expect(page.get_by_alt_text("Final images: a row of images for each class")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name=re.compile("Evaluate with controls"))).to_be_enabled()
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible(timeout=SLOW)


def test_a_running_run_is_cancelled_from_its_page(server: Server, watched: Watched) -> None:
    page: Any = watched.page
    start_run(page, server, draws=2000)  # minutes, and not long enough to be compiled first
    expect(page.get_by_text(re.compile("Distilling")).first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("This run was cancelled.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
