"""A distilled set never stands alone: its evaluation and that of its controls, as one plan.

Under the identical protocol and on the same network: random real images, the undistilled initial
images, the full training data. Each is a run of its own, so whatever is known is not computed again.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ddcore import jobs
from ddcore.errors import ConfigError
from ddcore.experiments import Spec, spec
from ddcore.experiments.evaluate import EvaluateConfig, spread
from ddcore.methods import METHODS
from ddcore.runs.key import identity, key
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_OPTIONS, NetworkConfig

NETWORK_PARAMS = tuple(name for name in NetworkConfig.model_fields if name in ("network", *NETWORK_OPTIONS))


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
class Plan:
    """What is computed to judge one distilled run under one protocol.

    initial is None for coresets, whose result is their start; random is the control's own run.
    """

    run: str
    final: Spec
    initial: Spec | None
    random: Spec
    random_real: Spec
    full: Spec

    @property
    def label(self) -> str:
        """The protocol as numbers are labelled with it."""
        config = self.final.config
        assert isinstance(config, EvaluateConfig)
        return config.protocol_label()

    def specs(self, with_full: bool = False) -> list[Spec]:
        """Everything in the order in which it is best computed; full data only on request: it is long."""
        small = [self.final, self.random, self.random_real, *([self.initial] if self.initial else [])]
        return [*small, self.full] if with_full else small


def evaluation(record: RunRecord, question: Question, **changes: Any) -> Spec:
    """The question put to this run's images; changes: other parameters of EvaluateConfig (step, images, run …).

    Raises ConfigError or UnknownName like any spec.
    """
    if record.kind != "distill":
        raise ConfigError([f"only a distilled set or coreset can be evaluated; run {record.id} is a {record.kind} run"])
    config = record.config
    asked = {name: getattr(question, name) for name in
             ("protocol", "nets", "batch_size", "augment", "split", "labels", "seed", "device")}  # fmt: skip
    place = {"dataset": config["dataset"], "resolution": config["resolution"]}
    network = _network_of(config, question.network)
    return spec("evaluate", "evaluate", {**place, **network, **asked, "run": record.id, **changes})


def plan(record: RunRecord, question: Question) -> Plan:
    """The plan for a distilled run. Raises ConfigError or UnknownName like any spec."""
    final = evaluation(record, question)
    asked = final.config
    assert isinstance(asked, EvaluateConfig)
    config = record.config
    place = {"dataset": config["dataset"], "resolution": config["resolution"], "device": question.device}
    random = spec("distill", "random", {**place, "ipc": config["ipc"], "seed": config["seed"]})
    distilled = METHODS[record.name].step is not None
    network = {"network": asked.network, **asked.network_options()}
    return Plan(
        run=record.id,
        final=final,
        initial=evaluation(record, question, images="initial") if distilled else None,
        random=random,
        random_real=evaluation(record, question, run=key(random)),
        full=spec("baseline", "baseline", {**place, **network, **asked.training().values(), "seed": question.seed}),
    )


def submit(plan: Plan, with_full: bool = False) -> list[str]:
    """Ask for everything in the plan that is not known yet; the run ids in order."""
    return [jobs.submit(one) for one in plan.specs(with_full)]


def outcome(plan: Plan, store: Store) -> dict[str, Any]:
    """What is known of the plan now: accuracy, controls and seconds; None where not computed."""
    final = _summary(store, plan.final)
    evaluations = [_summary(store, one) for one in (plan.final, plan.initial, plan.random_real) if one]
    known = [e["seconds"] for e in evaluations if e]
    return {
        "accuracy": final and final["accuracy"],
        "controls": {
            "random_real": (random := _summary(store, plan.random_real)) and random["accuracy"],
            "initial": plan.initial and (initial := _summary(store, plan.initial)) and initial["accuracy"],
            "full": full_data(plan, store),
        },
        "majority": final and final["majority"],
        "network": {name: value for name, value in plan.final.config.values().items() if name in NETWORK_PARAMS},
        "seconds": {
            "distill": store.record(plan.run).summary.get("seconds"),
            "evaluate": sum(known) if known else None,
        },
        "evaluation": key(plan.final),
    }


def over_seeds(plans: Sequence[Plan], store: Store) -> dict[str, Any]:
    """What is known of one set distilled from several seeds: like `outcome`, over all networks of all seeds.

    Seconds are sums. `seeds` has the accuracy and controls of each.
    """
    each = [outcome(plan, store) for plan in plans]
    return {
        **each[0],
        "accuracy": _pooled(store, [p.final for p in plans]),
        "controls": {
            "random_real": _pooled(store, [p.random_real for p in plans]),
            "initial": _pooled(store, [p.initial for p in plans]),
            "full": each[0]["controls"]["full"],
        },
        "seconds": {name: sum(e["seconds"][name] or 0 for e in each) or None for name in each[0]["seconds"]},
        "seeds": [{"seed": store.record(p.run).config["seed"], "run": p.run, "accuracy": e["accuracy"],
                   "controls": e["controls"]} for p, e in zip(plans, each, strict=True)],
    }  # fmt: skip


def pooled(summaries: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """{mean, std, n, seeds, protocol} over all networks of these evaluations, one a seed; None where there is none."""
    known = list(summaries)
    if not known:
        return None
    accuracies = [value for summary in known for value in summary["accuracies"]]
    return {**known[0]["accuracy"], **spread(accuracies), "seeds": len(known)}


def _pooled(store: Store, specs: Iterable[Spec | None]) -> dict[str, Any] | None:
    return pooled(summary for one in specs if one and (summary := _summary(store, one)))


def full_data(plan: Plan, store: Store) -> dict[str, Any] | None:
    """Accuracy of training on all data in the plan's setting, over all seeds that were run."""
    wanted = identity(plan.full)
    matching = [
        r
        for r in store.records("baseline")
        if r.state == "done"
        and _without_seed(r.config) == _without_seed(wanted["config"])
        and (r.info["version"], r.info["dataset"]) == (wanted["version"], wanted["dataset"])
    ]
    if not matching:
        return None
    means = [r.summary["accuracy"]["mean"] for r in matching]
    return {
        **spread(means), "protocol": plan.label,
        "seconds_train": statistics.mean(r.summary["seconds_train"] for r in matching),
    }  # fmt: skip


def _summary(store: Store, one: Spec) -> dict[str, Any] | None:
    run_id = key(one)
    if not store.exists(run_id):
        return None
    record = store.record(run_id)
    return record.summary if record.state == "done" else None


def _without_seed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("seed", "device") and value is not None}


def _network_of(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The evaluation network: what was asked for, else what the run was distilled with."""
    given = {name: value for name, value in changes.items() if value is not None}
    unknown = set(given) - {"network", *NETWORK_OPTIONS}
    assert not unknown, f"not network options: {unknown}"
    if "network" in given and given["network"] != config.get("network"):
        return given
    own = {name: config.get(name) for name in ("network", *NETWORK_OPTIONS)}
    return {**own, **given}
