"""The dashboard. Start it with `streamlit run app.py`; the home page is in pages/components/home.py."""

from __future__ import annotations

from pages.components import menu

if __name__ == "__main__":
    menu.draw().run()
