"""Beside the accuracy of a set: its other seeds, robust scores, published results, and one evaluation in detail."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from ddcore.evaluation.plans import Question, plan
from ddcore.experiments.evaluate import EvaluateSummary
from ddcore.methods import METHODS
from ddcore.report import figures, results, tables, text
from ddcore.report.published import Published
from ddcore.report.results import Result, SeedRow, Seeds
from ddcore.report.robust import HELP, TITLES, Robust, Score
from ddcore.runs.store import RunRecord
from ddcore.summary import BESIDE, Summary
from pages.components import charts, frame, pending, table, widgets

HELP_ACCURACY = (
    "Share of the official test images answered correctly by networks trained from scratch on this set: mean ± "
    "standard deviation over n networks. Below it the protocol, by which they are trained."
)
HELP_BALANCED = (
    "Mean of the classes' accuracies, so that a frequent class counts no more than a rare one. Always answering one of "
    "two classes reaches 50 %, however unequal they are; one of ten, 10 %."
)
HELP_AUC = (
    "Area under the ROC curve: the chance that an image of the second class is given a higher score than one of the "
    "first. 50 % is guessing, and what always answering one class reaches."
)
_text = st.column_config.TextColumn
COLUMNS: Mapping[str, Any] = {  # of tables of accuracies
    "accuracy": _text("Test accuracy", alignment="right"),
    "balanced_accuracy": _text("Balanced", alignment="right", width=92, help=HELP_BALANCED),
    "auc": _text("AUC", alignment="right", width=92, help=HELP_AUC), "state": "State",
}


def notes(run: RunRecord, rows: Iterable[Result]) -> None:
    """What must be known of these numbers, near to them, unless the run's own notes say it above."""
    for note in results.notes(rows):
        if note not in run.summary.notes:
            st.warning(widgets.plain(note), icon=":material/warning:")


def metrics(summary: Summary, names: Sequence[str] = BESIDE) -> None:
    """Balanced accuracy and AUC of one run, as far as they are known."""
    titles = {"balanced_accuracy": ("Balanced accuracy", HELP_BALANCED), "auc": ("AUC", HELP_AUC)}
    for name in names:
        if score := getattr(summary, name):
            title, help = titles[name]
            st.metric(title, text.spread(score), help=help)


def unknown_data(run: RunRecord) -> None:
    """What was evaluated of a run whose data set is not known here: it can be looked at, and nothing can be added."""
    name = widgets.plain(str(run.config.get("dataset")))
    st.warning(
        f"The data set “{name}” is not known here: it was deleted, or the run comes from another "
        "machine. So no evaluation can be started; what was measured before still holds.", icon=":material/folder_off:",
    )
    evaluations = [r for r in frame.store().records("evaluate") if r.config.get("run") == run.id and r.state == "done"]
    if not evaluations:
        st.caption("Nothing was evaluated.")
        return
    rows = tables.runs(evaluations)
    also = [name for name in BESIDE if (rows[name] != text.NONE).any()]
    table.dataframe(
        rows, hide_index=True, width="stretch", column_order=["run", "accuracy", *also, "majority", "protocol", "id"],
        column_config={
            **COLUMNS, "run": _text("Evaluation", width="medium"), "accuracy": _text("Accuracy", alignment="right"),
            "majority": _text("Majority class", alignment="right"), "protocol": "Protocol", "id": "Id",
        },
    )


def next_seed(run: RunRecord, question: Question) -> SeedRow:
    """The next seed of this run, judged like it; nothing of it need exist yet."""
    store = frame.store()
    seed = 1 + max(int(r.config["seed"]) for r in [run, *results.siblings(store, run)])
    new = run.question({"seed": seed})
    future = replace(run, id=new.key, config=new.config.values())
    asks = plan(future, question)
    return SeedRow(
        seed, future, results.result(store, "final", f"Images of seed {seed}", "", new, asks.final),
        results.result(store, "random_real", f"Random real images of seed {seed}", "", asks.random, asks.random_real),
    )


def seeds(run: RunRecord, pooled: Seeds | None, following: SeedRow) -> None:
    """Mean over all networks of all distillation seeds, a line each, and a button for one more."""
    rows = pooled.rows if pooled else ()
    scores = pooled.scores if pooled else None
    label = "not evaluated yet" if pooled else "one so far"
    if scores:
        label = f"{text.accuracy(scores.accuracy)} over {scores.accuracy.seeds} of {len(rows)} seeds"
    # Expanders of changing labels have keys, so that they stay open while results come in.
    with st.expander(f"**Seeds** · {label}", key=f"seeds-open-{run.id}", on_change="rerun"):
        st.caption("The spread above is over networks trained on *one* set. Made again from another seed, the set "
                    "shows how much of it was luck.")
        if pooled:
            also = results.beside(row.final for row in rows)
            table.dataframe(
                results.seeds_table(pooled), hide_index=True, width="stretch", placeholder=text.NONE,
                column_order=["seed", "accuracy", *also, "random_real", "state", "run"],
                column_config={
                    **COLUMNS, "seed": st.column_config.NumberColumn("Seed", width="small"), "run": "Run",
                    "random_real": _text("Random real images", alignment="right"),
                },
            )
            if scores:
                st.markdown(f"Over all networks and seeds: **{text.accuracy(scores.accuracy)}**"
                            f"{text.beside(scores, also)}; random real images "
                            f"{results.accuracies(pooled.random_real)['accuracy']}.")
        with st.container(horizontal=True):
            missing = [part for row in rows for part in (row.final, row.random_real) if part.missing]
            if missing:
                pending.button("Evaluate every seed", missing, run, f"seeds-{run.id}")
            if not following.final.active:
                verb = "Distil" if METHODS[run.name].step else "Choose with"
                pending.button(
                    f"{verb} seed {following.seed}", [following.final, following.random_real], run, f"seed-{run.id}",
                    icon=":material/add:", help="The same parameters with the next seed, evaluated like this one.",
                )


def scores(run: RunRecord, robust: Robust) -> None:
    """The robust scores with what they mean, and a button for what they still need."""
    values = ", ".join(f"{_short(s)} {_score(s)}" for s in robust.scores if s.value is not None) or "not computed yet"
    with st.expander(f"**Robust scores** · {values}", key=f"robust-open-{run.id}", on_change="rerun"):
        st.markdown("Where the accuracy comes from: from the images themselves, or from what is added in training?")
        with st.grid(4, min_column_width=150):
            for score in robust.scores:
                st.metric(score.title, _score(score), help=score.help)
        with st.popover("What do these scores mean?", type="tertiary", icon=":material/help:"):
            st.markdown("\n\n".join(f"**{TITLES[name]}**: {words}" for name, words in HELP.items()))
        if robust.note:
            st.caption(robust.note)
        small = [part for part in robust.missing if part.role != "full"]
        if small:
            pending.button("Evaluate what they need", small, run, f"robust-{run.id}")
        if len(small) < len(robust.missing):
            st.caption("HLR and LRS also need the network trained on the full data; its button is above.")


def _short(score: Score) -> str:
    """ "IOR" of "Improvement over random (IOR)"."""
    return score.title.rpartition("(")[2].removesuffix(")")


def _score(score: Score) -> str:
    if score.value is None:
        return text.NONE
    return f"{score.value:.1f}" if score.name in ("lrs", "ars") else text.points(score.value)


def literature(published: Sequence[Published], setting: str) -> None:
    """Published results for this data set, network and size; never mixed with ours."""
    if not published:
        return
    with st.expander(f"**Published results** · {len(published)} at this size"):
        st.markdown(
            f"Other people's numbers, each under its authors' own training; ours is *{setting}*. They show the order "
            "of magnitude, are diamonds in the chart (hollow where the source was not read), and enter no mean of ours."
        )
        table.dataframe(tables.published(published), hide_index=True, width="stretch", placeholder=text.NONE,
                     column_order=["Method", "Accuracy", "Status", "Trained", "Note", "Source"],
                     column_config={"Source": _text(width="medium")})


def details(run: RunRecord, rows: Sequence[Result]) -> None:
    """One evaluation taken apart: classes, mistakes, curves. Drawn only when it is opened."""
    evaluations = {r.title: r.record for r in rows if r.record and isinstance(r.record.summary, EvaluateSummary)}
    if not evaluations:
        return
    box = st.expander("**In detail** · classes, mistakes, training curves", key=f"detail-{run.id}", on_change="rerun")
    if box.open:
        with box:
            title = st.selectbox("Trained on", list(evaluations), key=f"detail-of-{run.id}", width=320)
            _detail(evaluations[title])


def _detail(record: RunRecord) -> None:
    summary = record.answer(EvaluateSummary)
    with st.grid(4, min_column_width=150):
        st.metric("Accuracy", text.spread(summary.accuracy))
        metrics(summary)
        st.metric("Majority class", text.percent(summary.majority), help="Always answering the most frequent class.")
        if floats := summary.stored_floats:
            st.metric("Stored numbers", text.count(floats), help=f"{floats:,} floats in the set trained on.")
    each = ", ".join(map(text.percent, summary.accuracy.each))
    st.caption(f"n = {summary.accuracy.n} networks: {each}. Labels: {summary.labels}.")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Accuracy of each class**")
        charts.chart(figures.per_class(tables.per_class(record), 100 * summary.accuracy.mean), f"per-{record.id}")
    with right:
        st.markdown("**Which class is taken for which**")
        if summary.confusion:
            charts.chart(figures.confusion(tables.confusion(record)), f"confusion-{record.id}")
        else:
            st.caption("This evaluation is older than the confusion matrix.")
    charts.evaluation(record)
