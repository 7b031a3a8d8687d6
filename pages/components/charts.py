"""Curves of a run, drawn from its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from ddcore.report import figures, tables
from ddcore.runs.store import RunRecord
from pages.components import frame

if TYPE_CHECKING:
    import pandas as pd

LOSS = "**Matching loss**: how far apart real and synthetic images look to the networks"
CONFIG = {"displaylogo": False, "toImageButtonOptions": {"format": "svg"}}


def chart(figure: Any, key: str) -> None:
    """A figure at the page's width, told in words to those who do not see it; its camera button saves SVG."""
    st.plotly_chart(figure, width="stretch", key=key, config=CONFIG, alt=figures.in_words(figure))


def lines(frame: pd.DataFrame, x: str, x_title: str, y_title: str, key: str, **options: Any) -> None:
    """Curves over steps or epochs, one for each name in the column `series`; options: of `figures.lines`."""
    chart(figures.lines(frame, x, "value", x_title=x_title, y_title=y_title, **options), key)


def losses(run: RunRecord, curves: Mapping[str, str], words: str = LOSS) -> None:
    """Losses, or what else a method records, and gradient norms over steps; words: what the loss says."""
    events, _ = frame.store().events(run.id)
    norms = {name: label for name, label in curves.items() if name.startswith("grad_")}
    others = {name: label for name, label in curves.items() if name not in norms}
    values = tables.curves(events, others)
    if values.empty:
        st.caption("The curves appear here after the first steps.")
        return
    log = st.toggle("Logarithmic axis", value=True, key=f"log-{run.id}")
    are_losses = ["loss" in name for name in others]
    title = "Loss" if all(are_losses) else "Value" if len(others) > 1 else next(iter(others.values()))
    st.markdown(words if any(are_losses) else f"**{', '.join(others.values())}**")
    lines(values, "step", "Step", title, f"loss-{run.id}", log=log)
    gradient = tables.curves(events, norms)
    if not gradient.empty:
        several = len(norms) > 1
        title = "**Gradient norms**: which of the terms moves the images" if several else "**Gradient norm**"
        balance = " λ sets the balance: a term whose gradient is far smaller has no say." if several else ""
        st.markdown(title, help="Norm of the gradient with respect to the images: how strongly they are moved, "
                    f"recorded every few steps.{balance}")
        lines(gradient, "step", "Step", "Gradient norm", f"gradient-{run.id}", log=log)


def training(run: RunRecord) -> None:
    """Loss and accuracy of a full-data training, epoch by epoch."""
    events, _ = frame.store().events(run.id)
    loss = tables.curves(events, {"loss": "training loss"}, event="epoch", x="epoch")
    if loss.empty:
        st.caption("The curves appear here after the first epoch.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Accuracy**")
        lines(tables.training(events), "epoch", "Epoch", "Accuracy (%)", f"accuracy-{run.id}",
              majority=tables.majority(events), judged_on="validation images")
    with right:
        st.markdown("**Loss**")
        lines(loss, "epoch", "Epoch", "Cross-entropy", f"loss-{run.id}")


def evaluation(run: RunRecord) -> None:
    """How the networks of an evaluation learnt: training accuracy, and accuracy on some test images for eyes only."""
    events, _ = frame.store().events(run.id)
    curves, share = tables.evaluation(events), run.summary.majority
    if not curves.empty:
        st.markdown("**While training**", help="On the set itself: mean of the networks that are trained together "
                    "first. On images it has not seen: the first network, on some of those that judge the set; for "
                    "eyes only, nothing is chosen by it.")
        lines(curves, "step", "Optimiser step", "Accuracy (%)", f"curves-{run.id}",
              majority=None if share is None else 100 * share)
