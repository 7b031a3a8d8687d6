"""The pages and the menu.

Pages have the addresses that Streamlit would give the files in pages/ by itself: with others, a deep link on a
freshly started server says "page not found".
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

DRAWN = "menu is drawn by us"
_KEPT = "kept by"
ICON = Path(__file__).parent / "icon.png"  # an icon named by words would be fetched from a foreign host
LEAD = """
Can **100 images** teach a network nearly as much as 60,000? *Dataset distillation* makes a small synthetic set,
a few images per class, that trains a network almost as well as the whole data set. Here you make such sets,
watch them take shape, and see how good they are against honest controls.
"""
FILES = (
    ("pages/1_Datasets.py", ":material/photo_library:"),
    ("pages/2_Baselines.py", ":material/show_chart:"),
    ("pages/3_DataDAM.py", ":material/blur_on:"),
    ("pages/4_PAD.py", ":material/route:"),
    ("pages/5_DM.py", ":material/scatter_plot:"),
    ("pages/6_NAS.py", ":material/account_tree:"),
    ("pages/7_Compare.py", ":material/compare:"),
    ("pages/8_Runs.py", ":material/list:"),
)


def draw() -> Page:
    """Page settings and menu; the page that the address names."""
    st.session_state[DRAWN] = True
    st.set_page_config(page_title="Dataset distillation", page_icon=str(ICON), layout="wide")
    files = [st.Page(file, title=title(file), icon=icon) for file, icon in FILES]
    return st.navigation([st.Page(_home, title="Home", icon=":material/home:", url_path="", default=True), *files])


def kept(page: str, what: str) -> str:
    """The key in the session of something large that is let go of when another page is opened."""
    return f"{_KEPT} {page}: {what}"


def let_go(page: str) -> None:
    """Forget what other pages than this one kept."""
    for key in [str(key) for key in st.session_state]:
        if key.startswith(_KEPT) and not key.startswith(kept(page, "")):
            del st.session_state[key]


def ensure() -> None:
    """Draw the menu if this page was not reached through app.py.

    On a freshly started server Streamlit answers the first deep link into pages/ with that file alone. Drawing our
    menu once ends this for the whole server; the second run starts at app.py, so that widgets keep their identity.
    """
    if not st.session_state.get(DRAWN):
        draw()
        st.rerun()


def title(file: str) -> str:
    """ "Datasets" of "pages/1_Datasets.py"."""
    return Path(file).stem.partition("_")[2]


def _home() -> None:
    let_go("Home")
    st.title("Dataset distillation workbench", anchor=False)
    st.markdown(LEAD)
    from pages.components import home  # the engine's declarations take a moment to load: title and lead come first

    home.show()
