"""Places on axes from close by, of a sweep or of chosen runs: images along the axes under one slider, and curves."""

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from ddcore.errors import DDCoreError
from ddcore.experiments.axes import Axis
from ddcore.ops import pictures
from ddcore.report import compare_runs, gallery
from ddcore.report.compare_runs import Compared
from ddcore.report.effects import Effects, P, Seen
from ddcore.report.gallery import Layout, Over
from pages.components import frame, overlaid, strips
from pages.components.markdown import plain

MOST = 48  # strips at a time
NAME = 150  # pixels of the name beside a strip
LINE = 520  # pixels of a strip with a line for itself
FOLDED = 2  # lines of a strip in a matrix, whose cells are narrow


def show(effects: Effects[P]) -> None:
    """What is asked for, of one seed: at once along one axis, on demand over more."""
    several = len(effects.axes) > 1
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control("A closer look", ("Images", "Curves"), default=None if several else "Images",
                                    key="look", bind="query-params")
        seeds = [*effects.seeds]
        seed = seeds[0]
        if view and len(seeds) > 1:
            seed = st.segmented_control("Seed", seeds, default=seed, required=True, key="of-seed", bind="query-params")
    if view is None:
        return
    each = effects.seen(effects.through(_places(effects)), seed, frame.store())
    if view == "Curves":
        _curves(effects, each)
    else:
        _images(effects, each)


def _places(effects: Effects[P]) -> Mapping[tuple[str, ...], int]:
    """Where to cut through the axes behind the second: at first, through the best."""
    at = dict[tuple[str, ...], int]()
    with st.container(horizontal=True):
        for axis in effects.axes[2:]:
            best = axis.points.index(axis.of((effects.best or effects.points[0]).values))
            written = {i: effects.written(axis, i) for i in range(len(axis.points))}
            key, title = f"at-{'+'.join(axis.names)}", effects.title(axis.names)
            at[axis.names] = st.selectbox(title, list(written), best, key=key, format_func=written.__getitem__,
                                          bind="query-params")
    return at


def _curves(effects: Effects[P], each: Sequence[Seen[P]]) -> None:
    """Losses and gradient norms, coloured along the first axis, dashed along the second."""
    across = effects.axes[1:2]
    ordered = sorted(each, key=lambda one: [axis.points.index(axis.of(one.point.values)) for axis in across])
    runs = [one.run for one in ordered if one.run]
    overlaid.show(runs[: compare_runs.MOST])
    if len(runs) > compare_runs.MOST:
        st.caption(f"The first {compare_runs.MOST} of {len(runs)} cells.")
    for one in each:
        if one.state:
            st.caption(f"{plain(one.name)}: {plain(one.state)}")


def _images(effects: Effects[P], each: Sequence[Seen[P]]) -> None:
    """A strip for each value under one slider; over two axes a matrix of them."""
    runs = [one.run for one in each[:MOST] if one.run and not one.missing]
    if not runs:
        st.info("No cell has images yet.", icon=":material/image_not_supported:")
        return
    series = [strips.kept(run) for run in runs]
    over, at = strips.slider(series, any(run.record.active for run in runs))
    matrix = len(effects.axes) > 1
    counted = [strips.counted(run, one) for run, one in zip(runs, series, strict=True)]
    layout = gallery.strip(counted, lines=FOLDED if matrix else 1)
    if matrix:
        st.html(_matrix(effects, each[:MOST], layout, over, at))
    else:
        for one in each[:MOST]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _strip(one, layout, over, at)
    if len(each) > MOST:
        st.caption(f"The first {MOST} of {len(each)} cells.")
    order = "Left to right, top to bottom" if matrix else "Left to right"
    st.caption(f"{order}: {plain(', '.join(name for name, _ in layout.most))}.", help=strips.CLIPPED)


def _matrix(effects: Effects[P], each: Sequence[Seen[P]], layout: Layout, over: Over, at: float) -> str:
    """A table of the values of the first axis by those of the second, with the images of each, or why it has none.

    On a narrow screen it is wider than the page and moves under the finger, so that rows stay rows. Without rows and
    columns of nothing.
    """
    first, second = effects.axes[:2]
    cells = {(first.of(one.point.values), second.of(one.point.values)): _cell(one, layout, over, at) for one in each}
    rows, columns = ([i for i, point in enumerate(axis.points) if effects.absent or point in there]
                     for axis, there in zip((first, second), zip(*cells, strict=True), strict=True))
    head = "".join(f'<th scope="col">{_head(effects, second, i)}</th>' for i in columns)
    lines = ["".join(f"<td>{cells.get((first.points[row], second.points[i]), effects.absent)}</td>" for i in columns)
             for row in rows]
    body = "".join(f'<tr><th scope="row">{_head(effects, first, row)}</th>{line}</tr>'
                   for row, line in zip(rows, lines, strict=True))
    return ('<div class="matrix" role="region" aria-label="Images by two axes" tabindex="0">'
            f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>")


def _head(effects: Effects[P], axis: Axis, position: int) -> str:
    return escape(f"{effects.title(axis.names)} {effects.written(axis, position)}")


def _cell(one: Seen[P], layout: Layout, over: Over, at: float) -> str:
    picture, alt, notes = _shown(one, layout, over, at)
    image = f'<img src="{picture}" alt="{escape(alt)}">' if picture else ""
    return image + "".join(f"<p>{escape(note)}</p>" for note in notes)


def _strip(one: Seen[P], layout: Layout, over: Over, at: float) -> None:
    """One value with its images beside it, and what is to be told of them."""
    picture, alt, notes = _shown(one, layout, over, at)
    st.markdown("  \n".join([f"**{plain(one.name)}**", *(f":small[{plain(note)}]" for note in notes)]), width=NAME)
    if picture:
        with st.container(width=LINE):
            st.image(picture, width="stretch", alt=alt)


def _shown(one: Seen[P], layout: Layout, over: Over, at: float) -> tuple[str, str, list[str]]:
    """The images of a cell, what they are in words, and why it has none or how it stands where it is not done."""
    picture, place, problem = _picture(one.run, layout, over, at) if one.run and not one.missing else ("", "", "")
    notes = [one.state or problem or one.missing, place if "nearest" in place else ""]
    return picture, f"{one.name}, {place}: images of each class", [note for note in notes if note]


def _picture(run: Compared, layout: Layout, over: Over, at: float) -> tuple[str, str, str]:
    """The strip's address, what it shows, and what keeps it from being drawn."""
    series = strips.kept(run)
    place = gallery.caption(series, over, at)
    try:
        return strips.sheet(run, gallery.step_at(series, over, at), layout, pictures.CELL), place, ""
    except DDCoreError as error:
        return "", place, str(error)
