"""Curves of a run, drawn from its events."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import streamlit as st

from ddcore.lazy import pd
from ddcore.report import figures, tables
from ddcore.runs.store import RunRecord
from pages.components import frame

LOSS = ("**Matching loss**", "How far apart real and synthetic images look to the networks.")
Points = tuple[tuple[str, tuple[Any, ...]], ...]  # the columns of a frame
CONFIG = {"displaylogo": False, "toImageButtonOptions": {"format": "svg"}}


def chart(figure: Any, key: str) -> None:
    """A figure at the page's width, told in words to those who do not see it; its camera button saves SVG."""
    st.plotly_chart(figure, width="stretch", key=key, config=CONFIG, alt=figures.in_words(figure))


def nothing(run: RunRecord, what: str, after: str) -> None:
    """In place of curves of a run that has told none, and may yet."""
    st.caption(f"The {what} appear here after the first {after}." if run.active or run.state == "done" else
               "It ended before there were curves.")


def lines(frame: pd.DataFrame, x: str, x_title: str, y_title: str, key: str, **options: Any) -> None:
    """Curves over steps or epochs, one for each name in the column `series`; options: of `figures.lines`."""
    columns = {name: tuple(frame[name].tolist()) for name in (x, "value", "series")}
    chart(_lines(tuple(columns.items()), x, x_title, y_title, tuple(options.items())), key)


@lru_cache(maxsize=64)
def _lines(columns: Points, x: str, x_title: str, y_title: str, options: tuple[tuple[str, Any], ...]) -> Any:
    """The figure of these points, the same one for everybody who looks at them: nobody changes it."""
    return figures.lines(pd.DataFrame(dict(columns)), x, "value", x_title=x_title, y_title=y_title, **dict(options))


def losses(
    run: RunRecord, curves: Mapping[str, str], title: str = LOSS[0], help: str = LOSS[1], *, beside: bool = False
) -> None:
    """Losses, or what else a method records, and gradient norms over steps, if there is room beside one another.

    title, help: of the loss, and what it says.
    """
    events, _ = frame.store().events(run.id)
    norms = {name: label for name, label in curves.items() if name.startswith("grad_")}
    others = {name: label for name, label in curves.items() if name not in norms}
    values = tables.curves(events, others)
    if values.empty:
        nothing(run, "curves", "steps")
        return
    log = st.toggle("Logarithmic axis", value=True, key=f"log-{run.id}")
    are_losses = ["loss" in name for name in others]
    axis = "Loss" if all(are_losses) else "Value" if len(others) > 1 else next(iter(others.values()))
    gradient = tables.curves(events, norms)
    left, right = st.columns(2, gap="medium") if beside and not gradient.empty else (st.container(), st.container())
    with left:
        is_loss = any(are_losses)
        st.markdown(title if is_loss else f"**{', '.join(others.values())}**", help=help if is_loss else None)
        lines(values, "step", "Step", axis, f"loss-{run.id}", log=log)
    if not gradient.empty:
        with right:
            _gradients(gradient, len(norms) > 1, f"gradient-{run.id}", log)


def _gradients(norms: pd.DataFrame, several: bool, key: str, log: bool) -> None:
    balance = " λ sets the balance: a term whose gradient is far smaller has no say." if several else ""
    st.markdown("**Gradient norms** of the terms" if several else "**Gradient norm**", help="Norm of the gradient with "
                f"respect to the images: how strongly they are moved, recorded every few steps.{balance}")
    lines(norms, "step", "Step", "Gradient norm", key, log=log)


def training(run: RunRecord) -> None:
    """Loss and accuracy of a full-data training, epoch by epoch."""
    events, _ = frame.store().events(run.id)
    loss = tables.curves(events, {"loss": "training loss"}, event="epoch", x="epoch")
    if loss.empty:
        nothing(run, "curves", "epoch")
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
