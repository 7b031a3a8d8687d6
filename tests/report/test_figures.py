from __future__ import annotations

import pandas as pd

from ddcore.report import figures

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


def accuracy_frame() -> pd.DataFrame:
    return pd.DataFrame({"name": ["ours", "random", "full"], "mean": [90.0, 80.0, None], "std": [1.0, None, None]})


def test_accuracies_stand_from_top_to_bottom_without_what_is_not_computed() -> None:
    bars = figures.accuracies(accuracy_frame()).data[0]
    assert (list(bars.y), list(bars.x)) == (["random", "ours"], [80.0, 90.0])
    assert list(bars.error_x.array) == [0, 1.0]


def test_the_majority_class_is_a_line_across_the_bars() -> None:
    figure = figures.accuracies(accuracy_frame(), majority=63.2)
    assert figure.layout.shapes[0].x0 == 63.2
    assert "63.2" in figure.layout.annotations[0].text


def test_theme_and_figures_share_their_colours() -> None:
    import tomllib
    from pathlib import Path

    theme = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    assert tuple(theme["chartCategoricalColors"]) == figures.COLOURS
