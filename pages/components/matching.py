"""Trajectory matching: how near students come to their experts, from where they start, and what labels they learn."""

import streamlit as st

from ddcore.methods.pad import PADConfig
from ddcore.report import figures, matching, tables
from ddcore.runs.store import RunRecord
from pages.components import charts, frame

LOSS = ("**Matching loss**", "How far the student ends from its expert, as a share of the way that the expert went.")
SKIPPED = "Their loss was above {:g}: the student had ended too far from its expert to teach anything."


def section(run: RunRecord, config: PADConfig) -> None:
    """Curves of a finished run; folded, where students started within the range that widens, and learnt labels."""
    left, right = st.columns(2, gap="medium", vertical_alignment="bottom")
    with left:
        loss(run)
    with right:
        gradients(run)
    with st.expander("**Start epochs, learning rate and labels** of the students"):
        left, right = st.columns(2, gap="medium")
        with left:
            starts(run, config)
        with right:
            rate(run)
        labels(run)


def curves(run: RunRecord) -> None:
    """Loss, gradient norms and the learnt learning rate over the iterations, below one another."""
    for draw in (loss, gradients, rate):
        draw(run)


def loss(run: RunRecord) -> None:
    charts.losses(run, {"loss": "matching loss"}, *LOSS)


def gradients(run: RunRecord) -> None:
    events, _ = frame.store().events(run.id)
    norms = tables.curves(events, {"grad_images": "of the images", "grad_labels": "of the label logits"})
    if not norms.empty:
        st.markdown("**Gradient norms**", help="How strongly images and labels are moved.")
        charts.lines(norms, "step", "Step", "Gradient norm", f"gradients-{run.id}", log=True)


def rate(run: RunRecord) -> None:
    events, _ = frame.store().events(run.id)
    learnt = tables.curves(events, {"lr": "learnt learning rate"})
    if not learnt.empty:
        st.markdown("**Learning rate of the student**", help="Learnt like the images, and stored with them.")
        charts.lines(learnt, "step", "Step", "Learning rate", f"lr-{run.id}")


def starts(run: RunRecord, config: PADConfig) -> None:
    """Where in an expert's training the students began, and how many of them taught nothing."""
    events, _ = frame.store().events(run.id)
    begun = matching.starts(events, config.threshold)
    if begun.empty:
        return
    left_out, done = matching.skipped(events), int(begun["step"].iloc[-1])
    st.markdown("**Start epochs**", help="Where in an expert's training the student begins; later epochs come in "
                "step by step.")
    charts.chart(figures.starts(begun, matching.reach(config)), f"starts-{run.id}")
    st.caption(f"{left_out:,} of {done:,} updates were skipped.", help=SKIPPED.format(config.threshold))


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
