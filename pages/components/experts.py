"""Experts: which images they see when, how well they learn, and which of their parameters a student must match."""

from collections.abc import Sequence

import streamlit as st

from ddcore import counts
from ddcore.experiments.experts import ExpertsSummary, Layer
from ddcore.methods.pad import PADConfig
from ddcore.methods.trajectories import TrajectoryConfig
from ddcore.report import experts, figures, tables, text
from ddcore.report.matching import matched
from ddcore.runs.files import size
from ddcore.runs.store import RunRecord
from pages.components import charts, difficulty, frame, table


def in_short(config: TrajectoryConfig, *, windows: bool) -> None:
    """The scheduler in a few words, for its card; windows: with what it leaves out, which a finished run has below."""
    if not config.scheduled:
        st.badge("Off", color="gray", icon=":material/block:")
        st.caption("All images in every epoch.")
        return
    st.badge("Set", color="green", icon=":material/tune:")
    end = config.train_epochs - 1
    if windows:
        st.caption(f"Epoch 0: {difficulty.in_use(config, 0)}. Epoch {end}: {difficulty.in_use(config, end)}.")


def plan(config: PADConfig) -> None:
    """What a form's values mean, before anything is computed."""
    schedule(config)
    if layers := counts.layers(config.network, config.shape, len(config.facts.classes), config.network_options()):
        _dropped([Layer(name=name, parameters=number) for name, number in layers], config)


def schedule(config: TrajectoryConfig) -> None:
    """The share of the data in use, epoch by epoch, the matched ones marked."""
    epochs = matched(config) if isinstance(config, PADConfig) else None
    if not config.scheduled:
        st.markdown("The scheduler is **off**: the experts see all images in every epoch.")
        return
    words = "Easy images teach what a class looks like, hard ones where it ends."
    if epochs:
        words += (f" Students imitate the epochs {epochs[0]} to {epochs[1]}: few images per class can hold little, so "
                  "they imitate early, easy epochs; larger sets later ones.")
    st.markdown("**Images in use**: of each class, from the easiest (0 %) to the hardest (100 %)", help=words)
    charts.chart(figures.schedule(experts.schedule(config, epochs)), f"schedule-{config.train_epochs}")


def section(run: RunRecord, config: PADConfig | None = None) -> None:
    """A finished run of experts; config: the run that imitates them, with what it asks of their layers."""
    summary = run.answer(ExpertsSummary)
    with st.grid(5, min_column_width=140):
        st.metric("Experts", summary.experts, help="Networks trained on real images from different random weights.")
        st.metric("Epochs", summary.epochs, help="Their weights are kept after each.")
        st.metric("Parameters", text.count(summary.parameters), help=f"{summary.parameters:,} weights of each.")
        st.metric("On disk", size(summary.bytes), help=f"All trajectories, in {summary.precision} precision.")
        st.metric("Accuracy", text.accuracy(summary.val_accuracy).partition(" (")[0],
                  help="Of the experts after their last epoch, on the validation split.")
    curve(run)
    _dropped(summary.layers, config)


def curve(run: RunRecord) -> None:
    """Accuracy of the experts over epochs."""
    events, _ = frame.store().events(run.id)
    accuracy = experts.accuracy(events, int(run.config["experts"]))
    if accuracy.empty:
        st.caption("The experts' accuracy appears here after their first epoch.")
        return
    st.markdown("**Accuracy of the experts**, a mean over them")
    charts.lines(accuracy, "epoch", "Epochs done", "Accuracy (%)", f"experts-{run.id}",
                 majority=tables.majority(events), judged_on="validation images")


def _dropped(layers: Sequence[Layer], config: PADConfig | None) -> None:
    """The layers with their shares, and what α drops of each where a run asks for it."""
    st.markdown("**Layers**, from shallow to deep")
    alpha = config.shallow_ratio if config else 0.0
    if config and config.selection == "layers":
        alpha = experts.rounded(layers, alpha)
    by_layer = config is not None and config.selection != "loss"
    number = st.column_config.NumberColumn
    table.dataframe(
        experts.dropped(layers, alpha), hide_index=True, height="content",
        column_order=["layer", "parameters", "share", *(["dropped"] if by_layer else [])],
        column_config={
            "layer": "Layer", "parameters": number("Parameters", format="localized"),
            "share": number("Share", format="%.1f %%"),
            "dropped": number("Dropped", format="%.0f %%", help="Of the layer."),
        },
    )
    if config is not None:
        st.markdown(f"{experts.in_words(layers, config.shallow_ratio, config.selection)}.",
                    help="Shallow layers learn edges and strokes that any image teaches; deep ones what tells classes "
                    "apart. Dropped parameters do not count in the matching loss.")
