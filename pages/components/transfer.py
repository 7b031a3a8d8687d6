"""Other networks: whether a set made on one network also teaches others."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from ddcore.evaluation.plans import Question
from ddcore.report import figures, results, text, transfer
from ddcore.report.transfer import Cell
from ddcore.runs.store import RunRecord
from pages.components import charts, evaluation_details, frame, pending, table

LEAD = "Each line trains **another network** on the same images."
HELP = """
Under the same protocol. Images can come to fit the network they were made on; *drop* is the accuracy lost compared with
that one. Make the same set on another network as well, and both stand side by side here as a matrix.
"""


def tab(run: RunRecord, question: Question) -> None:
    """One line a network, and the matrix where the same set was distilled on several."""
    st.caption(LEAD, help=HELP)
    pending.watch(
        lambda: transfer.rows(frame.store(), run, question),
        lambda rows: [cell.result for cells in rows.values() for cell in cells if cell.result],
        partial(_show, run),
    )


def _show(run: RunRecord, rows: Mapping[str, list[Cell]]) -> None:
    cells = next(iter(rows.values()))
    answers = [cell.result for cell in cells if cell.result]
    missing = [(cell, cell.result) for cell in cells if cell.result and cell.result.missing]
    if len(missing) > 1:
        pending.button(f"Evaluate on all {len(missing)}", [result for _, result in missing], run,
                       f"transfer-{run.id}", primary=True)
    evaluation_details.notes(run, answers)
    text_, number = st.column_config.TextColumn, st.column_config.NumberColumn
    lines = transfer.table(cells)
    states = ["does not fit" if cell.problem else state for cell, state in zip(cells, lines["state"], strict=True)]
    table.dataframe(
        lines.assign(state=states), hide_index=True, width="stretch", height="content", placeholder=text.NONE,
        column_order=["network", "parameters", "macs", "flops", "accuracy", *results.beside(answers),
                      *(["drop"] if any(cell.source for cell in cells) else []), "state"],
        column_config={
            **evaluation_details.COLUMNS, "network": text_("Network", width="medium"),
            "parameters": number("Parameters", format="compact"),
            "macs": number("MACs", format="compact", help="Multiply-adds of one forward pass of one image."),
            "flops": number("FLOPs", format="compact", help="2 × MACs: a multiplication and an addition each."),
            "accuracy": text_("Test accuracy", alignment="right", width=140),
            "drop": number("Drop", format="%.1f", help="Percentage points below the network that the set was "
                           "made on; negative: this one does better."),
        },
    )
    if missing:
        with st.expander("One at a time", key=f"single-{run.id}", on_change="rerun"), st.container(horizontal=True):
            for i, (cell, result) in enumerate(missing):
                pending.button(cell.title, [result], run, f"transfer-{run.id}-{i}")
    if misfits := [cell for cell in cells if cell.problem]:
        st.caption(f"Not for these images: {', '.join(cell.title for cell in misfits)}.",
                   help="\n\n".join(f"{cell.title}: {cell.problem}." for cell in misfits))
    _matrix(run, rows)


def _matrix(run: RunRecord, rows: Mapping[str, list[Cell]]) -> None:
    if len(rows) < 2:
        return
    st.markdown("**Made on × evaluated on**: test accuracy in percent")
    elsewhere = [r for cells in list(rows.values())[1:] for cell in cells if (r := cell.result) and r.missing]
    if elsewhere:
        pending.button(f"Evaluate the other {len(elsewhere)} cells", elsewhere, run, f"matrix-all-{run.id}")
    charts.chart(figures.matrix(transfer.matrix(rows)), f"matrix-{run.id}")
