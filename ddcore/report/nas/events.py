"""What a search or a truth found: its summary once it is done, while it runs the same of its events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ddcore.experiments import KINDS
from ddcore.experiments.search_results import ProxyEvent, ProxyResult, SearchSummary, TrialEvent, TruthSummary
from ddcore.experiments.search_settings import SpaceConfig
from ddcore.runs.store import RunRecord
from ddcore.summary import Answer

A = TypeVar("A", bound=Answer)
Events = Sequence[Mapping[str, Any]]


def search_summary(run: RunRecord, events: Events) -> SearchSummary:
    """Every proxy that has begun. Raises ValidationError for what no search tells; ConfigError like `question`."""
    if isinstance(run.summary, SearchSummary):
        return run.summary
    trials = _read(events, "trial", TrialEvent)
    begun = {event.proxy: event for event in _read(events, "proxy", ProxyEvent)}
    return SearchSummary(
        **question(run).about(), winners=_latest(_read(events, "winner", TrialEvent)),
        proxies=tuple(_proxy(proxy, _latest(trial for trial in trials if trial.proxy == name), run.config.get("trials"))
                      for name, proxy in begun.items()),
    )


def truth_summary(run: RunRecord, events: Events) -> TruthSummary:
    """The networks that are trained by now. Raises like `search_summary`."""
    if isinstance(run.summary, TruthSummary):
        return run.summary
    return TruthSummary(**question(run).about(), results=_latest(_read(events, "trial", TrialEvent)))


def question(run: RunRecord) -> SpaceConfig:
    """What a search or a truth was asked. Raises ConfigError where this version cannot ask it."""
    config = KINDS[run.kind].config(run.name).build(run.config)
    assert isinstance(config, SpaceConfig)
    return config


def _proxy(proxy: ProxyEvent, results: Mapping[int, TrialEvent], trials: int | None) -> ProxyResult:
    """trials: how many networks the search asks for, where that is not all of them."""
    return ProxyResult(name=proxy.proxy, title=proxy.title, results=results, asked=trials or proxy.networks,
                       seconds=math.fsum(trial.seconds for trial in results.values()),
                       pruned=tuple(number for number, trial in results.items() if trial.pruned))


def _latest(trials: Iterable[TrialEvent]) -> dict[int, TrialEvent]:
    """By network, in the order tried; of one that is told twice the last."""
    latest: dict[int, TrialEvent] = {}
    for trial in trials:
        latest.pop(trial.network, None)  # last tried, last told
        latest[trial.network] = trial
    return latest


def _read(events: Events, name: str, type_: type[A]) -> list[A]:
    """The events of this name."""
    return [type_.model_validate(event) for event in events if event.get("event") == name]
