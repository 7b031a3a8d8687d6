"""Accuracy over iterations: the kept snapshots of a run, judged on the validation split."""

from functools import partial

import streamlit as st

from ddcore.evaluation.plans import Question
from ddcore.report import figures, results, text, trajectory
from ddcore.report.trajectory import Point
from ddcore.runs.store import RunRecord
from pages.components import charts, evaluation_details, frame, pending, table

LEAD = "Does it pay to go on? The images kept along the way, judged on the **validation split**."
HELP = """
By the same protocol, on real training images held out of everything, so that looking at this curve chooses nothing on
the test set.
"""


def tab(run: RunRecord, question: Question) -> None:
    """The curve of validation accuracy, and the one test figure of the final images beside it."""
    st.caption(LEAD, help=HELP)
    pending.watch(
        lambda: trajectory.points(frame.store(), run, question), lambda points: [point.result for point in points],
        partial(_show, run, question),
    )


def _show(run: RunRecord, question: Question, points: list[Point]) -> None:
    rows, answers = trajectory.table(points), [point.result for point in points]
    if missing := [result for result in answers if result.missing]:
        what = "the snapshots" if len(missing) == len(points) else f"{len(missing)} more"
        pending.button(f"Evaluate {what}", missing, run, f"snapshots-{run.id}", primary=True,
                       help=f"{len(points)} of the kept steps, from the first to the last.")
    evaluation_details.notes(run, answers)
    if rows["mean"].notna().any():
        st.markdown("**Validation accuracy** over the iterations, mean ± standard deviation over the networks")
        charts.chart(figures.trajectory(rows, results.majority(answers)), f"trajectory-{run.id}")
        table.dataframe(
            rows, hide_index=True, placeholder=text.NONE,
            column_order=["step", "accuracy", *results.beside(answers), "state"],
            column_config={
                **evaluation_details.COLUMNS, "step": st.column_config.NumberColumn("Step", format="localized"),
                "accuracy": st.column_config.TextColumn("Validation accuracy", alignment="right"),
            },
        )
    final = results.results(frame.store(), run, question)[0]
    if final.scores:
        also = text.beside(final.scores, results.beside([final]))
        st.markdown("Final images on the **test set**, under the same protocol: "
                    f"**{text.accuracy(final.scores.accuracy)}**{also}")
    else:
        st.caption("The figure for the test set is made under *Accuracy*: once, of the final images.")
