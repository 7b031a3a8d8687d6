"""The runs in which a question is answered, one after another: what is computed already, what the rest will take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ddcore.errors import DataBroken, DataMissing, DDCoreError, RunNotFound
from ddcore.experiments import KINDS, Spec
from ddcore.methods import METHODS
from ddcore.report.estimate import Estimate, total
from ddcore.runs.store import RunRecord, Store


@dataclass(frozen=True)
class Stage:
    """One run on the way to an answer.

    title, words: for people; record: the run that answers its question, in whatever state, or None when it was never
    asked for.
    """

    title: str
    words: str
    spec: Spec
    record: RunRecord | None

    @property
    def state(self) -> str:
        """The state of its run, "missing" where there is none."""
        return self.record.state if self.record else "missing"

    @property
    def disk(self) -> int:
        """Bytes that it writes beyond a few MB, or has written."""
        return KINDS[self.spec.kind].disk(self.spec.name, self.spec.config)


def stages(store: Store, question: Spec) -> list[Stage]:
    """All that a question needs, first things first and each once; the question itself comes last."""
    before: list[Stage] = []
    for need in question.needs:
        before += [stage for stage in stages(store, need) if stage not in before]
    return [*before, _stage(question, _answer(store, question))]


def of_run(store: Store, run: RunRecord) -> list[Stage]:
    """The stages of a run that was asked for: the very runs that it builds on, and itself last.

    Empty where its parameters are those of another version of the code.
    """
    try:
        question = run.question()
    except DDCoreError:
        return []
    needs = question.needs
    ids = run.info.get("parents", [])[-len(needs) :] if needs else []
    before: list[Stage] = []
    for need, run_id in zip(needs, ids, strict=False):
        of_need = of_run(store, store.record(run_id)) if store.exists(run_id) else [_stage(need, None)]
        before += [stage for stage in of_need if stage not in before]
    return [*before, _stage(question, run)]


def times(of: Sequence[Stage], records: Iterable[RunRecord], device: str = "cpu") -> list[Estimate]:
    """How long each takes by itself, after those before it; no time where it is computed already.

    records: the runs of the store, newest first.
    """
    runs = list(records)
    until = [total([stage.spec for stage in of[:end]], runs, device) for end in range(1, len(of) + 1)]
    before = [0.0, *(one.seconds for one in until)]
    return [Estimate(one.seconds - earlier, one.rough, one.basis) for one, earlier in zip(until, before, strict=False)]


def _answer(store: Store, question: Spec) -> RunRecord | None:
    try:
        return store.record(question.key)
    except (RunNotFound, DataMissing, DataBroken):  # without the data nobody can say which run it would be
        return None


def _stage(question: Spec, record: RunRecord | None) -> Stage:
    kind, method = KINDS[question.kind], METHODS.known().get(question.name)
    title, words = (method.title, method.summary) if method else (kind.title, kind.lead)
    return Stage(title, words, question, record)
