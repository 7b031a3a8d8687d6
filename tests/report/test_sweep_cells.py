"""What a sweep shows of its cells: slices, colours along the axis, strips in one order."""

from __future__ import annotations

from pathlib import Path

from ddcore.report import sweeps
from ddcore.report.figures import COLOURS, along
from ddcore.report.gallery import strip
from ddcore.runs.store import Store
from tests.sweeping import World, config, question


def test_colours_along_an_axis_go_from_one_end_to_the_other_through_the_middle() -> None:
    assert along(3) == [COLOURS[0], COLOURS[2], COLOURS[1]]
    assert along(1) == [COLOURS[0]]
    assert len(set(along(20))) == 20


def test_a_strip_has_the_first_images_of_as_many_classes_as_have_room() -> None:
    digits = strip([dict.fromkeys("0123456789", 50), dict.fromkeys("0123456789", 1)])
    assert (digits.images, digits.columns, digits.across) == (10, 1, 10)
    two = strip([{"benign": 1, "malignant": 1}, {"benign": 50, "malignant": 3}])
    assert (dict(two.most), two.columns, two.across) == ({"benign": 5, "malignant": 3}, 5, 2)
    assert strip([dict.fromkeys(map(str, range(100)), 1)]).images == 10


def test_a_slice_goes_through_the_chosen_place_of_the_other_axes(home: Path) -> None:
    answer = sweeps.answer(config(vary="lambda_task=0,1; init=real,noise; ipc=1,2"), Store())
    assert {point.values["ipc"] for point in answer.through({("ipc",): 1})} == {2}
    assert len(answer.through({("ipc",): 1})) == 4
    assert len(answer.through({})) == 8


def test_each_cell_has_its_colour_and_what_is_not_there_says_why(home: Path) -> None:
    asked, store = question(vary="lambda_task=0,1", seeds=2), Store()
    empty = sweeps.answer(asked.config, store)  # type: ignore[arg-type]
    assert [(one.run, one.missing) for one in empty.seen(empty.points, 1, store)] == 2 * [
        (None, "it is not computed yet")]
    World(lambda values: 0.5 if values.get("lambda_task", 0.0) == 0 else None).stored(asked, store)
    answer = sweeps.answer(asked.config, store)  # type: ignore[arg-type]
    each = answer.seen(answer.points, 1, store)
    assert [one.run.colour for one in each if one.run] == [COLOURS[0], COLOURS[1]]
    assert [one.state for one in each] == ["", "failed: it diverged"]
    assert [one.run.record.config["seed"] for one in each if one.run] == [1, 1]


def test_beside_its_accuracy_stands_what_a_cell_took(home: Path) -> None:
    asked, store = question(vary="lambda_task=0,1", seeds=2), Store()
    World(lambda values: 0.5 if values.get("lambda_task", 0.0) == 0 else None).stored(asked, store)
    answer = sweeps.answer(asked.config, store)  # type: ignore[arg-type]
    told = sweeps.table(answer)[["distilling", "training", "FLOPs"]]
    assert [*map(tuple, told.to_numpy())] == [("2.0 s", "0.1 s", "240 k"), ("–", "–", "–")]
    first, second = sweeps.numbers(answer).to_dict("records")
    steps, forward_and_backward, flops_of_a_mac, images, macs = 4, 3, 2, 10, 1000
    assert first["flops_training"] == macs * flops_of_a_mac * forward_and_backward * images * steps
    assert (first["seconds_distill"], first["seconds_train"], first["n"]) == (2.0, 0.1, 4)
    assert (first["lambda_task"], round(first["mean"], 2), second["lambda_task"], second["state"]) == (
        0.0, 50.5, 1.0, "failed")
