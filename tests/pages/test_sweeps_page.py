"""The page of sweeps: what is varied is typed and checked, cells start, the answer is drawn and leads on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from ddcore import jobs
from ddcore.experiments import Spec, spec
from ddcore.experiments.sweep import SweepConfig
from ddcore.jobs.job import mark_waiting
from ddcore.jobs.requirements import unfinished
from ddcore.methods import METHODS
from ddcore.report import sweeps
from ddcore.runs.store import Store
from ddcore.runs.usage import bytes_of
from tests.pages.conftest import Backend, Filled, Open, put
from tests.runs import shelf
from tests.sweeping import World, config

PAGE = "pages/6_Sweeps.py"
TINY: dict[str, Any] = {"dataset": "digits", "num_inits": 2, "num_iters": 1, "net_steps": 0, "batch_real": 8, "ipc": 1,
                        "width": 8, "protocol": "quick", "nets": 2}


def sweep(**changes: Any) -> Spec:
    return spec("sweep", "datadam", {**TINY, **changes})


def words(app: AppTest) -> str:
    return "\n".join(element.value for element in (*app.markdown, *app.caption))


def field(app: AppTest, label: str) -> Any:
    return next(one for one in app.text_input if one.label.startswith(label))


def button(app: AppTest, label: str) -> Any:
    return next(one for one in app.button if one.label.startswith(label))


def test_a_sweep_is_made_of_a_parameter_and_its_values(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE, method="datadam")
    (axes,) = app.multiselect
    axes.set_value(["lambda_task"]).run()
    field(app, "λ").set_value("0, 0.01, 1").run()
    assert "**3 cells**, 8 runs to compute" in words(app)
    assert "**, **0.8 MB** on disk" in words(app)
    button(app, "Start sweep").click().run()
    (asked,) = backend.submitted
    assert (asked.kind, asked.config.values()["vary"]) == ("sweep", "lambda_task=0,0.01,1")


def test_a_new_axis_starts_with_values_that_can_run(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE, method="datadam", dataset="digits")
    (axes,) = app.multiselect
    axes.set_value(["evaluate.batch_size", "depth", "evaluate.depth", "units"]).run()
    first = [app.text_input(key=f"sweep.datadam.digits.quick.values of {name}").value for name in axes.value]
    assert first == ["32, 64, 128", "3", "3", "32, 64, 128"]  # what is not set, and depth 6 on images of 8 × 8
    assert not [one.value for one in app.markdown if "must be" in one.value]


def test_a_typed_word_takes_one_parameter_and_not_all_that_match(open_page: Open, backend: Backend) -> None:
    (axes,) = open_page(PAGE, method="datadam").multiselect
    assert axes.proto.select_all == 0


def test_disk_is_told_by_what_the_latest_runs_of_a_kind_take(home: Path) -> None:
    asked, store = config(vary="lambda_task=0,1"), Store()
    before = sweeps.room(sweeps.answer(asked, store), store)
    missing = len(unfinished(sweeps.answer(asked, store).outcome.missing, []))
    assert before == missing * 100_000
    run = store.record(shelf.finished(store, spec("distill", "datadam", {"dataset": "digits", "ipc": 7})).id)
    made = [one for one in sweeps.answer(asked, store).outcome.missing if one.kind == "distill"]
    (run.folder / "more").write_bytes(b"x" * 700_000)
    assert sweeps.room(sweeps.answer(asked, store), store) == before + len(made) * (bytes_of(run.folder) - 100_000)


def test_values_that_are_none_are_told_and_start_nothing(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE, method="datadam")
    (axes,) = app.multiselect
    axes.set_value(["lambda_task"]).run()
    field(app, "λ").set_value("0, much").run()
    assert "λ must be a number, got 'much'" in words(app)
    assert button(app, "Start sweep").disabled
    axes.set_value([]).run()
    assert button(app, "Start sweep").disabled
    assert backend.submitted == []


def test_cells_that_cannot_run_are_named_one_by_one_and_left_out_on_request(
    open_page: Open, backend: Backend
) -> None:
    app = open_page(PAGE, method="datadam", dataset="digits", vary="lambda_task=0,1; ipc=1,900,901")
    (told,) = [error.value for error in app.error]
    assert [f"λ {v}, IPC {ipc} cannot run: IPC must be at most" in told
            for v in (0, 1) for ipc in (1, 900, 901)] == 2 * [False, True, True]
    assert "; 3 more above" in words(app)
    assert button(app, "Start sweep").disabled
    button(app, "Leave these cells out").click().run()
    assert "**2 cells**" in words(app)
    assert not app.error
    button(app, "Start sweep").click().run()
    assert backend.submitted[0].config.values()["leave_out"] is True


def test_a_value_that_is_not_allowed_is_told_as_other_forms_tell_it(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE, method="datadam", dataset="digits", vary="lambda_task=-1,0")
    (told,) = [error.value for error in app.error]
    assert told.splitlines()[2:] == ["- λ -1 cannot run: λ: from 0 to 100; got -1"]
    assert "leave_out" not in words(app) + told
    app = open_page(PAGE, method="datadam", dataset="digits", vary="lambda_task=-2,-1")
    assert "None of the cells can run: λ: from 0 to 100; got -2; λ: from 0 to 100; got -1" in app.error[0].value


def test_before_a_sweep_starts_it_says_how_many_cells_are_known(open_page: Open, backend: Backend) -> None:
    World(lambda values: 0.5).stored(sweep(vary="lambda_task=0,1"), Store())
    like = Store().records("sweep")[0].id
    app = open_page(PAGE, like=like, vary="lambda_task=0,0.5,1")
    assert "**3 cells**, 2 of them known, 2 runs to compute" in words(app)


def test_before_a_sweep_of_sizes_starts_it_says_that_its_protocol_calls_none_lossless(
    open_page: Open, backend: Backend
) -> None:
    address = {"method": "datadam", "dataset": "digits", "vary": "ipc=1,2", "with_full": "True"}
    assert "Protocol course is not of equal steps" in words(open_page(PAGE, **address))
    assert "not of equal steps" not in words(open_page(PAGE, **address, protocol="quick"))


def test_a_cell_leads_back_to_the_sweep_that_asked_for_it(open_page: Open, backend: Backend) -> None:
    run_id = World(lambda values: None).stored(sweep(vary="lambda_task=0,1"), store := Store())
    cell = store.records("distill")[0].id
    links = [one.proto for one in open_page("pages/3_DataDAM.py", run=cell).get("page_link")]
    assert [parse_qsl(one.query_string) for one in links if one.page == "Sweeps" and "run=" in one.query_string] == [
        [("run", run_id)]]
    other = put(spec("distill", "datadam", {"dataset": "digits", "ipc": 7}), "failed")
    assert "A cell of:" not in words(open_page("pages/3_DataDAM.py", run=other))
    asked = store.create(sweep(vary="lambda_task=0,5"))  # under way, with no cell told by itself yet
    mark_waiting(asked.folder, [other])
    assert [one.id for one in sweeps.of_run(store.record(other), store)] == [asked.id]


def way(app: AppTest, label: str) -> dict[str, str]:
    """What the address says to which this link leads."""
    (link,) = [one.proto for one in app.get("page_link") if one.proto.label == label]
    assert link.page == "Sweeps"
    return dict(parse_qsl(link.query_string))


def chosen(app: AppTest) -> dict[str, Any]:
    """What stands in the menus and fields of the form."""
    return {one.label.split(" · ")[0]: one.value for one in (*app.selectbox, *app.text_input, *app.multiselect)}


def test_the_form_of_a_method_leads_to_a_sweep_with_all_that_stands_in_it(open_page: Open, backend: Backend) -> None:
    app = open_page("pages/3_DataDAM.py", set="digits")
    app.selectbox(key="datadam-preset").set_value("quick").run()
    field(app, "η_S").set_value("0.5").run()
    query = way(app, "Vary …")
    assert query == {"method": "datadam", "dataset": "digits", "preset": "quick", "lr_img": "0.5"}
    form = chosen(open_page(PAGE, **query))
    assert [form[name] for name in ("Method", "Data set", "Preset", "η_S")] == ["datadam", "digits", "quick", "0.5"]


@pytest.mark.parametrize("name", list(METHODS))
def test_a_sweep_can_start_from_a_run_of_every_method(name: str, open_page: Open, backend: Backend) -> None:
    run = Store().create(spec("distill", name, {"dataset": "digits", "ipc": 3, "seed": 5}))
    app = open_page(PAGE, like=run.id)
    app.session_state["sweep-method"], app.session_state["sweep-dataset"] = "pad", "mnist"  # of an earlier visit
    (axes,) = app.multiselect
    axes.set_value(["ipc"]).run()
    field(app, "IPC").set_value("1, 2").run()
    button(app, "Start sweep").click().run()
    (asked,) = backend.submitted
    values = asked.config.values()
    assert (asked.name, values["dataset"], values["vary"], values["seed"]) == (name, "digits", "ipc=1,2", 5)


@pytest.mark.parametrize("page", ["pages/3_DataDAM.py", "pages/2_Baselines.py"])
def test_a_finished_run_leads_to_a_sweep_that_starts_from_it(page: str, open_page: Open, filled: Filled) -> None:
    run = filled.coreset if "Baselines" in page else filled.distilled
    assert way(open_page(page, run=run), "Vary") == {"like": run}
    assert "Parameters of" in words(open_page(PAGE, like=run))


def test_an_earlier_sweep_asked_with_a_value_more_computes_only_that(open_page: Open, backend: Backend) -> None:
    earlier = Store().create(sweep(vary="lambda_task+lr_img=0+1,1+2; ipc=1,2"))
    app = open_page(PAGE, like=earlier.id)
    form = chosen(app)
    assert form["What is varied"] == ["lambda_task+lr_img", "ipc"]
    assert "**4 cells**, 12 runs to compute" in words(app)
    field(app, "IPC").set_value("1, 2, 5").run()
    button(app, "Start sweep").click().run()
    assert backend.submitted[0].key == sweep(vary="lambda_task+lr_img=0+1,1+2; ipc=1,2,5").key


def test_what_is_varied_is_in_the_address(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE, method="datadam", dataset="digits")
    app.multiselect[0].set_value(["lambda_task"]).run()
    field(app, "λ").set_value("0, 1").run()
    address = {name: value if isinstance(value, str) else value[0] for name, value in app.query_params.items()}
    assert address["vary"] == "lambda_task=0, 1"
    assert chosen(open_page(PAGE, **address))["λ"] == "0, 1"


def standing(state: str) -> str:
    """A sweep in this state over λ and IPC, of whose four cells one runs, one failed and one IPC was left out."""
    asked = sweep(vary="lambda_task=0,1; ipc=1,2,900", leave_out=True)
    assert isinstance(asked.config, SweepConfig)
    put(asked.config.cell({"lambda_task": 0.0, "ipc": 1}, 0).distil, "running")
    put(asked.config.cell({"lambda_task": 1.0, "ipc": 1}, 0).distil, "failed")
    put(asked.config.cell({"lambda_task": 1.0, "ipc": 2}, 0).distil, "queued")
    return put(asked, state)


@pytest.mark.parametrize(("state", "told"), [
    ("queued", "Cancel"), ("running", "Cancel"), ("cancelled", "Resume"), ("failed", "Resume")])
def test_a_sweep_in_any_state_tells_how_each_cell_stands(
    state: str, told: str, open_page: Open, backend: Backend
) -> None:
    app = open_page(PAGE, run=standing(state))
    (table,) = [one.value for one in app.dataframe if "behind the best" in one.value]
    assert dict(zip(table["values"], table["state"], strict=True)) == {
        "λ 0, IPC 1": "running", "λ 0, IPC 2": "waiting", "λ 1, IPC 1": "failed", "λ 1, IPC 2": "waiting"}
    assert told in [one.label for one in app.button]
    assert "λ 1, IPC 1, seed 0: failed. The loss is not a number." in words(app)
    assert "λ 0, IPC 900: IPC must be at most" in words(app)
    if state in ("queued", "running"):
        (bar,) = [one.proto.text for one in app.get("progress")]
        assert re.match(r"\*\*0 of 4 cells done\*\* · 1 failed · 1 running · 2 waiting · about .* left\. ", bar), bar
        button(app, "Cancel").click().run()
        assert backend.cancelled
    else:
        button(app, "Resume").click().run()
        assert backend.resumed


def test_a_sweep_over_sizes_leads_to_a_coreset_that_is_judged_alike(open_page: Open, backend: Backend) -> None:
    asked = sweep(vary="ipc=1,2,5", seeds=2)
    World(lambda values: 0.5).stored(asked, Store())
    query = way(open_page(PAGE, run=asked.key), "Add a coreset")
    app = open_page(PAGE, **query)
    assert not app.error
    button(app, "Start sweep").click().run()
    (coreset,) = backend.submitted
    assert isinstance(asked.config, SweepConfig)
    assert isinstance(coreset.config, SweepConfig)
    for cell in (coreset.config.cell({"ipc": ipc}, seed) for ipc in (1, 2, 5) for seed in (0, 1)):
        of_sweep = asked.config.cell(cell.values, cell.seed)
        assert cell.judged().key == of_sweep.judged_as(cell.distil.key).key


def test_the_margin_of_a_lossless_set_is_chosen_and_in_the_address(open_page: Open, home: Path) -> None:
    asked = sweep(vary="ipc=1,2,5", with_full=True, seeds=2)
    World(lambda values: 0.48 + values["ipc"] / 1000).stored(asked, Store())
    assert "within 0.5 points of the full data" in words(open_page(PAGE, run=asked.key))
    assert "within 2 points of the full data" in words(open_page(PAGE, run=asked.key, margin="2 points"))


@pytest.fixture
def finished(home: Path) -> str:
    return jobs.run_inline(sweep(vary="lambda_task=0,1"))


@pytest.mark.slow
def test_the_answer_is_a_sentence_a_picture_and_a_table_that_lead_to_the_images(open_page: Open, finished: str) -> None:
    app = open_page(PAGE, run=finished)
    best = Store().record(finished).summary.chosen  # type: ignore[attr-defined]
    assert f"λ {best['lambda_task']:g} is chosen by validation" in words(app)
    (table,) = [one.value for one in app.dataframe if "behind the best" in one.value]
    assert list(table["values"]) == ["λ 0", "λ 1"]
    assert "Random real images, IPC 1: " in words(app)
    assert "Images in full" in [one.label for one in app.get("page_link")]
