"""The page of sweeps: what is varied is typed and checked, cells start, the answer is drawn and leads on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ddcore import jobs
from ddcore.experiments import Spec, spec
from ddcore.runs.store import Store
from tests.pages.conftest import Backend, Open

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
    button(app, "Start sweep").click().run()
    (asked,) = backend.submitted
    assert (asked.kind, asked.config.values()["vary"]) == ("sweep", "lambda_task=0,0.01,1")


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


@pytest.fixture
def finished(home: Path) -> str:
    return jobs.run_inline(sweep(vary="lambda_task=0,1"))


@pytest.mark.slow
def test_the_answer_is_a_sentence_a_picture_and_a_table_that_lead_to_the_images(open_page: Open, finished: str) -> None:
    app = open_page(PAGE, run=finished)
    best = Store().record(finished).summary.chosen  # type: ignore[attr-defined]
    assert f"λ {best['lambda_task']:g} is the best by validation" in words(app)
    (table,) = [one.value for one in app.dataframe if "behind the best" in one.value]
    assert list(table["values"]) == ["λ 0", "λ 1"]
    assert "Random real images, IPC 1, seed 0" in words(app)
    assert "Images along the axis" in [one.label for one in app.get("page_link")]
