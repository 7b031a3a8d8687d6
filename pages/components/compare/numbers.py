"""Accuracies beside their controls, what they cost, and how sure their differences are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ddcore.report import compare_figures, compare_runs, quantities, text, tradeoff, welch
from ddcore.report.compare_runs import Compared
from ddcore.report.quantities import MEASURES, Quantity
from pages.components import charts, frame, widgets
from pages.components.compare import address, selection, toolbar
from pages.components.table import dataframe

if TYPE_CHECKING:
    import pandas as pd

FEW = 4  # runs of which all pairs are drawn; of more each is held against one
SPREAD = ("mean", "std", "n")  # one line of a card
SHOWN = ("mean", "std", "n", "random_real", "full", "seconds_train", "flops_training", "seconds_distill", "ipc",
         "stored_bytes")
_number, _text = st.column_config.NumberColumn, st.column_config.TextColumn
FORMATS = {"mean": "%.1f", "gain": "%+.1f", "balanced": "%.1f", "auc": "%.1f", "random_real": "%.1f", "initial": "%.1f",
           "initial_hard": "%.1f", "full": "%.1f", "majority": "%.1f", "seconds_train": "%.2f",
           "seconds_train_full": "%.1f", "seconds_distill": "%.1f", "seconds_parents": "%.1f", "seconds_all": "%.1f",
           "ipc": "%d", "flops": "compact", "flops_training": "compact", "stored_floats": "localized",
           "stored_bytes": "bytes", "peak_memory_bytes": "bytes"}


def _measure(name: str) -> Any:
    one = MEASURES[name]
    return _number(one.short, format=FORMATS[name], help=one.help or one.title, width=toolbar.width(one.short))


COLUMNS: dict[str, Any] = {
    "label": _text("Run", pinned=True, width=200), "mean": _measure("mean"),
    "std": _number("±", format="%.1f", width=48, help="Standard deviation over the networks."),
    "n": _number("n", format="%d", width=44, help="Networks trained and tested."),
    **{name: _measure(name) for name in MEASURES if name != "mean"},
    "told": _text(MEASURES["mean"].short),
    "measured": _text("Judged on", width=220), "run": _text("Id"),
}


def show(runs: Sequence[Compared]) -> None:
    """Everything that is a number, for the setting chosen above all sections."""
    store = frame.store()
    if any(len(group) > 1 for group in compare_runs.by_question(store, runs)) and st.toggle(
        "Seeds together", value=True, key="seeds", bind="query-params",
        help="Runs that differ in their seed alone count as one: mean ± std over all their networks.",
    ):
        runs = compare_runs.seeds_together(store, runs)
    numbers = compare_runs.numbers(runs)
    parameters = quantities.parameters([run.record for run in runs], beside=numbers)
    numbers = _with_parameters(numbers, runs, parameters)
    if numbers["mean"].notna().any():
        _accuracies(runs, numbers)
    _table(numbers, parameters)
    for sentence in _cautions(runs, numbers):
        st.caption(widgets.plain(sentence))
    if numbers["mean"].notna().sum() > 1:
        _sure(runs)
    _scatter(runs, numbers, parameters)
    points = tradeoff.against_ipc(numbers)
    if points["ipc"].nunique() > 1:
        st.markdown("**Accuracy against images per class**", help="Full data is the ceiling, where it is trained "
                    "long enough; where a method meets it, the field calls the set lossless.")
        charts.chart(compare_figures.against_ipc(points), "against-ipc")
        if points.duplicated(["group", "method", "ipc"]).any():
            st.caption("Where a method has several sets of one size, of other parameters or seeds, its line is "
                       "their mean.")


def _with_parameters(
    numbers: pd.DataFrame, runs: Sequence[Compared], parameters: dict[str, Quantity]
) -> pd.DataFrame:
    records = [run.record for run in runs]
    columns = {name: quantities.values(records, one).tolist() for name, one in parameters.items()}
    settings = {"measured": [run.evaluation and compare_runs.setting_of(run.evaluation) for run in runs]}
    return numbers.join(type(numbers)({**columns, **settings}, index=numbers.index))


def _accuracies(runs: Sequence[Compared], numbers: pd.DataFrame) -> None:
    st.markdown("**Test accuracy and controls**", help="Coloured: the run, ± one standard deviation over its networks. "
                "Grey: its controls, trained and tested in the same setting.")
    shares = {round(share, 3) for share in numbers["majority"].dropna()}
    majority = shares.pop() if len(shares) == 1 else None
    charts.chart(compare_figures.accuracies(numbers, colours(runs), majority), "accuracy")


def _table(numbers: pd.DataFrame, parameters: dict[str, Quantity]) -> None:
    """Accuracy and cost of each run in one table, with the columns that are asked for."""
    titles = {name: str(one["label"]) for name, one in COLUMNS.items() if name not in ("label", "told")}
    titles |= {name: one.title for name, one in {**MEASURES, **parameters}.items()}
    address.tell(titles.values(), key="num-cols", what="column")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Columns", icon=":material/view_column:"):
            names = st.multiselect("Columns of the table", list(titles), default=list(SHOWN), key="num-cols", width=460,
                                   format_func=titles.__getitem__, bind="query-params")
        settings = list(dict.fromkeys(numbers["measured"].dropna()))
        st.markdown("**Accuracy and cost**" + (f" · {widgets.plain(settings[0])}" if len(settings) == 1 else ""),
                    width="content", help="Times are wall times on the device that each run had: compare those of one "
                    "machine only. FLOPs: a multiply-add counts two, a training step three forward passes.")
    names = [*names, *(["measured"] if len(settings) > 1 and "measured" not in names else [])]
    known = [name for name in titles if name in names and numbers[name].notna().any()]
    cards = ["label", *dict.fromkeys("told" if name in SPREAD else name for name in known)]
    dataframe(numbers.assign(told=_told(numbers)), placeholder=text.NONE, width="stretch",
              column_order=["label", *known], card=cards,
              column_config={**COLUMNS, **{name: toolbar.parameter(one) for name, one in parameters.items()}})


def _told(numbers: pd.DataFrame) -> list[str]:
    """Accuracy with spread and number of networks, for the one line of a card."""
    return ["" if mean != mean else f"{mean:.1f}{f' ± {std:.1f}' if std == std else ''} (n = {n:.0f})"
            for mean, std, n in zip(numbers["mean"].astype(float), numbers["std"].astype(float),
                                    numbers["n"].astype(float), strict=True)]


def _cautions(runs: Sequence[Compared], numbers: pd.DataFrame) -> list[str]:
    """What must be known of these numbers before they are compared."""
    data = list(dict.fromkeys(f"{run.record.config.get('dataset')} at {run.record.config.get('resolution')} px"
                              for run in runs if run.accuracy))
    different = [f"These are of different data ({', '.join(data)}): their accuracies do not compare."]
    return [*(different if len(data) > 1 else []), *compare_runs.no_ceiling(runs)]


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


def _scatter(runs: Sequence[Compared], numbers: pd.DataFrame, parameters: dict[str, Quantity]) -> None:
    """Any number over any other; at first the accuracy over what it costs."""
    axes = {name: one for name, one in {**MEASURES, **parameters}.items()
            if one.numeric and numbers[name].notna().sum() > 1}
    if sum(numbers[name].nunique() > 1 for name in axes) < 2:
        return
    st.markdown("**One number against another**", help="Dotted: the Pareto front, runs that none is cheaper and better "
                "than, of those that were measured alike.")
    titles = {name: one.title for name, one in axes.items()}
    for key in ("x", "y"):
        address.tell(titles.values(), key=key, what=f"{key} axis of these runs")
    names, costs = list(axes), [cost for cost in tradeoff.COSTS.values() if cost in axes]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        y = _axis("y", "Vertical", titles, "mean" if "mean" in axes else names[0])
        x = _axis("x", "Horizontal", titles, _best_known(costs, numbers) if costs else names[-1])
        log_x, log_y = (_log(key, axes[name], numbers[name], title)
                        for key, name, title in (("x", x, "Horizontal"), ("y", y, "Vertical")))
    drawn = tradeoff.scatter(numbers, x, y)
    figure = compare_figures.tradeoff(drawn, titles[x], colours(runs), titles[y], log=log_x, log_y=log_y)
    charts.chart(figure, f"scatter-{x}-{y}")
    if missing := [label for label in numbers["label"] if label not in set(drawn["label"])]:
        st.caption(f"Not drawn, as one of the two is not known of it: {widgets.plain(', '.join(missing))}.")


def _best_known(costs: Sequence[str], numbers: pd.DataFrame) -> str:
    """The cost that is known of most runs, the first of several."""
    return max(costs, key=lambda cost: numbers[cost].notna().sum())


def _axis(key: str, label: str, titles: dict[str, str], first: str) -> str:
    return st.selectbox(label, list(titles), index=list(titles).index(first), format_func=titles.__getitem__, key=key,
                        bind="query-params", width=300)


def _log(key: str, one: Quantity, values: pd.Series, title: str) -> bool:
    """Whether an axis is logarithmic: as it is declared, where all values are above zero."""
    positive = bool((values.dropna().astype(float) > 0).all())
    return st.toggle(f"{title}: logarithmic", value=one.log and positive, key=f"{key}-log", bind="query-params",
                     disabled=not positive) and positive


def colours(runs: Sequence[Compared]) -> dict[str, str]:
    """Label → colour, for charts."""
    return {run.label: run.colour for run in runs}
