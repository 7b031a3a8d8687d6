"""Somebody's own data in a browser: a zip becomes a data set, is distilled and judged; a hostile one is refused."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import Server, Watched
from tests.conftest import SHARED_DATA

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect
pytestmark = pytest.mark.browser
SLOW = 60_000  # ms: two cores that also compute
STANDIN = SHARED_DATA / "histology-standin"
TAKEN = {("HP", "train"): 30, ("SSA", "train"): 50, ("HP", "test"): 12, ("SSA", "test"): 24}


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """A zip in MHIST's layout: some tiles of the stand-in, made small."""
    if not STANDIN.is_dir():
        pytest.skip("needs shared/data/histology-standin beside the project")
    with (STANDIN / "annotations.csv").open(newline="") as stream:
        head, *rows = csv.reader(stream)
    left, table = dict(TAKEN), io.StringIO()
    writer = csv.writer(table)
    writer.writerow(head)
    with zipfile.ZipFile(tmp_path / "tiles.zip", "w") as archive:
        for row in rows:
            if left[row[1], row[3]] > 0:
                left[row[1], row[3]] -= 1
                writer.writerow(row)
                archive.writestr(f"tiles/images/{row[0]}", small(STANDIN / "images" / row[0]))
        archive.writestr("tiles/annotations.csv", table.getvalue())
    return tmp_path / "tiles.zip"


def small(path: Path) -> bytes:
    stream = io.BytesIO()
    Image.open(path).resize((64, 64)).save(stream, "JPEG")
    return stream.getvalue()


def bring(page: Any, server: Server, archive: Path) -> None:
    """Upload an archive on the page of which the address can be shared."""
    page.goto(f"{server.url}/Datasets?bring=own")
    expect(page.get_by_text("A folder for each class")).to_be_visible(timeout=SLOW)
    page.locator("input[type=file]").set_input_files(archive)


def choose(page: Any, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option, exact=True).click()


def fill(page: Any, label: str, value: str) -> None:
    field = page.get_by_role("textbox", name=label)
    expect(field).to_be_visible(timeout=SLOW)
    field.fill(value)
    field.press("Enter")


@pytest.mark.timeout(420)  # three workers and a browser share two cores with the other browser tests
def test_an_uploaded_zip_is_looked_at_added_distilled_and_judged(server: Server, watched: Watched, tiles: Path) -> None:
    page: Any = watched.page
    bring(page, server, tiles)
    expect(page.get_by_text("All images are 64 × 64 pixels.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Nothing suspicious was found")).to_be_visible()
    fill(page, "Side (pixels)", "32")
    expect(page.get_by_text("32 × 32 pixels, colour")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Add data set").click()
    page.wait_for_url(re.compile(r"\?set=tiles$"), timeout=SLOW)
    page.get_by_text("Counts and statistics: no surprises").click(timeout=SLOW)  # it is described by itself
    expect(page.get_by_text("116 images in all").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Always answering “SSA” is right on 66.67 % of the 36 test images.")).to_be_visible()

    page.get_by_role("link", name="DM", exact=True).click()
    expect(page.get_by_role("heading", name="DM", level=1)).to_be_visible(timeout=SLOW)
    choose(page, "Data set", "tiles")
    expect(page.get_by_role("textbox", name="T · Iterations")).to_have_value("200", timeout=SLOW)  # not of digits
    page.get_by_text("More parameters").click()
    for label, value in (
        ("T · Iterations", "40"),
        ("IPC · Images per class", "2"),
        ("Real batch (images per class)", "16"),
    ):
        fill(page, label, value)  # a thirtieth of the preset's work
        expect(page.get_by_text(f"{label.partition(' (')[0]} {value} instead of")).to_be_visible(timeout=SLOW)
    page.get_by_text("Evaluate when done").click()
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"\?run=[0-9a-f]{16}$"), timeout=SLOW)
    expect(page.get_by_role("heading", name="How good is it?")).to_be_visible(timeout=2 * SLOW)
    choose(page, "Protocol", "quick")
    page.get_by_role("button", name=re.compile("Evaluate with controls")).click()
    expect(page.get_by_text("majority class 66.7 %")).to_be_visible(timeout=4 * SLOW)
    page.get_by_text("In detail").click()
    told = page.get_by_test_id("stMetricLabel")
    for label in ("Balanced accuracy", "AUC", "Majority class"):
        expect(told.filter(has_text=label)).to_be_visible(timeout=SLOW)


def test_a_hostile_zip_is_refused_in_words_and_leaves_nothing(server: Server, watched: Watched, tmp_path: Path) -> None:
    page: Any = watched.page
    with zipfile.ZipFile(tmp_path / "outside.zip", "w") as archive:
        archive.writestr("cat/../../../outside.png", b"")
    bring(page, server, tmp_path / "outside.zip")
    expect(page.get_by_text("Refused, and nothing of it was kept.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("leads outside (..)")).to_be_visible()
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("weights.pt", b"PK\3\4")
    expect(page.locator("input[type=file]")).to_have_count(1, timeout=SLOW)  # both for a moment
    page.locator("input[type=file]").set_input_files(tmp_path / "code.zip")
    expect(page.get_by_text("code.zip holds no images")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("outside.png")).to_have_count(0)
    assert not list((tmp_path / "home").rglob("own"))
