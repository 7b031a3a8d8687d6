"""A search and its truth as they stand, under way or finished: which network reached what on which images."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ddcore.errors import DDCoreError, RunBroken
from ddcore.experiments.search_results import (
    Candidate,
    NetworkResult,
    ProxyResult,
    Results,
    SearchSummary,
    TruthSummary,
)
from ddcore.experiments.truth import TruthConfig
from ddcore.lazy import pd
from ddcore.report import text
from ddcore.report.nas.events import Events, question, search_summary, truth_summary
from ddcore.runs.store import RunRecord
from ddcore.summary import problems

WHOLE = "whole"  # stands for the whole training part where a proxy is named
WHOLE_TITLE = "Whole data"


@dataclass(frozen=True)
class Study:
    """The space, every proxy that has begun, and the whole data, a proxy of itself, where a truth was asked for.

    winners: what proxies chose, trained like the truth's by the search itself; majority, majority_test: accuracy
    (fractions) of always answering the most frequent class of the validation split and of the test images.
    """

    candidates: tuple[Candidate, ...]
    proxies: tuple[ProxyResult, ...]
    whole: ProxyResult | None = None
    winners: Results = field(default_factory=dict)
    majority: float | None = None
    majority_test: float | None = None
    val_images: int | None = None
    test_images: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """What varies between the networks, in the order of the space."""
        names = dict.fromkeys(name for network in self.candidates for name in network.options)
        return tuple(name for name in names if len({network.options.get(name) for network in self.candidates}) > 1)

    @property
    def true(self) -> Results:
        """The truth's networks; {} without one."""
        return self.whole.results if self.whole else {}

    @property
    def known(self) -> Results:
        """All networks that were trained on the whole data: the truth's, and those that were chosen."""
        return {**self.winners, **self.true}

    @property
    def sets(self) -> tuple[ProxyResult, ...]:
        """The proxies and, last, the whole data."""
        return (*self.proxies, *([self.whole] if self.whole else []))

    def proxy(self, name: str) -> ProxyResult | None:
        """The one of this name, `WHOLE` included; None where it has not begun."""
        return next((proxy for proxy in self.sets if proxy.name == name), None)


def study(search: RunRecord, events: Events = (), truth: RunRecord | None = None, truth_events: Events = ()) -> Study:
    """What a search and its truth have found so far: their summaries once they are done, until then their events.

    search: or a truth by itself. Raises RunBroken where one of them cannot be read, where events are none that a search
    writes, and where the truth is of other networks.
    """
    if search.kind == "truth":
        truth, truth_events, events = search, events, ()
    for run in (search, truth):
        if run is not None and run.state == "broken":
            raise RunBroken(f"run {run.id} cannot be read: {run.problem}")
    try:
        return _study(search, events, truth, truth_events)
    except ValidationError as error:
        what = "; ".join(problems(error))
        raise RunBroken(f"run {search.id} or its truth holds what no search writes there: {what}") from error


def _study(search: RunRecord, events: Events, truth: RunRecord | None, truth_events: Events) -> Study:
    own: SearchSummary | TruthSummary
    own = truth_summary(search, truth_events) if truth is search else search_summary(search, events)
    # Of a truth that has told nothing yet nothing needs to be known, not even whether it can be computed here.
    true = TruthSummary(network=own.network, networks=own.networks)
    if truth is not None and (truth.state == "done" or truth_events):
        true = truth_summary(truth, truth_events)
    return Study(
        candidates=own.candidates, proxies=_titled(own.proxies) if isinstance(own, SearchSummary) else (),
        whole=_whole(truth, true, own.candidates) if truth is not None else None, winners=_winners(search, own, truth),
        majority=true.majority if own.majority is None else own.majority, majority_test=true.majority_test,
        val_images=true.val_images if own.val_images is None else own.val_images, test_images=true.test_images,
        notes=tuple(dict.fromkeys([*own.notes, *true.notes])),
    )


def _whole(truth: RunRecord, true: TruthSummary, candidates: Sequence[Candidate]) -> ProxyResult:
    """The whole data as a proxy of itself."""
    sample, results = truth.config.get("sample"), _joined(true, candidates)
    return ProxyResult(name=WHOLE, title=WHOLE_TITLE, results=results, images=true.images,
                       seconds=math.fsum(result.seconds for result in results.values()),
                       asked=min(sample, len(candidates)) if isinstance(sample, int) else len(candidates))


def _joined(true: TruthSummary, ours: Sequence[Candidate]) -> Results:
    """The truth's results by the places of the very same networks among ours: another version may order otherwise."""
    places, theirs = {network.identity: network.index for network in ours}, true.candidates
    if any(theirs[number].identity not in places for number in true.results):
        raise RunBroken("the truth is of other networks than the search")
    return {places[theirs[number].identity]: result for number, result in true.results.items()}


def _titled(proxies: Sequence[ProxyResult]) -> tuple[ProxyResult, ...]:
    """The proxies, of those with the same title each with the beginning of its name: two runs of one method."""
    titles = Counter(proxy.title for proxy in proxies)
    return tuple(proxy if titles[proxy.title] == 1 else
                 proxy.model_copy(update={"title": f"{proxy.title} ({proxy.name[:6]})"}) for proxy in proxies)


def _winners(search: RunRecord, own: SearchSummary | TruthSummary, truth: RunRecord | None) -> Results:
    """The networks that the search trained on the whole data; none beside a truth that trains in another way."""
    foreign = truth is not None and differences(search, truth).keys() - {"sample"}
    return own.winners if isinstance(own, SearchSummary) and not foreign else {}


def differences(search: RunRecord, truth: RunRecord) -> dict[str, tuple[Any, Any]]:
    """In what a truth differs from the one that the search asked for: parameter → (what it has, what was asked for).

    By the parameters as they are stored, so that it can be told of data sets and of versions that are not here.
    """
    config = {p.name: search.config.get(p.name) for p in TruthConfig.params() if p.in_key}
    config |= {name: search.config.get(f"truth_{name}") for name in ("steps", "nets", "sample")}
    every = truth.config.get("sample") is None
    if every and isinstance(config["sample"], int) and config["sample"] >= _number(search, truth):
        config["sample"] = None
    return {name: (own, value) for name, value in config.items() if (own := truth.config.get(name)) != value}


def _number(search: RunRecord, truth: RunRecord) -> float:
    """How many networks both are of; no number where neither can tell."""
    for run in (search, truth):
        if isinstance(run.summary, SearchSummary | TruthSummary):
            return len(run.summary.networks)
    try:
        return len(question(search).members())
    except DDCoreError:
        return math.inf


COLUMNS = ("proxy", "title", "index", "network", "place", "accuracy", "std", "n", "seconds", "trial", "pruned", "true",
           "test", "parameters", "macs", "flops")


def frame(study: Study, name: str | None = None) -> pd.DataFrame:
    """One row a (proxy, network) that was trained, the whole data's last; then a column for each option that varies.

    place: in the ranking of its proxy, from 0, those that were given up last; accuracy, std: on the validation split in
    percent; true, test: the same network trained on the whole data, on the validation split and the test images, NaN
    where it was not. name: of one proxy alone.
    """
    options, known, rows = study.options, study.known, list[dict[str, Any]]()
    for proxy in study.sets:
        if name not in (None, proxy.name):
            continue
        ranked, given_up = proxy.ranked, proxy.given_up
        places = {index: at for at, index in enumerate([*ranking(study, ranked), *ranking(study, given_up)])}
        rows += [{"proxy": proxy.name, "title": proxy.title, "place": places[index], "pruned": index in given_up,
                  **_row(study.candidates[index], proxy.results[index], known.get(index), options)}
                 for index in (*ranked, *given_up)]
    return pd.DataFrame(rows, columns=[*COLUMNS, *options])


def _row(
    network: Candidate, result: NetworkResult, true: NetworkResult | None, options: Sequence[str]
) -> dict[str, Any]:
    std, test = result.validation.std, true.test if true else None
    return {"index": network.index, "network": network.name, "accuracy": 100 * result.mean, "n": len(result.accuracies),
            "std": math.nan if std is None else 100 * std, "seconds": result.seconds, "trial": result.trial,
            "true": 100 * true.mean if true else math.nan, "test": 100 * test.mean if test else math.nan,
            "parameters": network.parameters, "macs": network.macs, "flops": 2 * network.macs,
            **{option: network.options.get(option) for option in options}}


def leaderboard(study: Study, proxy: ProxyResult) -> pd.DataFrame:
    """The networks of a proxy from best to worst: rank, network, accuracy (text), mean (percent), flops, seconds, true
    (text: on the whole data, a dash where not known), test (text: the same of this training on the test images), state.

    Equally accurate ones share the better rank; those that were given up stand below, without one.
    """
    true, results = study.known, proxy.results
    ranked = ranking(study, proxy.ranked)
    standings = [results[index].standing for index in ranked]
    rows = list[dict[str, Any]]()
    for index in (*ranked, *ranking(study, proxy.given_up)):
        network, result, given_up = study.candidates[index], results[index], len(rows) >= len(ranked)
        rows.append({
            "rank": None if given_up else 1 + standings.index(result.standing), "network": network.name,
            "accuracy": text.accuracy(result.validation), "mean": 100 * result.mean, "flops": 2 * network.macs,
            "seconds": result.seconds, "true": text.accuracy(true[index].validation if index in true else None),
            "test": text.accuracy(result.test),
            "state": "given up early" if given_up else "diverged" if result.diverged else "",
        })
    return pd.DataFrame(rows, columns=["rank", "network", "accuracy", "mean", "flops", "seconds", "true", "test",
                                       "state"])


def ranking(study: Study, results: Results) -> Sequence[int]:
    """These networks from best to worst by mean validation accuracy; of equally accurate ones the cheaper first.

    Those that diverged come last. The same order by which a search chooses.
    """
    return sorted(results, key=lambda index: (-results[index].standing, study.candidates[index].macs, index))
