from __future__ import annotations

from typing import Any

import pytest

from ddcore import counts
from ddcore.data import DATASETS
from ddcore.networks import NETWORKS


@pytest.mark.slow
def test_the_shipped_table_is_what_fvcore_counts_now() -> None:
    from ddcore.ops import flops

    shipped = [facts for facts in DATASETS.values() if not facts.own]
    # The largest take seconds each; the slow test counts them all.
    for shape, size in {(f.shape(), len(f.classes)) for f in shipped if f.resolution <= 64}:
        for name, entry in NETWORKS.items():
            if not entry.problems(shape, {}):
                counted = flops.count(name, shape, size)
                assert counts.macs(name, shape, size) == counted.macs, name
                assert counts.parameters(name, shape, size) == counted.parameters, name


def test_every_size_of_a_shipped_data_set_is_in_the_table() -> None:
    for facts in DATASETS.values():
        sizes = [] if facts.own else [(*facts.shape(side), len(facts.classes)) for side in facts.resolutions]
        for key in ("x".join(map(str, size)) for size in sizes):
            assert key in counts.shipped()["macs"]["resnet18"]
            assert key in counts.shipped()["parameters"]["resnet18"]


@pytest.mark.slow
def test_the_whole_shipped_table_is_current() -> None:
    from tests.report import macs_table

    assert counts.shipped() == macs_table.table()


@pytest.mark.parametrize(
    ("network", "shape", "options"),
    [
        ("convnet3", (1, 28, 28), {"width": 32}), ("convnet3", (1, 28, 28), {"depth": 2}),
        ("convnet5", (3, 64, 64), {"width": 64, "depth": 4}), ("convnet3", (1, 8, 8), {"pooling": "none"}),
        ("convnet3", (1, 28, 28), {"norm": "batch"}), ("convnet3", (1, 8, 8), {"norm": "layer", "pooling": "max"}),
        ("convnet3", (1, 8, 8), {"norm": "group", "width": 8}), ("convnet3", (3, 32, 32), {"norm": "none"}),
        ("mlp", (1, 28, 28), {"width": 512}), ("coursenet", (1, 28, 28), {"width": 16, "depth": 4, "units": 64}),
        ("coursenet", (3, 32, 32), {"activation": "leakyrelu"}), ("coursenet", (1, 8, 8), {}),
    ],
)
def test_other_options_are_counted_exactly(network: str, shape: Any, options: dict[str, Any]) -> None:
    from ddcore.ops import flops

    classes = 2 if shape[0] == 3 else 10
    counted = flops.count(network, shape, classes, options)
    assert counts.macs(network, shape, classes, options) == counted.macs
    assert counts.parameters(network, shape, classes, options) == counted.parameters


def test_an_unknown_size_is_scaled_by_its_pixels() -> None:
    largest = counts.macs("lenet", (3, 224, 224), 2)
    assert counts.macs("lenet", (3, 448, 448), 2) == 4 * largest
    assert counts.parameters("lenet", (3, 448, 448), 2) == counts.parameters("lenet", (3, 224, 224), 2)


@pytest.mark.parametrize(
    ("network", "shape", "options"),
    [
        ("convnet3", (1, 28, 28), {"width": 32}), ("convnet3", (1, 8, 8), {"norm": "layer", "depth": 2}),
        ("convnet5", (3, 64, 64), {"norm": "batch", "width": 8}), ("convnet3", (3, 32, 32), {"norm": "none"}),
        ("mlp", (1, 28, 28), {"width": 16}),
    ],
)
def test_layers_have_the_parameters_that_lie_between_their_ends(
    network: str, shape: Any, options: dict[str, Any]
) -> None:
    from ddcore.ops import nets

    found = counts.layers(network, shape, 10, options)
    assert found
    assert sum(number for _, number in found) == counts.parameters(network, shape, 10, options)
    built = nets.build(network, shape, 10, options)
    parts = [*(built.hidden if network == "mlp" else built.blocks), built.classifier]
    assert [number for _, number in found] == [sum(p.numel() for p in part.parameters()) for part in parts]
    assert [p.shape for part in parts for p in part.parameters()] == [p.shape for p in built.parameters()]


def test_layers_have_names_for_people() -> None:
    found = counts.layers("convnet3", (1, 28, 28), 10, {"width": 32})
    assert found
    assert [name for name, _ in found] == ["block 1", "block 2", "block 3", "classifier"]
    assert found[0] == ("block 1", 32 * 9 + 32 + 2 * 32)
    assert counts.layers("resnet18", (1, 28, 28), 10) is None
