"""Losses, gradient norms and accuracies of several runs over one axis."""

from collections.abc import Sequence

import streamlit as st

from ddcore.report import compare_figures, overlay
from ddcore.report.compare_runs import Compared
from pages.components import charts, frame

SHOWN = 4  # kinds of curves drawn at first


def show(runs: Sequence[Compared]) -> None:
    """One chart for each kind of curve that any of the runs recorded."""
    curves = overlay.curves(frame.store(), runs)
    if not curves:
        st.info("None of these runs recorded curves.", icon=":material/info:")
        return
    titles = overlay.titles(list(curves), runs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        axis = st.segmented_control("Over", list(overlay.AXES), default="step", required=True, key="over",
                                    format_func=overlay.AXES.__getitem__, bind="query-params")
        weight = st.slider("Smoothing", 0.0, 0.99, 0.0, 0.01, key="smooth", bind="query-params", width=200,
                           help="Weight of the moving average; the values themselves stay faintly behind.")
        log_x = st.toggle("Logarithmic steps", key="log-x", bind="query-params")
        log_y = st.toggle("Logarithmic losses", value=True, key="log-y", bind="query-params")
    names = st.multiselect("Curves", list(curves), default=list(curves)[:SHOWN], format_func=titles.__getitem__,
                           key="curves", bind="query-params")
    if "loss" in names and len({run.record.name for run in runs if run.record.makes_images}) > 1:
        st.caption("These methods match different things, so their losses have different units: compare the shapes, "
                   "not the heights.")
    with st.grid(min(2, len(names)) or 1, min_column_width=360):
        for name in names:
            figure = compare_figures.overlay(
                overlay.smooth(curves[name], weight), axis, x_title=overlay.AXES[axis], y_title=titles[name],
                colours={run.label: run.colour for run in runs}, log_x=log_x,
                log_y=log_y and name not in overlay.ACCURACY,
            )
            with st.container():
                st.markdown(f"**{titles[name]}**")
                charts.chart(figure, f"curve-{name}")
