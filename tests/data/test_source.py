"""Hostile uploads are refused with the rule they break, and nothing of them stays on disk."""

import io
import ntpath
import os
import pickle
import posixpath
import stat
import struct
import zipfile

import pytest
from brought import added, folders, looked, picture, promised, table, tree, written, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddcore.data import images, source
from ddcore.errors import DataRefused, DDCoreError

GOOD = folders()


def changed(change, files=GOOD):
    """The archive of these files, its directory as `change(entries)` leaves it: what lies before it disagrees."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        change(archive.filelist)
    return stream.getvalue()


def with_entry(name="train/cat/x.png", content=b"", attributes=0, flags=0):
    """The good archive with one more entry, of whatever name and attributes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for good, image in GOOD.items():
            archive.writestr(good, image)
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        info.external_attr = attributes << 16
        archive.writestr(info, content or picture(99))
        info.flag_bits |= flags
    return stream.getvalue()


def with_names(files, encoding="utf-8"):
    """An archive of these names, which does not say how they are encoded."""
    raw = {name: name.encode(encoding) for name in files}
    stands = {name: f"{i}{'_' * len(raw[name])}"[: len(raw[name])] for i, name in enumerate(files, 10)}
    content = zipped({stands[name]: image for name, image in files.items()}, zipfile.ZIP_STORED).getvalue()
    for name, stand in stands.items():
        assert content.count(stand.encode()) == 2
        content = content.replace(stand.encode(), raw[name])
    return content


def plus(name, content):
    return zipped({**GOOD, name: content}).getvalue()


def sizes(size, packed=None):
    def change(entries):
        for info in entries:
            info.file_size, info.compress_size = size, packed or info.compress_size

    return change


def repeated(entries):
    entries[1].header_offset = entries[0].header_offset


def far(entries):
    entries[0].header_offset = 2**64 - 100


def nested():
    """An entry that lies whole within the unpacked data of another, as in a bomb that uses its bytes twice."""
    stream, name = io.BytesIO(), "train/dog/x.png"
    inner = zipped({"train/cat/x.png": picture()}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, inner.getvalue())
        within = zipfile.ZipFile(inner).infolist()[0]
        within.header_offset = 30 + len(name)
        archive.filelist.append(within)
    return stream.getvalue()


def lying(declared):
    """An archive whose one big entry says, in both of its places, that it is smaller than it is."""
    content = bytearray(zipped({"train/cat/x.png": os.urandom(20_000), **GOOD}).getvalue())
    true, false = struct.pack("<L", 20_000), struct.pack("<L", declared)
    assert content.count(true) == 2
    return bytes(content.replace(true, false))


def many(count):
    """A directory of so many entries, each of the smallest size."""
    entry = b"PK\1\2" + bytes(24) + struct.pack("<HHHHHLL", 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 9, 9, count * len(entry), 0, 0)
    return entry * count + end


class Runs:
    """Unpickled, it would make a file."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


PICKLE = pickle.dumps(Runs())
LINK, PIPE = stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644

HOSTILE = {
    "bomb by ratio": (
        lambda: plus("train/cat/x.png", bytes(20_000_000)),
        "unpacks to 20,000,000 bytes, .* allowed is 100",
    ),
    "bomb by ratio of all": (
        lambda: zipped({f"train/cat/{i}.bmp": bytes(1_000_000) for i in range(4)}).getvalue(),
        "tiles.zip unpacks to 4,000,000 bytes, .* allowed is 100 times",
    ),
    "bomb by total": (
        lambda: changed(sizes(60 * 2**20, 2**20), {f"{i}.png": b"" for i in range(300)}),
        "18,874,368,000 bytes unpacked, allowed are 17,179,869,184",
    ),
    "bomb by one file": (lambda: changed(sizes(2**30, 2**25)), "has 1,073,741,824 bytes, allowed are 67,108,864"),
    "table too long": (
        lambda: plus("labels.csv", os.urandom(64) * (2**24 // 64 + 1)),
        "has 16,777,280 bytes, allowed are 16,777,216",
    ),
    "entries that share a place": (lambda: changed(repeated), "overlaps .* must not share bytes"),
    "entry beyond all files": (lambda: changed(far), "'train/cat/0.png' is not where the archive's directory says"),
    "entries that overlap": (nested, "'train/cat/x.png' overlaps what lies beside it"),
    "directory that lies about a size": (
        lambda: changed(sizes(5)),
        "something else of itself than the archive's directory",
    ),
    "sizes that lie everywhere": (lambda: lying(50), "unpacks to more than the 50 bytes it declares"),
    "path traversal": (lambda: with_entry("train/../../x.png"), "'train/../../x.png' leads outside"),
    "path traversal at once": (lambda: with_entry("../x.png"), "leads outside"),
    "absolute path": (lambda: with_entry("/etc/x.png"), "'/etc/x.png' has an absolute path"),
    "drive letter": (lambda: with_entry("C:/x.png"), "has an absolute path"),
    "drive that is no letter": (lambda: with_entry("0:/x.png"), "has an absolute path"),
    "backslashes": (lambda: with_entry("..\\..\\x.png"), r"'\.\./\.\./x\.png' leads outside"),
    "name cut by a NUL": (lambda: with_entry("x.png\0.exe"), "control character"),
    "name that turns round": (lambda: with_entry("train/cat/x\u202egnp.png"), "an invisible one in its name"),
    "line within a name": (lambda: with_entry("train/cat/x\u2028.png"), "an invisible one in its name"),
    "deep folders": (lambda: with_entry("a/" * 17 + "x.png"), "lies in 17 folders, .* allowed are 16"),
    "long name": (lambda: with_entry("x" * 600 + ".png"), "name of 604 characters, allowed are 500"),
    "symlink": (lambda: with_entry(content=b"/etc/passwd", attributes=LINK), "'train/cat/x.png' is a link"),
    "pipe": (lambda: with_entry(attributes=PIPE), "is a device or a pipe"),
    "encrypted entry": (lambda: with_entry(flags=1), "'train/cat/x.png' is encrypted"),
    "packed in another way": (
        lambda: zipped(GOOD, zipfile.ZIP_LZMA).getvalue(),
        "packed by method 14; allowed are stored",
    ),
    "two entries of one name": (
        lambda: with_entry("train/cat/0.png"),
        "'train/cat/0.png' is in tiles.zip more than once",
    ),
    "two entries of one place": (lambda: with_entry("./train//cat/0.png"), "more than once"),
    "too many entries": (lambda: many(100_001), "holds 100,001 entries, allowed are 100,000"),
    "directory longer than the file": (
        lambda: many(1)[:-22] + b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 9, 9, 2**31, 0, 0),
        "directory has 2,147,483,648 bytes",
    ),
    "image bomb": (
        lambda: plus("train/cat/x.png", promised(60_000, 60_000)),
        "train/cat/x.png: 60000×60000 pixels, allowed are 40,000,000",
    ),
    "smaller image bomb": (
        lambda: plus("train/cat/x.png", promised(7_000, 7_000)),
        "7000×7000 pixels, allowed are 40,000,000",
    ),
    "RAR named zip": (lambda: b"Rar!\x1a\x07\x01\x00" + bytes(100), "tiles.zip is not a zip archive.* RAR"),
    "text named zip": (lambda: b"image,label\n", "tiles.zip is not a zip archive, whatever its name says"),
    "image named zip": (lambda: picture(), "tiles.zip is not a zip archive"),
    "truncated": (lambda: zipped(GOOD).getvalue()[:-40], "tiles.zip is cut short"),
    "truncated at the front": (lambda: zipped(GOOD).getvalue()[300:], "not where the archive's directory says"),
    "0 bytes": (lambda: b"", r"tiles.zip is empty \(0 bytes\)"),
    "nothing in it": (lambda: zipped({}).getvalue(), "tiles.zip holds nothing"),
    "text behind an image's name": (
        lambda: plus("train/cat/x.png", b"hello"),
        "x.png: it is a text",
    ),
    "GIF behind a PNG's name": (
        lambda: plus("train/cat/x.png", picture(form="GIF")),
        "x.png: it is a GIF, save it as PNG",
    ),
    "pickle behind an image's name": (lambda: plus("train/cat/x.png", PICKLE), "x.png: its first bytes"),
    "half an image": (
        lambda: plus("train/cat/x.png", picture()[:200]),
        "1 of 13 images cannot be read: train/cat/x.png: ",
    ),
    "torch checkpoint": (
        lambda: zipped({"archive/data.pkl": PICKLE, "archive/version": b"3"}).getvalue(),
        r"tiles.zip holds no images \(\.png, \.jpg, \.bmp or \.tiff\), only 'archive/data.pkl', 'archive/version'$",
    ),
    "archive in an archive": (
        lambda: zipped({"more.zip": zipped(GOOD).getvalue()}).getvalue(),
        "holds no images .*, but another archive, 'more.zip'; unpack it first",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_upload_is_refused_with_its_rule_and_leaves_nothing(tmp_path, monkeypatch, name):
    made, rule = HOSTILE[name]
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "data"
    written({"own/others/dataset.json": b"{}", "MNIST/raw/x": b"x"}, root)
    before = tree(tmp_path)
    with pytest.raises(DataRefused, match=rule):
        added(io.BytesIO(made()), root)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["bomb by ratio", "path traversal", "truncated", "sizes that lie everywhere", "backslashes"]
)
def test_archive_on_disk_is_judged_as_one_in_memory(tmp_path, name):
    made, rule = HOSTILE[name]
    (tmp_path / "tiles.zip").write_bytes(made())
    with pytest.raises(DataRefused, match=rule):
        looked(tmp_path / "tiles.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_good_archive_gives_its_images_and_tables_and_tells_the_rest(method):
    harmless = dict.fromkeys(("README.md", "LICENSE", "notes.txt", "__MACOSX/train/cat/._0.png", ".DS_Store"), b"x")
    found = source.open_source(zipped({**GOOD, "a.csv": b"x", **harmless}, method), "/home/me/tiles.zip")
    assert found.name == "tiles.zip"
    assert set(found.entries) == {*GOOD, "a.csv"}
    assert set(found.ignored) == {"README.md", "LICENSE", "notes.txt", "__MACOSX", ".DS_Store"}
    assert found.folders == ("test", "test/cat", "test/dog", "train", "train/cat", "train/dog")
    assert all(found.entries[name].read() == content for name, content in GOOD.items())


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_folder_of_nothing_but_texts_is_none_in_which_a_class_may_lie(tmp_path, kind):
    files = {"cat/a.png": picture(), "docs/more/README.md": b"", ".cache/x.txt": b"", "__MACOSX/cat/._a.png": b""}
    written(files, tmp_path / "pets")
    (tmp_path / "pets/owl").mkdir()
    given = tmp_path / "pets" if kind == "folder" else zipped({**files, "owl/": b""})
    assert source.open_source(given, "pets").folders == ("cat", "owl")


LEFT_BEHIND = (
    ".ipynb_checkpoints/0-checkpoint.png", "train/.ipynb_checkpoints/0.png", "train/cat/.ipynb_checkpoints/0.png",
    "train/cat/._0.png", "__MACOSX/train/cat/._0.png", "train/cat/.0.png.swp", "train/cat/Thumbs.db",
    "train/dog/desktop.ini", "train/cat/Icon\r", "train/cat/._Icon\r", "train/cat/.gitkeep", "train/cat/0.png~",
    "train/cat/.picasa.ini", "@eaDir/0.png/SYNOPHOTO_THUMB_XL.jpg", "train/cat/@eaDir/0.png", "#recycle/0.png",
    "$RECYCLE.BIN/S-1-5/0.png", "System Volume Information/0.png", "lost+found/0.png", ".Trash-1000/files/0.png",
    "train/cat/.thumbnails/0.png", "~$labels.csv", ".~lock.labels.csv#", "#labels.csv#", "__pycache__/0.png",
    "train/cat/0.png:Zone.Identifier", ".AppleDouble/0.png", "train/cat/.nfs0001.png",
)
OTHERS = ("dataset-metadata.json", "classes.names", "model.pkl", "setup.py", "train/cat/x.svg", "x.npy", "more.zip")


def test_what_systems_and_editors_leave_behind_and_other_files_are_set_aside_in_a_folder_as_in_a_zip(tmp_path):
    files = {**GOOD, **dict.fromkeys(LEFT_BEHIND, picture(7)), **dict.fromkeys(OTHERS, PICKLE)}
    folder = source.open_source(written(files, tmp_path / "pets"), "pets")
    archive = source.open_source(zipped(files), "pets")
    assert list(folder.entries) == list(archive.entries) == sorted(GOOD)
    assert folder.ignored == archive.ignored
    assert folder.folders == archive.folders == ("test", "test/cat", "test/dog", "train", "train/cat", "train/dog")
    assert set(OTHERS) <= set(folder.ignored)
    assert {".ipynb_checkpoints", "train/cat/@eaDir", "__MACOSX", "train/cat/Icon"} <= set(folder.ignored)
    for brought in (tmp_path / "pets", zipped(files)):
        _, seen = looked(brought, "pets")
        assert seen.counts == {"train": {"cat": 4, "dog": 4}, "test": {"cat": 2, "dog": 2}}
        assert {problem.rule for problem in seen.problems} == {"ignored", "format"}


@pytest.mark.parametrize("name", [
    "..", "../x.png", "train/../../.x.png", "/.x.png", "C:/.x.png", ".x\u202e.png", "Icon\r/x",
])
def test_hidden_name_is_judged_like_another(name):
    with pytest.raises(DataRefused):
        source._check_name(name)


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_names_with_backslashes_are_read_as_folders_and_told(tmp_path, kind):
    content = with_names({f"tiles\\{name}\\{i}.png": picture(i + 9 * n)
                          for n, name in enumerate(("cat", "dog")) for i in range(3)})
    if kind == "folder":
        zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "tiles")
    opened, seen = looked(tmp_path / "tiles" if kind == "folder" else io.BytesIO(content), "tiles.zip")
    assert seen.counts == {"all": {"cat": 3, "dog": 3}}
    assert [(p.rule, p.text[:26]) for p in seen.problems] == [("names", "folders are parted by back")]
    assert opened.entries["tiles/cat/1.png"].read() == picture(1)


@pytest.mark.parametrize("name", ["C:\\Users\\me\\0.png", "\\tiles\\0.png", "tiles\\..\\..\\0.png"])
def test_name_that_is_unsafe_once_its_backslashes_are_slashes_is_refused_with_the_remedy(name):
    with pytest.raises(DataRefused, match=r"leads outside|absolute path.*pack the folder itself again"):
        source.open_source(io.BytesIO(with_names({name: picture()})), "tiles.zip")


def test_names_in_utf8_without_the_flag_are_read_as_utf8_and_other_ones_told():
    words = ("\u00e9pi-the\u0301lium", "\u4e2d\u6587")
    files = {f"{word}/{i}.png": picture(i + 9 * n) for n, word in enumerate(words) for i in range(3)}
    _, seen = looked(io.BytesIO(with_names(files)))
    assert (seen.layout.classes, seen.problems) == (words, ())
    _, seen = looked(io.BytesIO(with_names({f"\u732b/{i}.png": picture(i) for i in range(3)} |
                                           {f"\u72d7/{i}.png": picture(9 + i) for i in range(3)}, "gbk")))
    assert [p.rule for p in seen.problems] == ["names"]
    assert "6 names such as" in seen.problems[0].text


def test_links_are_told_and_what_to_do_about_them(tmp_path):
    store = written({f"{name}/{i}.png": picture(i + 9 * (name == "dog")) for name in ("cat", "dog") for i in range(4)},
                    tmp_path / "store")
    for name in ("cat", "dog"):
        (tmp_path / "partly" / name).mkdir(parents=True)
        for i in range(4):
            (tmp_path / "partly" / name / f"{i}.png").symlink_to(store / name / f"{i}.png")
        (tmp_path / "folders").mkdir(exist_ok=True)
        (tmp_path / "folders" / name).symlink_to(store / name)
    for folder in ("partly", "folders"):
        with pytest.raises(DataRefused, match=r"links are not followed: cat.*; copy what they lead to.*\(cp -rL"):
            looked(tmp_path / folder, folder)
    written({"cat/a.png": picture(20), "dog/a.png": picture(21)}, tmp_path / "partly")
    _, seen = looked(tmp_path / "partly", "partly")
    assert "8 links are not followed" in next(p.text for p in seen.problems if p.rule == "links")


@pytest.mark.parametrize("suffix", ["jpg", "JPG", "jpeg", "jfif", "jpe", "JPEG", "pjpeg"])
def test_jpeg_is_read_by_all_its_names(suffix):
    _, seen = looked(zipped({f"{name}/{i}.{suffix}": picture(i + 9 * (name == "dog"), form="JPEG")
                             for name in ("cat", "dog") for i in range(3)}))
    assert (len(seen.readable), seen.problems) == (6, ())


def test_class_whose_images_cannot_be_read_does_not_vanish(tmp_path):
    written({"cat/a.png": picture(), "dog/a.webp": b"", "dog/b.webp": b""}, tmp_path)
    found = source.open_source(tmp_path, "pets")
    assert found.folders == ("cat", "dog")
    assert found.ignored == ("dog/a.webp", "dog/b.webp")


def test_name_that_an_extra_field_gives_is_judged_too():
    info = zipfile.ZipInfo("train/cat/x.png")
    info.filename = "../x.png"  # as newer Pythons read the Unicode path
    with pytest.raises(DataRefused, match=r"'\.\./x\.png' leads outside"):
        source._check_entries([info], "tiles.zip", 100)


def test_folders_within_folders_are_bounded(monkeypatch):
    given = zipped({f"{i}/{'a/' * 14}x.png": b"" for i in range(3)})
    assert len(source.open_source(given, "pets").folders) == 45
    monkeypatch.setattr(source, "MAX_ENTRIES", 20)
    with pytest.raises(DataRefused, match="more than the 20 folders allowed"):
        source.open_source(given, "pets")


@pytest.mark.parametrize("name", ["a/" * 17 + "x.png", "cat\u202e/x.png", "x\u2066.webp"])
def test_folder_has_the_names_of_an_archive(tmp_path, name):
    written({name: b""}, tmp_path)
    with pytest.raises(DataRefused, match=r"folders, one within the other|an invisible one in its name"):
        source.open_source(tmp_path, "pets")


def test_archive_written_as_a_stream_is_read():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    stream = Pipe()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:  # sizes follow the data
        for name, content in GOOD.items():
            archive.writestr(name, content)
    found = source.open_source(io.BytesIO(stream.getvalue()), "tiles.zip")
    assert found.entries["train/cat/0.png"].read() == GOOD["train/cat/0.png"]


def test_archive_with_a_directory_of_64_bits_is_read_and_judged(monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)  # zipfile writes the longer directory beyond
    content = zipped(GOOD).getvalue()
    assert b"PK\6\6" in content
    assert set(source.open_source(io.BytesIO(content), "tiles.zip").entries) == set(GOOD)
    monkeypatch.setattr(source, "MAX_ENTRIES", 11)
    with pytest.raises(DataRefused, match="holds 12 entries, allowed are 11"):
        source.open_source(io.BytesIO(content), "tiles.zip")


def test_links_hidden_folders_and_other_files_of_a_folder_are_not_read(tmp_path):
    root = written({**GOOD, "model.pkl": PICKLE, ".git/x.png": picture()}, tmp_path / "tiles")
    (tmp_path / "elsewhere").mkdir()
    (root / "train/cat/link.png").symlink_to(root / "train/cat/0.png")
    (root / "train/bird").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(root / "pipe.png")
    found = source.open_source(root, "tiles")
    assert set(found.entries) == set(GOOD)
    assert set(found.ignored) == {"model.pkl", ".git", "pipe.png"}
    assert found.links == ("train/bird", "train/cat/link.png")
    assert "train/bird" not in found.folders


def test_folder_has_the_limits_of_an_archive(tmp_path, monkeypatch):
    root = written(GOOD, tmp_path)
    for limit, value, rule in (("MAX_ENTRIES", 5, "more than the 5 files"), ("MAX_TOTAL_BYTES", 500, "allowed are 500"),
                               ("MAX_FILE_BYTES", 99, "allowed are 99")):
        with monkeypatch.context() as patch:
            patch.setattr(source, limit, value)
            with pytest.raises(DataRefused, match=rule):
                source.open_source(root, "tiles")


@pytest.mark.parametrize("change", ["longer", "link", "gone"])
def test_file_that_changed_since_it_was_listed_is_not_read(tmp_path, change):
    path = written(GOOD, tmp_path) / "train/cat/0.png"
    found = source.open_source(tmp_path, "tiles")
    path.unlink()
    if change == "longer":
        path.write_bytes(GOOD["train/cat/0.png"] + b"more")
    elif change == "link":
        path.symlink_to(tmp_path / "train/cat/1.png")
    with pytest.raises((DataRefused, OSError), match=r"changed|0\.png|link"):
        found.entries["train/cat/0.png"].read()


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataRefused, match=r"tiles\.zip cannot be read: No such file"):
        source.open_source(tmp_path / "tiles.zip", "tiles.zip")


@given(
    st.text(min_size=1, max_size=20) | st.lists(st.sampled_from(["..", ".", "a", "", "\\", "C:", "/"])).map("/".join)
)
def test_allowed_name_stays_inside_on_every_system(name):
    try:
        source._check_name(name)
    except DataRefused:
        return
    for path in (posixpath, ntpath):
        base = path.join(path.sep, "base") if path is posixpath else "D:\\base"
        assert path.normpath(path.join(base, name)).startswith(base)


@given(st.binary(max_size=400), st.integers(0, 500), st.booleans())
def test_entry_yields_exactly_what_it_declares_or_nothing(content, declared, deflated):
    packed = zipped({"a.png": content}, zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED)
    info = zipfile.ZipFile(packed).infolist()[0]
    start, info.file_size = 30 + len("a.png"), declared
    try:
        read = source._unpack(lambda at, length: packed.getvalue()[at : at + length], "a.png", info, start)
    except (DataRefused, ValueError):
        assert declared != len(content)
    else:
        assert read == content


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_refused(content):
    with pytest.raises(DataRefused):
        source.open_source(io.BytesIO(content), "tiles.zip")


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_archive_ends_in_a_sentence_or_in_the_images_that_were_packed(data):
    files = {"labels.csv": table(["a.png,x,train"]), "a.png": picture(1, (2, 2)), "b/c.png": picture(2, (2, 2))}
    content = bytearray(zipped(files).getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = source.open_source(io.BytesIO(content), "tiles.zip")
        for path, entry in found.entries.items():
            assert entry.size <= images.MAX_FILE_BYTES
            if path in files:
                assert entry.read() == files[path]
    except (DDCoreError, ValueError):
        pass
