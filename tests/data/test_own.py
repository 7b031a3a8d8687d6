import errno
import io
import json
import os
import shutil
import time
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from brought import added, folders, looked, picture, table, tree, written, zipped
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddcore import home as places
from ddcore.data import DATASETS, adding, own, preview, source
from ddcore.data.layout import Row
from ddcore.data.load import fingerprint, load
from ddcore.data.source import Source
from ddcore.errors import ConfigError, DataBroken, DataMissing, DataRefused, UnknownName

GOOD = folders(5, 3)
MANY = folders(20, 0)


@pytest.fixture
def root(home):
    """The empty data root that DATASETS looks into."""
    return places.data_root()


@pytest.fixture(scope="module")
def tiles(histology, tmp_path_factory):
    """Some of the stand-in's tiles in its layout, as they are: 12 of each class and part."""
    there = histology / "MHIST"
    folder = tmp_path_factory.mktemp("brought") / "tiles"
    (folder / "images").mkdir(parents=True)
    heading, *lines = (there / "annotations.csv").read_text().splitlines()
    chosen = [line for label in ("HP", "SSA") for part in ("train", "test")
              for line in [x for x in lines if x.split(",")[1] == label and x.endswith(part)][:12]]
    (folder / "annotations.csv").write_text("\n".join([heading, *chosen]))
    for name in ("sources.csv", "README.md"):
        shutil.copyfile(there / name, folder / name)
    for line in chosen:
        shutil.copyfile(there / "images" / line.split(",")[0], folder / "images" / line.split(",")[0])
    return folder


def packed(folder):
    """The folder as a zip in memory, its files in another order and with another compression."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return stream


def notes(files, root, **values):
    return added(files, root, **values).notes


def test_tiles_in_a_table_become_a_data_set_that_loads_like_any_other(tiles, root):
    made = added(tiles, root, side=32)
    data = load("pets")
    assert (made.classes, made.voters, made.sizes, made.own) == (("HP", "SSA"), 7, (24, 24), True)
    assert data.shape == (3, 32, 32)
    assert (len(data.train), len(data.val), len(data.test)) == (22, 2, 24)
    assert data.test.labels.tolist() == [0] * 12 + [1] * 12
    assert set(data.test.votes.tolist()) == {0, 7}
    assert data.test.images.dtype == np.uint8
    assert data.test.images.flags.writeable
    assert fingerprint("pets") == made.fingerprint(root, 32)
    assert DATASETS["pets"].check(root).state == "ready"
    assert own.verify("pets", root) == []


def test_labels_that_read_the_same_are_stored_as_one_class_on_request(root):
    files = {f"{name}/{i}.png": picture(i + 20 * n) for n, name in enumerate(("Cat", "cat", "dog")) for i in range(5)}
    files["cat/one.png"] = files["Cat/0.png"]
    kept, one = added(files, root), added(files, root, name="merged", labels="merge")
    assert (kept.classes, one.classes) == (("Cat", "cat", "dog"), ("cat", "dog"))
    assert sum(one.sizes) == 15
    assert one.notes[0] == "labels that read the same were merged: 'Cat' with 'cat'"
    assert not any("another class" in note for note in one.notes)
    assert any("another class" in note for note in kept.notes)


def test_merging_that_leaves_one_class_is_refused_and_labels_that_are_kept_apart_stay_told(root):
    files = {f"{name}/{i}.png": picture(10 * n + i) for n, name in enumerate(("Cat", "cat")) for i in range(4)}
    with pytest.raises(DataRefused, match="there is one class only, Cat"):
        added(files, root, labels="merge")
    assert added(files, root).notes == ("labels that read the same are classes of their own: 'Cat' and 'cat'",)


def test_class_that_is_too_small_unless_it_is_merged_stops_only_where_it_is_kept(root):
    files = {f"{name}/{i}.png": picture(i + 20 * n) for n, name in enumerate(("cat", "dog")) for i in range(5)}
    files["Cat/one.png"] = picture(90)
    with pytest.raises(DataRefused, match="fewer than 2 training images are left of class Cat"):
        added(files, root)
    assert added(files, root, labels="merge").classes == ("cat", "dog")


LISTED = table([f"{i}.png,{'xy'[i % 2]},{'train' if i < 8 else 'test'}" for i in range(12)])


@pytest.mark.parametrize("kind", ["zip", "folder"])
@pytest.mark.parametrize(("files", "expected"), [
    (folders(4, 2), "pets-b53665456f352255"),
    ({f"pets/{name}": content for name, content in folders(6, 0).items()}, "pets-18a1fe5b7e0fa4b0"),
    ({**{f"img/{i}.png": picture(i) for i in range(12)}, "labels.csv": LISTED}, "pets-dae9703ed356bfa7"),
])
def test_ordinary_folder_gives_the_same_data_set_with_every_version(root, tmp_path, kind, files, expected):
    made = added(written(files, tmp_path / "pets") if kind == "folder" else files, root)
    assert made.fingerprint(root, 16) == expected


def test_folder_and_zip_of_the_same_files_have_one_fingerprint(tiles, root, tmp_path):
    loose = added(tiles, root)
    uploaded = added(packed(tiles), tmp_path / "elsewhere")
    assert loose.fingerprint(root, 16) == uploaded.fingerprint(root, 16)
    assert loose.source == "read from the folder tiles, 48 images listed in a table"
    assert uploaded.source == "uploaded as tiles.zip, 48 images listed in a table"


def test_stored_pixels_are_those_of_the_images_training_part_first(root):
    added(GOOD, root)
    train, test = DATASETS["pets"].read(root, 16)
    assert train.labels.tolist() == [0] * 5 + [1] * 5
    assert test.labels.tolist() == [0] * 3 + [1] * 3
    shown = np.asarray(Image.open(io.BytesIO(GOOD["test/dog/1.png"]))).transpose(2, 0, 1)
    assert (test.images[4] == shown).all()
    assert train.votes is None


@pytest.mark.parametrize("outer", ["", "pets/"])
def test_class_folders_alone_are_split_the_same_way_every_time(root, tmp_path, outer):
    made = added(MANY, root, test_share=25)
    again = added({f"{outer}{name}": content for name, content in reversed(MANY.items())}, tmp_path, test_share=25)
    assert made.sizes == (30, 10)
    assert np.bincount(DATASETS["pets"].read(root, 16)[1].labels).tolist() == [5, 5]
    assert made.fingerprint(root, 16) == again.fingerprint(tmp_path, 16)
    assert json.loads((root / "own/pets/dataset.json").read_text())["split"] == "made, 25 % for testing"


@given(st.lists(st.integers(3, 9), min_size=2, max_size=4), st.integers(5, 50), st.data())
def test_made_split_leaves_every_class_on_both_sides_and_copies_on_one(counts, share, data):
    rows = [Row(f"{c}/{i}", c) for c, count in enumerate(counts) for i in range(count)]
    rows += [Row(f"copy of {r.path}", r.label) for r in data.draw(st.lists(st.sampled_from(rows), unique=True))]
    facts = {r.path: preview.Fact(1, 1, "L", True, r.path.removeprefix("copy of ").encode()) for r in rows}
    split = adding._split(rows, facts, Fraction(share, 100))
    assert [row.path for row in split] == [row.path for row in rows]
    side = {row.path: row.part for row in split}
    for c in range(len(counts)):
        assert {row.part for row in split if row.label == c} == {"train", "test"}
    assert all(side[path] == side[path.removeprefix("copy of ")] for path in side)


def test_own_sets_come_after_the_shipped_ones_and_removed_ones_last(root):
    shipped = list(DATASETS)
    for name in ("zebra", "apes", "mice"):
        added(GOOD, root, name=name)
    own.remove("apes", root, keep_facts=True)
    assert list(DATASETS) == [*shipped, "mice", "zebra", "apes"]
    assert DATASETS.offered() == [*shipped, "mice", "zebra"]
    assert list(DATASETS.shipped) == shipped
    assert "mice" in DATASETS
    assert len(DATASETS) == len(shipped) + 3


def test_own_sets_are_those_of_the_present_data_root(root, tmp_path, monkeypatch):
    added(GOOD, root)
    assert "pets" in DATASETS
    monkeypatch.setenv("DDCORE_DATA", str(tmp_path / "another"))
    assert "pets" not in DATASETS
    with pytest.raises(UnknownName, match="no data set 'pets'"):
        DATASETS["pets"]
    monkeypatch.setenv("DDCORE_DATA", str(root))
    assert "pets" in DATASETS


def test_shipped_set_is_found_without_a_look_at_the_disk(root, monkeypatch):
    monkeypatch.setattr(own, "state", lambda root: pytest.fail("looked"))
    assert DATASETS["digits"].name == "digits"


def test_removed_set_keeps_its_facts_for_its_runs_and_loses_its_images(root):
    before = added(GOOD, root)
    own.remove("pets", root, keep_facts=True)
    after = DATASETS["pets"]
    assert after.removed
    assert (after.classes, after.sizes, after.shape()) == (before.classes, before.sizes, before.shape())
    assert after.fingerprint(root, 16) == before.fingerprint(root, 16)
    assert after.check(root).state == "missing"
    assert after.check(root).message == "pets was removed; add it again to compute with it."
    with pytest.raises(DataMissing, match="pets was removed"):
        load("pets")
    assert list(tree(root / "own")) == [".removed", ".removed/pets", ".removed/pets/dataset.json"]


def test_removed_set_comes_back_with_the_same_content_only(root):
    before = added(GOOD, root)
    own.remove("pets", root, keep_facts=True)
    kept = tree(root)
    with pytest.raises(DataRefused, match="would be taken for runs of this one: choose another name"):
        added(folders(4, 3), root)
    assert tree(root) == kept
    assert added(GOOD, root).fingerprint(root, 16) == before.fingerprint(root, 16)
    assert not DATASETS["pets"].removed
    assert not (root / "own/.removed/pets").exists()


def test_name_of_a_removed_set_is_free_where_no_run_needs_it(root):
    added(GOOD, root)
    own.remove("pets", root, keep_facts=False)
    assert "pets" not in DATASETS
    assert tree(root) == {}
    assert added(folders(4, 3), root).sizes == (8, 6)
    own.remove("pets", root, keep_facts=True)
    assert added(GOOD, root, reserved=False).sizes == (10, 6)


def test_facts_of_a_removed_set_can_be_let_go_of_later(root):
    added(GOOD, root)
    own.remove("pets", root, keep_facts=True)
    own.remove("pets", root, keep_facts=True)
    assert "pets" in DATASETS
    own.remove("pets", root, keep_facts=False)
    assert "pets" not in DATASETS


@pytest.mark.parametrize("name", ["nope", "digits", "..", "../MNIST", ".removed", ""])
def test_only_own_sets_can_be_removed(root, name):
    added(GOOD, root)
    (root / "MNIST").mkdir()
    before = tree(root)
    with pytest.raises(UnknownName, match="no own data set"):
        own.remove(name, root, keep_facts=False)
    assert tree(root) == before


@pytest.mark.parametrize(
    "name", ["Tiles", "t", "2tiles", "-tiles", "ti les", "../tiles", "tiles\n", "", "t" * 33, "tïles"]
)
def test_name_that_is_no_plain_word_is_refused(name):
    with pytest.raises(ConfigError, match="name must be 2 to 32 small letters"):
        adding.AddConfig.build({"name": name})


@pytest.mark.parametrize("name", ["digits", "mnist", "mhist"])
def test_name_of_a_shipped_set_is_refused(name):
    with pytest.raises(ConfigError, match="comes with the app"):
        adding.AddConfig.build({"name": name})


def test_name_that_is_taken_is_refused_and_the_set_stays(root):
    added(GOOD, root)
    before = tree(root)
    with pytest.raises(ConfigError, match="there is an own data set 'pets' already"):
        added(folders(4, 3), root)
    assert tree(root) == before


def test_two_who_add_at_once_get_one_set(root, monkeypatch):
    fingerprint_of = own.content

    def meanwhile(*arguments):
        monkeypatch.setattr(own, "content", fingerprint_of)
        added(folders(4, 3), root)
        return fingerprint_of(*arguments)

    monkeypatch.setattr(own, "content", meanwhile)
    with pytest.raises(ConfigError, match="there is an own data set 'pets' already"):
        added(GOOD, root)
    assert DATASETS["pets"].sizes == (8, 6)
    assert os.listdir(root / "own") == ["pets"]


def test_training_images_that_are_test_images_are_dropped_or_kept_and_told_of(root):
    files = {**GOOD, "train/cat/leak.png": GOOD["test/cat/0.png"], "train/cat/copy.png": GOOD["train/cat/1.png"]}
    dropped, kept = added(files, root), added(files, root, name="kept", duplicates="keep")
    assert (dropped.sizes, kept.sizes) == ((10, 6), (12, 6))
    assert dropped.notes == (
        "1 image of the training part was left out, being in the test part too",
        "1 image was left out as a copy of others",
    )
    assert any(
        "is in the test part too: train/cat/leak.png and test/cat/0.png; they were kept" in n for n in kept.notes
    )


def test_one_image_with_two_labels_is_told_of(root):
    files = {**GOOD, "train/dog/copy.png": GOOD["train/cat/1.png"]}
    assert any("(dog); the first of each was kept, a test image before" in note for note in notes(files, root))


def test_what_remains_without_copies_must_still_be_enough(root):
    files = {**GOOD, **{f"train/owl/{i}.png": picture(70) for i in range(3)}, "test/owl/1.png": picture(71)}
    with pytest.raises(DataRefused, match="fewer than 2 training images are left of class owl"):
        added(files, root)
    assert added(files, root, duplicates="keep").sizes == (13, 7)


def test_unreadable_images_are_left_out_only_when_asked(root):
    files = {**GOOD, "train/cat/x.png": b"no"}
    with pytest.raises(DataRefused, match="1 of 17 images cannot be read"):
        added(files, root)
    assert tree(root) == {}
    assert notes(files, root, unreadable="skip") == ("1 image could not be read and was left out",)


def test_problem_that_stops_refuses_whatever_is_chosen(root):
    with pytest.raises(DataRefused, match="one class only"):
        added(folders(3, 2, ("cat",)), root, unreadable="skip", duplicates="keep")
    assert tree(root) == {}


@pytest.mark.parametrize(
    ("side", "network"),
    [(8, "convnet3"), (47, "convnet3"), (48, "convnet5"), (127, "convnet5"), (128, "convnet7"), (512, "convnet7")],
)
@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_network_of_every_side_can_be_built(root, side, network, colour):
    from ddcore.networks import NETWORKS

    facts = added(folders(2, 1), root, side=side, colour=colour)
    assert facts.network == network
    assert NETWORKS[network].problems(facts.shape(), {}) == []


def test_choices_decide_channels_and_augmentation(root):
    made = added(GOOD, root, colour="grey", mirror=False)
    assert (made.channels, made.augment, made.shape()) == (1, "siamese-no-flip", (1, 16, 16))
    assert load("pets").shape == (1, 16, 16)


def test_every_choice_that_changes_pixels_changes_the_fingerprint(root):
    wide = {name: picture(seed, (20, 16)) for seed, name in enumerate(GOOD)}
    made = set()
    for values in ({}, {"fit": "stretch"}, {"colour": "grey"}, {"side": 17}):
        made.add(added(wide, root, **values).fingerprint(root, 16))
        own.remove("pets", root, keep_facts=False)
    assert len(made) == 4


def test_image_that_changed_since_it_was_looked_at_is_refused(root, tmp_path):
    opened, seen = looked(written(GOOD, tmp_path / "pets"))
    (tmp_path / "pets/train/cat/0.png").write_bytes(GOOD["train/cat/1.png"])
    with pytest.raises(DataRefused, match=r"train/cat/0\.png has changed"):
        adding.add(opened, seen, adding.AddConfig(name="pets", side=16), root)
    assert tree(root) == {}


def test_adding_that_is_broken_off_leaves_nothing(root):
    opened, seen = looked(zipped(GOOD))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adding.add(opened, seen, adding.AddConfig(name="pets", side=16), root, stop)
    assert tree(root) == {}


def test_what_a_killed_process_left_is_swept_at_the_next_adding(root):
    for name, age in (("old", 2 * own.STALE_SECONDS), ("new", 0)):
        folder = root / "own" / f"{own.UNFINISHED}{name}"
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    added(GOOD, root)
    assert sorted(os.listdir(root / "own")) == [f"{own.UNFINISHED}new", "pets"]
    assert list(own.known(root)) == ["pets"]


@pytest.mark.parametrize(
    ("limit", "text"), [("allowed", "allowed are 100"), ("disk", "the disk has 13,000, of which 10 % stay free")]
)
def test_set_that_is_too_large_is_refused_with_the_numbers(root, monkeypatch, limit, text):
    if limit == "allowed":
        monkeypatch.setattr(adding, "MAX_STORED_BYTES", 100)
    else:
        usage = shutil.disk_usage(root)._replace(free=13_000)
        monkeypatch.setattr(adding.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DataRefused, match=f"16 images of 16×16 pixels take 12,288 bytes, {text}"):
        added(GOOD, root)
    assert tree(root) == {}


@pytest.mark.parametrize("where", ["room", "labels", "rename"])
def test_disk_that_turns_out_full_refuses_the_set_with_the_numbers(root, monkeypatch, where):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place, name = {"room": (os, "posix_fallocate"), "labels": (np, "save"), "rename": (type(root), "rename")}[where]
    monkeypatch.setattr(place, name, full, raising=False)
    with pytest.raises(DataRefused, match=r"16 images that take 12,288 bytes cannot be stored in .*: No space left"):
        added(GOOD, root)
    assert tree(root) == {}


@pytest.mark.parametrize("room", ["no such call", errno.EOPNOTSUPP])
def test_disk_that_cannot_promise_room_gets_the_same_arrays(root, tmp_path, monkeypatch, room):
    def refused(*_):
        raise OSError(room, "not here")

    before = added(GOOD, tmp_path / "elsewhere")
    if room == "no such call":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    else:
        monkeypatch.setattr(os, "posix_fallocate", refused, raising=False)
    assert added(GOOD, root).fingerprint(root, 16) == before.fingerprint(root, 16)
    assert own.verify("pets", root) == []


def test_place_that_another_takes_away_is_made_again(root, monkeypatch):
    make, taken = os.mkdir, []

    def mkdir(path, *arguments):
        make(path, *arguments)
        if path == root / "own" and not taken:
            taken.append(path)
            os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", mkdir)
    assert added(GOOD, root).sizes == (10, 6)
    assert taken


def test_whether_runs_name_a_removed_set_is_asked_once_its_successor_is_stored(root):
    added(folders(4, 3), root)
    own.remove("pets", root, keep_facts=True)
    (opened, seen), happened = looked(zipped(GOOD)), []

    def reserved():
        happened.append("asked")
        return True

    with pytest.raises(DataRefused, match="its runs would be taken for runs of this one"):
        adding.add(opened, seen, adding.AddConfig(name="pets", side=16), root,
                   lambda done, total: happened.append(done), reserved)
    assert happened == [*range(1, 17), "asked"]


def test_only_relative_names_of_what_was_given_are_kept(root, tmp_path):
    written({**GOOD, "train/cat/x.png": b"no"}, tmp_path / "secret" / "pets")
    added(tmp_path / "secret" / "pets", root, unreadable="skip")
    assert "secret" not in (root / "own/pets/dataset.json").read_text()
    assert sorted(os.listdir(root / "own/pets")) == ["dataset.json", "images.npy", "labels.npy"]


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        (lambda f: (f / "images.npy").write_bytes((f / "images.npy").read_bytes()[:500]), "broken"),
        (lambda f: (f / "labels.npy").unlink(), "broken"),
        (lambda f: np.save(f / "labels.npy", np.full(16, 7)), "broken"),
        (lambda f: np.save(f / "images.npy", np.zeros((16, 3, 8, 8), np.uint8)), "broken"),
        (lambda f: np.save(f / "images.npy", np.zeros((16, 3, 16, 16), np.uint8)), "ready"),
    ],
)
def test_damaged_files_are_found(root, damage, state):
    added(GOOD, root)
    damage(root / "own/pets")
    assert DATASETS["pets"].check(root).state == state
    (problem,) = own.verify("pets", root)
    assert "pets" in problem


def test_one_flipped_bit_in_the_images_is_found_before_anything_is_computed_with_them(root):
    added(GOOD, root)
    load("pets")
    images = root / "own/pets/images.npy"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    with pytest.raises(DataBroken, match=r"images in .*pets are not those that were added: their fingerprint is pets-"):
        load("pets")
    assert "not those that were added" in own.verify("pets", root)[0]


def test_pickled_array_in_place_of_the_images_is_not_unpickled(root):
    added(GOOD, root)
    np.save(root / "own/pets/images.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert DATASETS["pets"].check(root).state == "broken"
    assert "cannot be read" in own.verify("pets", root)[0]


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2}', '{"format": 1, "name": "pets"}'])
def test_set_whose_facts_are_damaged_is_left_out_and_can_be_removed(root, content):
    added(GOOD, root)
    (root / "own/pets/dataset.json").write_text(content)
    assert "pets" not in DATASETS
    assert "dataset.json cannot be read" in own.verify("pets", root)[0]
    own.remove("pets", root, keep_facts=True)
    assert not own.exists("pets", root)


def test_facts_under_another_name_are_not_believed(root):
    added(GOOD, root)
    (root / "own/pets").rename(root / "own/cats")
    assert list(own.known(root)) == []


def test_validation_part_and_single_part_are_told_to_every_user(root):
    files = {name.replace("test/", "val/"): content for name, content in GOOD.items()}
    assert "6 validation images count as the test part" in notes(files, root)[0]


def test_votes_stay_with_their_images(root):
    lines = [f"{i}.png,{'ab'[i % 2]},{'test' if i > 7 else 'train'},{i}" for i in range(12)]
    header = "image,label,split,Number of Annotators who Selected b (Out of 20)"
    added({**{f"{i}.png": picture(i) for i in range(12)}, "l.csv": table(lines, header)}, root)
    train, test = DATASETS["pets"].read(root, 16)
    assert (train.votes.tolist(), test.votes.tolist()) == (list(range(8)), list(range(8, 12)))
    assert DATASETS["pets"].voters == 20


def test_votes_of_more_voters_are_another_content(root):
    made = set()
    for voters in (7, 9):
        lines = [f"{i}.png,{'ab'[i % 2]},{'test' if i > 7 else 'train'},{i % 8}" for i in range(12)]
        header = f"image,label,split,Number of Annotators who Selected b (Out of {voters})"
        made.add(added({**{f"{i}.png": picture(i) for i in range(12)}, "l.csv": table(lines, header)}, root)
                 .fingerprint(root, 16))
        own.remove("pets", root, keep_facts=False)
    assert len(made) == 2


def test_archive_that_cannot_be_read_again_is_not_half_stored(root):
    opened, seen = looked(zipped(GOOD))

    def gone():
        raise OSError("it went away")

    away = Source(opened.name, opened.kind, {p: source.Entry(e.size, e.crc, gone) for p, e in opened.entries.items()})
    with pytest.raises(DataRefused, match="cannot now: it went away"):
        adding.add(away, seen, adding.AddConfig(name="pets", side=16), root)
    assert tree(root) == {}


def ordinary():
    """A folder as people bring it: colour, grey, a palette, transparency, 16 bits, a turned photo, copies, sizes."""
    def saved(image, **options):
        stream = io.BytesIO()
        image.save(stream, "PNG", **options)
        return stream.getvalue()

    exif = Image.Exif()
    exif[0x0112] = 6
    half = np.random.default_rng(5).integers(0, 256, (16, 16, 4), np.uint8)
    return {
        **folders(6, 0), "cat/grey.png": picture(70, mode="L"), "cat/p.png": picture(71, mode="P"),
        "dog/a.bmp": picture(72, form="BMP"), "dog/wide.tiff": picture(73, (30, 20), form="TIFF"),
        "dog/alpha.png": picture(74, mode="RGBA"), "cat/copy.bmp": picture(0, form="BMP"),
        "cat/deep.png": saved(Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 257)),
        "dog/half.png": saved(Image.fromarray(half)),
        "dog/turned.png": saved(Image.open(io.BytesIO(picture(75, (20, 30)))), exif=exif),
    }


def test_ordinary_images_become_what_they_became_in_earlier_versions_to_the_bit(root):
    facts = added(ordinary(), root)
    assert facts.fingerprint(root, 16) == "pets-da5e26976035b0ba"  # of commit 0f47a3f
    assert facts.notes == ("1 image was left out as a copy of others",)
