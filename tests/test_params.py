"""One declaration per parameter: widget, help, bounds, flag, check, key and column all follow from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.cli.flags import options
from ddcore.errors import ConfigError
from ddcore.experiments import KINDS, spec
from ddcore.experiments.base import Spec
from ddcore.params import Config, Param, ParamInfo
from ddcore.report import tables, text
from ddcore.settings import NetworkConfig, TrainConfig

# A sweep has the parameters of its method, which are tested as those of a distillation: one stands for all.
CONFIGS = {f"{kind}/{name}": KINDS[kind].config(name) for kind in KINDS for name in KINDS[kind].known
           if kind != "sweep" or name == "datadam"}
ALL = [(label, config, p) for label, config in CONFIGS.items() for p in config.params()]
EVERY_PARAMETER = pytest.mark.parametrize(("label", "config", "p"), ALL, ids=[f"{a}-{p.name}" for a, _, p in ALL])
NEEDED: dict[str, dict[str, Any]] = {
    "evaluate/evaluate": {"run": "0123456789abcdef"},
    "features/features": {"runs": "0123456789abcdef"},
    "tsne/tsne": {"runs": "0123456789abcdef"}, "sweep/datadam": {"vary": "evaluate.protocol=course,quick"},
}


def built(label: str, **values: Any) -> Config:
    return CONFIGS[label].build({**NEEDED.get(label, {}), **values})


def other_values(label: str, p: ParamInfo) -> Iterator[Any]:
    """Values of a parameter that differ from its default, likeliest first."""
    now = getattr(built(label), p.name)
    match p.type:
        case "choice":
            yield from (c for c in p.choices or () if c != now)
        case "bool":
            yield not now
        case "int" | "float":
            yield from (v for v in (1, 2, 3, 5, 64) if v != now and v >= (p.low or 0))
            yield from (0.5, 0.25)
        case _:
            yield "fedcba9876543210"


@EVERY_PARAMETER
def test_a_parameter_is_told_to_people(label: str, config: type[Config], p: ParamInfo) -> None:
    assert p.label
    assert p.label[0].isupper()
    assert p.help.endswith(".")
    assert p.group


@EVERY_PARAMETER
def test_a_parameter_is_a_flag_with_its_own_help(label: str, config: type[Config], p: ParamInfo) -> None:
    (option,) = [o for o in options(config) if o.name == p.name]
    assert option.opts == [p.flag]
    assert p.help in (option.help or "")
    assert all(choice in (option.help or "") for choice in p.choices or ())


@EVERY_PARAMETER
def test_a_parameter_is_a_widget_with_its_words_bounds_and_choices(
    label: str, config: type[Config], p: ParamInfo
) -> None:
    shown = drawn(label)[p.name]
    assert shown.label == p.title + (f" ({p.unit})" if p.unit else "")
    assert p.help in shown.help
    assert p.flag in shown.help
    match p.type:
        case "choice":
            assert list(shown.options) == [p.titles.get(choice, choice) for choice in p.choices or ()]
        case "int" | "float":
            assert p.allowed in shown.help
            assert p.read(shown.value) == a_value(label, p)
        case other:
            assert shown.type == {"bool": "checkbox", "text": "text_input"}[other]
    if p.type not in ("int", "float"):
        assert shown.value == a_value(label, p)


@EVERY_PARAMETER
def test_a_typed_number_is_taken_or_refused_as_the_config_takes_or_refuses_it(
    label: str, config: type[Config], p: ParamInfo
) -> None:
    if p.type not in ("int", "float"):
        return
    bounds = [bound for bound in (p.low, p.high) if bound is not None]
    for typed in ("2.5", "many", "nan", "1e-3", *(f"{b + d:.0f}" for b in bounds for d in (-1, 0, 1))):
        refused = problems(partial(p.read, typed))
        told = problems(partial(built, label, **{p.name: typed if refused else p.read(typed)}))
        # The other parameters may allow less than this one does; then it is not refused for itself.
        itself = rf"{p.name} must be (a |at (least|most) [-+e\d.]+, got|above [-\d.]+, got)"
        assert bool(refused) == any(re.match(itself, problem) for problem in told), typed


def problems(call: Callable[[], Any]) -> tuple[str, ...]:
    """What is wrong with the values that it takes."""
    try:
        call()
    except ConfigError as error:
        return error.problems
    return ()


@pytest.mark.slow
@EVERY_PARAMETER
def test_a_parameter_is_a_row_of_its_runs_table(label: str, config: type[Config], p: ParamInfo) -> None:
    frame = tables.parameters(config, {**built(label).values(), p.name: a_value(label, p)})
    (row,) = frame[frame["Parameter"] == p.title].to_dict("records")
    value = a_value(label, p)
    assert row["Value"] == f"{p.titles.get(str(value)) or text.value(value)} {p.unit}".strip()
    assert row["Meaning"] == p.help


def a_value(label: str, p: ParamInfo) -> Any:
    """Its default; where that is "not used", another."""
    now = getattr(built(label), p.name)
    return next(other_values(label, p)) if now is None else now


@cache
def drawn(label: str) -> dict[str, Any]:
    """The widget of each parameter of a Config, as Streamlit drew it."""

    def script(label: str) -> None:
        import streamlit as st

        from pages.components import fields
        from pages.components.form import widget
        from tests.test_params import CONFIGS, a_value

        for p in CONFIGS[label].params():
            now = a_value(label, p)
            st.session_state[p.name] = fields.spelled(now) if p.type in ("int", "float") else now
            widget(p, p.name)

    app = AppTest.from_function(script, kwargs={"label": label}, default_timeout=60).run()
    assert not app.exception
    kinds = ("selectbox", "checkbox", "text_input")
    return {element.key: element for kind in kinds for element in getattr(app, kind)}


@EVERY_PARAMETER
def test_a_value_out_of_bounds_is_refused_in_words(label: str, config: type[Config], p: ParamInfo) -> None:
    wrong: dict[str, Any] = {"choice": "no-such-choice", "int": "many", "float": "nan", "bool": "maybe"}
    values = [wrong[p.type]] if p.type in wrong else []
    values += [p.low if p.low_open else p.low - 1] if p.low is not None else []
    values += [p.high + 1] if p.high is not None else []
    for value in values:
        with pytest.raises(ConfigError) as error:
            built(label, **{p.name: value})
        assert any(str(value) in problem for problem in error.value.problems)


@EVERY_PARAMETER
def test_the_default_is_allowed_and_survives_json(label: str, config: type[Config], p: ParamInfo) -> None:
    whole = built(label)
    assert config.build(whole.values()) == whole
    assert p.name in whole.values()


@EVERY_PARAMETER
def test_a_parameter_changes_the_key_unless_it_says_not(
    label: str, config: type[Config], p: ParamInfo, home: Any
) -> None:
    kind, name = label.split("/")
    before, after = Spec(kind, name, built(label)).key, []
    for value in other_values(label, p):
        try:
            changed = built(label, **{p.name: value})
        except ConfigError:
            continue
        if getattr(changed, p.name) != getattr(built(label), p.name) and not _needs_data(changed):
            after.append(Spec(kind, name, changed).key)
    if not after:
        pytest.skip(f"{p.name} has one value only with everything else at its default")
    # Any, not all: a choice may say in words what leaving it empty means.
    assert any(one != before for one in after) == p.in_key


def _needs_data(config: Config) -> bool:
    """MHIST's fingerprint is made of its files, which tests do not have."""
    return getattr(config, "dataset", "") == "mhist"


def test_all_problems_are_told_at_once_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as error:
        TrainConfig.build({"epochs": 0, "lr": "fast", "epocs": 3})
    assert error.value.problems == (
        "epochs must be at least 1, got 0",
        "lr must be a finite number, got 'fast'",
        "no parameter 'epocs'; did you mean 'epochs'?",
    )


def test_a_configs_rules_across_parameters_are_sentences_too() -> None:
    with pytest.raises(ConfigError, match=r"depth must be at most 3 for 1×8×8 images .* got 5"):
        NetworkConfig.build({"dataset": "digits", "depth": 5})
    with pytest.raises(ConfigError, match=r"depth is not an option of lenet"):
        NetworkConfig.build({"network": "lenet", "depth": 2})
    with pytest.raises(ConfigError, match=r"resolution of mnist must be one of 28, got 32"):
        NetworkConfig.build({"dataset": "mnist", "resolution": 32})
    with pytest.raises(ConfigError, match=r"width must be a multiple of 4 with group norm, got 6"):
        NetworkConfig.build({"norm": "group", "width": 6})


def test_what_is_left_out_comes_from_the_data_set_and_the_network() -> None:
    config = NetworkConfig.build({"dataset": "mhist"})
    assert (config.resolution, config.network, config.depth, config.width) == (128, "convnet7", 7, 128)
    assert NetworkConfig.build({"network": "lenet"}).width is None


def test_saying_a_default_aloud_does_not_make_another_run(home: Any) -> None:
    quiet = spec("distill", "datadam", {})
    loud = spec("distill", "datadam", {"dataset": "digits", "network": "convnet3", "width": "128", "lr_img": "0.1"})
    assert quiet.key == loud.key


def test_a_config_cannot_be_changed_in_place() -> None:
    config = TrainConfig.build({})
    with pytest.raises(Exception, match="frozen"):
        config.epochs = 3  # type: ignore[misc]
    assert config.replace(epochs=3).epochs == 3


def test_a_declaration_is_all_that_a_new_parameter_needs() -> None:
    class Toy(Config):
        strength: float = Param(0.5, label="Strength", symbol="κ", help="How strong.", gt=0, le=2, unit="V")

    (p,) = Toy.params()
    assert (p.flag, p.title, p.low, p.low_open, p.high) == ("--strength", "κ · Strength", 0, True, 2)
    assert options(Toy)[0].help == "κ · Strength (V). How strong. [default: 0.5]"
    assert Toy.build({"strength": "1.5"}).key_values() == {"strength": 1.5}
