"""The network that a proxy chose, trained on the full data like any baseline, and then found on Compare."""

from contextlib import suppress

import streamlit as st

from ddcore import jobs
from ddcore.errors import DDCoreError
from ddcore.experiments import Spec, spec
from ddcore.experiments.baseline import BaselineSummary
from ddcore.experiments.search_results import Candidate, ProxyResult
from ddcore.report import text
from ddcore.report.nas import study as studies
from ddcore.report.nas.study import Study
from ddcore.runs.store import RunRecord
from ddcore.settings import TrainConfig
from pages.components import frame, progress, widgets
from pages.components.nas import leaderboard, truths

COMPARE = "pages/7_Compare.py"
HELP = """
The network that a set picked, trained once more on all training images in the truth's setting, but as a full-data
baseline, so that it can be compared with other runs. By chance it reaches more or less than above.
"""


def section(search: RunRecord, study: Study, truth: RunRecord | None) -> None:
    """Whose choice, then its training: to be asked for, under way, or done."""
    if not any(proxy.ranked for proxy in study.proxies):
        return
    st.header("Train the winner", anchor=False, help=HELP)
    proxy = leaderboard.selected(study, f"winner-{search.id}", "Picked by", whole=False)
    if (best := first(study, proxy)) is None:
        return
    st.markdown(f"**{widgets.plain(proxy.title)}** picked **{widgets.plain(best.name)}**: "
                f"{text.count(best.parameters)} parameters, {text.count(2 * best.macs)} FLOPs an image.")
    try:
        training = question(search, truth, best)
    except DDCoreError as error:
        st.caption(f"It cannot be trained here: {widgets.plain(str(error))}")
        return
    if record := widgets.answer(training):
        progress.show(record, lambda record: _done(search, study, truth, record))
    elif truths.ask(search, training, "Train on full data", "train-winner", primary=True):
        jobs.submit(training)
        st.rerun()


def first(study: Study, proxy: ProxyResult) -> Candidate | None:
    """The best of the networks that this proxy ranked; None where it ranked none."""
    return next((study.candidates[index] for index in studies.ranking(study, proxy.ranked)), None)


def question(search: RunRecord, truth: RunRecord | None, network: Candidate) -> Spec:
    """The training of this network on the full data, as the truth trains or would train it. Raises ConfigError."""
    names = (*TrainConfig.model_fields, "dataset", "resolution", "seed", "device", "exact")
    config = truth.config if truth else {**search.config, "steps": search.config.get("truth_steps")}
    setting = {name: config.get(name) for name in names}
    values = {**setting, "network": network.network, **network.options, "epochs": None}
    return spec("baseline", "baseline", values, search.salt)


def _done(search: RunRecord, study: Study, truth: RunRecord | None, record: RunRecord) -> None:
    """What it reached, and the way to Compare, with the other winners that are trained."""
    summary = record.answer(BaselineSummary)
    with st.grid(4, min_column_width=150):
        st.metric("Test accuracy", text.percent(summary.accuracy.mean, 2) + text.mark(summary.accuracy),
                  help="Of one network, n = 1.")
        st.metric("Majority class", text.percent(summary.majority, 2),
                  help="What always answering the most frequent class of the test images would reach.")
        st.metric("Training time", text.duration(summary.seconds_train))
        st.metric("Steps", f"{summary.steps or 0:,}", help=f"On {summary.images or 0:,} images.")
    ids = [record.id]  # and the other winners that are trained by now
    for network in filter(None, (first(study, proxy) for proxy in study.proxies)):
        with suppress(DDCoreError):
            run = widgets.answer(question(search, truth, network))
            if run and run.state == "done" and run.id not in ids:
                ids.append(run.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(COMPARE, label="Compare", icon=":material/compare:", query_params={"runs": ",".join(ids)})
        frame.link(record, f"Its training, run {record.id}")
