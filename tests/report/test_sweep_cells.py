"""What a sweep shows of its cells: slices, colours along the axis, strips in one order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ddcore import jobs
from ddcore.experiments import Spec, spec
from ddcore.experiments.sweep import SweepConfig, replay
from ddcore.jobs import Slot, Status
from ddcore.jobs.job import mark_running
from ddcore.report import compare_runs, effect_figures, sweeps, text
from ddcore.report.effects import Slice
from ddcore.report.estimate import START
from ddcore.report.figures import COLOURS, along
from ddcore.report.findings.sweep import words
from ddcore.report.gallery import strip
from ddcore.report.nas import figures as nas_figures
from ddcore.runs.files import write_json
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
    wall = sum(compare_runs.seconds(store.record(cell.run)) or 0.0 for cell in answer.points[0].cells)
    told = sweeps.table(answer)[["distilling", "training", "training FLOPs"]]
    assert [*map(tuple, told.to_numpy())] == [(text.duration(wall), "0.1 s", "240 k"), ("–", "–", "–")]
    first, second = sweeps.numbers(answer).to_dict("records")
    steps, forward_and_backward, flops_of_a_mac, images, macs = 4, 3, 2, 10, 1000
    assert first["flops_training"] == macs * flops_of_a_mac * forward_and_backward * images * steps
    assert (first["seconds_distill"], first["seconds_train"], first["n"]) == (wall, 0.1, 4)
    assert (first["lambda_task"], round(first["mean"], 2), second["lambda_task"], second["state"]) == (
        0.0, 50.5, 1.0, "failed")


def test_the_rest_of_a_sweep_is_told_from_its_own_cells_less_what_those_that_run_have_had(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "slots", lambda: (Slot("cpu", "cpu"),))
    store, world, asked = Store(), World(lambda values: 0.5), question(vary="lambda_task=0,0.01,0.1,1")
    first, *others = replay(asked.config, world.look).missing  # type: ignore[arg-type]

    def left() -> float:
        return sweeps.left(sweeps.answer(asked.config, store), store, "cpu").seconds  # type: ignore[arg-type]

    for seed in range(5):  # of the same kind, data and network, and newer
        took(world, spec("distill", "datadam", {**first.config.values(), "seed": 7 + seed}), 1000.0)
    took(world, first, 100.0)
    took(world, others[0], 10.0)
    assert left() == pytest.approx(3 * 100 + 4 * 10 + START, rel=0.01), "three cells, and a control that only reads"
    second = next(one for one in others if one.kind == "distill")
    monkeypatch.setattr(sweeps, "read_status", lambda record: Status("running", elapsed_seconds=60.0))
    alone = left()
    mark_running(store.create(second).folder, "cpu")
    assert alone - left() == pytest.approx(60)
    monkeypatch.setattr(jobs, "slots", lambda: (Slot("gpu0", "cuda:0"), Slot("gpu1", "cuda:0")))
    assert left() == pytest.approx((alone - 60) / 2)


def took(world: World, one: Spec, seconds: float) -> None:
    world.put([one], Store())
    record = Store().record(one.key)
    info = {**record.info, "times": {"seconds": seconds}, "device": {"type": "cpu"}}
    write_json(record.folder / "run.json", {**info, "summary": {**record.summary.to_json(), "images": 10}})


def told(world: World, asked: Spec, missing: int = 0) -> str:
    """What is said of a sweep of which the last so many runs have not ended."""
    assert isinstance(asked.config, SweepConfig)
    store, wanted = Store(), replay(asked.config, world.look).missing
    world.put(wanted[: len(wanted) - missing], store)
    return sweeps.answer(asked.config, store).sentence


def test_what_is_ahead_is_told_before_all_has_ended(home: Path) -> None:
    by_rate = World(lambda values: {1.0: 0.5, 10.0: 0.7, 100.0: 0.6}[values.get("lr_img", 1.0)])
    asked = question(vary="lr_img=1,10,100")
    assert told(by_rate, asked, missing=8) == "Nothing can be said yet."
    assert told(by_rate, asked, missing=4) == "Nothing can be compared yet: 1 of 3 values is judged."
    assert told(by_rate, asked, missing=2) == (
        "So far, with 2 of 3 values judged, η_S 10 is ahead by validation (70.5 ± 0.7 %).")


def test_where_no_value_has_all_its_seeds_none_is_chosen_and_that_is_said(home: Path) -> None:
    one_seed = World(lambda values: None if values.get("seed") == 1 else 0.5)
    assert told(one_seed, question(vary="lambda_task=0,1", seeds=2)) == (
        "No value was judged with every seed, so none is chosen; λ 0 is ahead by validation (50.5 ± 0.7 %).")


def test_of_many_that_are_worse_the_sentence_tells_the_range(home: Path) -> None:
    falling = World(lambda values: 0.9 - values.get("lambda_task", 0.0) / 10)
    assert told(falling, question(vary="lambda_task=0,2,3,4,5", seeds=2)).endswith(
        " 4 others are worse, by 20.0 to 50.0 points.")


def test_parallel_coordinates_write_values_as_people_do_and_none_on_another(home: Path) -> None:
    asked = question(vary="lambda_task=0,0.01,1; init=real,noise; ipc=1,2")
    World(lambda values: 0.5 + values.get("lambda_task", 0.0) / 10).stored(asked, store := Store())
    answer = sweeps.answer(asked.config, store)  # type: ignore[arg-type]
    notes = [note for note in nas_figures.parallel(answer.frame, answer.titles).layout.annotations if note.x == 0]
    assert {note.text: note.y for note in notes} == {"0": 0, "0.01": 0.5, "1": 1}


def test_slices_go_along_each_axis_with_the_others_as_the_best_has_them(home: Path) -> None:
    asked = question(vary="lambda_task=0,1; init=real,noise; ipc=1,2")
    World(lambda values: 0.9 - 0.1 * values.get("lambda_task", 0.0) - 0.2 * (values.get("init") == "noise")
          - 0.05 * values.get("ipc", 1)).stored(asked, store := Store())
    answer = sweeps.answer(asked.config, store)  # type: ignore[arg-type]
    assert [[answer.name(point) for point in one.points] for one in Slice.all(answer)] == [
        ["λ 0, real, IPC 1", "λ 1, real, IPC 1"], ["λ 0, real, IPC 1", "λ 0, noise, IPC 1"],
        ["λ 0, real, IPC 1", "λ 0, real, IPC 2"]]
    sizes = effect_figures.effect(Slice.all(answer)[2]).layout.xaxis
    assert (sizes.type, sizes.tickvals, sizes.ticktext) == ("log", (1, 2), ("1", "2"))
    drawn = effect_figures.effect(Slice.all(answer)[1])
    (sets,) = [trace for trace in drawn.data if trace.name == "DataDAM sets"]
    assert dict(zip(sets.x, sets.y, strict=True)) == pytest.approx({"real": 85.5, "noise": 65.5})


def thrown(asked: Spec) -> sweeps.Answer:
    """The finished sweep, in which a rate of 10,000 threw the images about."""
    world = World(lambda values: 0.5 + values.get("lr_img", 1.0) / 1e5, moved=lambda v: v.get("lr_img", 1) / 100)
    world.stored(asked, store := Store())
    assert isinstance(asked.config, SweepConfig)
    return sweeps.answer(asked.config, store)


@pytest.mark.parametrize("more", ["", "; init=real,noise", "; init=real,noise; ipc=1,2"])
def test_a_cell_whose_images_are_ruined_is_marked_wherever_it_is_shown(more: str, home: Path) -> None:
    answer = thrown(question(vary=f"lr_img=1,10000{more}"))
    state = sweeps.table(answer)["state"]
    ruined = sweeps.table(answer)["η_S"] == "10000"
    assert set(state[ruined]) == {"done, with a warning"}
    assert set(state[~ruined]) == {"done"}
    warned = [cell for cell in sweeps.to_json(answer)["cells"] if cell.get("warnings")]
    assert {cell["values"]["lr_img"] for cell in warned} == {10000}
    assert "The images moved by 100 σ on average" in words(answer)
    axes = len(answer.axes)
    figure = (effect_figures.effect(answer) if axes == 1 else effect_figures.heat(answer) if axes == 2
              else nas_figures.parallel(answer.frame, answer.titles))
    told = [note.text for note in figure.layout.annotations]
    assert ("Done, with a warning" in [trace.name for trace in figure.data]) == (axes != 2)
    assert sum("⚠" in one for one in told) == (2 if axes == 2 else 0)


def test_the_bold_line_and_the_marks_are_of_what_was_chosen_by_validation_and_not_of_the_best_test(home: Path) -> None:
    asked, store = question(vary="lambda_task=0,1; init=real,noise; ipc=1,2"), Store()
    World(lambda values: 0.5 + values.get("lambda_task", 0.0) / 10).stored(asked, store)
    assert isinstance(asked.config, SweepConfig)
    found = sweeps.answer(asked.config, store)
    other = next(p for p in found.points if p.values["lambda_task"] == 0.0)
    answer = replace(found, outcome=replace(found.outcome, chosen=other.values))
    lines = [one for one in nas_figures.parallel(answer.frame, answer.titles).data if one.line.width == 4]
    assert {one.name for one in lines} == {answer.name(other), "Chosen by validation"}
    table = sweeps.table(answer)
    assert table["λ"][table["behind the best"] == "chosen by validation"].tolist() == ["0"]
    assert sweeps.numbers(answer)["chosen"].sum() == 1


@pytest.mark.parametrize(("random", "said"), [
    (0.7, "It is 10.0 points worse than random: as many random real images reach 70.5 ± 0.7 %."),
    (0.4, "It is 20.0 points better than random: as many random real images reach 40.5 ± 0.7 %."),
    (0.595, "It cannot be told from random: as many random real images reach 60.0 ± 0.7 %."),
])
def test_the_sentence_says_how_the_chosen_value_stands_against_random_images(
    random: float, said: str, home: Path
) -> None:
    world = World(lambda values: 0.6 if "lambda_task" in values else random)
    assert said in told(world, question(vary="lambda_task=0,1"))


def test_what_distilling_took_is_what_compare_says(home: Path) -> None:
    asked, store = question(vary="lambda_task=0,1"), Store()
    (run,) = (cell.distil for cell in [asked.config.cell({"lambda_task": 0.0}, 0)])  # type: ignore[attr-defined]
    World(lambda values: 0.5).stored(asked, store)
    info = store.record(run.key).info
    write_json(store.record(run.key).folder / "run.json", {**info, "times": {**info["times"], "seconds": 4.2}})
    found = sweeps.answer(asked.config, Store())  # type: ignore[arg-type]
    (compared,) = compare_runs.compared(Store(), [Store().record(run.key)])
    assert found.points[0].seconds == 4.2 == compare_runs.numbers([compared])["seconds_distill"][0]


def test_where_importance_is_not_told_it_is_said_why(home: Path) -> None:
    asked = question(vary="lambda_task=0,1; init=real,noise; ipc=1,2")
    World(lambda values: 0.5 + values.get("lambda_task", 0.0) / 10).stored(asked, store := Store())
    found = sweeps.answer(asked.config, store)  # type: ignore[arg-type]
    assert found.importance.empty == bool(found.unimportant)
    assert found.unimportant == "it takes at least 9 judged places for so many values, and there are 8"
    equal = question(vary="lambda_task=0,1,2,3; init=real,noise,real+noise")
    World(lambda values: 0.5).stored(equal, store)
    found = sweeps.answer(equal.config, store)  # type: ignore[arg-type]
    assert found.importance.empty
    assert "at least 15 judged" in found.unimportant
    equal = question(vary="lambda_task=0,1,2,3; ipc=1,2,3,4,5")
    World(lambda values: 0.5).stored(equal, store)
    assert sweeps.answer(equal.config, store).unimportant == (  # type: ignore[arg-type]
        "it takes at least 21 judged places for so many values, and there are 20")
    equal = question(vary="lambda_task=0,1,2,3,4,5; ipc=1,2,3,4,5")
    World(lambda values: 0.5).stored(equal, store)
    assert sweeps.answer(equal.config, store).unimportant == (  # type: ignore[arg-type]
        "no two places that were judged differ in accuracy")
