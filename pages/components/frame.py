"""The frame of every page: title, lead, errors in words, the device, and which run the address names."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import streamlit as st

from ddcore import jobs
from ddcore.errors import DDCoreError
from ddcore.experiments.base import RUNS_PAGE
from ddcore.hosting import rights
from ddcore.hosting.people import acting, acting_as
from ddcore.jobs.drain import TOLD, draining
from ddcore.report import tables
from ddcore.run_id import RUN_ID
from ddcore.runs.store import RunRecord, Store, moment, now
from pages.components import account, menu
from pages.components.markdown import called, plain

T = TypeVar("T")
APP = "Dataset distillation"  # in the browser's tab behind the page's or the run's name
_PREFIX = "kept by"
_ARRIVED = "arrived"  # in the session


@contextmanager
def page(title: str, lead: str, *kinds: str) -> Iterator[None]:
    """Title and lead, then the page's guarded body; a run of these kinds has its own name for a title, and no lead."""
    let_go(title)
    st.session_state[_ARRIVED] = (here := session_key(title, "was drawn")) not in st.session_state
    st.session_state[here] = True
    with guarded():
        run = _linked()
        is_shown = run is not None and run.kind in kinds
        st.title(called(run) if run and is_shown else title, anchor=False)
        if not is_shown:
            st.markdown(lead)
        if trouble := store().trouble():
            st.error(f"**Your runs cannot be listed.** {plain(trouble)} What is shown below ships with the app.",
                     icon=":material/folder_off:")
        in_tab(title)
        if draining():
            st.info(TOLD, icon=":material/pause_circle:")
        yield


def in_tab(page: str) -> None:
    """The title in the browser's tab: the run that is open, else the page."""
    run = _linked()
    st.set_page_config(page_title=f"{tables.title(run) if run else page} · {APP}")


def _linked() -> RunRecord | None:
    """The run that `?run=` in the address names; where there is none, `chosen_run` says so."""
    run_id = st.query_params.get("run", "")
    return store().record(run_id) if RUN_ID.fullmatch(run_id) and store().exists(run_id) else None


def arrived() -> bool:
    """Whether the page is drawn because somebody came to it, and not because of something that they did on it."""
    return bool(st.session_state.get(_ARRIVED))


def session_key(page: str, what: str) -> str:
    """The key in the session of something large that is let go of when another page is opened."""
    return f"{_PREFIX} {page}: {what}"


def let_go(page: str) -> None:
    """Forget what other pages than this one kept."""
    for key in map(str, list(st.session_state)):
        if key.startswith(_PREFIX) and not key.startswith(session_key(page, "")):
            del st.session_state[key]


@contextmanager
def guarded() -> Iterator[None]:
    """An error in the body becomes a box in words instead of a broken page.

    A fragment that draws itself again is outside its page's guard, so each wears its own as a decorator. All that is
    drawn inside one sees the runs as they are at one moment, and nothing is for whom may look no longer. What is begun
    inside is ended by whoever began it, also where their sign-in ends meanwhile.
    """
    account.stop_strangers()
    with acting_as(acting()), moment():
        try:
            yield
        except DDCoreError as error:
            st.error(str(error), icon=":material/error:")
        except Exception as error:
            _unknown(error)


def _unknown(error: Exception) -> None:
    """An error that nobody foresaw: in full, or in the server's log where its visitors are not to read it."""
    lead = "This page met an error it does not know"
    if st.get_option("client.showErrorDetails") == "none":
        traceback.print_exception(error, file=sys.stderr)
        st.error(f"{lead}. Whoever looks after the workbench finds it in the server's log.", icon=":material/error:")
        return
    st.error(f"{lead}: {type(error).__name__}: {error}", icon=":material/error:")
    with st.expander("Technical details"):
        st.exception(error)


def store() -> Store:
    """The store of runs, inside a guard as it is at one moment."""
    return now() or Store()


def later(make: Callable[[Store], T]) -> Callable[[], T]:
    """For what is made after the page, when somebody asks for it: a call of `make` that lists the runs once, as whoever
    looks at the page now, with the role that they have by then. It comes from a thread where no visitor's page is at
    work. Raises NotAllowed for whom may look no longer."""
    again = account.again()

    def made() -> T:
        with acting_as(again()), moment() as runs:
            rights.require("look")
            return make(runs)

    return made


def device() -> str:
    """ "cuda" when a slot has a GPU, else "cpu"; told without importing torch."""
    return "cuda" if any(slot.device.startswith("cuda") for slot in jobs.slots()) else "cpu"


def device_banner() -> None:
    """One short line where there is no GPU; nothing where there is one."""
    if device() == "cpu":
        st.caption(":material/memory: No GPU here: *quick* presets take seconds to minutes, the papers' settings hours "
                   "or days.")


def chosen_run(*kinds: str, parameter: str = "run") -> RunRecord | None:
    """The run that `?run=` in the address names, None without one; says so when there is no such run.

    parameter: of the address; `?like=` names the run with whose parameters a form starts.
    """
    if not (run_id := st.query_params.get(parameter)):
        return None
    if not RUN_ID.fullmatch(run_id):
        st.warning("The address names a run in a form that no run has. Run ids are 16 digits from 0-9 and a-f.",
                   icon=":material/link_off:")
    elif not store().exists(run_id):
        st.warning(f"There is no run {run_id} here: it was deleted, or the link comes from another machine.",
                   icon=":material/link_off:")
    elif kinds and (kind := store().record(run_id).kind) not in kinds:
        st.warning(f"Run {run_id} is of kind “{kind}”; this page shows {' and '.join(kinds)} runs.")
    else:
        return store().record(run_id)
    return None


def open_run(run_id: str | None, parameter: str = "run") -> None:
    """Put a run (or none) into the address and draw the page again."""
    st.query_params.from_dict({parameter: run_id} if run_id else {})
    st.rerun()


def link(record: RunRecord, label: str | None = None) -> None:
    """A link to the page that shows this run."""
    shown, words = _shown_by(record), label or called(record)
    page = page_of(shown)
    if not page.is_current:  # a link to it would leave the address as it is, and the next click forget the run
        st.page_link(page.page(), label=words, icon="", query_params={"run": shown.id})
    elif st.button(words, key=f"open-{record.id}-{words}", type="tertiary", wrap=True):
        open_run(shown.id)


def page_of(record: RunRecord) -> menu.Entry:
    """The page that shows this run: a set its method's, an evaluation that of its set, others that of their kind."""
    record = _shown_by(record)
    title = record.declared.page_title if record.declared else RUNS_PAGE
    method = menu.of_method(record.name) if record.makes_images else None  # sweeps, too, are named after a method
    return method or menu.of_kind(record.kind, title)


def _shown_by(record: RunRecord) -> RunRecord:
    """An evaluation is shown on the page of the run whose images it tested, while that is there."""
    parameter = record.declared.shown_with if record.declared else ""
    other = str(record.config.get(parameter))
    return store().record(other) if parameter and store().exists(other) else record
