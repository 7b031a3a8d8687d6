"""The code that pages of docs/ show in fenced blocks."""

from __future__ import annotations

import re
from pathlib import Path

from ddcore.home import PROJECT

DOCS = PROJECT / "docs"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in this language, in their order."""
    return [code for marked, code in FENCE.findall(page.read_text("utf-8")) if marked == language]
