"""Figures of an architecture search: frame → plotly Figure. Frames hold accuracies in percent."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from ddcore import spaces
from ddcore.lazy import go, pd
from ddcore.report import text
from ddcore.report.figures import COLOURS, GREY, INK, as_text, dress, large, log_axis, pareto_front
from ddcore.report.nas.importance import REST
from ddcore.settings import NetworkConfig

CHOSEN = COLOURS[1]  # the selected network, in every chart
BEST = COLOURS[2]
SHOWN = 20  # networks in parallel coordinates: more are a tangle
PLATE = "#4A5560"  # behind values in parallel coordinates, legible on white and on black
PLATE_LETTERS = 12  # in a line on such a plate
SPREAD = 0.08  # height over which lines that meet in one value are spread
MANY = 100  # networks from which on marks are small
LOG = 4  # an axis is logarithmic from this ratio of its largest to its smallest value on
MARKS = (("selected", "selected by the proxy", "star", CHOSEN), ("best", "best on the whole data", "diamond", BEST))


def scatter(frame: pd.DataFrame, title: str) -> go.Figure:
    """The rank of each network on a proxy over its true rank, best at the lower left; on the diagonal both agree.

    frame: `answer.ranked`; title: the proxy's.
    """
    figure = go.Figure()
    edge = max(0.5, len(frame) / 30)
    ends = [1 - edge, len(frame) + edge]
    figure.add_scatter(x=ends, y=ends, mode="lines", name="same rank", hoverinfo="skip",
                       line={"color": INK, "width": 1.5, "dash": "dot"})
    plain = frame[~(frame["selected"] | frame["best"])]
    figure.add_scatter(**_ranked(plain), name="network", hovertemplate=_RANKS,
                       marker={"size": 9 if len(frame) <= MANY else 6, "color": COLOURS[0], "opacity": 0.75})
    for column, name, symbol, colour in MARKS:
        marked = frame[frame[column]]
        figure.add_scatter(**_ranked(marked), name=name, visible=not marked.empty, hovertemplate=_RANKS,
                           marker={"symbol": symbol, "size": 15 if symbol == "star" else 11, "color": colour,
                                   "line": {"width": 1, "color": INK}})
    step = next(step for step in _steps() if step * 8 >= len(frame))
    axis = {"range": ends, "tickvals": [1, *range(step + (step == 1), len(frame) + 1, step)]}
    return dress(figure, 430, {"title": "True rank (1 = best on the whole data)", **axis},
                 {"title": f"Rank on {as_text(title)}", **axis})


def _steps() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, …"""
    return (digit * 10**power for power in count() for digit in (1, 2, 5))


_RANKS = ("%{text}<br>rank %{y:g} of the proxy: %{customdata[0]:.1f} %<br>true rank %{x:g}: %{customdata[1]:.1f} %"
          "<extra></extra>")


def _ranked(frame: pd.DataFrame) -> dict[str, Any]:
    return {"x": frame["true_rank"].tolist(), "y": frame["rank"].tolist(), "mode": "markers",
            "text": [as_text(name) for name in frame["network"]],
            "customdata": frame[["accuracy", "true"]].values.tolist()}


def pareto(frame: pd.DataFrame) -> go.Figure:
    """Accuracy over the FLOPs of one forward pass; a line joins those that nothing beats.

    frame: `answer.costs`. Standard deviations are drawn on the front and told of all.
    """
    best = frame[frame["front"]].sort_values("flops")
    figure = go.Figure(pareto_front(best["flops"], best["mean"], visible=len(best) > 1))
    looks = ((~frame["front"] & ~frame["selected"], "network", {"size": 7, "color": GREY, "symbol": "circle-open"}),
             (frame["front"] & ~frame["selected"], "on the front", {"size": 10, "color": COLOURS[0]}),
             (frame["selected"], "selected", {"size": 15, "color": CHOSEN, "symbol": "star"}))
    for rows, name, marker in looks:
        part = frame[rows]
        figure.add_scatter(
            x=part["flops"].tolist(), y=part["mean"].tolist(), mode="markers", name=name, visible=not part.empty,
            error_y={"type": "data", "array": part["std"].fillna(0.0).tolist(), "thickness": 1, "width": 3,
                     "visible": name != "network"},
            marker=marker, text=[_hover(row) for row in part.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
        )
    return dress(figure, 400, {"title": "FLOPs of one forward pass", **log_axis(frame["flops"], large)},
                 {"title": "Validation accuracy (%)"})


def _hover(row: Mapping[Any, Any]) -> str:
    spread = f" ± {row['std']:.1f}" if row["std"] == row["std"] else ""
    return f"{as_text(row['network'])}<br>{row['mean']:.1f}{spread} % at {text.count(row['flops'])} FLOPs"


def importance(frame: pd.DataFrame) -> go.Figure:
    """Bars of the share of the variance that each option explains, the largest on top; frame: `importance.importance`.

    What no option explains alone is grey.
    """
    shown = frame.iloc[::-1]
    figure = go.Figure(go.Bar(
        x=shown["share"].tolist(), y=[label(option) for option in shown["option"]], orientation="h", width=0.6,
        marker_color=[GREY if option == REST else COLOURS[0] for option in shown["option"]],
        text=[f"{share:.0f} %" for share in shown["share"]], textposition="outside", cliponaxis=False,
        hovertemplate="%{y}: %{x:.1f} % of the variance<extra></extra>",
    ))
    shares = {"title": "Share of the variance of accuracy (%)", "range": [0, 110], "tickvals": [0, 25, 50, 75, 100]}
    return dress(figure, 110 + 40 * len(frame), shares, {"type": "category"}, showlegend=False)


def parallel(frame: pd.DataFrame, options: Sequence[str], top: int = SHOWN) -> go.Figure:
    """One line a network through the values of its options to its accuracy, the first `top` alone, the first one bold.

    frame: `study.frame` of one proxy, in whose ranking they are; networks that were given up are left out. Where lines
    meet in a value, the better runs above. Numbers that span a factor of four or more stand on a logarithmic axis. Of a
    sweep, whose frame says what was chosen, that one is bold and always there; those that look wrong are dotted.
    Plotly's own parallel coordinates tell no names, and draw their axes in one colour for white and for black.
    """
    ranked = frame[~frame["pruned"].astype(bool)].sort_values("place").to_dict("records")
    bold = next((row for row in ranked if row.get("chosen")), None)
    rows = [row for i, row in enumerate(ranked) if i < top or row is bold]
    axes = [_heights(frame.sort_values("index")[option].unique().tolist()) for option in options]
    accuracies = _heights([row["accuracy"] for row in rows], math.inf)
    traces: list[dict[str, Any]] = []
    for place, row in enumerate(rows):
        first, suspect = row is bold if bold else not place, row.get("suspect", False)
        shift = SPREAD * (0.5 - place / max(1, len(rows) - 1))
        heights = [axis[row[option]] + shift for option, axis in zip(options, axes, strict=True)]
        traces.append({"type": "scatter", "mode": "lines", "x": list(range(len(axes) + 1)),
                       "y": [*heights, accuracies[row["accuracy"]]],
                       "line": {"color": CHOSEN if first else COLOURS[0], "width": 4 if first else 1.5,
                                "dash": "dot" if suspect else "solid"},
                       "opacity": 1 if first else 1 - 0.7 * place / max(1, len(rows) - 1),
                       "name": as_text(row["network"]), "showlegend": False,
                       "hovertemplate": f"{row['accuracy']:.1f} %<extra>{as_text(row['network'])}</extra>"})
    for name, line, there in (("Chosen by validation", {"color": CHOSEN, "width": 4}, bold is not None),
                              ("Done, with a warning", {"color": COLOURS[0], "width": 1.5, "dash": "dot"},
                               any(row.get("suspect") for row in rows))):
        if there:  # a line of its own in the legend alone
            traces.append({"type": "scatter", "mode": "lines", "x": [None], "y": [None], "name": name, "line": line})
    return dress(go.Figure([*reversed(traces), _ends(accuracies, len(axes))]), 400, {
        "tickvals": list(range(len(axes) + 1)), "range": [-0.4, len(axes) + 0.5], "showgrid": True, "gridcolor": INK,
        "ticktext": [label(option).replace(" ", "<br>") for option in options] + ["Accuracy<br>(%)"], "zeroline": False,
    }, {"visible": False, "range": [-0.12, 1.12]}, showlegend=any(trace.get("showlegend", True) for trace in traces),
        annotations=_values(axes))


def _heights(values: Sequence[Any], log: float = LOG) -> dict[Any, float]:
    """Where each value stands on its axis, from 0 to 1; those that are no numbers stand as they come.

    log: from this ratio of the largest to the smallest on the axis is logarithmic; with a 0 among them, which has no
    logarithm, all stand equally far apart.
    """
    numbers = all(isinstance(value, int | float) for value in values)
    places = {value: float(value if numbers else index) for index, value in enumerate(values)}
    low, high = min(places.values(), default=0), max(places.values(), default=0)
    if numbers and high >= log * min((place for place in places.values() if place > 0), default=math.inf):
        order = sorted(places)
        places = {value: math.log(place) if low > 0 else order.index(value) for value, place in places.items()}
        low, high = min(places.values()), max(places.values())
    return {value: (place - low) / ((high - low) or 1) for value, place in places.items()}


def _values(axes: Sequence[Mapping[Any, float]]) -> list[dict[str, Any]]:
    """The values of the options, each on a plate over its place: lines would cross bare words."""
    return [
        {"x": x, "y": y, "text": _in_lines(_written(value)), "showarrow": False, "bgcolor": PLATE,
         "font": {"color": "white", "size": 12}, "borderpad": 3}
        for x, axis in enumerate(axes) for value, y in axis.items()
    ]


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(_WORDS.get(str(value), str(value)))


def _in_lines(words: str) -> str:
    """Words on a plate that a narrow screen has room for."""
    return "<br>".join(map(as_text, textwrap.wrap(words, PLATE_LETTERS) or [words]))


def _ends(heights: Mapping[float, float], x: int) -> dict[str, Any]:
    """The highest and the lowest accuracy in percent, beside their axis; heights: accuracy → its place there."""
    ends = sorted({min(heights), max(heights)}) if heights else []
    return {
        "type": "scatter", "mode": "text", "x": [x] * len(ends), "y": [heights[end] for end in ends],
        "text": [f" {end:.1f}" for end in ends], "textposition": "middle right", "name": "ends", "hoverinfo": "skip",
        "showlegend": False,
    }


def label(option: str) -> str:
    """What a person calls an option of a network."""
    return _LABELS.get(option, as_text(option))


_WORDS = {**spaces.WORDS, "none": "none"}
_LABELS = {param.name: param.title for param in NetworkConfig.params()}
