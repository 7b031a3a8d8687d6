"""What a comparison lacks: exactly the evaluations that nobody made, each control once."""

from __future__ import annotations

from ddcore.evaluation.plans import Question
from ddcore.report import compare_runs, lacking
from ddcore.report.lacking import CONTROLS, FULL, SETS
from ddcore.runs import Store
from tests.report.conftest import Answer, distilled
from tests.report.test_compare_runs import judged_as


def test_a_set_that_an_earlier_version_judged_is_not_judged_again(store: Store, answer: Answer) -> None:
    run = distilled(store)
    evaluation = judged_as(answer, run, "course", 0.5, 0.6)
    folder = evaluation.folder.rename(evaluation.folder.parent / ("f" * 16))  # its question has another key today
    for path in folder.glob("*.json"):
        path.write_text(path.read_text("utf-8").replace(evaluation.id, folder.name), "utf-8")
    [one] = compare_runs.compared(store, [store.record(run.id)])
    assert one.accuracies == (0.5, 0.6)
    assert lacking.lacking(store, [one], Question("course", nets=2)).sets == ()


def test_sets_of_one_size_and_seed_share_their_controls(store: Store) -> None:
    runs = compare_runs.compared(store, [distilled(store), distilled(store, lr_img=3.0)])
    missing = lacking.lacking(store, runs, Question("course", nets=4)).missing()
    roles = [result.role for result in missing[CONTROLS]]
    assert len(missing[SETS]) == 2
    assert roles.count("random_real") == 1
    assert len(missing[FULL]) == 1
    assert lacking.trainings(missing[SETS], store.records()) == 8
    assert lacking.trainings([*missing[SETS], *missing[FULL]], store.records()) == 9


def test_the_networks_offered_are_those_of_the_sets_and_the_usual_one(store: Store) -> None:
    offered = lacking.networks([distilled(store), distilled(store, width=16)])
    assert [name.partition(", ")[2] for name in offered][:2] == ["width 8", "width 16"]
    asked = Question("quick", network=offered["ConvNet-3, width 16"])
    assert lacking.setting([distilled(store)], asked) == "ConvNet-3, width 16 · protocol quick"


def test_a_setting_is_asked_with_the_most_networks_that_one_had_in_it(store: Store, answer: Answer) -> None:
    run, other = distilled(store), distilled(store, lr_img=3.0)
    judged_as(answer, run, "course", 0.5, 0.6)
    judged_as(answer, other, "course", 0.5, 0.6, 0.7)
    [name] = compare_runs.settings(store, [run, other])
    question = lacking.question(store, [run, other], name)
    assert question is not None
    assert (question.protocol, question.nets) == ("course", 3)
    assert lacking.question(store, [run, other], "LeNet · protocol quick") is None
