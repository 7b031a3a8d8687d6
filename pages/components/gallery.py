"""The images of a data set to browse: by part, class and difficulty, a page of small pictures at a time."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.data.base import Data, Dataset
from ddcore.data.load import load
from ddcore.home import data_root
from ddcore.report import browse, difficulty
from ddcore.report.browse import Difficulty
from pages.components import frame, images, progress, widgets
from pages.components.allowed import control
from pages.components.markdown import called

ALL, PER_PAGE = -1, 48  # in place of a class; pictures drawn at once
SIDES = (56, 96)  # pixels on the screen of images that are smaller than that, and of larger ones
PARTS: Mapping[str, tuple[str, str]] = {  # (title, help)
    "train": ("Training", "What is trained on and distilled."),
    "val": ("Validation", "Held out of the training data; every choice is made on it, never on the test set."),
    "test": ("Test", "The official test images; measured once, at the end."),
}


def can_show(facts: Dataset) -> bool:
    """Whether the images are here, and few enough to be held."""
    values = browse.values(facts)
    return values is not None and values <= browse.MOST_VALUES and facts.check(data_root()).state == "ready"


def section(facts: Dataset) -> None:
    """The gallery of a data set that was read before."""
    st.header("Images", anchor=False)
    st.fragment(_browse)(facts.name)
    with frame.guarded():
        difficult(facts)


@frame.guarded()
def _browse(name: str) -> None:
    facts = DATASETS[name]
    data, scores = _data(name, facts.fingerprint(data_root(), facts.resolution)), browse.scored(frame.store(), name)
    splits = {part: split for part in PARTS if len(split := getattr(data, part))}
    with st.container(horizontal=True, vertical_alignment="top"):
        part = st.segmented_control(
            "Part", list(splits), default="train", required=True, key=f"gallery-{name}-part",
            format_func=lambda part: PARTS[part][0], help="\n\n".join(f"**{t}**: {h}" for t, h in PARTS.values()),
        ) or "train"
        label = st.selectbox("Class", [ALL, *range(len(data.classes))], key=f"gallery-{name}-class", width=180,
                             format_func=lambda label: "All classes" if label == ALL else data.classes[label])
        order: browse.Order = "as they lie"
        if scores and part == "train":
            order = st.segmented_control("Order", list(_ORDERS), default="as they lie", required=True, key=_order(name),
                                         format_func=_ORDERS.__getitem__, help=_told(scores))
    positions = browse.chosen(splits[part], None if label == ALL else label, order, scores)
    pages = max(1, -(-len(positions) // PER_PAGE))
    number = st.pagination(pages, key=f"gallery-{name}-{part}-{label}-{order}", max_visible_pages=5) if pages > 1 else 1
    shown = tuple(positions[(number - 1) * PER_PAGE : number * PER_PAGE].tolist())
    st.html(_pictures(name, facts.fingerprint(data_root(), facts.resolution), part, shown))
    of_class = "" if label == ALL else f" of class {widgets.plain(data.classes[label])}"
    words = f"{len(positions):,} {PARTS[part][0].lower()} images{of_class}"
    if order != "as they lie" and scores:
        words += f", {order} by {scores.title} from *{called(scores.run)}*"
    st.caption(f"{words}.")


_ORDERS: Mapping[browse.Order, str] = {
    "as they lie": "As they lie", "easiest first": "Easiest first", "hardest first": "Hardest first",
}


def _order(name: str) -> str:
    """The key of the order in the session."""
    return f"gallery-{name}-order"


def _told(scores: Difficulty) -> str:
    """Which scores are used."""
    name = next(name for name, title in difficulty.TITLES.items() if title == scores.title)
    return f"By {scores.title}, over {len(scores.indices):,} images, from run {scores.run.id}. {difficulty.HELP[name]}"


@st.cache_resource(max_entries=1, show_spinner="Reading the images …")
def _data(name: str, fingerprint: str) -> Data:
    """The images in memory, of one data set at a time; fingerprint: says when they are others."""
    return load(name)


@st.cache_data(max_entries=64, show_spinner=False)
def _pictures(name: str, fingerprint: str, part: str, positions: tuple[int, ...]) -> str:
    """The pictures as HTML: they fold as the screen is wide."""
    data = _data(name, fingerprint)
    split = getattr(data, part)
    side = SIDES[data.shape[1] > SIDES[0]]
    figures = []
    for position, png in zip(positions, browse.thumbnails(split, positions), strict=True):
        label = escape(data.classes[split.labels[position]])
        words = f"{label}, {PARTS[part][0].lower()} image {position + 1:,}"
        figures.append(f'<figure data-label="{label}"><img src="{images.data_address(png)}" alt="{words}" '
                       f'title="{words}" width="{side}" height="{side}"></figure>')
    return f'<div class="gallery">{"".join(figures)}</div>'


def difficult(facts: Dataset) -> None:
    """What it takes to order the images by difficulty, where no scores are known."""
    if browse.scored(frame.store(), facts.name):
        return
    question = browse.question(facts.name)
    run = widgets.answer(question)
    if run and run.active:
        st.caption("Scoring how hard each training image is:")
        progress.follow(run.id)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        time, basis = widgets.time_of(question)
        if st.button("Find the easiest and hardest", icon=":material/sort:", key="gallery-scores",
                     **control("submit", help=basis)):
            jobs.submit(question)
            st.session_state[_order(facts.name)] = "hardest first"  # once the scores are there
            st.rerun()
        st.caption(f"Trains networks to see which images are learnt late: **{time}**.", width="content")
