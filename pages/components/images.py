"""Image grids of a run: a row for each class, as many side by side as there is room for, one slider over the steps."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from ddcore.report import gallery
from ddcore.runs.store import RunRecord
from pages.components import frame

FEW = 10  # images of each class shown at first
WIDE, HIGH = 350, 420  # pixels that a grid may take at first: two beside the answer fill a screen, one fits a phone
HELP = "One row for each class. Pixels beyond black and white are clipped. Distilled images need not look like " \
       "photographs: they only need to train a network well."


@dataclass(frozen=True)
class Grid:
    """A picture as a data address, its width in pixels; how many images it shows, and of how many."""

    address: str
    width: int
    shown: int
    images: int


@st.cache_data(max_entries=64, show_spinner=False)
def _grid(run_id: str, created: float, name: str, step: int | None, everything: bool) -> Grid:
    """`created` is in the cache key: a run can be computed again under the same id.

    Not a media file: a fragment that draws again deletes the file while the browser still asks for it.
    """
    store = frame.store()
    images = store.images(run_id, name) if step is None else store.snapshot(run_id, step)
    own, number = gallery.counts(images), len(images.labels)
    few = min(FEW, max(own.values(), default=1))
    if everything:
        fit = gallery.fitted(own, number, WIDE, math.inf)
    else:
        fit = gallery.fitted(gallery.folded(own, few), few, WIDE, HIGH)
    address = data_address(gallery.sheet(images, fit.layout, fit.cell))
    return Grid(address, fit.width, fit.layout.images, number)


def data_address(picture: bytes) -> str:
    """A PNG or WebP as an address that holds the picture itself."""
    kind = "webp" if picture.startswith(b"RIFF") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def grid(
    record: RunRecord, caption: str, *, name: str = "images", step: int | None = None, everything: bool = False,
    help: str = "",
) -> Grid:
    """One grid with its caption above it; everything: also what is folded away at first."""
    st.markdown(f"**{caption}**", help=help or None)
    drawn = _grid(record.id, record.created, name, step, everything)
    with st.container(width=drawn.width):
        st.image(drawn.address, width="stretch", alt=f"{caption}: a row of images for each class")
    return drawn


def side_by_side(record: RunRecord, steps: Sequence[int]) -> None:
    """The initial images beside those of a step, with one slider over the snapshots; of a set that ships, what does."""
    if not _kept(record, "initial"):
        _final_alone(record)
        return
    last = step = steps[-1] if steps else None
    if len(steps) > 1:
        step = st.select_slider(
            "Step shown", list(steps), value=last, key=f"step-{record.id}", format_func=lambda s: f"{s:,}",
            help="Snapshots are kept at steps 0, 1, 2, 5, 10, 20, 50 … and at the end, the same for every run.",
        )
    everything = bool(st.session_state.get(f"all-{record.id}"))
    left, right = st.columns(2, gap="small")
    with left:
        grid(record, "At the start", name="initial", everything=everything)
    with right:
        drawn = grid(record, "Final images" if step == last else f"At step {step:,}", everything=everything,
                     step=None if step == last else step, help=HELP)
    _all(record, drawn)


def _all(record: RunRecord, drawn: Grid) -> None:
    """The switch between the first images and all of them, where there are more."""
    key = f"all-{record.id}"
    if drawn.shown < drawn.images or st.session_state.get(key):
        st.toggle(f"Show all {drawn.images:,} images", key=key)


def coreset(record: RunRecord) -> None:
    """The images of a coreset: real ones, so there is nothing they started from."""
    _final_alone(record, "Chosen images", "One row for each class: real training images, unchanged.")


def _final_alone(record: RunRecord, caption: str = "Final images", help: str = HELP) -> None:
    """The images without those that they started from, or why there are none."""
    if not _kept(record, "images"):
        ships = "Its images do not ship with the app, for they are many." if record.demo else "It kept no images."
        st.caption(f"{ships} Distilled anew, with another seed, they are here.")
        return
    _all(record, grid(record, caption, everything=bool(st.session_state.get(f"all-{record.id}")), help=help))


def _kept(record: RunRecord, name: str) -> bool:
    """Whether the run has an image set of this name."""
    return (record.folder / f"{name}.safetensors").exists()


def so_far(record: RunRecord) -> None:
    """The newest snapshot of a run that is not finished, if there is one."""
    steps = frame.store().snapshots(record.id)
    if steps:
        grid(record, f"Images so far (step {steps[-1]:,})", name="initial", step=steps[-1] or None, help=HELP)
    else:
        st.caption("The first images appear here after the first step.")
