"""DataFrame → plotly Figure, nothing else. Colours come from the page's theme, so both modes stay legible.

Frames hold accuracies in percent, as tables.py makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddcore.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
else:
    go = lazy("plotly.graph_objects")

# Okabe & Ito's colours (colour-blind safe), in an order that starts with the strongest contrasts;
# their yellow is left out: it vanishes on white. The same list stands in .streamlit/config.toml.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#6F7C86"  # controls beside our own; white text stays legible on it
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def lines(
    frame: pd.DataFrame, x: str, y: str, *, x_title: str, y_title: str, series: str = "series", log: bool = False
) -> go.Figure:
    """One line for each name in the column `series`; each with its own dash, for eyes and printers without colour."""
    figure = go.Figure()
    for i, (name, part) in enumerate(frame.groupby(series, sort=False)):
        marked = "lines+markers" if len(part) <= 30 else "lines"
        figure.add_scatter(
            x=part[x].tolist(), y=part[y].tolist(), name=str(name), mode=marked,
            line={"width": 2, "dash": DASHES[i % len(DASHES)], "color": COLOURS[i % len(COLOURS)]},
            hovertemplate=f"%{{y:.4g}}<extra>{name}</extra>",
        )  # fmt: skip
    figure.update_yaxes(title=y_title, type="log" if log else "linear")
    figure.update_xaxes(title=x_title)
    return _dress(figure)


def bars(frame: pd.DataFrame, x: str, y: str, *, x_title: str, y_title: str, series: str = "series") -> go.Figure:
    """Grouped bars over the categories in `x`, one colour for each name in `series`."""
    figure = go.Figure()
    for i, (name, part) in enumerate(frame.groupby(series, sort=False)):
        figure.add_bar(
            x=part[x].astype(str).tolist(), y=part[y].tolist(), name=str(name),
            marker_color=COLOURS[i % len(COLOURS)], hovertemplate=f"%{{y:,}}<extra>{name}</extra>",
        )  # fmt: skip
    figure.update_yaxes(title=y_title)
    figure.update_xaxes(title=x_title, type="category")
    return _dress(figure)


def accuracies(frame: pd.DataFrame, majority: float | None = None) -> go.Figure:
    """Horizontal bars of mean test accuracy with ± one standard deviation, in the order of the frame.

    Columns: name, mean, std (percent; NaN where there is one network). majority: percent, drawn as a line.
    """
    shown = frame.dropna(subset=["mean"]).iloc[::-1]
    spread = [0 if value != value else value for value in shown["std"]]
    figure = go.Figure(
        go.Bar(
            x=shown["mean"].tolist(), y=shown["name"].tolist(), orientation="h", width=0.6,
            error_x={"type": "data", "array": spread, "color": "#8A8F98", "thickness": 1.5, "width": 5},
            marker_color=[COLOURS[0] if name == frame["name"].iloc[0] else GREY for name in shown["name"]],
            text=[f"{mean:.1f}" for mean in shown["mean"]], textposition="inside", insidetextanchor="start",
            textfont={"color": "#FFFFFF"}, hovertemplate="%{y}: %{x:.2f} %<extra></extra>",
        )
    )  # fmt: skip
    if majority is not None:
        figure.add_vline(
            x=majority, line={"dash": "dot", "color": COLOURS[1], "width": 2},
            annotation={"text": f"majority class {majority:.1f} %", "font": {"color": COLOURS[1]}},
            annotation_position="top",
        )  # fmt: skip
    figure.update_xaxes(title="Test accuracy (%)", range=[0, 101])
    figure.update_yaxes(automargin=True)
    figure = _dress(figure, height=90 + 46 * len(shown))
    return figure.update_layout(showlegend=False)


def _dress(figure: go.Figure, height: int = 320) -> go.Figure:
    figure.update_layout(
        height=height, margin={"l": 10, "r": 10, "t": 30, "b": 10}, hovermode="closest", bargap=0.25,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": None},
    )  # fmt: skip
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure
