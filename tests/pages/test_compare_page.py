"""The Compare page: choosing, what the address keeps, and what each section says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ddcore.experiments import KINDS, spec
from ddcore.runs.store import Store
from pages.components.compare import numbers
from tests.pages.conftest import DM, TINY, Filled, Open, finish, put, words

PAGE = "pages/7_Compare.py"
SECTIONS = ("What differs", "Numbers", "Curves", "Images", "Feature space", "Report")


def both(filled: Filled) -> str:
    return f"{filled.distilled},{filled.dm}"


def test_nothing_chosen_leads_to_the_table(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE)
    assert "Tick rows to compare them" in words(app)
    assert app.button(key="compare").disabled
    assert len(app.dataframe) == 1
    shown = app.dataframe[0].value
    assert filled.distilled in shown["id"].tolist()
    assert shown.set_index("id").loc[filled.distilled, "accuracy"] > 0


def test_the_table_has_at_first_the_kinds_whose_runs_are_results_of_their_own(
    open_page: Open, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_page(PAGE).multiselect(key="kind").value == ["distill", "baseline"]
    another = replace(KINDS["describe"], result=True)
    monkeypatch.setitem(KINDS.__dict__, "_entries", {**dict(KINDS.items()), "describe": another})
    assert open_page(PAGE).multiselect(key="kind").value == ["describe", "distill", "baseline"]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_a_link_to_runs_of_every_kind_opens_at_once(
    section: str, open_page: Open, filled: Filled
) -> None:
    kinds = [filled.distilled, filled.dm, filled.baseline, filled.described, filled.evaluated, filled.coreset]
    app = open_page(PAGE, runs=",".join(kinds), view=section)
    assert not app.error
    assert app.segmented_control[0].value == section


def test_briefly_trained_full_data_is_said_to_be_no_ceiling(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, runs=f"{filled.distilled},{filled.baseline}", view="Numbers",
                    on="each run's newest evaluation")
    assert "protocol own setting: The network on the full data is trained for 2 passes over the training" in words(app)


def test_a_deleted_run_in_a_link_is_said_and_the_others_are_shown(open_page: Open, filled: Filled) -> None:
    Store().trash(filled.dm)
    app = open_page(PAGE, runs=f"{both(filled)},../../etc")
    assert f"Not here: {filled.dm}" in words(app)
    assert not app.error
    assert app.button(key=f"out-{filled.distilled}")


def test_broken_folders_and_unfinished_runs_never_stop_a_comparison(
    open_page: Open, filled: Filled, home: Path
) -> None:
    (home / "runs" / "distill" / ("f" * 16)).mkdir(parents=True)
    (home / "runs" / "nonsense").mkdir()
    (home / "runs" / "nonsense" / "not a run").mkdir()
    waiting = put(spec("distill", "dm", {**DM, "seed": 5}), "running")
    failed = put(spec("distill", "datadam", {**TINY, "seed": 5}), "failed")
    app = open_page(PAGE, runs=f"{both(filled)},{'f' * 16},{waiting},{failed}", hide="false")
    for section in SECTIONS:
        assert not app.segmented_control[0].set_value(section).run().error, section


def test_a_run_is_left_out_by_its_cross_and_all_by_clear(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, runs=both(filled), view="What differs")
    app.button(key=f"out-{filled.dm}").click().run()
    assert filled.distilled in app.query_params["runs"]
    assert filled.dm not in str(app.query_params["runs"])
    assert not app.dataframe  # the table is folded away
    app.button(key="clear").click().run()
    assert "runs" not in app.query_params
    assert "Tick rows to compare them" in words(app)


def test_a_filter_is_read_from_the_address_and_can_be_changed(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, q="herding")
    assert app.dataframe[0].value["id"].tolist() == [filled.coreset]
    assert re.search(r"1 row; not listed: \d+ of other kinds \(.*\), \d+ by search or filter\.", words(app))
    app.text_input(key="q").set_value("pad").run()
    assert app.dataframe[0].value["id"].tolist() == [filled.pad]


def test_what_nobody_asked_to_leave_out_is_told_with_its_reason_and_can_be_shown(
    open_page: Open, filled: Filled
) -> None:
    failed = put(spec("distill", "datadam", {**TINY, "seed": 5}), "failed")
    app = open_page(PAGE)
    every, listed = Store().records(), set(app.dataframe[0].value["id"])
    others = sum(record.kind not in ("distill", "baseline") for record in every)
    assert re.search(rf"; not listed: {others} of other kinds \(.*\), 1 failed or stopped\. Tick", words(app))
    assert failed not in listed
    app.button(key="show-all").click().run()
    assert failed in set(app.dataframe[0].value["id"])
    assert "not listed" not in words(app)
    assert not [*app.warning, *app.exception]


def test_a_link_to_one_run_chooses_it_and_its_cross_leaves_it_out(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.dm)
    app.button(key=f"out-{filled.dm}").click().run()
    assert "Tick rows to compare them" in words(app)
    assert "run" not in app.query_params


def test_a_parameter_is_a_column_a_filter_a_group_and_an_order(open_page: Open, filled: Filled) -> None:
    name = "λ · Task balance"
    app = open_page(PAGE, cols=name, by=name, group=name, sort=name)
    assert not app.error
    assert not app.warning
    [row] = app.dataframe[0].value.to_dict("records")
    assert row["lambda_task"] == pytest.approx(0.01)
    assert row["run"] == "λ 0.01 · digits"
    app.text_input(key="from-lambda_task").set_value("0.5").run()
    assert app.dataframe[0].value.empty
    app.text_input(key="from-lambda_task").set_value("half").run()
    assert "“half” is no number" in words(app)
    assert len(app.dataframe[0].value) == 1


def test_what_the_address_asks_for_and_is_not_here_is_said(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, cols="Shoe size", by="Colour", group="Weather", sort="Mood", dataset="imagenet")
    assert not app.error
    told = [warning.value for warning in app.warning]
    for what in ("column: Shoe size", "filter: Colour", "group: Weather", "order: Mood", "data set: imagenet"):
        assert any(what in words for words in told), what
    assert len(app.dataframe[0].value) > 1


def test_the_table_opens_again_with_its_ticks_and_folds_by_one_click(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, runs=both(filled))
    app.session_state["table"] = True
    app.run()
    assert app.button(key="compare").label == "Compare 2 runs"
    assert "How sure are the differences" not in words(app)
    app.button(key="compare").click().run()
    assert app.button(key=f"out-{filled.dm}")
    assert filled.dm in str(app.query_params["runs"])
    app.session_state["table"] = True
    app.run()
    assert app.button(key="compare").label == "Compare 2 runs"


def test_a_link_followed_after_looking_at_the_table_shows_the_comparison(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE)
    assert app.dataframe[0].value["id"].tolist()
    app.switch_page("pages/8_Runs.py").run()
    app.switch_page(PAGE)
    app.query_params["runs"] = both(filled)
    app.run()
    assert app.button(key=f"out-{filled.dm}")
    assert not [button for button in app.button if button.key == "compare"]


def test_a_card_of_a_narrow_screen_takes_its_run_into_the_comparison_and_out_of_it(
    open_page: Open, filled: Filled
) -> None:
    app = open_page(PAGE, q=filled.dm)
    [box] = app.checkbox
    box.check().run()
    assert filled.dm in str(app.query_params["runs"])
    assert app.button(key="compare").label == "Compare 1 run"
    [box] = app.checkbox
    assert box.value
    box.uncheck().run()
    assert "runs" not in app.query_params


def test_a_ready_selection_is_compared_by_one_click(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE)
    ready = next(button for button in app.button if str(button.key).startswith("ready-Newest of each method"))
    ready.click().run()
    assert not app.error
    assert f"({''.join(app.query_params['runs']).count(',') + 1})" in ready.label
    assert app.segmented_control[0].value == "Numbers"


@pytest.mark.slow  # every section once
def test_searches_truths_and_trials_stop_no_section(open_page: Open, home: Path) -> None:
    told = {"accuracy": {"mean": 0.5, "std": None, "n": 1, "protocol": "20 steps", "split": "val"}}
    asked = {"dataset": "digits", "proxies": "early"}
    ids = [finish(spec("search", "search", asked), {}), finish(spec("truth", "truth", {}), {}),
           finish(spec("trial", "trial", {}), told)]
    app = open_page(PAGE, runs=",".join(ids))
    for section in SECTIONS:
        assert not app.segmented_control[0].set_value(section).run().error, section


def test_what_differs_is_a_card_for_each_parameter_on_a_narrow_screen(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, runs=both(filled), view="What differs")
    cards = [html.proto.body for html in app.get("html") if 'class="cards"' in html.proto.body]
    assert len(cards) == len(app.dataframe) > 0
    assert "<dt>DataDAM</dt><dd>0.1</dd><dt>DM</dt><dd>1</dd>" in cards[0]


def test_a_box_that_nobody_touched_unticks_no_run(home: Path) -> None:
    def called_for_a_box_that_is_gone(run_id: str) -> None:
        import streamlit as st

        from pages.components.compare import rows

        st.query_params["runs"], st.session_state["box"] = run_id, False
        rows.toggle("box", [run_id], False)

    app = AppTest.from_function(called_for_a_box_that_is_gone, args=("0" * 16,)).run()
    assert "".join(app.query_params["runs"]) == "0" * 16
    assert "rows-anew" not in app.session_state


def test_the_cost_that_most_runs_have_is_drawn_first() -> None:
    known = pd.DataFrame({"label": ["a", "b"], "seconds_all": [1.0, None], "seconds_train": [1.0, 2.0]})
    assert numbers._best_known(["seconds_all", "seconds_train"], known) == "seconds_train"
    assert numbers._best_known(["seconds_all", "seconds_train"], known[:1]) == "seconds_all"


def test_a_group_of_runs_with_other_settings_says_so_beside_its_number(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, method="DataDAM", group="Data set")
    assert "pools" not in app.dataframe[0].proto.column_order, "one run alone"
    put(spec("distill", "datadam", {**TINY, "lambda_task": 0.9}), "queued")
    app = open_page(PAGE, method="DataDAM", group="Data set")
    assert app.dataframe[0].value["pools"].tolist() == ["λ 0.01, 0.9"]
    assert list(app.dataframe[0].proto.column_order)[4:6] == ["n", "pools"]
    assert set(open_page(PAGE, method="DataDAM").dataframe[0].value["pools"]) == {""}


def test_more_runs_than_colours_are_told_apart_by_their_marks(open_page: Open, home: Path) -> None:
    ids = [put(spec("distill", "datadam", {**TINY, "seed": seed}), "queued") for seed in range(8)]
    app = open_page(PAGE, runs=",".join(ids), view="What differs")
    marks = [one.value for one in app.markdown if one.value.startswith(":color[")]
    assert len(set(marks)) == 8
    assert sum("●" in mark for mark in marks) == 7
