"""The page of a kind of run: its form, its runs, and what a run measured. The same for every kind without its own."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.experiments import KINDS, Kind, Spec
from ddcore.params import Config
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord
from pages.components import evaluation_details, form, frame, progress, widgets


def page(name: str) -> None:
    """The whole page of the kind `name`, below the menu."""
    kind = KINDS[name]
    with frame.page(kind.page_title, kind.help):
        if (run := frame.chosen_run(name)) is not None:
            show(kind, run)
            return
        like = frame.chosen_run(name, asked="like")
        frame.device_banner()
        new_run(kind, like.config if like else {}, like.id if like else "")
        widgets.earlier(name, f"Earlier runs of {kind.title.lower()}")


def new_run(kind: Kind, given: dict[str, Any], start: str) -> None:
    """The form and its start button; given: the parameters of the run from which it starts, named by `start`."""
    config = kind.config(kind.name)
    values = {name: value for name, value in given.items() if name in config.model_fields}
    hidden: tuple[str, ...] = ()
    limits: dict[str, tuple[int, ...]] = {}
    if "dataset" in config.model_fields:
        dataset = widgets.data_set(st.container(), f"{kind.name}-dataset", first=str(values.get("dataset") or ""))
        widgets.data_note(dataset)
        values, hidden, start = {**values, "dataset": dataset}, ("dataset",), f"{start}.{dataset}"
        limits = {"resolution": DATASETS[dataset].resolutions}
    groups = tuple(dict.fromkeys(p.group for p in config.params()))[:2]
    asked = form.config_form(config, values, f"{kind.name}.{start}", hidden=hidden, open_groups=groups, limits=limits)
    if asked is not None:
        widgets.launch(Spec(kind.name, kind.name, asked), form.changes(asked, values))


def show(kind: Kind, run: RunRecord) -> None:
    """A run of any kind, whatever state it is in."""
    widgets.header(run, form=True)
    if run.active:
        progress.follow(run.id)
    elif run.state == "done":
        measured(run)
        progress.log(run.id)
    else:
        progress.stopped(run)
    config: type[Config] = kind.config(run.name)
    widgets.parameters(config, run)


def measured(run: RunRecord) -> None:
    """What the run measured: its scores large, everything else as a table."""
    if run.summary.accuracy:
        with st.grid(4, min_column_width=150):
            st.metric("Accuracy", text.accuracy(run.summary.accuracy).partition(" (")[0],
                      help=f"n = {run.summary.accuracy.n} networks.")
            evaluation_details.metrics(run.summary, tables.beside(run.summary))
            if run.summary.majority is not None:
                st.metric("Majority class", text.percent(run.summary.majority),
                          help="Always answering the most frequent class.")
    for note in run.summary.notes:
        st.warning(widgets.plain(note), icon=":material/warning:")
    if not (rows := tables.measured(run.summary)).empty:
        st.dataframe(rows, hide_index=True, width="stretch")
