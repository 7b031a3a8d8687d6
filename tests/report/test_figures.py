from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from ddcore.report import figures
from ddcore.report.published import Published

CURVES = pd.DataFrame({"step": [1, 2, 1, 2], "value": [3.0, 2.0, 1.0, 0.5], "series": ["a", "a", "b", "b"]})


def test_every_series_is_one_line_with_its_own_dash() -> None:
    figure = figures.lines(CURVES, "step", "value", x_title="Step", y_title="Loss")
    drawn = {t.name: (list(t.x), list(t.y)) for t in figure.data}
    assert drawn == {"a": ([1, 2], [3.0, 2.0]), "b": ([1, 2], [1.0, 0.5])}
    assert figure.data[0].line.dash != figure.data[1].line.dash


def test_axes_are_named_and_may_be_logarithmic() -> None:
    figure = figures.lines(CURVES, "step", "value", x_title="Step", y_title="Loss", log=True)
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Step", "Loss")
    assert figure.layout.yaxis.type == "log"


def test_bars_keep_digits_as_classes_not_as_numbers() -> None:
    frame = pd.DataFrame({"class": [0, 1], "images": [5, 6], "series": ["train", "train"]})
    figure = figures.bars(frame, "class", "images", x_title="Class", y_title="Images")
    assert list(figure.data[0].x) == ["0", "1"]
    assert figure.layout.xaxis.type == "category"


def test_bars_of_classes_with_long_names_lie_and_the_ends_of_very_long_ones_are_left_out() -> None:
    names = ["colorectal adenocarcinoma epithelium", "<b>debris of some kind</b>"]
    frame = pd.DataFrame({"class": names, "accuracy": [50.0, 60.0], "images": [5, 6], "series": ["train", "train"]})
    for figure in (figures.bars(frame, "class", "images", x_title="Class", y_title="Images"),
                   figures.per_class(frame, 55.0)):
        assert list(figure.data[0].y) == list(figure.layout.yaxis.tickvals)
        assert list(figure.layout.yaxis.ticktext) == ["colorectal adenocarci…", "&lt;b&gt;debris of some kin…"]
        assert figure.layout.yaxis.title.text == "Class"
    assert figure.layout.shapes[0].x0 == 55.0
    square = pd.DataFrame([{"true": t, "predicted": p, "images": 1, "share": 50.0} for t in names for p in names])
    assert next(iter(figures.confusion(square).layout.xaxis.ticktext)) == "colorectal adenocarci…"
    many = pd.DataFrame({"class": [f"a very long name {i}" for i in range(41)], "images": 1, "series": "train"})
    assert figures.bars(many, "class", "images", x_title="Class", y_title="Images").data[0].orientation == "v"


def accuracy_frame() -> pd.DataFrame:
    return pd.DataFrame({"name": ["ours", "random", "full"], "mean": [90.0, 80.0, None], "std": [1.0, None, None]})


def test_accuracies_stand_from_top_to_bottom_without_what_is_not_computed() -> None:
    figure = figures.accuracies(accuracy_frame())
    own, others, numbers = figure.data[:3]
    assert (list(own.y), list(own.x), list(own.error_x.array)) == (["ours"], [90.0], [1.0])
    assert (list(others.y), list(others.x), list(others.error_x.array)) == (["random"], [80.0], [0.0])
    assert (list(numbers.text), list(numbers.x)) == (["\u200280.0", "\u200290.0 ± 1.0"], [80.0, 91.0])
    assert list(figure.layout.yaxis.categoryarray) == ["random", "ours"]


def test_the_majority_class_is_a_line_across_the_bars() -> None:
    figure = figures.accuracies(accuracy_frame(), majority=63.2)
    (line,) = figure.layout.shapes
    assert (line.x0, line.name, line.showlegend) == (63.2, "majority class 63.2 %", True)
    assert figure.layout.showlegend


def test_the_majority_class_is_a_line_under_every_curve_of_accuracy() -> None:
    steps = pd.DataFrame({"step": [0, 10], "mean": [50.0, 70.0], "std": [None, None]})
    curves = figures.lines(CURVES, "step", "value", x_title="Step", y_title="Accuracy (%)", majority=63.2)
    for figure in (curves, figures.trajectory(steps, 63.2)):
        assert (figure.layout.shapes[0].y0, figure.layout.shapes[0].y1) == (63.2, 63.2)
    assert curves.layout.shapes[0].name == "majority class 63.2 %"
    assert figures.trajectory(steps, 63.2).layout.shapes[0].name == "majority class of validation images 63.2 %"
    assert not figures.trajectory(steps).layout.shapes


def published() -> list[Published]:
    row = Published("DM", "mnist", "convnet3", 10, 97.5, 0.1, "as printed", "a paper", verified=True)
    return [row, replace(row, method="KIP", mean=97.0, verified=False)]


def test_published_results_are_diamonds_on_a_line_of_their_own_and_never_bars() -> None:
    figure = figures.accuracies(accuracy_frame(), published=published())
    own, others, _, verified, recalled = figure.data
    assert [trace.type for trace in (own, others, verified, recalled)] == ["bar", "bar", "scatter", "scatter"]
    assert {*own.y, *others.y}.isdisjoint([*verified.y, *recalled.y])
    assert (list(verified.x), list(recalled.x)) == ([97.5], [97.0])
    assert (verified.marker.symbol, recalled.marker.symbol) == ("diamond", "diamond-open")
    assert list(recalled.text) == ["KIP (recalled, unverified)"]
    assert list(figure.layout.yaxis.categoryarray) == [figures.ELSEWHERE, "random", "ours"]


def test_without_published_results_there_is_no_line_for_them() -> None:
    figure = figures.accuracies(accuracy_frame())
    assert list(figure.layout.yaxis.categoryarray) == ["random", "ours"]


def test_the_confusion_map_has_true_classes_as_rows_from_top_to_bottom() -> None:
    frame = pd.DataFrame(
        [("b", "b", 3, 75.0), ("b", "a", 1, 25.0), ("a", "b", 0, 0.0), ("a", "a", 4, 100.0)],
        columns=["true", "predicted", "images", "share"],
    )
    figure = figures.confusion(frame)
    heat = figure.data[0]
    assert (list(heat.y), list(heat.x)) == (["b", "a"], ["b", "a"])
    assert [list(line) for line in heat.z] == [[75.0, 25.0], [0.0, 100.0]]
    assert figure.layout.yaxis.autorange == "reversed"
    assert [a.text for a in figure.layout.annotations] == ["75", "25", "0", "100"]


def test_the_transfer_map_leaves_cells_empty_that_are_not_computed() -> None:
    frame = pd.DataFrame({"LeNet": [80.0, 70.0], "MLP": [60.04, None]}, index=["ConvNet-3", "LeNet"])
    figure = figures.matrix(frame)
    assert [(a.y, a.x, a.text) for a in figure.layout.annotations] == [
        (0, 0, "80.0"), (0, 1, "60.0"), (1, 0, "70.0"),
    ]
    assert (figure.data[0].y, figure.data[0].x) == (("ConvNet-3", "LeNet"), ("LeNet", "MLP"))
    assert (figure.data[0].zmin, figure.data[0].zmax) == (60.04, 80.0)


def test_the_trajectory_has_a_band_of_one_standard_deviation() -> None:
    frame = pd.DataFrame({"step": [0, 10, 20], "mean": [50.0, None, 70.0], "std": [5.0, None, None]})
    band, line = figures.trajectory(frame).data
    assert (list(line.x), list(line.y)) == ([0, 20], [50.0, 70.0])
    assert (list(band.x), list(band.y)) == ([0, 20, 20, 0], [55.0, 70.0, 70.0, 45.0])


def test_class_bars_stand_beside_the_accuracy_over_all() -> None:
    figure = figures.per_class(pd.DataFrame({"class": ["0", "1"], "accuracy": [90.0, 70.0]}), 80.0)
    assert list(figure.data[0].y) == [90.0, 70.0]
    assert figure.layout.shapes[0].y0 == 80.0


def scores_frame() -> pd.DataFrame:
    return pd.DataFrame(
        [("a", 0.0, 0.5, 9), ("a", 0.5, 1.0, 0), ("b", 0.0, 0.5, 1), ("b", 0.5, 1.0, 2)],
        columns=["class", "left", "right", "images"],
    )


def test_every_class_has_its_own_histogram_the_first_on_top() -> None:
    figure = figures.difficulty(scores_frame())
    assert [(bars.base, list(bars.x)) for bars in figure.data] == [(1, [0.25, 0.75]), (0, [0.25, 0.75])]
    assert list(figure.data[0].y) == [figures.RIDGE, 0.0]
    assert 0 < figure.data[1].y[0] < figure.data[1].y[1] < figures.RIDGE
    assert list(figure.layout.yaxis.ticktext) == ["a", "b"]


def test_a_cut_is_one_line_in_the_histogram_of_each_class() -> None:
    cut = pd.DataFrame({"class": ["a", "b"], "score": [0.2, 0.7]})
    line = figures.difficulty(scores_frame(), {"last image in use": cut}).data[-1]
    assert line.name == "last image in use"
    assert list(line.x) == [0.2, 0.2, None, 0.7, 0.7, None]
    assert list(line.y) == [1, 1 + figures.RIDGE, None, 0, figures.RIDGE, None]


def test_the_schedule_is_a_bar_an_epoch_and_the_matched_ones_stand_out() -> None:
    frame = pd.DataFrame({"epoch": [0, 1, 2], "low": [0.0, 0.0, 10.0], "high": [75.0, 100.0, 100.0],
                          "matched": [True, True, False]})
    matched, others = figures.schedule(frame).data
    assert (list(matched.x), list(matched.base), list(matched.y)) == ([0, 1], [0.0, 0.0], [75.0, 100.0])
    assert (list(others.x), list(others.base), list(others.y)) == ([2], [10.0], [90.0])
    assert matched.marker.color != others.marker.color


def test_start_epochs_lie_in_the_range_they_were_drawn_from() -> None:
    drawn = pd.DataFrame({"step": [1, 2], "epoch": [0.0, 3.0], "skipped": [False, True]})
    reach = pd.DataFrame({"step": [0, 9], "low": [0, 0], "high": [1, 4]})
    band, taken, skipped = figures.starts(drawn, reach).data
    assert (list(band.x), list(band.y)) == ([0, 9, 9, 0], [1, 4, 0, 0])
    assert (list(taken.x), list(taken.y)) == ([1], [0.0])
    assert (list(skipped.x), list(skipped.y), skipped.marker.symbol) == ([2], [3.0], "x")


def test_learnt_labels_are_rows_in_the_order_of_the_classes() -> None:
    figure = figures.soft_labels([[90.0, 10.0], [80.0, 20.0], [5.0, 95.0]], [0, 0, 1], ("cat", "dog"))
    heat = figure.data[0]
    assert [list(row) for row in heat.z] == [[90.0, 10.0], [80.0, 20.0], [5.0, 95.0]]
    assert (list(figure.layout.yaxis.tickvals), list(figure.layout.yaxis.ticktext)) == ([0.5, 2.0], ["cat", "dog"])
    assert (heat.zmin, heat.zmax) == (0, 100)


def test_theme_and_figures_share_their_colours() -> None:
    import tomllib
    from pathlib import Path

    theme = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    assert tuple(theme["chartCategoricalColors"]) == figures.COLOURS


def test_class_names_that_look_like_html_are_drawn_as_they_are():
    evil = '<a href="https://evil.example">%{x}</a>'
    frame = pd.DataFrame({"class": [evil, "b"], "accuracy": [50.0, 60.0], "images": [1, 2], "series": ["s", "s"]})
    square = pd.DataFrame([
        {"true": t, "predicted": p, "images": 1, "share": 50.0} for t in (evil, "b") for p in (evil, "b")
    ])
    drawn = [
        figures.per_class(frame), figures.confusion(square), figures.soft_labels([[50, 50]], [0], [evil, "b"]),
        figures.bars(frame, "class", "images", x_title="Class", y_title="Images"),
    ]
    for figure in drawn:
        assert "<a" not in figure.to_json().replace("\\u003c", "<")
        assert "&lt;a href" in figure.to_json().replace("\\u0026", "&")


@pytest.mark.parametrize(("epochs", "apart"), [(2, 1), (5, 1), (40, None)])
def test_a_few_epochs_have_a_tick_each_and_none_between_them(epochs: int, apart: int | None) -> None:
    frame = pd.DataFrame({"epoch": range(1, epochs + 1), "value": 0.5, "series": "training"})
    drawn = figures.lines(frame, "epoch", "value", x_title="Epoch", y_title="Accuracy (%)")
    assert drawn.layout.xaxis.dtick == apart
