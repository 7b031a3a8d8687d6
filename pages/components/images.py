"""Image grids of a run: class rows, one step slider, images per class."""

import base64
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from ddcore.ops import pictures
from ddcore.runs.store import RunRecord
from pages.components import frame

FEW = 10  # images of each class shown at first
WIDEST = 64  # pixels of one image on the screen, so that one image per class does not fill it


@st.cache_data(max_entries=64, show_spinner=False)
def _grid(run_id: str, created: float, name: str, step: int | None, per_class: int) -> str:
    """The grid as a data address. `created` is in the cache key: a run can be computed again under the same id.

    Not a media file: a fragment that draws again deletes the file while the browser still asks for it.
    """
    store = frame.store()
    images = store.images(run_id, name) if step is None else store.snapshot(run_id, step)
    return data_address(
        pictures.grid(images.images, images.labels, images.classes, images.mean, images.std, per_class)
    )


def data_address(picture: bytes) -> str:
    """A PNG or WebP as an address that holds the picture itself."""
    kind = "webp" if picture.startswith(b"RIFF") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def grid(record: RunRecord, caption: str, per_class: int, *, name: str = "images", step: int | None = None) -> None:
    """One grid with its caption above it."""
    st.markdown(f"**{caption}**")
    shown = min(per_class, int(record.config.get("ipc", FEW)))
    picture = _grid(record.id, record.created, name, step, per_class)
    with st.container(width=WIDEST * (shown + 1) if shown < FEW // 2 else "stretch"):
        st.image(picture, width="stretch", alt=f"{caption}: a row of images for each class")


def side_by_side(record: RunRecord, steps: Sequence[int]) -> None:
    """The initial images beside those of a step, with one slider over the snapshots."""
    slider, menu = st.columns([3, 1], vertical_alignment="bottom")
    last = step = steps[-1] if steps else None
    if len(steps) > 1:
        step = slider.select_slider(
            "Step shown", list(steps), value=last, key=f"step-{record.id}", format_func=lambda s: f"{s:,}",
            help="Snapshots are kept at steps 0, 1, 2, 5, 10, 20, 50 … and at the end, the same for every run.",
        )
    with menu:
        per_class = _per_class(record)
    left, right = st.columns(2, gap="medium")
    with left:
        grid(record, "Where they started (step 0)", per_class, name="initial")
    with right:
        grid(record, "Final images" if step == last else f"At step {step:,}", per_class,
             step=None if step == last else step)
    st.caption(
        "One row per class. Pixels are shown as they are, clipped to what a screen can display; "
        "distilled images need not look like photographs, they only need to train a network well."
    )


def _per_class(record: RunRecord, width: int | Literal["stretch"] = "stretch") -> int:
    """How many images of each class to show: asked where there are more than a few."""
    ipc = int(record.config.get("ipc", FEW))
    if ipc <= FEW:
        return FEW
    return st.selectbox("Images per class", [FEW, ipc], key=f"per-class-{record.id}", width=width)


def coreset(record: RunRecord) -> None:
    """The images of a coreset: real ones, so there is nothing they started from."""
    per_class = _per_class(record, width=200)
    with st.container(width=680):
        grid(record, "Chosen images", per_class)
    st.caption("One row per class: real training images, unchanged.")


def so_far(record: RunRecord) -> None:
    """The newest snapshot of a running distillation, if there is one yet."""
    steps = frame.store().snapshots(record.id)
    if steps:
        grid(record, f"Images so far (step {steps[-1]:,})", FEW, name="initial", step=steps[-1] or None)
    else:
        st.caption("The first images appear here after the first step.")
