"""The answer of a finished set, on top of its page: accuracy, points over random real images, time of training.

Drawn in a column of its own, so all of it is narrow.
"""

from collections.abc import Sequence

import streamlit as st

from ddcore.data import DATASETS
from ddcore.errors import DDCoreError
from ddcore.report import answer, results, text
from ddcore.report.answer import Answer
from ddcore.runs.store import RunRecord
from ddcore.summary import Scores
from pages.components import evaluation_details, frame, pending, progress

OVER = "How much higher the accuracy is than on as many real images drawn at random. Below it the 95 % interval over " \
       "the networks (Welch): where it holds 0, the two cannot be told apart."
FASTER = "Training one network on the set, beside training it on all training images under the same protocol."


def show(run: RunRecord) -> None:
    """The three figures, or what is missing with the button that computes it."""
    try:
        if str(run.config.get("dataset")) not in DATASETS:
            raise DDCoreError("the data set is not known here")
        known = answer.answer(frame.store(), run)
    except DDCoreError:  # said at the evaluation below; what was measured holds
        last = results.last_evaluation(frame.store(), run, done=True)
        _accuracy(last.summary.scores if last else None)
        return
    if known.active:
        st.fragment(_follow, run_every=progress.POLL_SECONDS)(run)
    else:
        _figures(run, known)


@frame.guarded()
def _follow(run: RunRecord) -> None:
    """The figures again while some are being computed; the evaluation below draws the page anew when all are there."""
    _figures(run, answer.answer(frame.store(), run))


def _figures(run: RunRecord, known: Answer) -> None:
    final = known.row("final")
    fewer = None if final.scores else results.with_fewer(frame.store(), final)  # networks, while more are trained
    _accuracy(fewer.summary.scores if fewer else final.scores, results.beside(known.rows))
    for sentence in known.warnings:
        st.warning(sentence, icon=":material/warning:")
    if known.active:
        st.caption("Being evaluated, see below.")
    elif known.missing:
        asked = f"Evaluate by {known.question.protocol}, n = {known.question.nets}"
        pending.button(asked, known.missing, run, f"answer-{run.id}", primary=True)
    _over_random(known)
    _faster(run, known)


def _accuracy(scores: Scores | None, beside: Sequence[str] = ()) -> None:
    """The accuracy with its spread, n and what stands beside it; a dash before there is one."""
    help = evaluation_details.HELP_ACCURACY
    if scores is None:
        st.metric("Test accuracy", "not evaluated", help=help)
        return
    accuracy = scores.accuracy
    st.metric("Test accuracy", text.spread(accuracy), f"{accuracy.protocol or 'protocol unknown'} · n = {accuracy.n}",
              delta_color="off", delta_arrow="off", help=help)
    if also := text.beside(scores, beside):
        st.caption(also.removeprefix(", "))


def _over_random(known: Answer) -> None:
    if known.points is None:
        return
    interval, colour = known.interval, "off"
    if interval and interval.decided:
        colour = "green" if interval.mean > 0 else "orange"
    low_high = text.signed(interval.low, interval.high) if interval else "n = 1"
    st.metric("Over random real images", text.points(known.points), low_high, delta_color=colour,  # type: ignore[arg-type]
              delta_arrow="off", help=OVER)


def _faster(run: RunRecord, known: Answer) -> None:
    if known.seconds:
        small, full = map(text.duration, known.seconds)
        st.metric("Trains faster than full data", text.times(known.seconds[1] / known.seconds[0]),
                  f"{small}, not {full}", delta_color="off", delta_arrow="off", help=FASTER)
    elif missing := known.full_missing:
        st.caption("Faster than on the full data? That is not trained yet.")
        pending.button("Train on full data", [missing], run, f"answer-full-{run.id}", help=missing.help)
