"""The whole-data truths that a search can be compared with: its own, and others of the very same networks."""

import streamlit as st

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.errors import DDCoreError
from ddcore.experiments import Spec, spec
from ddcore.experiments.search import SearchConfig
from ddcore.experiments.truth import TruthConfig
from ddcore.home import data_root
from ddcore.report import text
from ddcore.report.nas import study as studies
from ddcore.runs.store import RunRecord
from pages.components import frame, markdown, widgets
from pages.components.allowed import control

SAME = ("dataset", "resolution", "space", "subset")  # what makes the networks of two runs the same
PARAMETER = "truth"  # in the address: the truth that a search is compared with
LENGTH = {"steps", "nets", "sample"}  # of which a search without a truth says nothing
SHOWN = 8  # searches listed below a truth


def selected(search: RunRecord) -> RunRecord | None:
    """The truth that the address names, at first the search's own; another one never unasked nor without a word."""
    truths = {truth.id: truth for truth in offered(search)}
    first = next((truth.id for truth in truths.values() if own(search, truth)), "")
    if (linked := str(st.query_params.get(PARAMETER, ""))) and linked not in truths:
        st.warning(f"The truth that the address names, {widgets.plain(linked)}, is not here, or not of these networks.",
                   icon=":material/link_off:")
    picked = linked if linked in truths else first
    if truths.keys() - {first}:
        key = f"truth-{search.id}"
        st.session_state[key] = picked  # the address decides: a link, Back, a truth that was just asked for
        st.selectbox(
            "Compared with", list(dict.fromkeys((first, *truths))), key=key, width=480, on_change=address,
            args=(PARAMETER, key), format_func=lambda run_id: called(truths[run_id]) if run_id else text.NONE,
            help="Every whole-data training of these networks can be the truth; more networks make it surer.",
        )
    if picked != first:
        st.info(_foreign(search, truths[picked]), icon=":material/rule:")
    return truths.get(picked)


def address(name: str, key: str) -> None:
    """Put what was chosen in the widget of this key into the address, by which it is drawn."""
    st.query_params[name] = st.session_state[key]


def offered(search: RunRecord) -> list[RunRecord]:
    """The truths of these networks, the search's own first, then the newest."""
    return sorted(_alike("truth", search), key=lambda truth: not own(search, truth))


def _alike(kind: str, run: RunRecord) -> list[RunRecord]:
    """The runs of this kind on the same networks and images, newest first."""
    def networks(record: RunRecord) -> list[object]:
        return [record.info.get("dataset"), *(record.config.get(name) for name in SAME)]

    return [r for r in frame.store().records(kind) if r.state != "broken" and networks(r) == networks(run)]


def own(search: RunRecord, truth: RunRecord) -> bool:
    """Whether this truth is the one that the search asked for."""
    return search.config.get("truth") != "none" and not studies.differences(search, truth)


def _foreign(search: RunRecord, truth: RunRecord) -> str:
    """That a truth is not the one that was asked for, and how it differs."""
    differences, none = studies.differences(search, truth), search.config.get("truth") == "none"
    words = "; ".join(
        f"{TruthConfig.param(name).label.lower()} {_value(name, value)} instead of {_value(name, own)}"
        for name, (value, own) in differences.items() if not (none and name in LENGTH)
    )
    lead = "This search was started without a truth" if none else "This is not the truth that the search started with"
    return f"{lead}. It was trained in another way: {words}." if words else f"{lead}."


def _value(name: str, value: object) -> str:
    return "all" if name == "sample" and value is None else widgets.plain(text.value(value))


def questions(search: RunRecord) -> list[TruthConfig]:
    """What the search may be compared with: what it was started with (else a sample), then all of its networks.

    Empty where that cannot be told: a run of another version, or on a data set that is not known here.
    """
    try:
        config = spec("search", "search", search.config).config
    except DDCoreError:
        return []
    assert isinstance(config, SearchConfig)
    first = config.truth_config() or config.replace(truth="sample", truth_sample=None).truth_config()
    every = config.replace(truth="all", truth_sample=None).truth_config()
    return [truth for truth in dict.fromkeys((first, every)) if truth]


def more(search: RunRecord, truth: RunRecord | None) -> None:
    """The button that asks for a truth, or for all networks after a sample, with how long it takes."""
    alike = {one.id: one for one in offered(search) if not studies.differences(search, one).keys() - {"sample"}}
    after = truth is not None and truth.id in alike
    if truth is not None and after and (truth.state != "done" or not truth.config.get("sample")):
        return
    samples = [one.config.get("sample") for one in alike.values()]
    configs = [config for config in questions(search) if config.sample not in samples]
    if not configs:
        return
    config = configs[-1] if after else configs[0]
    which = f"{config.sample:,}" if config.sample else "all"
    training = Spec("truth", "truth", config)
    if ask(search, training, f"Train {which} networks on the whole data", "ask-truth"):
        open_truth(search.id, jobs.submit(training))


def ask(search: RunRecord, spec: Spec, label: str, key: str, *, primary: bool = False) -> bool:
    """The button for a training on the images of this search, with how long it takes; why it is off, where it is."""
    time, basis = widgets.time_of(spec)
    reason = _away(search, spec)
    pressed = st.button(f"{label} · {time}", key=key, icon=":material/play_arrow:",
                        type="primary" if primary else "secondary",
                        **control("submit", disabled=bool(reason), help=basis))
    if reason:
        st.caption(f"It cannot be trained now: {widgets.plain(reason)}")
    return pressed


def _away(search: RunRecord, spec: Spec) -> str:
    """Why nothing can be computed now on the images of this search; "" where it can."""
    facts = DATASETS[spec.config.values()["dataset"]]
    if facts.removed:
        return facts.check(data_root()).message
    try:
        images = spec.identity["dataset"]
    except DDCoreError as error:
        return str(error)
    return "" if images == search.info.get("dataset") else f"the images of {facts.title} are others than they were."


def open_truth(search: str, truth: str | None = None) -> None:
    """Put a search and the truth that it is compared with into the address and draw the page again."""
    st.query_params.from_dict({"run": search, **({PARAMETER: truth} if truth else {})})
    st.rerun()


def called(truth: RunRecord) -> str:
    """ "12 networks, 3000 steps, n = 1 · run 1f4fe945"."""
    c = truth.config
    many = f"{text.value(c['sample'])} networks" if c.get("sample") else "All networks"
    return f"{many}, {text.value(c.get('steps'))} steps, n = {text.value(c.get('nets'))} · run {truth.id[:8]}"


def searches(truth: RunRecord) -> None:
    """Links to the searches that can be compared with a truth."""
    runs = _alike("search", truth)
    st.header("Searches of these networks", anchor=False)
    if not runs:
        st.caption("None yet.")
    for run in runs[:SHOWN]:
        if st.button(f"{markdown.called(run)} · run {run.id[:8]}", key=f"open-{run.id}", type="tertiary"):
            open_truth(run.id, truth.id)
