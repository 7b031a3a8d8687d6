"""Images of several runs under one slider: which steps they kept, how many images, their grids as pictures."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from ddcore.errors import DDCoreError
from ddcore.ops.pictures import Stored
from ddcore.report import gallery
from ddcore.report.compare_runs import Compared
from ddcore.report.gallery import Layout, Over, Snapshots
from ddcore.runs.images import Images
from pages.components import frame
from pages.components.images import data_address

SLIDERS: dict[Over, tuple[str, str]] = {  # (key, title)
    "step": ("step", "Step"), "share": ("img-share", "Share of the run"), "time": ("img-time", "Distillation time"),
}
CLIPPED = ("Pixels are denormalised and clipped to what a screen can display; distilled images need not look like "
           "photographs, they only need to train a network well.")
# What is read and drawn once. When a run was created is part of every key: a run can be computed again.
cached = partial(st.cache_data, show_spinner=False,
                  hash_funcs={Compared: lambda run: (run.record.id, run.record.created)})


def slider(series: Sequence[Snapshots], growing: bool) -> tuple[Over, float]:
    """The axis and the place on it; the one slider for all runs."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    over = right.segmented_control(
        "The slider runs over", list(SLIDERS), default="step", required=True, key="img-over", bind="query-params",
        help="Runs of other lengths can be held side by side at the same step, when the same share of each was done, "
        "or after the same time.",
    )
    key, title = SLIDERS[over]
    stops = gallery.stops(series, over, growing)
    if len(stops) < 2:
        return over, gallery.NEWEST
    at = left.select_slider(
        title, stops, value=stops[-1], key=key, bind="query-params", format_func=lambda at: gallery.words(at, over),
        help="Images are kept at steps 0, 1, 2, 5, 10, 20, 50 … and at the end, the same for every run. A run without "
        "images of just that place shows the nearest that it has, and says which.",
    )
    return over, at


def steps(run: Compared) -> tuple[int, ...] | None:
    """The steps kept by now, None where the run was deleted."""
    return tuple(frame.store().snapshots(run.record.id)) if frame.store().exists(run.record.id) else None


def kept(run: Compared) -> Snapshots:
    """When the images of a run can be seen."""
    return _kept(run, steps(run) or ())


@cached(max_entries=256)
def _kept(run: Compared, steps: tuple[int, ...]) -> Snapshots:
    store = frame.store()
    return gallery.snapshots(store.record(run.record.id), steps, store.events(run.record.id)[0])


def counted(run: Compared, series: Snapshots) -> dict[str, int]:
    """{class: images}; nothing where they cannot be read: drawing them will say why."""
    try:
        return images_of(run, series.steps[0])
    except DDCoreError:
        return {}


@cached(max_entries=256)
def images_of(run: Compared, step: int) -> dict[str, int]:
    return gallery.counts(read(run, step))


@cached(max_entries=256, max_size="100MB")
def sheet(run: Compared, step: int, layout: Layout, cell: int, stored: Stored = "quickly") -> str:
    """A grid as a data address: a media file would be deleted while the browser still asks for it."""
    return data_address(gallery.sheet(read(run, step), layout, cell, stored))


def read(run: Compared, step: int) -> Images:
    return frame.store().snapshot(run.record.id, step)
