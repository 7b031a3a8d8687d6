"""Figures of a sweep: accuracy along an axis, and over two. Accuracies in percent.

Over more it is told as an architecture search is: `nas.figures.parallel` and `importance`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from ddcore.lazy import go, pd
from ddcore.report import text
from ddcore.report.figures import COLOURS, GREY, ROOM, as_text, dress, faint, log_axis, number_grid
from ddcore.report.sizes import Sizes
from ddcore.report.sweeps import CONTROLS, Answer, Point


def effect(answer: Answer) -> go.Figure:
    """Accuracy over the values of the one axis, ± one standard deviation over seeds and networks, controls as bands."""
    axis = answer.config.axes[0]
    param = answer.param(axis.names[0])
    ordered = len(axis.names) == 1 and param.type in ("int", "float")
    numbers = ordered and not _crowded([value for value, *_ in axis.points])
    known = [p for p in answer.whole if p.accuracy]
    places = [p.values[axis.names[0]] if numbers else answer.at(p, axis.names) for p in known]
    log = numbers and _logarithmic(answer, places)
    figure = go.Figure(_control(answer, dict(zip(places, known, strict=True))))
    figure.add_scatter(
        x=places, y=[100 * _accuracy(p) for p in known], mode="lines+markers" if ordered else "markers",
        name=f"{answer.method} sets", marker={"size": 10, "color": COLOURS[0]}, line={"width": 2, "color": COLOURS[0]},
        error_y={"type": "data", "array": [_spread(p) for p in known], "thickness": 2, "width": 5},
        customdata=[text.accuracy(p.accuracy) for p in known], hovertemplate="%{x}: %{customdata}<extra></extra>",
    )
    kind = log_axis(pd.Series(places, dtype=float)) if log else {} if numbers else {"type": "category"}
    return dress(figure, 380, {"title": answer.axis_title(axis.names), **kind},
                 {"title": _title(answer), "rangemode": "normal"})


def _crowded(values: list[Any]) -> bool:
    """Whether values would lie on one another: they spread over more than a power of ten, and one has no logarithm."""
    above = [value for value in values if value and value > 0]
    return len(above) < len(values) and bool(above) and max(above) >= 10 * min(above)


def _logarithmic(answer: Answer, places: list[Any]) -> bool:
    """Whether the values spread over more than a power of ten, and have logarithms."""
    return bool(places) and min(places) > 0 and max(places) >= 10 * min(places)


def _control(answer: Answer, places: Mapping[Any, Point]) -> list[dict[str, Any]]:
    """A pale band and its middle for each control, at each place that of the set there.

    None beside accuracies on the validation split: controls are tested.
    """
    traces: list[dict[str, Any]] = []
    for n, role in enumerate(dict.fromkeys(one.role for one in answer.controls)):
        points = [(place, accuracy) for place, point in places.items() if (accuracy := answer.control(role, point))]
        if not (points and answer.tested):
            continue
        colour, x = (GREY, COLOURS[2])[n % 2], [place for place, _ in points]
        middle, spread = [100 * a.mean for _, a in points], [100 * (a.std or 0) for _, a in points]
        low, high = ([m + s * sign for m, s in zip(middle, spread, strict=True)] for sign in (-1, 1))
        traces.append({"type": "scatter", "mode": "lines", "x": [*x, *x[::-1]], "y": [*high, *low[::-1]],
                       "fill": "toself", "fillcolor": faint(colour), "line": {"width": 0}, "hoverinfo": "skip",
                       "showlegend": False})
        traces.append({"type": "scatter", "mode": "lines", "x": x, "y": middle, "name": CONTROLS[role],
                       "line": {"color": colour, "width": 2, "dash": "dash"},
                       "customdata": [text.accuracy(a) for _, a in points],
                       "hovertemplate": f"{CONTROLS[role]}: %{{customdata}}<extra></extra>"})
    return traces


def against_size(answer: Answer, sizes: Sizes) -> go.Figure:
    """Accuracy over images per class, doubling from tick to tick, and above it in percent of the data; ± one standard
    deviation, the full data as a band, the lossless set marked."""
    figure = go.Figure()
    ends = [min(sizes.sets), max(sizes.sets)]
    if sizes.full:
        middle, spread = 100 * sizes.full.mean, 100 * (sizes.full.std or 0)
        figure.add_hrect(y0=middle - spread, y1=middle + spread, fillcolor=faint(COLOURS[2]), line_width=0)
        figure.add_scatter(x=ends, y=[middle, middle], mode="lines", name=CONTROLS["full"],
                           line={"color": COLOURS[2], "width": 2, "dash": "dash"},
                           hovertemplate=f"{CONTROLS['full']}: {text.accuracy(sizes.full)}<extra></extra>")
    lines = {f"{answer.method} sets": (sizes.sets, COLOURS[0]), CONTROLS["random_real"]: (sizes.random, GREY)}
    lines |= {name: (each, COLOURS[1 + 2 * (n % 2)]) for n, (name, each) in enumerate(sizes.coresets.items())}
    for name, (each, colour) in lines.items():
        if each:
            figure.add_scatter(
                x=[*each], y=[100 * one.mean for one in each.values()], mode="lines+markers", name=as_text(name),
                line={"color": colour, "width": 2}, marker={"size": 9, "color": colour},
                error_y={"type": "data", "array": [100 * (one.std or 0) for one in each.values()], "thickness": 1.5},
                customdata=[text.accuracy(one) for one in each.values()],
                hovertemplate=f"{as_text(name)}, IPC %{{x}}: %{{customdata}}<extra></extra>",
            )
    if sizes.lossless:
        figure.add_scatter(x=[sizes.lossless], y=[100 * sizes.sets[sizes.lossless].mean], mode="markers",
                           name="Lossless", hoverinfo="skip",
                           marker={"symbol": "circle-open", "size": 20, "color": COLOURS[0], "line": {"width": 3}})
    # An axis is drawn only where a trace lies on it.
    figure.add_scatter(x=ends, y=[None, None], xaxis="x2", showlegend=False, hoverinfo="skip")
    ticks, reach = [2**power for power in range(max(ends).bit_length()) if 2**power >= min(ends)], [
        math.log10(min(ends) / ROOM), math.log10(max(ends) * ROOM)]
    axis = {"type": "log", "tickvals": ticks, "range": reach}
    share = {**axis, "ticktext": [f"{text.number(100 * sizes.share(tick))} %" for tick in ticks], "overlaying": "x",
             "side": "top", "title": {"text": "Share of the training data"}, "showgrid": False}
    dress(figure, 420, {"title": "Images per class (IPC)", **axis, "ticktext": [f"{tick:,}" for tick in ticks]},
          {"title": _title(answer), "rangemode": "normal"})
    return figure.update_layout(xaxis2=share, margin_t=70)


def heat(answer: Answer) -> go.Figure:
    """Accuracy over two axes, each cell with its number, or how it stands where it has none."""
    first, second = answer.config.axes[:2]
    frame = pd.DataFrame(float("nan"), index=[answer.written(first, i) for i in range(len(first.points))],
                         columns=[answer.written(second, i) for i in range(len(second.points))])
    for point in answer.whole:
        if point.accuracy:
            frame.loc[answer.at(point, first.names), answer.at(point, second.names)] = 100 * _accuracy(point)
    figure = number_grid(frame, x_title=answer.axis_title(second.names), y_title=answer.axis_title(first.names))
    states = {(answer.at(p, first.names), answer.at(p, second.names)): answer.stands(p) for p in answer.points}
    empty = frame.isna().to_numpy()
    words = [{"x": x, "y": y, "text": states.get((row, column), "left out" if answer.tested else ""),
              "showarrow": False, "font": {"size": 11, "color": GREY}}
             for (y, row), (x, column) in itertools.product(enumerate(frame.index), enumerate(frame.columns))
             if empty[y, x]]
    return figure.update_layout(annotations=[*figure.layout.annotations, *words])


def _title(answer: Answer) -> str:
    return f"{'Test' if answer.tested else 'Validation'} accuracy (%)"


def _accuracy(point: Point) -> float:
    assert point.accuracy
    return point.accuracy.mean


def _spread(point: Point) -> float:
    assert point.accuracy
    return 100 * (point.accuracy.std or 0.0)
