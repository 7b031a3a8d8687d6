"""The figures of a report on paper, whoever's machine draws them and whatever the runs are called."""

from __future__ import annotations

import io

import matplotlib
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from PIL import Image

from ddcore.evaluation.plans import evaluation, plan
from ddcore.ops import fonts
from ddcore.report.compare_runs import compared, numbers
from ddcore.report.export import plots
from ddcore.runs import Store
from tests.report.conftest import QUESTION, Answer, distilled
from tests.runs import shelf


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "FORMATS", {"png": {}})


def plot(label: str = "A", title: str = "T") -> plots.Plot:
    def draw(axes: Axes) -> None:
        axes.plot([1, 2], [3, 4], label=plots.words(label))

    return plots.Plot("loss", "Losses", title, 3.0, draw, lambda: None)


@pytest.mark.timeout(20)
def test_an_endless_name_does_not_take_minutes() -> None:
    content = plots.paper(plot(100_000 * "W", 50_000 * "$x "))["png"]
    assert Image.open(io.BytesIO(content)).height < 2000


def test_words_are_cut_after_three_lines_and_say_that_they_were() -> None:
    said = plots.words(20 * "some words ")
    assert len(said.splitlines()) == plots.LINES
    assert said.endswith(" …")
    assert plots.words("short $1$") == r"short \$1\$"


def test_the_settings_of_whoever_draws_change_nothing_and_are_kept() -> None:
    usual = plots.paper(plot())
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "savefig.dpi": 7, "lines.linewidth": 9}):
        assert plots.paper(plot()) == usual
        assert matplotlib.rcParams["font.size"] == 30


def test_a_figure_holds_what_compares_and_says_on_what_it_was_measured(
    store: Store, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "PRICES", ("train",))
    runs = [distilled(store), distilled(store, width=16), distilled(store, ipc=2)]
    for run in runs:
        answer(evaluation(run, QUESTION), 0.5, 0.6, seconds_train=run.config["ipc"])
    runs.append(answer(evaluation(runs[0], QUESTION, split="val"), 0.9, source={"method": "datadam", "ipc": 1}))
    found = compared(store, runs)
    titles = {one.name: one.title for one in plots.plots(store, found, numbers(found))}
    narrow, wide = "digits, 8 px · ConvNet-3, width 8", "digits, 8 px · ConvNet-3, width 16"
    assert {name: title.rpartition(" · ")[0] for name, title in titles.items() if name != "loss"} == {
        "accuracy-1": narrow, "ipc-1": narrow, "tradeoff-train-1": narrow, "accuracy-2": wide,
    }


def test_controls_under_another_protocol_are_said_in_the_title(store: Store, answer: Answer) -> None:
    run = distilled(store)
    asked = plan(run, QUESTION)
    shelf.finished(store, asked.random)
    answer(asked.random_real, 0.3, 0.32)
    told = {"mean": 0.5, "std": 0.01, "n": 2, "protocol": "course, learnt learning rate"}
    answer(evaluation(run, QUESTION, lr_from="learnt"), 0.5, 0.5, accuracy=told)
    found = compared(store, [run])
    title = next(plots.plots(store, found, numbers(found))).title
    assert title.endswith("protocol course, learnt learning rate; controls under protocol course")


def test_every_axis_says_what_it_shows() -> None:
    axes = Figure().add_subplot()
    told = {"label": ["A"], "x": [1.0], "y": [50.0], "std": [None], "group": ["g"], "front": [True]}
    plots._tradeoff(axes, pd.DataFrame(told), "Time (s)", {"A": "#000000"}, log=False)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Time (s)", "Test accuracy (%), mean ± standard deviation")


def drawn(monkeypatch: pytest.MonkeyPatch, label: str) -> list[tuple[str, str]]:
    """(words, first family) of every text of the figure."""
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "_saved", lambda figure, ending: figures.append(figure) or b"")
    plots.paper(plot(label))
    return [(text.get_text(), text.get_fontfamily()[-1]) for text in figures[0].findobj(Text)]


def test_a_figure_tells_the_signs_that_no_font_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_entries", lambda signs: [])  # as on a machine without Chinese fonts
    assert "Signs that no font on this machine has are boxes: U+732B" in dict(drawn(monkeypatch, "cat 猫"))
    assert not any("no font" in words for words, _ in drawn(monkeypatch, "cats λ × café кот"))


def test_a_sign_that_the_first_font_lacks_is_drawn_by_one_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    other = next(entry for entry in fontManager.ttflist if entry.name == "STIXGeneral")
    monkeypatch.setattr(fonts, "_signs", lambda file: {"猫"} if file == other.fname else set(map(chr, range(32, 1000))))
    fonts._entries.cache_clear()
    assert dict(drawn(monkeypatch, "cat 猫"))["cat 猫"] == "STIXGeneral"
    fonts._entries.cache_clear()
