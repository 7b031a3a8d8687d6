"""The figures of a report: by matplotlib for paper (SVG, PDF, PNG; no browser), by plotly for looking closer (HTML)."""

from __future__ import annotations

import io
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ddcore.lazy import go, lazy, pd
from ddcore.ops import fonts
from ddcore.report import compare_figures, overlay, quantities, text, tradeoff
from ddcore.report.compare_figures import colour_round
from ddcore.report.compare_runs import Compared
from ddcore.report.export.caveats import aside
from ddcore.report.export.escape import one_line
from ddcore.report.export.summary import other_protocols
from ddcore.report.figures import COLOURS, GREY, INK, MAJORITY, as_text
from ddcore.report.tables import is_known, or_zero
from ddcore.runs.store import Store

if TYPE_CHECKING:
    import matplotlib
    import plotly.offline as offline
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    matplotlib, offline = lazy("matplotlib"), lazy("plotly.offline")

PRICES = ("distill", "train", "flops", "bytes")  # of `tradeoff.COSTS`
FORMATS: Mapping[str, Mapping[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
MARKS = {"initial": "<", "initial_hard": "v", "random_real": "o", "full": "|"}
DASHES = ("-", "--", ":", "-.")
POINTS = ("o", "s", "D", "P", "X")
WIDTH = 6.4  # inches
LEGEND = 0.15  # inches of a line of it
TALLEST = 60.0  # inches; a picture may have so many pixels and not many more
WRAPPED = 36  # letters of a label in a line
LINES = 3  # of a label
SIGNS = 8  # told of those that no font has
LOWER = 0.24  # of a line: where the controls of a run stand
PLOTLY = "plotly.min.js"  # beside the HTML files, once for all
_ALONE = threading.Lock()  # matplotlib's settings and fonts are one for all threads


@dataclass(frozen=True)
class Plot:
    """One figure in both makes. what: is shown; title: what all its numbers share; height: on paper, in inches; draw:
    onto matplotlib's axes."""

    name: str
    what: str
    title: str
    height: float
    draw: Callable[[Axes], None]
    interactive: Callable[[], go.Figure]


def plots(store: Store, runs: Sequence[Compared], numbers: pd.DataFrame) -> Iterator[Plot]:
    """Accuracies on the test images, those against IPC, trade-offs, each for every setting; losses.

    None where nothing is to see. numbers: `compare_runs.numbers` of these runs.
    """
    colours = {run.label: run.colour for run in runs}
    others = {run.label: other_protocols(run) for run in runs}
    measured = numbers[[not aside(run.evaluation) for run in runs]].dropna(subset=["mean"])
    groups = list(measured.groupby("group", sort=False))
    for number, (setting, part) in enumerate(groups, start=1):
        protocols = dict.fromkeys(protocol for label in part["label"] for protocol in others[label])
        controls = f"; controls under protocol {' and '.join(protocols)}" if protocols else ""
        for plot in _of_setting(part, one_line(f"{setting}{controls}"), colours):
            yield plot if len(groups) == 1 else replace(plot, name=f"{plot.name}-{number}")
    if (losses := overlay.curves(store, runs).get("loss")) is not None:
        yield _losses(losses, colours)


def _of_setting(part: pd.DataFrame, title: str, colours: Mapping[str, str]) -> Iterator[Plot]:
    """Of runs whose numbers compare: the same data, network and protocol."""
    majority = next(iter(part["majority"].dropna()), None)
    yield Plot("accuracy", "Accuracy of each run and its controls", title, min(TALLEST, 1.2 + 0.5 * len(part)),
               lambda axes: _accuracies(axes, part, colours, majority),
               lambda: compare_figures.accuracies(part, colours, majority))
    sizes = tradeoff.against_ipc(part)
    if sizes["ipc"].nunique() > 1:
        yield Plot("ipc", "Accuracy over images per class", title, 4.2, lambda axes: _against_ipc(axes, sizes),
                   lambda: compare_figures.against_ipc(sizes))
    for price in PRICES:
        if (priced := tradeoff.tradeoff(part, price))["x"].nunique() > 1:
            yield _priced(price, priced, title, colours)


def _priced(price: str, frame: pd.DataFrame, title: str, colours: Mapping[str, str]) -> Plot:
    cost = quantities.MEASURES[tradeoff.COSTS[price]].title
    log = bool(frame["x"].min() > 0 and frame["x"].max() / frame["x"].min() > 20)
    return Plot(f"tradeoff-{price}", f"Accuracy over cost, {cost[0].lower()}{cost[1:]}", title, 4.2,
                lambda axes: _tradeoff(axes, frame, cost, colours, log),
                lambda: compare_figures.tradeoff(frame, cost, colours, log=log))


def _losses(frame: pd.DataFrame, colours: Mapping[str, str]) -> Plot:
    log = bool((frame["value"] > 0).all())
    return Plot("loss", "Loss over steps", "each run's own loss; methods differ in its unit", 4.2,
                lambda axes: _curves(axes, frame, colours, log),
                lambda: compare_figures.overlay(frame, "step", x_title="Step", y_title="Loss", colours=colours,
                                           log_y=log))


def paper(plot: Plot) -> dict[str, bytes]:
    """Ending → file, of all FORMATS; the same bytes for the same numbers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _ALONE, matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # whoever's machine this is: their own settings may want LaTeX, or other fonts
        matplotlib.rcParams.update({"svg.hashsalt": "ddcore", "font.size": 9})
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # anybody's words: such a sign is a box
        figure = Figure(figsize=(WIDTH, plot.height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        plot.draw(axes)
        figure.suptitle(words(plot.title, 2 * WRAPPED), fontsize=9, x=0.01, horizontalalignment="left")
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if labels := axes.get_legend_handles_labels()[1]:
            lines = sum(1 + label.count("\n") for label in labels) / 2
            figure.set_figheight(min(TALLEST, plot.height + LEGEND * lines))
            figure.legend(loc="outside lower left", fontsize=8, ncols=2, frameon=False)
        _find_fonts(figure)
        return {ending: _saved(figure, ending) for ending in FORMATS}


def _find_fonts(figure: Figure) -> None:
    """Let every sign be drawn by a font that has it, and tell those that none has."""
    from matplotlib.text import Text

    figure.draw_without_rendering()  # ticks have their words from now on
    artists = [artist for artist in figure.findobj(Text) if isinstance(artist, Text)]
    families, lacked = fonts.families("".join(artist.get_text() for artist in artists))
    for artist in artists if families[1:] else ():
        artist.set_fontfamily(families)
    if lacked:
        codes = ", ".join(map(fonts.code, lacked[:SIGNS])) + (" …" if len(lacked) > SIGNS else "")
        figure.supxlabel(f"Signs that no font on this machine has are boxes: {codes}", fontsize=7, x=0.99,
                         horizontalalignment="right")


def _saved(figure: Figure, ending: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending, dpi=200, bbox_inches="tight", metadata=dict(FORMATS[ending]))
    return buffer.getvalue()


def page(plot: Plot) -> bytes:
    """An HTML page that takes plotly's script from the file beside it, and nothing from anywhere else."""
    figure = plot.interactive().update_layout(title={"text": as_text(one_line(plot.title))}, template="plotly_white")
    margin = {"l": 60, "r": 20, "t": 90, "b": 50}
    return str(figure.update_layout(margin=margin).to_html(
        include_plotlyjs=PLOTLY, div_id=plot.name, config={"displaylogo": False}
    )).encode()


def script() -> bytes:
    """plotly's script, for PLOTLY."""
    return str(offline.get_plotlyjs()).encode()


def words(said: object, width: int = WRAPPED) -> str:
    """Anybody's words for matplotlib, which sets what is between dollars as a formula and hides what begins with _.

    Cut short: it takes minutes for endless ones, and others wait for it.
    """
    lines = textwrap.wrap(one_line(str(said)[: 9 * width]), width, max_lines=LINES, placeholder=" …") or [text.NONE]
    plain = "\n".join(lines).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def _accuracies(axes: Axes, part: pd.DataFrame, colours: Mapping[str, str], majority: float | None) -> None:
    """A line for each run, the first on top: its accuracy ± one standard deviation, a little lower its controls."""
    rows = part.to_dict("records")
    places = list(range(len(rows), 0, -1))
    for role, mark in MARKS.items():
        points = [(row[role], place - LOWER) for row, place in zip(rows, places, strict=True) if is_known(row[role])]
        if points:
            axes.plot(*zip(*points, strict=True), mark, color=GREY, fillstyle="none", markersize=9,
                      markeredgewidth=1.5, linestyle="none", label=compare_figures.CONTROLS[role][0])
    for row, place in zip(rows, places, strict=True):
        axes.errorbar(row["mean"], place, xerr=or_zero(row["std"]), fmt="o", color=colours[row["label"]], capsize=4)
    if majority is not None:
        axes.axvline(majority, color=MAJORITY, linestyle=":", label=f"Majority class {majority:.1f} %")
    axes.set_yticks(places, [words(row["label"]) for row in rows])
    axes.set_ylim(0.4, len(rows) + 0.6)
    axes.set_xlabel("Test accuracy (%),\nmean ± standard deviation over networks")


def _against_ipc(axes: Axes, frame: pd.DataFrame) -> None:
    """A line for each method through the mean of each size, a point for each run, all data across."""
    for i, (method, part) in enumerate(frame.groupby("method", sort=False)):
        colour, means = COLOURS[i % len(COLOURS)], part.groupby("ipc")["mean"].mean()
        axes.plot(means.index.tolist(), means.tolist(), DASHES[i % len(DASHES)], color=colour)
        axes.errorbar(part["ipc"].tolist(), part["mean"].tolist(), yerr=part["std"].fillna(0).tolist(), fmt="o",
                      color=colour, capsize=3, label=words(method))
    for full in sorted({round(value, 2) for value in frame["full"].dropna()}):
        axes.axhline(full, color=GREY, linestyle="--", label=f"Full training data {full:.1f} %")
    sizes = sorted({int(ipc) for ipc in frame["ipc"]})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("Images per class (IPC)")
    axes.set_ylabel("Test accuracy (%), mean ± standard deviation")


def _tradeoff(axes: Axes, frame: pd.DataFrame, title: str, colours: Mapping[str, str], log: bool) -> None:
    best = frame[frame["front"]].sort_values("x")
    if len(best) > 1:
        axes.step(best["x"].tolist(), best["y"].tolist(), where="post", color=INK, linestyle=":",
                  label="Pareto front: none is cheaper and better")
    for row in frame.to_dict("records"):
        point = POINTS[colour_round(row["label"], colours) % len(POINTS)]
        axes.errorbar(row["x"], row["y"], yerr=or_zero(row["std"]), fmt=point, color=colours[row["label"]],
                      capsize=3, fillstyle="full" if row["front"] else "none", label=words(row["label"]))
    axes.set_xscale("log" if log else "linear")
    axes.set_xlabel(title)
    axes.set_ylabel("Test accuracy (%), mean ± standard deviation")


def _curves(axes: Axes, frame: pd.DataFrame, colours: Mapping[str, str], log: bool) -> None:
    for label, part in frame.groupby("label", sort=False):
        dash = DASHES[colour_round(str(label), colours) % len(DASHES)]
        axes.plot(part["step"].tolist(), part["value"].tolist(), dash, color=colours[str(label)],
                  linewidth=1.2, label=words(label))
    axes.set_yscale("log" if log else "linear")
    axes.set_xlabel("Step")
    axes.set_ylabel("Loss (as its method defines it)")
