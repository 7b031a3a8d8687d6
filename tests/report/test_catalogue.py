"""The run table: search, filters, order, and seeds of one question as one row."""

from __future__ import annotations

import json
import time

import pandas as pd
import pytest

from ddcore.evaluation.plans import Question, evaluation
from ddcore.experiments import spec
from ddcore.report import catalogue, overview, quantities
from ddcore.runs import Store
from ddcore.summary import Accuracy
from tests.report.conftest import Answer, distilled, imitated
from tests.report.test_compare_runs import judged_as
from tests.runs.shelf import many


def test_a_set_shows_the_accuracy_of_its_newest_evaluation_and_its_setting(store: Store, answer: Answer) -> None:
    run = distilled(store)
    judged_as(answer, run, "course", 0.5, 0.6)
    row = catalogue.catalogue(store).set_index("id").loc[run.id]
    assert row["accuracy"] == pytest.approx(55)
    assert row["setting"].endswith("protocol course")
    assert row["n"] == 2


def test_seeds_of_one_question_are_one_row_over_all_networks(store: Store, answer: Answer) -> None:
    runs = [distilled(store, seed=seed) for seed in (0, 1)]
    other = distilled(store, lr_img=7.0)
    answer(judge(runs[0]), 0.5, 0.7)
    answer(judge(runs[1]), 0.3)
    sets = catalogue.filtered(catalogue.catalogue(store), kinds=["distill"])
    together = catalogue.seeds_together(sets)
    assert sorted(map(len, together["members"])) == [1, 2]
    row = together[together["seeds"] == 2].iloc[0]
    assert row["n"] == 3
    assert row["accuracy"] == pytest.approx(50)  # (50 + 70 + 30) / 3
    assert row["std"] == pytest.approx(20)
    assert other.id in together[together["seeds"] == 1]["id"].tolist()


def judge(run):  # type: ignore[no-untyped-def]
    from ddcore.evaluation.plans import Question, evaluation

    return evaluation(run, Question("course", nets=2))


def test_evaluations_of_the_seeds_of_a_set_are_seeds_too(store: Store, answer: Answer) -> None:
    for seed in (0, 1):
        answer(judge(distilled(store, seed=seed)), 0.5, 0.6)
    found = catalogue.seeds_together(catalogue.filtered(catalogue.catalogue(store), kinds=["evaluate"]))
    assert found["seeds"].tolist() == [2]


def test_every_word_and_every_filter_must_hold(store: Store) -> None:
    first, second = distilled(store), distilled(store, lr_img=3.0)
    store.annotate(first.id, name="sunny", tags=["class", "keep"], note="for Monday")
    store.annotate(second.id, tags=["class"])
    every = catalogue.catalogue(store)

    def ids(**asked) -> list[str]:  # type: ignore[no-untyped-def]
        return catalogue.filtered(every, **asked)["id"].tolist()

    assert ids(words="SUNNY monday") == [first.id]
    assert ids(words="sunny tuesday") == []
    assert set(ids(tags=["class"])) == {first.id, second.id}
    assert ids(tags=["class", "keep"]) == [first.id]
    assert ids(kinds=["baseline"]) == []
    assert set(ids(datasets=["digits"], methods=["DataDAM"])) == {first.id, second.id}


def test_failed_runs_can_be_hidden_and_broken_folders_show_as_such(store: Store) -> None:
    (store.root / "distill" / ("f" * 16)).mkdir(parents=True)
    store.create(spec("describe", "describe", {"dataset": "digits"}))
    every = catalogue.catalogue(store)
    assert "broken" in every["state"].tolist()
    assert "broken" not in catalogue.filtered(every, finished=True)["state"].tolist()


def test_rows_without_a_value_come_last_in_either_order(store: Store, answer: Answer) -> None:
    low, high, none = distilled(store), distilled(store, lr_img=3.0), distilled(store, lr_img=4.0)
    answer(judge(low), 0.2)
    answer(judge(high), 0.8)
    sets = catalogue.filtered(catalogue.catalogue(store), kinds=["distill"])
    assert catalogue.in_order(sets, "accuracy")["id"].tolist() == [high.id, low.id, none.id]
    assert catalogue.in_order(sets, "accuracy", falling=False)["id"].tolist() == [low.id, high.id, none.id]


def test_a_sparkline_has_few_points(store: Store) -> None:
    run = distilled(store)
    assert catalogue.sparkline(run) == [1.0, 0.5]


def test_a_thousand_questions_are_a_table_within_two_seconds(store: Store) -> None:
    many(store, 1000)
    for number, folder in enumerate((store.root / "distill").iterdir()):
        path = folder / "run.json"
        info = json.loads(path.read_text())
        path.write_text(json.dumps({**info, "config": {**info["config"], "ipc": 1 + number, "seed": number % 3}}))
    began = time.process_time()  # what others do on this machine meanwhile is not the table's time
    every = catalogue.filtered(catalogue.catalogue(store), words="digits")
    found = catalogue.in_order(catalogue.seeds_together(every), "created")
    assert len(found) == 1000
    assert time.process_time() - began < 2.0  # 0.5 s on a quiet machine


def test_one_row_for_each_value_of_a_parameter(store: Store, answer: Answer) -> None:
    runs = [distilled(store, lr_img=rate, seed=seed) for rate, seed in ((1.0, 0), (1.0, 1), (2.0, 0))]
    for run, accuracy in zip(runs, (0.2, 0.4, 0.9), strict=True):
        answer(judge(run), accuracy)
    parameters = quantities.parameters(store.records())
    chosen = {name: parameters[name] for name in ("lr_img", "seed")}
    every = catalogue.with_parameters(catalogue.filtered(catalogue.catalogue(store), kinds=["distill"]), store, chosen)
    rows = catalogue.grouped(every, "lr_img", "η_S").set_index("run")
    assert rows.loc["η_S 1 · digits", "accuracy"] == pytest.approx(30)
    assert rows.loc["η_S 1 · digits", "n"] == 2
    assert set(rows.loc["η_S 1 · digits", "members"]) == {runs[0].id, runs[1].id}
    assert pd.isna(rows.loc["η_S 1 · digits", "seed"])  # it differs
    assert rows.loc["η_S 2 · digits", "seed"] == 0


def test_a_range_and_a_pick_leave_out_what_has_no_value(store: Store) -> None:
    slow, fast, other = distilled(store, lr_img=0.5), distilled(store, lr_img=5.0), imitated(store)
    parameters = quantities.parameters(store.records())
    names = ("lr_img", "net_steps", "init")
    every = catalogue.with_parameters(catalogue.catalogue(store), store, {name: parameters[name] for name in names})

    def ids(**asked) -> set[str]:  # type: ignore[no-untyped-def]
        return set(catalogue.filtered(every, **asked)["id"])

    assert ids(ranges={"lr_img": (1.0, 9.0)}) == {fast.id}
    assert ids(ranges={"lr_img": (None, 1.0)}) >= {slow.id}
    assert other.id not in ids(ranges={"net_steps": (None, None)})  # PAD has no such parameter
    assert ids(picks={"init": ["real"]}) >= {slow.id, fast.id}


def test_the_ready_selections_hold_one_set_of_each_method_with_most_methods_first(store: Store) -> None:
    distilled(store, seed=3)
    newest, other = distilled(store, seed=4), imitated(store)
    alone = distilled(store, ipc=7)
    offered = catalogue.selections(store)
    [own] = [ids for name, ids in offered.items() if name.startswith("Newest of each method · Digits 8×8, IPC 1")]
    assert set(own) == {newest.id, other.id}
    assert all(alone.id not in ids for ids in offered.values())


def test_a_table_holds_accuracies_of_one_setting_and_marks_those_of_another(store: Store, answer: Answer) -> None:
    sets = [distilled(store, lr_img=rate) for rate in (1.0, 2.0, 3.0, 4.0)]
    for run in sets[:3]:
        judged_as(answer, run, "course", 0.5, 0.6)
    for run in sets[2:]:
        asked = evaluation(run, Question("course", nets=2, network={"network": "lenet"}))
        answer(asked, 0.1, 0.2, accuracy=Accuracy.of((0.1, 0.2), "course"))
    rows = catalogue.catalogue(store).set_index("id")
    assert rows.loc[[run.id for run in sets], "accuracy"].round(1).tolist() == [55.0, 55.0, 55.0, 15.0]
    assert rows.loc[[run.id for run in sets], "elsewhere"].tolist() == [False, False, False, True]
    judges, usual = catalogue.judges(store.records()), catalogue.settings(store.records())
    assert catalogue.told([judges[sets[3].id]], usual) == (
        "‡ Not on ConvNet-3, width 8 · protocol course, as most sets of digits.")
    assert catalogue.told([judges[sets[0].id]], usual) == ""
    listed = overview.table(overview.rows(store.records()), {}).set_index("id")
    assert [listed.loc[run.id, "accuracy"].endswith("‡") for run in sets] == [False, False, False, True]


def test_a_row_of_runs_that_differ_says_in_what_and_one_of_seeds_alone_says_nothing(store: Store) -> None:
    runs = [distilled(store, ipc=ipc, seed=seed, lambda_task=0.0) for ipc in (1, 2) for seed in (0, 1)]
    imitated(store)
    sets = catalogue.filtered(catalogue.catalogue(store), kinds=["distill"])
    assert catalogue.pooled_over(catalogue.seeds_together(sets), store) == ["", "", ""]
    assert len(runs) == 4
    (row,) = catalogue.pooled_over(catalogue.grouped(sets, "dataset", "Data set"), store)
    assert row.startswith("PAD, DataDAM; IPC 1, 2")
    by_method = catalogue.grouped(sets, "method", "Method")
    told = dict(zip(by_method["method"], catalogue.pooled_over(by_method, store), strict=True))
    assert told == {"PAD": "", "DataDAM": "IPC 1, 2"}


def test_a_row_of_several_seeds_is_named_after_none_of_them(store: Store, answer: Answer) -> None:
    for seed in (0, 1):
        distilled(store, seed=seed)
    frame = catalogue.catalogue(store).assign(run=["DataDAM · digits · seed 1 · 2 more", "DataDAM · digits · 2 more"])
    assert catalogue.seeds_together(frame)["run"].tolist() == ["DataDAM · digits · 2 more"]


def test_an_evaluation_is_listed_under_the_method_that_its_set_is_called_after(store: Store, answer: Answer) -> None:
    datm = imitated(store, initial_ratio=1.0, remove_ratio=0.0, second_remove_ratio=0.0, shallow_ratio=0.0)
    for run in (datm, imitated(store)):
        judged_as(answer, run, "course", 0.5)
    rows = catalogue.catalogue(store).set_index("kind")
    assert sorted(rows.loc["evaluate", "method"]) == ["DATM", "PAD"]
