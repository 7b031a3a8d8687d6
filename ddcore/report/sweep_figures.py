"""Figures of a sweep alone: accuracy against the number of images. Accuracies in percent; all others are of effects."""

from __future__ import annotations

import math

from ddcore.lazy import go
from ddcore.report import text
from ddcore.report.effect_figures import SUSPECT, accuracy_title, marked
from ddcore.report.effects import CONTROLS
from ddcore.report.figures import COLOURS, GREY, ROOM, as_text, dress, faint
from ddcore.report.sizes import Sizes
from ddcore.report.sweeps import Answer


def against_size(answer: Answer, sizes: Sizes) -> go.Figure:
    """Accuracy over images per class, a tick at each size, and above it in percent of the data; ± one standard
    deviation, the full data as a band, the lossless set marked."""
    figure = go.Figure()
    ends = [min(sizes.sets), max(sizes.sets)]
    if sizes.full:
        middle, spread = 100 * sizes.full.mean, 100 * (sizes.full.std or 0)
        figure.add_hrect(y0=middle - spread, y1=middle + spread, fillcolor=faint(COLOURS[2]), line_width=0)
        figure.add_scatter(x=ends, y=[middle, middle], mode="lines", name=CONTROLS["full"],
                           line={"color": COLOURS[2], "width": 2, "dash": "dash"},
                           hovertemplate=f"{CONTROLS['full']}: {text.accuracy(sizes.full)}<extra></extra>")
    lines = {answer.sets: (sizes.sets, COLOURS[0]), CONTROLS["random_real"]: (sizes.random, GREY)}
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
    for name, those in marked(answer, [point for point in answer.points if point.accuracy]).items():
        if name == SUSPECT:
            where = [point.values["ipc"] for point in those]
            figure.add_scatter(x=where, y=[100 * sizes.sets[ipc].mean for ipc in where], mode="markers", name=name,
                               marker={"symbol": "square-open", "size": 14, "color": GREY, "line": {"width": 3}},
                               hoverinfo="skip")
    if sizes.lossless:
        figure.add_scatter(x=[sizes.lossless], y=[100 * sizes.sets[sizes.lossless].mean], mode="markers",
                           name="Lossless", hoverinfo="skip",
                           marker={"symbol": "circle-open", "size": 20, "color": COLOURS[0], "line": {"width": 3}})
    # An axis is drawn only where a trace lies on it.
    figure.add_scatter(x=ends, y=[None, None], xaxis="x2", showlegend=False, hoverinfo="skip")
    ticks = sorted(sizes.sets)
    axis = {"type": "log", "tickvals": ticks, "range": [math.log10(ends[0] / ROOM), math.log10(ends[1] * ROOM)]}
    share = {**axis, "ticktext": [f"{text.number(100 * sizes.share(tick))} %" for tick in ticks], "overlaying": "x",
             "side": "top", "title": {"text": "Share of the training data"}, "showgrid": False}
    dress(figure, 420, {"title": "Images per class (IPC)", **axis, "ticktext": [f"{tick:,}" for tick in ticks]},
          {"title": accuracy_title(answer), "rangemode": "normal"})
    return figure.update_layout(xaxis2=share, margin_t=70)
