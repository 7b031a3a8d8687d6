"""Images of the compared runs: side by side under one slider, one laid over another, one image through time."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ddcore.errors import DDCoreError
from ddcore.ops import pictures
from ddcore.ops.pictures import Stored
from ddcore.report import gallery
from ddcore.report.compare_runs import Compared
from ddcore.report.gallery import Layout, Over, Snapshots
from ddcore.runs.images import Images
from pages.components import frame, progress, widgets
from pages.components.compare import selection, viewer

MOST, ACROSS = 8, 4  # grids side by side, and in one line: more are too small to see
FEW, MANY = 5, 20  # images in a line, of all grids together: up to FEW can be shown large, above MANY they are small
SMALL, LARGE = 24, 96  # pixels of one image
HEAVY = 200  # more images than that in a grid are sent with a loss: eight exact grids of 500 are 10 MB
WIDEST = 64  # pixels of one image on the screen, so that one image per class does not fill it
FRAME = 112  # pixels of one image alone
VIEWS = ("Side by side", "Two over each other", "One image through time")
Shown = tuple[str, float, int]  # a run, when it was made, and a step
SLIDERS: dict[Over, tuple[str, str]] = {
    "step": ("step", "Step"),
    "share": ("img-share", "Share of the run"),
    "time": ("img-time", "Distillation time"),
}
CLIPPED = (
    "Pixels are denormalised and clipped to what a screen can display; distilled images need not look like "
    "photographs, they only need to train a network well."
)


def show(found: Sequence[Compared]) -> None:
    """The images of all runs that have some; the others are named with the reason."""
    growing = any(one.record.active for one in found)
    st.fragment(_section, run_every=progress.POLL_SECONDS if growing else None)(found)


@frame.guarded()
def _section(found: Sequence[Compared]) -> None:
    if any(one.record.active and not _active(one) for one in found):
        st.rerun()
    why = {one.label: gallery.missing(one.record, _steps(one)) for one in found}
    held = [one for one in found if not why[one.label]]
    why |= {one.label: f"{MOST} grids are the most that can be seen at a time" for one in held[MOST:]}
    if held:
        view = st.segmented_control("Images", VIEWS, default=VIEWS[0], required=True, key="img-view",
                                    bind="query-params", label_visibility="collapsed")
        dict(zip(VIEWS, (_side_by_side, _two, _through_time), strict=True))[view](held[:MOST])
        st.caption(CLIPPED)
    else:
        st.info("None of these runs has images.", icon=":material/image_not_supported:")
    for label, reason in why.items():
        if reason:
            st.caption(f"**{widgets.plain(label)}** is not shown: {reason}.")


# Side by side


def _side_by_side(held: Sequence[Compared]) -> None:
    kept = [_kept(one) for one in held]
    counts = [_counts(one, when) for one, when in zip(held, kept, strict=True)]
    classes, per_class = _which(counts)
    over, at = _slider(kept, any(one.record.active for one in held))
    layouts = [gallery.aligned(own, counts, per_class, classes) for own in counts]
    stored: Stored = "lossy" if max(layout.images for layout in layouts) > HEAVY else "quickly"
    across = min(ACROSS, len(held))
    cell = pictures.CELL if across * max(layout.columns for layout in layouts) <= MANY else SMALL
    # Names may take two lines: pictures of one height begin at one height where they end at one.
    cards = st.grid(across, min_column_width=200, vertical_alignment="bottom" if len(set(layouts)) == 1 else "top")
    for one, when, layout in zip(held, kept, layouts, strict=True):
        with cards.cell():
            _card(one, when, over, at, layout, cell, stored)
    if stored == "lossy":
        st.caption("So many images are sent to your browser compressed, with a small loss; fewer are sent as they are.")


def _which(counts: Sequence[dict[str, int]]) -> tuple[list[str], int | None]:
    """The classes to show, none for all, and how many images of each, None for all."""
    names = list(dict.fromkeys(name for one in counts for name in one))
    most = max((n for one in counts for n in one.values()), default=1)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    classes = left.multiselect("Classes", names, placeholder="All classes", key="img-class", bind="query-params")
    offered = [*(str(n) for n in (1, 5, 10) if n < most), "all"]
    with right:
        per_class = st.segmented_control("Images of each class", offered, default="10" if most > 10 else "all",
                                         required=True, key="img-per", bind="query-params")
    return classes, None if per_class == "all" else int(per_class)


def _slider(kept: Sequence[Snapshots], growing: bool) -> tuple[Over, float]:
    """The axis and the place on it; the one slider for all runs."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with right:
        over = st.segmented_control(
            "The slider runs over", list(SLIDERS), default="step", required=True, key="img-over", bind="query-params",
            help="Runs of other lengths can be held side by side at the same step, when the same share of each was "
            "done, or after the same time.",
        )
    key, title = SLIDERS[over]
    stops = gallery.stops(kept, over, growing)
    if len(stops) < 2:
        return over, gallery.NEWEST
    at = left.select_slider(
        title, stops, value=stops[-1], key=key, bind="query-params", format_func=lambda at: gallery.words(at, over),
        help="Images are kept at steps 0, 1, 2, 5, 10, 20, 50 … and at the end, the same for every run. A run without "
        "images of just that place shows the nearest that it has, and says which.",
    )
    return over, at


def _card(
    one: Compared, when: Snapshots, over: Over, at: float, layout: Layout, cell: int, stored: Stored
) -> None:
    """One run's grid with its name and what it shows, or why it cannot be drawn."""
    st.html(f'<div style="height:.25rem;border-radius:2px;background:{one.colour}"></div>')
    state = "" if one.record.state == "done" else f" · {progress.STATES[one.record.state][0].lower()}"
    told = gallery.caption(when, over, at)
    st.markdown(f"**{widgets.plain(one.label)}**  \n{told}{state}")
    try:
        picture = _sheet(_at(one, gallery.step_at(when, over, at)), layout, cell, stored)
    except DDCoreError as error:
        st.error(widgets.plain(str(error)), icon=":material/broken_image:")
        return
    if not layout.images:
        st.caption("It has none of these classes.")
        return
    with st.container(width=WIDEST * (layout.columns + 1)):
        st.image(picture, width="stretch", alt=f"{one.label}, {told}: rows of images, class by class")


# Two over each other


def _two(held: Sequence[Compared]) -> None:
    left, right = st.columns(2, gap="medium")
    one, first = _choose(left, held, "a", "First", 0, start=len(held) == 1)
    other, second = _choose(right, held, "b", "Second", min(1, len(held) - 1))
    store = frame.store()
    before, after = store.snapshot(one.record.id, first), store.snapshot(other.record.id, second)
    if problem := gallery.mismatch(before, after):
        st.info(f"These two cannot be laid over each other: {problem}.", icon=":material/layers_clear:")
        return
    counts = gallery.counts(before), gallery.counts(after)
    classes, per_class = _which([dict(gallery.shared(*counts).most)])
    layout = gallery.shared(*counts, per_class, classes)
    cell = LARGE if (layout.columns + 1) * layout.across <= FEW + 1 else pictures.CELL
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Before and after**", help="Drag the divider, or move it with the arrow keys.")
        names = f"{one.label}, step {first:,}", f"{other.label}, step {second:,}"
        viewer.before_after(
            _sheet(_at(one, first), layout, cell), _sheet(_at(other, second), layout, cell), names, key="img-viewer"
        )
    with right:
        _difference(*_contrast(_at(one, first), _at(other, second), layout, cell))
    if counts[0] != counts[1]:
        st.caption("Only the classes that both have are shown, and of each the first images that both have.")


def _choose(
    box: DeltaGenerator, held: Sequence[Compared], key: str, title: str, index: int, start: bool = False
) -> tuple[Compared, int]:
    """A run and one of its steps; start: the first step is offered, else the last."""
    one = selection.run(box, f"{title} set", held, f"img-{key}", index)
    when = _kept(one)
    if len(when.steps) < 2:
        box.caption(gallery.caption(when, "step", gallery.NEWEST))
        return one, when.steps[0]
    step = box.select_slider("Its step", when.steps, value=when.steps[0 if start else -1], key=f"img-{key}-step",
                             bind="query-params", format_func=str)
    return one, step


def _difference(picture: str, most: float, mean: float) -> None:
    """The picture of differences with its scale."""
    st.markdown("**Difference**: second less first", help="Of the pixels themselves, before they are clipped for the "
                "screen; of colour images, the mean of the three channels.")
    if not most:
        st.info("These are the same images.", icon=":material/equal:")
        return
    st.image(picture, alt="Rows of differences, class by class")
    less, more = (f"rgb{colour}" for colour in (pictures.LESS, pictures.MORE))
    st.html(
        f'<div style="display:flex;gap:.6rem;align-items:center;max-width:30rem"><span>−{most:.3g}</span>'
        f'<div style="flex:1;height:.6rem;background:linear-gradient(90deg,{less},#fff,{more})"></div>'
        f"<span>+{most:.3g}</span></div>"
    )
    st.caption(f"Blue is darker in the second, orange brighter; one scale for all images, where 255 is from black to "
               f"white. Mean size of a difference: {mean:.3g}.")


# One image


def _through_time(held: Sequence[Compared]) -> None:
    left, middle, right = st.columns([3, 2, 1])
    one = selection.run(left, "Run", held, "img-run")
    when = _kept(one)
    found = _counted(one.record.id, one.record.created, when.steps[0])
    counts = {name: n for name, n in found.items() if n}
    name = middle.selectbox("Class", list(counts), key="img-of", bind="query-params")
    number = 1
    if counts[name] > 1:
        number = right.number_input("Image", 1, counts[name], key="img-number", bind="query-params")
    frames = _film(one.record.id, one.record.created, when.steps, name, number - 1)
    if not when.made:
        st.caption("A real image that was chosen: it has no steps.")
    with st.grid("auto", min_column_width=FRAME):
        for step, picture in zip(when.steps, frames, strict=True):
            st.image(picture, width=FRAME, caption=f"step {step:,}" if when.made else None,
                     alt=f"{one.label}, {name}, image {number} at step {step:,}")


# What is read and drawn, once. When a run was made is part of every key: a run can be made again.


def _active(one: Compared) -> bool:
    """Whether the run still goes on."""
    store = frame.store()
    return store.exists(one.record.id) and store.record(one.record.id).active


def _steps(one: Compared) -> tuple[int, ...] | None:
    """The steps kept by now, None where the run was deleted."""
    store = frame.store()
    return tuple(store.snapshots(one.record.id)) if store.exists(one.record.id) else None


def _kept(one: Compared) -> Snapshots:
    return _told(one.record.id, one.record.created, _steps(one) or ())


@st.cache_data(max_entries=256, show_spinner=False)
def _told(run_id: str, made: float, steps: tuple[int, ...]) -> Snapshots:
    store = frame.store()
    return gallery.snapshots(store.record(run_id), steps, store.events(run_id)[0])


def _counts(one: Compared, when: Snapshots) -> dict[str, int]:
    """{class: images}; nothing where they cannot be read: drawing them will say why."""
    try:
        return _counted(one.record.id, one.record.created, when.steps[0])
    except DDCoreError:
        return {}


@st.cache_data(max_entries=256, show_spinner=False)
def _counted(run_id: str, made: float, step: int) -> dict[str, int]:
    return gallery.counts(frame.store().snapshot(run_id, step))


def _at(one: Compared, step: int) -> Shown:
    return one.record.id, one.record.created, step


@st.cache_data(max_entries=256, max_size="100MB", show_spinner=False)
def _sheet(shown: Shown, layout: Layout, cell: int, stored: Stored = "quickly") -> str:
    """A grid as a data address: a media file would be deleted while the browser still asks for it."""
    return _address(gallery.sheet(_read(shown), layout, cell, stored))


@st.cache_data(max_entries=64, max_size="50MB", show_spinner=False)
def _contrast(one: Shown, other: Shown, layout: Layout, cell: int) -> tuple[str, float, float]:
    """The picture of the differences, the largest of them and their mean size."""
    found = gallery.difference(_read(one), _read(other), layout)
    return _address(gallery.contrast(found, layout, cell)), found.most, found.mean


def _read(shown: Shown) -> Images:
    run_id, _, step = shown
    return frame.store().snapshot(run_id, step)


@st.cache_data(max_entries=64, show_spinner=False)
def _film(run_id: str, made: float, steps: tuple[int, ...], name: str, number: int) -> list[str]:
    store = frame.store()
    return [_address(png) for png in gallery.film(store, store.record(run_id), steps, name, number, FRAME)]


def _address(picture: bytes) -> str:
    kind = "webp" if picture.startswith(b"RIFF") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
