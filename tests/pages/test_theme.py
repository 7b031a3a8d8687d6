"""The colours of .streamlit/config.toml and style.css, as Streamlit puts them together, can be read."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from ddcore.home import PROJECT
from pages.components.menu import STYLE

THEME = tomllib.loads((PROJECT / ".streamlit/config.toml").read_text("utf-8"))["theme"]
READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3, for text of ordinary size
CAPTION = 0.6  # the opacity that Streamlit gives captions
Colour = tuple[float, ...]


def rgb(text: str) -> Colour:
    return tuple(int(text[i:i + 2], 16) / 255 for i in (1, 3, 5))


def over(text: Colour, background: Colour, opacity: float) -> Colour:
    return tuple(opacity * t + (1 - opacity) * b for t, b in zip(text, background, strict=True))


def luminance(colour: Colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(rgb("#000000"), rgb("#FFFFFF")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#FFFFFF")) == pytest.approx(4.478, abs=1e-3)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_captions_links_and_primary_buttons_can_be_read(mode: str) -> None:
    theme: dict[str, Any] = THEME[mode]
    on_primary = re.search(r"light-dark\((#\w{6}), (#\w{6})\)", STYLE.read_text("utf-8"))
    assert on_primary
    found = {"primary button": contrast(rgb(on_primary[1 if mode == "light" else 2]), rgb(theme["primaryColor"]))}
    for place in (theme, theme["sidebar"]):
        for name in ("backgroundColor", "secondaryBackgroundColor"):
            ground = rgb(place[name])
            for colour in ("textColor", "codeTextColor"):
                found[f"{colour} of a caption on {place[name]}"] = contrast(over(rgb(theme[colour]), ground, CAPTION),
                                                                            ground)
            for colour in ("linkColor", "primaryColor"):
                found[f"{colour} on {place[name]}"] = contrast(rgb(theme[colour]), ground)
    assert {name: value for name, value in found.items() if value < READABLE} == {}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_axes_of_charts_can_be_read(mode: str) -> None:
    colours = re.search(r"\.xtick.*\n\s*fill: light-dark\((#\w{6}), (#\w{6})\)", STYLE.read_text("utf-8"))
    assert colours
    axis, ground = rgb(colours[1 if mode == "light" else 2]), rgb(THEME[mode]["backgroundColor"])
    assert contrast(axis, ground) >= READABLE
