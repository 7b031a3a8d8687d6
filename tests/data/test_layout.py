import pathlib
import pickle
import tempfile
import time

import pytest
from brought import folders, picture, table, written, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddcore.data import finder, layout, source, tables
from ddcore.data.arranging import arrange
from ddcore.data.finder import Finder
from ddcore.data.layout import Doubtful, naturally, part_of
from ddcore.errors import DataRefused

VOTES = "Number of Annotators who Selected b (Out of 7)"


def arranged(files, reading=""):
    return arrange(source.open_source(zipped(files), "tiles.zip"), reading)


def named(*paths):
    return dict.fromkeys(paths, picture())


def listed(found):
    """(path, class, part) of every row."""
    return [(row.path, found.classes[row.label], row.part) for row in found.rows]


@pytest.mark.parametrize("outer", ["", "pets/", "Downloads/pets/"])
@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "testing")])
def test_class_folders_in_parts_are_found_under_one_outer_folder_too(outer, train, test):
    found = arranged(named(f"{outer}{train}/cat/a.png", f"{outer}{train}/dog/b.png", f"{outer}{test}/cat/c.png"))
    assert (found.kind, found.classes, found.split) == ("folders", ("cat", "dog"), True)
    assert sorted(listed(found), key=lambda row: row[0][-5:]) == [
        (f"{outer}{train}/cat/a.png", "cat", "train"),
        (f"{outer}{train}/dog/b.png", "dog", "train"),
        (f"{outer}{test}/cat/c.png", "cat", "test"),
    ]
    assert not found.problems


@pytest.mark.parametrize("outer", ["", "pets/"])
def test_class_folders_alone_have_no_parts(outer):
    found = arranged(named(f"{outer}cat/a.png", f"{outer}dog/b.png"))
    assert listed(found) == [(f"{outer}cat/a.png", "cat", None), (f"{outer}dog/b.png", "dog", None)]
    assert not found.split


def test_classes_and_images_come_in_natural_order():
    found = arranged(named("class 10/1.png", "class 2/10.png", "class 2/9.png", "Class 1/1.png"))
    assert found.classes == ("Class 1", "class 2", "class 10")
    assert [row.path for row in found.rows] == ["Class 1/1.png", "class 2/9.png", "class 2/10.png", "class 10/1.png"]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=6), max_size=6))
def test_natural_order_is_an_order_of_all_names(names):
    backwards = names[::-1]
    assert sorted(names, key=naturally) == sorted(backwards, key=naturally)


def test_number_may_be_of_any_length():
    assert sorted(["a10", "a9", f"a{'9' * 5000}", "a010", "a"], key=naturally) == [
        "a", "a9", "a010", "a10", f"a{'9' * 5000}",
    ]


def test_class_folder_without_images_is_a_class(tmp_path):
    written(named("cat/a.png"), tmp_path)
    (tmp_path / "dog").mkdir()
    assert arrange(source.open_source(tmp_path, "pets")).classes == ("cat", "dog")
    assert arranged({**named("cat/a.png"), "dog/": b""}).classes == ("cat", "dog")


@pytest.mark.parametrize(("given", "counts_as"), [(("train", "val"), "test"), (("train", "valid", "test"), "train")])
def test_validation_part_is_the_test_part_only_where_there_is_no_other(given, counts_as):
    found = arranged(named(*(f"{part}/cat/{part}.png" for part in given)))
    (part,) = (row.part for row in found.rows if "/val" in f"/{row.path}")
    assert part == counts_as
    assert [problem.rule for problem in found.problems] == ["validation"]
    assert "1 validation images count as" in found.problems[0].text


def test_single_part_is_split_anew_and_says_so():
    found = arranged(named("train/cat/a.png", "train/dog/b.png"))
    assert {row.part for row in found.rows} == {None}
    assert [p.text for p in found.problems] == ["only a train part was given, so a test part is made of it"]


def test_images_in_no_class_folder_are_left_out_once_that_is_said():
    files = named("train/cat/a.png", "train/dog/a.png", "train/loose.png", "extra/cat/b.png", "test/cat/c.png",
                  "cover.png")
    with pytest.raises(Doubtful) as caught:
        arranged(files)
    assert caught.value.text == (
        "it is not certain how tiles.zip is meant: beside 'test', 'train', 'extra' is by name no part of the data; "
        "2 images lie in no class folder ('cover.png', 'train/loose.png')")
    assert caught.value.choices == (
        ("part/class", "2 classes (cat, dog), 2 training and 1 test images, 3 images left out"),)
    found = arranged(files, "part/class")
    assert [row.path for row in found.rows] == ["test/cat/c.png", "train/cat/a.png", "train/dog/a.png"]
    problem, chosen = found.problems
    assert (problem.rule, problem.stops) == ("left out", False)
    assert chosen.text == "its folders were read as part/class, as was chosen"
    assert set(problem.examples) == {"train/loose.png", "extra/cat/b.png", "cover.png"}
    assert problem.text == "3 images in no class folder of 'test', 'train' are left out"


@pytest.mark.parametrize(("name", "part"), [
    ("train", "train"), ("Training", "train"), ("training_set", "train"), ("X_train", "train"), ("trainset", "train"),
    ("TrainingData", "train"), ("train 2", "train"), ("TEST", "test"), ("test-images", "test"), ("xTest", "test"),
    ("val", "val"), ("validation_split", "val"), ("dev", "val"), ("pred", "unlabelled"), ("unlabeled", "unlabelled"),
    ("train_station", ""), ("seg_train", ""), ("trainer", ""), ("latest", ""), ("devil", ""), ("cat", ""),
    ("train-test", ""), ("predator", ""),
])
def test_part_is_known_by_its_words(name, part):
    assert part_of(name) == part


@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize(("train", "test"), [
    ("seg_train", "seg_test"), ("training_set", "test_set"), ("X_train", "dev"),
])
def test_parts_are_known_by_their_words_and_folders_within_their_doubles(doubled, train, test):
    def within(part):
        return f"{part}/{part}" if doubled else part

    found = arranged(named(*(f"{within(part)}/{name}/{i}.jpg"
                             for part in (train, test) for name in ("sea", "forest") for i in range(2))))
    assert (found.classes, found.reading) == (("forest", "sea"), "part/class")
    assert {(path.split("/")[0], part) for path, _, part in listed(found)} == {(train, "train"), (test, "test")}


def test_images_of_an_unlabelled_part_are_left_out_and_told():
    files = named(*(f"seg_{part}/seg_{part}/{name}/1.jpg" for part in ("train", "test") for name in ("sea", "ice")),
                  "seg_pred/seg_pred/1.jpg", "seg_pred/seg_pred/2.jpg")
    found = arranged(files)
    assert (found.classes, len(found.rows)) == (("ice", "sea"), 4)
    assert [(p.rule, p.text) for p in found.problems] == [
        ("left out", "2 images without a class, as the name of their folder 'seg_pred' says, are left out")]


def test_class_within_a_part_of_its_own_name_is_not_looked_through():
    found = arranged(named("train/train/1.png", "train/car/2.png", "test/train/3.png", "test/car/4.png"))
    assert found.classes == ("car", "train")


def test_level_that_tells_nothing_is_looked_through():
    found = arranged(named(*(f"{part}/images/{name}/{i}.png" for i, part in enumerate(("train", "test"))
                             for name in ("cat", "dog"))))
    assert (found.classes, found.split, found.problems) == (("cat", "dog"), True, ())


@pytest.mark.parametrize(("paths", "reason", "choices"), [
    (["cat/a.png", "test/b.png"], "'test' is called like a part of the data, but holds no class folders", {
        "class": "2 classes (cat, test), 2 images"}),
    (["benign/sob/a.png", "benign/x/b.png", "malignant/sob/c.png"],
     "3 images lie in folders within class folders ('benign/sob/a.png', 'benign/x/b.png', 'malignant/sob/c.png')", {
         "class": "2 classes (benign, malignant), 3 images", "folder/class": "2 classes (sob, x), 3 images"}),
    (["part1/a.png", "part2/b.png"], "'part1', 'part2' are called like a piece of the data and not like a class", {
        "class": "2 classes (part1, part2), 2 images"}),
    (["images/a.png", "images/b.png"], "have no classes: put them into folders", {}),
    (["images_1/cat/a.png", "images_2/dog/b.png"], "'images_1', 'images_2' are called like a piece of the data", {
        "folder/class": "2 classes (cat, dog), 2 images", "class": "2 classes (images_1, images_2), 2 images"}),
    (["cat/train/a.png", "cat/test/b.png", "dog/train/c.png"], "3 images lie in folders within class folders", {
        "class": "2 classes (cat, dog), 3 images", "class/part": "2 classes (cat, dog), 2 training and 1 test images"}),
    (["cat/cat/a.png", "cat/b.png", "dog/c.png"], "1 image lies in folders within class folders ('cat/cat/a.png')", {
        "class": "2 classes (cat, dog), 3 images"}),
    (["cat/a.png", "dog/b.png", "cover.png"], "1 image lies in no class folder ('cover.png')", {
        "class": "2 classes (cat, dog), 2 images, 1 image left out"}),
])
def test_guess_that_leaves_something_unexplained_is_a_question_with_choices(paths, reason, choices):
    with pytest.raises(DataRefused) as caught:
        arranged(named(*paths))
    assert reason in str(caught.value)
    assert list(getattr(caught.value, "choices", ())) == [*choices.items()]
    for key, outcome in choices.items():
        found = arranged(named(*paths), key)
        assert f"{len(found.classes)} classes ({', '.join(found.classes)})" in outcome
        assert found.reading == key


def test_question_survives_a_process_boundary():
    with pytest.raises(Doubtful) as caught:
        arranged(named("cat/a.png", "dog/b.png", "cover.png"))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.text, copy.choices, str(copy)) == (caught.value.text, caught.value.choices, str(caught.value))


@pytest.mark.parametrize("reading", ["klass", "class/class", "part", "part/folder/folder/class"])
def test_reading_that_gives_no_class_is_refused(reading):
    with pytest.raises(DataRefused, match=f"no image of .* is read as '{reading}'|allowed are the words"):
        arranged(named("train/cat/a.png", "test/dog/b.png"), reading)


def test_names_of_the_same_letters_are_one_class():
    found = arranged(named("train/e\u0301t\u00e9/a.png", "test/\u00e9t\u00e9/b.png", "train/cat/c.png",
                           "test/cat/d.png"))
    assert found.classes == ("cat", "\u00e9t\u00e9")
    assert arranged(named("e\u0301/a.png", "cat/b.png")).classes == ("cat", "e\u0301")


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"notes.csv": b"a,b\n"}, "tiles.zip holds no images"),
        (named("a.png", "b.png"), "have no classes: put them into folders named after their classes"),
        ({**named("a.png"), "l.csv": b"picture,label\na.png,x\n"}, "l.csv is not used: it has no column named image"),
        ({**named("a.png"), "l.csv": b"\xff\xff"}, "l.csv is not used: it is no text in UTF-8"),
        ({**named("a.png"), "l.csv": b'image,label\n"open'}, "l.csv is not used: unexpected end of data"),
        (
            {**named("a.png"), "l.csv": table([]), "m.csv": table([])},
            r"more than one table with .*read as l.csv \(columns image, label, split\) or as m.csv",
        ),
        ({**named("a.png"), "l.csv": table([])}, "l.csv in tiles.zip: it has no lines but its heading"),
        (
            {**named("a.png"), "l.csv": table([], f"image,label{',' * 999}")},
            "l.csv is not used: line 1 has 1,001 columns",
        ),
        (named(f"{'x' * 101}/a.png", "y/b.png"), "cannot be the name of a class"),
        ({**named("a.png"), "l.csv": table([f"a.png,{'1' * 5000},train"])}, "1…' cannot be the name of a class"),
        ({**named("a.png"), "l.csv": table(["a.png,x\u202e,train"])}, r"'x\\u202e' cannot be the name of a class"),
        (named("train/a.png", "val/b.png"), "folders called 'train', 'val', taken for"),
    ],
)
def test_what_has_no_layout_is_refused_with_the_reason(files, rule):
    with pytest.raises(DataRefused, match=rule):
        arranged(files)


def test_too_many_lines_and_too_long_tables_are_not_read(monkeypatch):
    files = {**named("cat/a.png"), "l.csv": table(["a.png,x,train"] * 4), "m.csv": b"some,other"}
    monkeypatch.setattr(tables, "MAX_ENTRIES", 3)
    assert arranged(files).problems[1].text == "l.csv is not used: it has more than the 3 lines allowed"
    monkeypatch.setattr(tables, "MAX_TABLES_BYTES", 80)
    with pytest.raises(DataRefused, match=r"the 2 tables of tiles\.zip have 83 bytes, allowed are 80"):
        arranged(files)


def test_tables_are_told_apart_by_their_headings_alone(monkeypatch):
    monkeypatch.setattr(tables, "_line", lambda *_: pytest.fail("a line was read"))
    lines = table(["a.png,x,train"])
    with pytest.raises(Doubtful) as caught:
        arranged({**named("a.png"), "l.csv": lines, "m.csv": lines})
    assert [choice.key for choice in caught.value.choices] == ["l.csv", "m.csv"]


def test_class_folders_are_counted_before_anything_is_done_with_them(monkeypatch):
    monkeypatch.setattr(layout, "MAX_CLASSES", 2)
    with pytest.raises(DataRefused, match="has 3 classes, allowed are 2; is a class a folder"):
        arranged(named("a/1.png", "b/1.png", "c/1.png"))


def test_too_many_classes_are_taken_for_a_wrong_column(monkeypatch):
    monkeypatch.setattr(layout, "MAX_CLASSES", 2)
    files = {**named("a.png", "b.png", "c.png"), "l.csv": table(["a.png,1", "b.png,2", "c.png,3"], "image,label")}
    with pytest.raises(DataRefused, match="has 3 classes, allowed are 2; is it the right label column"):
        arranged(files)


@pytest.mark.parametrize(
    "header",
    ["image,label,split", "Image Name,Majority Vote Label,Partition", "file_name, TARGET ,Subset", "path;class;set"],
)
def test_columns_are_known_by_their_usual_names(header):
    comma = ";" if ";" in header else ","
    lines = [comma.join(line) for line in (("a.png", "y", "train"), ("b.png", "x", "Testing"))]
    found = arranged({**named("images/a.png", "images/b.png"), "labels.csv": table(lines, header)})
    assert listed(found) == [("images/a.png", "y", "train"), ("images/b.png", "x", "test")]
    assert (found.kind, found.classes) == ("table", ("x", "y"))


@pytest.mark.parametrize("header", [
    "lesion_id,image_id,dx,dx_type", "id_code,,diagnosis,x", "class id,filepaths,labels,data set",
    "x,ImageID,species,y", ",image,label,text", "isic_id,img_name,category,phase",
])
def test_usual_headings_of_metadata_tables_are_known(header):
    lines = []
    for i in range(4):
        cells = {**dict.fromkeys(("image", "filepaths", "img_name"), f"{i}.png"),
                 **dict.fromkeys(("image_id", "id_code", "ImageID"), str(i)),
                 **dict.fromkeys(("label", "labels", "dx", "diagnosis", "species", "category"), "ab"[i % 2]),
                 "data set": "train" if i < 2 else "test", "phase": "first"}
        lines.append(",".join(cells.get(name, "other") for name in header.split(",")))
    found = arranged({**named(*(f"img/{i}.png" for i in range(4))), "meta.csv": table(lines, header)})
    parts = ["train", "train", "test", "test"] if "data set" in header else [None] * 4
    assert listed(found) == [(f"img/{i}.png", "ab"[i % 2], part) for i, part in enumerate(parts)]


def test_id_that_names_no_image_makes_no_table_of_images():
    files = {**named("cat/7.png", "dog/8.png"), "classes.csv": table(["0,cat", "1,dog"], "id,class")}
    found = arranged(files)
    assert (found.kind, found.classes) == ("folders", ("cat", "dog"))
    assert [p.text for p in found.problems] == ["classes.csv is not used: its column 'id' names no image"]


def test_table_with_the_clearest_headings_is_used():
    files = {**named("a.png", "b.png"), "labels.csv": table(["a.png,x", "b.png,y"], "image,label"),
             "meta.csv": table(["a.png,60,m", "b.png,40,f"], "image,age,sex"), "more.csv": table(["a,p"], "id,species")}
    found = arranged(files)
    assert (found.reading, found.classes) == ("labels.csv", ("x", "y"))
    assert [p.text.split(":")[0] for p in found.problems] == ["meta.csv is not used", "more.csv is not used"]


BODY = [f"img/{i}.png,{'ab'[i % 2]}" for i in range(4)]
SEMICOLONS = [line.replace(",", ";") for line in BODY]
BARS = [line.replace(",", "|") for line in BODY]


@pytest.mark.parametrize("lines", [
    ["sep=;", "image;label", *SEMICOLONS], ['"sep=|"', "image|label", *BARS], ["image|label", *BARS],
    ["image,label", *BODY, ",", " ,", "", ""], ["image;label;;", *(f"{line};;" for line in SEMICOLONS), *[";;;"] * 5],
    ["# made by a tool, once", "#", "", "image,label", *BODY],
    ["image, label", *('{}, "{}"'.format(*line.split(",")) for line in BODY)],
    [",image,label", *(f"{i},{line}" for i, line in enumerate(BODY))],
    ["image;label;score", *(f"{line};0,5" for line in SEMICOLONS)],
    ["image,label,text", *(f'{line},"says ""hi"", then"' for line in BODY)],
])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_are_read_as_spreadsheets_write_them(lines, end, encoding):
    found = arranged({**named(*(f"img/{i}.png" for i in range(4))), "labels.csv": end.join(lines).encode(encoding)})
    assert listed(found) == [(f"img/{i}.png", "ab"[i % 2], None) for i in range(4)]
    assert not found.problems


def test_number_of_a_line_counts_what_stands_above_the_heading_and_empty_ones():
    with pytest.raises(DataRefused, match=r"line 6: no image 'no\.png'"):
        arranged({**named("a.png"), "l.csv": b"# x\nsep=,\nimage,label\na.png,x\n,\nno.png,y\n"})


@pytest.mark.parametrize(("content", "reason"), [
    ("a.png,x\nb.png,y\n", "its first line is no heading, for it names an image, 'a.png'; put a line such as image,"),
    ("picture,kind\na.png,x\n", "it has no column named image and none named label; its headings are 'picture', 'k"),
    ("image,class of it\n", "it has no column named label; its headings are 'image', 'class of it'"),
])
def test_headings_that_were_found_are_named(content, reason):
    with pytest.raises(DataRefused, match=f"l.csv is not used: {reason}"):
        arranged({**named("a.png", "b.png"), "l.csv": content.encode()})


def test_spreadsheet_is_told_to_be_saved_as_a_table():
    with pytest.raises(DataRefused, match=r"l\.xlsx is not used: it is a spreadsheet; save it as CSV"):
        arranged({**named("a.png", "b.png"), "l.xlsx": b"PK"})


@pytest.mark.parametrize("tables_of", [
    ("train.csv", "test.csv"), ("labels_train.csv", "labels_val.csv"), ("train/labels.csv", "test/labels.csv"),
])
def test_one_table_for_each_part_gives_the_parts(tables_of):
    second = "val" if "val" in tables_of[1] else "test"
    lines = table([f"{i}.png,{'ab'[i % 2]}" for i in range(4)], "image,label")
    files = {**named(*(f"{folder}/{i}.png" for folder in ("train", second) for i in range(4))),
             **dict.fromkeys(tables_of, lines)}
    found = arranged(files)
    assert sorted(listed(found)) == sorted((f"{folder}/{i}.png", "ab"[i % 2], part)
                                           for folder, part in (("train", "train"), (second, "test")) for i in range(4))
    assert found.reading == " and ".join(sorted(tables_of))


def test_part_of_a_line_tells_which_of_two_images_is_meant():
    found = arranged({**named("train/0.png", "test/0.png"), "l.csv": table(["0.png,a,train", "0.png,b,test"])})
    assert listed(found) == [("train/0.png", "a", "train"), ("test/0.png", "b", "test")]


def test_table_of_several_is_chosen_and_a_submission_is_none():
    one, two = table(["a.png,x", "b.png,y"], "image,label"), table(["a.png,p", "b.png,q"], "image,label")
    files = {**named("a.png", "b.png"), "first.csv": one, "second.csv": two}
    assert arranged(files, "second.csv").classes == ("p", "q")
    with pytest.raises(DataRefused, match=r"holds no table 'third\.csv'"):
        arranged(files, "third.csv")
    found = arranged({**named("a.png", "b.png"), "first.csv": one, "sample_submission.csv": two})
    assert (found.reading, found.classes) == ("first.csv", ("x", "y"))


def test_class_folders_are_read_beside_a_table_where_that_is_chosen():
    files = {**folders(1, 0), "l.csv": table(["cat/0.png,x", "dog/0.png,y"], "image,label")}
    assert arranged(files, "class").classes == ("cat", "dog")


def test_column_of_ones_for_each_class_is_understood_and_told():
    lines = [f"{i},{','.join('1.0' if i % 3 == c else '0.0' for c in range(3))},0.0" for i in range(6)]
    found = arranged({**named(*(f"img/{i}.jpg" for i in range(6))), "truth.csv": table(lines, "image,MEL,NV,BCC,UNK")})
    assert [row[1] for row in listed(found)] == ["MEL", "NV", "BCC"] * 2
    assert next(p.text for p in found.problems if p.rule == "columns") == (
        "the class is the one of the columns of truth.csv that is 1: 'MEL', 'NV', 'BCC'")


@pytest.mark.parametrize(("line", "what"), [("1,1,0", "MEL and NV are"), ("0,0,0", "none of them is")])
def test_columns_of_ones_that_name_no_one_class_are_named(line, what):
    with pytest.raises(DataRefused, match=f"which exactly one should be 1 on each line; on line 3, {what}"):
        arranged({**named("0.jpg", "1.jpg"), "truth.csv": table(["0,1,0,0", f"1,{line}"], "image,MEL,NV,BCC")})


@pytest.mark.parametrize(("where", "written", "ways"), [
    ("", "C:\\Users\\me\\data\\images\\s0.png", [finder.BACKSLASHES, finder.FOLDERS]),
    ("", "/kaggle/input/set/images/s0.png", [finder.FOLDERS]),
    ("", "data/set/s0.png", [finder.FOLDERS]),
    ("labels/", "../images/s0.png", [finder.UP]),
    ("labels/", "..\\images\\s0.png", [finder.BACKSLASHES, finder.UP]),
    ("", "../../images/s0.png", [finder.UP]),
    ("", "./images/s0.png", []),
    ("", "images/S0.PNG", [finder.CAPITALS]),
    ("", "s0", [finder.ENDING]),
    ("", "/data/Images/S0", [finder.FOLDERS, finder.ENDING]),
    ("", "s0.png", []),
])
def test_image_is_found_by_what_a_person_reads_as_its_name_and_told(where, written, ways):
    files = {**named("images/s0.png", "images/s1.png"),
             f"{where}l.csv": table([f"{written},a", f"{written.replace('0', '1')},b"], "image,label")}
    found = arranged(files)
    assert [row.path for row in found.rows] == ["images/s0.png", "images/s1.png"]
    told = [p.text for p in found.problems if p.rule == "matched"]
    assert [text.partition("' ")[2] for text in told] == [
        f"{' and '.join(ways)}, and is read as images/s0.png" for ways in filter(None, [ways])]
    assert all(text.startswith("2 images are not called in ") for text in told)


@pytest.mark.parametrize(("written", "file"), [
    ("a.jpg", "a.JPG"), ("a.jpeg", "a.jpg"), ("caf\u00e9.png", "cafe\u0301.png"), ("A.PNG", "a.png"), ("a", "a.JPG"),
])
def test_capitals_accents_and_names_of_jpeg_do_not_matter(written, file):
    found = arranged({**named(file), "l.csv": table([f"{written},x"], "image,label")})
    assert [row.path for row in found.rows] == [file]


@pytest.mark.parametrize(("written", "images"), [
    ("train/1.png", ["train/2.png", "test/1.png"]),  # lacks in its folder, is in another
    ("a.png", ["a.jpg"]), ("a", ["a.jpg", "a.png"]), ("/root/a.png", ["x/a.png", "y/a.png"]),
])
def test_image_that_lacks_or_could_be_two_is_not_taken_for_another(written, images):
    with pytest.raises(DataRefused, match=r"no image|could be"):
        arranged({**named(*images), "l.csv": table([f"{written},x"], "image,label")})


def labelled(labels):
    lines = [f"{i}.png,{label}" for i, label in enumerate(labels)]
    return arranged({**named(*(f"{i}.png" for i in range(len(labels)))), "l.csv": table(lines, "image,label")})


@pytest.mark.parametrize(("labels", "alike", "merged"), [
    (["Benign", "benign", "BENIGN", "benign", "x"], [["benign", "BENIGN", "Benign"]], ["benign", "x"]),
    (["0", "1", "0.0", "1.0", "1.00", "0", "1"], [["0", "0.0"], ["1", "1.0", "1.00"]], ["0", "1"]),
    (["Non Tumor", "NonTumor", "non  tumor", "x"], [["non  tumor", "Non Tumor", "NonTumor"]], ["non  tumor", "x"]),
    (["\uff21", "A", "B"], [["A", "\uff21"]], ["A", "B"]),
    (["1", "10", "1.5", "1.50", "v1.0", "v1"], [], ["1", "1.5", "1.50", "10", "v1", "v1.0"]),
])
def test_labels_that_read_the_same_are_told_and_merged_on_request(labels, alike, merged):
    found = labelled(labels)
    assert sorted(sorted(group) for group in found.alike) == sorted(sorted(group) for group in alike)
    assert [group[0] for group in found.alike] == [group[0] for group in alike]
    assert ("alike" in [p.rule for p in found.problems]) == bool(alike)
    one = found.merged()
    assert list(one.classes) == merged
    assert [p.rule for p in one.problems] == (["merged"] if alike else [])
    title = {name: group[0] for group in alike for name in group}
    assert [one.classes[row.label] for row in one.rows] == [title.get(label, label) for label in labels]


def test_class_folders_that_read_the_same_are_told(tmp_path):
    written(named("Cat/1.png", "Cat/2.png", "cat/3.png", "dog /4.png", "dog/5.png", "dog/6.png"), tmp_path)
    found = arrange(source.open_source(tmp_path, "pets"))
    assert [p.text for p in found.problems] == [
        "labels that read the same are classes of their own: 'Cat' and 'cat'; 'dog' and 'dog '"]
    assert found.merged().classes == ("Cat", "dog")


def test_class_of_the_votes_is_last_after_merging_too():
    header = f"image,label,{VOTES}"
    lines = ["1.png,a,0", "2.png,A,1", "3.png,b,7"]
    found = arranged({**named("1.png", "2.png", "3.png"), "l.csv": table(lines, header)}).merged()
    assert (found.classes[-1], found.voters, [row.votes for row in found.rows]) == ("b", 7, [0, 1, 7])


def test_label_that_stands_for_none_is_told():
    assert [p.text for p in labelled(["a", "nan", "NaN", "b"]).problems][-1] == (
        "2 images have the label 'NaN' or 'nan', which often stands for none")


def test_other_tables_are_told_of():
    files = {
        **named("a.png", "b.png"),
        "l.csv": table(["a.png,x", "b.png,y"], "image,label"),
        "s.csv": b"image\n",
    }
    problems = {problem.rule: problem for problem in arranged(files).problems}
    assert problems["table"].text == "s.csv is not used: it has no column named label; its heading is 'image'"


@pytest.mark.parametrize(("heading", "key"), [("", "l.csv"), ("_train", "tables")])
def test_images_on_no_line_are_asked_about_and_left_out_where_that_is_chosen(heading, key):
    files = {**named("x/a.png", "y/b.png", "y/c.png"),
             f"l{heading}.csv": table(["a.png,cat", "b.png,dog"][: 1 if heading else 2], "image,label")}
    if heading:
        files["l_test.csv"] = table(["b.png,dog"], "image,label")
    with pytest.raises(Doubtful) as doubt:
        arranged(files)
    images = "1 training and 1 test images" if heading else "2 images"
    assert doubt.value.text.startswith("1 image lies on no line of l")
    assert doubt.value.text.endswith("('y/c.png')")
    assert dict(doubt.value.choices) == {key: f"2 classes (cat, dog), {images}, 1 image left out",
                                         "class": "2 classes (x, y), 3 images"}
    found = arranged(files, key)
    assert {row.path: found.classes[row.label] for row in found.rows} == {"x/a.png": "cat", "y/b.png": "dog"}
    assert {problem.rule: problem.examples for problem in found.problems} == {"left out": ("y/c.png",)}
    assert arranged(files, "class").classes == ("x", "y")


def test_images_on_no_line_are_left_out_unasked_where_their_folder_says_that_they_have_no_class():
    files = {**named("train/a.png", "train/b.png", "pred/c.png"), "l.csv": table(["a.png,x", "b.png,y"], "image,label")}
    assert [(p.rule, p.text) for p in arranged(files).problems] == [
        ("left out", "1 image without a class, as a folder around it says, is left out")]


def test_many_other_tables_are_counted():
    files = {**named("cat/a.png"), **{f"{i}.csv": b"x" for i in range(8)}}
    texts = [problem.text for problem in arranged(files).problems if problem.rule == "table"]
    assert len(texts) == 6
    assert texts[-1] == "3 more tables are not used"


def test_line_costs_the_same_however_many_images_have_its_name():
    images = [f"data/{i}/a.png" for i in range(10_000)]
    find, start = Finder(images), time.process_time()  # whatever else this machine does
    assert [find(f"{i}/a.png").paths for i in range(10_000)] == [[image] for image in images]
    assert len(find("a.png").paths) == 2
    assert not any(find(f"/root/none/{i}.jpg").paths for i in range(1000))
    assert time.process_time() - start < 2  # looked through for each line: a quarter of a minute


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("a.png", "set/one/a.png"),  # beside the table
        ("set/one/a.png", "set/one/a.png"),
        ("two/a.png", "set/two/a.png"),
        ("two\\a.png", "set/two/a.png"),
        ("./b.png", "set/two/b.png"),
    ],
)
def test_image_of_a_line_is_found_by_its_path_or_by_its_end(asked, found):
    files = {
        **named("set/one/a.png", "set/two/a.png", "set/two/b.png"),
        "set/one/l.csv": table([f"{asked},x"], "image,label"),
    }
    assert [row.path for row in arranged(files, "set/one/l.csv").rows] == [found]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("none.png,x,train,1", "line 3: no image 'none.png'"),
        ("../../etc/passwd,x,train,1", "line 3: no image '../../etc/passwd'"),
        ("c.png,x,train,1", "line 3: 'c.png' could be one/c.png or two/c.png; name the folder too"),
        ("a.png,x,train,1", "line 3: 'a.png' is already on line 2"),
        ("b.png,,train,1", "line 3: no label"),
        ("b.png,x,trian,1", "line 3: no part 'trian'; allowed: train, test, val"),
        ("b.png,x,train,8", "line 3: votes must be a whole number from 0 to 7, got '8'"),
        ("b.png,x,train,00009", "line 3: votes must be a whole number from 0 to 7, got '00009'"),
        (f"b.png,x,train,{'0' * 5000}", f"line 3: votes must be a whole number from 0 to 7, got '{'0' * 97}…'"),
        ("b.png,x,train", "line 3: votes must be a whole number from 0 to 7, got ''"),
    ],
)
def test_wrong_line_is_named_with_its_problem(line, problem):
    files = {**named("a.png", "b.png", "one/c.png", "two/c.png"),
             "l.csv": table(["a.png,b,train,7", line], f"image,label,split,{VOTES}")}
    with pytest.raises(DataRefused) as caught:
        arranged(files)
    assert str(caught.value) == f"l.csv in tiles.zip: {problem}"


def test_all_wrong_lines_are_reported_at_once():
    with pytest.raises(DataRefused) as caught:
        arranged({**named("a.png"), "l.csv": table([f"{i}.png,x,train" for i in range(9)])})
    assert "9 problems: line 2: no image '0.png'" in str(caught.value)
    assert str(caught.value).endswith("; and 4 more")


def test_votes_are_for_the_last_class():
    lines = ["1.png,b,7", "2.png,c,0", "3.png,a,2"]
    found = arranged({**named("1.png", "2.png", "3.png"), "l.csv": table(lines, f"image,label,{VOTES}")})
    assert found.classes == ("a", "c", "b")
    assert [row.votes for row in found.rows] == [7, 0, 2]
    assert found.voters == 7


@pytest.mark.parametrize("voted", ["SSA_x", "ss-a", "two  words"])
def test_votes_are_for_the_class_that_the_heading_names_however_it_is_written(voted):
    header = f"image,label,Number of Annotators who Selected {voted} (Out of 7)"
    found = arranged({**named("1.png", "2.png"), "l.csv": table([f"1.png,{voted},7", "2.png,z,0"], header)})
    assert (found.classes, found.voters) == (("z", voted), 7)


def test_votes_that_could_be_for_two_labels_are_not_used():
    header = "image,label,Number of Annotators who Selected s-a (Out of 7)"
    found = arranged({**named("1.png", "2.png"), "l.csv": table(["1.png,s-a,7", "2.png,s_a,0"], header)})
    assert (found.voters, found.problems[0].rule) == (0, "votes")
    assert "more than one label is called so" in found.problems[0].text


def test_votes_for_no_label_are_not_used_and_told_of():
    found = arranged({**named("1.png"), "l.csv": table(["1.png,x,many"], f"image,label,{VOTES}")})
    assert (found.voters, found.rows[0].votes) == (0, None)
    assert found.problems[0].rule == "votes"


def test_table_decides_where_there_are_class_folders_too():
    found = arranged({**folders(1, 0), "l.csv": table(["cat/0.png,x", "dog/0.png,y"], "image,label")})
    assert (found.kind, found.classes) == ("table", ("x", "y"))


def test_table_with_windows_ends_and_a_byte_order_mark_is_read():
    content = b"\xef\xbb\xbf" + table(["a.png,x", "b.png,y"], "image,label").replace(b"\n", b"\r\n")
    assert arranged({**named("a.png", "b.png"), "l.csv": content}).classes == ("x", "y")


@given(
    st.lists(st.tuples(st.sampled_from(["x", "2", "10"]), st.sampled_from(["train", "test"])), min_size=1, max_size=8)
)
def test_table_says_the_same_of_every_image_as_its_lines(drawn):
    lines = [f"{i}.png,{label},{part}" for i, (label, part) in enumerate(drawn)]
    found = arranged({**{f"{i}.png": b"x" for i in range(len(drawn))}, "l.csv": table(lines)})
    split = len({part for _, part in drawn}) > 1
    assert listed(found) == [(f"{i}.png", label, part if split else None) for i, (label, part) in enumerate(drawn)]


FOLDER_NAMES = st.sampled_from(["train", "test", "seg_train", "seg_test", "pred", "cat", "dog", "images", "part1",
                                ".hidden", "train_station", "val"])
PATHS = st.builds(lambda folders, file: "/".join([*folders, file]), st.lists(FOLDER_NAMES, max_size=4),
                  st.sampled_from(["1.png", "2.jpg", "a.csv", "._1.png", "b.txt", "c.webp", "Thumbs.db"]))


def outcome(opened, reading=""):
    try:
        found = arrange(opened, reading)
    except Doubtful as doubt:
        return doubt.text, doubt.choices
    except DataRefused as error:
        return str(error), ()
    return (found.classes, found.rows, found.problems, found.reading), ()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(st.lists(PATHS, min_size=1, max_size=10, unique=True))
def test_any_tree_is_read_asked_about_or_refused_and_a_folder_as_its_zip(paths):
    content = table(["1.png,x,train", "2.jpg,y,test"])
    with tempfile.TemporaryDirectory() as place:
        folder = written(dict.fromkeys(paths, content), pathlib.Path(place) / "pets")
        there = outcome(source.open_source(folder, "pets"))
    packed = source.open_source(zipped(dict.fromkeys(paths, content)), "pets")
    assert outcome(packed) == there
    for choice in there[1]:
        if not choice.key.endswith(".csv"):
            found = arrange(packed, choice.key)
            assert found.reading == choice.key
            assert f"{len({row.label for row in found.rows}):,} classes" in choice.text
            left = sum(path.endswith((".png", ".jpg")) for path in packed.entries) - len(found.rows)
            assert (f"{left} image{'s' if left > 1 else ''} left out" in choice.text) == bool(left)
