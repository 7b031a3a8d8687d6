from __future__ import annotations

import pytest

from ddcore.experiments import spec
from ddcore.networks import LINEUP
from ddcore.report import transfer
from ddcore.runs import RunRecord, Store
from tests.report.conftest import QUESTION, Answer, distilled
from tests.runs import shelf


def test_the_line_up_has_the_six_networks_of_the_field_and_variants_of_the_convnet() -> None:
    published = {variant.network for variant in LINEUP if not variant.options}
    assert published == {"convnet3", "mlp", "lenet", "alexnet", "vgg11", "resnet18"}
    assert {option for variant in LINEUP for option in variant.options} == {"norm", "depth", "width"}


def test_the_source_network_comes_first_and_the_others_follow(store: Store, run: RunRecord) -> None:
    cells = transfer.row(store, run, QUESTION)
    assert [cell.title for cell in cells[:3]] == ["ConvNet-3, width 8", "ConvNet-3", "MLP"]
    assert [cell.source for cell in cells] == [True] + [False] * len(LINEUP)


def test_a_source_of_the_line_up_is_not_listed_twice(store: Store) -> None:
    cells = transfer.row(store, distilled(store, width=128), QUESTION)
    assert len(cells) == len(LINEUP)
    assert cells[0].source


def test_every_cell_is_a_run_of_its_own_with_that_very_network(store: Store, run: RunRecord) -> None:
    for cell in transfer.row(store, run, QUESTION):
        if cell.result:
            config = cell.result.specs[-1].config.values()
            assert {name: config[name] for name in cell.variant.values} == cell.variant.values


def test_a_network_that_does_not_fit_the_images_says_why(store: Store, run: RunRecord) -> None:
    deep = next(c for c in transfer.row(store, run, QUESTION) if c.title == "ConvNet-3, depth 4")
    assert deep.result is deep.macs is None
    assert "depth must be at most 3 for 1×8×8 images" in deep.problem


def test_the_drop_is_against_the_source_network(store: Store, run: RunRecord, answer: Answer) -> None:
    cells = {cell.title: cell for cell in transfer.row(store, run, QUESTION)}
    for title, accuracy in (("ConvNet-3, width 8", 0.8), ("MLP", 0.5), ("LeNet", 0.9)):
        result = cells[title].result
        assert result
        answer(result.specs[-1], accuracy, auc={"mean": accuracy / 2, "std": None, "n": 1})
    cells = {cell.title: cell for cell in transfer.row(store, run, QUESTION)}
    drops = [cells[title].drop for title in ("ConvNet-3, width 8", "MLP", "LeNet", "AlexNet")]
    assert drops == [0.0, pytest.approx(0.3), pytest.approx(-0.1), None]
    table = transfer.table(list(cells.values())).set_index("network")
    assert table.loc["MLP", "drop"] == pytest.approx(30.0)
    assert table.loc["MLP", "auc"] == "25.0 %"
    assert table.loc["ConvNet-3, width 8 (made on)", "mean"] == pytest.approx(80.0)


def test_the_matrix_has_a_row_for_each_network_that_the_same_set_was_distilled_on(
    store: Store, run: RunRecord, answer: Answer
) -> None:
    other = distilled(store, width=4)
    distilled(store, width=4, ipc=2)  # another set
    for record, accuracy in ((run, 0.8), (other, 0.7)):
        cell = next(c for c in transfer.row(store, record, QUESTION) if c.title == "LeNet")
        assert cell.result
        answer(cell.result.specs[-1], accuracy)
    frame = transfer.matrix(transfer.rows(store, run, QUESTION))
    assert frame.index.tolist() == ["ConvNet-3, width 8", "ConvNet-3, width 4"]
    assert frame.columns.tolist() == ["LeNet"]
    assert frame["LeNet"].tolist() == pytest.approx([80.0, 70.0])


def test_a_coreset_that_saw_no_network_has_a_row_and_no_matrix(store: Store) -> None:
    coreset = shelf.finished(store, spec("distill", "random", {"dataset": "digits", "ipc": 1}), steps=0)
    cells = transfer.row(store, coreset, QUESTION)
    assert cells[0].title == "ConvNet-3"
    assert not any(cell.source for cell in cells)
    assert len(transfer.rows(store, coreset, QUESTION)) == 1
