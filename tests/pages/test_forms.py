"""What every form does: few parameters first, what is unused hidden, changes kept, long runs asked twice."""

from __future__ import annotations

import pytest

from ddcore.methods import METHODS
from ddcore.report.estimate import Estimate
from ddcore.runs.store import Store
from pages.components import widgets
from tests.pages.conftest import Backend, Filled, Open, words

PAGE = "pages/3_DataDAM.py"
QUICK = METHODS["datadam"].preset("quick").for_dataset("digits")
COURSE = METHODS["datadam"].preset("course").for_dataset("digits")


@pytest.mark.parametrize("name", list(METHODS))
def test_a_form_begins_with_a_few_parameters_and_the_length_is_among_them(name: str) -> None:
    method = METHODS[name]
    first = method.Config.first()
    assert (3 if method.step else 1) <= len(first) <= 6
    assert "ipc" in first
    assert not method.Config.length_param or method.Config.length_param in first


def test_what_a_choice_does_not_use_is_not_shown_and_is_as_the_preset_has_it(
    open_page: Open, backend: Backend
) -> None:
    app, key = open_page(PAGE), "datadam.digits.quick"
    assert QUICK["num_iters"] == 1
    assert not {f"{key}.{name}" for name in ("init_noise", "lr_net", "net_steps", "batch_syn")} & drawn(app)
    app.selectbox(key=f"{key}.init").select("real+noise").run()
    app.text_input(key=f"{key}.num_iters").set_value("3").run()
    assert {f"{key}.{name}" for name in ("init_noise", "net_steps")} <= drawn(app)
    app.text_input(key=f"{key}.init_noise").set_value("0.1").run()
    app.selectbox(key=f"{key}.init").select("real").run()
    assert f"{key}.init_noise" not in drawn(app)
    app.button(key="launch-distill").click().run()
    assert backend.submitted[0].config.init_noise == METHODS["datadam"].Config.param("init_noise").default


def test_what_is_wrong_stands_below_its_field_where_no_bubble_of_help_hides_it(open_page: Open) -> None:
    app = open_page(PAGE)
    app.text_input(key="datadam.digits.quick.ipc").set_value("5000").run()
    shown = [getattr(one, "key", None) or getattr(one, "value", None) for one in app.main]
    after = shown.index("datadam.digits.quick.ipc") + 1
    assert shown[after : after + 2] == ["wrong-datadam.digits.quick.ipc", ":red[IPC: from 1 to 1,000; got 5000]"]


def test_a_group_is_named_only_where_something_of_it_is_used(open_page: Open) -> None:
    app = open_page(PAGE)
    headings = [one.value for one in app.markdown]
    assert "**Network**" in headings
    assert "**Small set**" not in headings
    app.selectbox(key="datadam.digits.quick.init").select("real+noise").run()
    assert "**Small set**" in [one.value for one in app.markdown]


def test_a_menu_and_the_parameters_of_a_run_call_a_network_by_its_title(open_page: Open, filled: Filled) -> None:
    assert "ConvNet-3" in open_page(PAGE).selectbox(key="datadam.digits.quick.network").options
    assert open_page(PAGE).selectbox(key="datadam.digits.quick.network").value == "convnet3"
    (shown,) = (one.value for one in open_page("pages/5_DM.py", run=filled.dm).dataframe if "Meaning" in one.value)
    assert shown.set_index("Parameter").loc["Network", "Value"] == "ConvNet-3"


def drawn(app: object) -> set[str]:
    return {field.key for field in app.text_input}  # type: ignore[attr-defined]


def test_changes_stay_on_other_pages_and_under_another_preset_until_they_are_put_back(open_page: Open) -> None:
    app = open_page(PAGE)
    app.text_input(key="datadam.digits.quick.lambda_task").set_value("0.5").run()
    app.switch_page("pages/5_DM.py").run()
    app.switch_page(PAGE).run()
    assert app.text_input(key="datadam.digits.quick.lambda_task").value == "0.5"
    app.selectbox(key="datadam-preset").select("course").run()
    assert app.text_input(key="datadam.digits.course.lambda_task").value == "0.5"
    assert app.text_input(key="datadam.digits.course.num_inits").value == str(COURSE["num_inits"])
    assert "Changed: λ · Task balance 0.5 instead of 0.01" in words(app)
    app.button(key="datadam-reset").click().run()
    assert app.text_input(key="datadam.digits.course.lambda_task").value == "0.01"
    app.selectbox(key="datadam-preset").select("quick").run()
    assert app.text_input(key="datadam.digits.quick.lambda_task").value == "0.01"
    assert "Changed: " not in words(app)


def test_the_address_tells_what_differs_from_the_preset_and_makes_the_same_form(open_page: Open) -> None:
    app = open_page(PAGE)
    assert not app.query_params
    app.selectbox(key="datadam-preset").select("course").run()
    app.text_input(key="datadam.digits.course.ipc").set_value("5").run()
    app.selectbox(key="datadam.digits.course.init").select("noise").run()
    told = {name: values[0] if isinstance(values, list) else values for name, values in app.query_params.items()}
    assert told == {"preset": "course", "ipc": "5", "init": "noise"}


def test_a_form_that_somebody_was_sent_opens_as_it_was(open_page: Open) -> None:
    app = open_page(PAGE, preset="course", ipc="5", init="noise", seed="nonsense")
    key = "datadam.digits.course"
    assert (app.text_input(key=f"{key}.ipc").value, app.selectbox(key=f"{key}.init").value) == ("5", "noise")
    assert "Seed: a whole number from 0 to 2,147,483,647; got nonsense" in words(app)
    assert app.button(key="launch-distill").disabled


def test_another_network_does_not_keep_the_width_that_was_typed_for_this_one(open_page: Open) -> None:
    app, key = open_page(PAGE), "datadam.digits.quick"
    app.text_input(key=f"{key}.width.{QUICK['width']}").set_value("8").run()
    app.selectbox(key=f"{key}.network").select("mlp").run()
    assert "Width" not in words(app).partition("Changed: ")[2]


def test_a_very_long_run_is_asked_twice(
    open_page: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(PAGE)
    assert app.button(key="launch-distill").label == "Start run"
    monkeypatch.setattr(widgets, "time_of", lambda spec: (Estimate(4 * 86_400, True, "so"), "So."))
    app = open_page(PAGE)
    button = app.button(key="launch-distill")
    assert (button.label, button.proto.type) == ("Start anyway", "secondary")
    assert "This will take **about 4.0 days**" in words(app)
    button.click().run()
    assert backend.submitted


def test_a_run_is_evaluated_when_it_is_done_where_that_is_ticked(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    tick = app.checkbox(key="then-distill")
    assert tick.value
    assert tick.label.startswith("Evaluate when done, about ")
    app.button(key="launch-distill").click().run()
    run, judged, random, control, initial = backend.submitted
    assert [one.kind for one in backend.submitted] == ["distill", "evaluate", "distill", "evaluate", "evaluate"]
    assert (judged.config.run, judged.config.nets, judged.config.protocol) == (run.key, 3, "course")
    assert (random.name, control.config.run, initial.config.images) == ("random", random.key, "initial")
    assert all(run.key in Store().record(one.key).info["parents"] for one in (judged, initial))


def test_a_run_is_not_evaluated_where_that_is_not_ticked(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    app.checkbox(key="then-distill").uncheck().run()
    app.button(key="launch-distill").click().run()
    assert [one.kind for one in backend.submitted] == ["distill"]
