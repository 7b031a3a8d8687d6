"""Evaluations that a comparison lacks: one button that asks for them, and how they come."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import streamlit as st

from ddcore.evaluation.plans import Question
from ddcore.report import lacking
from ddcore.report.compare_runs import Compared
from ddcore.report.lacking import SETS, Lacking
from ddcore.runs.store import RunRecord
from pages.components import frame, pending, widgets

NAMED = 3  # runs that cannot be judged named one by one


def section(runs: Sequence[Compared], question: Question) -> None:
    """What nobody judged in this setting, with a button; the progress of what is under way."""
    def gather() -> Lacking:
        return lacking.lacking(frame.store(), runs, question)

    pending.watch(gather, lambda found: found.parts, partial(_show, [run.record for run in runs], question))


def _excluded(excluded: Sequence[tuple[str, str]]) -> None:
    """Which runs cannot be judged, and why; of many how many for each reason, their names in the help."""
    if not excluded:
        return
    names = [f"{widgets.plain(label)}: {widgets.plain(reason)}" for label, reason in excluded]
    reasons = Counter(widgets.plain(reason) for _, reason in excluded)
    few = len(excluded) <= NAMED
    words = names if few else [f"{number} × {reason}" for reason, number in reasons.items()]
    st.caption(f"Not judged: {'; '.join(words)}.", help=None if few else "  \n".join(names))


def _show(records: Sequence[RunRecord], question: Question, found: Lacking) -> None:
    _excluded(found.excluded)
    if not (missing := found.missing()):
        return
    sets = len(missing.get(SETS, ()))
    if sets:
        words = f"{sets} {'set is' if sets == 1 else 'sets are'} not judged in this setting."
        st.markdown(f"{words} Any set can be judged on any network.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = st.pills("Still missing", list(missing), selection_mode="multi", default=[SETS] if sets else [],
                         key=f"missing-{'-'.join(missing)}",
                         help="Sets: the chosen runs themselves. Controls: random real and undistilled images, trained "
                         "in the same way. Full data: the ceiling, which takes longest.")
        chosen = [result for name in names or () for result in missing[name]]
        if chosen:
            number = lacking.trainings(chosen, frame.store().records())
            largest = max((r for r in records if r.makes_images), key=lambda r: r.summary.images or 0)
            pending.button(f"Evaluate what is missing · {number} training{'' if number == 1 else 's'}", chosen, largest,
                           "evaluate-missing", primary=True,
                           help=f"{question.nets} networks on each set, protocol {question.protocol}.")
