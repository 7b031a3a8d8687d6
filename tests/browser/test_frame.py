"""What stands on every page: what runs, word of its end, the page's link, the docs; and the picture that moves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, Watched, serving
from tests.browser.test_app import SLOW, start_run

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser

# In place of the browser's own notifications, which nobody could see here.
NOTIFICATION = """
window.sent = [];
window.Notification = function (title, {body}) { window.sent.push(`${title}: ${body}`); };
window.Notification.permission = 'default';
window.Notification.requestPermission = async () => window.Notification.permission = 'granted';
document.hasFocus = () => false;
"""


def test_an_end_is_told_on_another_page_and_by_the_browser_if_one_asked(tmp_path: Path, watched: Watched) -> None:
    page: Any = watched.page
    page.add_init_script(NOTIFICATION)
    with serving(tmp_path / "home", page) as server:
        start_run(page, server, draws=2000)
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Home").click()
        expect(page.get_by_role("heading", name="Running now", level=2)).to_be_visible(timeout=SLOW)
        sidebar = page.get_by_test_id("stSidebar")
        expect(sidebar.get_by_text(re.compile(r"1 running · \d+ %"))).to_be_visible(timeout=SLOW)
        sidebar.get_by_role("button", name="Notify me").click()
        expect(sidebar.get_by_role("button", name="Notify me")).to_have_attribute("aria-pressed", "true")
        page.get_by_test_id("stMain").get_by_role("button", name="Cancel").first.click()
        expect(page.get_by_test_id("stToast")).to_contain_text("Cancelled: DataDAM", timeout=SLOW)
        expect(sidebar.get_by_text("running")).to_have_count(0, timeout=SLOW)
        assert [told.partition(" · ")[0] for told in page.evaluate("window.sent")] == ["Cancelled: DataDAM"]


def test_the_link_is_copied_the_docs_are_a_click_away_and_the_picture_keeps_still_for_who_asks(
    server: Server, watched: Watched
) -> None:
    from benchmarks.browsing import settle

    page: Any = watched.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(server.url)
    film = page.get_by_role("img", name=re.compile("take shape over"))
    expect(film).to_be_visible(timeout=SLOW)
    moving = "document.querySelector('.film').getAnimations({subtree: true}).length"
    assert page.evaluate(moving) == film.locator("img").count() - 1 > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == 0
    expect(film.locator("img").last).to_be_visible()
    assert settle(page)  # the server forgets the pictures of a page that has been left
    page.get_by_test_id("stSidebar").get_by_role("link", name="Docs").click()
    expect(page.get_by_role("heading", name="The first five minutes", level=1)).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url == f"{server.url}/Docs?page=five-minutes"


def test_a_run_that_opens_on_the_page_where_one_is_is_seen_from_its_top(server: Server, watched: Watched) -> None:
    page: Any = watched.page
    page.goto(f"{server.url}/NAS")
    down = page.get_by_role("button", name=re.compile("Architecture search · mnist"))
    down.scroll_into_view_if_needed(timeout=SLOW)
    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    assert page.evaluate(scrolled) > 0
    down.click()
    expect(page.get_by_role("heading", name="Train the winner")).to_be_attached(timeout=SLOW)
    expect(page.get_by_role("heading", name="Architecture search · mnist", level=1)).to_be_in_viewport()
    assert page.evaluate(scrolled) == 0
