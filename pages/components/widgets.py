"""Parts that every page of runs has: launch row, header of a run, list of earlier runs, parameters, data note."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.errors import DDCoreError
from ddcore.experiments import Spec
from ddcore.home import data_root
from ddcore.params import Config
from ddcore.report import tables, text
from ddcore.report.estimate import disk, estimate
from ddcore.runs.files import size
from ddcore.runs.store import RunRecord
from pages.components import frame, menu, progress
from pages.components.markdown import called, plain

LONGEST = 44  # letters of a link: more are cut off on a narrow screen
NAMED = 40  # classes named where they are listed
SHOWN = 8  # earlier runs listed on a method's page; all are on the Runs page


def names(classes: Sequence[str]) -> str:
    """The names of the classes, or the first of very many."""
    more = f" and {len(classes) - NAMED:,} more" if len(classes) > NAMED else ""
    return plain(", ".join(classes[:NAMED])) + more


def nothing_yet() -> None:
    """Where to begin, on pages of runs while there is none."""
    first = menu.first_method()
    st.info(f"No run yet. Start one on the {first.title} page; the preset *quick* on digits takes seconds.",
            icon=":material/inbox:")
    st.page_link(first.page(), label=f"Go to {first.title}", icon="")


def footnotes(records: Sequence[RunRecord]) -> None:
    """What the marks behind data sets in a list of runs mean."""
    for note in tables.footnotes(records):
        st.caption(plain(note))


def data_set(box: DeltaGenerator, key: str, *, first: str = "", help: str = "") -> str:
    """The menu of data sets; first: the one that it starts with, which is in it even if it was removed."""
    offered = DATASETS.offered()
    if first in DATASETS and first not in offered:
        offered = [*offered, first]
    return box.selectbox(
        "Data set", offered, index=offered.index(first) if first in offered else 0, key=key, help=help or None,
        format_func=lambda name: DATASETS[name].title, persist_state="session",
    )


def data_note(dataset: str) -> bool:
    """What to do when a data set is not ready, what to know of it when it is; True when a run on it can start."""
    facts = DATASETS[dataset]
    found = facts.check(data_root())
    if found.state == "download":
        st.info(f"{found.message} Estimates of time leave that out.", icon=":material/download:")
    elif found.state != "ready":
        st.warning(plain(found.message) if facts.own else found.message, icon=":material/folder_off:")
    for known in filter(None, (found.caveat, *facts.notes)):
        st.warning(plain(known), icon=":material/info:")
    return found.state in ("ready", "download")


def known(spec: Spec) -> str | None:
    """The id of the run that answers this spec, in whatever state; None when it was never asked for."""
    try:
        run_id = spec.key
    except DDCoreError:  # the data set is not here: the page's note says so
        return None
    return run_id if frame.store().exists(run_id) else None


def launch(spec: Spec, changes: Sequence[str] = (), label: str = "Start run") -> None:
    """The time estimate and the button that starts the run, or opens the one that answers it already."""
    run_id = known(spec)
    guess = estimate(spec.kind, spec.name, spec.config, frame.store().records(), frame.device())
    if changes:
        st.caption("Changed: " + "; ".join(changes))
    with st.container(horizontal=True, vertical_alignment="center"):
        if run_id and frame.store().record(run_id).state == "done":
            pressed = st.button("Open result", type="primary", icon=":material/bolt:", key=f"launch-{spec.kind}")
            st.markdown("This very run is finished already; nothing needs computing.")
        else:
            dataset = str(getattr(spec.config, "dataset", ""))
            pressed = st.button(label, type="primary", icon=":material/play_arrow:", key=f"launch-{spec.kind}",
                                disabled=dataset in DATASETS and DATASETS[dataset].removed)
            room = disk([spec], frame.store().records())
            st.markdown(f"Takes **{guess}**" + (f" and **{size(room)}** on disk" if room else ""),
                        help=f"{guess.basis[:1].upper()}{guess.basis[1:]}.")
    if pressed:
        with st.spinner("Starting the run …"):
            run_id = jobs.submit(spec)
        frame.open_run(run_id)


def header(run: RunRecord, form: bool = False) -> None:
    """Name, state and id of a run, and the way back to a new one; form: whether this page's form can make it again."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("New run", icon=":material/add:", key="new-run"):
            frame.open_run(None)
        if form and not run.active and st.button("Use these parameters", icon=":material/tune:", key="like",
                                                 help="Opens the form filled in as for this run."):
            frame.open_run(run.id, asked="like")
        if not run.active:  # an unfinished run tells its state below, where it is kept current
            progress.badge(run.state)
        if run.demo:
            st.badge("ships with the app", color="violet")
        st.markdown(f"**{called(run)}**")
        st.caption(f"run `{run.id}` · {text.ago(run.created)}", width="content")


def earlier(kind: str, title: str, *names: str) -> None:
    """Links to the newest runs of a kind; names: only these methods."""
    records = [r for r in frame.store().records(kind) if not names or r.name in names]
    st.subheader(title, anchor=False)
    if not records:
        st.caption("None yet.")
    for record in records[:SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center"):
            progress.badge(record.state)
            name, rest = tables.title(record), ""
            if len(name) > LONGEST:
                name, _, rest = name.partition(" · ")
            frame.link(record, plain(name))
            detail = text.accuracy(record.summary.accuracy)
            told = (plain(rest), "" if detail == text.NONE else detail, text.ago(record.created))
            st.caption(" · ".join(filter(None, told)), width="content")
    footnotes(records[:SHOWN])
    if len(records) > SHOWN:
        st.page_link("pages/8_Runs.py", label=f"All {len(records)} on the Runs page")


def parameters(config: type[Config], run: RunRecord) -> None:
    """Every parameter of the run with its meaning, closed."""
    with st.expander("Parameters of this run"):
        st.dataframe(
            tables.parameters(config, run.config), hide_index=True, width="stretch",
            column_config={"Meaning": st.column_config.TextColumn(width="large")},
        )
        environment(run)


def environment(run: RunRecord) -> None:
    """Where and with what the run was computed."""
    info = run.info or {}
    device, libraries = info.get("device") or {}, info.get("libraries") or {}
    words = [f"device {device.get('name') or device.get('type') or 'unknown'}"]
    words += [f"{name} {version}" for name, version in libraries.items()]
    if commit := (info.get("code") or {}).get("commit"):
        words.append(f"code {commit[:10]}")
    if peak := info.get("peak_memory_bytes"):
        words.append(f"peak memory {peak / 2**20:,.0f} MiB")
    st.caption(" · ".join(words))
