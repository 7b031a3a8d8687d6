from __future__ import annotations

import pytest

from ddcore.data import DATASETS
from ddcore.networks import NETWORKS
from ddcore.report.published import Published, everything, published


@pytest.mark.parametrize("row", everything(), ids=lambda row: f"{row.method} {row.ipc}")
def test_every_published_result_says_where_it_was_read_and_is_a_percentage(row: Published) -> None:
    assert len(row.source) > 10
    assert row.trained
    assert 1 < row.mean <= 100
    assert row.dataset in DATASETS
    assert row.network in NETWORKS


def test_no_row_is_ours() -> None:
    assert not [row for row in everything() if "ddcore" in row.source.lower() or "measured" in row.source.lower()]
    assert {row.dataset for row in everything() if row.method == "DataDAM"} == {
        "cifar10"
    }  # none was published on others


def test_the_best_published_result_comes_first_and_only_of_that_setting() -> None:
    found = published("mnist", "convnet3", 10)
    assert [row.mean for row in found] == sorted((row.mean for row in found), reverse=True)
    assert {(row.dataset, row.network, row.ipc) for row in found} == {("mnist", "convnet3", 10)}
    assert published("digits", "convnet3", 10) == []


def test_a_recalled_result_is_called_so() -> None:
    labels = {row.method: row.label for row in published("mnist", "convnet3", 10)}
    assert labels["DSA"] == "DSA (published)"
    assert labels["DM"] == "DM (recalled, unverified)"


@pytest.mark.parametrize("dataset", ["mnist", "fashionmnist", "cifar10", "svhn"])
@pytest.mark.parametrize("ipc", [1, 10, 50])
def test_every_fetched_set_has_published_results_to_read_ours_against(dataset: str, ipc: int) -> None:
    found = {row.method: row for row in published(dataset, "convnet3", ipc) if row.verified}
    assert {"DC", "DSA"} <= set(found)
    assert found["DC"].source.startswith("VICO-UoE/DatasetCondensation")


def test_a_result_that_its_source_gives_for_some_sizes_only_is_recalled_for_the_others() -> None:
    assert {ipc: [row.verified for row in published("svhn", "convnet3", ipc) if row.method == "IDC"]
            for ipc in (1, 10, 50)} == {1: [False], 10: [True], 50: [False]}


def test_no_setting_has_two_results_of_one_method() -> None:
    keys = [(row.method, row.dataset, row.network, row.ipc) for row in everything()]
    assert len(keys) == len(set(keys))
