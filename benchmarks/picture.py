"""Draw the README's picture from the finished runs that ship: `python -m benchmarks.picture`.

Ten images that DataDAM made of noise, step by step, and what networks learn from them, from ten random real images and
from the noise they began as.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ddcore.home import PROJECT, demo_root
from ddcore.ops.pictures import denormalise
from ddcore.runs.images import Images
from ddcore.runs.store import RunRecord, Store

FILE = PROJECT / "docs" / "from-noise.png"
STEPS = (0, 20, 50, 100, 150)
BLUE, GREY, INK = "#0072B2", "#6E7A84", "#1D2730"
INCHES, DOTS = (10.0, 3.3), 160


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    store = Store(demo=demo_root())
    run = distilled(store)
    sets = [store.images(run.id) if step == run.summary["steps"] else store.snapshot(run.id, step) for step in STEPS]
    drawn(sets, {name: record.summary for name, record in judged(store).items()}).savefig(FILE, dpi=DOTS)


def distilled(store: Store) -> RunRecord:
    """The run whose images are shown."""
    return only(store, "distill", "datadam", init="noise", dataset="mnist")


def judged(store: Store) -> dict[str, RunRecord]:
    """What each bar is, and the evaluation that it stands for."""
    run, random = distilled(store), only(store, "distill", "random", dataset="mnist", ipc=1)
    return {
        "distilled": only(store, "evaluate", "evaluate", run=run.id, images="images"),
        "random real": only(store, "evaluate", "evaluate", run=random.id, protocol="course"),
        "noise": only(store, "evaluate", "evaluate", run=run.id, images="initial"),
    }


def only(store: Store, kind: str, name: str, **config: Any) -> RunRecord:
    """The one shipped run of this kind and name with these parameters; ValueError where there is none, or several."""
    (record,) = (r for r in store.records(kind) if r.demo and r.name == name and config.items() <= r.config.items())
    return record


def drawn(sets: list[Images], judged: dict[str, dict[str, Any]]) -> Figure:
    """The images of each step as a row, one of each class, and beside them a bar for each accuracy."""
    figure = Figure(figsize=INCHES, facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.95, 1))
    images(left, sets)
    accuracies(right, judged)
    figure.subplots_adjust(left=0.05, right=0.98, top=0.89, bottom=0.145, wspace=0.16)
    return figure


def images(axes: Any, sets: list[Images]) -> None:
    rows = [denormalise(one.images, one.mean, one.std) for one in sets]
    framed = [np.pad(row, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255) for row in rows]
    axes.imshow(np.concatenate([np.concatenate(list(row), axis=1) for row in framed]), interpolation="nearest")
    side = framed[0].shape[1]
    axes.set_yticks([side * (i + 0.5) for i in range(len(rows))], [f"step {step}" for step in STEPS], color=INK)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    axes.set_title("Ten images, distilled from noise", fontsize=11, loc="left", color=INK)


def accuracies(axes: Any, judged: dict[str, dict[str, Any]]) -> None:
    means = [100 * one["accuracy"]["mean"] for one in judged.values()]
    spreads = [100 * one["accuracy"]["std"] for one in judged.values()]
    places = range(len(judged))[::-1]
    axes.barh(places, means, height=0.62, color=[BLUE, GREY, GREY])
    axes.errorbar(means, places, xerr=spreads, fmt="none", ecolor=INK, elinewidth=1, capsize=3)
    first = next(iter(judged.values()))
    majority = 100 * first["majority"]
    for place, mean, spread in zip(places, means, spreads, strict=True):
        axes.text(max(mean + spread, majority) + 2, place, f"{mean:.1f} %", va="center", color=INK)
    axes.axvline(majority, color="#B5651D", linestyle=":", linewidth=1.4)
    axes.text(majority + 1.5, -0.62, "majority class", color="#B5651D", fontsize=8.5, va="center")
    axes.set_yticks(places, list(judged), color=INK)
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.85, len(judged) - 0.5)
    axes.set_xlabel(f"Test accuracy (%), n = {first['accuracy']['n']} networks", color=INK)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title("What networks learn from them", fontsize=11, loc="left", color=INK)


if __name__ == "__main__":
    main()
