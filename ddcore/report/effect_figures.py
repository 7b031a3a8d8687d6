"""Figures of effects: accuracy along an axis, and over two. Accuracies in percent.

Over more it is told as an architecture search is: `nas.figures.parallel` and `importance`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from ddcore.lazy import go, pd
from ddcore.report import text
from ddcore.report.effects import CONTROLS, Effects, P, Place
from ddcore.report.figures import COLOURS, GREY, dress, faint, log_axis, number_grid


def effect(effects: Effects[P]) -> go.Figure:
    """Accuracy over the values of the one axis, ± one standard deviation over seeds and networks, controls as bands."""
    axis = effects.axes[0]
    param = effects.param(axis.names[0])
    ordered = len(axis.names) == 1 and param.type in ("int", "float") and (None,) not in axis.points
    numbers = ordered and not _crowded([value for value, *_ in axis.points])
    known = [p for p in effects.whole if p.accuracy]
    places = [p.values[axis.names[0]] if numbers else effects.at(p, axis.names) for p in known]
    log = numbers and _logarithmic(places, param.log)
    figure = go.Figure(_control(effects, dict(zip(places, known, strict=True))))
    figure.add_scatter(
        x=places, y=[100 * _accuracy(p) for p in known], mode="lines+markers" if ordered else "markers",
        name=effects.sets, marker={"size": 10, "color": COLOURS[0]}, line={"width": 2, "color": COLOURS[0]},
        error_y={"type": "data", "array": [_spread(p) for p in known], "thickness": 2, "width": 5},
        customdata=[text.accuracy(p.accuracy) for p in known], hovertemplate="%{x}: %{customdata}<extra></extra>",
    )
    kind = log_axis(pd.Series(places, dtype=float)) if log else {} if numbers else {
        "type": "category", "categoryorder": "array", "categoryarray": places}
    return dress(figure, 380, {"title": effects.axis_title(axis.names), **kind},
                 {"title": accuracy_title(effects), "rangemode": "normal"})


def _crowded(values: list[Any]) -> bool:
    """Whether values would lie on one another: they spread over more than a power of ten, and one has no logarithm."""
    above = [value for value in values if value and value > 0]
    return len(above) < len(values) and bool(above) and max(above) >= 10 * min(above)


def _logarithmic(places: list[Any], declared: bool) -> bool:
    """Whether the values have logarithms, and are declared to go by these or spread over more than a power of ten."""
    return bool(places) and min(places) > 0 and (declared or max(places) >= 10 * min(places))


def _control(effects: Effects[P], places: Mapping[Any, P]) -> list[dict[str, Any]]:
    """A pale band and its middle for each control, at each place that of the set there.

    None beside accuracies on the validation split: controls are tested.
    """
    traces: list[dict[str, Any]] = []
    for role, colour in zip(CONTROLS, (GREY, COLOURS[2]), strict=True):
        points = [(place, accuracy) for place, point in places.items() if (accuracy := effects.control(role, point))]
        if not (points and effects.tested):
            continue
        x = [place for place, _ in points]
        middle, spread = [100 * a.mean for _, a in points], [100 * (a.std or 0) for _, a in points]
        low, high = ([m + s * sign for m, s in zip(middle, spread, strict=True)] for sign in (-1, 1))
        traces.append({"type": "scatter", "mode": "lines", "x": [*x, *x[::-1]], "y": [*high, *low[::-1]],
                       "fill": "toself", "fillcolor": faint(colour), "line": {"width": 0}, "hoverinfo": "skip",
                       "showlegend": False})
        traces.append({"type": "scatter", "mode": "lines+markers" if len(x) == 1 else "lines", "x": x, "y": middle,
                       "name": CONTROLS[role], "line": {"color": colour, "width": 2, "dash": "dash"},
                       "customdata": [text.accuracy(a) for _, a in points],
                       "hovertemplate": f"{CONTROLS[role]}: %{{customdata}}<extra></extra>"})
    return traces


def heat(effects: Effects[P]) -> go.Figure:
    """Accuracy over two axes, each cell with its number, or how it stands where it has none."""
    first, second = effects.axes[:2]
    frame = pd.DataFrame(float("nan"), index=[effects.written(first, i) for i in range(len(first.points))],
                         columns=[effects.written(second, i) for i in range(len(second.points))])
    for point in effects.whole:
        if point.accuracy:
            frame.loc[effects.at(point, first.names), effects.at(point, second.names)] = 100 * _accuracy(point)
    figure = number_grid(frame, x_title=effects.axis_title(second.names), y_title=effects.axis_title(first.names))
    states = {(effects.at(p, first.names), effects.at(p, second.names)): effects.stands(p) for p in effects.points}
    empty = frame.isna().to_numpy()
    words = [{"x": x, "y": y, "text": states.get((row, column), effects.absent),
              "showarrow": False, "font": {"size": 11, "color": GREY}}
             for (y, row), (x, column) in itertools.product(enumerate(frame.index), enumerate(frame.columns))
             if empty[y, x]]
    return figure.update_layout(annotations=[*figure.layout.annotations, *words])


def accuracy_title(effects: Effects[P]) -> str:
    return f"{'Test' if effects.tested else 'Validation'} accuracy (%)"


def _accuracy(point: Place) -> float:
    assert point.accuracy
    return point.accuracy.mean


def _spread(point: Place) -> float:
    assert point.accuracy
    return 100 * (point.accuracy.std or 0.0)
