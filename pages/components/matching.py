"""Trajectory matching: how near students come to their experts, from where they start, and what labels they learn."""

import streamlit as st

from ddcore.methods.pad import PADConfig
from ddcore.report import figures, matching, tables
from ddcore.runs.store import RunRecord
from pages.components import charts, frame

LOSS = ("**Matching loss**", "How far the student ends from its expert, as a share of the way that the expert went.")
SKIPPED = "Their loss was above {:g}: the student had ended too far from its expert to teach anything."


def section(run: RunRecord, config: PADConfig) -> None:
    """Curves of a finished run, from which epochs students started within the range that widens, and learnt labels."""
    curves(run, beside=True)
    events, _ = frame.store().events(run.id)
    starts = matching.starts(events, config.threshold)
    if not starts.empty:
        st.markdown("**Start epochs**", help="Where in an expert's training the student begins; later epochs come in "
                    "step by step.")
        charts.chart(figures.starts(starts, matching.reach(config)), f"starts-{run.id}")
        left_out, done = matching.skipped(events), int(starts["step"].iloc[-1])
        st.caption(f"{left_out:,} of {done:,} updates were skipped.", help=SKIPPED.format(config.threshold))
    labels(run)


def curves(run: RunRecord, *, beside: bool = False) -> None:
    """Loss, gradient norms and the learnt learning rate over the iterations; beside: the latter two side by side."""
    charts.losses(run, {"loss": "matching loss"}, *LOSS)
    events, _ = frame.store().events(run.id)
    left, right = st.columns(2, gap="medium") if beside else (st.container(), st.container())
    gradient = tables.curves(events, {"grad_images": "of the images", "grad_labels": "of the label logits"})
    if not gradient.empty:
        left.markdown("**Gradient norms**", help="How strongly images and labels are moved.")
        with left:
            charts.lines(gradient, "step", "Step", "Gradient norm", f"gradients-{run.id}", log=True)
    rate = tables.curves(events, {"lr": "learnt learning rate"})
    if not rate.empty:
        right.markdown("**Learning rate of the student**", help="Learnt like the images, and stored with them.")
        with right:
            charts.lines(rate, "step", "Step", "Learning rate", f"lr-{run.id}")


def labels(run: RunRecord) -> None:
    """Learnt labels as a heat map, the first beside the final ones."""
    store = frame.store()
    first, last = store.images(run.id, "initial"), store.images(run.id)
    if last.label_logits is None:
        return
    st.markdown("**Learnt labels**", help="How an image divides its label among the classes, a row an image. A plain "
                "class label would put all 100 % on the own class; what lies beside it tells the student what an image "
                "also resembles.")
    captions = ((first, "At the start", "first"), (last, "In the end", "last"))
    for column, (images, caption, name) in zip(st.columns(2, gap="medium"), captions, strict=True):
        with column:
            st.markdown(f"{caption}: **{matching.own_share(images):.1f} %** on the own class")
            if (shares := matching.soft_labels(images)) is not None:
                figure = figures.soft_labels(shares.tolist(), images.labels.tolist(), images.classes)
                charts.chart(figure, f"labels-{name}-{run.id}")
