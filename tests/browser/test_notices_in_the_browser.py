"""What is told of an end outside of the page: in the browser's tab, and to monitors."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from pages.components import activity
from tests.browser.conftest import Watched, serving

pytestmark = pytest.mark.browser

# The component as Streamlit calls it, on a page of its own; the window is looked at when the test says so.
BEGIN = """async (code) => {
  window.looked = true;
  document.hasFocus = () => window.looked;
  document.title = "DM · Dataset distillation";
  document.body.innerHTML = '<div data-testid="stMain"></div><div class="buttons"></div>' +
    '<button class="copy"></button><button class="notify"></button><input class="address">';
  window.tell = (await import(`data:text/javascript;base64,${code}`)).default;
}"""
TELL = "(data) => window.tell({ parentElement: document.body, data: { active: false, opened: '', ...data } })"
TITLE = "DM · Dataset distillation"


def ended(run: str, tab: str) -> dict[str, str]:
    return {"id": run, "title": "Done", "body": "DM", "tab": tab}


def test_the_tab_says_what_ended_until_its_window_is_looked_at(watched: Watched) -> None:
    page: Any = watched.page
    page.route("**/*", lambda route: route.fulfill(body="<html></html>", content_type="text/html"))
    page.goto("http://localhost/")  # a page without an address may keep nothing
    page.evaluate(BEGIN, base64.b64encode(activity._js.encode()).decode())
    one, two, three = (ended(str(number), f"✓ run {number} · ") for number in (1, 2, 3))
    page.evaluate(TELL, {"ended": [one], "in_tab": True})
    page.wait_for_timeout(1200)
    assert page.title() == TITLE  # it is being looked at
    page.evaluate("window.looked = false")
    page.evaluate(TELL, {"ended": [one, two], "in_tab": True})
    page.wait_for_function("document.title === '✓ run 2 · DM · Dataset distillation'")
    page.evaluate("document.title = 'Runs · Dataset distillation'")  # Streamlit draws another page
    page.wait_for_function("document.title === '✓ run 2 · Runs · Dataset distillation'")
    page.evaluate(TELL, {"ended": [one, two, three], "in_tab": True})
    page.wait_for_function("document.title === '✓ run 3 · Runs · Dataset distillation'")
    page.evaluate("window.looked = true")
    page.wait_for_function("document.title === 'Runs · Dataset distillation'")
    page.evaluate("window.looked = false")
    page.wait_for_timeout(1200)
    assert page.title() == "Runs · Dataset distillation"  # told once


def test_on_a_machine_of_ones_own_the_tab_stays_as_it_is(watched: Watched) -> None:
    page: Any = watched.page
    page.route("**/*", lambda route: route.fulfill(body="<html></html>", content_type="text/html"))
    page.goto("http://localhost/")  # a page without an address may keep nothing
    page.evaluate(BEGIN, base64.b64encode(activity._js.encode()).decode())
    page.evaluate("window.looked = false")
    page.evaluate(TELL, {"ended": [ended("1", "✓ run 1 · ")], "in_tab": False})
    page.wait_for_timeout(1200)
    assert page.title() == TITLE


def test_monitors_are_answered_by_the_server(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as server:
        with urllib.request.urlopen(f"{server.url}/health") as answer:
            told = json.load(answer)
        assert (answer.status, told["status"], told["queue"]["working"]) == (200, "ok", 0)
        assert answer.headers["Cache-Control"] == "no-store"
        (home / "hosting.toml").write_text("wrong")
        time.sleep(1.2)  # an answer serves all for a second
        with pytest.raises(urllib.error.HTTPError) as failing:
            urllib.request.urlopen(f"{server.url}/health")
        assert failing.value.code == 503
        assert json.load(failing.value)["problems"] == ["The settings cannot be read, so nobody is let in."]
