"""Searches and truths for tests of what is made of them: records and events by hand, nothing computed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ddcore.experiments import KINDS
from ddcore.experiments.search_results import NetworkResult, ProxyResult
from ddcore.report.nas.study import Study, study
from ddcore.runs import RunRecord
from ddcore.summary import Summary

OPTIONS = [
    {"depth": depth, "width": width, "activation": activation}
    for depth, width, activation in itertools.product((2, 3), (16, 64), ("relu", "leakyrelu"))
]
NAMES = [f"{o['depth']} conv × {o['width']}, {o['activation']}" for o in OPTIONS]
MACS = [1000 * o["depth"] * o["width"] + index % 2 for index, o in enumerate(OPTIONS)]
NETWORKS = [
    {"name": name, "options": options, "parameters": 10, "macs": macs}
    for name, options, macs in zip(NAMES, OPTIONS, MACS, strict=True)
]
TRUE = (0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97)
Accuracies = Mapping[int, Sequence[float]]


def record(kind: str, summary: dict[str, Any] | None = None, **config: Any) -> RunRecord:
    """A run that is done where it has a summary, else under way."""
    told = Summary() if summary is None else KINDS[kind].summary.model_validate(summary)
    return RunRecord(
        id="0123456789abcdef", kind=kind, name=kind, state="running" if summary is None else "done", config=config,
        summary=told, info={}, user={}, demo=False, folder=Path("nowhere"), problem=None, created=0.0,
    )


def scored(accuracies: Accuracies, seconds: float = 2.0) -> dict[str, Any]:
    """As a summary tells them; test accuracies are a point below those on the validation split."""
    return {
        str(index): {"accuracies": list(each), "accuracies_test": [one - 0.01 for one in each], "seconds": seconds,
                     "trial": f"{index:016x}"}
        for index, each in accuracies.items()
    }


def proxy(name: str, accuracies: Accuracies, **told: Any) -> dict[str, Any]:
    return {
        "proxy": name, "title": name.title(), "run": None, "method": name, "ipc": 10, "images": 100,
        "stored_floats": 6400, "seconds": 2.0 * len(accuracies), "seconds_set": 1.5, "order": list(accuracies),
        "asked": len(accuracies), "pruned": [], "scores": scored(accuracies), **told,
    }


def search_summary(*proxies: dict[str, Any], **told: Any) -> dict[str, Any]:
    return {
        "networks": NETWORKS, "network": "coursenet", "proxies": list(proxies), "steps": 200, "nets": 1,
        "val_images": 150, "majority": 0.11, "split": "val", "notes": ["a note"], "seconds": 30.0, "left_out": {},
        **told,
    }


def search(*proxies: dict[str, Any], **told: Any) -> RunRecord:
    return record("search", search_summary(*proxies, **told))


def truth_summary(accuracies: Accuracies, **told: Any) -> dict[str, Any]:
    return {
        "networks": NETWORKS, "network": "coursenet", "sampled": list(accuracies),
        "scores": scored(accuracies, seconds=40.0), "images": 1300, "val_images": 150, "test_images": 360,
        "steps": 200, "nets": 1, "majority": 0.11, "majority_test": 0.12, "notes": ["a note"], "seconds": 99.0,
        "left_out": {}, **told,
    }


def truth(accuracies: Accuracies, **told: Any) -> RunRecord:
    return record("truth", truth_summary(accuracies, **told))


def diverging(proxy: ProxyResult, number: int, accuracy: float = 0.99) -> ProxyResult:
    """The same but for one network, which diverged and answers as if it was good."""
    result = NetworkResult(accuracies=(accuracy,), diverged=True)
    return proxy.model_copy(update={"results": {**proxy.results, number: result}})


def each(*accuracies: float) -> dict[int, list[float]]:
    """One seed of each network, in their order."""
    return {index: [one] for index, one in enumerate(accuracies)}


def whole(*proxies: dict[str, Any], true: Accuracies | None = None) -> Study:
    """A finished search with a truth over all networks."""
    return study(search(*proxies), truth=truth(each(*TRUE) if true is None else true))
