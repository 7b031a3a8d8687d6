"""The section Feature space: what can be looked at, what it asks for, and what it shows."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ddcore.experiments import spec
from ddcore.runs import Store
from ddcore.runs.files import read_json, write_json
from tests.pages.conftest import put, words
from tests.report.test_feature_space import looked
from tests.runs import shelf

pytestmark = pytest.mark.usefixtures("home", "backend")


def section(*ids: str) -> AppTest:
    """The section alone, for these runs."""

    def script(ids: tuple[str, ...]) -> None:
        from ddcore.report.compare_runs import compared
        from pages.components import frame
        from pages.components.compare import feature_space

        with frame.guarded():
            feature_space.show(compared(frame.store(), [frame.store().record(one) for one in ids]))

    app = AppTest.from_function(script, kwargs={"ids": ids}, default_timeout=60).run()
    assert not app.exception
    return app


def test_what_cannot_be_looked_at_is_named_with_the_reason() -> None:
    store = Store()
    waiting = put(shelf.question(seed=1), "queued")
    trained = shelf.finished(store, spec("baseline", "baseline", {"dataset": "digits"})).id
    told = words(section(waiting, trained))
    assert "has no final images, it is queued" in told
    assert "is no set of images" in told
    assert "None of the chosen runs can be looked at" in told


def test_one_button_asks_for_the_look_at_all_chosen_runs(backend: Any) -> None:
    ids = [shelf.finished(Store(), shelf.question(seed=seed), images=10).id for seed in (0, 1)]
    app = section(*ids)
    (button,) = app.button
    assert "about" in button.label
    button.click().run()
    (asked,) = backend.submitted
    assert (asked.kind, asked.config.runs) == ("features", ",".join(sorted(ids)))
    assert "Look at the images" not in words(app)  # it is under way


def test_a_finished_look_shows_the_map_and_the_pairs_of_a_class() -> None:
    _, ids = looked(Store())
    app = section(*ids)
    told = words(app)
    assert "right on 90.0 % of the validation images" in told
    assert "5.25 (pixels) and 3.5 (features)" in told
    (chart,) = app.get("plotly_chart")
    assert "31 % of the variance" in chart.proto.spec.replace("\\u003cbr\\u003e", " ")  # in two lines
    assert "1 of these is a real training image" in told  # the first class of the first run
    app.selectbox(key="fs-class").set_value("3").run()
    assert "real training image, pixel by pixel" not in words(app)


def test_the_map_of_neighbours_is_asked_for_when_somebody_wants_it(backend: Any) -> None:
    _, ids = looked(Store())
    app = section(*ids)
    assert not [button for button in app.button if "t-SNE" in button.label]
    app.segmented_control(key="fs-map").set_value("t-SNE").run()
    (button,) = [button for button in app.button if "t-SNE" in button.label]
    button.click().run()
    assert [asked.kind for asked in backend.submitted] == ["tsne"]


def test_runs_of_other_images_under_the_same_name_are_left_out(backend: Any) -> None:
    one, other = (shelf.finished(Store(), shelf.question(seed=seed), images=10) for seed in (0, 1))
    info = read_json(other.folder / "run.json")
    write_json(other.folder / "run.json", {**info, "dataset": {"name": "digits", "fingerprint": "other"}})
    app = section(one.id, other.id)
    assert "was made from other images of digits than those that are here now" in words(app)
    app.button[0].click().run()
    assert backend.submitted[0].config.runs == one.id
