import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from ddcore.data import images, mhist
from ddcore.errors import DataBroken, DataMissing

HEADER = f"{mhist.NAME},{mhist.LABEL},{mhist.VOTES},{mhist.PARTITION}"
ROWS = [
    ("a.png", "HP", 0, "train"),
    ("b.png", "SSA", 7, "train"),
    ("c.png", "HP", 3, "test"),
    ("d.png", "SSA", 4, "test"),
    ("e.png", "HP", 1, "train"),
]


@pytest.fixture
def root(tmp_path):
    """A data root with five images of 16×16, each of one grey level: 0, 40, 80, 120, 160."""
    folder = tmp_path / "MHIST"
    (folder / "images").mkdir(parents=True)
    for level, (name, *_) in enumerate(ROWS):
        Image.new("RGB", (16, 16), (level * 40,) * 3).save(folder / "images" / name)
    write(tmp_path, [",".join(map(str, row)) for row in ROWS])
    return tmp_path


def write(root, lines, header=HEADER):
    (root / "MHIST" / "annotations.csv").write_text("\n".join([header, *lines]) + "\n")


def pack(root, folder="images"):
    """Put the images into images.zip in place of the folder."""
    with zipfile.ZipFile(root / "MHIST" / "images.zip", "w") as archive:
        for path in (root / "MHIST" / "images").iterdir():
            archive.write(path, f"{folder}/{path.name}")
    shutil.rmtree(root / "MHIST" / "images")


def test_official_partition_labels_and_votes_are_kept(root):
    train, test = mhist.read(root, 64)
    assert train.images.shape == (3, 3, 64, 64)
    assert train.labels.tolist() == [0, 1, 0]
    assert train.votes.tolist() == [0, 7, 1]
    assert train.images[:, 0, 0, 0].tolist() == [0, 40, 160]
    assert test.labels.tolist() == [0, 1]
    assert test.votes.tolist() == [3, 4]
    assert test.images[:, 2, 5, 5].tolist() == [80, 120]


@pytest.mark.parametrize("folder", ["images", "", "MHIST/images"])
def test_zip_reads_like_the_folder_and_has_its_fingerprint(root, folder):
    loose, name = mhist.read(root, 64), mhist.DATASET.fingerprint(root, 64)
    pack(root, folder)
    shutil.rmtree(root / "prepared")
    packed = mhist.read(root, 64)
    assert (packed[0].images == loose[0].images).all()
    assert (packed[1].images == loose[1].images).all()
    assert mhist.DATASET.fingerprint(root, 64) == name
    assert not (root / "MHIST" / "images").exists()


def test_second_reading_decodes_nothing(root, monkeypatch):
    first = mhist.read(root, 64)
    monkeypatch.setattr(images, "decode", lambda *_: pytest.fail("decoded again"))
    second = mhist.read(root, 64)
    assert (first[0].images == second[0].images).all()
    assert (first[1].images == second[1].images).all()


def test_changed_image_is_noticed_even_if_its_size_is_the_same(root):
    before = mhist.DATASET.fingerprint(root, 64)
    assert mhist.DATASET.fingerprint(root, 64) == before
    path = root / "MHIST" / "images" / "a.png"
    Image.new("RGB", (16, 16), (9, 9, 9)).save(path)
    assert mhist.DATASET.fingerprint(root, 64) != before
    assert mhist.read(root, 64)[0].images[0, 0, 0, 0] == 9


def test_fingerprint_changes_with_resolution_and_with_a_label(root):
    names = {mhist.DATASET.fingerprint(root, 64), mhist.DATASET.fingerprint(root, 128)}
    write(root, [",".join(map(str, row)) for row in [("a.png", "HP", 1, "train"), *ROWS[1:]]])
    names.add(mhist.DATASET.fingerprint(root, 64))
    assert len(names) == 3


def test_nothing_there_says_where_it_looked_and_how_to_ask_the_owners(tmp_path):
    with pytest.raises(DataMissing) as caught:
        mhist.read(tmp_path, 128)
    for expected in ("annotations.csv", "images.zip", str(tmp_path / "MHIST"), "https://bmirds.github.io/MHIST/"):
        assert expected in str(caught.value)
    assert mhist.check(tmp_path).state == "missing"
    with pytest.raises(DataMissing):
        mhist.DATASET.fingerprint(tmp_path, 128)


def test_missing_images_alone_are_asked_for_alone(root):
    shutil.rmtree(root / "MHIST" / "images")
    with pytest.raises(DataMissing, match=r"looked for images/ or images\.zip in"):
        mhist.read(root, 64)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("f.png,HPP,0,train", "line 7: no label 'HPP'; did you mean 'HP'?"),
        ("f.png,,0,train", "line 7: no label ''; allowed: HP, SSA"),
        ("f.png,HP,0,trian", "line 7: no partition 'trian'; did you mean 'train'?"),
        ("f.png,HP,8,train", "votes must be a whole number from 0 to 7, got '8'"),
        ("f.png,HP,00009,train", "votes must be a whole number from 0 to 7, got '00009'"),
        (f"f.png,HP,{'0' * 5000},train", "votes must be a whole number from 0 to 7"),
        ("f.png,HP,two,train", "votes must be a whole number from 0 to 7, got 'two'"),
        ("f.png,HP", "line 7: no partition ''"),
        ("../f.png,HP,0,train", "line 7: '../f.png' is not the name of a file"),
        ("a.png,HP,0,train", "line 7: a.png is already on line 2"),
    ],
)
def test_wrong_line_is_named_with_its_problem(root, line, problem):
    write(root, [*(",".join(map(str, row)) for row in ROWS), line])
    with pytest.raises(DataBroken, match=r"annotations\.csv") as caught:
        mhist.read(root, 64)
    assert problem in str(caught.value)
    assert mhist.check(root).state == "broken"


def test_all_wrong_lines_are_reported_at_once(root):
    write(root, [f"{i}.png,BAD,0,train" for i in range(8)])
    with pytest.raises(DataBroken) as caught:
        mhist.read(root, 64)
    assert "9 problems" in str(caught.value)  # eight labels, and no test part
    assert "and 4 more" in str(caught.value)


def test_missing_column_is_named_with_the_nearest_one(root):
    write(root, [], header=f"{mhist.NAME},{mhist.LABEL},{mhist.VOTES},Partitions")
    with pytest.raises(DataBroken, match=r"no column 'Partition'; did you mean 'Partitions'\?"):
        mhist.read(root, 64)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", HEADER.encode(), b'"open quote'])
def test_table_that_is_empty_or_no_text_is_broken(root, content):
    (root / "MHIST" / "annotations.csv").write_bytes(content)
    with pytest.raises(DataBroken, match=r"annotations\.csv"):
        mhist.read(root, 64)


def test_byte_order_mark_and_windows_line_ends_are_fine(root):
    path = root / "MHIST" / "annotations.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(mhist.read(root, 64)[0]) == 3


def test_rows_without_an_image_are_named(root):
    (root / "MHIST" / "images" / "c.png").unlink()
    with pytest.raises(DataBroken, match=r"no image c\.png"):
        mhist.read(root, 64)


def test_truncated_image_is_named_and_nothing_is_kept(root):
    path = root / "MHIST" / "images" / "d.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataBroken, match=r"d\.png"):
        mhist.read(root, 64)
    assert not list((root / "prepared").glob("*.npy"))


def test_truncated_archive_is_broken(root):
    pack(root)
    archive = root / "MHIST" / "images.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataBroken, match=r"images\.zip"):
        mhist.read(root, 64)
    assert mhist.check(root).state == "broken"


def test_standin_reads_through_the_same_path(histology):
    assert mhist.check(histology).state == "ready"
    train, test = mhist.read(histology, 64)
    assert (len(train), len(test)) == (573, 243)
    assert np.bincount(test.labels).tolist() == [68, 175]
    assert set(train.votes.tolist()) == {0, 7}


def test_other_images_in_mhists_place_are_told_from_the_official_ones_by_their_counts(root):
    found = mhist.check(root)
    assert found.state == "ready"
    assert found.caveat.startswith("These are not the official MHIST images: ")
    assert "1,545 HP + 630 SSA" in found.caveat
    assert "not MHIST's" in found.caveat


def test_the_official_counts_need_no_caveat_and_are_the_published_ones(monkeypatch, root):
    rows = [
        mhist.Row(f"{part}{label}{i}", label, 0, part == "test")
        for part, counts in mhist.OFFICIAL.items()
        for label, count in enumerate(counts)
        for i in range(count)
    ]
    monkeypatch.setattr(mhist, "_files", lambda _: (b"", rows, {}))
    assert mhist.check(root).caveat == ""
    assert (len(rows), sum(r.test for r in rows)) == (3152, 977)
    test = [r for r in rows if r.test]
    assert sum(r.label == 0 for r in test) / len(test) == pytest.approx(0.6315, abs=5e-5)
    assert sum(r.label == 0 for r in rows) / len(rows) == pytest.approx(0.6859, abs=5e-5)
