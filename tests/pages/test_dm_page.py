from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddcore import jobs
from ddcore.experiments import spec
from ddcore.runs.store import Store
from pages.components import frame
from tests.pages.conftest import DM, HERDING, Backend, Filled, Open, finish, put, words

PAGE = "pages/5_DM.py"


def test_the_form_submits_a_run_of_dm(open_page: Open, backend: Backend) -> None:
    app = open_page(PAGE)
    app.button(key="launch-distill").click().run()
    assert (backend.submitted[0].kind, backend.submitted[0].name) == ("distill", "dm")


def test_the_learning_rate_that_follows_the_images_per_class_follows_them_in_the_form(
    open_page: Open, backend: Backend
) -> None:
    app = open_page(PAGE)
    app.selectbox(key="dm-preset").select("paper").run()
    ipc = app.text_input(key="dm.digits.paper.ipc")
    assert app.text_input(key="dm.digits.paper.lr_img.1.0").value == "1"
    ipc.set_value("100").run()
    assert app.text_input(key="dm.digits.paper.lr_img.10.0").value == "10"
    app.button(key="launch-distill").click().run()
    assert backend.submitted[0].config.lr_img == 10.0


def test_a_finished_run_shows_its_images_at_every_snapshot(open_page: Open, filled: Filled) -> None:
    app = open_page(PAGE, run=filled.dm)
    assert list(app.select_slider[0].options) == ["0", "1", "2"]
    assert "Gradient norm" in words(app)
    assert "λ" not in "".join(m.help for m in app.markdown if m.help)


def test_what_the_driver_had_to_say_stands_on_the_page(open_page: Open, filled: Filled) -> None:
    path: Path = Store().record(filled.dm).folder / "run.json"
    info = json.loads(path.read_text("utf-8"))
    info["summary"]["notes"] = ["Class 3 has fewer images than a batch."]
    path.write_text(json.dumps(info), "utf-8")
    assert "Class 3 has fewer images than a batch." in words(open_page(PAGE, run=filled.dm))


@pytest.mark.parametrize(
    ("name", "config", "page"),
    [
        ("dm", DM, "pages/5_DM.py"),
        ("datadam", {"dataset": "digits"}, "pages/3_DataDAM.py"),
        ("herding", HERDING, "pages/2_Baselines.py"),
        ("random", {"dataset": "digits"}, "pages/2_Baselines.py"),
    ],
)
def test_a_run_opens_on_the_page_of_its_method(name: str, config: dict, page: str, home: Path) -> None:
    assert frame.page_of(Store().record(put(spec("distill", name, config), "failed"))).file == page


def test_a_sweep_which_is_named_after_its_method_opens_on_the_page_of_sweeps(home: Path) -> None:
    sweep = put(spec("sweep", "datadam", {"dataset": "digits", "vary": "lambda_task=0,1"}), "failed")
    assert frame.page_of(Store().record(sweep)).file == "pages/6_Sweeps.py"


def test_a_run_that_cannot_be_read_opens_on_the_page_of_all_runs(filled: Filled) -> None:
    (Store().record(filled.dm).folder / "run.json").write_text("{", "utf-8")
    broken = Store().record(filled.dm)
    assert (broken.state, frame.page_of(broken).file) == ("broken", "pages/8_Runs.py")


def test_an_evaluation_opens_on_the_page_of_the_set_it_judged(filled: Filled) -> None:
    asked = spec("evaluate", "evaluate", {"dataset": "digits", "run": filled.dm})
    judged = Store().record(finish(asked, {}))
    assert frame.page_of(judged).file == PAGE
    Store().trash(filled.dm)
    assert frame.page_of(judged).file == "pages/8_Runs.py"


def test_a_waiting_run_shows_what_it_needs_first(
    open_page: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spec("distill", "herding", HERDING)
    from ddcore.experiments import KINDS

    scores = put(*KINDS["distill"].needs("herding", asked.config), "running")
    run = put(asked, "queued")
    app = open_page("pages/2_Baselines.py", run=run)
    assert {f"cancel-{scores}", f"cancel-{run}"} <= {b.key for b in app.button}
    assert "Needed first: " in words(app)
    assert jobs.status(run).state == "queued"


def test_a_run_whose_images_were_thrown_about_is_not_a_calm_done(open_page: Open, filled: Filled) -> None:
    path: Path = Store().record(filled.dm).folder / "run.json"
    info = json.loads(path.read_text("utf-8"))
    info["summary"]["pixel_change"] = 7285.0
    path.write_text(json.dumps(info), "utf-8")
    app = open_page(PAGE, run=filled.dm)
    assert app.warning[0].value.startswith("The images moved by 7,285 σ")
    assert ":orange-badge[:material/warning: Done, with a warning]" in words(app)
