"""What a search will take, search and truth apart, and the button that starts both."""

from __future__ import annotations

import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.evaluation import proxies
from ddcore.experiments import Spec
from ddcore.experiments.search import SearchConfig
from ddcore.report.estimate import disk
from ddcore.runs.files import size
from pages.components import frame, widgets
from pages.components.nas import truths

TRIAL_BYTES = 16_384  # a trial: a folder and three small files, 4 KiB each on most disks
TRUTH = """
The whole-data truth: these networks trained on **all** training images. It is a job of its own that every search of
this space shares, and it can be stopped and resumed.
"""


def launch(config: SearchConfig) -> None:
    """Why it cannot start, or what it takes and the button."""
    if problems := proxies.problems(config, frame.store()):
        st.error(widgets.bullets("This search cannot start:", problems), icon=":material/rule:")
        return
    truth = config.truth_config()
    specs = [Spec("search", "search", config), *([Spec("truth", "truth", truth)] if truth else [])]
    with st.container(border=True):
        st.markdown("**What it takes**, on this device")
        for spec, box in zip(specs, st.columns(2), strict=False):
            with box:
                _takes(spec)
    runs = [widgets.answer(spec) for spec in specs]
    if all(run and run.state == "done" for run in runs):
        with st.container(horizontal=True, vertical_alignment="center"):
            pressed = widgets.open_result("launch-search", "search")
    else:
        pressed = st.button("Start search", type="primary", icon=":material/play_arrow:", key="launch-search",
                            disabled=DATASETS[config.dataset].removed)
    if pressed:
        with st.spinner("Starting the search …"):
            started = [jobs.submit(spec) for spec in specs]
        truths.open_truth(started[0], *started[1:])


def _takes(spec: Spec) -> None:
    """How long a search or its truth takes, of how many trainings how many are known."""
    time, _ = widgets.time_of(spec)
    words, help = ("**Whole-data truth**", TRUTH) if spec.kind == "truth" else ("**Search** on the proxies", None)
    st.markdown(f"{words}: **{time}**", help=help)
    known = f", of which {time.known:,} are known already" if time.known else ""
    bytes_ = (time.parts - time.known) * TRIAL_BYTES + disk([spec], frame.store().records())
    room = f"; about {size(bytes_)} on disk" if bytes_ else ""
    st.caption(f"{time.parts:,} trials{known}{room}; {time.basis}.",
               help="A trial is one network trained on one set, from each of its seeds. It is kept as a run of its "
               "own, so that no other search trains it again.")
