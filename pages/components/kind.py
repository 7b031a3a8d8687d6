"""The page of a kind of run: its form, its runs, and what a run measured. The same for every kind without its own."""

from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.experiments import KINDS, Kind
from ddcore.report import tables, text
from ddcore.runs.store import RunRecord
from pages.components import edits, evaluation_details, form, frame, run_page, table, widgets


def page(name: str) -> None:
    """The whole page of the kind `name`, below the menu."""
    kind = KINDS[name]
    with frame.page(kind.page_title, kind.lead or kind.help, name):
        if (run := frame.chosen_run(name)) is not None:
            run_page.show(run, measured, form=True)
            return
        like = frame.chosen_run(name, parameter="like")
        frame.device_banner()
        new_run(kind, like.config if like else {}, like.id if like else "")
        widgets.earlier(name, f"Earlier runs of {kind.title.lower()}")


def new_run(kind: Kind, config: dict[str, Any], start: str) -> None:
    """The form and its start button; config: the parameters of the run from which it starts, named by `start`."""
    declared, key = kind.config(kind.name), f"{kind.name}.{start}"
    values = {name: value for name, value in config.items() if name in declared.model_fields}
    menus: edits.Menus = {}
    if "dataset" in declared.model_fields:
        menus["dataset"] = f"{kind.name}-dataset", DATASETS.offered()
    edits.arrive(key, declared.model_fields, menus)
    dataset = ""
    if menus:
        dataset = widgets.data_set(st.container(), f"{kind.name}-dataset", first=str(values.get("dataset") or ""))
        widgets.data_note(dataset)
        values = {**values, "dataset": dataset}
    entered = form.spec_form(kind.name, kind.name, values, key, dataset)
    form.changed(key, entered.changed)
    with st.bottom:
        widgets.launch(kind.name, entered.asked, entered.wrong)
    edits.tell(key, declared.model_fields, menus)


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
        table.dataframe(rows)
