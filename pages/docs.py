"""The documentation that ships with the code, a page of it at a time: /Docs?page=numbers."""

import re
from pathlib import Path

import streamlit as st

from ddcore.home import PROJECT
from pages.components import frame

FILES = {path.stem: path for path in sorted((PROJECT / "docs").glob("*.md")) if path.stem != "index"}
FIRST = "five-minutes"


def main() -> None:
    texts = {name: path.read_text("utf-8") for name, path in FILES.items()}
    asked = st.query_params.get("page", FIRST)
    chosen = st.selectbox("Page of the docs", list(texts), format_func=lambda name: title(texts[name]),
                          index=list(texts).index(asked if asked in texts else FIRST), width=360)
    st.query_params["page"] = chosen
    st.set_page_config(page_title=f"{title(texts[chosen])} · {frame.APP}")
    st.markdown(linked(texts[chosen]))


def title(text: str) -> str:
    """What the page is called: its first line."""
    return text.partition("\n")[0].lstrip("# ")


def linked(text: str) -> str:
    """Links between the pages lead here; pictures and links to other files of the project are left out."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)\s*", "", text)
    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^):]+)\)", _link, text)


def _link(found: re.Match[str]) -> str:
    words, file = found[1], Path(found[2].partition("#")[0])
    return f"[{words}](/Docs?page={file.stem})" if file.name == f"{file.stem}.md" and file.stem in FILES else words


main()
