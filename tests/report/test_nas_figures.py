"""Figures of a search: what is drawn, not how it looks."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from ddcore.report.nas import answer as answers
from ddcore.report.nas import figures
from ddcore.report.nas import study as studies
from ddcore.report.nas.answer import Answer, answer
from ddcore.report.nas.importance import REST, importance
from ddcore.report.nas.study import study
from tests.report.studies import MACS, NAMES, NETWORKS, TRUE, diverging, each, proxy, search, truth, whole


def said() -> Answer:
    return answer(whole(proxy("random", each(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.7))))


def drawn(figure, name: str):
    (trace,) = [trace for trace in figure.data if trace.name == name]
    return trace


def test_the_scatter_marks_the_selected_and_the_best_network_on_ranks():
    figure = figures.scatter(answers.ranked(said(), "random"), "DM, IPC 10")
    selected, best = drawn(figure, "selected by the proxy"), drawn(figure, "best on the whole data")
    assert (list(selected.x), list(selected.y), list(selected.text)) == ([2.0], [1.0], [NAMES[6]])
    assert (list(best.x), list(best.y)) == ([1.0], [2.0])
    assert list(drawn(figure, "same rank").x) == list(drawn(figure, "same rank").y) == [0.5, 8.5]
    assert len(drawn(figure, "network").x) == 6
    assert list(figure.layout.xaxis.tickvals) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert figure.layout.yaxis.title.text == "Rank on DM, IPC 10"


def test_a_network_that_is_both_is_marked_once_by_its_star():
    figure = figures.scatter(answers.ranked(answer(whole(proxy("random", each(*TRUE)))), "random"), "Random")
    assert len(drawn(figure, "network").x) == 7
    assert list(drawn(figure, "selected by the proxy").x) == [1.0]


def test_the_front_is_a_line_over_flops():
    figure = figures.pareto(answers.costs(said(), "random"))
    front = drawn(figure, "Pareto front (none is cheaper and better)")
    assert list(front.x) == sorted(front.x)
    assert list(front.y) == sorted(front.y)
    assert list(drawn(figure, "selected").x) == [2 * MACS[6]]
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.xaxis.ticktext) == ["100 k", "200 k", "300 k", "400 k"]
    assert sum(len(trace.x) for trace in figure.data if trace.mode == "markers") == len(NAMES)


def test_the_most_important_option_is_the_bar_on_top_and_the_rest_is_grey():
    once = studies.frame(said().study, "whole")
    frame = importance(pd.concat([once, once]), said().study.options)
    figure = figures.importance(frame)
    (bars,) = figure.data
    assert bars.y[-1] == figures.label(frame["option"][0]) == "Depth"
    assert bars.y[0] == REST
    assert [colour == figures.GREY for colour in bars.marker.color] == [True, False, False, False]


def test_parallel_coordinates_show_the_best_networks_on_axes_of_all_values():
    found = said().study
    figure = figures.parallel(studies.frame(found, "random"), found.options, top=3)
    third, second, best, ends = figure.data
    assert [line.name for line in (best, second, third)] == [NAMES[6], NAMES[7], NAMES[5]]
    assert best.line.width > second.line.width == third.line.width
    assert list(best.y) == pytest.approx([1 + figures.SPREAD / 2, 1 + figures.SPREAD / 2, figures.SPREAD / 2, 1])
    assert list(second.y) == pytest.approx([1, 1, 1, 0.5])
    told = figure.layout.annotations
    assert [one.text for one in told] == ["2", "3", "16", "64", "ReLU", "LeakyReLU"]
    assert {one.bgcolor for one in told} == {figures.PLATE}, "or lines cross the words"
    assert list(ends.text) == [" 60.0", " 80.0"]
    assert list(figure.layout.xaxis.ticktext) == ["Depth", "Width", "Activation", "Accuracy<br>(%)"]


def test_the_bold_line_is_the_network_that_was_chosen_also_among_equals():
    """The dearer of two equals was tried first, and one that diverged is more accurate than both."""
    found = answer(whole(proxy("random", {7: [0.9], 0: [0.9], 3: [0.95], 5: [0.8]})))
    study_ = replace(found.study, proxies=(diverging(found.study.proxies[0], 3, 0.95),))
    lines = [
        one for one in figures.parallel(studies.frame(study_, "random"), study_.options).data if one.mode == "lines"
    ]
    assert [one.name for one in reversed(lines)] == [NAMES[0], NAMES[7], NAMES[5], NAMES[3]]
    assert max(lines, key=lambda one: one.line.width).name == NAMES[0]
    chosen = answer(study_).lines[0].selected
    assert chosen is not None
    assert chosen.candidate.name == NAMES[0]


def test_numbers_far_apart_stand_on_a_logarithmic_axis_and_words_in_their_order():
    assert figures._heights((16, 32, 64)) == pytest.approx({16: 0, 32: 0.5, 64: 1})
    assert figures._heights((2, 3, 4)) == pytest.approx({2: 0, 3: 0.5, 4: 1})
    assert figures._heights(("none", "batch", "layer")) == {"none": 0, "batch": 0.5, "layer": 1}
    assert figures._heights((3,)) == {3: 0}
    assert figures._heights((1.0, 0.0, 0.01)) == {0.0: 0, 0.01: 0.5, 1.0: 1}, "none on another"


def test_names_in_a_brought_run_that_look_like_html_are_drawn_as_they_are():
    evil = '<a href="https://evil.example">%{x}</a>'
    networks = [{**one, "name": evil, "options": {**one["options"], "activation": f"{evil}{i}"}}
                for i, one in enumerate(NETWORKS)]
    found = study(search(proxy("random", each(*TRUE)), networks=networks), truth=truth(each(*TRUE), networks=networks))
    this = answer(found)
    drawings = [
        figures.scatter(answers.ranked(this, "random"), evil), figures.pareto(answers.costs(this, "random")),
        figures.parallel(studies.frame(found, "random"), found.options),
    ]
    for figure in drawings:
        assert "<a" not in figure.to_json().replace("\\u003c", "<")


def test_nothing_to_show_is_an_empty_chart():
    nothing = answer(study(search()))
    for figure in (
        figures.scatter(answers.ranked(nothing, "random"), "Random"),
        figures.pareto(answers.costs(nothing, "random")),
        figures.importance(importance(studies.frame(nothing.study), nothing.study.options)),
    ):
        assert not any(len(trace.x) for trace in figure.data if trace.name != "same rank")
