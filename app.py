"""The dashboard. Start it with `streamlit run app.py`.

The server imports this file once, and then runs it for every visitor and click.
"""

import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Event, Thread, Timer

import streamlit as st
from starlette.middleware import Middleware

from ddcore.errors import ConfigError
from ddcore.hosting import people
from ddcore.jobs import keeper
from ddcore.report import names
from pages.components import account, activity, health, menu, uploads


@asynccontextmanager
async def opening(_: st.App) -> AsyncIterator[None]:
    """While the server runs, the queue is looked after, whether or not somebody has a page open.

    A browser is opened where there is a screen, as Streamlit does for files without App.
    """
    closing = Event()
    Thread(target=keeper.keep, args=(keeper.resumes(), lambda: not closing.is_set(), names.public), daemon=True).start()
    if not st.get_option("server.headless"):
        address = f"http://localhost:{st.get_option('server.port')}"
        Timer(1, webbrowser.open, [address]).start()  # the server answers in a moment
    with uploads.kept():
        yield
    closing.set()


people.found_by(account.find)  # in the server and, were it to be started otherwise, in every page

if __name__ == "__main__":
    page = menu.draw(listed=account.admitted())
    if account.admitted():
        activity.show()
        account.line()
        page.run()
    else:
        account.wall()
else:
    try:
        account.begin()
    except ConfigError as error:
        lines = "\n".join(f"- {problem}." for problem in error.problems)
        raise SystemExit(f"The workbench is hosted, and is not set up for it:\n{lines}\nSee docs/hosting.md.") from None
    # Until a script has called st.navigation, Streamlit takes the files in pages/ for all the pages there are: a first
    # visitor who comes by the address of another one would be told "Page not found". The switch is private to
    # Streamlit: a version without it still starts.
    with suppress(ImportError):
        from streamlit.runtime.pages_manager import PagesManager

        if hasattr(PagesManager, "uses_pages_directory"):
            PagesManager.uses_pages_directory = False
    menu.entries()  # loads the methods' declarations before anybody waits for them
    app = st.App(__file__, lifespan=opening, middleware=[Middleware(health.Health), Middleware(uploads.Intake)])
