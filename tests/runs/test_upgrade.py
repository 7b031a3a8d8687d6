"""Answers of older versions under today's names."""

from __future__ import annotations

from typing import Any

import pytest

from ddcore.runs import upgrade

MEAN = {"mean": 0.5, "std": 0.1, "n": 2, "protocol": "course"}


@pytest.mark.parametrize(
    ("stored", "accuracy"),
    [
        ({"accuracy": MEAN, "accuracies": [0.4, 0.6]}, {**MEAN, "values": [0.4, 0.6]}),
        ({"accuracy": {**MEAN, "values": [0.4, 0.6]}, "accuracies": [0.1, 0.2]}, {**MEAN, "values": [0.4, 0.6]}),
        ({"accuracy": MEAN, "accuracies": []}, MEAN), ({"accuracy": MEAN}, MEAN), ({"accuracies": [0.4, 0.6]}, None),
        ({"accuracy": "good", "accuracies": [0.4, 0.6]}, "good"), ({}, None),
    ],
)
def test_the_accuracy_of_each_network_is_a_part_of_the_accuracy(stored: dict[str, Any], accuracy: Any) -> None:
    before = {**stored, "steps": 5}
    upgraded = upgrade.summary(before)
    assert (upgraded.get("accuracy"), upgraded["steps"]) == (accuracy, 5)
    assert before == {**stored, "steps": 5}, "what was given stays as it is"


def test_votes_that_were_stored_by_their_number_are_listed_in_order_of_it() -> None:
    part = {"size": 9, "per_class": [4, 5], "votes": {"2": 3, "0": 6}}
    assert upgrade.summary({"splits": {"train": part}})["splits"]["train"]["votes"] == [6, 0, 3]
    for strange in ({"x": 1}, [6, 0, 3], None, 7):
        upgraded = upgrade.summary({"splits": {"train": {**part, "votes": strange}}})
        assert upgraded["splits"]["train"]["votes"] == strange
