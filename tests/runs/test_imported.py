"""What was computed elsewhere is shown, marked, and never an answer."""

from __future__ import annotations

from typing import Any

import pytest
from shelf import finished, imported, question, summary

from ddcore.evaluation import plans
from ddcore.evaluation.plans import Question
from ddcore.experiments import Spec
from ddcore.jobs.requirements import unfinished
from ddcore.report import compare_runs, results, tables, text
from ddcore.report.export import bundle
from ddcore.report.export.pivot import Choice
from ddcore.runs import RunRecord, Store
from ddcore.runs.files import read_json, write_json
from ddcore.runs.record import IMPORTED
from ddcore.runs.recorder import FolderRecorder
from ddcore.runs.store import _LOOKED_AT, MARKER, moment

HOW = Question("quick", nets=2)


def judged(store: Store, run: RunRecord, mean: float = 0.5) -> RunRecord:
    """A finished evaluation of this run."""
    record = store.create(plans.evaluation(run, HOW))
    told = {"accuracy": {"mean": mean, "std": 0.01, "n": 2, "protocol": "quick"}, "majority": 0.1}
    FolderRecorder(store, record.id).finish(summary("evaluate", **told), {"started": 1.0})
    return store.record(record.id)


def asked(run: RunRecord) -> Spec:
    return plans.evaluation(run, HOW)


def test_an_imported_run_is_no_answer_to_the_question_that_it_answers_elsewhere(store: Store) -> None:
    run = finished(store, question())
    there = imported(judged(store, run))
    one = asked(run)
    assert there.key == one.key
    assert not store.exists(one.key)
    assert list(unfinished([one], store.records())) == [one.key]
    assert FolderRecorder(store, store.create(question(seed=7)).id).answered(one) is None
    assert plans.outcome(plans.plan(run, HOW), store)["accuracy"] is None
    assert store.create(one).state == "interrupted"
    assert {record.id for record in store.records("evaluate")} == {one.key, there.id}


def test_an_imported_evaluation_is_shown_beside_its_set_until_it_is_computed_here(store: Store) -> None:
    run = finished(store, question())
    there = imported(judged(store, run, 0.9))
    shown = results.results(store, run, HOW)[0]
    assert (shown.record, shown.imported, shown.missing, results.state(shown)) == (there, True, True, "imported")
    assert results.table([shown])[["name", "accuracy"]].values.tolist() == [
        ["Chosen real images (imported)", "90.0 ± 1.0 % imported (n = 2)"]]
    here = judged(store, run, 0.6)
    shown = results.results(store, run, HOW)[0]
    assert (shown.record, shown.imported, shown.missing) == (here, False, False)
    info = read_json(there.folder / "run.json")
    write_json(there.folder / "run.json", {**info, "times": {**info["times"], "submitted": here.created + 60}})
    assert [one.id for one in results.evaluations(store, run)] == [here.id, there.id], "the newer one is not from here"


def test_imported_runs_build_on_imported_runs_and_on_those_from_here_without_them(store: Store) -> None:
    run = finished(store, question())
    judge = imported(judged(store, run))
    assert store.record(judge.id).config["run"] == run.id
    there = imported(run)
    for record in (store.record(judge.id), *store.records("evaluate")):
        assert (record.config["run"], record.info["parents"]) == (there.id, [there.id])
    own = judged(store, there)
    assert own.info["parents"] == [there.id]
    assert own.key != judge.key


def test_another_import_of_the_same_question_is_not_what_was_judged_here(store: Store) -> None:
    first = imported(finished(store, question()))
    own = judged(store, first)
    store.trash(first.id)
    second = finished(store, question())
    write_json(second.folder / "run.json", {**second.info, "device": {"type": "cpu", "name": "another"}})
    second = imported(second)
    assert second.key == first.key
    assert results.evaluations(store, second) == []
    assert own.config["run"] != second.id


def test_the_mark_stands_wherever_the_number_stands(store: Store) -> None:
    run = finished(store, question())
    there = imported(judged(store, run, 0.9))
    (row,) = compare_runs.compared(store, [run])
    assert row.label.endswith(" (imported)")
    files = bundle.bundle(store, [row], Choice()).files
    for name in ("tables/numbers.tex", "tables/numbers.md", "tables/pivot.tex", "tables/pivot.md", "README.md"):
        assert "imported" in files[name].decode(), name
    assert r"90.0 $\pm$ 1.0 imported" in files["tables/pivot.tex"].decode()
    assert "imported from x.ddrun on 1970-01-01" in files["tables/numbers.csv"].decode()
    assert tables.runs([there]).loc[0, ["state", "accuracy"]].tolist() == [
        "done (imported)", "90.0 ± 1.0 % imported (n = 2)"]
    assert tables.title(there).endswith(" (imported)")
    pooled = compare_runs.pooled([there.summary.scores, there.summary.scores])
    assert pooled is not None
    assert text.accuracy(pooled.accuracy).partition(" (")[0].endswith(" imported")


def test_what_imported_runs_answer_is_worked_out_once_a_look(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    there = imported(finished(store, question()))
    asked, without = list[str](), RunRecord.without
    monkeypatch.setattr(RunRecord, "without", lambda record: (asked.append(record.id), without(record))[1])
    for _ in range(5):
        finished(store, question(seed=len(list(store.root.glob("distill/*")))))
    with moment() as look:
        assert [found and found.id for found in map(look.imported, [question()] * 3)] == [there.id] * 3
        assert look.imported(question(seed=99)) is None
    assert asked == [there.id]


def test_runs_from_here_and_imported_ones_are_not_seeds_of_one_another(store: Store) -> None:
    first, second = finished(store, question(seed=0)), finished(store, question(seed=1))
    assert len(results.siblings(store, first)) == 2
    there = imported(second)
    assert results.siblings(store, first) == [first]
    assert results.siblings(store, there) == [there]


def test_a_home_of_an_earlier_version_sets_apart_what_was_imported_and_what_rests_on_it(store: Store) -> None:
    run, other = finished(store, question()), finished(store, question(seed=1))
    judges = judged(store, run), judged(store, other)
    write_json(run.folder / IMPORTED, {"when": 1.0, "file": "x.ddrun"})
    (store.root / MARKER).unlink(missing_ok=True)
    _LOOKED_AT.discard(store.root)
    found = {record.key: record for record in Store(demo=store.demo).records()}
    assert found.keys() == {run.id, other.id, *(judge.id for judge in judges)}
    assert not store.exists(run.id)
    assert not store.exists(judges[0].id)
    assert found[judges[0].id].config["run"] == found[run.id].id
    assert found[run.id].imported == {"when": 1.0, "file": "x.ddrun"}
    assert found[judges[0].id].imported is not None
    assert (found[other.id].imported, found[judges[1].id].imported) == (None, None)
    assert results.evaluations(store, found[run.id]) == [found[judges[0].id]]


def test_what_an_earlier_version_imported_and_lies_in_the_trash_is_no_answer_when_it_comes_back(store: Store) -> None:
    run, again = finished(store, question()), finished(store, question(seed=1))
    judges = judged(store, run), judged(store, again)
    for one in (run, again):
        write_json(one.folder / IMPORTED, {"when": 1.0, "file": "x.ddrun"})
        store.trash(one.id)
    assert finished(store, question(seed=1)).id == again.id, "computed here since"
    (store.root / MARKER).unlink(missing_ok=True)
    _LOOKED_AT.discard(store.root)
    after = Store(demo=store.demo)
    trashed = {record.key: record.id for record in after.trashed()}
    assert trashed.keys() == {run.id, again.id}
    assert after.restore(trashed[run.id]).imported == {"when": 1.0, "file": "x.ddrun"}
    assert not after.exists(run.id)
    assert not after.exists(judges[0].id), "it was computed on what was imported"
    assert after.record(again.id).imported is None
    assert after.record(judges[1].id).imported is None


def test_a_folder_named_like_an_import_that_is_none_is_broken(store: Store) -> None:
    there, run = imported(finished(store, question())), finished(store, question(seed=1))
    (there.folder / IMPORTED).unlink()
    problem = "this folder is named like that of an imported run, and holds no imported.json"
    assert store.record(there.id).problem == problem
    place = run.folder.rename(run.folder.with_name(f"{run.id}-{'0' * 16}"))
    (place / IMPORTED).write_text("no JSON")
    assert store.record(place.name).imported == {}


TOLD: dict[str, Any] = {
    "accuracy": {"mean": 0.75, "std": 0.05 * 2**0.5, "n": 2, "values": [0.7, 0.8]}, "test_images": 10,
    "balanced_accuracy": {"mean": 0.75, "std": None, "n": 1}, "majority": 0.5, "per_class": [0.7, 0.8],
    "confusion": [[7, 3], [2, 8]], "notes": ["Other images lie in its place."],
}
BENT: dict[str, tuple[dict[str, Any], str]] = {
    "the mean": ({"accuracy": {**TOLD["accuracy"], "mean": 1.0}}, "its mean is 1, that of its values is 0.75"),
    "the spread": ({"accuracy": {**TOLD["accuracy"], "std": 0.001}}, "its std is 0.001, that of its values is 0.07"),
    "mean and values": ({"accuracy": {"mean": 1.0, "n": 2, "values": [1.0, 1.0]}},
                        "its accuracy is 1, that of its confusion is 0.75"),
    "the balanced accuracy": ({"balanced_accuracy": {"mean": 1.0, "n": 1}},
                              "its balanced_accuracy is 1, that of its confusion is 0.75"),
    "a class": ({"per_class": [1.0, 0.8]}, "its per_class is 1, that of its confusion is 0.7"),
    "the majority class": ({"majority": 0.1}, "its majority is 0.1, that of its confusion is 0.5"),
    "the test images": ({"test_images": 100}, "its confusion counts 20 images, 2 networks with 100 test images each"),
}


@pytest.mark.parametrize("case", BENT)
def test_a_summary_that_does_not_agree_with_itself_is_broken_and_says_in_what(case: str, store: Store) -> None:
    values, said = BENT[case]
    record = judged(store, finished(store, question()))
    told = {**read_json(record.folder / "run.json"), "summary": TOLD}
    write_json(record.folder / "run.json", told)
    assert store.record(record.id).state == "done"
    write_json(record.folder / "run.json", {**told, "summary": {**TOLD, **values}})
    assert said in str(store.record(record.id).problem)


def test_as_many_test_images_are_told_as_the_data_set_has_unless_a_note_says_why(store: Store) -> None:
    record = judged(store, finished(store, question()))
    info = read_json(record.folder / "run.json")
    told = {"accuracy": {"mean": 0.5, "n": 1}, "test_images": 5}
    write_json(record.folder / "run.json", {**info, "summary": told})
    broken = store.record(record.id)
    assert (broken.state, broken.problem) == ("broken", "its 'test_images' is 5, the test images of digits are 359")
    write_json(record.folder / "run.json", {**info, "summary": {**told, "notes": ["Other images lie in its place."]}})
    assert store.record(record.id).state == "done"
