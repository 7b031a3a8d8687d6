"""An architecture search in a real browser: chosen, launched, watched, answered, its winner trained and compared."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import Server, Watched
from tests.browser.test_app import SLOW
from tests.browser.test_bring_your_own import fill

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser
ANSWERED = re.compile(r"ρ −?\d\.\d\d \(−?\d\.\d\d to −?\d\.\d\d\)")


def keep(page: Any, label: str, *values: str) -> None:
    """Choose some values of an option of the space."""
    for value in values:
        page.get_by_role("combobox", name=label).click()
        page.get_by_role("option", name=value, exact=True).click()
    page.keyboard.press("Escape")


@pytest.mark.timeout(480)  # two workers and a browser share two cores with the other browser tests
def test_a_search_is_chosen_launched_answered_and_its_winner_compared(server: Server, watched: Watched) -> None:
    page: Any = watched.page
    page.goto(f"{server.url}/NAS")
    expect(page.get_by_text("36 of 54 networks")).to_be_visible(timeout=SLOW)
    keep(page, "Width", "16")
    keep(page, "Depth", "2", "3")
    expect(page.get_by_text("12 networks", exact=True)).to_be_visible(timeout=SLOW)
    page.get_by_text("More parameters").click()
    fill(page, "Optimiser steps", "40")
    fill(page, "m · Networks in the sample", "8")
    fill(page, "Steps on the whole data", "150")
    expect(page.get_by_text(re.compile("Search: 26 trials"))).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("Whole-data truth: 8 trials"))).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Start search").click()
    page.wait_for_url(re.compile(r"\?run=[0-9a-f]{16}&truth=[0-9a-f]{16}$"), timeout=SLOW)
    expect(page.get_by_text("Leaderboard")).to_be_visible(timeout=2 * SLOW)
    expect(page.get_by_text(ANSWERED).first).to_be_visible(timeout=4 * SLOW)
    expect(page.get_by_text("Compared with 8 of the 12 networks")).to_be_visible(timeout=4 * SLOW)
    expect(page.get_by_text("Rank on this set over the true rank")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name=re.compile("Train on full data")).click()
    expect(page.get_by_text("Training time", exact=True)).to_be_visible(timeout=3 * SLOW)
    page.get_by_role("link", name="Compare").last.click()
    expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible(timeout=SLOW)
    named = page.get_by_text(re.compile("Full-data training · digits · CourseNet"))
    expect(named.filter(visible=True).first).to_be_visible(timeout=SLOW)  # the table's own text lies on a canvas
