"""NAS: do small sets rank networks as the whole data does? Choose, watch, read the answer, train the winner."""

import streamlit as st

from ddcore.experiments import KINDS
from pages.components import frame, widgets
from pages.components.nas import choose, search_status

LEAD = """
*Neural architecture search* looks for a good network. Does a small set (a **proxy**) rank networks as the whole data
does?
"""
SEARCHES, TRUTHS = "Earlier searches", "Earlier whole-data trainings"


def main() -> None:
    with frame.page("NAS", LEAD, "search", "truth"):
        run = frame.chosen_run("search", "truth")
        if run is not None:
            search_status.show(run)
            widgets.parameters(KINDS[run.kind].config(run.name), run)
            return
        like = frame.chosen_run("search", parameter="like")
        if like is None:
            frame.device_banner()
            choose.new_search()
        else:
            choose.again(like)
        widgets.earlier("search", SEARCHES)
        if frame.store().records("truth"):
            with st.expander(TRUTHS):
                widgets.earlier("truth", "")


main()
