"""Parts of every page of runs: launch row, a run in whatever state, list of earlier runs, parameters, data note."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.errors import DDCoreError, in_words
from ddcore.experiments import Spec
from ddcore.home import data_root
from ddcore.hosting import rights
from ddcore.jobs.requirements import check_disk
from ddcore.methods import MethodConfig
from ddcore.params import Config
from ddcore.report import catalogue, compare_runs, overview, tables, text
from ddcore.report.estimate import Estimate, disk, estimate, total
from ddcore.runs.files import size
from ddcore.runs.store import RunRecord
from pages.components import frame, menu, progress, table, whose
from pages.components.allowed import control
from pages.components.markdown import called, plain

NAMED = 40  # classes named where they are listed
LONG = 6 * 3600  # seconds, from which a start is asked twice
SHOWN = 2  # earlier runs listed on a method's page; all are on the Runs page


def names(classes: Sequence[str]) -> str:
    """The names of the classes, or the first of very many."""
    return plain(text.listed(classes, NAMED))


def bullets(lead: str, problems: Iterable[str]) -> str:
    """Problems as a list in markdown, below a line that leads to them."""
    return "\n".join([lead, "", *(f"- {plain(problem)}" for problem in problems)])


def runs(number: int) -> str:
    """ "1 run", "1,234 runs"."""
    return f"{number:,} run{'' if number == 1 else 's'}"


def nothing_yet() -> None:
    """Where to begin, on pages of runs while there is none."""
    first = menu.first_method()
    st.info(f"No run yet. Start one on the {first.title} page; the preset *quick* on digits takes seconds.",
            icon=":material/inbox:")
    st.page_link(first.page(), label=f"Go to {first.title}", icon="")


def footnotes(records: Sequence[RunRecord]) -> None:
    """What the marks behind data sets in a list of runs mean."""
    for note in tables.footnotes(records):
        st.caption(plain(note))


def judged_elsewhere(judges: Iterable[RunRecord]) -> None:
    """What the marks beside accuracies in a list of runs mean; judges: whose accuracies they are."""
    if note := catalogue.told(judges, frame.store().kept(catalogue.judged)[1]):
        st.caption(plain(note))


def data_set(box: DeltaGenerator, key: str, *, first: str = "", help: str = "") -> str:
    """The menu of data sets; first: the one that it starts with, which is in it even if it was removed.

    Without a first one it starts with that of the address, as long as nobody has chosen another.
    """
    names = DATASETS.offered()
    if not first and (asked := st.query_params.get("set", "")) in names:
        st.session_state[key] = asked
        del st.query_params["set"]
    elif not first and asked:
        no_such_set(asked)
    if first in DATASETS and first not in names:
        names = [*names, first]
    index = names.index(first) if first in names and key not in st.session_state else 0
    return box.selectbox(
        "Data set", names, index=index, key=key, help=help or None,
        format_func=lambda name: DATASETS[name].title, persist_state="session",
    )


def no_such_set(name: str) -> None:
    """What is said where the address asks for a data set that is not here."""
    st.warning(f"There is no data set “{plain(name[:40])}” here: it was removed, or the link comes from another "
               "machine.", icon=":material/folder_off:")


def data_note(dataset: str) -> bool:
    """What to do when a data set is not ready, what to know of it when it is; True when a run on it can start."""
    facts = DATASETS[dataset]
    status = facts.check(data_root())
    if status.state == "download":
        st.info(f"{status.message} Estimates of time leave that out.", icon=":material/download:")
    elif status.state != "ready":
        st.warning(plain(status.message) if facts.own else status.message, icon=":material/folder_off:")
    for note in filter(None, (status.caveat, *facts.notes)):
        st.warning(plain(note), icon=":material/info:")
    return status.state in ("ready", "download")


def answer(spec: Spec) -> RunRecord | None:
    """The run that answers this question, in whatever state; None when it was never asked for."""
    try:
        return frame.store().record(spec.key)
    except DDCoreError:  # there is none, or the data set is not here: the page's note says so
        return None


def time_of(spec: Spec) -> tuple[Estimate, str]:
    """(how long a run would take on this device, what that is based on in a sentence)."""
    time = estimate(spec.kind, spec.name, spec.config, frame.store().records(), frame.device(), salt=spec.salt)
    return time, f"{time.basis[:1].upper()}{time.basis[1:]}."


def behind() -> str:
    """What must end before a run that is asked for now starts, behind its time; "" where it starts at once."""
    words = overview.before(jobs.ahead(), len(jobs.slots()))
    return f"; {words}" if words else ""


def launch(
    kind: str, spec: Spec | None, wrong: Sequence[str] = (), then: Callable[[Spec], list[Spec]] | None = None,
    label: str = "Start run",
) -> None:
    """The time estimate and the button that starts the run, or opens the one that answers it already.

    spec: None while something in its form is wrong. then: what may be asked along with it, to wait for it.
    """
    key = f"launch-{kind}"
    with st.container(horizontal=True, vertical_alignment="center"):
        for question in (spec, whose.asked(spec)) if spec else ():
            if (run := answer(question)) and run.state == "done":
                if open_result(key, "run"):
                    frame.open_run(run.id)
                return
        if refused(label, key, jobs.deed_of(kind)):
            return
        if spec is None:
            st.button(label, type="primary", icon=":material/play_arrow:", key=key, disabled=True)
            st.markdown(f":red[{plain('; '.join(filter(None, map(in_words, wrong))))}.]")
            return
        spec = whose.asked(spec)
        place, (time, basis), room = st.container(width="content"), time_of(spec), disk([spec], frame.store().records())
        st.markdown(f"Takes **{time}**" + (f" and **{size(room)}** on disk" if room else "") + behind(), help=basis)
        more = _then(spec, then(spec)) if then else None
        whose.tick(kind)
        dataset = str(getattr(spec.config, "dataset", ""))
        with place:
            pressed = start(label, key, time.seconds + (more.seconds if more else 0),
                            disabled=dataset in DATASETS and DATASETS[dataset].removed)
    if pressed:
        with st.spinner("Starting the run …"):
            along = more.specs if more else ()
            check_disk(frame.store(), [spec, *along])
            run_id = jobs.submit(spec)
            for one in along:
                jobs.submit(one, asked_by=run_id)
        frame.open_run(run_id)


@dataclass(frozen=True)
class _More:
    specs: Sequence[Spec]
    seconds: float


def _then(spec: Spec, specs: list[Spec]) -> _More | None:
    """The tick for what waits for the run, with its time; None where it is not wanted, or there is nothing."""
    if not specs:
        return None
    images = spec.config.ipc * len(spec.config.facts.classes) if isinstance(spec.config, MethodConfig) else None
    time = total(specs, frame.store().records(), frame.device(), images)
    ticked = st.checkbox(f"Evaluate when done, {time}", value=True, key=f"then-{spec.kind}", persist_state="session",
                         help="Trains networks on the finished set and on its controls, and tests them. What judges "
                         "the set waits for the run, and is cancelled with it.")
    return _More(specs, time.seconds) if ticked else None


def refused(label: str, key: str, deed: str = "submit") -> bool:
    """Whether whoever looks may not start this; then its button is here, off, and the reason in place of all else that
    would stand beside it."""
    if words := rights.refusal(deed):
        st.button(label, icon=":material/play_arrow:", key=key, **control(deed))
        st.caption(words, width="content")
    return bool(words)


def start(label: str, key: str, seconds: float, *, disabled: bool = False) -> bool:
    """The button that starts what takes so long; where that is very long it asks once more, and is no primary one."""
    if seconds < LONG or disabled:
        return st.button(label, type="primary", icon=":material/play_arrow:", key=key, disabled=disabled)
    with st.popover(f"{label} …", icon=":material/hourglass_top:"):
        st.markdown(f"This will take **about {text.duration(seconds)}** on this machine. Start anyway?")
        return st.button("Start anyway", icon=":material/play_arrow:", key=key)


def open_result(key: str, what: str) -> bool:
    """The button in place of one that starts what is finished already."""
    pressed = st.button("Open result", type="primary", icon=":material/bolt:", key=key)
    st.markdown(f"This very {what} is finished already; nothing needs computing.")
    return pressed


def starting_point(run: RunRecord) -> None:
    """From which run the form below takes its values, and the way back to the presets."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Parameters of **{called(run)}**")
        frame.link(run, f"run {run.id}")
        if st.button("Choose a preset instead", key="new-run"):
            frame.open_run(None)


def earlier(kind: str, title: str, *names: str) -> None:
    """Links to the newest runs of a kind; title: "" where it stands above already; names: only these methods."""
    every = frame.store().records()
    records = [r for r in every if r.kind == kind and (not names or r.name in names)]
    judges, usual = frame.store().kept(catalogue.judged)
    if title:
        st.header(title, anchor=False)
    if not records:
        st.caption("None yet.")
    for record in records[:SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            progress.badge(record)
            frame.link(record)
            judge = judges.get(record.id)
            accuracy = text.accuracy(judge.summary.accuracy) if judge else ""
            if judge and catalogue.elsewhere(judge, usual):
                accuracy = f"{accuracy} {catalogue.ELSEWHERE} {compare_runs.setting_of(judge)}"
            st.caption(" · ".join(filter(None, (accuracy, text.ago(record.created)))), width="content")
    judged_elsewhere(judges[record.id] for record in records[:SHOWN] if record.id in judges)
    footnotes(records[:SHOWN])
    if len(records) > SHOWN:
        st.page_link("pages/8_Runs.py", label=f"All {len(records)} on the Runs page")


def parameters(config: type[Config], run: RunRecord) -> None:
    """Every parameter of the run with its meaning, and where and with what it was computed, closed."""
    with st.expander("Parameters of this run"):
        table.dataframe(tables.parameters(config, run.config),
                        column_config={"Meaning": st.column_config.TextColumn(width="large")})
        info = run.info or {}
        device = info.get("device") or {}
        words = [f"device {name}"] if (name := device.get("name") or device.get("type")) else []
        words += [f"{name} {version}" for name, version in (info.get("libraries") or {}).items()]
        if commit := (info.get("code") or {}).get("commit"):
            words.append(f"code {commit[:10]}")
        if peak := info.get("peak_memory_bytes"):
            words.append(f"peak memory {peak / 2**20:,.0f} MiB")
        if words:
            st.caption(" · ".join(words))
