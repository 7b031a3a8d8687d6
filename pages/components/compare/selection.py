"""One of the compared runs, chosen."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ddcore.report.compare_runs import Compared


def run(box: DeltaGenerator, title: str, offered: Sequence[Compared], key: str, index: int = 0) -> Compared:
    """The chosen run, at first the one that the address names; the one at `index` where it names none of these.

    What is chosen is always in the address, by its id: a bound widget would put the label there, which changes with the
    names of all compared runs, and would leave out the first, which may be another tomorrow.
    """
    runs = {run.record.id: run for run in offered}
    linked = st.query_params.get(key)
    run_id = box.selectbox(title, list(runs), index=list(runs).index(linked) if linked in runs else index, key=key,
                           format_func=lambda run_id: runs[run_id].label)
    st.query_params[key] = run_id
    return runs[run_id]
