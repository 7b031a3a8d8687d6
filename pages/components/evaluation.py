"""How good a small set is: the same question put to it and to its controls, and everything that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from ddcore.data import DATASETS
from ddcore.evaluation.plans import CEILING_PASSES, Question
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.home import data_root
from ddcore.methods import METHODS
from ddcore.networks import NETWORKS
from ddcore.protocols import PROTOCOLS
from ddcore.report import figures, results, robust, tables, text
from ddcore.report.published import Published, published
from ddcore.report.results import Result
from ddcore.runs.store import RunRecord
from ddcore.settings import network_title
from pages.components import charts, evaluation_details, frame, pending, trajectory, transfer

WORDS = f"""
**Test accuracy**: share of the official test images answered correctly. It is measured once, after the last
training step; nothing is ever chosen by looking at the test set.

**Balanced accuracy**: mean of the classes' accuracies. It stands beside the accuracy where classes are unequally
frequent: a network that always answers one of two classes has 50 %, however frequent that class is.

**AUC** (two classes): the chance that an image of the second class is given a higher score than one of the first;
50 % is guessing.

**Protocol**: how a network is trained on the set before it is tested. Numbers compare only under the same one.

**± and n**: mean and standard deviation over *n* networks trained from different random weights.

**Controls**: what the small set must beat to be worth anything. *Random real images*: as many real images, drawn
at random. *Initial images*: what the run started from, undistilled. *Majority class*: always answering the most
frequent class. *Full data* is the ceiling where its network sees the training images at least {CEILING_PASSES} times;
a protocol of few steps does not get that far, and it is said beside the number.
"""
ROLES = {"final", "initial", "initial_hard", "random_real", "full"}  # the others are a method's variations
TABS = ("Accuracy", "Over iterations", "Other networks")


def section(run: RunRecord) -> None:
    """Choose a protocol, see the set beside its controls, along its iterations and on other networks."""
    st.subheader("How good is it?", anchor=False)
    st.markdown("Networks are trained **from scratch** on the small set and tested on the real test images.")
    with frame.guarded():  # a data set that is away is told here; the rest of the page needs none
        if (dataset := str(run.config.get("dataset"))) not in DATASETS:
            evaluation_details.kept(run)
            return
        if DATASETS[dataset].removed:
            st.warning(DATASETS[dataset].check(data_root()).message, icon=":material/folder_off:")
        question = _question(run)
        names = [name for name in TABS if name != TABS[1] or METHODS[run.name].step]
        for name, tab in zip(names, st.tabs(names, key=f"tabs-{run.id}", on_change="rerun"), strict=True):
            if tab.open:
                with tab:
                    {TABS[0]: accuracy, TABS[1]: trajectory.tab, TABS[2]: transfer.tab}[name](run, question)


def before(run: RunRecord) -> Question | None:
    """What was asked last of this run, on its own network; None before any evaluation."""
    last = results.last_evaluation(frame.store(), run)
    return replace(results.question_of(last), network={}) if last else None


def _question(run: RunRecord) -> Question:
    last = before(run)
    names, protocols = list(NETWORKS), list(PROTOCOLS)
    network = run.config.get("network") or DATASETS[run.config["dataset"]].network
    key = f"evaluation-{run.id}"
    with st.container(border=True), st.grid(4, min_column_width=180, vertical_alignment="bottom"):
        protocol = st.selectbox(
            "Protocol", protocols, index=protocols.index(last.protocol) if last else 0, key=f"{key}-protocol",
            help="\n\n".join(f"**{p.name}**: {p.help}" for p in PROTOCOLS.values()),
        )
        network = st.selectbox(
            "Network", names, index=names.index(network), key=f"{key}-network",
            format_func=lambda n: network_title(run.config if n == run.config.get("network") else {"network": n}),
            help="The one trained for the test. Another than the run's own tells whether the images only fit that one.",
        )
        nets = st.number_input(
            "n · Networks", 1, 100, last.nets if last else 3, key=f"{key}-nets",
            help="More: a surer mean, more time. Those that were trained before are kept.",
        )
        batch = st.number_input(
            "Batch size (images)", 1, 8192, last.batch_size if last else None, key=f"{key}-batch",
            placeholder="the protocol's", help="Small sets with large batches get few training steps: 100 images at "
            "batch 128 over 20 epochs are 20 steps, at batch 10 they are 200. Applies to every line.",
        )
    st.caption(PROTOCOLS[protocol].help + (f" **Here with batch {batch:,} instead.**" if batch else ""))
    return Question(protocol, int(nets), int(batch) if batch else None, network={"network": network})


@dataclass(frozen=True)
class Found:
    """All that the accuracy tab shows under one question."""

    rows: list[Result]
    seeds: results.Seeds | None
    following: results.SeedRow
    robust: robust.Robust

    @property
    def parts(self) -> list[Result]:
        """Every result that may be on its way."""
        seeds = [*(self.seeds.rows if self.seeds else ()), self.following]
        return [*self.rows, *(part for seed in seeds for part in (seed.final, seed.random_real)), *self.robust.parts]


def accuracy(run: RunRecord, question: Question) -> None:
    """The set beside its controls, published results, seeds and robust scores."""
    _explained(results.results(frame.store(), run, question)[0])
    pending.watch(partial(_find, run, question), lambda found: found.parts, partial(_show, run, question))


def _explained(final: Result) -> None:
    """The words used here and every field of the protocol, closed."""
    config = final.specs[-1].config
    assert isinstance(config, EvaluateConfig)
    with st.container(horizontal=True):
        with st.popover("What do these words mean?", type="tertiary", icon=":material/help:"):
            st.markdown(WORDS)
        with st.popover("The protocol in full", type="tertiary", icon=":material/list_alt:"):
            st.markdown(f"Protocol **{config.protocol_label()}** on {config.facts.title}: every network is trained so.")
            st.table(tables.protocol(config.training()).set_index("Parameter"))


def _find(run: RunRecord, question: Question) -> Found:
    store = frame.store()
    return Found(
        results.results(store, run, question), results.over_seeds(store, run, question),
        evaluation_details.another(run, question), robust.scores(store, run, question),
    )


def _show(run: RunRecord, question: Question, found: Found) -> None:
    evaluation_details.notes(run, found.rows)
    _buttons(run, found.rows)
    _lesson(found.rows)
    if any(row.scores for row in found.rows):
        _numbers(run, found)
    evaluation_details.literature(_published(run, found.rows), results.setting(found.rows))
    evaluation_details.seeds(run, found.seeds, found.following)
    evaluation_details.scores(run, found.robust)
    evaluation_details.details(run, found.rows)


def _published(run: RunRecord, rows: list[Result]) -> list[Published]:
    """What others reached with as many images of this data set on this kind of network."""
    config = rows[0].specs[-1].config
    assert isinstance(config, EvaluateConfig)
    return published(config.dataset, config.network, run.config["ipc"])


def _buttons(run: RunRecord, rows: list[Result]) -> None:
    """One button for the set and its small controls, one for the full data; each with its time estimate."""
    missing = [row for row in rows if row.role != "full" and row.missing]
    full = next(row for row in rows if row.role == "full")
    with st.container(horizontal=True, vertical_alignment="center"):
        if missing:
            pending.button("Evaluate with controls", missing, run, f"evaluate-{run.id}", primary=True)
        if full.missing:
            pending.button("Train on full data", [full], run, f"full-{run.id}", help=full.help)


def _lesson(rows: list[Result]) -> None:
    """Which lines to hold against each other, where labels are learnt too or a method has a relative of its own."""
    of = {row.role: row for row in rows}
    pairs = []
    if "initial_hard" in of:
        pairs.append((of["initial"], of["initial_hard"], "what soft labels alone are worth"))
        pairs.append((of["final"], of["initial_hard"], "what labels and distilling are worth together"))
    pairs += [(of["final"], row, "what this method adds to that one") for row in rows if row.role not in ROLES]
    if pairs:
        pairs.insert(0, (of["final"], of["initial"], "what distilling is worth"))
        lines = [f"- {_against(*pair)}" for pair in pairs]
        st.markdown("\n".join(["Hold against each other (± one standard error over the networks):", *lines]))


def _against(one: Result, other: Result, words: str) -> str:
    """ "*A* beside *B*: what it is worth, +1.2 points", without the number where one of them is not known."""
    said = f"*{one.title}* beside *{other.title}*: {words}"
    if one.scores and other.scores:
        said += f", **{text.difference(one.scores.accuracy, other.scores.accuracy)}**"
    return said


def _numbers(run: RunRecord, found: Found) -> None:
    rows = found.rows
    frame_ = results.table(rows)
    majority, also = results.majority(rows), results.beside(rows)
    st.markdown(f"**Test accuracy** · {results.setting(rows)}")
    charts.chart(figures.accuracies(frame_, majority, _published(run, rows)), f"accuracy-bars-{run.id}")
    shown = frame_.assign(
        time=frame_["seconds"].map(lambda s: text.duration(s if s == s else None)),
        state=frame_["state"].where(frame_["mean"].isna(), "done"),  # full data is known from a training of any seed
    )
    st.dataframe(
        shown, hide_index=True, width="stretch", placeholder=text.NONE,
        column_order=["name", "accuracy", *also, "images", "steps", "time", "state"],
        column_config={
            **evaluation_details.COLUMNS,
            "name": st.column_config.TextColumn("Trained on", width="medium"),
            "accuracy": st.column_config.TextColumn("Test accuracy", alignment="right"),
            "images": st.column_config.NumberColumn("Images", format="localized"),
            "steps": st.column_config.NumberColumn("Steps", format="localized", help="Optimiser steps of one network."),
            "time": st.column_config.TextColumn("Training time", alignment="right", help="Wall time of training one "
                                                "network, testing not included."),
            "state": st.column_config.TextColumn("State"),
        },
    )
    if majority is not None:
        st.caption(f"Always answering the most frequent class would be right on {majority:.1f} % of the test images.")
    if said := results.no_ceiling(rows):
        st.caption(said)
    if times := results.speed_up(rows):
        small, full = times
        st.markdown(
            f"Training one network takes **{text.duration(small)}** on the distilled set and "
            f"**{text.duration(full)}** on the full data: {full / small:,.0f} times less."
        )
