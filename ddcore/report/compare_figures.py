"""Figures of runs side by side. Frames hold accuracies in percent; labels may be anybody's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddcore.lazy import go, pd
from ddcore.report import text
from ddcore.report.figures import (
    COLOURS,
    DASHES,
    GREY,
    INK,
    MAJORITY,
    as_text,
    dress,
    large,
    log_axis,
    pareto_front,
    precise,
)
from ddcore.report.tables import is_known, or_zero

CONTROLS = {"initial": ("Initial images, undistilled", "triangle-left-open"),
            "initial_hard": ("Initial images, class labels", "triangle-down-open"),
            "random_real": ("Random real images", "circle-open"),
            "full": ("Full training data", "line-ns-open")}
SYMBOLS = {"circle": "●", "square": "■", "diamond": "◆", "cross": "✚", "x": "✖"}  # plotly's names, as letters
LARGE = 1e4  # from there on ticks are told as "10 k"
ROW = 46  # pixels of one run's line
UNIFIED = 12  # lines told in one box at the pointer; more would cover the chart
LONGEST = 34  # letters of a label on an axis: the rest of a longer one is in the hover


def short(label: str) -> str:
    """A label that leaves room for the chart; its end is what differs, so both ends stay."""
    half = LONGEST // 2
    return label if len(label) <= LONGEST else f"{label[:half]}…{label[-half:]}"


def accuracies(numbers: pd.DataFrame, colours: Mapping[str, str], majority: float | None = None) -> go.Figure:
    """A line for each run: its accuracy ± one standard deviation over networks, and its controls as grey marks."""
    known = numbers.dropna(subset=["mean"])
    figure = go.Figure()
    for role, (name, symbol) in CONTROLS.items():
        controls = known.dropna(subset=[role])
        if len(controls):
            figure.add_scatter(
                x=controls[role].tolist(), y=controls["label"].map(as_text).tolist(), mode="markers", name=name,
                marker={"symbol": symbol, "size": 13, "color": GREY, "line": {"width": 2, "color": GREY}},
                hovertemplate=f"%{{x:.1f}} %<extra>{name}</extra>",
            )
    for row in known.to_dict("records"):
        figure.add_scatter(
            x=[row["mean"]], y=[as_text(row["label"])], mode="markers", showlegend=False,
            error_x={"type": "data", "array": [or_zero(row["std"])], "thickness": 2, "width": 6},
            marker={"size": 12, "color": colours[row["label"]], "symbol": mark(row["label"], colours)},
            hovertemplate=f"{_hover(row)}<extra></extra>",
        )
    if majority is not None:
        line = {"color": MAJORITY, "dash": "dot", "width": 2}
        figure.add_vline(x=majority, line=line)
        figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name=f"Majority class {majority:.1f} %")
    rows = _rows(known["label"].map(as_text).tolist(), [as_text(short(label)) for label in known["label"]])
    return dress(figure, 120 + ROW * len(known), {"title": "Test accuracy (%)"}, rows)


def _rows(categories: list[str], words: list[str]) -> dict[str, Any]:
    """An axis with a line of the chart for each category, in their order; words: what is written there."""
    return {"type": "category", "categoryorder": "array", "categoryarray": categories, "autorange": "reversed",
            "showgrid": True, "tickmode": "array", "tickvals": categories, "ticktext": words}


def _hover(row: Mapping[Any, Any]) -> str:
    spread = f" ± {row['std']:.1f}" if is_known(row["std"]) else ""
    return f"{as_text(row['label'])}<br>{row['mean']:.1f}{spread} %, n = {row['n']:.0f}"


def tradeoff(
    frame: pd.DataFrame, x_title: str, colours: Mapping[str, str], y_title: str = "Test accuracy (%)", *,
    log: bool = False, log_y: bool = False,
) -> go.Figure:
    """One quantity over another, an accuracy ± one standard deviation over what it costs; frame: `tradeoff.scatter`.

    A line joins those that no other beats on both, one for each group: accuracies that were measured otherwise do not
    compete.
    """
    figure = go.Figure()
    for i, (_, part) in enumerate(frame.groupby("group", sort=False)):
        best = part[part["front"]].sort_values("x")
        if len(best) > 1:
            figure.add_trace(pareto_front(best["x"], best["y"], legendgroup="front", showlegend=i == 0))
    for row in frame.to_dict("records"):
        shape = mark(row["label"], colours)
        filled = row["front"] or not frame["front"].any()
        figure.add_scatter(
            x=[row["x"]], y=[row["y"]], mode="markers", name=as_text(short(row["label"])),
            error_y={"type": "data", "array": [or_zero(row["std"])], "thickness": 1.5},
            marker={"size": 13 if filled else 10, "color": colours[row["label"]],
                    "symbol": shape if filled else f"{shape}-open", "line": {"width": 2}},
            hovertemplate=f"{as_text(row['label'])}<br>%{{y:{precise([row['y']])}}} at "
            f"%{{x:{precise([row['x']])}}}<br>{as_text(row['group'] or '')}<extra></extra>",
        )
    return dress(figure, 420, _axis(x_title, frame["x"], log), _axis(y_title, frame["y"], log_y))


def _axis(title: str, values: pd.Series, log: bool) -> dict[str, Any]:
    return {"title": title, **(log_axis(values, large if values.max() >= LARGE else text.number) if log else {})}


def colour_round(label: str, colours: Mapping[str, str]) -> int:
    """How often the colours were used up before this run had its own: told by symbols and dashes."""
    return list(colours).index(label) // len(set(colours.values()))


def mark(label: str, colours: Mapping[str, str]) -> str:
    """Of a run's marks: another one for each time that the colours were used up."""
    return [*SYMBOLS][colour_round(label, colours) % len(SYMBOLS)]


def against_ipc(frame: pd.DataFrame) -> go.Figure:
    """Accuracy over images per class, a line through each method's means, all data as a line across.

    One line for each group too: a mean over other data sets or protocols would be of nothing.
    """
    figure = go.Figure()
    several = frame["group"].nunique() > 1
    dashes = {group: DASHES[i % len(DASHES)] for i, group in enumerate(dict.fromkeys(frame["group"]))}
    for i, ((group, method), part) in enumerate(frame.groupby(["group", "method"], sort=False)):
        mean = part.groupby("ipc", as_index=False)["mean"].mean()  # the best of several would be chosen on the test set
        colour, name = COLOURS[i % len(COLOURS)], f"{method}, {group}" if several else method
        figure.add_scatter(
            x=mean["ipc"].tolist(), y=mean["mean"].tolist(), mode="lines", showlegend=False, hoverinfo="skip",
            line={"color": colour, "dash": dashes[group], "width": 2},
        )
        figure.add_scatter(x=part["ipc"].tolist(), y=part["mean"].tolist(), mode="markers", name=as_text(name),
                           error_y={"type": "data", "array": part["std"].fillna(0).tolist(), "thickness": 1.5},
                           marker={"size": 10, "color": colour}, text=[_hover(row) for row in part.to_dict("records")],
                           hovertemplate="%{text}, IPC %{x}<extra></extra>")
    for group, part in frame.groupby("group", sort=False):
        of = f", {as_text(group)}" if several else ""
        for full in sorted({round(value, 2) for value in part["full"].dropna()}):
            figure.add_hline(y=full, line={"dash": dashes[group], "color": GREY, "width": 2}, showlegend=True,
                             name=f"full data {full:.1f} %{of}")
    ticks = sorted({int(ipc) for ipc in frame["ipc"]})
    sizes = {"title": "Images per class (IPC)", "type": "log", "tickvals": ticks, "ticktext": list(map(str, ticks))}
    return dress(figure, 400, sizes, {"title": "Test accuracy (%)"}, showlegend=True)


def intervals(frame: pd.DataFrame) -> go.Figure:
    """Differences in points with their 95 % intervals, around zero; frame: `welch.pairs`."""
    pairs = list(zip(frame["first"], frame["second"], strict=True))
    rows = [f"{as_text(first)} − {as_text(second)}" for first, second in pairs]
    words = [f"{as_text(short(first))}<br>− {as_text(short(second))}" for first, second in pairs]
    decided = [low > 0 or high < 0 for low, high in zip(frame["low"], frame["high"], strict=True)]
    figure = go.Figure()
    figure.add_scatter(
        x=frame["mean"].tolist(), y=rows, mode="markers", showlegend=False,
        error_x={"type": "data", "symmetric": False, "array": (frame["high"] - frame["mean"]).tolist(),
                 "arrayminus": (frame["mean"] - frame["low"]).tolist(), "thickness": 2, "width": 6, "color": INK},
        marker={"size": 10, "color": [COLOURS[0] if sure else GREY for sure in decided]},
        text=[f"{as_text(says)} ({n})" for says, n in zip(frame["says"], frame["n"], strict=True)],
        hovertemplate="%{y}<br>%{x:+.1f} points: %{text}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": INK, "width": 1.5})
    return dress(figure, 110 + ROW * len(frame), {"title": "Difference (points), 95 % interval", "zeroline": False},
                 _rows(rows, words))


def overlay(
    frame: pd.DataFrame, x: str, *, x_title: str, y_title: str, colours: Mapping[str, str], log_x: bool = False,
    log_y: bool = False,
) -> go.Figure:
    """One line for each run; where `shown` is a smoothed value, the values themselves lie faint behind."""
    traces: list[dict[str, Any]] = []
    for label, part in frame.groupby("label", sort=False):
        part = part.dropna(subset=[x])
        dash = DASHES[colour_round(str(label), colours) % len(DASHES)]
        line = {"color": colours[str(label)], "dash": dash, "width": 2}
        if "shown" in part and not (part["shown"] == part["value"]).all():
            traces.append({"type": "scatter", "mode": "lines", "x": part[x].tolist(), "y": part["value"].tolist(),
                           "line": {**line, "width": 1}, "opacity": 0.3, "showlegend": False, "hoverinfo": "skip"})
        shown = part["shown"] if "shown" in part else part["value"]
        traces.append({
            "type": "scatter", "mode": "lines+markers" if len(part) <= 30 else "lines", "x": part[x].tolist(),
            "y": shown.tolist(), "name": as_text(short(str(label))), "line": line,
            "hovertemplate": f"%{{y:{precise(shown)}}}<extra>{as_text(label)}</extra>",
        })
    across, along = (log_axis(frame[name]) if log else {} for name, log in ((x, log_x), ("value", log_y)))
    figure = dress(go.Figure({"data": traces}), 360, {"title": x_title, **across}, {"title": y_title, **along},
                   showlegend=True)
    return figure.update_layout(hovermode="x unified") if frame["label"].nunique() <= UNIFIED else figure
