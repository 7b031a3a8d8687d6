"""How accuracy goes along axes, drawn as their number asks: of a sweep, or of chosen runs."""

import streamlit as st

from ddcore.report import effect_figures
from ddcore.report.effects import Effects, P
from ddcore.report.nas import figures as nas_figures
from pages.components import charts


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
    """What each of several axes explains, where that can be told."""
    if len(effects.axes) > 1 and len(effects.importance):
        st.markdown("**What matters**", help="Functional ANOVA: how much of the variance of the accuracy each axis "
                    "explains, less what chance would.")
        charts.chart(nas_figures.importance(effects.importance), f"importance-{key}")
