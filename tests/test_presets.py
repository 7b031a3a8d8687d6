from __future__ import annotations

from ddcore.presets import Preset, fitting


def test_a_preset_gives_way_to_a_network_without_its_options() -> None:
    assert fitting({"width": 32, "norm": "batch", "ipc": 3}, "resnet18") == {"norm": "batch", "ipc": 3}
    assert fitting({"width": 32, "depth": 2, "ipc": 3}, "mlp") == {"width": 32, "ipc": 3}


def test_without_another_network_a_preset_stays_as_it_is() -> None:
    assert fitting({"width": 32, "ipc": 3}, None) == {"width": 32, "ipc": 3}
    assert fitting({"width": 32, "ipc": 3}, "resnett") == {"width": 32, "ipc": 3}


def test_what_is_special_of_a_preset_on_a_data_set_is_what_differs_from_its_general_values():
    preset = Preset("x", "", {"a": 1, "b": 2}, {"digits": {"b": 3}}, lambda dataset: {"a": 1, "c": dataset})
    assert preset.special("digits") == {"b": 3, "c": "digits"}
    assert preset.special("mnist") == {"c": "mnist"}
