"""Only what differs is told: parameters, libraries, devices, code."""

from __future__ import annotations

import json
from typing import Any

from ddcore.experiments import spec
from ddcore.report import differences
from ddcore.runs import RunRecord, Store
from tests.report.conftest import distilled, imitated


def changed(store: Store, run: RunRecord, **info: Any) -> RunRecord:
    path = run.folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **info}))
    return store.record(run.id)


def test_only_parameters_that_differ_are_rows(store: Store) -> None:
    runs = [distilled(store), distilled(store, lr_img=5.0, seed=3)]
    frame = differences.parameters(runs, ["one", "two"])
    assert frame["two"].tolist() == ["3", "5"]
    assert frame["Parameter"].tolist()[1].startswith("η_S")
    assert (differences.parameters(runs, ["one", "two"], all_of_them=True)["one"] != "").all()
    assert len(differences.parameters(runs, ["one", "two"], all_of_them=True)) > 10


def test_a_run_that_is_called_like_a_column_has_one_of_its_own(store: Store) -> None:
    frame = differences.parameters([distilled(store), distilled(store, lr_img=5.0)], ["Meaning", "Parameter"])
    assert frame.columns.is_unique
    assert frame.iloc[0].tolist()[2:] == ["0.1", "5"]


def test_what_one_method_does_not_have_is_told_apart_from_what_differs(store: Store) -> None:
    runs, labels = [distilled(store), imitated(store)], ["dam", "pad"]
    some = differences.only_some(runs, labels)
    assert "–" in some["dam"].tolist()
    assert "–" in some["pad"].tolist()
    both = differences.parameters(runs, labels)
    assert "–" not in [*both["dam"], *both["pad"]]
    assert set(some["Parameter"]).isdisjoint(both["Parameter"])


def test_one_name_that_two_methods_mean_otherwise_has_a_row_for_each_meaning(store: Store) -> None:
    values = {"dataset": "digits", "ipc": 1, "width": 8, "num_iters": 10}
    dam = store.create(spec("distill", "datadam", {**values, "num_inits": 20}))
    dm = store.create(spec("distill", "dm", {**values, "width": 16}))
    both = differences.parameters([dam, dm], ["dam", "dm"]).set_index("Parameter")
    assert not [title for title in both.index if title.startswith("T ·")]
    assert both.loc["Steps in all", ["dam", "dm"]].tolist() == ["200", "10"]
    assert both.loc["Width", ["dam", "dm"]].tolist() == ["8", "16"]
    some = differences.only_some([dam, dm], ["dam", "dm"]).set_index("Parameter")
    assert some.loc["T · Iterations per network", ["dam", "dm"]].tolist() == ["10", "–"]
    assert some.loc["T · Iterations", ["dam", "dm"]].tolist() == ["–", "10"]


def test_how_runs_were_judged_is_told_where_it_differs(store: Store) -> None:
    runs = [distilled(store), distilled(store, seed=1)]
    judged = ["ConvNet-3 · protocol course", "LeNet · protocol course"]
    told = differences.environment(runs, ["one", "other"], judged=judged).set_index("What")
    assert told.loc["Judged on"].tolist() == judged
    assert "Judged on" not in differences.environment(runs, ["one", "other"], judged=judged[:1] * 2)["What"].tolist()


def test_a_run_from_before_exact_differs_in_nothing(store: Store) -> None:
    new = distilled(store)
    old = changed(store, distilled(store, seed=1), config={n: v for n, v in new.config.items() if n != "exact"})
    assert differences.differing([new, old]) == {}


def test_libraries_device_and_code_that_differ_are_told(store: Store) -> None:
    one = changed(store, distilled(store), device={"type": "cpu", "name": "A"}, libraries={"torch": "2.1"},
                  summary={"arithmetic": {"exact": False, "compiled": True, "half": True}})
    other = changed(store, distilled(store, seed=1), device={"type": "cpu", "name": "B"}, libraries={"torch": "2.2"},
                    summary={"arithmetic": {"exact": True, "compiled": False, "half": False}})
    frame = differences.environment([one, other], ["one", "other"]).set_index("What")
    assert frame.loc["Device"].tolist() == ["A", "B"]
    assert frame.loc["torch"].tolist() == ["2.1", "2.2"]
    assert frame.loc["Arithmetic"].tolist() == ["compiled, bfloat16", "exact"]
    assert "ddcore" not in frame.index


def test_what_a_run_does_not_tell_is_no_difference(store: Store) -> None:
    one = changed(store, distilled(store), libraries={"torch": "2.1"})
    other = changed(store, distilled(store, seed=1), libraries={})
    assert "torch" not in differences.environment([one, other], ["one", "other"])["What"].tolist()
