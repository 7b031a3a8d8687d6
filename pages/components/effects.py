"""How accuracy goes along axes, drawn as their number asks: of a sweep, or of chosen runs."""

import streamlit as st

from ddcore.report import effect_figures
from ddcore.report.effects import Effects, P, Slice
from ddcore.report.nas import figures as nas_figures
from pages.components import charts
from pages.components.markdown import plain

MOST_WARNED = 3  # places told of one by one


def picture(effects: Effects[P], key: str) -> None:
    """Accuracy along the one axis, over two as a map, over more as parallel coordinates."""
    axes = len(effects.axes)
    if axes == 1:
        charts.chart(effect_figures.effect(effects), f"effect-{key}")
    elif axes == 2:
        charts.chart(effect_figures.heat(effects), f"heat-{key}")
    else:
        charts.chart(nas_figures.parallel(effects.frame, effects.titles), f"parallel-{key}")


def importance(effects: Effects[P], key: str) -> None:
    """What each of several axes explains, or why that cannot be told."""
    if len(effects.axes) > 1 and effects.unimportant and len(effects.frame):
        st.caption(f"How much each axis matters is not told: {effects.unimportant}.")
    elif len(effects.axes) > 1 and len(effects.importance):
        st.markdown("**What matters**", help="Functional ANOVA: how much of the variance of the accuracy each axis "
                    "explains, less what chance would.")
        charts.chart(nas_figures.importance(effects.importance), f"importance-{key}")


def warned(effects: Effects[P]) -> None:
    """Which places look wrong though their runs are done, and what about them."""
    if told := effects.warned:
        more = f"  \nand {len(told) - MOST_WARNED:,} more" if len(told) > MOST_WARNED else ""
        st.warning("  \n".join(map(plain, told[:MOST_WARNED])) + more, icon=":material/warning:")


def slices(effects: Effects[P], key: str) -> None:
    """Of more than two axes, accuracy along each through the best."""
    shown = Slice.all(effects) if len(effects.axes) > 2 else []
    if not shown:
        return
    st.markdown("**Through the best**", help="Accuracy along one axis; on the others every set is as the best.")
    with st.grid(min(3, len(shown)), min_column_width=300):
        for one in shown:
            with st.container():
                charts.chart(effect_figures.effect(one), f"slice-{one.along}-{key}")
