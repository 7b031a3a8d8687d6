"""How good a distilled set is: the same protocol on the set and on its controls, side by side."""

from __future__ import annotations

import streamlit as st

from ddcore import jobs
from ddcore.networks import NETWORKS
from ddcore.protocols import PROTOCOLS
from ddcore.report import figures, results, tables, text
from ddcore.report.estimate import estimate
from ddcore.runs.store import RunRecord
from pages.components import frame, progress

WORDS = """
**Test accuracy**: share of the official test images answered correctly. It is measured once, after the last
training step; nothing is ever chosen by looking at the test set.

**Protocol**: how a network is trained on the set before it is tested. Numbers compare only under the same one.

**± and n**: mean and standard deviation over *n* networks trained from different random weights.

**Controls**: what the small set must beat to be worth anything. *Random real images*: as many real images, drawn
at random. *Initial images*: what the run started from, undistilled. *Majority class*: always answering the most
frequent class. *Full data* is the ceiling.
"""


def section(run: RunRecord) -> None:
    """Choose a protocol, see distilled set and controls, compute what is missing."""
    st.subheader("How good is it?", anchor=False)
    st.markdown("Networks are trained **from scratch** on the small set and tested on the real test images.")
    with frame.guarded():  # a data set that is away is told here; the rest of the page needs none
        question = _question(run)
        rows = results.results(frame.store(), run, question)
        if any(r.record and r.record.active for r in rows):
            st.fragment(_live, run_every=progress.POLL_SECONDS)(run, question)
        else:
            _show(run, rows)


def _question(run: RunRecord) -> results.Question:
    before = results.last_evaluation(frame.store(), run)
    last = results.question_of(before) if before else None
    names, protocols = list(NETWORKS), list(PROTOCOLS)
    network = last.network if last else run.config.get("network") or names[0]
    key = f"evaluation-{run.id}"
    with st.container(border=True), st.grid(4, min_column_width=180, vertical_alignment="bottom"):
        protocol = st.selectbox(
            "Protocol", protocols, index=protocols.index(last.protocol) if last else 0, key=f"{key}-protocol",
            help="\n\n".join(f"**{p.name}**: {p.help}" for p in PROTOCOLS.values()),
        )  # fmt: skip
        network = st.selectbox(
            "Network", names, index=names.index(network), key=f"{key}-network",
            format_func=lambda n: tables.network(run.config if n == run.config.get("network") else {"network": n}),
            help="The one trained for the test. Another than the run's own tells whether the images only fit that one.",
        )  # fmt: skip
        nets = st.number_input(
            "n · Networks", 1, 100, last.nets if last else 3, key=f"{key}-nets", help="More: a surer mean, more time."
        )
        batch = st.number_input(
            "Batch size (images)", 1, 8192, last.batch_size if last else None, key=f"{key}-batch",
            placeholder="the protocol's", help="Small sets with large batches get few training steps: 100 images at "
            "batch 128 over 20 epochs are 20 steps, at batch 10 they are 200. Applies to every line.",
        )  # fmt: skip
    st.caption(PROTOCOLS[protocol].help + (f" **Here with batch {batch:,} instead.**" if batch else ""))
    with st.popover("What do these words mean?", type="tertiary", icon=":material/help:"):
        st.markdown(WORDS)
    return results.Question(protocol, network, int(nets), int(batch) if batch else None)


@frame.guarded()
def _live(run: RunRecord, question: results.Question) -> None:
    rows = results.results(frame.store(), run, question)
    active = [r for r in rows if r.record and r.record.active]
    if not active:
        st.rerun()
    for result in active:
        assert result.record
        st.caption(result.title)
        progress.bar(result.record.id, jobs.status(result.record.id))
    _show(run, rows)


def _show(run: RunRecord, rows: list[results.Result]) -> None:
    for result in rows:
        if result.record and result.record.state == "failed":
            st.error(f"**{result.title}**: {progress.reason(result.record)}", icon=":material/error:")
    _buttons(run, rows)
    if any(r.accuracy for r in rows):
        _numbers(rows)


def _numbers(rows: list[results.Result]) -> None:
    frame_ = results.table(rows)
    majority = results.majority(rows)
    st.markdown(f"**Test accuracy** · {results.setting(rows)}")
    st.plotly_chart(figures.accuracies(frame_, majority), width="stretch", key="accuracy-bars")
    shown = frame_.assign(time=frame_["seconds"].map(lambda s: text.duration(s if s == s else None)))
    st.dataframe(
        shown, hide_index=True, width="stretch", placeholder=text.NONE,
        column_order=["name", "accuracy", "images", "steps", "time", "state"],
        column_config={
            "name": st.column_config.TextColumn("Trained on", width="medium"),
            "accuracy": st.column_config.TextColumn("Test accuracy", alignment="right"),
            "images": st.column_config.NumberColumn("Images", format="localized"),
            "steps": st.column_config.NumberColumn("Steps", format="localized", help="Optimiser steps of one network."),
            "time": st.column_config.TextColumn("Training time", alignment="right", help="Wall time of training one "
                                                "network, testing not included."),
            "state": st.column_config.TextColumn("State"),
        },
    )  # fmt: skip
    if majority is not None:
        st.caption(f"Always answering the most frequent class would be right on {majority:.1f} % of the test images.")
    if times := results.speed_up(rows):
        small, full = times
        st.markdown(
            f"Training one network takes **{text.duration(small)}** on the distilled set and "
            f"**{text.duration(full)}** on the full data: {full / small:,.0f} times less."
        )


def _buttons(run: RunRecord, rows: list[results.Result]) -> None:
    """One button for the set and its small controls, one for the full data; each with its time estimate."""
    store = frame.store()
    missing = [r for r in rows if r.role != "full" and _unasked(r)]
    full = next(r for r in rows if r.role == "full")
    ids = store.records()
    images = int((run.summary or {}).get("images") or 0) or None

    def guess(wanted: list[results.Result]) -> str:
        specs = [r.specs[-1] for r in wanted]
        parts = [estimate(s.kind, s.name, s.config, ids, frame.device(), images) for s in specs]
        rough = " (rough)" if any(p.rough for p in parts) else ""
        return f"about {text.duration(sum(p.seconds for p in parts))}{rough}"

    with st.container(horizontal=True, vertical_alignment="center"):
        if missing and st.button(
            f"Evaluate with controls · {guess(missing)}", type="primary", icon=":material/play_arrow:",
            help="Trains and tests networks on: " + ", ".join(r.title.lower() for r in missing) + ".",
        ):  # fmt: skip
            _submit(missing)
        if _unasked(full) and st.button(
            f"Train on full data · {guess([full])}", icon=":material/play_arrow:", help=full.help
        ):
            _submit([full])


def _unasked(result: results.Result) -> bool:
    return result.record is None or result.record.state in ("failed", "cancelled", "interrupted")


def _submit(wanted: list[results.Result]) -> None:
    for result in wanted:
        for spec in result.specs:
            jobs.submit(spec)
    st.rerun()
