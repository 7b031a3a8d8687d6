"""Accuracies beside their controls, what they cost, and how sure their differences are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ddcore.report import compare_figures, compare_runs, text, tradeoff, welch
from ddcore.report.compare_runs import Compared
from pages.components import charts, frame, widgets
from pages.components.compare import selection

if TYPE_CHECKING:
    import pandas as pd

FEW = 4  # runs of which all pairs are drawn; of more each is held against one
NEWEST = "each run's newest evaluation"
_number, _text = st.column_config.NumberColumn, st.column_config.TextColumn


def show(runs: Sequence[Compared]) -> None:
    """Everything that is a number, for the setting chosen above all sections."""
    store = frame.store()
    if any(len(group) > 1 for group in compare_runs.by_question(store, runs)) and st.toggle(
        "Seeds together", value=True, key="seeds", bind="query-params",
        help="Runs that differ in their seed alone count as one: mean ± std over all their networks.",
    ):
        runs = compare_runs.seeds_together(store, runs)
    unjudged = [run.label for run in runs if run.accuracy is None]
    numbers = compare_runs.numbers(runs)
    if numbers["mean"].notna().any():
        _accuracies(runs, numbers)
    else:
        st.info("None of these runs has an accuracy yet. A set gets one on its own page, by “Evaluate”.",
                icon=":material/info:")
    if unjudged and len(unjudged) < len(runs):
        st.caption("Not judged in this setting: " + "; ".join(map(widgets.plain, unjudged)))
    _costs(numbers)
    if numbers["mean"].notna().sum() > 1:
        _sure(runs)
        _tradeoff(runs, numbers)
        points = tradeoff.against_ipc(numbers)
        if points["ipc"].nunique() > 1:
            st.markdown("**Accuracy against images per class**", help="Full data is the ceiling, where it is trained "
                        "long enough; where a method meets it, the field calls the set lossless.")
            charts.chart(compare_figures.against_ipc(points), "against-ipc")


def _accuracies(runs: Sequence[Compared], numbers: pd.DataFrame) -> None:
    st.markdown("**Test accuracy and controls**", help="Coloured: the run, ± one standard deviation over its networks. "
                "Grey: its controls, trained and tested in the same setting.")
    shares = {round(share, 3) for share in numbers["majority"].dropna()}
    majority = shares.pop() if len(shares) == 1 else None
    charts.chart(compare_figures.accuracies(numbers, colours(runs), majority), "accuracy")
    percent: dict[str, Any] = {"format": "%.1f", "width": 92}
    st.dataframe(
        numbers.dropna(axis=1, how="all"), hide_index=True, width="stretch", placeholder=text.NONE,
        column_order=["label", "mean", "std", "n", "balanced", "auc", "random_real", "initial", "initial_hard", "full",
                      "majority", "network", "protocol", "run"],
        column_config={
            "label": _text("Run", pinned=True, width=240), "mean": _number("Accuracy (%)", format="%.1f", width=100),
            "std": _number("±", format="%.1f", width=60), "n": _number("n", format="%d", width=50),
            "balanced": _number("Balanced (%)", **percent), "auc": _number("AUC (%)", **percent),
            "random_real": _number("Random (%)", help="As many real images, drawn at random.", **percent),
            "full": _number("Full data (%)", **percent),
            "initial": _number("Initial (%)", help="The images before the first step.", **percent),
            "initial_hard": _number("… class labels", help="The initial images, with class labels alone.", **percent),
            "majority": _number("Majority (%)", help="Always answering the most frequent class.", **percent),
            "network": "Network", "protocol": "Protocol", "run": "Id",
        },
    )
    for sentence in compare_runs.no_ceiling(runs):
        st.caption(widgets.plain(sentence))


def _costs(numbers: pd.DataFrame) -> None:
    st.markdown("**What it costs**", help="Times are wall times on the device that each run had; see “What differs”. "
                "A network's FLOPs are 2 × its multiply-adds; training one step is counted as three times a "
                "forward pass. Compare times only between runs of one machine.")
    words = {
        "distill": ("seconds_distill", text.duration), "parents": ("seconds_parents", _parents),
        "train": ("seconds_train", text.duration), "train_full": ("seconds_train_full", text.duration),
        "forward": ("flops", _count), "training": ("flops_training", _count),
        "memory": ("peak_memory_bytes", text.bytes_), "stored": ("stored_bytes", text.bytes_),
    }
    right: dict[str, Any] = {"alignment": "right", "width": 92}
    st.dataframe(
        numbers.assign(**{name: numbers[column].map(in_words) for name, (column, in_words) in words.items()}),
        hide_index=True, width="stretch", column_order=["label", *words],
        column_config={
            "label": _text("Run", pinned=True, width=190), "distill": _text("Distilling", **right),
            "parents": _text("… parents", help="Scores, experts and other runs that it builds on; "
                             "“gone” where one of them is not here any more.", **right),
            "train": _text("Train small", help="Of one evaluation network on the set.", **right),
            "train_full": _text("Train full", help="Of one such network on all training images.", **right),
            "forward": _text("FLOPs/image", help="Of one image forward.", **right),
            "training": _text("FLOPs/train", help="Of training one network on the set.", **right),
            "memory": _text("Peak memory", **right), "stored": _text("Stored", help="The set in float32.", **right),
        },
    )


def _count(number: float | None) -> str:
    return text.count(None if number is None or number != number else number)


def _parents(seconds: float) -> str:
    if seconds != seconds:
        return "gone"
    return text.duration(seconds) if seconds else text.NONE


def _sure(runs: Sequence[Compared]) -> None:
    st.markdown("**How sure are the differences?**", help="Welch's 95 % interval for the difference of two means. Of a "
                "run it is over the evaluation networks, and tells the luck of training on this one set, not that of "
                "making it. Of several seeds taken together it is over the seeds.")
    against = None
    judged = [run for run in runs if run.accuracy]
    if len(judged) > FEW:
        against = selection.run(st.container(width=420), "Compared with", judged, "against")
    pairs = welch.pairs(runs, against)
    if pairs.empty:
        st.caption("Needs two runs judged in the same setting by at least two networks each.")
        return
    charts.chart(compare_figures.intervals(pairs), "intervals")
    if len(pairs) > FEW:
        st.caption(f"Of {len(pairs)} intervals at 95 %, about one in twenty leaves out zero by chance alone.")


def _tradeoff(runs: Sequence[Compared], numbers: pd.DataFrame) -> None:
    costs = [cost for cost in tradeoff.COSTS if len(tradeoff.tradeoff(numbers, cost)) > 1]
    if not costs:
        return
    st.markdown("**Accuracy against its price**")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        cost = st.selectbox("Price", costs, format_func=lambda name: tradeoff.COSTS[name].title, key="price", width=340,
                            bind="query-params")
        log = st.toggle("Logarithmic axis", key="price-log", bind="query-params")
    points = tradeoff.tradeoff(numbers, cost)
    figure = compare_figures.tradeoff(points, tradeoff.COSTS[cost].title, colours(runs), log=log)
    charts.chart(figure, f"tradeoff-{cost}")
    if points["group"].nunique() > 1:
        st.caption("These accuracies were measured on different data, networks or protocols: only those measured alike "
                   "compete for a front.")


def colours(runs: Sequence[Compared]) -> dict[str, str]:
    """Label → colour, for charts."""
    return {run.label: run.colour for run in runs}


def setting(settings: Sequence[str], covers: bool) -> str | None:
    """The setting to compare in, chosen where there are several; None for each run's newest.

    covers: whether the first holds for every run that was judged; else the start is each run's newest, so that none is
    left out. What is chosen is always in the address: the menu changes as runs are evaluated.
    """
    if len(settings) < 2:
        return settings[0] if settings else None
    offered = [*settings, NEWEST] if covers else [NEWEST, *settings]
    linked = st.query_params.get("on")
    selected = st.selectbox("Judged on", offered, index=offered.index(linked) if linked in offered else 0, width=420,
                            help="Accuracies compare only on the same network under the same protocol.")
    st.query_params["on"] = selected
    return None if selected == NEWEST else selected
