"""Curves of a run, drawn from its events."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from ddcore.lazy import pd
from ddcore.report import figures, tables
from ddcore.runs import events
from ddcore.runs.store import RunRecord
from pages.components import frame

LOSS = ("**Matching loss**", "How far apart real and synthetic images look to the networks.")
Points = tuple[tuple[str, tuple[Any, ...]], ...]  # the columns of a frame
CONFIG = {"displaylogo": False, "toImageButtonOptions": {"format": "svg"}}


def chart(figure: Any, key: str, words: str = "") -> None:
    """A figure at the page's width, told in words to those who do not see it; its camera button saves SVG."""
    st.plotly_chart(figure, width="stretch", key=key, config=CONFIG, alt=words or figures.in_words(figure))


def nothing(run: RunRecord, what: str, after: str) -> None:
    """In place of curves of a run that has told none, and may yet."""
    st.caption(f"The {what} appear here after the first {after}." if run.active or run.state == "done" else
               "It ended before there were curves.")


def lines(frame: pd.DataFrame, x: str, x_title: str, y_title: str, key: str, **options: Any) -> None:
    """Curves over steps or epochs, one for each name in the column `series`; options: of `figures.lines`."""
    columns = {name: tuple(frame[name].tolist()) for name in (x, "value", "series")}
    figure, words = _lines(tuple(columns.items()), x, x_title, y_title, tuple(options.items()))
    chart(figure, key, words)


@lru_cache(maxsize=64)
def _lines(
    columns: Points, x: str, x_title: str, y_title: str, options: tuple[tuple[str, Any], ...]
) -> tuple[Any, str]:
    """(the figure of these points, it in words): the same for everybody who looks at them, for nobody changes it."""
    frame = pd.DataFrame(dict(columns))
    figure = figures.lines(frame, x, "value", x_title=x_title, y_title=y_title, **dict(options))
    return figure, figures.in_words(figure)


def losses(
    run: RunRecord, curves: Mapping[str, str], title: str = LOSS[0], help: str = LOSS[1], *, beside: bool = False
) -> None:
    """Losses, or what else a method records, and gradient norms over steps, if there is room beside one another.

    title, help: of the loss, and what it says.
    """
    norms = {name: label for name, label in curves.items() if name.startswith("grad_")}
    others = {name: label for name, label in curves.items() if name not in norms}
    written = run.folder / "events.jsonl"
    values, gradient = _curves(written, events.state(written), tuple(others.items()), tuple(norms.items()))
    if values.empty:
        nothing(run, "curves", "steps")
        return
    log = st.toggle("Logarithmic axis", value=True, key=f"log-{run.id}")
    are_losses = ["loss" in name for name in others]
    axis = "Loss" if all(are_losses) else "Value" if len(others) > 1 else next(iter(others.values()))
    left, right = st.columns(2, gap="medium") if beside and not gradient.empty else (st.container(), st.container())
    with left:
        is_loss = any(are_losses)
        st.markdown(title if is_loss else f"**{', '.join(others.values())}**", help=help if is_loss else None)
        lines(values, "step", "Step", axis, f"loss-{run.id}", log=log)
    if not gradient.empty:
        with right:
            _gradients(gradient, len(norms) > 1, f"gradient-{run.id}", log)


@lru_cache(maxsize=64)
def _curves(path: Path, state: tuple[int, ...], *curves: tuple[tuple[str, str], ...]) -> tuple[pd.DataFrame, ...]:
    """The points of these curves as the events stand: read once for everybody who looks at them."""
    told, _ = events.read_events(path)
    return tuple(tables.curves(told, dict(one)) for one in curves)


def _gradients(norms: pd.DataFrame, several: bool, key: str, log: bool) -> None:
    balance = " λ sets the balance: a term whose gradient is far smaller has no say." if several else ""
    st.markdown("**Gradient norms** of the terms" if several else "**Gradient norm**", help="Norm of the gradient with "
                f"respect to the images: how strongly they are moved, recorded every few steps.{balance}")
    lines(norms, "step", "Step", "Gradient norm", key, log=log)


def training(run: RunRecord) -> None:
    """Loss and accuracy of a full-data training, epoch by epoch."""
    told, _ = frame.store().events(run.id)
    loss = tables.curves(told, {"loss": "training loss"}, event="epoch", x="epoch")
    if loss.empty:
        nothing(run, "curves", "epoch")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Accuracy**")
        lines(tables.training(told), "epoch", "Epoch", "Accuracy (%)", f"accuracy-{run.id}",
              majority=tables.majority(told), judged_on="validation images")
    with right:
        st.markdown("**Loss**")
        lines(loss, "epoch", "Epoch", "Cross-entropy", f"loss-{run.id}")


def evaluation(run: RunRecord) -> None:
    """How the networks of an evaluation learnt: training accuracy, and accuracy on some test images for eyes only."""
    told, _ = frame.store().events(run.id)
    curves, share = tables.evaluation(told), run.summary.majority
    if not curves.empty:
        st.markdown("**While training**", help="On the set itself: mean of the networks that are trained together "
                    "first. On images it has not seen: the first network, on some of those that judge the set; for "
                    "eyes only, nothing is chosen by it.")
        lines(curves, "step", "Optimiser step", "Accuracy (%)", f"curves-{run.id}",
              majority=None if share is None else 100 * share)
