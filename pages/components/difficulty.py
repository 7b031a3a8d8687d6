"""Difficulty scores: how many images are how hard, which ones, and where a data scheduler cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ddcore.experiments.scores import ScoresSummary
from ddcore.methods.pad import PADConfig
from ddcore.methods.trajectories import TrajectoryConfig
from ddcore.report import difficulty, figures, text
from ddcore.report.matching import matched
from ddcore.runs.store import RunRecord
from pages.components import charts, frame, images

if TYPE_CHECKING:
    import pandas as pd


HISTOGRAM = "The height is the logarithm of the number of images, so that the few hard ones are seen; point at a bar " \
            "for the number itself."


def section(run: RunRecord, config: PADConfig | None = None) -> None:
    """A finished run of scores; config: the run that builds on it, whose scheduler cuts the images."""
    summary, store = run.answer(ScoresSummary), frame.store()
    with st.grid(4, min_column_width=150):
        st.metric("Scored images", f"{summary.images or 0:,}")
        st.metric("Agents", summary.agents, help=f"Networks that scored the images, each over {summary.epochs} epochs.")
        st.metric("Never forgotten", text.percent(summary.never_forgotten),
                  help="Images that no agent ever got wrong again once it had them right.")
        st.metric("Their accuracy", text.accuracy(summary.val_accuracy).partition(" (")[0],
                  help="Of the agents after their last epoch, on the validation split.")
    offered = difficulty.names(store, run)
    if not offered:
        st.caption("This run is older than the histogram by class; compute the scores again to see it.")
        return
    used = config.difficulty if config else offered[0]
    name = st.segmented_control("Score", offered, default=used if used in offered else offered[0], required=True,
                                format_func=difficulty.TITLES.__getitem__, key=f"score-{run.id}",
                                help="\n\n".join(f"**{difficulty.TITLES[n]}**: {difficulty.HELP[n]}" for n in offered),
                                ) or offered[0]
    scores = difficulty.scores(store, run, name)
    cuts = _cuts(scores, config) if config and config.scheduled and name == used else {}
    st.markdown("**Images of each class by their score**", help=" ".join(filter(None, (HISTOGRAM, _seen(config)))))
    charts.chart(figures.difficulty(difficulty.histogram(scores), cuts), f"difficulty-{run.id}")
    if config and config.scheduled and name != used:
        st.caption(f"This run's scheduler orders images by **{difficulty.TITLES[used]}**.")
    left, right = st.columns(2, gap="medium")
    with left:
        images.grid(run, "Easiest images", name=f"easiest_{name}")
    with right:
        images.grid(run, "Hardest images", name=f"hardest_{name}",
                    help="The hardest of each class first. Hard images are odd, ambiguous or wrongly labelled ones.")


def _seen(config: PADConfig | None) -> str:
    """Which images the experts see in the epochs that students imitate; "" of a run without a scheduler."""
    if config is None or not config.scheduled:
        return ""
    first, last = matched(config)
    return (f"At IPC {config.ipc} students imitate the epochs {first} to {last}. In epoch {first} the experts see "
            f"{in_use(config, first)}, in epoch {last} {in_use(config, last)}.")


def _cuts(scores: pd.DataFrame, config: PADConfig) -> dict[str, pd.DataFrame]:
    """Lines where the window of the first and of the last matched epoch cuts each class."""
    cuts = {}
    for epoch in dict.fromkeys(matched(config)):
        low, high = config.window(epoch)
        limits = difficulty.limits(scores, low, high)
        if low > 0:
            cuts[f"epoch {epoch}: easier ones left out"] = limits.rename(columns={"low": "score"})
        if high < 1:
            cuts[f"epoch {epoch}: harder ones not yet in use"] = limits.rename(columns={"high": "score"})
    return cuts


def in_use(config: TrajectoryConfig, epoch: int) -> str:
    """ "the easiest 75 % of each class"."""
    low, high = config.window(epoch)
    if low == 0:
        return "**all images**" if high == 1 else f"**the easiest {100 * high:.0f} %** of each class"
    if high == 1:
        return f"**all but the easiest {100 * low:.0f} %** of each class"
    return f"**{100 * (high - low):.0f} %** of each class, without the easiest {100 * low:.0f} % and the hardest " \
           f"{100 * (1 - high):.0f} %"
