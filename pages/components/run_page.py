"""A run on its page: what it is called, how it stands, what can be done with it, and what came out."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

import streamlit as st

from ddcore import jobs
from ddcore.errors import DDCoreError
from ddcore.experiments import KINDS
from ddcore.jobs import retention
from ddcore.report import sanity, sweeps, text
from ddcore.report.export import sets
from ddcore.runs import whole
from ddcore.runs.images import Images
from ddcore.runs.store import RunRecord, Store
from pages.components import fields, frame, housekeeping, progress, vary, whose, widgets
from pages.components.allowed import control

LOAD = "`np.load(file)` gives `images`, `labels`, `classes`, `mean`, `std`; `images * std + mean` lies in 0 to 1."
SWEEPS = 3  # that a cell links to
# What a set can be taken away as: words, end of the file's name, its type, how it is made.
FORMATS: tuple[tuple[str, str, str, Callable[[Images], bytes]], ...] = (
    ("Arrays (.npz)", ".npz", "application/octet-stream", sets.npz),
    ("One picture (.png)", ".png", "image/png", sets.sheet),
    ("A picture of each (.zip)", "-images.zip", "application/zip", sets.singles),
)


def show(
    run: RunRecord, done: Callable[[RunRecord], None], live: Callable[[str], None] | None = None, *, form: bool = False
) -> None:
    """A run in whatever state below its header, its log and its parameters; done, live: see `progress.show`."""
    header(run, form)
    progress.show(run, done, live)
    if run.state == "done":
        progress.log(run.id)
    widgets.parameters(KINDS[run.kind].config(run.name), run)


def header(run: RunRecord, form: bool = False) -> None:
    """State and id of a run, what can be done with it, what looks wrong; form: whether this page's form can make it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if not run.active:  # an unfinished run tells its state below, where it is kept current
            progress.badge(run)
        if run.demo:
            st.badge("ships with the app", color="violet")
        housekeeping.origin(run)
        st.caption(f"run `{run.id}` · {text.ago(run.created)}{whose.told(run.id)}", width="content")
        st.space("stretch")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            _toolbar(run, form)
    if of := sweeps.of_run(run, frame.store()):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.caption("A cell of:", width="content")
            for sweep in of[:SWEEPS]:
                frame.link(sweep)
    for sentence in (*sanity.warnings(run), *(f"{one}." for one in whole.lost(run))):
        st.warning(sentence, icon=":material/warning:")


def _toolbar(run: RunRecord, form: bool) -> None:
    """What can be done with the run."""
    if st.button("New run", icon=":material/add:", key="new-run"):
        frame.open_run(None)
    if form and st.button("Use these parameters", icon=":material/tune:", key="like",
                          help="Opens the form filled in as for this run."):
        frame.open_run(run.id, parameter="like")
    if vary.can_vary(run):
        vary.link({"like": run.id})
    housekeeping.share(run)
    if run.state == "done":
        extend(run)
        download(run)


def extend(run: RunRecord) -> None:
    """A finished run goes on: the longer one starts from its last checkpoint."""
    if run.declared is None or run.info.get("length") is None or run.demo:
        return
    config = run.declared.config(run.name)
    p, now = config.param(config.length_param), int(run.config[config.length_param])
    if now >= (most := int(p.high or 10**9)):
        return
    with st.popover("Extend", icon=":material/fast_forward:", **control("extend", run.id)):
        length = fields.number(
            replace(p, low=now + 1, high=most), min(2 * now, most), f"to-{run.id}", width=260,
            help=f"{p.help} Now {now:,}. The longer run goes on where this one ended.",
        )
        if told := retention.extending(run):
            st.caption(told)
        if length.value:
            _takes(run, {p.name: int(length.value)})
        if st.button("Extend", type="primary", key=f"extend-{run.id}", disabled=bool(length.wrong)):
            new = jobs.extend(run.id, int(length.value or 0))
            st.switch_page(frame.page_of(run).page(), query_params={"run": new})


def _takes(run: RunRecord, longer: Mapping[str, int]) -> None:
    """How long that takes; nothing for a run of another version or on data that are away, which say so when asked."""
    with suppress(DDCoreError):
        time, basis = widgets.time_of(run.question(longer))
        st.markdown(f"Takes **{time}**", help=basis)


def download(run: RunRecord) -> None:
    """A finished run as files, each made when it is asked for."""
    with st.popover("Download", icon=":material/download:"):
        for words, end, mime, made in FORMATS if run.makes_images else ():
            st.download_button(
                words, frame.later(partial(_made, run.id, made)),
                f"{run.name}-{run.config.get('dataset')}-{run.id[:8]}{end}", mime,
                key=f"take-{end}", on_click="ignore", icon=":material/download:", type="tertiary",
                help=LOAD if end == ".npz" else None,
            )
        housekeeping.download([run], "The whole run (.ddrun)", plain=True)


def _made(run_id: str, made: Callable[[Images], bytes], store: Store) -> bytes:
    return made(store.images(run_id))
