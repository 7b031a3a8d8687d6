"""The files beside README.md become pages of the site too, and links between them and docs/ lead to pages."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md", "readme.md": "README.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for page, file in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / file).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """docs/numbers.md in a link of README.md, ../CONTRIBUTING.md in one of a page: both as the site has them."""
    for page, file in PAGES.items():
        markdown = re.sub(rf"\]\((\.\./)?{re.escape(file)}", f"]({page}", markdown)
    return markdown.replace("](docs/", "](")
