"""Anybody's words in LaTeX, Markdown and CSV."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddcore.report.export import escape


@pytest.mark.parametrize(
    ("words", "set_as"),
    [
        ("50% of a_b & c#1 {x}", r"50\% of a\_b \& c\#1 \{x\}"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a ± b × λ", r"a $\pm$ b $\times$ $\lambda$"),
        ("η_S 10, ζ_θ, T⁺, a_b", r"$\eta_{S}$ 10, $\zeta_{\theta}$, T$^+$, a\_b"),
        ("--lr-img", "-{}-lr-img"),
        ("5–6", "5--6"),
        ("Bâle, Ångström, Łódź", r"B\^{a}le, \r{A}ngstr\"{o}m, \L{}\'{o}d\'{z}"),
        ("中", "{[}U+4E2D{]}"),
        ("[2] * two", "{[}2{]} {*} two"),
        ("one\n\\\\ two\x00", r"one \textbackslash{}\textbackslash{} two"),
    ],
)
def test_words_are_set_as_they_are_in_latex(words: str, set_as: str) -> None:
    assert escape.latex(words) == set_as


@settings(deadline=None)  # the first example pays for what is imported late
@given(st.text())
def test_latex_is_plain_ascii_with_braces_in_pairs_and_no_sign_left_that_it_would_obey(words: str) -> None:
    said = escape.latex(words)
    assert said.isascii()
    assert "\n" not in said
    bare = re.sub(r"\\[{}$&%#_]", "", said)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?<!\\)[&%#_~]", re.sub(r"\\[~^]\{", "", re.sub(r"\$[^$]*\$", "", said)))


@settings(deadline=None)  # the first example pays for what is imported late
@given(st.text())
def test_markdown_stays_on_one_line_and_escapes_all_that_it_would_obey(words: str) -> None:
    said = escape.markdown(words)
    assert len(said.splitlines()) <= 1
    assert not re.search(r"[`*_\[\]<>$~|#&\\]", re.sub(r"\\.", "", said))


@pytest.mark.parametrize("words", ["=1+2", "+cmd", "-x", "@SUM(A1)", "＝1+2", "＋1a", "－x", "＠SUM"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(words: str) -> None:
    assert escape.csv(words) == f"'{words}"


def test_nor_what_is_behind_the_end_of_a_cell_in_other_countries() -> None:
    assert escape.csv('a;=1+1; "@x;b-c') == "a;'=1+1; \"'@x;b-c"


@pytest.mark.parametrize("words", ["-0.5", "+3", "1e-4", "DM"])
def test_numbers_and_plain_words_stay_as_they_are_in_csv(words: str) -> None:
    assert escape.csv(words) == words


def test_what_cannot_be_seen_is_left_out() -> None:
    assert escape.one_line("a\u202eb\tc\ud800d\u2028e") == "a b c d e"
