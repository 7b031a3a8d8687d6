"""Real and synthetic images as points of a plane: a frame of them, and a figure of that frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ddcore.experiments.features import FeaturesSummary
from ddcore.experiments.tsne import TsneSummary
from ddcore.lazy import go, pd
from ddcore.report import figures, tables, text
from ddcore.runs.store import RunRecord, Store

REAL = "real training images"
SYMBOLS = ("circle", "diamond", "square", "cross", "x", "triangle-up", "star", "hexagon")  # one a run
CLASSES = (*figures.COLOURS, "#8A63D2", "#A0693A", "#8F9A1B", "#7A828C")  # one a class; after ten they begin anew
PALE = 0.35  # opacity of real images
Look = tuple[str, str]  # the label and the colour of a run


def points(store: Store, run: RunRecord) -> pd.DataFrame:
    """One row an image: run (its id; "" of real ones), class, image (its number within its class and run), x, y.

    run: a finished one of kind features or tsne. Classes are an ordered category.
    """
    space, ids, classes = store.arrays(run.id, "space"), run.answer(FeaturesSummary).runs, tables.classes(run)
    labels = [*space["real_labels"].tolist(), *space["labels"].tolist()]
    frame = pd.DataFrame([*space["real"].tolist(), *space["synthetic"].tolist()], columns=["x", "y"])
    frame["run"] = [""] * len(space["real"]) + [ids[number] for number in space["run"].tolist()]
    frame["class"] = pd.Categorical.from_codes(labels, categories=pd.Index(classes), ordered=True)
    frame["image"] = frame.groupby(["run", "class"], observed=True).cumcount() + 1
    return frame[["run", "class", "image", "x", "y"]]


def axes(run: RunRecord) -> tuple[str, str]:
    """What the two axes of this run's map are."""
    if isinstance(run.summary, TsneSummary):
        return "t-SNE, first axis (no unit)", "t-SNE, second axis (no unit)"
    first, second = (text.percent(share, 0) for share in run.answer(FeaturesSummary).variance)
    return f"First principal component ({first} of the variance)", f"Second principal component ({second})"


def scatter(
    frame: pd.DataFrame, looks: Mapping[str, Look], axes: Sequence[str], classes: Collection[str], *, by_class: bool
) -> go.Figure:
    """Real images small and pale, synthetic ones large with a symbol for each run, of these classes only.

    frame: of `points`; looks: how each run is named and coloured, in the order of the legend; by_class: colours tell
    classes, else runs.
    """
    shown = frame[frame["class"].isin(list(classes))]
    colours = {name: CLASSES[i % len(CLASSES)] for i, name in enumerate(frame["class"].cat.categories)}
    traces = _real(shown[shown["run"] == ""], colours if by_class else None)
    for i, (run_id, (label, colour)) in enumerate(looks.items()):
        part, symbol = shown[shown["run"] == run_id], SYMBOLS[i % len(SYMBOLS)]
        fill = [colours[name] for name in part["class"]] if by_class else colour
        traces += _synthetic(part, figures.as_text(label), symbol, fill, figures.INK if by_class else colour)
    if by_class:
        traces += [_key(figures.as_text(name), colours[name]) for name in colours if name in classes]
    class_legend = {"orientation": "h", "yanchor": "top", "y": -0.14, "x": 0, "itemclick": False,
                    "itemdoubleclick": False, "itemsizing": "constant"}
    # One unit is as long on both axes: what looks near is near.
    y = {"title": axes[1], "zeroline": False, "scaleanchor": "x", "scaleratio": 1}
    figure = figures.dress(go.Figure({"data": traces}), 620, {"title": axes[0], "zeroline": False}, y)
    return figure.update_layout(legend={"itemsizing": "constant"}, legend2=class_legend)


def _real(part: pd.DataFrame, colours: Mapping[str, str] | None) -> list[dict[str, Any]]:
    colour = [colours[name] for name in part["class"]] if colours else figures.INK
    names = [figures.as_text(name) for name in part["class"]]
    return _group(part, REAL, {"size": 5, "opacity": PALE, "color": colour}, figures.INK, names,
                  "class %{customdata}<extra>real</extra>")


def _synthetic(part: pd.DataFrame, label: str, symbol: str, colour: Any, key: str) -> list[dict[str, Any]]:
    marker = {"size": 10, "opacity": 0.85, "symbol": symbol, "color": colour, "line": {"width": 1, "color": "#FFFFFF"}}
    names = [[figures.as_text(name), number] for name, number in part[["class", "image"]].values.tolist()]
    hover = f"class %{{customdata[0]}}, image %{{customdata[1]}}<extra>{label}</extra>"
    return _group(part, label, marker, key, names, hover)


def _group(
    part: pd.DataFrame, name: str, marker: Mapping[str, Any], key: str, names: list[Any], hover: str
) -> list[dict[str, Any]]:
    """The images, and their place in the legend in the colour `key`: it would else take that of the first image."""
    group = {"type": "scatter", "mode": "markers", "name": name, "legendgroup": name}
    images = {"x": part["x"].tolist(), "y": part["y"].tolist(), "showlegend": False, "marker": marker,
              "customdata": names, "hovertemplate": hover}
    return [{**group, **images}, {**group, "x": [None], "y": [None], "marker": {**marker, "color": key}}]


def _key(name: str, colour: str) -> dict[str, Any]:
    """A class's place in the second legend."""
    return {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": name, "legend": "legend2",
            "marker": {"size": 11, "symbol": "square", "color": colour}, "hoverinfo": "skip"}
