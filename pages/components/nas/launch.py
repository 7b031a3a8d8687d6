"""What a search will take, search and truth apart, and the button that starts both."""

from __future__ import annotations

import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.evaluation import proxies
from ddcore.experiments import Spec
from ddcore.experiments.search import SearchConfig
from ddcore.report.estimate import disk, estimate
from ddcore.runs.files import size
from pages.components import frame, widgets
from pages.components.nas import truths

TRIAL_BYTES = 16_384  # a trial: a folder and three small files, 4 KiB each on most disks
TRUTH = """
The whole-data truth: these networks trained on **all** training images. It is a job of its own that every search of
this space shares, and it can be stopped and resumed.
"""


def asked(config: SearchConfig) -> list[Spec]:
    """The search and, where it has one, its truth."""
    truth = config.truth_config()
    return [Spec("search", "search", config), *([Spec("truth", "truth", truth)] if truth else [])]


def _takes(one: Spec) -> None:
    """How long one of them takes, of how many trainings how many are known."""
    guess = estimate(one.kind, one.name, one.config, frame.store().records(), frame.device())
    words, help = ("**Whole-data truth**", TRUTH) if one.kind == "truth" else ("**Search** on the proxies", None)
    st.markdown(f"{words}: **{guess}**", help=help)
    known = f", of which {guess.known:,} are known already" if guess.known else ""
    room = (guess.parts - guess.known) * TRIAL_BYTES + disk([one], frame.store().records())
    kept = f"; about {size(room)} on disk" if room else ""
    st.caption(f"{guess.parts:,} trials{known}{kept}; {guess.basis}.",
               help="A trial is one network trained on one set, from each of its seeds. It is kept as a run of its "
               "own, so that no other search trains it again.")


def launch(config: SearchConfig) -> None:
    """Why it cannot start, or what it takes and the button."""
    if wrong := proxies.problems(config, frame.store()):
        listed = "\n".join(f"- {widgets.plain(problem)}" for problem in wrong)
        st.error(f"This search cannot start:\n\n{listed}", icon=":material/rule:")
        return
    specs = asked(config)
    with st.container(border=True):
        st.markdown("**What it takes**, on this device")
        for one, box in zip(specs, st.columns(2), strict=False):
            with box:
                _takes(one)
    ids = [widgets.known(one) for one in specs]
    if all(run_id and frame.store().record(run_id).state == "done" for run_id in ids):
        with st.container(horizontal=True, vertical_alignment="center"):
            pressed = st.button("Open result", type="primary", icon=":material/bolt:", key="launch-search")
            st.markdown("This very search is finished already; nothing needs computing.")
    else:
        pressed = st.button("Start search", type="primary", icon=":material/play_arrow:", key="launch-search",
                            disabled=DATASETS[config.dataset].removed)
    if pressed:
        with st.spinner("Starting the search …"):
            started = [jobs.submit(one) for one in specs]
        truths.open_truth(started[0], *started[1:])
