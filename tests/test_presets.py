from __future__ import annotations

from ddcore.presets import fitting


def test_a_preset_gives_way_to_a_network_without_its_options() -> None:
    assert fitting({"width": 32, "norm": "batch", "ipc": 3}, "resnet18") == {"norm": "batch", "ipc": 3}
    assert fitting({"width": 32, "depth": 2, "ipc": 3}, "mlp") == {"width": 32, "ipc": 3}


def test_without_another_network_a_preset_stays_as_it_is() -> None:
    assert fitting({"width": 32, "ipc": 3}, None) == {"width": 32, "ipc": 3}
    assert fitting({"width": 32, "ipc": 3}, "resnett") == {"width": 32, "ipc": 3}
