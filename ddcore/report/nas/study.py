"""A search and its truth as they stand, under way or finished: which network reached what on which images."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from ddcore.errors import DDCoreError, RunBroken
from ddcore.experiments.search_results import Candidate, ProxyResult, Results, SearchSummary, TruthSummary
from ddcore.experiments.truth import TruthConfig
from ddcore.lazy import pd
from ddcore.report import text
from ddcore.report.nas.events import Events, question, search_summary, truth_summary
from ddcore.runs.store import RunRecord
from ddcore.summary import problems

T = TypeVar("T")

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
        names = dict.fromkeys(name for one in self.candidates for name in one.options)
        return tuple(name for name in names if len({one.options.get(name) for one in self.candidates}) > 1)

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
        return next((one for one in self.sets if one.name == name), None)


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
        told = "; ".join(problems(error))
        raise RunBroken(f"run {search.id} or its truth holds what no search writes there: {told}") from error


def _study(search: RunRecord, events: Events, truth: RunRecord | None, truth_events: Events) -> Study:
    found: SearchSummary | TruthSummary
    found = truth_summary(search, truth_events) if truth is search else search_summary(search, events)
    # Of a truth that has told nothing yet nothing needs to be known, not even whether it can be computed here.
    true = TruthSummary(network=found.network, networks=found.networks)
    if truth is not None and (truth.state == "done" or truth_events):
        true = truth_summary(truth, truth_events)
    return Study(
        candidates=found.candidates, proxies=_told_apart(found.proxies) if isinstance(found, SearchSummary) else (),
        whole=_whole(truth, true, found.candidates) if truth is not None else None,
        winners=_winners(search, found, truth),
        majority=_either(found.majority, true.majority), majority_test=true.majority_test,
        val_images=_either(found.val_images, true.val_images), test_images=true.test_images,
        notes=tuple(dict.fromkeys([*found.notes, *true.notes])),
    )


def _either(first: T | None, second: T | None) -> T | None:
    return second if first is None else first


def _whole(truth: RunRecord, true: TruthSummary, candidates: Sequence[Candidate]) -> ProxyResult:
    """The whole data as a proxy of itself."""
    sample, results = truth.config.get("sample"), _joined(true, candidates)
    return ProxyResult(
        name=WHOLE, title=WHOLE_TITLE, results=results, images=true.images,
        seconds=math.fsum(one.seconds for one in results.values()),
        asked=min(sample, len(candidates)) if isinstance(sample, int) else len(candidates),
    )


def _joined(true: TruthSummary, ours: Sequence[Candidate]) -> Results:
    """The truth's results by the places of the very same networks among ours: another version may order otherwise."""
    places, theirs = {one.identity: one.index for one in ours}, true.candidates
    if any(theirs[number].identity not in places for number in true.results):
        raise RunBroken("the truth is of other networks than the search")
    return {places[theirs[number].identity]: result for number, result in true.results.items()}


def _told_apart(proxies: Sequence[ProxyResult]) -> tuple[ProxyResult, ...]:
    """The proxies, of those with the same title each with the beginning of its name: two runs of one method."""
    counted = Counter(one.title for one in proxies)
    return tuple(one.model_copy(update={"title": f"{one.title} ({one.name[:6]})"}) if counted[one.title] > 1 else one
                 for one in proxies)


def _winners(search: RunRecord, found: SearchSummary | TruthSummary, truth: RunRecord | None) -> Results:
    """The networks that the search trained on the whole data; none beside a truth that trains in another way."""
    foreign = truth is not None and differences(search, truth).keys() - {"sample"}
    return found.winners if isinstance(found, SearchSummary) and not foreign else {}


def differences(search: RunRecord, truth: RunRecord) -> dict[str, tuple[Any, Any]]:
    """In what a truth differs from the one that the search asked for: parameter → (what it has, what was asked for).

    By the parameters as they are stored, so that it can be told of data sets and of versions that are not here.
    """
    asked = {p.name: search.config.get(p.name) for p in TruthConfig.params() if p.in_key}
    asked |= {name: search.config.get(f"truth_{name}") for name in ("steps", "nets", "sample")}
    every = truth.config.get("sample") is None
    if every and isinstance(asked["sample"], int) and asked["sample"] >= _number(search, truth):
        asked["sample"] = None
    told = {name: truth.config.get(name) for name in asked}
    return {name: (told[name], value) for name, value in asked.items() if told[name] != value}


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
    options, known = study.options, study.known
    rows = [
        {**_row(study.candidates[index], proxy.results, known, options), "proxy": proxy.name, "title": proxy.title,
         "place": places[index], "pruned": index in given_up}
        for proxy in study.sets if name in (None, proxy.name)
        for ranked, given_up in [(proxy.ranked, proxy.given_up)]
        for places in [_places(study, ranked, given_up)]
        for index in (*ranked, *given_up)
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS, *options])


def _places(study: Study, *results: Results) -> dict[int, int]:
    return {index: place for place, index in enumerate(index for each in results for index in ranking(study, each))}


def _row(one: Candidate, results: Results, known: Results, options: Sequence[str]) -> dict[str, Any]:
    result, true = results[one.index], known.get(one.index)
    std, test = result.validation.std, true.test if true else None
    return {
        "index": one.index, "network": one.name, "accuracy": 100 * result.mean, "n": len(result.accuracies),
        "std": math.nan if std is None else 100 * std, "seconds": result.seconds, "trial": result.trial,
        "true": 100 * true.mean if true else math.nan, "test": 100 * test.mean if test else math.nan,
        "parameters": one.parameters, "macs": one.macs, "flops": 2 * one.macs,
        **{option: one.options.get(option) for option in options},
    }


def leaderboard(study: Study, proxy: ProxyResult) -> pd.DataFrame:
    """The networks of a proxy from best to worst: rank, network, accuracy (text), mean (percent), flops, seconds, true
    (text: on the whole data, a dash where not known), test (text: the same of this training on the test images), state.

    Equally accurate ones share the better rank; those that were given up stand below, without one.
    """
    ranked = ranking(study, proxy.ranked)
    below, true, results = ranking(study, proxy.given_up), study.known, proxy.results
    stands = [results[index].standing for index in ranked]
    return pd.DataFrame(
        [
            {
                "rank": rank, "network": study.candidates[index].name, "accuracy": text.accuracy(result.validation),
                "mean": 100 * result.mean, "flops": 2 * study.candidates[index].macs, "seconds": result.seconds,
                "true": text.accuracy(true[index].validation) if index in true else text.NONE,
                "test": text.accuracy(result.test),
                "state": "given up early" if rank is None else "diverged" if result.diverged else "",
            }
            for rank, index, result in [
                *((1 + stands.index(results[index].standing), index, results[index]) for index in ranked),
                *((None, index, results[index]) for index in below),
            ]
        ],
        columns=["rank", "network", "accuracy", "mean", "flops", "seconds", "true", "test", "state"],
    )


def ranking(study: Study, results: Results) -> Sequence[int]:
    """These networks from best to worst by mean validation accuracy; of equally accurate ones the cheaper first.

    Those that diverged come last. The same order by which a search chooses.
    """
    return sorted(results, key=lambda index: (-results[index].standing, study.candidates[index].macs, index))
