"""Figures of effects: accuracy along an axis, and over two. Accuracies in percent.

Over more it is told as an architecture search is: `nas.figures.parallel` and `importance`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ddcore.lazy import go, pd
from ddcore.report import text
from ddcore.report.effects import CONTROLS, Effects, P, Place
from ddcore.report.figures import COLOURS, GREY, as_text, dress, faint, log_axis, number_grid
from ddcore.summary import Accuracy

LEVEL_WORDS = 6  # places along an axis up to which words at each have room side by side
WITH_NOTES = 8  # columns of a map up to which there is room for n and controls in its cells
CHOSEN, SUSPECT = "Chosen by validation", "Done, with a warning"  # marks in every chart
SIGN = {CHOSEN: "★", SUSPECT: "⚠"}  # in the cells of a map


def effect(effects: Effects[P]) -> go.Figure:
    """Accuracy over the values of the one axis, ± one standard deviation over seeds and networks, controls as bands."""
    axis = effects.axes[0]
    param = effects.param(axis.names[0])
    ordered = len(axis.names) == 1 and param.type in ("int", "float") and (None,) not in axis.points
    numbers = ordered and not _crowded([value for value, *_ in axis.points])
    all_places = {id(p): p.values[axis.names[0]] if numbers else effects.at(p, axis.names) for p in effects.points}
    known = [p for p in effects.whole if p.accuracy]
    places = [all_places[id(p)] for p in known]
    log = numbers and _logarithmic([*all_places.values()], param.log)
    figure = go.Figure(_control(effects, dict(zip(places, known, strict=True))))
    figure.add_scatter(
        x=places, y=[100 * _accuracy(p) for p in known], mode="lines+markers" if ordered else "markers",
        name=effects.sets, marker={"size": 10, "color": COLOURS[0]}, line={"width": 2, "color": COLOURS[0]},
        error_y={"type": "data", "array": [_spread(p) for p in known], "thickness": 2, "width": 5},
        customdata=[text.accuracy(p.accuracy) for p in known], hovertemplate="%{x}: %{customdata}<extra></extra>",
    )
    for name, those in marked(effects, known).items():
        figure.add_scatter(
            x=[all_places[id(p)] for p in those], y=[100 * _accuracy(p) for p in those], mode="markers", name=name,
            marker={"symbol": "circle-open" if name == CHOSEN else "square-open", "size": 20 if name == CHOSEN else 14,
                    "color": COLOURS[1] if name == CHOSEN else GREY, "line": {"width": 3}}, hoverinfo="skip")
    kind = {} if numbers else {"type": "category", "categoryorder": "array", "categoryarray": [*all_places.values()]}
    if log:
        kind = log_axis(pd.Series([*all_places.values()], dtype=float))
        if param.type == "int" and len(sizes := sorted({*all_places.values()})) <= LEVEL_WORDS:
            kind |= {"tickvals": sizes, "ticktext": [text.value(size) for size in sizes]}
    missing = _missing(effects, {*map(id, known)}, lambda p, i: i if not numbers else all_places[id(p)], log)
    if missing:  # keeps room on the axis for what has no accuracy, or none yet
        figure.add_scatter(x=[*all_places.values()], y=[None] * len(all_places), showlegend=False, hoverinfo="skip")
    return dress(figure, 380, {"title": effects.axis_title(axis.names), **kind},
                 {"title": accuracy_title(effects), "rangemode": "normal"}, annotations=missing)


def marked(effects: Effects[P], known: Iterable[P]) -> dict[str, list[P]]:
    """What marks some of these → which: the one that was chosen, and those whose runs look wrong."""
    found = {CHOSEN: [p for p in known if p is effects.best], SUSPECT: [p for p in known if effects.warnings(p)]}
    return {name: those for name, those in found.items() if those}


def _missing(
    effects: Effects[P], drawn: Collection[int], place: Callable[[P, int], Any], log: bool
) -> list[dict[str, Any]]:
    """At its place on the axis, how each point stands that is not drawn; place: of a point and its number."""
    level = len(effects.points) <= LEVEL_WORDS
    return [{"x": math.log10(place(p, i)) if log else place(p, i), "y": 0, "yref": "paper", "yanchor": "bottom",
             "text": effects.stands(p), "textangle": 0 if level else -90, "showarrow": False,
             "font": {"size": 11, "color": GREY}} for i, p in enumerate(effects.points) if id(p) not in drawn]


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
    """Accuracy over two axes, each cell with its number, n and controls, or how it stands where it has none."""
    first, second = effects.axes[:2]
    rows, columns = ([effects.written(axis, i) for i in range(len(axis.points))] for axis in (first, second))
    frame = pd.DataFrame(float("nan"), index=rows, columns=columns)
    places = {(first.points.index(first.of(p.values)), second.points.index(second.of(p.values))): p
              for p in effects.points}
    whole = {*map(id, effects.whole)}
    known = {place: p for place, p in places.items() if p.accuracy and id(p) in whole}
    for place, point in known.items():
        frame.iloc[place] = 100 * _accuracy(point)
    few = len(columns) <= WITH_NOTES
    those_marked = marked(effects, [*known.values()])
    signs = {place: [SIGN[name] for name, those in those_marked.items() if any(p is point for p in those)]
             for place, point in known.items()}
    notes = {place: [*(_beside(effects, point) if few else []), *filter(None, [" ".join(signs[place])])]
             for place, point in known.items()}
    told = [accuracy_title(effects).lower(), *(["n", *_brackets(effects, known.values())] if few else []),
            *(f"{SIGN[name]} {name[:1].lower()}{name[1:]}" for name in those_marked)]
    x_title = f"{effects.axis_title(second.names)}<br>In the cells: {', '.join(told)}"
    figure = number_grid(frame, x_title=x_title, y_title=effects.axis_title(first.names), notes=notes)
    figure.update_traces(
        customdata=[["<br>".join(_told(effects, known[y, x])) if (y, x) in known else "" for x in range(len(columns))]
                    for y in range(len(rows))],
        hovertemplate="%{customdata}<extra></extra>")
    words = [{"x": x, "y": y, "text": effects.stands(places[y, x]) if (y, x) in places else effects.absent,
              "showarrow": False, "font": {"size": 11, "color": GREY}}
             for y, x in itertools.product(range(len(rows)), range(len(columns))) if (y, x) not in known]
    return figure.update_layout(annotations=[*figure.layout.annotations, *words])


def _brackets(effects: Effects[P], known: Iterable[P]) -> list[str]:
    """What the numbers in brackets are, below an axis title: above the map are its buttons."""
    roles = dict.fromkeys(role for point in known for role, _ in _controls(effects, point))
    return [f"({' · '.join(CONTROLS[role].lower() for role in roles)})"] if roles else []


def _beside(effects: Effects[P], point: P) -> list[str]:
    """What stands below the number of a cell: ["n 6", "(70.5 · 98.1)"]."""
    assert point.accuracy
    controls = " · ".join(f"{100 * one.mean:.1f}" for _, one in _controls(effects, point))
    return [f"n {point.accuracy.n}", *([f"({controls})"] if controls else [])]


def _told(effects: Effects[P], point: P) -> list[str]:
    """What a cell tells at the pointer."""
    return [f"{as_text(effects.name(point))}: {text.accuracy(point.accuracy)}",
            *(f"{CONTROLS[role]}: {text.accuracy(one)}" for role, one in _controls(effects, point)),
            *([CHOSEN] if point is effects.best else []), *([SUSPECT] if effects.warnings(point) else [])]


def _controls(effects: Effects[P], point: P) -> list[tuple[str, Accuracy]]:
    """The controls of a place that are known; none beside accuracies on the validation split: controls are tested."""
    return [(role, one) for role in CONTROLS if effects.tested and (one := effects.control(role, point))]


def accuracy_title(effects: Effects[P]) -> str:
    return f"{'Test' if effects.tested else 'Validation'} accuracy (%)"


def _accuracy(point: Place) -> float:
    assert point.accuracy
    return point.accuracy.mean


def _spread(point: Place) -> float:
    assert point.accuracy
    return 100 * (point.accuracy.std or 0.0)
