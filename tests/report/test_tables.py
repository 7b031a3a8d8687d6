from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from ddcore.experiments import KINDS
from ddcore.experiments.describe import DescribeSummary, Part
from ddcore.experiments.distill import DistillSummary
from ddcore.experiments.evaluate import EvaluateSummary
from ddcore.experiments.flops import NetworkCount
from ddcore.methods import METHODS
from ddcore.report import tables
from ddcore.runs.store import RunRecord
from ddcore.settings import network_title
from ddcore.summary import Accuracy, Summary

ACCURACY = Accuracy(mean=0.9, std=0.01, n=3, protocol="course")


def record(**changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "id": "0123456789abcdef", "kind": "evaluate", "name": "evaluate", "state": "done",
        "config": {"dataset": "digits", "network": "convnet3"}, "summary": EvaluateSummary(accuracy=ACCURACY),
        "info": {"times": {"seconds": 75.0}}, "user": {}, "demo": False, "folder": Path("x"), "problem": None,
        "created": 0.0,
    }
    return RunRecord(**{**values, **changes})


def evaluated(**summary: Any) -> EvaluateSummary:
    return EvaluateSummary.model_validate({"accuracy": ACCURACY, **summary})


def test_the_runs_table_carries_protocol_and_number_of_networks_beside_each_accuracy() -> None:
    row = tables.runs([record()]).iloc[0]
    assert (row["accuracy"], row["protocol"], row["time"]) == ("90.0 ± 1.0 % (n = 3)", "course", "1 min 15 s")


def test_a_run_without_results_is_still_a_row() -> None:
    broken = record(state="broken", config={}, summary=Summary(), info={}, name="")
    row = tables.runs([broken]).iloc[0]
    assert (row["state"], row["accuracy"]) == ("broken", "–")


def test_no_runs_make_an_empty_table_with_columns() -> None:
    assert "id" in tables.runs([]).columns


def test_a_run_is_called_by_the_name_people_gave_it() -> None:
    assert tables.title(record(user={"name": "my best"})) == "my best"


def test_a_run_without_a_name_is_called_by_what_it_computes() -> None:
    distilled = record(kind="distill", name="datadam", summary=DistillSummary(),
                       config={"dataset": "mnist", "network": "convnet3", "ipc": 10})
    assert tables.title(distilled) == "DataDAM · mnist · IPC 10"
    assert tables.title(record()) == "Evaluation · digits"


@pytest.mark.parametrize(
    ("config", "called"),
    [
        ({"network": "convnet3", "width": 128, "depth": 3, "norm": "instance"}, "ConvNet-3"),
        ({"network": "convnet3", "width": 32, "depth": 3, "norm": "batch"}, "ConvNet-3, width 32, normalisation batch"),
        ({"network": "lenet", "width": None}, "LeNet"),
        ({"network": "of another version"}, "of another version"),
    ],
)
def test_a_network_is_called_by_how_it_departs_from_the_published_one(config: dict[str, Any], called: str) -> None:
    assert network_title(config) == called
    one = record(kind="baseline", name="baseline", config={"dataset": "digits", **config})
    assert tables.title(one) == f"Full-data training · digits · {called}"


def test_an_evaluation_is_called_after_the_images_it_tested() -> None:
    source = {"run": "0123456789abcdef", "method": "datadam", "images": "initial", "ipc": 10}
    config = {"dataset": "digits", "network": "convnet3", "images": "initial", "protocol": "quick", "nets": 3}
    told = tables.title(record(summary=evaluated(source=source), config=config))
    assert told == "Evaluation of initial images of DataDAM · digits · IPC 10, quick, n 3"


def test_an_evaluation_with_class_labels_alone_says_so() -> None:
    config = {"dataset": "digits", "network": "convnet3", "labels": "hard"}
    summary = evaluated(source={"method": "pad", "images": "images", "ipc": 10})
    told = tables.title(record(summary=summary, config=config))
    assert told == "Evaluation of PAD · digits · IPC 10, class labels alone"


def test_experts_are_called_by_their_number_and_what_they_see() -> None:
    from ddcore.methods.trajectories import TrajectoryConfig

    values = TrajectoryConfig.build({"dataset": "digits", "experts": 4, "train_epochs": 10}).values()
    scheduled = record(kind="experts", name="experts", config=values)
    plain = record(kind="experts", name="experts", config={**values, "initial_ratio": 1.0})
    assert tables.title(scheduled).startswith("Expert trajectories, 4 × 10 epochs · digits · ConvNet-3 · ")
    assert tables.title(plain).startswith("Expert trajectories, 4 × 10 epochs, all data · digits · ConvNet-3 · ")


def test_a_run_of_pad_without_what_pad_adds_is_called_datm() -> None:
    values = METHODS["pad"].Config.build({"dataset": "digits", "ipc": 1}).values()
    everything = {"initial_ratio": 1.0, "remove_ratio": 0.0, "second_remove_ratio": 0.0, "shallow_ratio": 0.0}
    plain = {**values, **everything}
    called = [tables.title(record(kind="distill", name="pad", config=one)) for one in (values, plain, {"ipc": "?"})]
    assert [words.split(" · ")[:3] for words in called] == [["PAD", "digits", "IPC 1"], ["DATM", "digits", "IPC 1"],
                                                           ["PAD", "IPC ?"]]


def test_curves_leave_out_what_is_not_finite_and_keep_the_last_point() -> None:
    events = [{"event": "step", "step": i, "loss": float(i)} for i in range(5000)]
    events[3]["loss"] = math.nan
    frame = tables.curves([*events, {"event": "snapshot", "step": 5000}], {"loss": "Loss"})
    assert len(frame) <= tables.MAX_POINTS + 1
    assert frame["value"].notna().all()
    assert frame["step"].iloc[-1] == 4999


def test_training_curves_are_percentages() -> None:
    frame = tables.training([{"event": "epoch", "epoch": 1, "train_accuracy": 0.5, "val_accuracy": 0.25}])
    assert dict(zip(frame["series"], frame["value"], strict=True)) == {"training": 50.0, "validation": 25.0}


SUMMARY = DescribeSummary(
    classes=("HP", "SSA"),
    splits={"train": Part(size=4, per_class=(3, 1), votes=(3, 0, 1)), "val": Part(size=2, per_class=(1, 1)),
            "test": Part(size=0, per_class=(0, 0))},
)


def test_class_counts_give_each_classs_share_of_its_split() -> None:
    frame = tables.class_counts(SUMMARY)
    assert frame.iloc[0].to_dict() == {"class": "HP", "split": "training", "images": 3, "share": 75.0}
    assert len(frame) == 6


def test_votes_are_told_only_where_people_voted() -> None:
    assert tables.votes(SUMMARY).values.tolist() == [[0, 3, "training"], [1, 0, "training"], [2, 1, "training"]]


def test_the_flops_table_names_operators_that_were_not_counted() -> None:
    row = NetworkCount(network="lenet", title="LeNet", shape=(1, 28, 28), classes=10, parameters=61706, macs=416520,
                       flops=833040, uncounted={"aten::max_pool2d": 2})
    shown = tables.flops([row]).iloc[0]
    assert (shown["Input"], shown["Not counted"]) == ("1×28×28", "max pooling ×2")
    assert shown["FLOPs = 2 × MACs"] == 2 * shown["MACs"]


def test_the_parameter_table_takes_words_from_the_declaration() -> None:
    config = KINDS["distill"].config("datadam")
    frame = tables.parameters(config, config.build({}).values())
    meaning = dict(zip(frame["Parameter"], frame["Meaning"], strict=True))
    assert meaning["λ · Task balance"] == config.param("lambda_task").help


EVALUATED = {
    "config": {"dataset": "mhist", "network": "convnet3"},
    "summary": evaluated(accuracy={"mean": 0.625, "n": 1}, per_class=[0.75, 0.5], confusion=[[3, 1], [2, 2]]),
}


def test_confusion_is_told_in_images_and_in_shares_of_the_true_class() -> None:
    frame = tables.confusion(record(**EVALUATED))
    assert frame["share"].tolist() == [75.0, 25.0, 50.0, 50.0]
    assert frame.iloc[1].to_dict() == {"true": "HP", "predicted": "SSA", "images": 1, "share": 25.0}


def test_classes_have_their_accuracy_in_percent() -> None:
    frame = tables.per_class(record(**EVALUATED))
    assert frame.values.tolist() == [["HP", 75.0], ["SSA", 50.0]]


@pytest.mark.parametrize(
    ("config", "summary", "named"),
    [
        ({"dataset": "mhist"}, {}, ("HP", "SSA")),
        ({"dataset": "mhist"}, {"classes": ["a", "b"], "per_class": [1.0, 0.0]}, ("a", "b")),
        ({"dataset": "mhist"}, {"per_class": [1.0, 0.0, 0.0]}, ("0", "1", "2")),
        ({"dataset": "gone"}, {"classes": ["a", "b"], "per_class": [1.0, 0.0]}, ("a", "b")),
        ({"dataset": "gone"}, {"per_class": [1.0, 0.0]}, ("0", "1")),
    ],
)
def test_classes_are_named_by_the_run_itself_then_by_its_data_set_then_by_number(
    config: dict[str, Any], summary: dict[str, Any], named: tuple[str, ...]
) -> None:
    one = record(config=config, summary=evaluated(**summary))
    assert tables.classes(one) == named
    assert tables.per_class(one)["class"].tolist() == list(named[: len(summary.get("per_class", ()))])


@pytest.mark.parametrize(
    ("shares", "majority", "shown"),
    [
        ([0.5] * 2, 0.5, ("balanced_accuracy", "auc")), ([0.5] * 10, 0.1135, ()),
        ([0.5] * 10, 0.1959, ("balanced_accuracy",)), ([], 0.9, ()),
    ],
)
def test_balanced_accuracy_is_told_where_classes_are_unequally_frequent_and_auc_of_two(
    shares: list[float], majority: float, shown: tuple[str, ...]
) -> None:
    found = evaluated(per_class=shares, majority=majority)
    assert tables.beside(found) == shown
    assert tables.beside(found.model_copy(update={"accuracy": None})) == ()


def test_the_runs_table_tells_balanced_accuracy_only_where_it_says_something_else() -> None:
    summary = evaluated(balanced_accuracy={"mean": 0.7, "n": 1}, majority=0.6, per_class=[0.5] * 2)
    rows = [record(summary=summary), record(summary=summary.model_copy(update={"per_class": (0.5,)}))]
    assert tables.runs([rows[0], record()])["balanced_accuracy"].tolist() == ["70.0 %", "–"]


def test_the_majority_of_the_images_that_judge_a_training_is_read_from_its_events() -> None:
    assert tables.majority([{"event": "judge", "majority": 0.625}, {"event": "epoch"}]) == 62.5
    assert tables.majority([{"event": "epoch"}]) is None
    assert tables.majority([{"event": "judge", "majority": None}]) is None


def test_an_evaluation_from_before_confusion_was_recorded_has_an_empty_table() -> None:
    assert tables.confusion(record()).empty
    assert tables.per_class(record()).empty


def test_the_curves_of_an_evaluation_say_how_many_unseen_images_they_were_measured_on() -> None:
    events = [
        {"event": "epoch", "epoch": 1, "step": 10, "loss": 1.0, "train_accuracy": 0.5},
        {"event": "tested", "step": 10, "test_accuracy": 0.25, "images": 1000},
    ]
    frame = tables.evaluation(events)
    curves = {name: part["value"].tolist() for name, part in frame.groupby("series")}
    assert curves == {"on the set itself": [50.0], "on 1,000 images it has not seen": [25.0]}
    assert tables.evaluation([]).empty


def test_the_protocol_table_has_every_field_that_is_used() -> None:
    from ddcore.protocols import PROTOCOLS

    steps = tables.protocol(PROTOCOLS["steps"].training("siamese"))
    values = dict(zip(steps["Parameter"], steps["Value"], strict=True))
    assert values["Optimiser steps"] == "1000"
    assert values["Augmentation"] == "siamese"
    assert "Epochs" not in values
    assert {"Learning rate", "Momentum", "Weight decay", "Learning-rate schedule", "Batch size", "Optimiser"} <= set(
        values
    )
    assert all(steps["Meaning"])


def test_published_results_are_listed_with_source_and_status() -> None:
    from ddcore.report.published import published

    frame = tables.published(published("mnist", "convnet3", 1)).set_index("Method")
    assert frame.loc["DC", ["Accuracy", "Status"]].tolist() == ["91.7 ± 0.5 %", "source read"]
    assert frame.loc["DM", "Status"] == "recalled, unverified"
    assert frame.loc["FreD", "Accuracy"] == "95.8 %"


@pytest.mark.parametrize(
    ("config", "called"),
    [({"step": 1000}, "step 1,000 of DataDAM · digits · IPC 10"),
     ({"split": "val"}, "DataDAM · digits · IPC 10, validation split"),
     ({"network": "lenet"}, "DataDAM · digits · IPC 10, LeNet")],
)
def test_an_evaluation_of_a_snapshot_or_in_another_way_says_so(config: Any, called: str) -> None:
    summary = evaluated(source={"method": "datadam", "ipc": 10})
    told = tables.title(record(summary=summary, config={"dataset": "digits", "network": "convnet3", **config}))
    assert told == f"Evaluation of {called}"
