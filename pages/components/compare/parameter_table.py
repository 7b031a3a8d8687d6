"""What differs between the compared runs, and nothing else unless it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ddcore.report import compare_runs, differences
from ddcore.report.compare_runs import Compared
from pages.components import table

if TYPE_CHECKING:
    import pandas as pd

LINES = 66  # pixels of a row: a meaning in three lines


def show(runs: Sequence[Compared]) -> None:
    """Parameters and surroundings that differ, a column for each run."""
    records, labels = [run.record for run in runs], [run.label for run in runs]
    all_of_it = st.toggle("Show also what is the same", key="same", bind="query-params")
    st.markdown("**Parameters**")
    some = differences.only_some(records, labels)
    _table(differences.parameters(records, labels, all_of_them=all_of_it), "Parameter",
           "Every parameter is the same." if some.empty else "The parameters that all of them have are the same.")
    if not some.empty and not all_of_it:
        with st.expander(f"Parameters that only some of them have ({len(some)})"):
            _table(some, "Parameter", "")
    st.markdown("**Where and with what they were computed**",
                help="Network and protocol of the accuracy, libraries, device, code: what else could explain a "
                "difference in the numbers.")
    judged = [compare_runs.setting_of(run.evaluation) if run.evaluation else None for run in runs]
    _table(differences.environment(records, labels, judged=judged, all_of_it=all_of_it), "What",
           "All alike: code, libraries, device, and how they were judged.")


def _table(frame: pd.DataFrame, first: str, same: str) -> None:
    if frame.empty:
        st.caption(same)
        return
    column = st.column_config.TextColumn
    runs = [str(name) for name in frame if name not in (first, "Meaning")]
    tall: dict[str, Any] = {"row_height": LINES} if "Meaning" in frame else {}
    table.dataframe(frame, width="stretch", column_order=[first, *runs, "Meaning"], **tall,
                    column_config={first: column(pinned=True, width=180 if tall else 220),
                                   "Meaning": column(width=320)})
