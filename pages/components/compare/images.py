"""Images of the compared runs: side by side under one slider, one laid over another, one image through time."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ddcore.errors import DDCoreError
from ddcore.ops import pictures
from ddcore.ops.pictures import Stored
from ddcore.report import gallery
from ddcore.report.compare_runs import Compared
from ddcore.report.gallery import Layout
from pages.components import frame, progress, strips, widgets
from pages.components.compare import selection
from pages.components.images import data_address

MOST, ACROSS = 8, 4  # grids side by side, and in one line: more are too small to see
FEW, MANY = 5, 20  # images in a line, of all grids together: up to FEW can be shown large, above MANY they are small
SMALL, LARGE = 24, 96  # pixels of one image
HEAVY = 200  # more images than that in a grid are sent with a loss: eight exact grids of 500 are 10 MB
WIDEST = 64  # pixels of one image on the screen, so that one image per class does not fill it
FRAME = 112  # pixels of one image alone
VIEWS = ("Side by side", "Two over each other", "One image through time")
_html, _css, _js = ((Path(__file__).parent / f"viewer.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
_viewer = st.components.v2.component("ddcore-before-after", html=_html, css=_css, js=_js)  # with a divider, or blinking


def show(runs: Sequence[Compared]) -> None:
    """The images of all runs that have some; the others are named with the reason."""
    growing = any(run.record.active for run in runs)
    st.fragment(_section, run_every=progress.POLL_SECONDS if growing else None)(runs)


@frame.guarded()
def _section(runs: Sequence[Compared]) -> None:
    if any(run.record.active and not _active(run) for run in runs):
        st.rerun()
    why = {run.label: gallery.missing(run.record, strips.steps(run)) for run in runs}
    shown = [run for run in runs if not why[run.label]]
    why |= {run.label: f"{MOST} grids are the most that can be seen at a time" for run in shown[MOST:]}
    if shown:
        view = st.segmented_control("Images", VIEWS, default=VIEWS[0], required=True, key="img-view",
                                    bind="query-params", label_visibility="collapsed")
        dict(zip(VIEWS, (_side_by_side, _two, _through_time), strict=True))[view](shown[:MOST])
        st.caption(strips.CLIPPED)
    else:
        st.info("None of these runs has images.", icon=":material/image_not_supported:")
    for label, reason in why.items():
        if reason:
            st.caption(f"**{widgets.plain(label)}** is not shown: {reason}.")


def _side_by_side(runs: Sequence[Compared]) -> None:
    series = [strips.kept(run) for run in runs]
    counts = [strips.counted(run, each) for run, each in zip(runs, series, strict=True)]
    classes, per_class = _which(counts)
    over, at = strips.slider(series, any(run.record.active for run in runs))
    layouts = [gallery.aligned(own, counts, per_class, classes) for own in counts]
    stored: Stored = "lossy" if max(layout.images for layout in layouts) > HEAVY else "quickly"
    across = min(ACROSS, len(runs))
    cell = pictures.CELL if across * max(layout.columns * layout.across for layout in layouts) <= MANY else SMALL
    # Names may take two lines: pictures of one height begin at one height where they end at one.
    cards = st.grid(across, min_column_width=170, vertical_alignment="bottom" if len(set(layouts)) == 1 else "top")
    for run, each, layout in zip(runs, series, layouts, strict=True):
        with cards.cell():
            _card(run, gallery.caption(each, over, at), gallery.step_at(each, over, at), layout, cell, stored)
    if stored == "lossy":
        st.caption("So many images are sent to your browser compressed, with a small loss; fewer are sent as they are.")


def _which(counts: Sequence[dict[str, int]]) -> tuple[list[str], int | None]:
    """The classes to show, none for all, and how many images of each, None for all."""
    names = list(dict.fromkeys(name for own in counts for name in own))
    most = max((n for own in counts for n in own.values()), default=1)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    classes = left.multiselect("Classes", names, placeholder="All classes", key="img-class", bind="query-params")
    offered = [*(str(n) for n in (1, 5, 10) if n < most), "all"]
    with right:
        per_class = st.segmented_control("Images of each class", offered, default="10" if most > 10 else "all",
                                         required=True, key="img-per", bind="query-params")
    return classes, None if per_class == "all" else int(per_class)


def _card(run: Compared, place: str, step: int, layout: Layout, cell: int, stored: Stored) -> None:
    """One run's grid with its name and what it shows, or why it cannot be drawn."""
    st.html(f'<div style="height:.25rem;border-radius:2px;background:{run.colour}"></div>')
    state = "" if run.record.state == "done" else f" · {progress.STATES[run.record.state][0].lower()}"
    st.markdown(f"**{widgets.plain(run.label)}**  \n{place}{state}")
    try:
        picture = strips.sheet(run, step, layout, cell, stored)
    except DDCoreError as error:
        st.error(widgets.plain(str(error)), icon=":material/broken_image:")
        return
    if not layout.images:
        st.caption("It has none of these classes.")
        return
    with st.container(width=WIDEST * (layout.columns + 1) * layout.across):
        st.image(picture, width="stretch", alt=f"{run.label}, {place}: rows of images, class by class")


def _two(runs: Sequence[Compared]) -> None:
    left, right = st.columns(2, gap="medium")
    run, first = _choose(left, runs, "a", "First", 0, start=len(runs) == 1)
    other, second = _choose(right, runs, "b", "Second", min(1, len(runs) - 1))
    before, after = strips.read(run, first), strips.read(other, second)
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
        sheets = [strips.sheet(run, first, layout, cell), strips.sheet(other, second, layout, cell)]
        names = [f"{run.label}, step {first:,}", f"{other.label}, step {second:,}"]
        _viewer(key="img-viewer", data={"pictures": sheets, "names": names})
    with right:
        _difference(*_contrast(run, first, other, second, layout, cell))
    if counts[0] != counts[1]:
        st.caption("Only the classes that both have are shown, and of each the first images that both have.")


def _choose(
    box: DeltaGenerator, runs: Sequence[Compared], key: str, title: str, index: int, start: bool = False
) -> tuple[Compared, int]:
    """A run and one of its steps; start: the first step is offered, else the last."""
    run = selection.run(box, f"{title} set", runs, f"img-{key}", index)
    series = strips.kept(run)
    if len(series.steps) < 2:
        box.caption(gallery.caption(series, "step", gallery.NEWEST))
        return run, series.steps[0]
    first = series.steps[0 if start else -1]
    return run, box.select_slider("Its step", series.steps, value=first, key=f"img-{key}-step", bind="query-params",
                                  format_func=str)


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


def _through_time(runs: Sequence[Compared]) -> None:
    left, middle, right = st.columns([3, 2, 1])
    run = selection.run(left, "Run", runs, "img-run")
    series = strips.kept(run)
    counts = {name: n for name, n in strips.images_of(run, series.steps[0]).items() if n}
    name = middle.selectbox("Class", list(counts), key="img-of", bind="query-params")
    number = 1
    if counts[name] > 1:
        number = right.selectbox("Image", range(1, counts[name] + 1), key="img-number", bind="query-params")
    frames = _film(run, series.steps, name, number - 1)
    if not series.made:
        st.caption("A real image that was chosen: it has no steps.")
    with st.grid("auto", min_column_width=FRAME):
        for step, picture in zip(series.steps, frames, strict=True):
            st.image(picture, width=FRAME, caption=f"step {step:,}" if series.made else None,
                     alt=f"{run.label}, {name}, image {number} at step {step:,}")


def _active(run: Compared) -> bool:
    """Whether the run still goes on."""
    return frame.store().exists(run.record.id) and frame.store().record(run.record.id).active


@strips.cached(max_entries=64, max_size="50MB")
def _contrast(
    run: Compared, first: int, other: Compared, second: int, layout: Layout, cell: int
) -> tuple[str, float, float]:
    """The picture of the differences, the largest of them and their mean size."""
    difference = gallery.difference(strips.read(run, first), strips.read(other, second), layout)
    return data_address(gallery.contrast(difference, layout, cell)), difference.most, difference.mean


@strips.cached(max_entries=64)
def _film(run: Compared, steps: tuple[int, ...], name: str, number: int) -> list[str]:
    store = frame.store()
    return [data_address(png) for png in gallery.film(store, store.record(run.record.id), steps, name, number, FRAME)]
