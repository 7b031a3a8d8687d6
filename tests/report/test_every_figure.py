"""What holds of every figure: no crowd of ticks, a legend in nobody's way, error bars one sees, axes with units."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
from sweeping import World, config

import ddcore.report
from ddcore.report import (
    compare_figures,
    compare_runs,
    effect_figures,
    features,
    figures,
    quantities,
    sweep_figures,
    sweeps,
    tradeoff,
)
from ddcore.report.nas import answer as answers
from ddcore.report.nas import figures as nas_figures
from ddcore.report.nas import study as studies
from ddcore.report.nas.importance import importance
from ddcore.report.published import Published
from ddcore.report.sizes import Sizes
from ddcore.summary import Accuracy
from tests.report.studies import each, proxy, whole

LABELS = ["DataDAM · mnist · IPC 10 · λ 0.1 · noise", "DM · mnist · IPC 10", "Random · mnist · IPC 10"]
RUNS = dict(zip(LABELS, compare_runs.RUN_COLOURS, strict=False))
BACKGROUNDS = ("#FFFFFF", "#12181C")  # of .streamlit/config.toml
DIGITS = [str(digit) for digit in range(10)]


def curves(*ends: float) -> pd.DataFrame:
    """A falling curve for each end, over 200 steps from 4 on."""
    return pd.DataFrame([{"step": step, "value": 4 * (end / 4) ** (step / 200), "series": name, "label": name}
                         for name, end in zip(LABELS, ends, strict=False) for step in range(0, 201, 5)])


def accuracies() -> pd.DataFrame:
    return pd.DataFrame({"name": ["Distilled images", "Random real images", "Full training data"],
                         "mean": [93.42, 84.9, 99.1], "std": [0.51, 1.8, None]})


def numbers() -> pd.DataFrame:
    given: dict[str, Any] = {
        "label": LABELS, "mean": [97.0, 96.1, 91.2], "std": [0.3, 0.5, 1.2], "n": 5, "full": 99.2, "ipc": [10, 10, 1],
        "random_real": 91.2, "method": ["DataDAM", "DM", "Random"], "group": "mnist, course", "kind": "distill",
        "seconds_all": [3600.0, 420.0, 4.0], "seconds_parents": 0.0,
    }
    return pd.DataFrame({name: given.get(name, [None] * 3) for name in compare_runs.NUMBERS})


def space() -> pd.DataFrame:
    rows = [(run, name, number + 1, math.sin(number + len(run)), math.cos(number * 2))
            for run in ("", "one", "two") for name in DIGITS for number in range(3)]
    frame = pd.DataFrame(rows, columns=["run", "class", "image", "x", "y"])
    return frame.assign(**{"class": pd.Categorical(frame["class"], categories=DIGITS, ordered=True)})


def search() -> answers.Answer:
    return answers.answer(whole(proxy("random", each(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.7))))


def options() -> pd.DataFrame:
    once = studies.frame(search().study, "whole")
    return importance(pd.concat([once, once]), search().study.options)


def swept(vary: str) -> sweeps.Answer:
    """A sweep that is over, with full data beside random images."""
    asked = config(vary=vary, with_full=True, seeds=2)
    outcome, _ = World(lambda values: 0.5 + values["ipc"] / 200 + values.get("lambda_task", 0) / 10).play(asked)
    return sweeps.Answer(asked, outcome)


def sized() -> Sizes:
    """Sets of one to fifty images per class beside random ones, a coreset and the full data."""
    def line(*means: float) -> dict[int, Accuracy]:
        return {ipc: Accuracy.of([m, m + 0.01]) for ipc, m in zip((1, 10, 50), means, strict=True)}

    sets = line(0.7, 0.9, 0.95)
    return Sizes(sets=sets, samples=sets, random=line(0.4, 0.7, 0.9), full=Accuracy.of([0.95, 0.96]), classes=10,
                 total=54_000, equal_steps=True, coresets={"Herding": line(0.5, 0.75, 0.9)})


def difficulty() -> go.Figure:
    rows = [(name, left / 10, left / 10 + 0.1, 600 // (1 + left * left)) for name in DIGITS for left in range(14)]
    cut = pd.DataFrame({"class": DIGITS, "score": 0.45})
    return figures.difficulty(pd.DataFrame(rows, columns=["class", "left", "right", "images"]),
                              {"hardest image of epoch 1": cut, "hardest image of the last epoch": cut.assign(score=1)})


def classes(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"class": DIGITS, "accuracy": [90.0 + digit for digit in range(10)], **columns})


def confusion() -> pd.DataFrame:
    return pd.DataFrame([{"true": a, "predicted": b, "images": 1, "share": 91.0 if a == b else 1.0}
                         for a in DIGITS for b in DIGITS])


def transfer() -> pd.DataFrame:
    nets = ["ConvNet-3, width 128", "LeNet", "MLP", "ResNet-18"]
    return pd.DataFrame([[97.1, 88.0, 80.4, 91.7], [92.0, 93.3, 81.0, None]], index=nets[:2], columns=nets)


def counts() -> pd.DataFrame:
    return pd.concat([classes(images=5923, split="training"), classes(images=980, split="test")])


def starts() -> go.Figure:
    drawn = pd.DataFrame({"step": range(1, 100, 3), "epoch": [step % 8 for step in range(33)],
                          "skipped": [step % 9 == 0 for step in range(33)]})
    return figures.starts(drawn, pd.DataFrame({"step": [0, 50, 100], "low": 0, "high": [2, 5, 9]}))


def intervals() -> go.Figure:
    return compare_figures.intervals(pd.DataFrame({
        "first": LABELS[:2], "second": LABELS[1:], "mean": [0.9, 4.9], "low": [-0.2, 3.6], "high": [2.0, 6.2],
        "n": "5 and 5", "says": ["no difference", "higher"],
    }))


def votes() -> pd.DataFrame:
    return pd.DataFrame([{"votes": n, "agreement": f"{max(n, 7 - n)} of 7", "colour": figures.COLOURS[n % 6],
                          "images": 300, "training": 180, "validation": 20, "test": 100} for n in range(8)])


def schedule() -> pd.DataFrame:
    return pd.DataFrame({"epoch": range(20), "low": [0.0] * 10 + [2.0 * step for step in range(10)],
                         "high": [min(100.0, 70 + 5 * step) for step in range(20)],
                         "matched": [epoch < 8 for epoch in range(20)]})


def steps() -> pd.DataFrame:
    return pd.DataFrame({"step": [0, 10, 100, 500, 1000], "mean": [60.0, 72.0, 88.0, 92.0, 93.4],
                         "std": [2.0, 1.5, 1.0, 0.6, 0.5]})


def published() -> list[Published]:
    return [Published("DM", "mnist", "convnet3", 10, 97.5, 0.1, "as printed", "a paper", verified=True)]


Figures = dict[str, Callable[[], go.Figure]]
LINES = {"x_title": "Step", "y_title": "Loss"}
COST = quantities.MEASURES[tradeoff.COSTS["distill"]].title
EXAMPLES: Figures = {
    "lines": lambda: figures.lines(curves(0.9, 2e-5), "step", "value", log=True, **LINES),
    "lines over little": lambda: figures.lines(curves(2.2, 3.1), "step", "value", log=True, **LINES),
    "lines of large numbers": lambda: figures.lines(curves(42_700, 900), "step", "value", log=True, **LINES),
    "lines with a majority class": lambda: figures.lines(
        curves(90, 70).assign(value=lambda frame: frame["value"]), "step", "value", x_title="Epoch",
        y_title="Accuracy (%)", majority=11.4, judged_on="validation images"),
    "bars": lambda: figures.bars(counts(), "class", "images", x_title="Class", y_title="Images", series="split"),
    "agreement": lambda: figures.agreement(votes(), x_title="Annotators of 7 who said SSA"),
    "accuracies": lambda: figures.accuracies(accuracies(), 11.4, published()),
    "per_class": lambda: figures.per_class(classes(), 94.5),
    "confusion": lambda: figures.confusion(confusion()),
    "matrix": lambda: figures.matrix(transfer()),
    "trajectory": lambda: figures.trajectory(steps(), 11.4),
    "difficulty": difficulty,
    "schedule": lambda: figures.schedule(schedule()),
    "starts": starts,
    "soft_labels": lambda: figures.soft_labels(
        [[82.0 if a == b else 2.0 for a in range(10)] for b in range(10)], list(range(10)), DIGITS),
    "scatter": lambda: nas_figures.scatter(answers.ranked(search(), "random"), "Random real images, IPC 10"),
    "pareto": lambda: nas_figures.pareto(answers.costs(search(), "random")),
    "importance": lambda: nas_figures.importance(options()),
    "parallel": lambda: nas_figures.parallel(studies.frame(search().study, "random"), search().study.options),
    "compared accuracies": lambda: compare_figures.accuracies(numbers(), RUNS, 11.4),
    "tradeoff": lambda: compare_figures.tradeoff(tradeoff.tradeoff(numbers(), "distill"), COST, RUNS, log=True),
    "effect": lambda: effect_figures.effect(swept("lambda_task=0,0.01,1")),
    "effect of IPC": lambda: effect_figures.effect(swept("ipc=1,10,50")),
    "against_size": lambda: sweep_figures.against_size(swept("ipc=1,10,50"), sized()),
    "effect of names": lambda: effect_figures.effect(swept("init=real,noise")),
    "heat": lambda: effect_figures.heat(swept("lambda_task=0,0.01,1; init=real,noise")),
    "number_grid": lambda: figures.number_grid(pd.DataFrame({"real": [90.0, 91.0]}, index=["0", "0.01"]),
                                               x_title="Initialisation", y_title="λ · Task balance"),
    "against_ipc": lambda: compare_figures.against_ipc(tradeoff.against_ipc(numbers())),
    "intervals": intervals,
    "overlay": lambda: compare_figures.overlay(curves(0.9, 2e-5, 1.0), "step", colours=RUNS, log_y=True, **LINES),
    "feature space": lambda: features.scatter(
        space(), {"one": (LABELS[0], figures.COLOURS[0]), "two": (LABELS[1], figures.COLOURS[1])},
        ("First principal component (35 % of the variance)", "Second principal component (12 %)"), DIGITS,
        by_class=True),
}
every_figure = pytest.mark.parametrize("name", EXAMPLES)


def axes(figure: go.Figure) -> Iterator[Any]:
    yield from (figure.layout.xaxis, figure.layout.yaxis)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted(luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def over(colour: str, background: str) -> str:
    """What "#rrggbb" or "rgba(r, g, b, a)" looks like on a background."""
    if colour.startswith("#"):
        return colour
    *own, share = (float(part) for part in colour.removeprefix("rgba(").removesuffix(")").split(","))
    behind = [int(background[at : at + 2], 16) for at in (1, 3, 5)]
    mixed = (round(share * a + (1 - share) * b) for a, b in zip(own, behind, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def test_every_function_that_makes_a_figure_is_tried_here() -> None:
    names = [name for _, name, _ in pkgutil.walk_packages(ddcore.report.__path__, "ddcore.report.")]
    made = {function for module in map(importlib.import_module, names)
            for _, function in inspect.getmembers(module, inspect.isfunction)
            if inspect.signature(function).return_annotation == "go.Figure" and not function.__name__.startswith("_")}
    here = inspect.getsource(sys.modules[__name__])
    untried = {function.__name__ for function in made if f"s.{function.__name__}(" not in here}
    assert untried == {"dress"}


@every_figure
def test_a_logarithmic_axis_tells_each_of_its_few_ticks_in_full(name: str) -> None:
    for axis in axes(EXAMPLES[name]()):
        if axis.type != "log":
            continue
        told = list(axis.ticktext)
        assert len(told) <= 9
        assert len(told) >= 2 or "Images per class" in axis.title.text
        assert len(set(told)) == len(told)
        assert not [tick for tick in told if "e+" in tick or len(tick) > 7]


@every_figure
def test_the_legend_lies_below_the_plot_where_no_button_and_no_data_are(name: str) -> None:
    layout = EXAMPLES[name]().layout
    assert (layout.legend.yref, layout.legend.y, layout.legend.yanchor) == ("container", 0, "bottom")
    assert layout.legend.orientation == "h"
    assert layout.margin.t >= 30, "the bar of buttons stands there"
    assert not [note for note in layout.annotations if note.yref == "paper" and (note.y or 0) >= 1]


@every_figure
def test_error_bars_are_seen_on_their_bars_and_beside_them(name: str) -> None:
    for trace in EXAMPLES[name]().data:
        for error in (getattr(trace, way, None) for way in ("error_x", "error_y")):
            if error is None or not error.array or not any(error.array):
                continue
            colours = {error.color} if error.color else set(filter(None, (_each(trace.marker.color))))
            for colour in colours:
                grounds = list(BACKGROUNDS)
                if trace.type == "bar":
                    grounds += [over(trace.marker.color, background) for background in BACKGROUNDS]
                assert min(contrast(colour, ground) for ground in grounds) >= 3 or colour in figures.COLOURS[4:]


def _each(colour: Any) -> list[str]:
    return [colour] if isinstance(colour, str) else list(colour or ())


@every_figure
def test_an_axis_of_numbers_has_a_title_that_fits_a_narrow_screen(name: str) -> None:
    figure = EXAMPLES[name]()
    for axis, most in zip(axes(figure), figures.WRAP.values(), strict=True):
        if axis.visible is False or axis.type == "category" or name == "parallel":
            continue
        assert axis.title.text
        assert max(map(len, axis.title.text.split("<br>"))) <= most
        assert axis.automargin
        if "ccuracy" in axis.title.text or "Share of" in axis.title.text:
            assert "(%)" in axis.title.text


@every_figure
def test_a_figure_has_words_for_those_who_hear_it(name: str) -> None:
    said = figures.in_words(EXAMPLES[name]())
    assert " over " in said or ": " in said
    assert "<br>" not in said


@every_figure
def test_no_number_at_the_pointer_has_an_exponent(name: str) -> None:
    for trace in EXAMPLES[name]().data:
        if ".4~g" in (trace.hovertemplate or ""):
            assert max(abs(value) for value in trace.y if value is not None) < 10_000


def test_numbers_in_the_cells_of_a_heat_map_are_clear_of_them() -> None:
    for name in ("matrix", "confusion"):
        figure = EXAMPLES[name]()
        heat = figure.data[0]
        pale, full = (colour for _, colour in heat.colorscale)
        values = [value for row in heat.z for value in row if value == value and value is not None]
        for value, note in zip(values, figure.layout.annotations, strict=True):
            share = (value - heat.zmin) / (heat.zmax - heat.zmin)
            ends = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (pale, full)]
            cell = "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(*ends, strict=True))
            assert contrast(note.font.color, cell) >= 3.5


def test_values_of_a_sweep_that_would_lie_on_one_another_stand_apart() -> None:
    crowded = EXAMPLES["effect"]()  # λ 0, 0.01 and 1: without the 0 the axis would be logarithmic
    (sets,) = [trace for trace in crowded.data if trace.name == "DataDAM sets"]
    assert (crowded.layout.xaxis.type, sets.x) == ("category", ("0", "0.01", "1"))
    assert EXAMPLES["effect of IPC"]().layout.xaxis.type == "log"
