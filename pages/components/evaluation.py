"""How good a small set is: the same question put to it and to its controls, and everything that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from ddcore.data import DATASETS
from ddcore.evaluation import plans
from ddcore.evaluation.plans import CEILING_PASSES, NETWORK_PARAMS, Question
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.home import data_root
from ddcore.methods import METHODS, quick
from ddcore.networks import NETWORKS
from ddcore.protocols import PROTOCOLS
from ddcore.report import answer, figures, results, robust, tables, text
from ddcore.report.published import Published, published
from ddcore.report.results import Result
from ddcore.runs.store import RunRecord
from ddcore.settings import NETWORK_OPTIONS, network_title
from pages.components import charts, evaluation_details, fields, frame, pending, table, trajectory, transfer

WORDS = f"""
**Test accuracy**: share of the test images answered correctly. It is measured once, after the last
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
_text, _number = st.column_config.TextColumn, st.column_config.NumberColumn


def section(run: RunRecord) -> None:
    """Choose a protocol, see the set beside its controls, along its iterations and on other networks."""
    st.header("How good is it?", anchor=False, help="Networks are trained from scratch on the small set and tested "
                 "on the real test images.")
    with frame.guarded():  # a data set that is away is told here; the rest of the page needs none
        if (dataset := str(run.config.get("dataset"))) not in DATASETS:
            evaluation_details.unknown_data(run)
            return
        if DATASETS[dataset].removed:
            st.warning(DATASETS[dataset].check(data_root()).message, icon=":material/folder_off:")
        if (question := _question(run)) is None:
            st.caption("Accuracies are shown once these fields are right.")
            return
        tabs = {"Accuracy": accuracy, "Over iterations": trajectory.tab, "Other networks": transfer.tab}
        if not METHODS[run.name].step:
            del tabs["Over iterations"]
        for tab, draw in zip(st.tabs(list(tabs), key=f"tabs-{run.id}", on_change="rerun"), tabs.values(), strict=True):
            if tab.open:
                with tab:
                    draw(run, question)


def _question(run: RunRecord) -> Question | None:
    """Protocol, network, n and batch, at first as they were asked last of this run; None while one of them is wrong."""
    evaluation = results.last_evaluation(frame.store(), run)
    last = results.question_of(evaluation) if evaluation else None
    names, protocols, own = list(NETWORKS), list(PROTOCOLS), _own_network(run, last)
    key = f"evaluation-{run.id}"
    with st.container(border=True), st.grid(4, min_column_width=180, vertical_alignment="bottom"):
        protocol = st.selectbox(
            "Protocol", protocols, index=protocols.index(last.protocol) if last else 0, key=f"{key}-protocol",
            help="\n\n".join(f"**{p.name}**: {p.help}" for p in PROTOCOLS.values()),
        )
        network = st.selectbox(
            "Network", names, index=names.index(own["network"]), key=f"{key}-network",
            format_func=lambda n: network_title(own if n == own["network"] else {"network": n}),
            help="The one trained for the test. Another than the run's own tells whether the images only fit that one.",
        )
        nets = fields.number(
            EvaluateConfig.param("nets"), last.nets if last else Question.nets, f"{key}-nets",
            help="More: a surer mean, more time. Those that were trained before are kept.",
        )
        batch = fields.number(
            EvaluateConfig.param("batch_size"), last.batch_size if last else None, f"{key}-batch",
            placeholder="the protocol's", help=_steps(run, protocol),
        )
    if nets.wrong or batch.wrong:
        return None
    judging = own if network == own["network"] else {"network": network}
    return Question(protocol, int(nets.value or 0), int(batch.value) if batch.value else None, network=judging)


def _own_network(run: RunRecord, last: Question | None) -> Mapping[str, Any]:
    """The network that judges a set unless another is named: the one it was made with.

    Random real images were made with none: the one that judged them last, else that of the quick presets.
    """
    if network := run.config.get("network"):
        return {"network": network, **{option: run.config.get(option) for option in NETWORK_OPTIONS}}
    dataset = run.config["dataset"]
    quickly = {"network": DATASETS[dataset].network, **quick.network(dataset)}
    return last.network if last else {name: quickly[name] for name in NETWORK_PARAMS if name in quickly}


def _steps(run: RunRecord, protocol: str) -> str:
    """How many steps a training on this set takes, and on smaller batches."""
    training, images = PROTOCOLS[protocol].training("none"), run.summary.images or 0
    few = training.replace(batch_size=10)
    return (f"Images of one step, for every line. On these {images:,} images the protocol's {training.batch_size:,} "
            f"makes {training.optimiser_steps(images):,} steps of training, 10 makes {few.optimiser_steps(images):,}.")


@dataclass(frozen=True)
class Answers:
    """All that the accuracy tab shows under one question; following: the next seed, which need not exist."""

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

    def gather() -> Answers:
        store = frame.store()
        return Answers(
            results.results(store, run, question), results.over_seeds(store, run, question),
            evaluation_details.next_seed(run, question), robust.scores(store, run, question),
        )

    pending.watch(gather, lambda answers: answers.parts, partial(_show, run))


def _explained(final: Result) -> None:
    """The words used here and every field of the protocol, closed."""
    config = _config(final)
    with st.container(horizontal=True):
        with st.popover("What the words mean", type="tertiary", icon=":material/help:"):
            st.markdown(WORDS)
        with st.popover("Protocol in full", type="tertiary", icon=":material/list_alt:"):
            st.markdown(f"Protocol **{config.protocol_label()}** on {config.facts.title}: every network is trained so.")
            st.table(tables.protocol(config.training()).set_index("Parameter"))


def _show(run: RunRecord, answers: Answers) -> None:
    rows = results.distinct(answers.rows)
    config = _config(rows[0])
    others = published(config.dataset, config.network, run.config["ipc"])
    evaluation_details.notes(run, rows)
    _buttons(run, rows)
    _kept(rows[0])
    if any(row.scores for row in rows):
        _numbers(run, rows, others)
    _explained(rows[0])
    _lesson(run, rows)
    evaluation_details.literature(others, results.setting(rows))
    evaluation_details.seeds(run, answers.seeds, answers.following)
    evaluation_details.scores(run, answers.robust)
    evaluation_details.details(run, rows)


def _config(row: Result) -> EvaluateConfig:
    config = row.specs[-1].config
    assert isinstance(config, EvaluateConfig)
    return config


def _buttons(run: RunRecord, rows: list[Result]) -> None:
    """One button for the set and its small controls, one for the full data; each with its time estimate.

    The first is not marked as the one to press where it is on top of the page as well; the second is there only once.
    """
    asked = answer.question(frame.store(), run)
    on_top = rows[0].specs[-1] == plans.evaluation(run, asked)
    missing = [row for row in rows if row.role != "full" and row.missing]
    full = next(row for row in rows if row.role == "full")
    with st.container(horizontal=True, vertical_alignment="center"):
        if missing:
            pending.button("Evaluate with controls", missing, run, f"evaluate-{run.id}", primary=not on_top)
        if full.missing and not (on_top and answer.Answer(asked, tuple(rows)).full_missing):
            pending.button("Train on full data", [full], run, f"full-{run.id}", help=full.help)


def _kept(final: Result) -> None:
    """What is known of fewer networks, while not all that are asked for are trained: they are not trained again."""
    fewer = None if final.scores else results.with_fewer(frame.store(), final)
    if fewer and (known := fewer.summary.accuracy):
        st.caption(f"{known.n} of the {_config(final).nets} networks on these images are trained already and "
                   f"stay: {text.accuracy(known)}.")


def _lesson(run: RunRecord, rows: list[Result]) -> None:
    """Which lines to compare, where labels are learnt too or a method has a relative of its own; closed."""
    by_role = {row.role: row for row in rows}
    final, initial, hard = by_role["final"], by_role.get("initial"), by_role.get("initial_hard")
    pairs = []
    if initial and hard:
        pairs.append((initial, hard, "what soft labels alone are worth"))
        pairs.append((final, hard, "what labels and distilling are worth together"))
    pairs += [(final, row, "what this method adds to that one") for row in rows if row.role not in ROLES]
    if pairs and initial:
        pairs.insert(0, (final, initial, "what distilling is worth"))
        lines = [f"- {_against(*pair)}" for pair in pairs]
        with st.expander("**What is due to what** · images, labels, method", key=f"lesson-{run.id}", on_change="rerun"):
            st.markdown("\n".join(["± one standard error over the networks:", "", *lines]))


def _against(row: Result, other: Result, worth: str) -> str:
    """ "*A* against *B*: what it is worth, +1.2 points", without the number where one of them is not known."""
    words = f"*{row.title}* against *{other.title}*: {worth}"
    if row.scores and other.scores:
        words += f", **{text.difference(row.scores.accuracy, other.scores.accuracy)}**"
    return words


def _numbers(run: RunRecord, rows: list[Result], others: list[Published]) -> None:
    numbers = results.table(rows)
    majority = results.majority(rows)
    st.markdown(f"**Test accuracy** · {results.setting(rows)}")
    charts.chart(figures.accuracies(numbers, majority, others), f"accuracy-bars-{run.id}")
    table.dataframe(
        numbers.assign(
            time=numbers["seconds"].map(lambda s: text.duration(s if s == s else None)),
            state=numbers["state"].where(numbers["mean"].isna(), "done"),  # full data: from a training of any seed
        ),
        hide_index=True, width="stretch", placeholder=text.NONE,
        column_order=["name", "accuracy", *results.beside(rows), "images", "steps", "time", "state"],
        column_config={
            **evaluation_details.COLUMNS, "name": _text("Trained on", width="medium"),
            "images": _number("Images", format="localized"),
            "steps": _number("Steps", format="localized", help="Optimiser steps of one network."),
            "time": _text("Training time", alignment="right", help="Wall time of training one network, testing not "
                          "included."),
        },
    )
    if sentence := results.no_ceiling(rows):
        st.caption(sentence)
