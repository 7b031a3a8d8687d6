"""A distilled set never stands alone: its evaluation and that of its controls, as one plan.

Under the identical protocol and on the same network: random real images, the undistilled initial
images, the full training data. Each is a run of its own, so whatever is known is not computed again.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddcore import jobs
from ddcore.data import DATASETS
from ddcore.errors import ConfigError
from ddcore.experiments import Spec, spec
from ddcore.experiments.evaluate import EvaluateConfig
from ddcore.methods import METHODS
from ddcore.protocols import PROTOCOLS
from ddcore.runs.key import identity, key
from ddcore.runs.store import RunRecord, Store
from ddcore.settings import NETWORK_OPTIONS, NetworkConfig

NETWORK_PARAMS = tuple(name for name in NetworkConfig.model_fields if name in ("network", *NETWORK_OPTIONS))


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


def plan(
    record: RunRecord, protocol: str, nets: int = 3, batch_size: int | None = None, seed: int = 0,
    device: str = "auto", **network: Any,
) -> Plan:  # fmt: skip
    """The plan for a distilled run.

    The network is the one it was distilled with unless `network` says otherwise (network, width, …).
    Raises ConfigError or UnknownName like any spec.
    """
    if record.kind != "distill":
        raise ConfigError([f"only a distilled set or coreset can be evaluated; run {record.id} is a {record.kind} run"])
    config = record.config
    place = {"dataset": config["dataset"], "resolution": config["resolution"], "device": device}
    chosen = {**place, **_network_of(config, network)}
    shared = {**chosen, "protocol": protocol, "nets": nets, "batch_size": batch_size, "seed": seed}
    final = spec("evaluate", "evaluate", {**shared, "run": record.id})
    random = spec("distill", "random", {**place, "ipc": config["ipc"], "seed": config["seed"]})
    distilled = METHODS[record.name].step is not None
    training = PROTOCOLS[protocol].training(DATASETS[config["dataset"]].augment, batch_size).values()
    return Plan(
        run=record.id,
        final=final,
        initial=spec("evaluate", "evaluate", {**shared, "run": record.id, "images": "initial"}) if distilled else None,
        random=random,
        random_real=spec("evaluate", "evaluate", {**shared, "run": key(random)}),
        full=spec("baseline", "baseline", {**chosen, **training, "seed": seed}),
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
        "mean": statistics.mean(means), "std": statistics.stdev(means) if len(means) > 1 else None,
        "n": len(means), "protocol": plan.label,
        "seconds_train": statistics.mean(r.summary["seconds_train"] for r in matching),
    }  # fmt: skip


def _summary(store: Store, one: Spec) -> dict[str, Any] | None:
    run_id = key(one)
    if not store.exists(run_id):
        return None
    record = store.record(run_id)
    return record.summary if record.state == "done" else None


def _without_seed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("seed", "device")}


def _network_of(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The evaluation network: what was asked for, else what the run was distilled with."""
    given = {name: value for name, value in changes.items() if value is not None}
    unknown = set(given) - {"network", *NETWORK_OPTIONS}
    assert not unknown, f"not network options: {unknown}"
    if "network" in given and given["network"] != config.get("network"):
        return given
    own = {name: config.get(name) for name in ("network", *NETWORK_OPTIONS)}
    return {**own, **given}
