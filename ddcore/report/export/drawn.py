"""A plotly figure on matplotlib's axes, for paper: the marks that our charts are made of, no others."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ddcore.lazy import go, lazy
from ddcore.report.export.plots import words

if TYPE_CHECKING:
    from matplotlib import colors, ticker
    from matplotlib.axes import Axes
else:
    colors, ticker = lazy("matplotlib.colors"), lazy("matplotlib.ticker")

DASHES = {"dash": "--", "dot": ":"}
Marks = Mapping[str, Any]


def draw(axes: Axes, figure: go.Figure) -> None:
    """Lines, points with their error bars, bands, bars, cells and words of a figure, on axes like its own."""
    told = figure.to_dict()
    layout, places = told["layout"], _Places(told["layout"])
    for trace in told["data"]:
        named = {"showlegend": layout.get("showlegend", True), **trace}
        {"scatter": _scatter, "bar": _bars, "heatmap": _cells}[trace["type"]](axes, named, places)
    for shape in layout.get("shapes", ()):
        axes.axhspan(shape["y0"], shape["y1"], color=_colour(shape["fillcolor"]), linewidth=0)
    for note in layout.get("annotations", ()):
        axes.annotate(
            _plain(note["text"]), (note["x"], note["y"]), fontsize=8, color=_colour(note["font"]["color"]),
            xycoords="axes fraction" if note.get("yref") == "paper" else "data",
            ha=note.get("xanchor", "center"), va=note.get("yanchor", "middle").replace("middle", "center"),
            bbox={"boxstyle": "round", "color": _colour(note["bgcolor"])} if "bgcolor" in note else None)
    _dress(axes, layout, places)


class _Places:
    """Where names stand on axes of categories: in the order that is told, else in that in which they come."""

    def __init__(self, layout: Marks) -> None:
        axes = {side: layout.get(f"{side}axis", {}) for side in "xy"}
        self.of = {side: {name: i for i, name in enumerate(axis.get("categoryarray", ()))}
                   for side, axis in axes.items() if axis.get("type") == "category"}

    def __call__(self, side: str, values: Any) -> list[Any]:
        own = self.of.get(side)
        return list(values) if own is None else [own.setdefault(value, len(own)) for value in values]


def _scatter(axes: Axes, trace: Marks, places: _Places) -> None:
    x, y, mode = places("x", trace["x"]), places("y", trace["y"]), trace.get("mode", "lines")
    line, marker, error = trace.get("line", {}), trace.get("marker", {}), trace.get("error_y")
    if trace.get("xaxis", "x") != "x":
        return  # it only makes plotly draw a second axis
    if trace.get("fill"):
        axes.fill(x, y, color=_colour(trace["fillcolor"]), linewidth=0)
        return
    if mode == "text":
        for left, height, word in zip(x, y, trace["text"], strict=True):
            axes.annotate(_plain(word), (left, height), ha="left", va="center", fontsize=8)
        return
    hollow = str(marker.get("symbol", "")).endswith("open")
    axes.errorbar(
        x, y, yerr=error and error["array"], capsize=3 if error else 0, alpha=trace.get("opacity", 1),
        color=_colour(line.get("color") or marker.get("color")), linewidth=line.get("width", 1.5),
        linestyle=DASHES.get(line.get("dash", ""), "-") if "lines" in mode else "none",
        marker="o" if "markers" in mode else None, markersize=marker.get("size", 6) * 0.6,
        fillstyle="none" if hollow else "full", label=_plain(trace["name"]) if trace["showlegend"] else None,
    )


def _bars(axes: Axes, trace: Marks, places: _Places) -> None:
    """Lying ones, with what is said of each at its end."""
    colours = [_colour(one) for one in trace["marker"]["color"]]
    drawn = axes.barh(places("y", trace["y"]), trace["x"], height=trace.get("width", 0.6), color=colours)
    axes.bar_label(drawn, trace["text"], padding=3, fontsize=8)


def _cells(axes: Axes, trace: Marks, places: _Places) -> None:
    places("x", trace["x"])
    places("y", trace["y"])
    scale = colors.LinearSegmentedColormap.from_list("heat", [colour for _, colour in trace["colorscale"]])
    axes.imshow(trace["z"], cmap=scale, vmin=trace["zmin"], vmax=trace["zmax"], aspect="auto", zorder=1)


def _dress(axes: Axes, layout: Marks, places: _Places) -> None:
    """Titles, scales and ticks."""
    for side, of in (("x", axes.xaxis), ("y", axes.yaxis)):
        axis, names = layout.get(f"{side}axis", {}), places.of.get(side)
        if axis.get("visible") is False:
            of.set_visible(False)
        of.set_label_text(_plain(axis.get("title", {}).get("text", "")))
        log = axis.get("type") == "log"
        getattr(axes, f"set_{side}scale")("log" if log else "linear")
        if names is not None:
            of.set_ticks(list(names.values()), [_plain(name) for name in names])
        elif "tickvals" in axis:
            of.set_ticks(axis["tickvals"], [_plain(word) for word in axis.get("ticktext", axis["tickvals"])])
            of.set_minor_locator(ticker.NullLocator())
        if "range" in axis:
            getattr(axes, f"set_{side}lim")(*(10**end if log else end for end in axis["range"]))
        if axis.get("autorange") == "reversed" and not axes.images:  # cells have their first row on top by themselves
            of.set_inverted(True)
    if "tickvals" in (above := layout.get("xaxis2", {})):
        top = axes.secondary_xaxis("top")
        top.set_xticks(above["tickvals"], [_plain(word) for word in above["ticktext"]])
        top.minorticks_off()
        top.set_xlabel(_plain(above["title"]["text"]))


def _plain(text: object) -> str:
    """Words for matplotlib of what plotly would take as HTML."""
    lines = (html.unescape(line) for line in re.split(r"<br ?/?>", str(text)))
    return "\n".join(words(line) for line in lines if line.strip())


def _colour(told: object) -> Any:
    """ "rgba(0, 114, 178, 0.15)" as matplotlib takes it; "#0072B2" as it is."""
    numbers = re.fullmatch(r"rgba?\((.*)\)", str(told))
    if numbers is None:
        return told
    *channels, last = (float(part) for part in numbers[1].split(","))
    channels, alpha = (channels, last) if str(told).startswith("rgba") else ([*channels, last], 1.0)
    return (*(channel / 255 for channel in channels), alpha)
