"""Compare: saved runs side by side. What is chosen and how it is looked at is in the address."""

from collections.abc import Callable, Sequence
from importlib import import_module

import streamlit as st

from ddcore.report import compare_runs
from ddcore.report.compare_runs import Compared
from ddcore.runs.store import RunRecord
from pages.components import frame, widgets
from pages.components.compare import missing, rows, setting

LEAD = "Runs side by side: accuracy, cost, images and what differs. Copy the address to share what you see."
SECTIONS = {  # title → the module that draws it, loaded when it is asked for
    "What differs": "parameter_table", "Numbers": "numbers", "Effects": "effects", "Curves": "curves",
    "Images": "images", "Feature space": "feature_space", "Report": "report_tab",
}
JUDGED = ("Numbers", "Effects")  # sections that lack something where a run is not judged
ALL = ("Effects",)  # that show every run, not only as many as there are colours to tell them apart


def main() -> None:
    with frame.page("Compare", LEAD):
        records = rows.selected()
        if not frame.store().records():
            widgets.nothing_yet()
            return
        ready = st.container()  # it stays while runs are ticked: the rows must not move under the pointer
        rows.arrive(records)
        box = st.expander("**Runs** · choose what to compare", expanded=True, key=rows.BOX, on_change="rerun",
                          icon=":material/checklist:")
        if box.open:
            with ready:
                rows.ready()
        with box, frame.guarded():  # a table that fails keeps nobody from a comparison
            records = rows.table(records, open_=bool(box.open))
        if records and not box.open:
            side_by_side(records)


def side_by_side(records: Sequence[RunRecord]) -> None:
    legend = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        section = st.segmented_control("Show", list(SECTIONS), default="Numbers", required=True, key="view",
                                       bind="query-params", label_visibility="collapsed", wrap=True)
        judged = setting.choose(records)
    shown = records if section in ALL else records[:compare_runs.MOST]
    runs = compare_runs.compared(frame.store(), shown, judged.name)
    with legend:
        rows.legend(runs[:compare_runs.MOST], records)
        widgets.footnotes(records)
    if section in JUDGED and judged.question:
        with frame.guarded():
            missing.section(runs, judged.question)
    show: Callable[[Sequence[Compared]], None] = import_module(f"pages.components.compare.{SECTIONS[section]}").show
    with frame.guarded():
        show(runs)


main()
