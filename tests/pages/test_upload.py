"""Bringing one's own data: looked at, refused, added, offered, removed; and a finished run of what was removed."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from ddcore import jobs
from ddcore.data import DATASETS, apart, arranging, preview, source
from ddcore.data.adding import AddConfig, add
from ddcore.data.own import remove
from ddcore.data.split import smallest_class
from ddcore.evaluation import plans
from ddcore.experiments import spec
from ddcore.home import data_root
from ddcore.runs.store import Store
from pages.components import uploads
from tests.pages.conftest import DM, Backend, Open, finish, put, show_tab, words

PAGE, METHOD, BASELINES = "pages/1_Datasets.py", "pages/5_DM.py", "pages/2_Baselines.py"


def png(level: int, size: tuple[int, int] = (8, 8)) -> bytes:
    """An image that no other level's is like."""
    pixels = np.random.Generator(np.random.PCG64(level)).integers(0, 256, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return stream.getvalue()


def pets(each: int = 12) -> dict[str, bytes]:
    """Two classes of 8×8 images in folders, without a test part."""
    return {f"pets/{name}/{i}.png": png(100 * c + i) for c, name in enumerate(("cat", "dog")) for i in range(each)}


def added(name: str = "pets", **values: object) -> str:
    """The data set of `pets` is there, added without the page."""
    found = source.open_source(io.BytesIO(zipped(pets())), "pets.zip")
    seen = preview.look(found, arranging.arrange(found))
    config = AddConfig.build({"name": name, "side": 8, **values})
    return add(found, seen, config, data_root()).name


def upload(app: AppTest, files: dict[str, bytes], name: str = "pets.zip") -> AppTest:
    return app.file_uploader[0].set_value((name, zipped(files), "application/zip")).run()


def brought(open_page: Open, files: dict[str, bytes]) -> AppTest:
    return upload(open_page(PAGE, bring="own"), files)


def test_the_way_in_is_one_button_and_an_address(open_page: Open) -> None:
    app = open_page(PAGE)
    app.button(key="bring").click().run()
    assert app.query_params["bring"] == "own"
    assert "A folder for each class" in words(app)
    app.button(key="own-back").click().run()
    assert app.selectbox[0].label == "Data set"


@pytest.mark.slow
def test_a_zip_is_looked_at_once_and_becomes_a_data_set_that_every_menu_offers(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = apart.look
    monkeypatch.setattr(apart, "look", lambda *given: looks.append(1) or look(*given))
    app = brought(open_page, pets())
    assert "All images are 8 × 8 pixels." in words(app)
    assert "Nothing suspicious was found" in words(app)
    assert len(app.get("plotly_chart")) == 1
    next(t for t in app.text_input if t.label == "Name").set_value("my-pets").run()
    assert len(looks) == 1
    app.button(key="own-add").click().run()
    assert app.query_params["set"] == "my-pets"
    assert "Training 17" in words(app)
    assert DATASETS["my-pets"].sizes == (19, 5)
    for page in (METHOD, BASELINES):
        menu = next(s for s in open_page(page).selectbox if s.label == "Data set")
        assert "my-pets" in menu.options


def test_a_side_that_is_not_allowed_adds_nothing(open_page: Open) -> None:
    app = brought(open_page, pets())
    next(t for t in app.text_input if t.label.startswith("Side")).set_value("2").run()
    assert "; got 2]" in words(app)
    assert app.button(key="own-add").disabled


def test_doubtful_layout_is_asked_with_its_choices_and_nothing_is_suspicious_only_after(
    open_page: Open, home: Path
) -> None:
    parts = {f"set_{part}/{name}/{i}.png": png(i + 20 * (name == "dog") + 50 * (part == "a"))
             for part in ("a", "train") for name in ("cat", "dog") for i in range(6)}
    app = brought(open_page, parts)
    assert "It is not certain how pets.zip is meant" in words(app)
    assert "Nothing suspicious" not in words(app)
    assert "own-add" not in [b.key for b in app.button]
    (radio,) = [r for r in app.radio if r.label == "Read it as"]
    assert radio.value is None
    assert "Folders of any name › a folder for each class" in radio.options
    radio.set_value("folder/class")
    next(b for b in app.button if b.label == "Look into it").click().run()
    assert "Images 24" in words(app)
    assert "Its folders were read as folder/class, as was chosen." in words(app)
    assert "Nothing suspicious" not in words(app)
    app.button(key="own-add").click().run()
    facts = DATASETS["pets"]
    assert (facts.classes, sum(facts.sizes or ())) == (("cat", "dog"), 24)
    assert "read as folder/class" in json.loads((data_root() / "own/pets/dataset.json").read_text())["source"]


def test_labels_that_read_the_same_are_told_and_merged_where_that_is_chosen(open_page: Open, home: Path) -> None:
    files = {f"{name}/{i}.png": png(i + 20 * n) for n, name in enumerate(("Cat", "cat", "dog")) for i in range(6)}
    app = brought(open_page, files)
    assert "Labels that read the same are classes of their own: 'Cat' and 'cat'" in words(app).replace("\\", "")
    assert "Classes 3" in words(app)
    assert '"Cat","cat","dog"' in app.get("plotly_chart")[0].proto.spec.replace(" ", "")
    next(s for s in app.selectbox if s.label == "Labels that read the same").set_value("merge").run()
    assert "Classes 2" in words(app)
    assert '"Cat","dog"' in app.get("plotly_chart")[0].proto.spec.replace(" ", "")
    app.button(key="own-add").click().run()
    assert DATASETS["pets"].classes == ("Cat", "dog")


@pytest.mark.slow
def test_parts_of_unusual_names_are_read_as_parts_and_not_as_classes(open_page: Open) -> None:
    files = {f"seg_{part}/seg_{part}/{name}/{i}.png": png(i + 20 * (name == "sea") + 50 * (part == "test"))
             for part in ("train", "test") for name in ("ice", "sea") for i in range(4)}
    app = brought(open_page, {**files, "seg_pred/seg_pred/1.png": png(200)})
    assert "Images 16" in words(app)
    assert "Test part given" in words(app)
    assert "1 image without a class, as the name of its folder 'seg\\_pred' says" in words(app)
    assert "Nothing suspicious" not in words(app)


def test_what_stops_comes_first_and_nothing_can_be_added_then(open_page: Open) -> None:
    app = brought(open_page, {"train/cat/1.png": png(1), "train/cat/2.png": png(2), "train/dog/3.png": png(1)})
    assert app.error
    assert "own-add" not in [b.key for b in app.button]
    assert "Mend what is named above" in words(app)


def test_unreadable_images_can_be_left_out_once_that_is_said(open_page: Open, home: Path) -> None:
    app = brought(open_page, {**pets(), "pets/cat/broken.png": png(7)[:40]})
    assert "1 of 25 images cannot be read" in words(app)
    assert app.button(key="own-add").disabled
    next(s for s in app.selectbox if s.label == "Unreadable images").set_value("skip").run()
    app.button(key="own-add").click().run()
    assert "could not be read and was left out" in words(app)
    assert sum(DATASETS["pets"].sizes or ()) == 24


@pytest.mark.slow
def test_only_what_can_matter_is_asked(open_page: Open) -> None:
    asked = {s.label for s in brought(open_page, pets()).selectbox}
    assert asked == {"Colour"}
    oblong = {**pets(), "pets/cat/wide.png": png(50, (16, 8)), "pets/cat/copy.png": png(0)}
    asked = {s.label for s in brought(open_page, oblong).selectbox}
    assert asked == {"Colour", "Not square", "Identical images"}


def saved(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_twelve_bits_are_told_with_their_range_and_are_spread_unless_somebody_chooses_otherwise(
    open_page: Open, home: Path
) -> None:
    noise = [np.random.default_rng(seed).integers(0, 4000, (8, 8)).astype(np.uint16) for seed in range(12)]
    app = brought(open_page, {f"pets/{'ab'[i % 2]}/{i}.png": saved(levels) for i, levels in enumerate(noise)})
    assert "12 images have 16 bits a level and use" in words(app)
    choice = next(s for s in app.selectbox if s.label == "16-bit levels")
    assert choice.value == "used"
    app.button(key="own-add").click().run()
    assert "were spread over 0 to 255" in words(app)
    assert np.load(data_root() / "own" / "pets" / "images.npy").max() == 255


def test_white_strokes_on_nothing_are_drawn_on_black_and_a_flat_image_is_called_that(open_page: Open) -> None:
    strokes = []
    for seed in range(12):
        levels = np.full((8, 8, 4), 255, np.uint8)
        levels[..., 3] = 255 * np.random.default_rng(seed).integers(0, 2, (8, 8))
        strokes.append(saved(levels))
    files = {f"pets/{'ab'[i % 2]}/{i}.png": content for i, content in enumerate(strokes)}
    app = brought(open_page, {**files, "pets/a/plain.png": saved(np.full((8, 8, 3), 9, np.uint8))})
    assert "12 images are of one flat colour on white, for all they show is transparency" in words(app)
    assert "1 image is of one flat colour" in words(app)
    assert next(s for s in app.selectbox if s.label == "Behind transparency").value == "black"


def test_a_hostile_zip_is_refused_with_its_rule_and_nothing_is_left(open_page: Open, home: Path) -> None:
    app = brought(open_page, {"cat/../../evil.png": png(1)})
    assert "leads outside" in words(app)
    assert "nothing of it was kept" in words(app)
    assert app.file_uploader[0].value is None
    assert "kept by Datasets: brought" not in app.session_state
    assert not (data_root() / "own").exists()
    app = upload(app, pets())
    assert "leads outside" not in words(app)
    assert "What was found" in words(app)


def test_a_process_that_dies_over_a_zip_is_told_and_another_zip_can_be_chosen(
    open_page: Open, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(apart, "COMMAND", (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
        app = brought(open_page, pets())
    assert "was killed" in words(app)
    assert "nothing of it was kept" in words(app)
    assert "What was found" in words(upload(app, pets()))


def test_files_go_with_the_page_that_asked_for_them(open_page: Open, home: Path) -> None:
    app = brought(open_page, pets())
    assert len(list((home / "uploads").iterdir())) == 2  # the zip and what was found in it
    upload(app, pets(3))
    assert len(list((home / "uploads").iterdir())) == 2
    app.button(key="own-back").click().run()
    assert not list((home / "uploads").iterdir())


def test_who_comes_when_others_have_filled_the_disk_is_told_so(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "taken", lambda: uploads.ALL_MB * uploads.MB)
    assert uploads.FULL in words(open_page(PAGE, bring="own"))


@pytest.mark.slow
def test_a_name_that_is_taken_is_said_and_the_choice_stays(open_page: Open) -> None:
    added()
    app = brought(open_page, pets())
    app.button(key="own-add").click().run()
    assert "there is an own data set 'pets' already" in words(app)
    next(t for t in app.text_input if t.label == "Name").set_value("digits").run()
    assert "comes with the app" in words(app)


@pytest.mark.slow
def test_what_was_brought_is_let_go_of_when_another_page_is_opened(open_page: Open) -> None:
    app = brought(open_page, pets())
    assert "kept by Datasets: brought" in app.session_state
    app.switch_page(METHOD).run()
    assert "kept by Datasets: brought" not in app.session_state


@pytest.mark.slow
def test_a_folder_of_this_machine_is_read_only_where_nobody_else_is_served(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, content in pets().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    monkeypatch.setenv("DDCORE_FOLDERS", "1")
    app = open_page(PAGE, bring="own")
    app.segmented_control(key="own-way").set_value("A folder on this machine").run()
    app.text_input(key="own-path").set_value(str(tmp_path / "pets"))
    next(b for b in app.button if b.label == "Look into it").click().run()
    assert "Images 24" in words(app)
    app.button(key="own-add").click().run()
    assert DATASETS["pets"].own
    option = st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: "0.0.0.0" if name == "server.address" else option(name))
    assert not open_page(PAGE, bring="own").segmented_control


def test_a_path_that_leads_nowhere_is_said(open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDCORE_FOLDERS", "1")
    app = open_page(PAGE, bring="own")
    app.segmented_control(key="own-way").set_value("A folder on this machine").run()
    app.text_input(key="own-path").set_value(str(tmp_path / "nowhere"))
    next(b for b in app.button if b.label == "Look into it").click().run()
    assert any("nowhere" in e.value for e in app.error)


def test_a_set_that_runs_are_waiting_for_is_not_removed(open_page: Open) -> None:
    added()
    put(spec("distill", "dm", {**DM, "dataset": "pets"}), "queued")
    app = open_page(PAGE, set="pets")
    assert "1 run on it is waiting or running" in words(app)
    assert app.button(key="removed-pets").disabled


def test_an_unused_set_is_removed_without_a_trace(open_page: Open) -> None:
    added()
    described = put(spec("describe", "describe", {"dataset": "pets"}), "cancelled")
    app = open_page(PAGE, set="pets")
    assert "No finished run uses it." in words(app)
    app.button(key="removed-pets").click().run()
    assert "pets" not in DATASETS
    assert not Store().exists(described)
    assert not Store().trashed()
    assert "pets" not in app.selectbox[0].options
    assert not [path for path in (data_root() / "own").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_finished_run_of_a_removed_set_still_opens_and_nothing_new_can_be_asked(
    open_page: Open, backend: Backend
) -> None:
    added()
    run = jobs.run_inline(spec("distill", "dm", {**DM, "dataset": "pets"}))
    described = jobs.run_inline(spec("describe", "describe", {"dataset": "pets"}))
    app = open_page(PAGE, set="pets")
    assert "1 run used it" in words(app)
    app.button(key="removed-pets").click().run()
    assert DATASETS["pets"].removed

    for page in (METHOD, BASELINES, PAGE):
        menu = next(s for s in open_page(page).selectbox if s.label == "Data set")
        assert "pets" not in menu.options
    app = open_page(METHOD, run=run)
    assert "4 images ·" in words(app)
    assert "pets was removed" in words(app)
    assert all(b.disabled for b in app.button if "Evaluate with controls" in b.label)
    app = open_page(METHOD, like=run)
    assert "pets was removed" in words(app)
    assert all(b.disabled or b.label == "Open result" for b in app.button if str(b.key).startswith("launch"))
    app = open_page(PAGE, run=described)
    assert "pets was removed" in words(app)
    assert app.get("image")
    assert "remove-pets" not in [b.key for b in app.button]


@pytest.mark.slow
def test_a_run_of_a_set_that_is_not_known_here_still_opens(open_page: Open) -> None:
    added()
    run = jobs.run_inline(spec("distill", "dm", {**DM, "dataset": "pets"}))
    described = jobs.run_inline(spec("describe", "describe", {"dataset": "pets"}))
    remove("pets", data_root(), keep_facts=False)
    assert "4 images ·" in words(open_page(METHOD, run=run))
    assert "not known here" in words(open_page(METHOD, like=run))
    app = open_page(PAGE, run=described)
    assert "not known here" in words(app)
    assert app.get("image")


@pytest.mark.slow
def test_what_every_user_of_a_set_must_know_is_said_wherever_it_is_chosen(open_page: Open) -> None:
    added()
    facts = data_root() / "own" / "pets" / "dataset.json"
    told = {**json.loads(facts.read_text()), "notes": ["3 images were left out as copies of *others*"]}
    remove("pets", data_root(), keep_facts=False)
    added()
    facts.write_text(json.dumps(told))
    assert any("3 images were left out" in w.value for w in open_page(PAGE, set="pets").warning)
    for page in (METHOD, BASELINES):
        app = open_page(page)
        next(s for s in app.selectbox if s.label == "Data set").set_value("pets").run()
        assert any("copies of \\*others\\*" in w.value for w in app.warning)


@pytest.mark.parametrize(("address", "headless", "switch", "here"), [
    ("127.0.0.1", False, None, True), ("127.0.0.1", True, None, False),
    ("127.0.0.1", True, "1", True), ("127.0.0.1", False, "0", False),
    ("0.0.0.0", False, None, False), ("0.0.0.0", False, "1", False),
])
def test_folders_are_looked_into_only_where_nobody_else_is_served_whatever_a_visitor_sends(
    address: str, headless: bool, switch: str | None, here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"server.address": address, "server.headless": headless}
    monkeypatch.setattr(st, "get_option", options.__getitem__)
    monkeypatch.setattr(type(st.context), "headers", property(lambda self: {"Host": "localhost:8501"}))
    if switch is not None:
        monkeypatch.setenv("DDCORE_FOLDERS", switch)
    from pages.components import upload

    assert upload.at_this_machine() is here


def test_words_from_files_are_shown_as_they_are() -> None:
    from pages.components import widgets

    assert widgets.plain("a_b [x](y) #1") == "a\\_b \\[x\\](y) \\#1"
    said = widgets.plain("see https://evil.example, www.evil.example, me@evil.example or :material/home:")
    for link in ("https://", "www.", "@evil", ":material"):
        assert link not in said
    assert said.replace("\u200b", "").replace("\\", "") == (
        "see https://evil.example, www.evil.example, me@evil.example or :material/home:"
    )


def test_the_cost_of_the_networks_is_counted_for_an_own_set_too(open_page: Open) -> None:
    added()
    app = show_tab(open_page("pages/2_Baselines.py"), "baselines-tabs", "Cost of the networks")
    assert app.selectbox(key="flops-of").options == ["All that ship", "pets"]
    app.selectbox(key="flops-of").set_value("pets").run()
    assert not app.exception
    assert any(b.label == "Count FLOPs" for b in app.button)


def test_numbers_on_other_images_and_the_majority_class_stand_on_home_too(open_page: Open) -> None:
    added()
    note = "These are not the official images."
    config = {**DM, "dataset": "pets"}
    run = finish(spec("distill", "dm", config), {"images": 4, "ipc": 2, "notes": [note], "data_notes": [note]})
    judged = {
        "accuracy": {"mean": 0.665, "std": 0.009, "n": 3, "protocol": "course"}, "majority": 0.72, "notes": [note],
        "balanced_accuracy": {"mean": 0.5, "std": 0.01, "n": 3}, "classes": ["cat", "dog"],
    }
    finish(plans.evaluation(Store().record(run), plans.Question("course")), judged)
    put(plans.evaluation(Store().record(run), plans.Question("course"), seed=3), "failed")
    home = words(open_page())
    assert "66.5 ± 0.9 % (n = 3)" in home  # though a later evaluation failed
    assert "balanced 50.0 ± 1.0 %" in home
    assert "majority class 72.0 %" in home
    assert f"† pets: {note}" in home.replace("\\", "").replace("\u200b", "")


def test_more_images_than_the_smallest_class_has_are_refused_in_the_form_by_its_name(open_page: Open) -> None:
    few = {path: content for path, content in pets().items() if "cat" in path or path < "pets/dog/5"}
    found = source.open_source(io.BytesIO(zipped(few)), "pets.zip")
    seen = preview.look(found, arranging.arrange(found))
    add(found, seen, AddConfig.build({"name": "pets", "side": 8}), data_root())
    name, most = smallest_class(DATASETS["pets"])
    app = open_page(METHOD)
    next(s for s in app.selectbox if s.label == "Data set").set_value("pets").run()
    next(t for t in app.text_input if str(t.key).endswith(".ipc")).set_value(str(most + 1)).run()
    assert name == "dog"
    assert f"at most {most}, the training images of class dog, the smallest of pets, got {most + 1}" in words(app)
    assert all(b.disabled for b in app.button if str(b.key).startswith("launch"))
