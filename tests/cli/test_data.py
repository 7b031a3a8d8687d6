"""`python -m ddcore data`: look, add, check, remove."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brought import folders, picture, tree, written, zipped

from ddcore import jobs
from ddcore.cli import main
from ddcore.data import DATASETS
from ddcore.experiments import spec
from ddcore.jobs.job import mark_ended, mark_queued
from ddcore.runs.store import Store

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(home: Path, capsys: Any) -> Call:
    """call("add", …) is (exit status, standard output, standard error)."""

    def called(*arguments: str) -> tuple[int, str, str]:
        status = main(["data", *arguments])
        out = capsys.readouterr()
        return status, out.out, out.err

    return called


@pytest.fixture
def pets(tmp_path: Path) -> str:
    return str(written(folders(4, 2), tmp_path / "Pets"))


def test_adding_prints_the_preview_and_makes_a_data_set(call: Call, pets: str) -> None:
    status, out, err = call("add", pets, "--name", "pets", "--side", "8", "--mirror", "false")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "Pets: 12 images of 2 classes, in class folders",
        "  train  8: cat 4, dog 4",
        "  test   4: cat 2, dog 2",
        "  sizes  16×16 (12)",
        "added pets: 8 training and 4 test images of 3×8×8",
    ]
    assert DATASETS["pets"].augment == "siamese-no-flip"


def test_the_flag_is_named_where_there_is_a_choice(call: Call, tmp_path: Path) -> None:
    files = {f"{name}/{i}.png": picture(i + 9 * n) for n, name in enumerate(("Cat", "cat", "dog")) for i in range(4)}
    _, out, _ = call("check", str(written(files, tmp_path / "pets")))
    assert "classes of their own: 'Cat' and 'cat' (flag: --labels merge)\n" in out
    assert "  all    12: Cat 4, cat 4, dog 4\n" in out
    _, out, _ = call("add", str(tmp_path / "pets"), "--name", "pets", "--labels", "merge")
    assert "12 images of 2 classes" in out
    assert "  all    12: Cat 8, dog 4\n" in out


def test_side_and_colour_fit_the_images_where_they_are_not_given(call: Call, tmp_path: Path) -> None:
    files = {
        f"{name}/{i}.png": picture(i + 9 * (name == "dog"), (40, 50), "L") for name in ("cat", "dog") for i in range(5)
    }
    (tmp_path / "tiles.zip").write_bytes(zipped(files).getvalue())
    status, out, _ = call("add", str(tmp_path / "tiles.zip"), "--name", "pets", "--test-share", "40", "--json")
    result = json.loads(out)
    assert status == 0
    assert (result["shape"], result["sizes"]) == ([1, 32, 32], [6, 4])
    assert result["config"]["test_share"] == 40
    assert result["preview"]["sizes"] == [{"width": 40, "height": 50, "images": 10}]
    assert [p["rule"] for p in result["preview"]["problems"]] == ["not square"]
    assert result["fingerprint"] == DATASETS["pets"].fingerprint(tmp_path, 32)


def test_help_says_which_flags_the_images_decide(call: Call) -> None:
    _, out, _ = call("add", "--help")
    assert " ".join(out.split()).count("[default: what fits the images]") == 4
    assert "[default: 20]" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "Pets"], "name must be 2 to 32 small letters"),
        (["--name", "digits"], "comes with the app"),
        (["--name", "pets", "--side", "4"], "side must be at least 8, got 4"),
        (["--name", "pets", "--colour", "gray"], "did you mean 'grey'?"),
    ],
)
def test_wrong_flags_add_nothing(call: Call, home: Path, pets: str, arguments: list[str], message: str) -> None:
    status, _, err = call("add", pets, *arguments)
    assert status == 1
    assert message in err
    assert tree(home / "data") == {}


def test_problem_that_stops_is_printed_and_refuses(call: Call, home: Path, tmp_path: Path) -> None:
    path = str(written({**folders(4, 2), "train/cat/x.png": b"no"}, tmp_path / "pets"))
    status, out, err = call("add", path, "--name", "pets")
    assert status == 1
    assert "  stops: 1 of 13 images cannot be read: train/cat/x.png: it is a text" in out
    assert err.startswith("error: 1 of 13 images cannot be read")
    assert tree(home / "data") == {}
    assert call("check", path)[0] == 1
    assert call("add", path, "--name", "pets", "--unreadable", "skip")[0] == 0


def test_hostile_archive_is_one_line_on_standard_error(call: Call, home: Path, tmp_path: Path) -> None:
    (tmp_path / "tiles.zip").write_bytes(zipped({"../../x.png": picture()}).getvalue())
    assert call("check", str(tmp_path / "tiles.zip")) == (
        1, "", "error: '../../x.png' leads outside (..); allowed are paths inside\n"
    )
    assert tree(home / "data") == {}


def test_doubtful_layout_is_asked_with_the_flags_to_give(call: Call, home: Path, tmp_path: Path) -> None:
    files = {**folders(4, 2), "train/cover.png": picture(90)}
    path = str(written(files, tmp_path / "pets"))
    for command in (["check", path], ["add", path, "--name", "pets"]):
        status, out, err = call(*command)
        assert (status, out) == (1, "")
        assert err == ("error: it is not certain how pets is meant: 1 image lies in no class folder "
                       "('train/cover.png'). Say how it is to be read:\n"
                       "  --layout part/class: 2 classes (cat, dog), 8 training and 4 test images, 1 image left out\n")
    assert tree(home / "data") == {}
    assert call("check", path, "--layout", "part/class")[0] == 0
    status, out, _ = call("add", path, "--name", "pets", "--layout", "part/class", "--json")
    assert (status, json.loads(out)["sizes"], json.loads(out)["preview"]["reading"]) == (0, [8, 4], "part/class")
    assert DATASETS["pets"].notes == ("1 image in no class folder of 'test', 'train' is left out",)
    status, _, err = call("check", path, "--layout", "parts")
    assert (status, err) == (1, "error: no image of pets has a class where its folders are read as 'parts'; allowed "
                                "are the words class, part and folder, from the outermost folder on, such as "
                                "part/class\n")


def test_check_of_a_folder_adds_nothing(call: Call, home: Path, pets: str) -> None:
    status, out, _ = call("check", pets, "--json")
    assert (status, json.loads(out)["counts"]["test"]) == (0, {"cat": 2, "dog": 2})
    assert json.loads(out)["suggested"] == {"name": "pets", "side": 16, "colour": "rgb"}
    assert tree(home / "data") == {}


def test_check_of_a_name_says_whether_it_can_be_used(call: Call, home: Path, pets: str) -> None:
    assert call("check", "digits")[:2] == (0, "digits: ready. digits comes with scikit-learn.\n")
    assert call("check", "mhist")[0] == 1
    call("add", pets, "--name", "pets")
    assert call("check", "pets")[0] == 0
    content = bytearray((home / "data/own/pets/images.npy").read_bytes())
    content[-1] ^= 1
    (home / "data/own/pets/images.npy").write_bytes(content)
    status, out, _ = call("check", "pets")
    assert status == 1
    assert out.startswith("pets: broken. the images in ")
    (home / "data/own/pets/dataset.json").write_text("{}")
    assert call("check", "pets")[1].endswith("own/pets/dataset.json cannot be read\n")
    assert call("remove", "pets")[0] == 0
    status, _, err = call("check", "nope")
    assert (status, err.split(";")[0]) == (1, "error: no data set, file or folder 'nope'")


def test_removing_a_set_without_runs_leaves_nothing(call: Call, home: Path, pets: str) -> None:
    call("add", pets, "--name", "pets")
    assert call("remove", "pets")[:2] == (0, "removed pets\n")
    assert "pets" not in DATASETS
    assert tree(home / "data") == {}


def test_finished_run_outlives_its_data_set(call: Call, pets: str) -> None:
    call("add", pets, "--name", "pets")
    run_id = jobs.run_inline(spec("distill", "random", {"dataset": "pets", "ipc": 1}))
    assert call("remove", "pets")[1] == "removed pets; its facts are kept for 1 run\n"
    record = Store().record(run_id)
    assert record.state == "done"
    assert DATASETS[record.config["dataset"]].classes == ("cat", "dog")
    assert "pets" not in DATASETS.offered()
    assert call("check", "pets")[:2] == (1, "pets: missing. pets was removed; add it again to compute with it.\n")
    assert "would be taken for runs of this one" in call("add", str(Path(pets) / "train"), "--name", "pets")[2]
    assert call("add", pets, "--name", "pets")[0] == 0
    assert jobs.submit(spec("distill", "random", {"dataset": "pets", "ipc": 1})) == run_id


def test_set_with_a_waiting_run_is_not_removed(call: Call, pets: str) -> None:
    call("add", pets, "--name", "pets")
    record = Store().create(spec("distill", "random", {"dataset": "pets", "ipc": 1}))
    mark_queued(record.folder)
    status, _, err = call("remove", "pets")
    assert (status, err) == (1, "error: 1 run on pets still waiting or running; cancel or await them first\n")
    assert not DATASETS["pets"].removed
    mark_ended(record.folder, "cancelled", "", None)
    assert json.loads(call("remove", "pets", "--json")[1]) == {
        "name": "pets", "finished": 0, "other": 1, "facts_kept": True,
    }


def test_a_description_goes_with_the_set_that_nothing_else_uses(call: Call, pets: str) -> None:
    call("add", pets, "--name", "pets")
    described = jobs.run_inline(spec("describe", "describe", {"dataset": "pets"}))
    other = jobs.run_inline(spec("describe", "describe", {"dataset": "digits"}))
    assert call("remove", "pets")[1] == "removed pets\n"
    assert not Store().exists(described)
    assert not Store().trashed()
    assert Store().exists(other)
    assert "pets" not in DATASETS


@pytest.mark.parametrize(
    ("name", "message"), [("digits", "digits comes with the app"), ("nope", "no own data set 'nope'")]
)
def test_only_own_sets_are_removed(call: Call, name: str, message: str) -> None:
    status, _, err = call("remove", name)
    assert status == 1
    assert message in err
