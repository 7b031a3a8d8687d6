"""Names in any script: drawn by a font that has their signs, or told by code."""

import numpy as np
import pytest
from PIL import ImageFont

from ddcore.ops import fonts, pictures


@pytest.fixture(autouse=True)
def fresh():
    for cached in (fonts._absent, fonts._entries):
        cached.cache_clear()
    yield
    for cached in (fonts._absent, fonts._entries):
        cached.cache_clear()


def grid(name):
    return pictures.grid(np.zeros((1, 1, 8, 8), np.float32), np.array([0]), [name], (0.0,), (1.0,))


def test_names_that_the_usual_font_has_are_drawn_as_ever(monkeypatch):
    monkeypatch.setattr(fonts, "_entries", lambda signs: pytest.fail("looked for a font"))
    font, names = fonts.for_names(["cat", "dog 2", ""], 13)
    assert names == ["cat", "dog 2", ""]
    assert font.getname() == ImageFont.load_default(13).getname()


def test_names_in_another_script_are_drawn_by_a_font_that_has_it():
    font, names = fonts.for_names(["кот", "собака", "café"], 13)
    assert names == ["кот", "собака", "café"]
    assert bytes(font.getmask("к")) not in {bytes(font.getmask("\U0010ffff")), bytes(font.getmask("о"))}


def test_signs_that_no_font_has_are_told_by_their_codes_so_that_names_stay_apart(monkeypatch):
    monkeypatch.setattr(fonts, "_entries", lambda signs: [])
    assert fonts.for_names(["猫 1", "狗"], 13)[1] == ["U+732B 1", "U+72D7"]
    assert len({grid("猫"), grid("狗"), grid("U+732B")}) == 2


def test_families_have_the_first_font_first_and_what_none_has_is_listed(monkeypatch):
    assert fonts.families("cat λ кот\n") == (["DejaVu Sans"], [])
    assert fonts.families("cat \U0010fffd\U0010fffc")[1] == ["\U0010fffc", "\U0010fffd"]


def test_font_that_cannot_be_read_has_no_signs(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert fonts._signs(str(tmp_path / "broken.ttf")) == frozenset()
