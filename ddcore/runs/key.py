"""The name of a question: equal questions have equal keys, on every machine and after every restart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ddcore import home
from ddcore.data import DATASETS
from ddcore.experiments import KINDS
from ddcore.experiments.base import Spec
from ddcore.params import Config


def key(spec: Spec) -> str:
    """16 hex digits: SHA-256 over everything that decides the result, and nothing else.

    Raises DataMissing or DataBroken when the content of the data set cannot be named.
    """
    return _digest(identity(spec))


def family(spec: Spec) -> str:
    """The key without the length of the work: what a run shares with its shorter and longer sisters."""
    whole = identity(spec)
    values = {k: v for k, v in whole["config"].items() if k != spec.config.length_param}
    return _digest({**whole, "config": values, "length": None})


def identity(spec: Spec) -> dict[str, Any]:
    """What the key is made of."""
    kind = KINDS[spec.kind]
    return {
        "kind": spec.kind,
        "name": spec.name,
        "version": kind.version(spec.name),
        "dataset": dataset(spec.config),
        "parents": parents(spec),
        "config": spec.config.key_values(),
    }


def parents(spec: Spec) -> list[str]:
    """Ids of the runs that this one builds on: those its config names, then the answers to what it needs."""
    kind = KINDS[spec.kind]
    return [*kind.parents(spec.config), *(key(one) for one in kind.needs(spec.name, spec.config))]


def dataset(config: Config) -> dict[str, str] | None:
    """{name, fingerprint} of the data set a Config works on; None when it names none."""
    name = getattr(config, "dataset", None)
    if not isinstance(name, str) or name not in DATASETS:
        return None
    facts = DATASETS[name]
    resolution = getattr(config, "resolution", None) or facts.resolution
    return {"name": name, "fingerprint": facts.fingerprint(home.data_root(), resolution)}


def told(info: Mapping[str, Any]) -> dict[str, Any]:
    """What a stored run must say of itself, by the question that is stored with it (as run.json has it): its id, and
    its family and length where its kind is known here.

    A run that says what entered its key is held to that; an older one to what this version makes of its parameters:
    raises UnknownName or ConfigError where it makes nothing of them.
    """
    known, kind = info.get("in_key"), info["kind"]
    if not isinstance(known, dict):
        known = KINDS[kind].config(info["name"]).build(info["config"]).key_values()
    question = {name: info.get(name) for name in ("kind", "name", "version", "dataset", "parents")}
    found: dict[str, Any] = {"id": _digest({**question, "config": known})}
    if kind in KINDS and info["name"] in KINDS[kind].names():
        # A run of a kind that could not be continued when it was made has no length, and shares its family with none.
        length = "" if info.get("length") is None else KINDS[kind].config(info["name"]).length_param
        shared = {name: value for name, value in known.items() if name != length}
        found |= {"family": _digest({**question, "config": shared, "length": None}), "length": known.get(length)}
    return found


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
