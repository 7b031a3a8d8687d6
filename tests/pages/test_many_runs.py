"""What pages look at where there are many runs."""

from __future__ import annotations

import pytest

from ddcore.experiments import spec
from ddcore.runs.store import Store
from tests.pages.conftest import Open
from tests.runs.shelf import finished, looked_at, many_like, question


@pytest.mark.parametrize("page", ["", "pages/7_Compare.py", "pages/8_Runs.py"])
def test_no_page_that_lists_runs_looks_at_more_than_one_trial(
    page: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    finished(store, question())
    trial = finished(store, spec("trial", "trial", {"dataset": "digits"}))
    app, looks = open_page(page), []
    for number in (5, 25):
        many_like(trial, number)
        with looked_at(monkeypatch) as paths:
            app.run()
        looks.append({path for path in paths if f"{trial.folder.parent}/" in path})
    assert not app.exception
    assert len(looks[0]) == len(looks[1]) <= 1
