"""The stages of a method that builds on other runs: how each stands, what it will take, what it found."""

from collections.abc import Callable, Sequence
from itertools import count

import streamlit as st

from ddcore import jobs
from ddcore.experiments import Spec
from ddcore.methods import METHODS
from ddcore.methods.pad import PADConfig
from ddcore.methods.trajectories import TrajectoryConfig
from ddcore.report import results, stages, text
from ddcore.report.estimate import Estimate
from ddcore.report.stages import Stage
from ddcore.runs.files import size
from ddcore.runs.store import RunRecord
from pages.components import difficulty, experts, frame, kind, matching, progress, run_page

SCHEDULER = "Which images do the experts see when? First the easy ones, then all, in the end without the easiest."
# A kind of stage → (what its finished run found, its curve while it goes on).
OF_KIND: dict[str, tuple[Callable[[RunRecord], None], Callable[[RunRecord], None] | None]] = {
    "scores": (difficulty.section, None), "experts": (experts.section, experts.curve),
}
EVALUATION = "How good are the images? Networks are trained on them from scratch, and on the controls."


def ahead(spec: Spec) -> None:
    """The stages of a run that is not started yet: what is there already, what the rest will take."""
    parts = stages.stages(frame.store(), spec)
    if len(parts) < 2:
        return
    times = stages.times(parts, frame.store().records(), frame.device())
    with st.expander(f"**What will be computed**: {len(parts)} runs", key=f"ahead-{spec.name}"):
        _strip(parts, lambda i, stage: _will_take(stage, times[i]), None)
    if isinstance(spec.config, PADConfig):
        box = st.expander("**Scheduler and dropped parameters**", key=f"plan-{spec.name}",
                          on_change="rerun")
        if box.open:
            with box:
                experts.plan(spec.config)


def standing(run: RunRecord) -> None:
    """How each stage of a run stands by now; nothing for a run that builds on no other."""
    run = frame.store().record(run.id)  # it may have begun since the page was drawn
    parts = stages.of_run(frame.store(), run)
    if len(parts) > 1:
        _strip(parts, lambda _, stage: _took(stage), run)


def _strip(parts: Sequence[Stage], facts: Callable[[int, Stage], None], run: RunRecord | None) -> None:
    """A card for each stage, and the scheduler; for the evaluation too, until it stands on the page by itself.

    run: None where it is not started yet.
    """
    ended = run is not None and run.state == "done"
    scheduled = any(stage.spec.kind == "experts" for stage in parts)
    number = count(1)
    with st.grid(len(parts) + scheduled + (not ended), min_column_width=160):
        for i, stage in enumerate(parts):
            if isinstance(config := stage.spec.config, TrajectoryConfig) and stage.spec.kind == "experts":
                with _card(next(number), "Scheduler", SCHEDULER):
                    experts.in_short(config, windows=not ended)
            is_last = i == len(parts) - 1
            with _card(next(number), "Matching" if is_last and scheduled else stage.title, stage.words):
                _badge(stage, is_started=run is not None)
                facts(i, stage)
        if not ended:
            with _card(next(number), "Evaluation", EVALUATION):
                _evaluation(run)


def _card(number: int, title: str, words: str) -> st.delta_generator.DeltaGenerator:
    card = st.container(border=True, height="stretch")
    card.markdown(f"**{number} · {title}**", help=words)
    return card


def _badge(stage: Stage, *, is_started: bool) -> None:
    if stage.state == "missing":
        word = "No longer here" if is_started else "To be computed"
        st.badge(word, color="gray", icon=":material/pending:")
    elif stage.state == "done" and not is_started:
        st.badge("Cached", color="green", icon=":material/bolt:")
    elif stage.record:
        progress.badge(stage.record)


def _will_take(stage: Stage, time: Estimate) -> None:
    if stage.record and stage.state == "done":
        frame.link(stage.record, "Look at it")
        return
    disk = f" · {size(stage.disk)} on disk" if stage.disk else ""
    st.markdown(f"{time}{disk}")
    if stage.record and not stage.record.active:
        st.caption(f"{progress.STATES[stage.state][0]} before; goes on from its last checkpoint.")


def _took(stage: Stage) -> None:
    record = stage.record
    if record is None:
        return
    if record.state == "done":
        st.caption(f"Took {text.duration(record.summary.seconds)}.")
    elif record.active:
        status = jobs.status(record.id)
        share = min(1.0, status.done / status.total) if status.total else 0.0
        st.progress(share, text=f"{status.done:,} of {status.total:,}" if status.total else "not begun")
    elif record.state == "failed":
        st.caption(progress.reason(record))
    if not record.makes_images:
        frame.link(record, "Look at it")


def _evaluation(run: RunRecord | None) -> None:
    last = results.last_evaluation(frame.store(), run) if run else None
    if run is None or last is None:
        if run is not None:
            st.badge("On request", color="gray", icon=":material/touch_app:")
        st.caption("When the images are there.")
        return
    progress.badge(last)
    if accuracy := last.summary.accuracy:
        st.caption(f"{text.spread(accuracy)} · {accuracy.protocol}")


def sections(run: RunRecord) -> None:
    """What every stage of a finished run found, each behind its tab."""
    st.header("Stages", anchor=False)
    standing(run)
    by_kind = _by_kind(run)
    if "distill" not in by_kind:
        st.caption("This run was made by another version; what its stages found is no longer understood here.")
        return
    config = by_kind["distill"].spec.config
    assert isinstance(config, PADConfig)
    tabs: dict[str, Callable[[], None]] = {}
    if (scores := by_kind.get("scores")) is not None:
        tabs["Scores"] = lambda: _if_there(scores, lambda record: difficulty.section(record, config))
    tabs["Scheduler"] = lambda: experts.schedule(config)
    tabs["Experts"] = lambda: _if_there(by_kind["experts"], lambda record: experts.section(record, config))
    tabs["Matching"] = lambda: matching.section(run, config)
    for tab, draw in zip(st.tabs(list(tabs), default="Matching", key=f"stages-{run.id}", on_change="rerun"),
                         tabs.values(), strict=True):
        if tab.open:
            with tab, frame.guarded():
                draw()


def _by_kind(run: RunRecord) -> dict[str, Stage]:
    return {stage.spec.kind: stage for stage in stages.of_run(frame.store(), run)}


def _if_there(stage: Stage, draw: Callable[[RunRecord], None]) -> None:
    """What the stage found, while its run is there."""
    if stage.record and stage.record.state == "done":
        draw(stage.record)
    else:
        st.caption("The run of this stage was deleted; what it found is gone, and stays part of the result.")


def live(run: RunRecord) -> None:
    """Curves of the newest stage that has begun."""
    trained = stage.record if (stage := _by_kind(run).get("experts")) else None
    if trained is not None and trained.state != "done":
        experts.curve(trained)
    else:
        matching.curves(run)


def show(run: RunRecord, *, form: bool) -> None:
    """A run of one stage by itself, whatever state it is in; form: whether this page's form can make it."""
    section, curve = OF_KIND.get(run.kind, (kind.measured, None))
    run_page.show(run, section, curve and (lambda run_id: curve(run)), form=form)


def imitates(run: RunRecord) -> bool:
    """Whether this run imitates experts, so that it has stages to show one by one."""
    return issubclass(METHODS[run.name].Config, PADConfig)
