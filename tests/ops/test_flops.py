"""What a forward pass costs."""

from __future__ import annotations

import re
import warnings

import published
import pytest

from ddcore.errors import ConfigError
from ddcore.ops import flops

REFERENCE = published.networks()
VARIANTS = {"convnet3_bn": ("convnet3", {"norm": "batch"}), "convnet6": ("convnet7", {"depth": 6})}


def parsed(case: str) -> tuple[str, tuple[int, int, int], int, dict]:
    """'convnet3_bn (1, 28, 28) 10 classes' → our name, shape, classes, options."""
    name, *numbers = re.match(r"(\w+) \((\d+), (\d+), (\d+)\) (\d+) classes", case).groups()
    c, h, w, classes = map(int, numbers)
    ours, options = VARIANTS.get(name, (name, {}))
    return ours, (c, h, w), classes, options


@pytest.mark.parametrize("case", REFERENCE)
def test_counts_are_the_published_ones(case):
    counted, expected = flops.count(*parsed(case)), REFERENCE[case]
    assert counted.macs == expected["fvcore_flops_batch1"]
    assert counted.parameters == expected["parameters"]
    assert counted.by_operator == expected["by_operator"]
    assert counted.uncounted == expected["uncounted_operators"]


def test_figures_quoted_in_the_course_come_out():
    assert flops.count("convnet3", (1, 28, 28), 10).macs == 49_246_208
    assert REFERENCE["resnet18 (1, 28, 28) 10 classes"]["fvcore_flops_batch1"] == 458_200_832  # compared above
    assert flops.count("convnet7", (3, 128, 128), 2).macs == 875_713_280


def test_mlp_by_hand():
    counted = flops.count("mlp", (1, 8, 8), 10, {"width": 5})
    assert counted.macs == 64 * 5 + 5 * 5 + 5 * 10
    assert counted.parameters == counted.macs + 5 + 5 + 10
    assert counted.flops == 2 * counted.macs


def test_convolution_by_hand():
    counted = flops.count("convnet3", (3, 4, 4), 2, {"width": 2, "depth": 1, "norm": "none", "pooling": "none"})
    assert counted.by_operator == {"conv": 4 * 4 * 3 * 3 * 3 * 2, "linear": 2 * 4 * 4 * 2}


def test_the_convention_is_named():
    counted = flops.count("mlp", (1, 4, 4), 2)
    assert "multiply-add" in counted.convention
    assert "2 × MACs" in counted.convention


def test_counting_is_silent(caplog, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flops.count("lenet", (1, 28, 28), 10)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_network_that_cannot_be_built_cannot_be_counted():
    with pytest.raises(ConfigError, match="depth must be at most 5"):
        flops.count("convnet7", (1, 28, 28), 10)
