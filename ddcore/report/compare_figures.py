"""Figures of runs side by side. Frames hold accuracies in percent; labels may be anybody's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ddcore.lazy import go, pd
from ddcore.report.figures import COLOURS, DASHES, GREY, INK, MAJORITY, as_text, dress

CONTROLS = {
    "initial": ("Initial images, undistilled", "triangle-left-open"),
    "initial_hard": ("Initial images, class labels", "triangle-down-open"),
    "random_real": ("Random real images", "circle-open"),
    "full": ("Full training data", "line-ns-open"),
}
SYMBOLS = ("circle", "square", "diamond", "cross", "x")
ROW = 46  # pixels of one run's line
LONGEST = 34  # letters of a label on an axis: the rest of a longer one is in the hover


def short(label: str) -> str:
    """A label that leaves room for the chart; its end is what differs, so both ends stay."""
    half = LONGEST // 2
    return label if len(label) <= LONGEST else f"{label[:half]}…{label[-half:]}"


def accuracies(numbers: pd.DataFrame, colours: Mapping[str, str], majority: float | None = None) -> go.Figure:
    """A line for each run: its accuracy ± one standard deviation over networks, and its controls as grey marks."""
    known = numbers.dropna(subset=["mean"])
    figure = go.Figure()
    rows = known["label"].map(as_text).tolist()
    for role, (name, symbol) in CONTROLS.items():
        there = [(x, row) for x, row in zip(known[role], rows, strict=True) if x is not None and x == x]
        if there:
            figure.add_scatter(
                x=[value for value, _ in there], y=[row for _, row in there], mode="markers", name=name,
                marker={"symbol": symbol, "size": 13, "color": GREY, "line": {"width": 2, "color": GREY}},
                hovertemplate=f"%{{x:.1f}} %<extra>{name}</extra>",
            )
    for row, told in zip(rows, known.to_dict("records"), strict=True):
        figure.add_scatter(
            x=[told["mean"]], y=[row], mode="markers", showlegend=False,
            error_x={"type": "data", "array": [_number(told["std"])], "thickness": 2, "width": 6},
            marker={"size": 12, "color": colours[told["label"]]}, hovertemplate=f"{_told(told)}<extra></extra>",
        )
    if majority is not None:
        line = {"color": MAJORITY, "dash": "dot", "width": 2}
        figure.add_vline(x=majority, line=line)
        figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name=f"Majority class {majority:.1f} %")
    figure.update_xaxes(title="Test accuracy (%)")
    _rows(figure, rows, [as_text(short(label)) for label in known["label"]])
    return dress(figure, height=120 + ROW * len(known))


def _rows(figure: go.Figure, rows: Sequence[str], beside: Sequence[str]) -> None:
    """One line of the chart for each of these, in their order; beside: what is written there, in short."""
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=list(rows), autorange="reversed", showgrid=True,
        tickmode="array", tickvals=list(rows), ticktext=list(beside),
    )


def _number(value: float | None) -> float:
    """0 where pandas has made NaN of what is not known."""
    return 0.0 if value is None or value != value else value


def _told(row: Mapping[Any, Any]) -> str:
    spread = f" ± {row['std']:.1f}" if row["std"] == row["std"] and row["std"] is not None else ""
    return f"{as_text(row['label'])}<br>{row['mean']:.1f}{spread} %, n = {row['n']:.0f}"


def tradeoff(frame: pd.DataFrame, x_title: str, colours: Mapping[str, str], *, log: bool = False) -> go.Figure:
    """Accuracy ± one standard deviation over what it costs; a line joins those that no other beats on both.

    One line for each group: accuracies that were measured otherwise do not compete.
    """
    figure = go.Figure()
    for i, (_, part) in enumerate(frame.groupby("group", sort=False)):
        best = part[part["front"]].sort_values("x")
        if len(best) > 1:
            figure.add_scatter(
                x=best["x"].tolist(), y=best["mean"].tolist(), mode="lines", legendgroup="front", showlegend=i == 0,
                name="Pareto front (none is cheaper and better)", hoverinfo="skip",
                line={"color": INK, "width": 2, "dash": "dot", "shape": "hv"},
            )
    for row in frame.to_dict("records"):
        symbol = SYMBOLS[_round(row["label"], colours) % len(SYMBOLS)]
        figure.add_scatter(
            x=[row["x"]], y=[row["mean"]], mode="markers", name=as_text(short(row["label"])),
            error_y={"type": "data", "array": [_number(row["std"])], "thickness": 1.5},
            marker={"size": 13 if row["front"] else 10, "color": colours[row["label"]],
                    "symbol": symbol if row["front"] else f"{symbol}-open", "line": {"width": 2}},
            hovertemplate=f"{as_text(row['label'])}<br>%{{y:.1f}} % at %{{x:,.4g}}<br>{as_text(row['group'])}"
            "<extra></extra>",
        )
    figure.update_yaxes(title="Test accuracy (%)")
    figure.update_xaxes(title=x_title, type="log" if log else "linear")
    return dress(figure, height=420)


def _round(label: str, colours: Mapping[str, str]) -> int:
    """How often the colours were used up before this run had its own: told by symbols and dashes."""
    return list(colours).index(label) // len(set(colours.values()))


def against_ipc(frame: pd.DataFrame) -> go.Figure:
    """Accuracy over images per class, a line through each method's means, all data as a line across.

    One line for each group too: a mean over other data sets or protocols would be of nothing.
    """
    figure = go.Figure()
    groups = list(dict.fromkeys(frame["group"]))
    for i, ((group, method), part) in enumerate(frame.groupby(["group", "method"], sort=False)):
        mean = part.groupby("ipc", as_index=False)["mean"].mean()  # the best of several would be chosen on the test set
        colour, name = COLOURS[i % len(COLOURS)], method if len(groups) == 1 else f"{method}, {group}"
        figure.add_scatter(
            x=mean["ipc"].tolist(), y=mean["mean"].tolist(), mode="lines", showlegend=False, hoverinfo="skip",
            line={"color": colour, "dash": DASHES[groups.index(group) % len(DASHES)], "width": 2},
        )
        figure.add_scatter(
            x=part["ipc"].tolist(), y=part["mean"].tolist(), mode="markers", name=as_text(name),
            error_y={"type": "data", "array": part["std"].fillna(0).tolist(), "thickness": 1.5},
            marker={"size": 10, "color": colour}, text=[_told(row) for row in part.to_dict("records")],
            hovertemplate="%{text}, IPC %{x}<extra></extra>",
        )
    for group, part in frame.groupby("group", sort=False):
        of = "" if len(groups) == 1 else f", {as_text(group)}"
        for full in sorted({round(value, 2) for value in part["full"].dropna()}):
            line = {"dash": DASHES[groups.index(group) % len(DASHES)], "color": GREY, "width": 2}
            figure.add_hline(y=full, line=line, annotation_text=f"full data {full:.1f} %{of}",
                             annotation_position="top left")
    ticks = sorted({int(ipc) for ipc in frame["ipc"]})
    figure.update_xaxes(title="Images per class (IPC)", type="log", tickvals=ticks, ticktext=[str(t) for t in ticks])
    figure.update_yaxes(title="Test accuracy (%)")
    return dress(figure, height=400)


def intervals(frame: pd.DataFrame) -> go.Figure:
    """Differences in points with their 95 % intervals, around zero; frame: `welch.pairs`."""
    pairs = list(zip(frame["first"], frame["second"], strict=True))
    rows = [f"{as_text(one)} − {as_text(two)}" for one, two in pairs]
    decided = [low > 0 or high < 0 for low, high in zip(frame["low"], frame["high"], strict=True)]
    figure = go.Figure()
    figure.add_scatter(
        x=frame["mean"].tolist(), y=rows, mode="markers", showlegend=False,
        error_x={"type": "data", "symmetric": False, "array": (frame["high"] - frame["mean"]).tolist(),
                 "arrayminus": (frame["mean"] - frame["low"]).tolist(), "thickness": 2, "width": 6, "color": INK},
        marker={"size": 10, "color": [COLOURS[0] if one else GREY for one in decided]},
        text=[f"{as_text(says)} ({n})" for says, n in zip(frame["says"], frame["n"], strict=True)],
        hovertemplate="%{y}<br>%{x:+.1f} points: %{text}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": INK, "width": 1.5})
    figure.update_xaxes(title="Difference (points), 95 % interval", zeroline=False)
    _rows(figure, rows, [f"{as_text(short(one))}<br>− {as_text(short(two))}" for one, two in pairs])
    return dress(figure, height=110 + ROW * len(frame))


def overlay(
    frame: pd.DataFrame, x: str, *, x_title: str, y_title: str, colours: Mapping[str, str], log_x: bool = False,
    log_y: bool = False,
) -> go.Figure:
    """One line for each run; where `shown` is a smoothed value, the values themselves lie faint behind."""
    traces: list[dict[str, Any]] = []
    for label, part in frame.groupby("label", sort=False):
        part = part.dropna(subset=[x])
        line = {"color": colours[str(label)], "dash": DASHES[_round(str(label), colours) % len(DASHES)], "width": 2}
        if "shown" in part and not (part["shown"] == part["value"]).all():
            traces.append({"type": "scatter", "mode": "lines", "x": part[x].tolist(), "y": part["value"].tolist(),
                           "line": {**line, "width": 1}, "opacity": 0.3, "showlegend": False,
                           "hoverinfo": "skip"})
        shown = part["shown"] if "shown" in part else part["value"]
        traces.append({
            "type": "scatter", "mode": "lines+markers" if len(part) <= 30 else "lines", "x": part[x].tolist(),
            "y": shown.tolist(), "name": as_text(short(str(label))), "line": line,
            "hovertemplate": f"%{{y:.4g}}<extra>{as_text(label)}</extra>",
        })
    figure = dress(go.Figure(_axes(traces, x_title, y_title, log_x, log_y)), height=360)
    figure.update_layout(showlegend=True)
    return figure.update_layout(hovermode="x unified") if frame["label"].nunique() <= _UNIFIED else figure


_UNIFIED = 12  # lines told in one box at the pointer; more would cover the chart


def _axes(traces: Sequence[Mapping[str, Any]], x_title: str, y_title: str, log_x: bool, log_y: bool) -> dict[str, Any]:
    kinds = {True: "log", False: "linear"}
    return {"data": list(traces), "layout": {
        "xaxis": {"title": {"text": x_title}, "type": kinds[log_x]},
        "yaxis": {"title": {"text": y_title}, "type": kinds[log_y]},
    }}
