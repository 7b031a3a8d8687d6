"""The whole-data truths that a search can be held against: its own, and others of the very same networks."""

from __future__ import annotations

import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.errors import DDCoreError
from ddcore.experiments import Spec, spec
from ddcore.experiments.search import SearchConfig
from ddcore.report.estimate import estimate
from ddcore.runs.store import RunRecord
from pages.components import frame, parts

SAME = ("dataset", "resolution", "space", "subset")  # what makes the networks of two runs the same
ASKED = "truth"  # in the address: the truth that a search is held against


def chosen(search: RunRecord) -> RunRecord | None:
    """The truth that the address names, at first the search's own; None where there is none."""
    found = {one.id: one for one in offered(search)}
    if not found:
        return None
    ids, linked = list(found), str(st.query_params.get(ASKED))
    if len(ids) == 1:
        return found[ids[0]]
    picked = st.selectbox(
        "Held against", ids, index=ids.index(linked) if linked in found else 0, key=f"truth-{search.id}", width=480,
        format_func=lambda run_id: called(found[run_id]),
        help="Every whole-data training of these networks can be the truth. More networks tell more.",
    )  # fmt: skip
    st.query_params[ASKED] = picked
    return found[picked]


def offered(search: RunRecord) -> list[RunRecord]:
    """The truths of these networks, the one that the search asked for first, then the newest."""
    found = [one for one in frame.store().records("truth") if one.state != "broken" and _of(one) == _of(search)]
    first = next((parts.known(one) for one in questions(search)[:1]), None)
    return sorted(found, key=lambda one: one.id != first)


def _of(run: RunRecord) -> list[object]:
    """What says which networks on which images: the same for a search and each of its truths."""
    return [run.info.get("dataset"), *(run.config.get(name) for name in SAME)]


def questions(search: RunRecord) -> list[Spec]:
    """What the search may be held against: what it was started with (else a sample), then all of its networks.

    Empty where that cannot be told: a run of another version, or on a data set that is not known here.
    """
    try:
        config = spec("search", "search", search.config).config
    except DDCoreError:
        return []
    assert isinstance(config, SearchConfig)
    own = config.truth_config() or config.replace(truth="sample", truth_sample=None).truth_config()
    every = config.replace(truth="all", truth_sample=None).truth_config()
    return [Spec("truth", "truth", one) for one in dict.fromkeys((own, every)) if one]


def more(search: RunRecord, truth: RunRecord | None) -> None:
    """The button that asks for a truth, or for all networks after a sample, with how long it takes."""
    if truth is not None and (truth.state != "done" or not truth.config.get("sample")):
        return
    open_ = [one for one in questions(search) if parts.known(one) is None]
    if not open_:
        return
    one = open_[-1] if truth is not None else open_[0]
    guess = estimate(one.kind, one.name, one.config, frame.store().records(), frame.device())
    label = "Train all networks on the whole data" if truth is not None else "Train networks on the whole data"
    if st.button(f"{label} · {guess}", key="ask-truth", icon=":material/play_arrow:",
                 help=f"{guess.basis[:1].upper()}{guess.basis[1:]}.",
                 disabled=DATASETS[search.config["dataset"]].removed):  # fmt: skip
        open_truth(search.id, jobs.submit(one))


def open_truth(search: str, truth: str | None = None) -> None:
    """Put a search and the truth that it is held against into the address and draw the page again."""
    st.query_params.from_dict({"run": search, **({ASKED: truth} if truth else {})})
    st.rerun()


def called(truth: RunRecord) -> str:
    """ "12 networks, 3,000 steps, n = 1 · run 1f4fe945"."""
    c = truth.config
    many = f"{c['sample']:,} networks" if c.get("sample") else "All networks"
    return f"{many}, {c['steps']:,} steps, n = {c['nets']} · run {truth.id[:8]}"
