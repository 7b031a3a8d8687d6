"""DataFrame → plotly Figure, nothing else. Colours come from the page's theme, so both modes stay legible.

Frames hold accuracies in percent, as tables.py makes them.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ddcore.lazy import go, pd
from ddcore.report import text
from ddcore.report.published import Published

# Okabe & Ito's colours (colour-blind safe), in an order that starts with the strongest contrasts;
# their yellow is left out: it vanishes on white. The same list stands in .streamlit/config.toml.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#6F7C86"  # controls beside our own; white text stays legible on it
PALE = "#E8F1F8"  # where a heat map begins; cells are opaque, so that their numbers read alike in both modes
INK = "#8A8F98"  # thin lines and outlines that have to be seen on white and on black
ELSEWHERE = "Published elsewhere"
MAJORITY = COLOURS[3]  # always answering the most frequent class: in no other chart of accuracies is this colour
MARKS = (COLOURS[1], COLOURS[2], COLOURS[0])  # lines across a pale histogram
HALF = 0.78  # of a heat map's range: from there on white numbers are clearer than dark ones
PERCENT = {"range": [0, 101], "tickvals": [0, 20, 40, 60, 80, 100]}  # an axis of shares from nothing to all
HEAT = ((0, PALE), (1, COLOURS[0]))  # of a heat map, from nothing to all
SHADE = 0.15  # opacity of a bar that an error bar in its own full colour has to be seen on
DARK, WHITE = "#1D2730", "#FFFFFF"  # numbers in the cells of a heat map
LONG, LONGEST = 9, 22  # letters of a class's name: below a bar, and wherever one is drawn
MANY = 40  # classes whose bars may lie
WRAP = {"x": 44, "y": 26}  # letters of an axis title in a line: more are cut off on a narrow screen
ROOM = 1.2  # how far beyond the values a tick of a logarithmic axis may stand
ENTRIES = 3  # in a legend; for more of them the chart is higher
FEW_STEPS = 8  # of an axis of whole numbers, each of which then has a tick
RIDGE = 0.9  # height of a class's histogram, where the next begins at 1
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
Axis = Mapping[str, Any]  # plotly's settings of an axis


def as_text(name: object) -> str:
    """A class's name, which may be anybody's, for plotly to draw as it is: it takes some HTML for its own."""
    return html.escape(str(name), quote=False).replace("%{", "% {")


def lines(
    frame: pd.DataFrame, x: str, y: str, *, x_title: str, y_title: str, series: str = "series", log: bool = False,
    majority: float | None = None, judged_on: str = "",
) -> go.Figure:
    """One line for each name in the column `series`; each with its own dash, for eyes and printers without colour.

    majority: of curves of accuracy, in percent, drawn as a line; judged_on: the images that it is of.
    """
    traces = [
        {"type": "scatter", "x": part[x].tolist(), "y": part[y].tolist(), "name": str(name),
         "mode": "lines+markers" if len(part) <= 30 else "lines",
         "line": {"width": 2, "dash": DASHES[i % len(DASHES)], "color": COLOURS[i % len(COLOURS)]},
         "hovertemplate": f"%{{y:{precise(part[y])}}}<extra>{name}</extra>"}
        for i, (name, part) in enumerate(frame.groupby(series, sort=False))
    ]
    # Made at once: traces and axes added one by one take four times as long, and live pages draw this all the time.
    across = {"dtick": 1} if frame[x].max() - frame[x].min() < FEW_STEPS else {}  # no half epochs
    up = log_axis(frame[y]) if log else {}
    layout = _look(len(traces), x={"title": x_title, **across}, y={"title": y_title, **up})
    return _majority(go.Figure({"data": traces, "layout": layout}), majority, judged_on)


def bars(frame: pd.DataFrame, x: str, y: str, *, x_title: str, y_title: str, series: str = "series") -> go.Figure:
    """Grouped bars over the categories in `x`, one colour for each name in `series`; they lie where names are long."""
    names = list(dict.fromkeys(map(str, frame[x])))
    parts = [(str(name), [as_text(category) for category in part[x]], part[y].tolist())
             for name, part in frame.groupby(series, sort=False)]
    return _over(names, parts, x_title, {"title": y_title, "tickformat": ","}, ",")


def _over(
    names: Sequence[str], parts: Sequence[tuple[str, list[str], list[float]]], title: str, values: Axis, number: str
) -> go.Figure:
    """Bars of each (name, categories, values); they lie where the names of the categories are long.

    values: the axis of the values; number: how one is told (d3's format).
    """
    lying, figure = _lie(names), go.Figure()
    across, up = ("y", "x") if lying else ("x", "y")
    for i, (name, categories, heights) in enumerate(parts):
        figure.add_bar(**{across: categories, up: heights}, name=name, orientation="h" if lying else "v",
                       marker_color=COLOURS[i % len(COLOURS)],
                       hovertemplate=f"%{{{across}}}: %{{{up}:{number}}}<extra>{name}</extra>")
    axis = {"title": title, **named(names)}
    if not lying:
        return dress(figure, x=axis, y=values)
    return dress(figure, 130 + (14 + 12 * len(parts)) * len(names), values, {**axis, "autorange": "reversed"})


def _lie(names: Sequence[str]) -> bool:
    """Whether names are too long to stand below bars, and few enough to stand beside them."""
    return len(names) <= MANY and any(len(name) > LONG for name in names)


def named(names: Sequence[str]) -> Axis:
    """An axis of these categories, the ends of very long names left out where they are drawn."""
    if all(len(name) <= LONGEST for name in names):
        return {"type": "category"}
    return {"type": "category", "tickvals": [as_text(name) for name in names],
            "ticktext": list(map(_short, names))}


def _short(name: str) -> str:
    return as_text(text.shortened(name, LONGEST))


def agreement(frame: pd.DataFrame, *, x_title: str) -> go.Figure:
    """Images over their number of votes, each bar in the colour of the annotators' agreement, from unanimous to split.

    Columns: votes, agreement, colour, images, training, validation, test.
    """
    figure = go.Figure()
    for name, part in frame.groupby("agreement", sort=False):
        figure.add_bar(
            x=part["votes"].tolist(), y=part["images"].tolist(), width=0.8, name=str(name),
            marker_color=part["colour"].iloc[0], customdata=part[["training", "validation", "test"]].values.tolist(),
            hovertemplate="%{y:,} images: %{customdata[0]:,} training, %{customdata[1]:,} validation, "
            f"%{{customdata[2]:,}} test<extra>{name}</extra>",
        )
    return dress(figure, x={"title": x_title, "dtick": 1, "range": [-0.6, frame["votes"].max() + 0.6]},
                 y={"title": "Images", "tickformat": ","}, barmode="overlay")


def accuracies(frame: pd.DataFrame, majority: float | None = None, published: Sequence[Published] = ()) -> go.Figure:
    """Horizontal bars of mean test accuracy with ± one standard deviation, in the order of the frame.

    Columns: name, mean, std (percent; NaN where there is one network). majority: percent, drawn as a line. published:
    other people's results, diamonds on a line of their own below the bars, hollow where unverified.
    """
    shown = frame.dropna(subset=["mean"]).iloc[::-1]
    names, means = shown["name"].tolist(), shown["mean"].tolist()
    spreads = [0.0 if value is None or value != value else value for value in shown["std"]]
    told = [text.plus_minus(mean, std, text.POINT) if std else f"{mean:.1f}"
            for mean, std in zip(means, spreads, strict=True)]
    rows, first = list(zip(names, means, spreads, told, strict=True)), frame["name"].iloc[0]
    bars = [_bars([row for row in rows if (row[0] == first) is own], colour)
            for own, colour in ((True, COLOURS[0]), (False, GREY))]
    ends = {"type": "scatter", "mode": "text", "x": [mean + spread for _, mean, spread, _ in rows], "y": names,
            "text": [f"\u2002{words}" for words in told], "textposition": "middle right", "hoverinfo": "skip",
            "name": "numbers", "showlegend": False, "cliponaxis": False}
    order = [*([ELSEWHERE] if published else []), *names]
    layout = _look(0, 120 + 42 * len(order), {"title": "Test accuracy (%)", **PERCENT, "range": [0, 119]}, {
        "type": "category", "categoryorder": "array", "categoryarray": order,
        "tickvals": order, "ticktext": [name.replace(", ", ",<br>") for name in order],
    })
    elsewhere = [_elsewhere([p for p in published if p.verified is verified], verified) for verified in (True, False)]
    figure = go.Figure({"data": [*bars, ends, *elsewhere], "layout": {**layout, "barmode": "overlay"}})
    return _majority(figure, majority, across=True)


def _bars(rows: Sequence[tuple[str, float, float, str]], colour: str) -> dict[str, Any]:
    """Horizontal bars of (name, mean, spread, both in words), pale, so that the error bars in their colour show."""
    names, means, spreads, told = zip(*rows, strict=True) if rows else ((), (), (), ())
    return {
        "type": "bar", "x": list(means), "y": list(names), "orientation": "h", "width": 0.6, "showlegend": False,
        "error_x": {"type": "data", "array": list(spreads), "color": colour, "thickness": 2, "width": 5},
        "marker": {"color": faint(colour), "line": {"color": colour, "width": 1.5}},
        "customdata": list(told), "hovertemplate": "%{y}: %{customdata} %<extra></extra>",
    }


def _elsewhere(rows: Sequence[Published], verified: bool) -> dict[str, Any]:
    """Published results as diamonds, hollow where unverified."""
    return {"type": "scatter", "x": [row.mean for row in rows], "y": [ELSEWHERE] * len(rows), "mode": "markers",
            "visible": bool(rows), "showlegend": False, "text": [row.label for row in rows],
            "hovertemplate": "%{text}: %{x:.1f} %<extra></extra>",
            "marker": {"symbol": "diamond" if verified else "diamond-open", "size": 10, "color": COLOURS[2]}}


def per_class(frame: pd.DataFrame, mean: float | None = None) -> go.Figure:
    """Bars of each class's accuracy (percent; columns class, accuracy) with the accuracy over all as a line."""
    names = list(map(str, frame["class"]))
    part = ("accuracy", [as_text(name) for name in names], frame["accuracy"].tolist())
    figure = _over(names, [part], "Class", {"title": "Accuracy (%)", **PERCENT}, ".1f")
    figure.update_traces(showlegend=False)
    if mean is not None:
        add, place = (figure.add_vline, "x") if _lie(names) else (figure.add_hline, "y")
        add(**{place: mean}, line={"dash": "dot", "color": COLOURS[1], "width": 2}, showlegend=True,
            name=f"of all images {mean:.1f} %")
    return figure.update_layout(showlegend=mean is not None)


def confusion(frame: pd.DataFrame) -> go.Figure:
    """Heat map of which class is taken for which: rows true, columns predicted, in percent of the true class."""
    share = frame.pivot(index="true", columns="predicted", values="share")
    names = list(dict.fromkeys(frame["true"]))
    figure = _heat(share.loc[names, names], x_title="Predicted", y_title="True class", low=0, high=100, digits=0)
    axis = named(list(map(str, names)))
    return figure.update_layout(xaxis=axis, yaxis=axis)


def matrix(frame: pd.DataFrame) -> go.Figure:
    """Heat map of accuracy in percent: index distilled on, columns evaluated on; empty where not computed."""
    return number_grid(frame, x_title="Evaluated on", y_title="Distilled on")


def trajectory(frame: pd.DataFrame, majority: float | None = None) -> go.Figure:
    """Accuracy over steps with a band of ± one standard deviation. Columns: step, mean, std (percent, NaN allowed).

    majority: percent, drawn as a line.
    """
    shown = frame.dropna(subset=["mean"])
    spread = shown["std"].astype(float).fillna(0.0)
    steps, mean = shown["step"].tolist(), shown["mean"].astype(float)
    figure = go.Figure(_band(steps, mean - spread, mean + spread, 0.3, "± one standard deviation"))
    figure.add_scatter(
        x=steps, y=mean.tolist(), mode="lines+markers", line={"width": 2, "color": COLOURS[0]}, name="mean",
        customdata=spread.tolist(), hovertemplate="step %{x:,}: %{y:.1f} ± %{customdata:.1f} %<extra></extra>",
    )
    return dress(_majority(figure, majority, "validation images"), x={"title": "Step"},
                 y={"title": "Validation accuracy (%)"})


def _band(steps: list[int], low: pd.Series, high: pd.Series, opacity: float, name: str) -> dict[str, Any]:
    """A filled area between two lines."""
    return {"type": "scatter", "mode": "lines", "x": steps + steps[::-1], "y": [*high, *low[::-1]], "name": name,
            "fill": "toself", "fillcolor": f"rgba(0, 114, 178, {opacity})", "line": {"width": 0}, "hoverinfo": "skip"}


def difficulty(frame: pd.DataFrame, cuts: Mapping[str, pd.DataFrame] | None = None) -> go.Figure:
    """A histogram of scores for each class, one above the other on one axis, so that classes compare.

    Columns: class, left, right, images. A bar's height is the logarithm of its number of images: the few hard ones
    are what one looks for. cuts: name → frame (class, score), each a line across the histogram of every class.
    """
    figure = go.Figure()
    names = list(dict.fromkeys(frame["class"]))
    feet = {name: len(names) - 1 - i for i, name in enumerate(names)}
    top = max(1.0, math.log1p(frame["images"].max()))
    for name, part in frame.groupby("class", sort=False):
        figure.add_bar(
            x=((part["left"] + part["right"]) / 2).tolist(), width=(part["right"] - part["left"]).tolist(),
            y=[RIDGE * math.log1p(images) / top for images in part["images"]], base=feet[name], marker_color=COLOURS[5],
            marker_line_width=0, customdata=part[["left", "right", "images"]].values.tolist(), showlegend=False,
            hovertemplate=f"{as_text(name)}: %{{customdata[2]:,}} images from %{{customdata[0]:.3g}} to "
            "%{customdata[1]:.3g}<extra></extra>",
        )
    for i, (name, cut) in enumerate((cuts or {}).items()):
        figure.add_scatter(x=[x for score in cut["score"] for x in (score, score, None)],
                           y=[y for name in cut["class"] for y in (feet[name], feet[name] + RIDGE, None)],
                           mode="lines", name=name, hovertemplate=f"{name}: %{{x:.3g}}<extra></extra>",
                           line={"width": 2.5, "dash": DASHES[i % len(DASHES)], "color": MARKS[i % len(MARKS)]})
    return dress(figure, 150 + 42 * len(names), {"title": "Score: easy to hard"}, {
        "title": "Class, images (log scale)", "tickvals": [foot + RIDGE / 2 for foot in feet.values()],
        "ticktext": list(map(_short, names)), "showgrid": False, "zeroline": False, "range": [0, len(names)],
    }, barmode="overlay", bargap=0)


def schedule(frame: pd.DataFrame) -> go.Figure:
    """Which images of a class are in use, epoch by epoch: a bar from low to high, in percent from easy to hard.

    Columns: epoch, low, high, matched; the matched epochs stand out.
    """
    figure = go.Figure()
    for matched, name, colour in ((True, "epochs that are matched", COLOURS[0]), (False, "other epochs", GREY)):
        part = frame[frame["matched"] == matched]
        figure.add_bar(
            x=part["epoch"].tolist(), base=part["low"].tolist(), y=(part["high"] - part["low"]).tolist(), width=0.9,
            name=name, marker_color=colour, visible=not part.empty, customdata=part[["low", "high"]].values.tolist(),
            hovertemplate="epoch %{x}: from %{customdata[0]:.0f} to %{customdata[1]:.0f} %<extra></extra>",
        )
    return dress(figure, x={"title": "Epoch of an expert"}, barmode="overlay",
                 y={"title": "Images in use, easy to hard (%)", **PERCENT})


def starts(frame: pd.DataFrame, reach: pd.DataFrame) -> go.Figure:
    """The start epochs that were drawn, over steps, and the range that they were drawn from.

    frame: step, epoch, skipped (whether the update was left out); reach: step, low, high, the range at some steps.
    """
    figure = go.Figure(_band(reach["step"].tolist(), reach["low"], reach["high"], 0.25, "may be drawn"))
    kinds = ((False, "drawn", "circle", COLOURS[0]), (True, "drawn, update skipped", "x", COLOURS[1]))
    for skipped, name, symbol, colour in kinds:
        part = frame[frame["skipped"] == skipped]
        figure.add_scatter(
            x=part["step"].tolist(), y=part["epoch"].tolist(), mode="markers", name=name, visible=not part.empty,
            marker={"symbol": symbol, "size": 7, "color": colour, "opacity": 0.8},
            hovertemplate="step %{x:,}: from epoch %{y}<extra></extra>",
        )
    few = reach["high"].max() <= 10
    return dress(figure, x={"title": "Step"},
                 y={"title": "Start epoch", "rangemode": "tozero", "dtick": 1 if few else None})


def soft_labels(shares: Sequence[Sequence[float]], labels: Sequence[int], classes: Sequence[str]) -> go.Figure:
    """Heat map of learnt labels: a row an image, sorted by class, a column a class, in percent of the label."""
    figure = go.Figure(go.Heatmap(
        z=[list(row) for row in shares], x=[as_text(name) for name in classes], y=list(range(len(labels))),
        zmin=0, zmax=100, colorscale=HEAT, colorbar={"title": "%", "thickness": 12},
        customdata=[[as_text(classes[label])] * len(classes) for label in labels],
        hovertemplate="an image of %{customdata}: %{z:.1f} % %{x}<extra></extra>",
    ))
    members = [[i for i, label in enumerate(labels) if label == number] for number in range(len(classes))]
    ticks = [(sum(rows) / len(rows), _short(name)) for rows, name in zip(members, classes, strict=True) if rows]
    return dress(figure, 420, {"title": "Share of class", **named(classes), "showgrid": False}, {
        "title": "Image of class", "autorange": "reversed", "showgrid": False,
        "tickvals": [middle for middle, _ in ticks], "ticktext": [name for _, name in ticks],
    })


def number_grid(
    frame: pd.DataFrame, *, x_title: str, y_title: str, notes: Mapping[tuple[int, int], Sequence[str]] | None = None,
) -> go.Figure:
    """Heat map of accuracies in percent between the lowest and the highest of them; empty where not known.

    notes: by (row, column), lines below the number.
    """
    known = [value for value in frame.astype(float).to_numpy().flat if value == value]
    low, high = (min(known), max(known)) if known else (0.0, 100.0)
    return _heat(frame, x_title=x_title, y_title=y_title, low=low, high=high, digits=1, notes=notes or {})


def _heat(
    frame: pd.DataFrame, *, x_title: str, y_title: str, low: float, high: float, digits: int,
    notes: Mapping[tuple[int, int], Sequence[str]] = MappingProxyType({}),
) -> go.Figure:
    """A heat map from pale to blue, each cell with its number, the first row on top."""
    columns, rows = ([as_text(name).replace(", ", ",<br>") for name in names] for names in (frame.columns, frame.index))
    values = frame.astype(float)
    figure = go.Figure(go.Heatmap(
        x=columns, y=rows, z=values.values.tolist(), zmin=low, zmax=high, xgap=1, ygap=1, showscale=False,
        colorscale=HEAT, hovertemplate="%{y} → %{x}: %{z:.1f} %<extra></extra>",
    ))
    # All at once: one by one, a hundred of them take seconds.
    figure.update_layout(annotations=[
        {"x": x, "y": y, "showarrow": False, "text": "<br>".join([f"{value:.{digits}f}", *notes.get((y, x), ())]),
         "font": {"size": 11, "color": WHITE if value > low + HALF * (high - low) else DARK}}
        for y, line in enumerate(values.values.tolist())  # by place: a name like "0.01" would be taken for one
        for x, value in enumerate(line)
        if value == value
    ])
    axis = {"type": "category", "showgrid": False}
    lines = max(map(len, notes.values()), default=0)
    return dress(figure, 110 + (30 + 15 * lines) * len(rows) + 4 * max(map(len, columns), default=0),
                 {"title": x_title, **axis}, {"title": y_title, "autorange": "reversed", **axis})


def _majority(figure: go.Figure, share: float | None, judged_on: str = "", *, across: bool = False) -> go.Figure:
    """The figure with a line at the accuracy of always answering the most frequent class; as it was where unknown.

    judged_on: which images that is counted on, where they are not the test images; across: whether accuracy is the
    horizontal axis.
    """
    if share is None:
        return figure
    line = {"line": {"dash": "dot", "color": MAJORITY, "width": 2}, "showlegend": True,
            "name": f"majority class{judged_on and f' of {judged_on}'} {share:.1f} %"}
    figure = figure.add_vline(x=share, **line) if across else figure.add_hline(y=share, **line)
    return figure.update_layout(showlegend=True)


def pareto_front(x: Iterable[float], y: Iterable[float], **more: Any) -> dict[str, Any]:
    """A dotted line of steps through the points that nothing beats, in the order of x."""
    return {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "hoverinfo": "skip",
            "name": "Pareto front (none is cheaper and better)",
            "line": {"color": INK, "width": 2, "dash": "dot", "shape": "hv"}, **more}


def dress(figure: go.Figure, height: int = 320, x: Axis | None = None, y: Axis | None = None, **more: Any) -> go.Figure:
    """The figure in the look that all share; x, y: what its own axes add; more: what its layout has beside."""
    entries = sum(trace.visible is not False and trace.showlegend is not False for trace in figure.data)
    return figure.update_layout(_look(entries, height, x, y) | more)


def _look(entries: int, height: int = 320, x: Axis | None = None, y: Axis | None = None) -> dict[str, Any]:
    """The layout that all charts share: the legend below, where no bar of buttons and no data are.

    entries: of the legend, for which the chart is higher.
    """
    return {"height": height + 10 * max(0, entries - ENTRIES), "margin": {"l": 10, "r": 16, "t": 34, "b": 10},
            "hovermode": "closest", "bargap": 0.25, "legend": LEGEND,
            "xaxis": {"automargin": True, **_titled(x or {}, WRAP["x"])},
            "yaxis": {"automargin": True, **_titled(y or {}, WRAP["y"])}}


LEGEND = {"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0, "x": 0, "title": None}


def _titled(axis: Axis, letters: int) -> Axis:
    """The axis with its title in lines that a narrow screen has room for."""
    if "title" not in axis:
        return axis
    lines = [part for line in axis["title"].split("<br>") for part in textwrap.wrap(line, letters)]
    return {**axis, "title": {"text": "<br>".join(lines)}}


def log_axis(values: Iterable[float], word: Callable[[float], str] = text.number) -> dict[str, Any]:
    """A logarithmic axis through these values whose every tick is told in full, never by a lone digit.

    Over three powers of ten and more these alone are ticks; over less 1, 2 and 5 of each; over very little round
    numbers as on a linear axis. word: how a tick is told.
    """
    known = [value for value in values if value > 0 and math.isfinite(value)]
    if not known:
        return {"type": "log"}
    least, most = min(known), max(known)
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    decades = [10.0**power for power in powers]
    step = round_step((most - least) / 4 or most)
    for every in (decades[:: 1 + len(decades) // 8], [digit * power for power in decades for digit in (1, 2, 5)],
                  [step * number for number in range(int(least / step), int(most / step) + 2)]):
        ticks = [tick for tick in every if least / ROOM <= tick <= ROOM * most]
        if len(ticks) > 2:
            break
    return {"type": "log", "tickvals": ticks, "ticktext": [word(tick) for tick in ticks]}


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, … and their tenths that is at least this."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least * (1 - 1e-9))


def large(tick: float) -> str:
    """A tick of an axis of large counts: "50 k", "1 M"."""
    return text.count(tick).replace(".0 ", " ")


def precise(values: Iterable[float]) -> str:
    """d3's format of numbers like these: four digits, and thousands written out instead of an exponent."""
    most = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return ",.0f" if most >= 1e4 else ".4~g"


def along(number: int) -> list[str]:
    """So many colours in an order that can be seen: from blue over green to orange."""
    stops, reach = [_channels(colour) for colour in (COLOURS[0], COLOURS[2], COLOURS[1])], max(1, number - 1)
    colours = []
    for i in range(number):
        stop, rest = divmod(i * (len(stops) - 1), reach)
        one, other = stops[stop], stops[min(stop + 1, len(stops) - 1)]
        mixed = (round(a + (b - a) * rest / reach) for a, b in zip(one, other, strict=True))
        colours.append("#{:02X}{:02X}{:02X}".format(*mixed))
    return colours


def faint(colour: str) -> str:
    """The colour as a tint of whatever lies behind it."""
    red, green, blue = _channels(colour)
    return f"rgba({red}, {green}, {blue}, {SHADE})"


def _channels(colour: str) -> tuple[int, ...]:
    """Red, green and blue of "#0072B2", each from 0 to 255."""
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def in_words(figure: go.Figure) -> str:
    """What a figure shows, for those who hear the page: "Accuracy (%) over Step: training, validation"."""
    axes = (figure.layout.yaxis, figure.layout.xaxis)
    titles = [axis.title.text.replace("<br>", " ") for axis in axes if axis.title.text]
    series = [trace.name for trace in figure.data if trace.name and trace.visible is not False]
    rows = figure.layout.yaxis.ticktext or (figure.data[0].y if figure.data else ())
    names = ", ".join(dict.fromkeys(str(name).replace("<br>", " ") for name in series or rows))
    return (" over ".join(titles) or "Chart") + (names and f": {names}")
