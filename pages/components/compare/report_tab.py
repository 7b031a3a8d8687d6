"""The compared runs to take away: the pivot table of a paper, the commands, and everything as one zip."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from ddcore.errors import ConfigError
from ddcore.report.compare_runs import Compared
from ddcore.report.export import bundle, commands, pivot, table
from ddcore.report.export.pivot import DIMENSIONS, METRICS, Choice
from pages.components import frame, widgets

ZIP = (
    "Figures (SVG, PDF, PNG, HTML), tables (CSV, LaTeX, Markdown), images, parameters, and a README with the commands "
    "that make every run again. Takes some seconds; `python -m ddcore report` writes the same."
)
LATEX, MARKDOWN, COMMANDS = "LaTeX", "Markdown", "Commands"


def show(runs: Sequence[Compared]) -> None:
    """The pivot as chosen, its source to copy, and the button that makes the zip."""
    runs = bundle.completed(frame.store(), runs)
    try:
        choice = _choice()
    except ConfigError as error:
        st.warning(str(error), icon=":material/error:")
        return
    st.download_button(
        "Download the report", frame.later(lambda store: bundle.bundle(store, runs, choice).zipped()), "report.zip",
        "application/zip", key="rep-zip", type="primary", icon=":material/archive:", on_click="ignore", help=ZIP,
    )
    shown = pivot.table(pivot.pivot(runs, choice))
    st.markdown(table.markdown(replace(shown, notes=()), widgets.plain))
    for note in shown.notes:
        st.caption(widgets.plain(note))
    source = st.segmented_control("To copy", [LATEX, MARKDOWN, COMMANDS], default=LATEX, required=True, key="rep-copy",
                                  bind="query-params")
    if source == LATEX:
        st.code(table.latex(shown), language="latex")
        st.caption("Needs `\\usepackage{booktabs}` and `\\usepackage{graphicx}`; put it into a `table`.")
    elif source == MARKDOWN:
        st.code(table.markdown(shown), language="markdown")
    else:
        st.code(commands.script(commands.commands(frame.store(), runs)), language="bash", wrap_lines=True)
        st.caption("Parents first, then the sets, then what judges them; only what differs from the defaults.")


def _choice() -> Choice:
    """What the pivot shows, as it stands in the address."""
    left, middle, right = st.columns(3)
    names, title = list(DIMENSIONS), DIMENSIONS.__getitem__
    rows = left.multiselect("Rows", names, default=["method"], format_func=title, key="rep-rows", bind="query-params")
    columns = middle.multiselect("Columns", names, default=["dataset", "ipc"], format_func=title, key="rep-columns",
                                 bind="query-params")
    metric = right.selectbox("Metric", list(METRICS), format_func=METRICS.__getitem__, key="rep-metric",
                             bind="query-params")
    return Choice(tuple(rows), tuple(columns), metric)
