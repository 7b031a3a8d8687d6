"""Image grids of a run: class rows, one step slider, images per class."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ddcore.report import pictures
from ddcore.runs.store import Images, RunRecord
from pages.components import frame

FEW = 10  # images of each class shown at first


@st.cache_data(max_entries=64, show_spinner=False)
def _png(run_id: str, made: float, name: str, step: int | None, per_class: int) -> bytes:
    """The grid as PNG. `made` (the run's creation time) is part of the cache key: a run can be made again."""
    store = frame.store()
    return grid_png(store.images(run_id, name) if step is None else store.snapshot(run_id, step), per_class)


def grid_png(images: Images, per_class: int) -> bytes:
    return pictures.grid(images.images, images.labels, images.classes, images.mean, images.std, per_class)


def grid(record: RunRecord, caption: str, per_class: int, *, name: str = "images", step: int | None = None) -> None:
    """One grid with its caption above it."""
    st.markdown(f"**{caption}**")
    st.image(_png(record.id, record.created, name, step, per_class), width="stretch",
             alt=f"{caption}: a row of images for each class")  # fmt: skip


def side_by_side(record: RunRecord, steps: Sequence[int]) -> None:
    """Initial beside chosen step, with one slider over the snapshots."""
    ipc = int(record.config.get("ipc", FEW))
    controls = st.columns([3, 1], vertical_alignment="bottom")
    step = steps[-1] if steps else None
    if len(steps) > 1:
        step = controls[0].select_slider(
            "Step shown", list(steps), value=steps[-1], key=f"step-{record.id}", format_func=lambda s: f"{s:,}",
            help="Snapshots are kept at steps 0, 1, 2, 5, 10, 20, 50 … and at the end, the same for every run.",
        )  # fmt: skip
    shown = FEW
    if ipc > FEW:
        shown = controls[1].selectbox("Images per class", [FEW, ipc], key=f"per-class-{record.id}")
    left, right = st.columns(2, gap="medium")
    with left:
        grid(record, "Where they started (step 0)", shown, name="initial")
    with right:
        last = step is None or step == steps[-1]
        caption = "Final images" if last else f"At step {step:,}"
        grid(record, caption, shown, step=None if last else step)
    st.caption(
        "One row per class. Pixels are shown as they are, clipped to what a screen can display; "
        "distilled images need not look like photographs, they only need to train a network well."
    )


def so_far(run_id: str) -> None:
    """The newest snapshot of a running distillation, if there is one yet."""
    store = frame.store()
    steps = store.snapshots(run_id)
    if not steps:
        st.caption("The first images appear here after the first step.")
        return
    st.markdown(f"**Images so far** (step {steps[-1]:,})")
    st.image(grid_png(store.snapshot(run_id, steps[-1]), FEW), width="stretch", alt="Synthetic images so far, by class")
