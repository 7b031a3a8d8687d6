"""Curves of several runs over one axis."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcore.report import compare_figures, compare_runs, overlay
from ddcore.runs import Store
from tests.report.conftest import distilled

WEIGHTS = st.floats(0, 0.99)


def test_each_run_is_a_line_over_steps_and_over_its_share(store: Store) -> None:
    found = compare_runs.compared(store, [distilled(store), distilled(store, seed=1)])
    curves = overlay.curves(store, found)
    assert list(curves) == ["loss"]
    part = curves["loss"][curves["loss"]["label"] == found[0].label]
    assert part["step"].tolist() == [1, 2]
    assert part["value"].tolist() == [1.0, 0.5]
    assert part["share"].tolist() == [50.0, 100.0]  # no total was told, so the last step is the end
    figure = compare_figures.overlay(curves["loss"], "step", x_title="Step", y_title="Loss",
                                colours={one.label: one.colour for one in found})
    assert len(figure.data) == 2


def test_the_share_is_of_the_whole_run_not_of_what_is_recorded_so_far(store: Store) -> None:
    run = distilled(store)
    told = [{"event": "step", "step": step, "total": 8, "loss": 1.0} for step in (1, 2)]
    (run.folder / "events.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in told))
    curves = overlay.curves(store, compare_runs.compared(store, [run]))
    assert curves["loss"]["share"].tolist() == [12.5, 25.0]


def test_smoothing_by_hand() -> None:
    # w = ½: s₁ = ½·4 = 2, shown 2/½; s₂ = 1 + ½·8 = 5, shown 5/¾
    assert overlay.smoothed([4.0, 8.0], 0.5) == pytest.approx([4.0, 20 / 3])
    assert overlay.smoothed([4.0, 8.0], 0.0) == [4.0, 8.0]
    with pytest.raises(ValueError, match="below 1, got 1"):
        overlay.smoothed([1.0], 1)


@given(WEIGHTS, st.floats(-1e3, 1e3), st.integers(1, 50))
def test_smoothing_leaves_what_does_not_change(weight: float, value: float, length: int) -> None:
    assert overlay.smoothed([value] * length, weight) == pytest.approx([value] * length, abs=1e-9)


def test_a_smoothed_curve_keeps_its_values_faintly_behind(store: Store) -> None:
    found = compare_runs.compared(store, [distilled(store)])
    frame = overlay.smooth(overlay.curves(store, found)["loss"], 0.5)
    figure = compare_figures.overlay(frame, "step", x_title="", y_title="", colours={found[0].label: "#000"})
    faint, line = figure.data
    assert faint.opacity < 1
    assert list(faint.y) == [1.0, 0.5]
    assert list(line.y) != [1.0, 0.5]
