"""The frame of every page: title, lead, errors in words, the device, and which run the address names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import streamlit as st

from ddcore import jobs
from ddcore.errors import DDCoreError, RunNotFound
from ddcore.methods import METHODS
from ddcore.runs.record import RUN_ID
from ddcore.runs.store import Moment, RunRecord, Store
from pages.components import menu
from pages.components.markdown import called

BASELINES, PAD, NAS, RUNS = "pages/2_Baselines.py", "pages/4_PAD.py", "pages/6_NAS.py", "pages/8_Runs.py"
PAGES = {
    "describe": "pages/1_Datasets.py", "baseline": BASELINES, "flops": BASELINES, "scores": PAD, "experts": PAD,
    "search": NAS, "truth": NAS,
}
_KEPT = "kept by"
_moment: ContextVar[Moment | None] = ContextVar("moment", default=None)


@contextmanager
def page(title: str, lead: str) -> Iterator[None]:
    """Title and lead, then the page's guarded body."""
    let_go(title)
    st.title(title, anchor=False)
    st.markdown(lead)
    with guarded():
        yield


def kept(page: str, what: str) -> str:
    """The key in the session of something large that is let go of when another page is opened."""
    return f"{_KEPT} {page}: {what}"


def let_go(page: str) -> None:
    """Forget what other pages than this one kept."""
    for key in [str(key) for key in st.session_state]:
        if key.startswith(_KEPT) and not key.startswith(kept(page, "")):
            del st.session_state[key]


@contextmanager
def guarded() -> Iterator[None]:
    """An error in the body becomes a box in words instead of a broken page.

    A fragment that draws itself again is outside its page's guard, so each wears its own as a decorator. All that is
    drawn inside one sees the runs as they are at one moment.
    """
    outermost = _moment.get() is None
    if outermost:
        _moment.set(Moment())
    try:
        yield
    except DDCoreError as error:
        st.error(str(error), icon=":material/error:")
    except Exception as error:
        st.error(f"This page met an error it does not know: {type(error).__name__}: {error}", icon=":material/error:")
        with st.expander("Technical details"):
            st.exception(error)
    finally:
        if outermost:
            _moment.set(None)


def store() -> Store:
    """The store of runs, inside a guard as it is at one moment."""
    return _moment.get() or Store()


def device() -> str:
    """ "cuda" when a slot has a GPU, else "cpu"; told without importing torch."""
    return "cuda" if any(slot.device.startswith("cuda") for slot in jobs.slots()) else "cpu"


def device_banner() -> None:
    """One plain sentence where there is no GPU; nothing where there is one."""
    if device() == "cpu":
        st.info(
            "No GPU here, so runs compute on the CPU. That is fine for the **quick** presets (seconds to minutes); "
            "the papers' settings take hours or days. Every form shows a time estimate before you start.",
            icon=":material/memory:",
        )


def chosen_run(*kinds: str, asked: str = "run") -> RunRecord | None:
    """The run that `?run=` in the address names, None without one; says so when there is no such run.

    asked: what the run is wanted for; "like" starts a form with its parameters.
    """
    given = st.query_params.get(asked)
    if not given:
        return None
    if not RUN_ID.fullmatch(given):
        st.warning(
            "The address names a run in a form that no run has. Run ids are 16 digits from 0-9 and a-f.",
            icon=":material/link_off:",
        )
        return None
    try:
        record = store().record(given)
    except RunNotFound:
        st.warning(f"There is no run {given} here: it was deleted, or the link comes from another machine.",
                   icon=":material/link_off:")
        return None
    if kinds and record.kind not in kinds:
        st.warning(f"Run {given} is of kind “{record.kind}”; this page shows {' and '.join(kinds)} runs.")
        return None
    return record


def open_run(run_id: str | None, asked: str = "run") -> None:
    """Put a run (or none) into the address and draw the page again."""
    st.query_params.from_dict({asked: run_id} if run_id else {})
    st.rerun()


def link(record: RunRecord, label: str | None = None) -> None:
    """A link to the page that shows this run."""
    shown, words = _shown_by(record), label or called(record)
    page = page_of(shown)
    if not page.is_current:  # a link to it would leave the address as it is, and the next click forget the run
        st.page_link(page.page(), label=words, icon="", query_params={"run": shown.id})
    elif st.button(words, key=f"open-{record.id}-{words}", type="tertiary"):
        open_run(shown.id)


def page_of(record: RunRecord) -> menu.Entry:
    """The page that shows this run: a method's run its method's page, an evaluation that of the set it judged."""
    record = _shown_by(record)
    if record.kind == "distill" and record.name in METHODS:
        return menu.of_method(record.name) or menu.of_file(BASELINES)
    return menu.of_file(PAGES.get(record.kind, RUNS))


def _shown_by(record: RunRecord) -> RunRecord:
    """An evaluation is shown on the page of the run whose images it tested, while that is there."""
    tested = str(record.config.get("run"))
    return store().record(tested) if record.kind == "evaluate" and store().exists(tested) else record
