"""Places on axes from close by, of a sweep or of chosen runs: images along the axes under one slider, and curves."""

import itertools
from collections.abc import Mapping, Sequence

import streamlit as st

from ddcore.errors import DDCoreError
from ddcore.ops import pictures
from ddcore.report import compare_runs, gallery
from ddcore.report.compare_runs import Compared
from ddcore.report.effects import Effects, P, Seen
from ddcore.report.gallery import Layout, Over
from pages.components import frame, overlaid, strips
from pages.components.markdown import plain

MOST = 48  # strips at a time
NAME = 150  # pixels of the name beside a strip
LINE, NARROW = 520, 150  # pixels of a strip with a line for itself, and of one in a matrix, which folds below that


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
    layout = gallery.strip([strips.counted(run, one) for run, one in zip(runs, series, strict=True)])
    rows = _rows(effects, each[:MOST])
    grid = st.grid(len(rows[0]), min_column_width=NARROW) if len(effects.axes) > 1 else None
    for one in itertools.chain.from_iterable(rows):
        with grid.cell() if grid else st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if one:
                _strip(one, layout, over, at, NARROW if grid else LINE)
    if len(each) > MOST:
        st.caption(f"The first {MOST} of {len(each)} cells.")
    st.caption(f"Left to right: {plain(', '.join(name for name, _ in layout.most))}.", help=strips.CLIPPED)


def _rows(effects: Effects[P], each: Sequence[Seen[P]]) -> list[list[Seen[P] | None]]:
    """The cells as the first axis has them from top to bottom and the second from left to right, None where none is;
    along one axis, each for itself. Without rows and columns of nothing."""
    if len(effects.axes) == 1:
        return [[one] for one in each]
    first, second = effects.axes[:2]
    cells = {(first.of(one.point.values), second.of(one.point.values)): one for one in each}
    rows, columns = ([point for point in axis.points if any(place[i] == point for place in cells)]
                     for i, axis in enumerate((first, second)))
    return [[cells.get((row, column)) for column in columns] for row in rows]


def _strip(one: Seen[P], layout: Layout, over: Over, at: float, width: int) -> None:
    """One cell: its values, its images or why it has none, and how it stands where it is not done."""
    picture, place, problem = _picture(one.run, layout, over, at) if one.run and not one.missing else ("", "", "")
    notes = [one.state or problem or one.missing, place if "nearest" in place else ""]
    st.markdown("  \n".join([f"**{plain(one.name)}**", *(f":small[{plain(note)}]" for note in notes if note)]),
                width=NAME if width == LINE else "stretch")
    if picture:
        with st.container(width=LINE if width == LINE else "stretch"):
            st.image(picture, width="stretch", alt=f"{one.name}, {place}: images of each class")


def _picture(run: Compared, layout: Layout, over: Over, at: float) -> tuple[str, str, str]:
    """The strip's address, what it shows, and what keeps it from being drawn."""
    series = strips.kept(run)
    place = gallery.caption(series, over, at)
    try:
        return strips.sheet(run, gallery.step_at(series, over, at), layout, pictures.CELL), place, ""
    except DDCoreError as error:
        return "", place, str(error)
