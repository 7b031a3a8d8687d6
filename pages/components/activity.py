"""Below the menu of every page: the docs, what runs now, word of a run that has ended, and the page's link.

A browser tells of an end also while another window is before it, once a person has asked for that with a click; where
many share the workbench, the tab's title does, too, until that window is looked at. What opens on the page where one
is, is seen from its top.
"""

from pathlib import Path

import streamlit as st

from ddcore import jobs
from ddcore.hosting.owners import owned
from ddcore.hosting.people import acting
from ddcore.hosting.settings import settings
from ddcore.report import tables
from ddcore.runs.state import asker
from ddcore.runs.store import RunRecord
from pages.components import frame, menu, progress
from pages.components.markdown import called

FOLLOWED, TOLD, POLLING = "runs under way", "runs that ended", "activity is polling"  # in the session
SIGNS = {"done": "✓", "cancelled": "■", "interrupted": "■"}  # in the browser's tab; of others a cross
VIEWS = ("run", "like", "bring", "page")  # parameters of the address that open something else on the same page
_html, _css, _js = ((Path(__file__).parent / f"activity.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
_buttons = st.components.v2.component("ddcore-activity", html=_html, css=_css, js=_js)


def show() -> None:
    """Below the menu, drawn again every few seconds as long as something runs."""
    active = bool(jobs.list_jobs())
    st.session_state[POLLING] = active
    with st.sidebar:
        st.page_link(menu.docs(), label="Docs")
        st.fragment(_now, run_every=progress.POLL_SECONDS if active else None)()


@frame.guarded()
def _now() -> None:
    active = jobs.list_jobs()
    if st.session_state.get(POLLING) and not active:
        st.rerun()  # the page is drawn once more, and then nobody asks any longer
    _tell(_ended([run_id for run_id, _ in active]))
    if active:
        st.progress(share([status for _, status in active]), text=count([status for _, status in active]))
    data = {"ended": st.session_state.get(TOLD, []), "active": bool(active), "opened": _opened(),
            "in_tab": settings() is not None}
    _buttons(key="activity", data=data)


def _opened() -> str:
    """The page and what it shows, but not how it shows that."""
    return "&".join([str(st.session_state.get(menu.CURRENT)), *(st.query_params.get(name, "") for name in VIEWS)])


def share(active: list[jobs.Status]) -> float:
    """How far what runs has come, on average; 0 of what only waits."""
    shares = [min(1.0, status.done / status.total) if status.total else 0.0
              for status in active if status.state != "queued"]
    return sum(shares) / len(shares) if shares else 0.0


def count(active: list[jobs.Status]) -> str:
    """ "2 running, 1 waiting · 40 %"."""
    waiting = sum(status.state == "queued" for status in active)
    numbers = {"running": len(active) - waiting, "waiting": waiting}
    return ", ".join(f"{n} {word}" for word, n in numbers.items() if n) + f" · {share(active):.0%}".replace("%", " %")


def _ended(active: list[str]) -> list[RunRecord]:
    """The runs that were under way at the last look and are no longer, but for those of another that is or was, too:
    what it needs, and what it asked for, as a sweep does."""
    store, before = frame.store(), st.session_state.get(FOLLOWED, [])
    st.session_state[FOLLOWED] = active
    asked = {parent for run_id in {*before, *active} if store.exists(run_id)
             for parent in store.record(run_id).info.get("parents", [])}
    gone = [store.record(run_id) for run_id in before if run_id not in active and store.exists(run_id)]
    return [record for record in gone if record.id not in asked and not record.active and _mine(record)
            and asker(record.folder) not in {*before, *active}]


def _mine(record: RunRecord) -> bool:
    """Whether who looks asked for it; all are of one's own where nobody shares the workbench."""
    return settings() is None or record.id in owned(acting().id)


def _tell(ended: list[RunRecord]) -> None:
    """A word about each on the page, and in the browser for whoever wants it."""
    for record in ended:
        word, _, icon = progress.state(record)
        st.toast(f"**{word}:** {called(record)}", icon=icon, duration="long")
        title = tables.title(record)
        tab = f"{SIGNS.get(record.state, '✗')} {title} · "
        told = {"id": record.id, "title": word, "body": title, "tab": tab}
        st.session_state[TOLD] = [*st.session_state.get(TOLD, []), told][-9:]
