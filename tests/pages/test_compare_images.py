from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from ddcore.experiments import ImageSet, spec
from ddcore.jobs.job import mark_queued, mark_running
from ddcore.runs import Store
from ddcore.runs.recorder import FolderRecorder
from tests.pages.conftest import TINY, finish, words
from tests.runs import shelf


def section() -> None:
    import streamlit as st

    from ddcore.report.compare_runs import compared
    from pages.components import frame
    from pages.components.compare import images

    with frame.guarded():
        if "found" not in st.session_state:  # a section draws itself again with the runs that it was given
            records = [frame.store().record(run) for run in st.query_params["runs"].split(",")]
            st.session_state["found"] = compared(frame.store(), records)
        images.show(st.session_state["found"])


def look(*runs: str, **query: str) -> AppTest:
    """The section as somebody sees it who follows a link with these values in its address."""
    app = AppTest.from_function(section, default_timeout=60)
    for name, value in {"runs": ",".join(runs), **query}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def pictures(app: AppTest) -> list[Image.Image]:
    urls = [url for image in app.get("image") for url in image.value]
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def several(images: ImageSet, times: int) -> ImageSet:
    """The set with every image so many times."""
    return replace(images, images=np.tile(images.images, (times, 1, 1, 1)), labels=np.tile(images.labels, times))  # type: ignore[call-overload]


def put(name: str, per_class: int, steps: Sequence[int], **values: Any) -> str:
    """A finished run with images at these steps; nothing is computed."""
    recorder = FolderRecorder(Store(), Store().create(spec("distill", name, {"dataset": "digits", **values})).id)
    recorder.save_images("initial", several(shelf.image_set(0.0), per_class))
    for step in steps:
        recorder.snapshot(step, several(shelf.image_set(step / 8), per_class))
    recorder.save_images("images", several(shelf.image_set(max(steps) / 8), per_class))
    recorder.finish(shelf.summary("distill", steps=max(steps)), {"started": 1.0})
    return recorder.record.id


@pytest.fixture
def short(home: Path) -> str:
    """2 steps, kept at 0, 1 and 2, with two images of each class."""
    return put("dm", 2, (0, 1, 2), ipc=2)


@pytest.fixture
def long(home: Path) -> str:
    """4 steps, kept at 0, 1, 2 and 4, with one image of each class."""
    return put("datadam", 1, (0, 1, 2, 4), ipc=1)


@pytest.fixture
def coreset(home: Path) -> str:
    return put("random", 2, (0,), ipc=2)


@pytest.fixture
def described(home: Path) -> str:
    """A run of a kind that has no images."""
    return finish(spec("describe", "describe", {"dataset": "digits"}), {})


def test_grids_of_all_runs_stand_side_by_side_with_the_same_rows(short: str, long: str, coreset: str) -> None:
    Store().annotate(long, name="*my* [best](x) <b>set</b>")
    app = look(short, long, coreset)
    drawn = pictures(app)
    assert len(drawn) == 3
    assert len({picture.size for picture in drawn}) == 1
    assert "chosen real images, no steps" in words(app)
    assert r"\*my\* \[best\](x) \<b\>set" in words(app)


def test_what_is_not_shown_is_named_with_the_reason(described: str) -> None:
    app = look(described, *(put("random", 1, (0,), ipc=1, seed=seed) for seed in range(9)))
    assert len(pictures(app)) == 8
    assert "is not shown: such a run makes no images." in words(app)
    assert words(app).count("is not shown: 8 grids are the most") == 1


@pytest.mark.slow
def test_very_many_images_are_sent_compressed_and_that_is_said(home: Path) -> None:
    app = look(put("random", 25, (0,), ipc=25))
    assert [picture.format for picture in pictures(app)] == ["PNG"]
    assert "compressed" not in words(app)
    app.button_group(key="img-per").set_value("all").run()
    assert [picture.format for picture in pictures(app)] == ["WEBP"]
    assert "compressed, with a small loss" in words(app)


def test_one_slider_moves_all_grids_and_the_nearest_step_is_named(short: str, long: str) -> None:
    app = look(short, long, step="1")
    slider = app.select_slider(key="step")
    assert slider.options == ["0", "1", "2", "4"]
    assert slider.value == 1
    assert words(app).count("\nstep 1") == 2
    first = pictures(app)
    slider.set_value(4).run()
    assert "step 2 · nearest to 4" in words(app)
    assert all(one.tobytes() != other.tobytes() for one, other in zip(first, pictures(app), strict=True))


def test_the_address_names_the_classes_and_what_the_slider_runs_over(short: str, long: str) -> None:
    app = look(short, long, **{"img-over": "share", "img-share": "50 %", "img-class": "3"})
    assert "50 % · step 1" in words(app)
    assert "50 % · step 2" in words(app)
    assert pictures(app)[0].height < 100  # one row


def test_two_sets_lie_over_each_other_beside_their_difference(short: str, long: str) -> None:
    app = look(short, long, **{"img-view": "Two over each other", "img-a-step": "0"})
    [viewer] = app.get("bidi_component")
    told = json.loads(viewer.proto.json)
    assert told["names"][0].endswith("step 0")
    assert len(set(told["pictures"])) == 2
    assert len(pictures(app)) == 1
    assert "Only the classes that both have" in words(app)  # IPC 2 beside IPC 1


def test_two_steps_of_one_run_can_be_compared_and_the_same_images_are_called_so(long: str) -> None:
    app = look(long, **{"img-view": "Two over each other"})
    assert [slider.value for slider in app.select_slider] == [0, 4]
    assert "Mean size of a difference: 31.9" in words(app)  # half a standard deviation of 0.25, of 255
    app.select_slider(key="img-b-step").set_value(0).run()
    assert "These are the same images." in words(app)


@pytest.mark.slow
def test_sets_of_other_sizes_are_not_laid_over_each_other(short: str, long: str) -> None:
    small = shelf.image_set()
    large = replace(small, images=small.images.repeat(2, axis=2).repeat(2, axis=3))
    FolderRecorder(Store(), long).save_images("images", large)
    app = look(short, long, **{"img-view": "Two over each other"})
    assert "the images of one are 8 × 8 px in grey, those of the other 16 × 16 px in grey" in words(app)
    assert not app.get("bidi_component")


def test_one_image_is_shown_at_every_step_kept(short: str, long: str) -> None:
    app = look(short, long, **{"img-view": "One image through time", "img-run": long, "img-of": "7"})
    assert len(pictures(app)) == 4  # of the other run there are 3
    assert app.selectbox(key="img-of").value == "7"


def test_a_running_run_shows_its_newest_images_so_far(short: str) -> None:
    running = Store().create(spec("distill", "datadam", {**TINY, "seed": 7}))
    mark_queued(running.folder)
    mark_running(running.folder, "cpu")
    recorder = FolderRecorder(Store(), running.id)
    recorder.save_images("initial", shelf.image_set(0.0))
    recorder.snapshot(1, shelf.image_set(1.0))
    app = look(short, running.id)
    assert "step 1 · running" in words(app)
    assert app.select_slider(key="step").options[-1] == "newest"


def test_deleted_runs_and_damaged_images_are_told_and_the_others_stay(short: str, long: str, coreset: str) -> None:
    app = look(short, long, coreset)
    Store().trash(coreset)
    (Store().record(long).folder / "snapshots" / "1.safetensors").write_bytes(b"nothing of the kind")
    app.select_slider(key="step").set_value(1).run()
    assert len(pictures(app)) == 1
    assert "1.safetensors cannot be read" in words(app)
    assert "is not shown: it was deleted meanwhile." in words(app)


def menu() -> None:
    import streamlit as st

    from ddcore.report.compare_runs import compared
    from pages.components import frame
    from pages.components.compare import selection

    records = [frame.store().record(run) for run in st.query_params["runs"].split(",")]
    one = selection.run(st.columns(1)[0], "Run", compared(frame.store(), records), "img-run", index=1)
    st.markdown(f"chosen: {one.record.id}")


def test_a_chosen_run_is_kept_by_its_id_whatever_it_is_called_and_whoever_else_is_compared(home: Path) -> None:
    one, other, more = (shelf.finished(Store(), shelf.question(seed=seed)).id for seed in range(3))
    app = AppTest.from_function(menu)
    app.query_params.update({"runs": f"{one},{other}", "img-run": one})
    assert f"chosen: {one}" in words(app.run())
    Store().annotate(one, name="another name")
    app.query_params["runs"] = f"{more},{other},{one}"
    assert f"chosen: {one}" in words(app.run())
    assert "another name" in app.selectbox[0].options[2]
    app.selectbox[0].set_value(more).run()
    assert f"chosen: {more}" in words(app)
    assert app.query_params["img-run"] == more
    app.query_params["runs"] = f"{one},{other}"  # it is compared no longer
    assert f"chosen: {other}" in words(app.run())
    assert app.query_params["img-run"] == other
