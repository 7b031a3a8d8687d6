"""Keys: the same question has the same key, another question another."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from ddcore import home as places
from ddcore.data import DATASETS
from ddcore.errors import ConfigError
from ddcore.experiments import KINDS, Spec, spec
from ddcore.params import ParamInfo

pytestmark = pytest.mark.usefixtures("home")

SPECS = [
    spec("distill", "datadam", {"dataset": "digits"}),
    spec("distill", "random", {"dataset": "digits"}),
    spec("baseline", "baseline", {"dataset": "digits"}),
    spec("evaluate", "evaluate", {"dataset": "digits", "run": "0" * 16}),
]


def others(param: ParamInfo, value: Any) -> list[Any]:
    """Some other values of a parameter; not all need be allowed beside the rest."""
    match param.type:
        case "bool":
            return [not value]
        case "int" | "float":
            base = value if value is not None else 1
            return [v for v in (base + 1, base - 1, base * 2, base / 2) if param.type == "float" or v == int(v)]
        case "choice":
            return [choice for choice in param.choices or () if choice != value]
        case _:
            return [f"{value}x"]


# Another data set has another key through its fingerprint, too; it seldom has the same image sides.
CASES = [
    pytest.param(one, p, id=f"{one.name}-{p.name}")
    for one in SPECS
    for p in one.config.params()
    if p.name not in ("dataset", "resolution", "units")  # a ConvNet has no units
]


@pytest.mark.parametrize(("one", "param"), CASES)
def test_the_key_changes_with_every_parameter_that_decides_the_result_and_no_other(one: Spec, param: ParamInfo):
    value, keys = getattr(one.config, param.name), []
    beside = {"epochs": None} if param.name == "steps" else {}  # a length is told in one of them
    for other in others(param, value):
        try:
            keys.append(Spec(one.kind, one.name, one.config.replace(**{param.name: other}, **beside)).key)
        except ConfigError:
            continue
    assert keys, f"no other value of {param.name} goes with the rest"
    # Any, not all: a choice may say in words what leaving it empty means.
    assert any(changed != one.key for changed in keys) == param.in_key


def test_the_key_changes_with_the_data_set_and_the_image_side():
    keys = {
        spec("distill", "random", values).key
        for values in ({"dataset": "digits"}, {"dataset": "mnist"}, {"dataset": "mnist", "ipc": 20})
    }
    assert len(keys) == 3
    config = SPECS[1].config
    assert "resolution" in config.key_values()


def test_the_device_is_not_part_of_the_key():
    assert spec("distill", "random", {"device": "cpu"}).key == spec("distill", "random", {"device": "auto"}).key


def test_plain_arithmetic_is_another_question_and_the_usual_kind_keeps_the_old_name():
    usual, plain = (spec("distill", "dm", {"exact": exact}) for exact in (False, True))
    assert "exact" not in usual.config.key_values()
    assert usual.key != plain.key


def test_left_out_and_given_defaults_are_the_same_question():
    given = spec("distill", "datadam", SPECS[0].config.values())
    assert given.key == SPECS[0].key
    assert spec("distill", "random", {"ipc": "10", "seed": "0"}).key == spec("distill", "random", {}).key


def test_the_key_is_the_same_in_another_process():
    code = "from ddcore.experiments import spec\nprint(spec('distill', 'datadam', {'dataset': 'digits'}).key)"
    done = subprocess.run([sys.executable, "-c", code], cwd=places.PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == SPECS[0].key


def test_the_key_changes_with_the_content_of_the_data_and_the_version_of_the_code(monkeypatch: pytest.MonkeyPatch):
    def asked() -> Spec:
        return spec("distill", "random", {"dataset": "digits"})

    before = asked()
    assert before.identity["dataset"]["fingerprint"] == DATASETS["digits"].fingerprint(places.data_root(), 8)
    digits, distill = DATASETS["digits"], KINDS["distill"]
    with monkeypatch.context() as patch:
        patch.setitem(digits.__dict__, "fingerprint", lambda root, resolution: "other content")
        assert asked().key != before.key
    with monkeypatch.context() as patch:
        patch.setitem(distill.__dict__, "version", lambda name: 99)
        assert asked().key != before.key
    assert asked().key == before.key


def test_runs_of_other_lengths_are_one_family_and_of_other_seeds_are_not():
    short = SPECS[0]
    longer = Spec("distill", "datadam", short.config.replace(**{short.config.length_param: short.config.length() + 1}))
    assert longer.key != short.key
    assert longer.family == short.family != short.key
    assert Spec("distill", "datadam", short.config.replace(seed=5)).family != short.family


def test_evaluations_that_differ_by_the_number_of_networks_alone_are_one_family():
    def asked(**values: Any) -> Spec:
        return spec("evaluate", "evaluate", {"dataset": "digits", "run": "0" * 16, "nets": 3, **values})

    more, initial, snapshot, chosen, hard = (
        asked(**one).family
        for one in ({"nets": 5}, {"images": "initial"}, {"step": 1}, {"split": "val"}, {"labels": "hard"})
    )
    assert more == asked().family
    assert len({more, initial, snapshot, chosen, hard}) == 5
    assert asked(nets=5).key != asked().key


def test_units_enter_the_key_of_a_network_that_has_them():
    def keyed(**values: Any) -> str:
        return spec("baseline", "baseline", {"dataset": "digits", **values}).key

    assert keyed(network="coursenet") == keyed(network="coursenet", units=128) != keyed(network="coursenet", units=64)
    assert "units" not in spec("baseline", "baseline", {"dataset": "digits"}).identity["config"]
