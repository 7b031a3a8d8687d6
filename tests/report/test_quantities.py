"""Parameters as columns: read from the declarations, apart where one name means several things."""

from __future__ import annotations

from ddcore.experiments import spec
from ddcore.report import quantities
from ddcore.runs import Store
from tests.report.conftest import distilled, imitated
from tests.runs import shelf


def test_a_name_that_methods_mean_differently_is_a_column_for_each_meaning(store: Store) -> None:
    datadam = distilled(store, num_iters=1)
    dm = shelf.finished(store, spec("distill", "dm", {"dataset": "digits", "num_iters": 7}))
    columns = quantities.parameters([datadam, dm])
    assert "num_iters" not in columns
    per_network, whole = columns["num_iters (Iterations per network)"], columns["num_iters (Iterations)"]
    assert per_network.short == whole.short == "T"
    assert quantities.values([datadam, dm], whole).tolist()[1] == 7
    assert quantities.values([datadam, dm], whole).isna().tolist() == [True, False]
    assert quantities.values([datadam, dm], per_network).tolist()[0] == 1


def test_signs_units_and_log_scales_are_those_declared(store: Store) -> None:
    columns = quantities.parameters([distilled(store)])
    assert columns["lambda_task"].short == "λ"
    assert [columns[name].log for name in ("lr_net", "width")] == [True, False]
    assert columns["depth"].title == "Depth (blocks)"
    assert not columns["init"].numeric
    assert not {"device", "dataset", "ipc", "run"} & set(columns)


def test_words_of_a_run_without_the_parameter_are_missing(store: Store) -> None:
    datadam, pad = distilled(store), imitated(store)
    soft = quantities.parameters([pad])["soft_labels"]
    assert quantities.values([datadam, pad], soft).tolist()[0] is None
    assert quantities.values([datadam, pad], soft).tolist()[1] in ("yes", "no")
