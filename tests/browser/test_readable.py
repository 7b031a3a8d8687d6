"""Every page can be read: by everybody, as axe-core checks it in light and dark, and in a few words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ddcore.home import PROJECT
from ddcore.runs.files import read_json
from tests.browser.conftest import Server, Watched, serving
from tests.browser.test_app import PAGES

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")
pytestmark = pytest.mark.browser
UNTOUCHED, RESULT = 150, 250  # words at most on a page where nothing was chosen, and on one that shows results
SERIOUS = {"serious", "critical"}
OPTIONS = {"resultTypes": ["violations"]}


def shipped(kind: str, name: str) -> list[str]:
    """The ids of finished runs that ship with the app."""
    folders = sorted((PROJECT / "ddcore/demo" / kind).iterdir())
    return [folder.name for folder in folders if read_json(folder / "spec.json")["name"] == name]


RESULTS = {
    "a distilled set": f"DM?run={shipped('distill', 'dm')[0]}",
    "a PAD set": f"PAD?run={shipped('distill', 'pad')[0]}",
    "a search": f"NAS?run={shipped('search', 'search')[0]}",
    "a training": f"Baselines?run={shipped('baseline', 'baseline')[0]}",
    "two sets": f"Compare?runs={shipped('distill', 'dm')[0]},{shipped('distill', 'datadam')[0]}",
}
ADDRESSES = {**{page or "Home": page for page in PAGES}, **RESULTS, "Docs": "Docs"}
NAMELESS = {"exclude": [[".stToast"]]}  # Streamlit gives its toasts the role of a dialog and no name


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has the shipped runs only."""
    with serving(tmp_path_factory.mktemp("readable") / "home") as running:
        yield running


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_page_is_read_aloud_seen_in_light_and_dark_and_short(name: str, shelf: Server, watched: Watched) -> None:
    from benchmarks.browsing import settle, words

    page: Any = watched.page
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(f"{shelf.url}/{ADDRESSES[name]}")
    assert settle(page)
    read, light = words(page), faults(page)
    page.emulate_media(color_scheme="dark")
    assert settle(page)
    dark = faults(page)
    page.goto("about:blank")
    assert {"light": light, "dark": dark} == {"light": set(), "dark": set()}
    if name != "Docs":
        assert len(read) <= (RESULT if name in RESULTS else UNTOUCHED), " ".join(read)


def faults(page: Any) -> set[str]:
    """What axe-core finds that keeps somebody from reading the page, each with the place and the reason."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=NAMELESS, options=OPTIONS).response["violations"]
    for fault in found:
        for node in fault["nodes"]:
            print(fault["id"], node["html"][:200], node["failureSummary"], sep="\n")
    return {fault["id"] for fault in found if fault["impact"] in SERIOUS or fault["id"] == "heading-order"}
