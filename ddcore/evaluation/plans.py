"""A distilled set never stands alone: its evaluation and that of its controls, as one plan.

Under the identical protocol and on the same network: random real images, the undistilled initial
images, the full training data; where soft labels are learnt the initial images with class labels alone too, so that
nobody takes the gain of the labels for that of the images; what the method wants to be held against. Each is a run of
its own, so whatever is known is not computed again.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ddcore import jobs
from ddcore.errors import ConfigError, RunBroken
from ddcore.experiments import KINDS, Spec, evaluate, spec
from ddcore.experiments.baseline import BaselineConfig, BaselineSummary
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.jobs.requirements import check_disk
from ddcore.methods import METHODS
from ddcore.methods.base import Variation
from ddcore.params import Config
from ddcore.runs.sharing import distinct
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_PARAMS
from ddcore.summary import BESIDE, Scores, Summary

CEILING_PASSES = 10  # over the training images, from which a network on the full data counts as the ceiling


@dataclass(frozen=True)
class Question:
    """How a set is judged: the same for it and for each of its controls.

    network: the evaluation network and its options (network, width, …); left empty, the one that the set was
    distilled with. augment, batch_size: instead of the protocol's. seed: of the evaluation networks.
    """

    protocol: str
    nets: int = 3
    batch_size: int | None = None
    augment: str | None = None
    split: str = "test"
    labels: str = "learnt"
    seed: int = 0
    device: str = "auto"
    network: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Varied:
    """A method with other values beside a run of it (`methods.base.Variation`): what distils it, what judges it."""

    role: str
    title: str
    help: str
    distil: Spec
    evaluation: Spec


@dataclass(frozen=True)
class Plan:
    """What is computed to judge one distilled run under one protocol.

    initial is None for coresets, whose result is their start; initial_hard, with class labels alone, where no soft
    labels are learnt; random is the control's own run.
    """

    run: str
    final: Spec
    initial: Spec | None
    initial_hard: Spec | None
    random: Spec
    random_real: Spec
    variations: tuple[Varied, ...]
    full: Spec

    @property
    def label(self) -> str:
        """The protocol as numbers are labelled with it."""
        config = self.final.config
        assert isinstance(config, EvaluateConfig)
        return config.protocol_label()

    @property
    def full_passes(self) -> float | None:
        """How often the full-data training sees each training image; None where their number is not known."""
        config = self.full.config
        assert isinstance(config, BaselineConfig)
        return config.passes(images) if (images := config.facts.parts.get("train")) else None

    @property
    def controls(self) -> dict[str, Spec | None]:
        """The evaluation of each control but the full data, by role; None where the method has no such thing."""
        hard = {"initial_hard": self.initial_hard} if self.initial_hard else {}
        varied = {one.role: one.evaluation for one in self.variations}
        return {"random_real": self.random_real, "initial": self.initial, **hard, **varied}

    def specs(self, with_full: bool = False) -> list[Spec]:
        """Everything in the order in which it is best computed; full data only on request: it is long."""
        initial = [one for one in (self.initial, self.initial_hard) if one]
        varied = [one for v in self.variations for one in (v.distil, v.evaluation)]
        small = [self.final, self.random, self.random_real, *initial, *varied]
        return [*small, self.full] if with_full else small


def _subject(of: RunRecord | Spec) -> tuple[str, Mapping[str, Any]]:
    """(id, parameters) of a set that is judged, whether it is distilled already or not. RunBroken of one that cannot be
    read."""
    if isinstance(of, RunRecord) and of.state == "broken":
        raise RunBroken(f"run {of.id} cannot be read: {of.problem}")
    return (of.key, of.config.values()) if isinstance(of, Spec) else (of.id, of.config)


def evaluation(of: RunRecord | Spec, question: Question, **changes: Any) -> Spec:
    """The question put to this set's images; changes: other parameters of EvaluateConfig (step, images, run …).

    Raises ConfigError or UnknownName like any spec.
    """
    run_id, config = _subject(of)
    if not KINDS[of.kind].makes_images:
        raise ConfigError([f"only a distilled set or coreset can be evaluated; run {run_id} is a {of.kind} run"])
    values = {name: value for name, value in vars(question).items() if name != "network"}
    return evaluate.question(run_id, config, question.network, {**values, **changes})


def plan(of: RunRecord | Spec, question: Question) -> Plan:
    """The plan for a distilled run, or for one that is not asked for yet.

    Raises ConfigError or UnknownName like any spec.
    """
    final, (run_id, config) = evaluation(of, question), _subject(of)
    judging, own, method = final.config, _config(of), METHODS[of.name]
    assert isinstance(judging, EvaluateConfig)
    random = evaluate.control(config, question.device).private(of.salt)
    soft = own is not None and method.learns_labels(own) and question.labels == "learnt"
    return Plan(
        run=run_id, final=final, random=random, random_real=evaluation(of, question, run=random.key),
        initial=evaluation(of, question, images="initial") if method.step else None,
        initial_hard=evaluation(of, question, images="initial", labels="hard") if method.step and soft else None,
        variations=tuple(_varied(of, one, question) for one in (method.variations(own) if own else ())),
        full=evaluate.full_data(judging),
    )


def _varied(of: RunRecord | Spec, variation: Variation, question: Question) -> Varied:
    distil = spec("distill", of.name, variation.values, of.salt)
    judging = evaluation(of, question, run=distil.key)
    return Varied(variation.role, variation.title, variation.help, distil, judging)


def _config(of: RunRecord | Spec) -> Config | None:
    """The parameters of this set as its method knows them; None for a run of a version that had others."""
    if isinstance(of, Spec):
        return of.config
    try:
        return of.question().config
    except ConfigError:
        return None


def undertrained(passes: float | None) -> str:
    """What must be said where full data is shown whose network saw each training image so often; "" where it may count
    as the ceiling.

    A protocol told in steps is made for small sets: `quick` sees 55,000 images of MNIST 0.5 times, `steps` 4.7 times.
    The boundary is half of the 20 epochs of the course's full-data task (`course`), the shortest training that is meant
    for all images.
    """
    if passes is None or passes >= CEILING_PASSES:
        return ""
    number = f"{passes:.2g}"
    times = f"{number} {'pass' if number == '1' else 'passes'}"
    return f"The network on the full data is trained for {times} over the training images only and is no ceiling."


def submit(plan: Plan, with_full: bool = False) -> list[str]:
    """Ask for everything in the plan that is not known yet; the run ids in order.

    Raises FolderUnusable before the first of them is asked for where the disk is too small for all.
    """
    specs = plan.specs(with_full)
    check_disk(Store(), specs)
    return [jobs.submit(one) for one in specs]


def scores(store: Store, one: Spec | None) -> Scores | None:
    """What the run that answers this question measured; None while there is none."""
    summary = _summary(store, one) if one else None
    return summary.scores if summary else None


def outcome(plan: Plan, store: Store) -> dict[str, Any]:
    """What is known of the plan now, JSON-ready: accuracy, controls and seconds; None where not computed."""
    final = _summary(store, plan.final)
    controls = {role: _summary(store, one) if one else None for role, one in plan.controls.items()}
    seconds = [summary.seconds or 0 for summary in (final, *controls.values()) if summary]
    full = full_data(plan, store)
    briefly = undertrained(full.passes) if full else ""
    return {
        **_scores(final.scores if final else None),
        "controls": {
            **{role: _json(summary.scores if summary else None) for role, summary in controls.items()},
            "full": _json(full),
        },
        "majority": final and final.majority, "classes": final and list(final.classes),
        "notes": [*(final.notes if final else ()), *([briefly] if briefly else ())],
        "network": {name: value for name, value in plan.final.config.values().items() if name in NETWORK_PARAMS},
        "seconds": {"distill": store.record(plan.run).summary.seconds, "evaluate": sum(seconds) if seconds else None},
        "evaluation": plan.final.key,
    }


def over_seeds(plans: Sequence[Plan], store: Store) -> dict[str, Any]:
    """What is known of one set distilled from several seeds: like `outcome`, over all networks of all seeds.

    Seconds are sums. `seeds` has the accuracy and controls of each.
    """
    each = [outcome(plan, store) for plan in plans]
    return {
        **each[0],
        **_scores(pooled(scores(store, p.final) for p in plans)),
        "controls": {
            **{role: _json(pooled(scores(store, p.controls[role]) for p in plans)) for role in plans[0].controls},
            "full": each[0]["controls"]["full"],
        },
        "seconds": {name: sum(e["seconds"][name] or 0 for e in each) or None for name in each[0]["seconds"]},
        "seeds": [{"seed": store.record(p.run).config["seed"], "run": p.run, "accuracy": e["accuracy"],
                   "controls": e["controls"]} for p, e in zip(plans, each, strict=True)],
    }


def pooled(each: Iterable[Scores | None]) -> Scores | None:
    """Over all networks of the evaluations that are known, one a seed; None where none is."""
    return Scores.pooled(one for one in each if one)


def _json(scores: Scores | None) -> dict[str, Any] | None:
    return scores.to_json() if scores else None


def _scores(scores: Scores | None) -> dict[str, Any]:
    stored = _json(scores)
    return {"accuracy": stored, **{name: stored and stored[name] for name in BESIDE}}


def full_data(plan: Plan, store: Store) -> Scores | None:
    """Accuracy of training on all data in the plan's setting, over all seeds that were run.

    With `seconds_train`, and `passes` over the training images (`Plan.full_passes`).
    """
    runs = [run.answer(BaselineSummary) for run in full_runs(plan, store)]
    if not (scores := pooled(run.scores for run in runs)):
        return None
    accuracy = scores.accuracy.model_copy(update={"protocol": plan.label, "seeds": None})
    seconds = [run.seconds_train for run in runs if run.seconds_train is not None]
    return scores.model_copy(update={"accuracy": accuracy, "passes": plan.full_passes,
                                     "seconds_train": statistics.mean(seconds) if seconds else None})


def full_runs(plan: Plan, store: Store) -> list[RunRecord]:
    """The finished trainings on all data in the plan's setting, one a seed."""
    question = plan.full.without("seed")
    return distinct([run for run in store.records("baseline")
                     if run.state == "done" and run.without("seed") == question])


def _summary(store: Store, one: Spec) -> Summary | None:
    if not store.exists(one.key):
        return None
    record = store.record(one.key)
    return record.summary if record.state == "done" else None
