"""The menu: a page for each numbered file in pages/, one for each distiller and each kind of run that has none."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from ddcore.errors import ConfigError
from ddcore.experiments import KINDS
from ddcore.home import PROJECT
from ddcore.hosting import rights
from ddcore.hosting.settings import settings
from ddcore.methods import METHODS

FOLDER = Path(__file__).parents[1]  # of the numbered files
STYLE = Path(__file__).parent / "style.css"
LOGO = Path(__file__).parent / "logo.svg"  # in colours for light and for dark
ICON = Path(__file__).parent / "icon.png"  # an icon named by words would be fetched from a foreign host
SYMBOLS = {"Home": "home", "Datasets": "photo_library", "Baselines": "show_chart", "NAS": "account_tree",
           "Sweeps": "tune", "Compare": "compare", "Runs": "list", "Course": "school"}  # a method declares its own
OVERSEEN = "Course"  # the title of the page for whoever looks after a hosted workbench
ANY_METHOD = "pages/method.py"  # draws the page of every distiller that has no file
ANY_KIND = "pages/kind.py"  # and of every kind of run that has none
CURRENT = "address of the page"  # in the session


@dataclass(frozen=True)
class Entry:
    """A line of the menu. file: from the project's root; address: the path in the URL, empty of the home page;
    symbol: a Material symbol by its name; method, kind: whose page it is, where it is that of one alone."""

    file: str
    title: str
    address: str
    symbol: str
    method: str = ""
    kind: str = ""

    def page(self) -> Page:
        """As Streamlit's menu, links and switches take it."""
        return st.Page(self.file, title=self.title, icon=f":material/{self.symbol}:", url_path=self.address,
                       default=not self.address)

    @property
    def is_current(self) -> bool:
        """Whether this is the page being drawn."""
        return bool(st.session_state.get(CURRENT) == self.address)


def draw(*, listed: bool = True) -> Page:
    """Page settings and menu; the page that the address names. listed: whether the menu is shown."""
    st.set_page_config(page_title="Dataset distillation", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    st.logo(str(LOGO), size="large", icon_image=str(ICON))
    pages = [*(entry.page() for entry in entries() if is_for_me(entry)), docs()]
    page = st.navigation(pages, position="sidebar" if listed else "hidden", expanded=True)
    st.session_state[CURRENT] = page.url_path
    return page


def is_for_me(entry: Entry) -> bool:
    """Whether who looks finds this page in the menu, and by its address."""
    try:
        return entry.title != OVERSEEN or (settings() is not None and rights.may("oversee"))
    except ConfigError:
        return False


def docs() -> Page:
    """The documentation, which the menu does not list: a link below it leads there from every page."""
    return st.Page("pages/docs.py", title="Docs", icon=":material/menu_book:", url_path="Docs", visibility="hidden")


def entries() -> list[Entry]:
    """In the order of the menu: files by their number, and below the last method among them the methods without one."""
    files = sorted(FOLDER.glob("[0-9]*_*.py"), key=lambda path: (int(path.stem.partition("_")[0]), path.stem))
    numbered = [_of_file(path) for path in files]
    drawn = {entry.method for entry in numbered}
    taken = {entry.address.lower() for entry in numbered}
    others = [Entry(ANY_METHOD, METHODS[name].title, _address(name, taken), METHODS[name].symbol, name)
              for name in distillers() if name not in drawn]
    titles = {entry.title for entry in (*numbered, *others)}
    kinds = [Entry(ANY_KIND, kind.page_title, _address(name, taken), "category", kind=name)
             for name, kind in KINDS.items() if kind.page_title not in titles]
    below = max(i for i, entry in enumerate(numbered, 1) if entry.method or i == 1)
    return [*numbered[:below], *others, *kinds, *numbered[below:]]


def _address(name: str, taken: set[str]) -> str:
    """The name as a path, numbered where another page has that path in whatever case; it joins those taken."""
    path = free = re.sub(r"\W+", "-", name, flags=re.ASCII)
    number = 1
    while free.lower() in taken:
        number += 1
        free = f"{path}-{number}"
    taken.add(free.lower())
    return free


def distillers() -> list[str]:
    """The methods that make images, by name; those that choose real ones are together on the Baselines page."""
    return [name for name, method in METHODS.items() if method.step]


def first_method() -> Entry:
    """Where somebody who has made nothing yet begins."""
    return next(entry for entry in entries() if entry.method)


def current() -> Entry:
    """The page being drawn."""
    return next(entry for entry in entries() if entry.is_current)


def of_title(title: str) -> Entry:
    """The first page of this title."""
    return next(entry for entry in entries() if entry.title == title)


def of_kind(name: str, title: str) -> Entry:
    """The page of the kind `name`: its own, else the first of this title."""
    return next((entry for entry in entries() if entry.kind == name), None) or of_title(title)


def of_method(name: str) -> Entry | None:
    """The method's own page, if it has one; none of a run that cannot be read, whose name is empty."""
    return next((entry for entry in entries() if name and entry.method == name), None)


def _of_file(path: Path) -> Entry:
    """ "pages/5_DM.py" is the page of the method `dm`; "pages/0_Home.py" is what the bare address shows."""
    name = path.stem.partition("_")[2]
    title = name.replace("_", " ")
    method = name.lower() if name.lower() in distillers() and title not in SYMBOLS else ""
    symbol = METHODS[method].symbol if method else SYMBOLS.get(title, "article")
    return Entry(os.path.relpath(path, PROJECT), title, "" if title == "Home" else name, symbol, method)
