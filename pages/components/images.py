"""Image grids of a run: class rows, one step slider, images per class."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import streamlit as st

from ddcore.ops import pictures
from ddcore.runs.store import RunRecord
from pages.components import frame

FEW = 10  # images of each class shown at first
WIDEST = 64  # pixels of one image on the screen, so that one image per class does not fill it


@st.cache_data(max_entries=64, show_spinner=False)
def _grid(run_id: str, made: float, name: str, step: int | None, per_class: int) -> str:
    """The grid as a data address. `made` (the run's creation time) is in the cache key: a run can be made again.

    Not a media file: a fragment that draws again deletes the file while the browser still asks for it.
    """
    store = frame.store()
    images = store.images(run_id, name) if step is None else store.snapshot(run_id, step)
    png = pictures.grid(images.images, images.labels, images.classes, images.mean, images.std, per_class)
    return "data:image/png;base64," + base64.b64encode(png).decode()


def grid(record: RunRecord, caption: str, per_class: int, *, name: str = "images", step: int | None = None) -> None:
    """One grid with its caption above it."""
    st.markdown(f"**{caption}**")
    shown = min(per_class, int(record.config.get("ipc", FEW)))
    picture = _grid(record.id, record.created, name, step, per_class)
    with st.container(width=WIDEST * (shown + 1) if shown < FEW // 2 else "stretch"):
        st.image(picture, width="stretch", alt=f"{caption}: a row of images for each class")


def side_by_side(record: RunRecord, steps: Sequence[int]) -> None:
    """Initial beside chosen step, with one slider over the snapshots."""
    ipc = int(record.config.get("ipc", FEW))
    controls = st.columns([3, 1], vertical_alignment="bottom")
    step = steps[-1] if steps else None
    if len(steps) > 1:
        step = controls[0].select_slider(
            "Step shown", list(steps), value=steps[-1], key=f"step-{record.id}", format_func=lambda s: f"{s:,}",
            help="Snapshots are kept at steps 0, 1, 2, 5, 10, 20, 50 … and at the end, the same for every run.",
        )
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


def chosen(record: RunRecord) -> None:
    """The images of a coreset: real ones, so there is nothing they started from."""
    ipc = int(record.config.get("ipc", FEW))
    shown = FEW
    if ipc > FEW:
        shown = st.selectbox("Images per class", [FEW, ipc], key=f"per-class-{record.id}", width=200)
    with st.container(width=680):
        grid(record, "Chosen images", shown)
    st.caption("One row per class: real training images, unchanged.")


def so_far(record: RunRecord) -> None:
    """The newest snapshot of a running distillation, if there is one yet."""
    steps = frame.store().snapshots(record.id)
    if steps:
        grid(record, f"Images so far (step {steps[-1]:,})", FEW, name="initial", step=steps[-1] or None)
    else:
        st.caption("The first images appear here after the first step.")
