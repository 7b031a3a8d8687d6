"""Bring your own data: choose an archive or a folder, look at it before it is accepted, add it, remove it again."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from ddcore.data import apart, preview
from ddcore.data.adding import AddConfig
from ddcore.data.base import Dataset
from ddcore.data.layout import Doubtful, Problem
from ddcore.data.own import remove
from ddcore.data.packed import PACKINGS
from ddcore.errors import ConfigError, DDCoreError
from ddcore.home import data_root
from ddcore.hosting import owners
from ddcore.hosting.settings import settings
from ddcore.report import figures
from ddcore.report import preview as report
from ddcore.report.uses import forget as forget_runs
from ddcore.report.uses import uses
from pages.components import charts, form, frame, uploads, widgets
from pages.components.allowed import control

PAGE = "Datasets"
BROUGHT = frame.session_key(PAGE, "brought")
REFUSED = frame.session_key(PAGE, "refused")
REFUSALS = frame.session_key(PAGE, "refusals")  # their number: a new one makes a new, empty uploader
LISTING = "Reading the list of files …"
OTHERS = "Waiting for those who came before …"
DRAWING = "Drawing examples …"
ENDINGS = [packing.ending.lstrip(".") for packing in PACKINGS.values()]
LABELS_FROM = {"folders": "folders", "table": "a table", "file": "the same file"}
WAYS = ("Upload a file", "A folder on this machine")
LOCAL = ("127.0.0.1", "localhost", "::1")
ON_PROBLEMS = ("test_share", "unreadable", "fit", "levels", "ground", "labels", "duplicates")  # asked where they matter
CLASSES, EACH = 20, 8  # rows and columns of the examples
REDRAWN = 0.2  # seconds between two movements of a progress bar

FOLDERS = """
my-images.zip
├── train/
│   ├── cat/   1.jpg  2.jpg …
│   └── dog/   7.jpg  8.jpg …
└── test/
    ├── cat/   3.jpg …
    └── dog/   9.jpg …
"""
TABLE = """
my-images.zip
├── labels.csv
│      image,label,split
│      1.jpg,cat,train
│      9.jpg,dog,test
└── images/   1.jpg  9.jpg …
"""
PARTS_KNOWN = """
Parts are known by their words: *train*, *training_set*, *X_train*; *test*; *val*, *valid*, *dev*; *pred* and
*unlabelled* are left out. Where something stays unexplained you are asked.
"""
LAYOUTS = (  # (title, example, note, what else is known)
    ("A folder for each class", FOLDERS, "Without `train/` and `test/`, class folders alone will do: a share of each "
     "class is held out to test on.", PARTS_KNOWN),
    ("A table", TABLE, "`split` may be left out. A column such as *Number of Annotators who Selected dog (Out of 7)* "
     "tells how far annotators agreed.", report.known_headings()),
)


@dataclass
class Brought:
    """What a person brought, looked at once. token: says when it is another; pictures: examples by form values."""

    token: str
    at: apart.Brought
    preview: preview.Preview
    pictures: dict[tuple[Any, ...], bytes] = field(default_factory=dict)


@dataclass
class Question:
    """What a person brought that could be meant in more ways than one: `doubt` has them."""

    token: str
    at: apart.Brought
    doubt: Doubtful


def view() -> None:
    """Everything from the explanation to the button that adds the data set."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Back to the data sets", icon=":material/arrow_back:", key="own-back"):
            open_datasets()
        st.markdown("**Bring your own data**")
    words = st.empty()  # at once: the bar of what is looked at comes into sight
    brought = chosen_source()
    if refusal := st.session_state.get(REFUSED):
        st.error(f"**Refused, and nothing of it was kept.** {widgets.plain(refusal)}.", icon=":material/block:")
    if isinstance(brought, Question):
        ask(brought)
    elif brought is not None:
        show(brought)
    else:
        with words.container():
            explain()


def open_datasets(name: str = "") -> None:
    """The page of this data set, or of the first one."""
    forget()
    st.query_params.from_dict({"set": name} if name else {})
    st.rerun()


def forget() -> None:
    """Let go of what was brought; an archive that was uploaded may take hundreds of megabytes."""
    uploads.unasked(PAGE)
    _let_go()


def _let_go() -> None:
    st.session_state.pop(REFUSED, None)
    if brought := st.session_state.pop(BROUGHT, None):
        uploads.asked(PAGE).drop(brought.at.notes)


def explain() -> None:
    """The two ways in which images may lie in what is brought."""
    st.markdown("Images with labels, in one of two layouts. You see what was found in them, and what is wrong with it, "
                "before anything is added; then your data set is in every menu, like any other.")
    with st.grid(2, min_column_width=280, gap="medium"):
        for title, tree, note, known in LAYOUTS:
            with st.container():
                st.markdown(f"**{title}**")
                st.code(tree.strip("\n"), language=None)
                st.caption(note, help=known)
    st.caption(
        "PNG, JPEG, BMP or TIFF; or MedMNIST's .npz and Hugging Face's .parquet files. Only images and tables are "
        "read, nothing is unpacked and nothing is executed. What is added can be seen and used by everybody who uses "
        "this app."
    )


def chosen_source() -> Brought | Question | None:
    """What the person chose just now, or chose before and was looked at already."""
    way = WAYS[0]
    if at_this_machine():
        way = st.segmented_control("Where is it?", WAYS, default=WAYS[0], required=True, key="own-way") or WAYS[0]
    if way == WAYS[0]:
        chosen = uploads.uploader(
            PAGE, "A zip archive, or an .npz or .parquet file", ["zip", *ENDINGS],
            f"own-zip-{st.session_state.get(REFUSALS, 0)}", "add-data",
            help="Larger ones: `python -m ddcore data add FILE --name NAME`.",
        )
        if not chosen:
            return _remembered("")
        (upload,) = chosen
        return _remembered(upload.id) or _looked_into(upload.id, upload.path, upload.name)
    with st.form("own-folder", border=False):
        path = st.text_input("Path of a folder or a file", key="own-path", placeholder="/home/me/my-images").strip()
        submitted = st.form_submit_button("Look into it", icon=":material/search:")
    if not submitted or not path:
        return _remembered(path)
    place = Path(os.path.expanduser(path)).absolute()  # Path's own raises where nobody is called so
    return _looked_into(path, place, place.name)


def at_this_machine() -> bool:
    """Whether only somebody at this machine can be asking: else anybody could look into its folders.

    What a visitor sends is not asked, for it can say anything. A server that answers this machine alone may still stand
    behind a proxy that lets others in; that of somebody who has a screen does not. `DDCORE_FOLDERS` says it outright:
    1 where there is no screen and no proxy, 0 where there are both. A hosted one is there for others.
    """
    switch = os.environ.get("DDCORE_FOLDERS")
    wished = not st.get_option("server.headless") if switch is None else switch == "1"
    return settings() is None and wished and st.get_option("server.address") in LOCAL


def _remembered(token: str) -> Brought | Question | None:
    """What was looked at before, if that is what is chosen now; else it is let go of."""
    brought = st.session_state.get(BROUGHT)
    if brought is None or brought.token == token:
        return brought
    _let_go()
    return None


def _looked_into(token: str, place: Path, name: str, reading: str = "") -> Brought | Question:
    """Look into what was chosen, once. What is refused is let go of, the upload too, and the page says why."""
    _let_go()
    bar = st.progress(0.0, LISTING)
    at = apart.Brought(place, name, uploads.asked(PAGE).room())
    try:
        look = apart.look(at, reading, *_moving(bar, "Looking at image", LISTING))
    except Doubtful as doubt:
        bar.empty()
        question = st.session_state[BROUGHT] = Question(token, at, doubt)
        return question
    except DDCoreError as error:
        st.session_state[REFUSED] = str(error) if name in str(error) else f"{name}: {error}"
        st.session_state[REFUSALS] = st.session_state.get(REFUSALS, 0) + 1
        st.rerun()
    bar.empty()
    brought = st.session_state[BROUGHT] = Brought(token, at, look)
    return brought


def ask(question: Question) -> None:
    """How what was brought is meant, where that is not certain; then it is looked into."""
    st.header("How is it meant?", anchor=False)
    doubt = Problem("layout", question.doubt.text, examples=(question.at.called,))
    st.warning(widgets.plain(report.sentence(doubt)), icon=":material/help:")
    ways = dict(question.doubt.choices)
    with st.form("own-reading", border=False):
        outcomes = [widgets.plain(f"{outcome[:1].upper()}{outcome[1:]}.") for outcome in ways.values()]
        reading = st.radio("Read it as", list(ways), index=None, format_func=report.reading, captions=outcomes)
        submitted = st.form_submit_button("Look into it", icon=":material/search:")
    st.caption("If it is none of these, rename its folders, or add a table, and choose it again.")
    if submitted and reading:
        _looked_into(question.token, question.at.place, question.at.name, reading)
        st.rerun()


def _moving(bar: Any, words: str, before: str) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    """What moves a progress bar a few times a second, and what says that others come first.

    Each time Streamlit may end the page here, for the visitor has left it or chosen something else.
    """
    moved = 0.0

    def move(done: int, total: int) -> None:
        nonlocal moved
        if (now := time.monotonic()) - moved > REDRAWN:
            moved = now
            bar.progress(min(1.0, done / max(1, total)), f"{words} {done:,} of {total:,} …" if total else before)

    return move, lambda: bar.progress(0.0, OTHERS)


def show(brought: Brought) -> None:
    """What is in it, the choices, how images will look with them, and the button."""
    look, place = brought.preview, st.container()
    if look.stops:
        st.markdown("This cannot be added as it is. Mend what is named above and choose it again.")
        config = None
    else:
        config = choices(brought)
    with place:
        found(look, config.labels if config else "keep")
    if config:
        examples(brought, config)
        accept(brought, config)
    elif not look.stops:
        st.button("Add data set", type="primary", icon=":material/add:", key="own-add", disabled=True)


def found(look: preview.Preview, labels: str) -> None:
    """What is in it, with what becomes of labels that read the same."""
    counts = report.class_counts(look, labels)
    classes = list(dict.fromkeys(counts["class"]))
    st.header("What was found", anchor=False)
    with st.grid(5, min_column_width=140):
        st.metric("Images", f"{look.images:,}")
        st.metric("Classes", f"{len(classes):,}", help=widgets.names(classes))
        st.metric("Labels from", LABELS_FROM[look.layout.kind])
        st.metric("Test part", "given" if look.split else "made here")
        if look.layout.voters:
            st.metric("Annotators", look.layout.voters)
    problems(look)
    with st.grid(2, min_column_width=340, gap="medium"):
        with st.container():
            st.markdown("**Images per class**")
            charts.chart(figures.bars(counts, "class", "images", x_title="Class", y_title="Images", series="part"),
                         "own-classes")
        with st.container():
            st.markdown("**Sizes**")
            if len(look.sizes) > 1:
                charts.chart(figures.bars(report.shorter_sides(look).assign(series="images"), "side", "images",
                                          x_title="Shorter side (pixels)", y_title="Images"), "own-sizes")
            st.markdown(report.sizes(look))
            st.markdown(report.modes(look))


def problems(look: preview.Preview) -> None:
    """What is wrong or worth knowing, what stops first."""
    if not look.problems:
        st.markdown(":material/check: Nothing suspicious was found: every image can be read, none is there twice.")
    for problem in look.problems:
        words = widgets.plain(report.sentence(problem))
        if problem.rule == "unreadable":
            below = "" if look.stops else " Mend them, or choose below to leave them out."
            st.error(f"{words}{below}", icon=":material/broken_image:")
        elif problem.stops:
            st.error(words, icon=":material/block:")
        else:
            st.markdown(f":material/warning: {words}")


def choices(brought: Brought) -> AddConfig | None:
    """The form; what cannot matter for these images is not asked."""
    look = brought.preview
    asked = {problem.param for problem in look.problems} | ({"test_share"} if not look.split else set())
    hidden = [name for name in ON_PROBLEMS if name not in asked]
    most = 128 if frame.device() == "cuda" else 64  # as MHIST's presets have it
    start: Mapping[str, Any] = preview.suggested(brought.at.called, look, most)
    st.header("How it becomes a data set", anchor=False)
    entered = form.config_form(AddConfig, start, f"own.{brought.token}", hidden=hidden, shown=AddConfig.model_fields)
    assert entered.asked is None or isinstance(entered.asked, AddConfig)
    return entered.asked


def examples(brought: Brought, config: AddConfig) -> None:
    """The first images of each class as they would be stored."""
    key = (config.side, config.colour, config.fit, config.ground, config.levels)
    if key not in brought.pictures:
        bar = st.progress(0.0, DRAWING)
        move, wait = _moving(bar, "Drawing example", DRAWING)
        images = apart.examples(
            brought.at, classes=CLASSES, each=EACH, side=config.side, colour=config.colour, fit=config.fit,
            ground=config.ground, levels=config.levels, on_progress=move, waits=wait,
        )
        brought.pictures = {key: report.picture(images)}
        bar.empty()
    channels = "grey" if config.colour == "grey" else "colour"
    st.markdown(f"**As networks will see them**: {config.side} × {config.side} pixels, {channels}")
    with st.container(width=620):
        st.image(brought.pictures[key], width="stretch", alt="Examples of each class as they will be stored")
    if (classes := len(brought.preview.layout.classes)) > CLASSES:
        st.caption(f"The first {CLASSES} of {classes:,} classes.")


def accept(brought: Brought, config: AddConfig) -> None:
    """The button that adds it."""
    waits = bool(brought.preview.unreadable) and config.unreadable == "refuse"
    if waits:
        st.caption("Some images cannot be read; say above what shall become of them.")
    if not st.button("Add data set", type="primary", icon=":material/add:", key="own-add",
                     **control("add-data", disabled=waits)):
        return
    bar = st.progress(0.0, "Adding it …")
    try:
        move, wait = _moving(bar, "Storing image", "Adding it …")
        facts = apart.add(brought.at, config, data_root(), move, lambda: uses(frame.store(), config.name).any, wait)
    except ConfigError as error:
        bar.empty()
        st.error("\n".join(f"- {widgets.plain(problem)}" for problem in error.problems), icon=":material/rule:")
    except DDCoreError as error:
        bar.empty()
        st.error(f"**Refused, and nothing of it was kept.** {widgets.plain(str(error))}.", icon=":material/block:")
    else:
        open_datasets(facts.name)


def removal(facts: Dataset) -> None:
    """The button that removes an own data set, once it was said what uses it."""
    used = uses(frame.store(), facts.name)
    with st.popover("Remove", icon=":material/delete:", type="tertiary", key=f"remove-{facts.name}",
                    **control("remove-data", owners.data_set(facts.name))):
        if used.active:
            are = "is" if used.active == 1 else "are"
            st.markdown(f"**{widgets.runs(used.active)} on it {are} waiting or running.** Cancel or await them first.")
        elif used.finished:
            st.markdown(f"**{widgets.runs(used.finished)} used it.** They stay and can be looked at and compared; "
                        "nothing new can be computed with them until the same images are added again.")
        else:
            st.markdown("No finished run uses it.")
        st.markdown("Its images are deleted here; what you brought it from is not touched.")
        if st.button(f"Remove {facts.name}", type="primary", key=f"removed-{facts.name}", disabled=bool(used.active)):
            remove(facts.name, data_root(), keep_facts=used.any)
            if not used.any:
                forget_runs(frame.store(), facts.name)
            open_datasets()
