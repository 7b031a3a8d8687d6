"""Method by data set and IPC: what shares a cell, what stands out, and what is said below."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import pytest

from ddcore.errors import ConfigError
from ddcore.evaluation.plans import Question, evaluation, plan
from ddcore.experiments import spec
from ddcore.report.compare_runs import Compared, compared, numbers
from ddcore.report.export import pivot, summary, table
from ddcore.report.export.pivot import Choice
from ddcore.runs import RunRecord, Store
from tests.report.conftest import QUESTION, Answer, distilled, imitated
from tests.runs import shelf


def shown(store: Store, runs: list[RunRecord], choice: Choice = Choice()) -> list[list[str]]:
    """The lines of the pivot of these runs, header first."""
    made = pivot.table(pivot.pivot(compared(store, runs), choice))
    return [list(line) for line in (*made.head, *made.rows)]


def judge(answer: Answer, run: RunRecord, *accuracies: float, question: Question = QUESTION) -> RunRecord:
    answer(evaluation(run, question), *accuracies)
    return run


def test_rows_are_methods_columns_sizes_in_order_and_what_is_not_known_is_a_dash(store: Store, answer: Answer) -> None:
    runs = [judge(answer, distilled(store, ipc=2), 0.6, 0.62), judge(answer, distilled(store), 0.5, 0.52),
            judge(answer, imitated(store), 0.55, 0.57)]
    assert shown(store, runs) == [
        ["", "digits", "digits"],
        ["Method", "IPC 1", "IPC 2"],
        ["DataDAM", "51.0 ± 1.4", "61.0 ± 1.4"],
        ["PAD", "56.0 ± 1.4", "–"],
    ]
    assert pivot.pivot(compared(store, runs), Choice()).best == {(1, 0)}


def test_seeds_share_a_cell_over_all_their_networks(store: Store, answer: Answer) -> None:
    values = [(0.5, 0.52), (0.6, 0.61)]
    runs = [judge(answer, distilled(store, seed=seed), *each) for seed, each in enumerate(values)]
    made = pivot.pivot(compared(store, runs), Choice())
    every = [value for each in values for value in each]
    (cell,) = made.cells.values()
    assert (cell.mean, cell.std) == pytest.approx((statistics.mean(every), statistics.stdev(every)))
    assert cell.n == 4


def test_settings_that_would_share_a_cell_get_rows_that_say_what_differs(store: Store, answer: Answer) -> None:
    runs = [judge(answer, distilled(store, lr_img=rate), 0.5, 0.52) for rate in (1.0, 5.0)]
    lines = shown(store, runs)
    assert [line[0] for line in lines[2:]] == ["DataDAM, η_S 1", "DataDAM, η_S 5"]
    assert pivot.pivot(compared(store, runs), Choice()).best == {(0, 0), (1, 0)}  # a tie: both


def test_a_set_and_its_evaluation_are_one_number(store: Store, answer: Answer) -> None:
    run = distilled(store)
    judged = answer(evaluation(run, QUESTION), 0.6, source={"method": "datadam", "ipc": 1})
    assert [line[1] for line in shown(store, [run, judged])[2:]] == ["60.0"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split": "val"}, "measured on the validation split"),
        ({"images": "initial"}, "measured with the initial images"),
        ({"step": 2}, "measured with the images of step 2"),
        ({"labels": "hard", "split": "val"}, "measured on the validation split, with class labels alone"),
        ({"augment": "siamese"}, "measured with augmentation siamese"),
    ],
)
def test_what_is_no_test_accuracy_of_a_result_is_not_printed_as_one(
    changes: dict[str, Any], said: str, store: Store, answer: Answer
) -> None:
    run = distilled(store)
    answer(evaluation(run, QUESTION), 0.5, 0.52)
    other = answer(evaluation(run, QUESTION, **changes), 0.9, 0.92, source={"method": "datadam", "ipc": 1})
    made = pivot.table(pivot.pivot(compared(store, [run, other]), Choice()))
    assert made.rows == (("DataDAM", "51.0 ± 1.4"),)
    assert made.bold == frozenset()
    assert made.notes[-1].startswith("Not in this table: ")
    assert made.notes[-1].endswith(f"(run {other.id}): {said}.")


def test_a_marked_and_an_unmarked_run_of_one_data_set_share_a_column_and_the_mark_is_explained(
    store: Store, answer: Answer
) -> None:
    runs = [judge(answer, distilled(store), 0.5, 0.52), imitated(store)]
    answer(evaluation(runs[1], QUESTION), 0.6, 0.62, notes=["20 test images are in the training part too."])
    made = pivot.table(pivot.pivot(compared(store, runs), Choice()))
    assert made.head == (("", "digits†"), ("Method", "IPC 1"))
    assert [line[0] for line in made.rows] == ["DataDAM", "PAD"]
    assert "† digits: 20 test images are in the training part too." in made.notes


def test_data_sets_called_alike_do_not_share_a_column(store: Store, answer: Answer) -> None:
    found = compared(store, [judge(answer, distilled(store), 0.5, 0.52), judge(answer, imitated(store), 0.4, 0.42)])
    judges = [one.evaluation for one in found if one.evaluation]

    def headings(**changes: Any) -> list[tuple[str, ...]]:
        other = replace(found[1], evaluation=replace(judges[1], **changes))
        made = pivot.pivot([found[0], other], Choice())
        assert not made.best
        return list(made.columns)

    content = judges[0].info["dataset"]["fingerprint"][:6]
    changed = headings(info={**judges[1].info, "dataset": {"name": "digits", "fingerprint": "0123456789"}})
    assert changed == [(f"digits, content {content}", "1"), ("digits, content 012345", "1")]
    config = {**judges[1].config, "resolution": 16}
    assert headings(config=config) == [("digits, 8 px", "1"), ("digits, 16 px", "1")]


def test_controls_stand_under_the_protocol_that_they_were_judged_under(store: Store, answer: Answer) -> None:
    run, own = distilled(store), "course, learnt learning rate"
    asked = plan(run, QUESTION)
    shelf.finished(store, asked.random)
    answer(asked.random_real, 0.3, 0.32)
    told = {"mean": 0.5, "std": 0.01, "n": 2, "protocol": own}
    answer(evaluation(run, QUESTION, lr_from="learnt"), 0.5, 0.5, accuracy=told)
    assert shown(store, [run]) == [
        ["", "digits", "digits"], ["", "IPC 1", "IPC 1"], ["Method", own, "course"], ["DataDAM", "50.0 ± 1.0", "–"],
        ["Random real images", "–", "31.0 ± 1.4"],
    ]
    found = compared(store, [run])
    assert (
        f"Controls of {found[0].label} are those under protocol course." in summary.numbers(found, numbers(found)).notes
    )


def test_two_protocols_become_columns_because_their_numbers_do_not_compare(store: Store, answer: Answer) -> None:
    first = judge(answer, distilled(store), 0.5, 0.52)
    other = imitated(store)
    asked = evaluation(other, replace(QUESTION, protocol="quick"))
    answer(asked, 0.7, 0.71, accuracy={"mean": 0.7, "std": 0.01, "n": 2, "protocol": "quick"})
    lines = shown(store, [first, other])
    assert lines[2] == ["Method", "course", "quick"]
    assert pivot.pivot(compared(store, [first, other]), Choice()).best == frozenset()


def test_where_no_two_are_of_one_size_the_protocols_are_told_below_instead(store: Store, answer: Answer) -> None:
    runs = [judge(answer, distilled(store), 0.5, 0.52), distilled(store, ipc=2)]
    told = {"mean": 0.7, "std": 0.01, "n": 2, "protocol": "quick"}
    answer(evaluation(runs[1], replace(QUESTION, protocol="quick")), 0.7, 0.71, accuracy=told)
    made = pivot.table(pivot.pivot(compared(store, runs), Choice()))
    assert made.head[-1] == ("Method", "IPC 1", "IPC 2")
    network = "ConvNet-3, width 8, protocol"
    assert made.notes[1] == f"Measured on digits: {network} course; digits: {network} quick."


def test_controls_stand_below_a_rule_and_are_never_the_best(store: Store, answer: Answer) -> None:
    runs = [judge(answer, distilled(store), 0.5, 0.52), judge(answer, imitated(store), 0.4, 0.42)]
    asked = plan(runs[0], QUESTION)
    shelf.finished(store, asked.random)
    answer(asked.random_real, 0.8, 0.82)
    answer(asked.full, 0.97)
    made = pivot.pivot(compared(store, runs), Choice())
    assert [row[0] for row in made.rows] == ["DataDAM", "PAD", "Random real images", "Full-data training"]
    assert made.controls == 2
    assert made.best == {(0, 0)}
    assert pivot.table(made).rule == 2


def test_a_chosen_training_on_all_data_is_the_ceiling_of_every_size(store: Store, answer: Answer) -> None:
    runs = [judge(answer, distilled(store, ipc=ipc), 0.5, 0.52) for ipc in (1, 2)]
    full = answer(plan(runs[0], QUESTION).full, 0.97)
    lines = shown(store, [*runs, full])
    assert lines[-1] == ["Full-data training", "97.0", "97.0"]


def test_controls_of_several_sizes_in_one_column_are_told_apart_and_all_data_count_once(
    store: Store, answer: Answer
) -> None:
    runs = [judge(answer, distilled(store, ipc=ipc), 0.5, 0.52) for ipc in (1, 2)]
    asked = [plan(run, QUESTION) for run in runs]
    for one, accuracy in zip(asked, (0.3, 0.4), strict=True):
        shelf.finished(store, one.random)
        answer(one.random_real, accuracy, accuracy)
    full = answer(asked[0].full, 0.97)
    for chosen in (runs, [*runs, full]):
        made = pivot.pivot(compared(store, chosen), Choice(columns=("dataset",)))
        assert [row[0] for row in made.rows] == [
            "DataDAM, IPC 1", "DataDAM, IPC 2", "Random real images, IPC 1", "Random real images, IPC 2",
            "Full-data training",
        ]
        assert made.cells[made.rows.index(("Full-data training",)), 0].n == 1
        assert made.cells[made.rows.index(("Random real images, IPC 2",)), 0].mean == pytest.approx(0.4)


def test_n_is_said_once_and_for_each_cell_that_is_not_like_most(store: Store, answer: Answer) -> None:
    runs = [judge(answer, distilled(store, ipc=ipc), 0.5, 0.52) for ipc in (1, 2)]
    runs.append(judge(answer, distilled(store, ipc=3), 0.5, 0.51, 0.52, question=replace(QUESTION, nets=3)))
    notes = pivot.table(pivot.pivot(compared(store, runs), Choice())).notes
    assert notes[0].endswith("over n networks; n = 2; DataDAM, digits, IPC 3: n = 3.")


def test_runs_without_a_number_are_named_with_the_reason(store: Store, answer: Answer) -> None:
    waiting = store.create(spec("distill", "dm", {"dataset": "digits", "ipc": 1, "width": 8}))
    runs = [judge(answer, distilled(store), 0.5), imitated(store), waiting]
    found = compared(store, runs)
    notes = pivot.table(pivot.pivot(found, Choice())).notes
    assert any(runs[1].id in note and note.endswith("not evaluated.") for note in notes)
    assert any(waiting.id in note and waiting.state in note for note in notes)
    missing = pivot.table(pivot.pivot(found, Choice(metric="auc"))).notes
    assert missing[0] == "None of these runs has such a number."
    assert any(runs[0].id in note and "AUC on the test images was not measured" in note for note in missing)


def test_another_metric_is_shown_where_it_was_measured(store: Store, answer: Answer) -> None:
    run = distilled(store)
    answer(evaluation(run, QUESTION), 0.5, 0.52, balanced_accuracy={"mean": 0.25, "std": 0.01, "n": 2})
    assert shown(store, [run], Choice(metric="balanced_accuracy"))[-1] == ["DataDAM", "25.0 ± 1.0"]


def test_rows_and_columns_can_change_places_and_there_may_be_no_columns(store: Store, answer: Answer) -> None:
    runs = [judge(answer, distilled(store, ipc=ipc), 0.5, 0.52) for ipc in (1, 2)]
    assert shown(store, runs, Choice(("ipc",), ("method",))) == [["IPC", "DataDAM"], ["1", "51.0 ± 1.4"],
                                                                 ["2", "51.0 ± 1.4"]]
    assert shown(store, runs, Choice(("dataset", "ipc"), ()))[0] == ["Data set", "IPC", "Test accuracy"]


def test_only_what_compares_is_held_against_each_other(store: Store, answer: Answer) -> None:
    runs = [judge(answer, distilled(store, ipc=ipc), 0.5, 0.52) for ipc in (1, 2)]
    runs.append(judge(answer, imitated(store), 0.4, 0.42))
    found = compared(store, runs)
    assert pivot.pivot(found, Choice(("ipc",), ("method",))).best == {(0, 0)}  # IPC 1: better than PAD; 2: alone
    assert pivot.pivot(found, Choice(("method", "network"), ())).best == {(0, 0)}


def test_the_control_of_each_network_is_there_when_networks_are_rows(store: Store, answer: Answer) -> None:
    run = judge(answer, distilled(store), 0.5, 0.52)
    wider = judge(answer, distilled(store, width=16), 0.6, 0.62)
    for one in (run, wider):
        asked = plan(one, QUESTION)
        shelf.finished(store, asked.random)
        answer(asked.random_real, 0.3, 0.32)
    random = store.record(asked.random.key)
    lines = shown(store, [run, wider, random], Choice(("method", "network"), ("dataset",)))
    assert [line[:2] for line in lines if line[0] == "Random real images"] == [
        ["Random real images", "ConvNet-3, width 16"],
        ["Random real images", "ConvNet-3, width 8"],
    ]


def test_all_that_is_wrong_with_a_choice_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        Choice(("methd", "ipc"), ("ipc",), "accuracies")
    assert refused.value.problems == (
        "no row or column 'methd'; did you mean 'method'?",
        "ipc is asked for 2 times",
        "no metric 'accuracies'; did you mean 'accuracy'?",
    )
    with pytest.raises(ConfigError, match="rows must name at least one"):
        Choice(rows=())


def test_numbers_for_csv_keep_all_digits(store: Store, answer: Answer) -> None:
    headings, rows = pivot.numbers(pivot.pivot(compared(store, [judge(answer, distilled(store), 1 / 3)]), Choice()))
    assert headings == ["Method", "digits · IPC 1 · mean (%)", "digits · IPC 1 · std (%)", "digits · IPC 1 · n"]
    assert rows == [["DataDAM", pytest.approx(100 / 3), None, 1]]
    assert ",33.333333333333" in table.csv(headings, rows)


def test_no_runs_at_all_is_an_empty_table() -> None:
    nothing: list[Compared] = []
    made = pivot.table(pivot.pivot(nothing, Choice()))
    assert made.rows == ()
    assert made.notes == ("None of these runs has such a number.",)


DATM = {"initial_ratio": 1.0, "remove_ratio": 0.0, "second_remove_ratio": 0.0, "shallow_ratio": 0.0}


def test_a_method_has_the_name_that_its_parameters_give_it_as_on_the_pages(store: Store, answer: Answer) -> None:
    runs = [judge(answer, imitated(store), 0.5, 0.52), judge(answer, imitated(store, **DATM), 0.55, 0.57)]
    assert [line[0] for line in shown(store, runs)[2:]] == ["PAD", "DATM"]
    assert [str(label).partition(" · ")[0] for label in numbers(compared(store, runs))["method"]] == ["PAD", "DATM"]
