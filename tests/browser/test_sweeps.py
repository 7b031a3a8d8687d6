"""A sweep over two axes in a real browser: built by hand, watched, opened in another browser, taken away."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ddcore.experiments import spec
from ddcore.experiments.sweep import SweepConfig, replay
from ddcore.methods import METHODS
from ddcore.runs.store import Store
from tests.browser.conftest import Server, Watched
from tests.browser.test_app import SLOW
from tests.browser.test_bring_your_own import fill
from tests.sweeping import World

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser
CELLS = [["1.0", "real"], ["1.0", "noise"], ["10.0", "real"], ["10.0", "noise"]]


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the four cells and their control were run before."""
    monkeypatch.setenv("DDCORE_HOME", str(tmp_path / "home"))
    quick = METHODS["dm"].preset("quick").for_dataset("digits")
    asked = spec("sweep", "dm", {**quick, "num_iters": 2, "width": 8, "vary": "lr_img=1; init=real,noise"}).config
    assert isinstance(asked, SweepConfig)
    world = World(lambda values: 0.5)
    world.put(replay(asked, world.look).missing, Store())


def downloaded(page: Any, button: Any) -> Path:
    with page.expect_download(timeout=SLOW) as waiting:
        button.click()
    return Path(waiting.value.path())


def start_sweep(page: Any, server: Server) -> str:
    """Four tiny cells, from the menu to the page of the sweep; its address."""
    page.goto(server.url)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="DM").click()
    fill(page, "T · Iterations", "2")
    page.get_by_text("More parameters").click()
    fill(page, "Width", "8")
    expect(page.get_by_text(re.compile("T · Iterations 2 instead of .*Width 8 instead"))).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Vary …").click()
    expect(page.get_by_role("heading", name="Sweeps", level=1)).to_be_visible(timeout=SLOW)
    fill(page, "η_S · Image learning rate", "1, 10")
    expect(page.get_by_text("2 cells, 1 of them known")).to_be_visible(timeout=SLOW)
    page.get_by_role("combobox", name="What is varied").click()
    page.get_by_role("option", name="Initialisation").first.click()
    page.keyboard.press("Escape")
    fill(page, "Initialisation", "real, noise")
    expect(page.get_by_text("4 cells, 2 of them known, 4 runs to compute")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Start sweep").click()
    page.wait_for_url(re.compile(r"\?run=[0-9a-f]{16}$"), timeout=SLOW)
    return str(page.url)


@pytest.mark.timeout(300)  # four runs, each in a process of its own, on two cores that also show two browsers
@pytest.mark.usefixtures("known")
def test_a_sweep_is_built_by_hand_fills_and_is_shared(server: Server, watched: Watched, chromium: Any) -> None:
    page: Any = watched.page
    address = start_sweep(page, server)
    expect(page.get_by_text(re.compile("[23] of 4 cells done"))).to_be_visible(timeout=SLOW)
    sentence = page.get_by_text("is chosen by validation")
    expect(sentence).to_be_visible(timeout=5 * SLOW)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=SLOW)
    said = sentence.inner_text()
    table = downloaded(page, page.get_by_role("button", name="CSV", exact=True)).read_text("utf-8")
    assert [row[:2] for row in list(csv.reader(io.StringIO(table)))[1:]] == CELLS
    page.get_by_text("All 4 cells").click()
    page.get_by_role("link", name=re.compile("^DM · digits .* η_S 10 ")).first.click()
    expect(page.get_by_role("heading", name="How good is it?")).to_be_visible(timeout=SLOW)
    other = chromium.new_context()
    fresh = other.new_page()
    fresh.goto(address)
    expect(fresh.get_by_text(said)).to_be_visible(timeout=SLOW)
    report = downloaded(fresh, fresh.get_by_role("button", name="Report", exact=True))
    with zipfile.ZipFile(io.BytesIO(report.read_bytes())) as archive:
        assert {"README.md", "commands.sh", f"tables/sweep-{address[-16:]}.csv"} <= {*archive.namelist()}
        assert said in archive.read("README.md").decode().replace("\\", "")
    other.close()
