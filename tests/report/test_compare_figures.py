"""Figures of runs side by side: what they draw is what the frames say."""

from __future__ import annotations

import pandas as pd
import pytest

from ddcore.report import compare_figures, compare_runs, tradeoff

COLOURS = {"one": "#111111", "two": "#222222"}


def numbers(**columns: list) -> pd.DataFrame:
    given = {"label": ["one", "two"], "mean": [50.0, 60.0], "std": [1.0, None], "n": [3, 1], "full": [90.0, 90.0],
             "method": ["DM", "DM"], "ipc": [1, 10], "group": ["alike"] * 2, "kind": ["distill"] * 2,
             **columns}
    return pd.DataFrame({name: given.get(name, [None, None]) for name in compare_runs.NUMBERS})


def test_each_run_has_its_colour_its_spread_and_its_controls() -> None:
    figure = compare_figures.accuracies(numbers(random_real=[40.0, None]), COLOURS, majority=10.0)
    named = {trace.name: trace for trace in figure.data if trace.name}
    assert list(named["Random real images"].x) == [40.0]
    assert list(named["Full training data"].x) == [90.0, 90.0]
    assert "Majority class 10.0 %" in named
    runs = [trace for trace in figure.data if trace.error_x.array is not None]
    assert [(trace.x[0], trace.error_x.array[0], trace.marker.color) for trace in runs] == [
        (50.0, 1.0, "#111111"), (60.0, 0.0, "#222222"),
    ]


def test_names_that_hold_html_are_drawn_as_they_are() -> None:
    label = "<b>%{x}</b>"
    figure = compare_figures.accuracies(numbers(label=[label, "two"]), {label: "#111111", "two": "#222222"})
    assert not any("<b>" in str(trace.y) or "<b>" in str(trace.hovertemplate) for trace in figure.data)


def test_the_front_is_a_line_and_what_is_beaten_is_hollow() -> None:
    given = {"label": ["one", "two", "three"], "mean": [50.0, 60.0, 55.0], "std": [1.0] * 3, "ipc": [1, 10, 20],
             "group": ["alike"] * 3}
    frame = tradeoff.tradeoff(pd.DataFrame({name: given.get(name, [None] * 3) for name in compare_runs.NUMBERS}), "ipc")
    line, *marks = compare_figures.tradeoff(frame, "Images per class", {**COLOURS, "three": "#333333"}).data
    assert list(line.x) == [1, 10]
    assert [mark.marker.symbol for mark in marks] == ["circle", "circle", "circle-open"]


def test_other_data_or_protocols_have_a_line_and_a_front_of_their_own() -> None:
    frame = numbers(group=["mnist", "cifar"], mean=[90.0, 50.0])
    assert tradeoff.tradeoff(frame, "ipc")["front"].all()  # cheaper and better, but not measured alike
    lines = [trace for trace in compare_figures.against_ipc(tradeoff.against_ipc(frame)).data if trace.mode == "lines"]
    assert sorted(list(line.y) for line in lines) == [[50.0], [90.0]]


def test_names_that_are_cut_to_the_same_words_keep_lines_of_their_own() -> None:
    labels = ["x" * 40 + "one" + "y" * 40, "x" * 40 + "two" + "y" * 40]
    figure = compare_figures.accuracies(numbers(label=labels), dict.fromkeys(labels, "#111111"))
    assert len(set(figure.layout.yaxis.tickvals)) == 2
    assert len(set(figure.layout.yaxis.ticktext)) == 1


def test_runs_that_share_a_colour_differ_in_their_dash() -> None:
    labels = [f"run {i}" for i in range(7)]
    frame = pd.DataFrame({"label": labels, "step": 1, "value": 1.0})
    colours = {label: compare_runs.RUN_COLOURS[i % len(compare_runs.RUN_COLOURS)] for i, label in enumerate(labels)}
    figure = compare_figures.overlay(frame, "step", x_title="", y_title="", colours=colours)
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 7


def test_full_data_is_the_ceiling_over_images_per_class() -> None:
    figure = compare_figures.against_ipc(tradeoff.against_ipc(numbers()))
    assert figure.layout.shapes[0].y0 == 90.0
    assert list(figure.data[0].x) == [1, 10]


def test_an_interval_that_holds_zero_is_grey() -> None:
    pairs = pd.DataFrame({"first": ["one"] * 2, "second": ["two"] * 2, "mean": [1.0, 2.0], "low": [-1.0, 1.0],
                          "high": [3.0, 3.0], "n": ["3 and 3"] * 2, "says": ["no", "yes"]})
    (points,) = compare_figures.intervals(pairs).data
    assert points.marker.color[0] == compare_figures.GREY != points.marker.color[1]
    assert list(points.error_x.arrayminus) == pytest.approx([2.0, 1.0])


def test_a_long_name_keeps_both_its_ends() -> None:
    told = compare_figures.short("DataDAM · mnist · " + "x" * 50 + " · lr 5")
    assert told.startswith("DataDAM")
    assert told.endswith("lr 5")
    assert len(told) <= compare_figures.LONGEST + 1
