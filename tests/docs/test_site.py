"""The site made of docs/: it builds without a warning, and needs no other host."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

from ddcore.home import PROJECT

# What a browser fetches to show a page; a link that a reader may follow is none of it.
FETCHED = re.compile(
    r"""<(?:script|img|iframe)[^>]*\ssrc="(?:https?:)?//|<link[^>]*\shref="(?:https?:)?//|url\(['"]?(?:https?:)?//"""
)


def test_the_site_builds_strictly_and_fetches_nothing_from_another_host(tmp_path: Path) -> None:
    build(load_config(str(PROJECT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True))
    pages = {file.stem for file in tmp_path.glob("*.html")}
    assert {"index", "contributing", "changelog", *(file.stem for file in (PROJECT / "docs").glob("*.md"))} <= pages
    assert not list(tmp_path.glob("*.py"))
    written = [file for file in tmp_path.rglob("*") if file.suffix in (".html", ".css")]
    assert not [file.name for file in written if FETCHED.search(file.read_text("utf-8"))]
    assert '<a href="contributing.html">' in (tmp_path / "index.html").read_text("utf-8")
