"""A search and its truth as they stand, under way or finished: which network reached what on which images."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ddcore.errors import DDCoreError, RunBroken
from ddcore.experiments import KINDS
from ddcore.experiments.metrics import spread
from ddcore.experiments.search import standing
from ddcore.experiments.search_settings import SpaceConfig
from ddcore.experiments.truth import TruthConfig
from ddcore.lazy import lazy
from ddcore.report import text

if TYPE_CHECKING:
    import pandas as pd

    from ddcore.runs.store import RunRecord
else:
    pd = lazy("pandas")

T = TypeVar("T")

WHOLE = "whole"  # stands for the whole training part where a proxy is named
WHOLE_TITLE = "Whole data"


@dataclass(frozen=True)
class Candidate:
    """One network of the space. index: its place in it; macs: of one forward pass of one image."""

    index: int
    name: str
    network: str
    options: Mapping[str, Any]
    parameters: int
    macs: int


@dataclass(frozen=True)
class Score:
    """What one network reached on one training set.

    accuracies: on the validation split, one a seed, as fractions; tested: on the test images, of the truth's networks
    only; trial: the run that trained it; diverged: whether some seed did, so that its accuracies mean nothing.
    """

    accuracies: tuple[float, ...]
    seconds: float = 0.0
    trial: str = ""
    tested: tuple[float, ...] = ()
    diverged: bool = False

    @cached_property
    def mean(self) -> float:
        return standing(self.accuracies)

    @cached_property
    def standing(self) -> float:
        """By which networks are ranked: the mean accuracy, or below all others where it diverged."""
        return standing(self.accuracies, self.diverged)

    @property
    def validation(self) -> dict[str, Any]:
        """{mean, std, n} on the validation split."""
        return spread(list(self.accuracies))

    @property
    def test(self) -> dict[str, Any] | None:
        """{mean, std, n} on the test images, where it was tested."""
        return spread(list(self.tested)) if self.tested else None


@dataclass(frozen=True)
class Proxy:
    """One training set and the networks that were trained on it, by their index in the space.

    scores: in the order tried; pruned: networks that were given up before their last step, which have no rank. run: the
    distilled or chosen set; seconds: of all trainings, as they took when they were computed; seconds_set: of making the
    set; asked: how many networks it is to train. None where not (yet) known.
    """

    name: str
    title: str
    scores: Mapping[int, Score]
    pruned: Mapping[int, Score] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_set: float | None = None
    run: str | None = None
    method: str | None = None
    ipc: int | None = None
    images: int | None = None
    stored_floats: int | None = None
    asked: int | None = None

    @property
    def tried(self) -> int:
        """Networks that it has spent time on."""
        return len(self.scores) + len(self.pruned)


@dataclass(frozen=True)
class Study:
    """The space, every proxy that has begun, and the whole data where a truth was asked for.

    winners: what proxies chose, trained like the truth's by the search itself; majority, majority_test: accuracy
    (fractions) of always answering the most frequent class of the validation split and of the test images; left_out:
    why networks of the space do not fit the images → how many.
    """

    candidates: tuple[Candidate, ...]
    proxies: tuple[Proxy, ...]
    whole: Proxy | None = None
    winners: Mapping[int, Score] = field(default_factory=dict)
    majority: float | None = None
    majority_test: float | None = None
    val_images: int | None = None
    test_images: int | None = None
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def options(self) -> tuple[str, ...]:
        """What varies between the networks, in the order of the space."""
        names = dict.fromkeys(name for one in self.candidates for name in one.options)
        return tuple(name for name in names if len({one.options.get(name) for one in self.candidates}) > 1)

    @property
    def known(self) -> Mapping[int, Score]:
        """All networks that were trained on the whole data: the truth's, and those that were chosen."""
        return {**self.winners, **(self.whole.scores if self.whole else {})}

    @property
    def sets(self) -> tuple[Proxy, ...]:
        """The proxies and, last, the whole data."""
        return (*self.proxies, *([self.whole] if self.whole else []))

    def proxy(self, name: str) -> Proxy | None:
        """The one of this name, `WHOLE` included; None where it has not begun."""
        return next((one for one in self.sets if one.name == name), None)


Events = Iterable[Mapping[str, Any]]


def study(search: RunRecord, events: Events = (), truth: RunRecord | None = None, truth_events: Events = ()) -> Study:
    """What a search and its truth have found so far: from their summaries once they are done, until then from events.

    search: or a truth by itself. Raises RunBroken where a run that somebody brought holds something else than a search
    writes.
    """
    if search.kind == "truth":
        truth, truth_events, events = search, events, ()
    try:
        return _study(search, events, truth, truth_events)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise RunBroken(f"run {search.id} or its truth holds what no search writes there: {error!r}") from error


def _study(search: RunRecord, events: Events, truth: RunRecord | None, truth_events: Events) -> Study:
    found = _candidates(search)
    known, true = search.summary, truth.summary if truth else {}
    told = known["proxies"] if "proxies" in known else _gathered(events, search.config.get("trials"))
    return Study(
        candidates=found,
        proxies=_told_apart([_proxy(one, len(found)) for one in told]),
        whole=_whole(truth, truth_events, found) if truth else None,
        winners=_winners(search, events, truth, len(found)),
        majority=_either("majority", known, true), majority_test=true.get("majority_test"),
        val_images=_either("val_images", known, true), test_images=true.get("test_images"),
        notes=tuple(dict.fromkeys([*known.get("notes", ()), *true.get("notes", ())])),
        left_out=dict(_either("left_out", known, true) or {}),
    )


def _winners(search: RunRecord, events: Events, truth: RunRecord | None, networks: int) -> dict[int, Score]:
    """The networks that the search trained on the whole data; none beside a truth that trains in another way."""
    if truth is not None and differences(search, truth).keys() - {"sample"}:
        return {}
    told = search.summary.get("winners") or {e["network"]: e for e in events if e.get("event") == "winner"}
    return {_index(index, networks): _score(one) for index, one in told.items()}


def differences(search: RunRecord, truth: RunRecord) -> dict[str, tuple[Any, Any]]:
    """In what a truth differs from the one that the search asked for: parameter → (what it has, what was asked for).

    By the parameters as they are stored, so that it can be told of data sets and of versions that are not here.
    """
    asked = {p.name: search.config.get(p.name) for p in TruthConfig.params() if p.in_key}
    asked |= {name: search.config.get(f"truth_{name}") for name in ("steps", "nets", "sample")}
    if asked["sample"] and truth.config.get("sample") is None and asked["sample"] >= _number(search, truth):
        asked["sample"] = None
    told = {name: truth.config.get(name) for name in asked}
    return {name: (told[name], value) for name, value in asked.items() if told[name] != value}


def _number(search: RunRecord, truth: RunRecord) -> float:
    """How many networks both are of; no number where neither can tell."""
    if told := search.summary.get("networks") or truth.summary.get("networks"):
        return len(told)
    try:
        return len(_candidates(search))
    except DDCoreError:
        return math.inf


def _told_apart(proxies: Sequence[Proxy]) -> tuple[Proxy, ...]:
    """The proxies, of those with the same title each with the beginning of its name: two runs of one method."""
    counted = Counter(one.title for one in proxies)
    return tuple(
        replace(one, title=f"{one.title} ({one.name[:6]})") if counted[one.title] > 1 else one for one in proxies
    )


def _either(name: str, *summaries: Mapping[str, Any]) -> Any:
    return next((summary[name] for summary in summaries if summary.get(name) is not None), None)


def _candidates(search: RunRecord) -> tuple[Candidate, ...]:
    """The networks as the finished search names them, else those that it declares."""
    told = search.summary
    if "networks" not in told:
        config = KINDS[search.kind].config(search.name).build(search.config)
        assert isinstance(config, SpaceConfig)
        told = config.about()
    return tuple(
        Candidate(
            index, str(one["name"]), str(told["network"]), _options(one["options"]), int(one["parameters"]),
            int(one["macs"]),
        )
        for index, one in enumerate(told["networks"])
    )


def _options(told: Mapping[str, Any]) -> dict[str, Any]:
    if strange := [value for value in told.values() if not isinstance(value, str | int | float)]:
        raise ValueError(f"an option of {strange[0]!r}")
    return dict(told)


def _gathered(events: Events, trials: int | None = None) -> list[dict[str, Any]]:
    """The events of a search or a truth as its summary will tell them; of a trial that is told twice the last.

    trials: how many networks are asked for, where that is not all of them.
    """
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        name = str(event.get("proxy", WHOLE))
        one = found.setdefault(name, {"proxy": name, "title": name, "scores": {}})
        if event.get("event") == "proxy":
            one |= {"title": event["title"], "asked": trials or event["networks"]}
        elif event.get("event") == "trial":
            one["scores"].pop(event["network"], None)  # last tried, last told
            one["scores"][event["network"]] = event
    for one in found.values():
        one["pruned"] = [index for index, event in one["scores"].items() if event.get("pruned")]
    return [one for one in found.values() if one["scores"] or "asked" in one]


def _whole(truth: RunRecord, events: Events, found: Sequence[Candidate]) -> Proxy:
    """The whole data as a proxy of itself, its networks by their places among those that were `found`."""
    known, asked = truth.summary, truth.config.get("sample") or len(found)
    told: Mapping[str, Any] = {"scores": {}}
    if known:
        told = {"scores": known["scores"], "images": known.get("images")}
    elif gathered := _gathered(events):
        told = gathered[0]
    if told["scores"]:
        told = {**told, "scores": _joined(told["scores"], _candidates(truth), found)}
    return _proxy({**told, "proxy": WHOLE, "title": WHOLE_TITLE, "asked": min(asked, len(found))}, len(found))


def _joined(scores: Mapping[Any, T], theirs: Sequence[Candidate], ours: Sequence[Candidate]) -> dict[int, T]:
    """Scores of their networks by the places of the very same ones among ours: another version may order otherwise."""
    places = {_what(one): one.index for one in ours}
    if len(places) < len(ours) or len({_what(one) for one in theirs}) < len(theirs):
        raise ValueError("the same network twice")
    return {places[_what(theirs[_index(index, len(theirs))])]: one for index, one in scores.items()}


def _what(one: Candidate) -> tuple[str, frozenset[tuple[str, Any]]]:
    """What a network is, wherever it stands."""
    return one.network, frozenset(one.options.items())


def _proxy(told: Mapping[str, Any], networks: int) -> Proxy:
    scores = {_index(index, networks): _score(one) for index, one in told["scores"].items()}
    order = [_index(index, networks) for index in told.get("order", scores)]
    pruned = {_index(index, networks) for index in told.get("pruned", ())}
    known = [index for index in dict.fromkeys([*order, *scores]) if index in scores]
    spent = told.get("seconds")
    return Proxy(
        name=str(told["proxy"]), title=str(told["title"]),
        scores={index: scores[index] for index in known if index not in pruned},
        pruned={index: scores[index] for index in known if index in pruned},
        seconds=math.fsum(one.seconds for one in scores.values()) if spent is None else float(spent),
        seconds_set=_known(float, told, "seconds_set"), run=_known(str, told, "run"),
        method=_known(str, told, "method"), ipc=_known(int, told, "ipc"), images=_known(int, told, "images"),
        stored_floats=_known(int, told, "stored_floats"), asked=_known(int, told, "asked"),
    )


def _score(told: Mapping[str, Any]) -> Score:
    accuracies = tuple(map(_share, told["accuracies"]))
    if not accuracies:
        raise ValueError("a network without an accuracy")
    tested = tuple(map(_share, told.get("accuracies_test") or ()))
    spent, trial = float(told.get("seconds") or 0), str(told.get("trial") or "")
    return Score(accuracies, spent, trial, tested, bool(told.get("diverged")))


def _index(told: Any, networks: int) -> int:
    if not 0 <= (index := int(told)) < networks:
        raise ValueError(f"network {told} of {networks}")
    return index


def _share(told: Any) -> float:
    if not 0 <= (value := float(told)) <= 1:
        raise ValueError(f"an accuracy of {told}")
    return value


def _known(type_: Callable[[Any], T], told: Mapping[str, Any], name: str) -> T | None:
    return None if (value := told.get(name)) is None else type_(value)


COLUMNS = ("proxy", "title", "index", "network", "place", "accuracy", "std", "n", "seconds", "trial", "pruned", "true",
           "test", "parameters", "macs", "flops")


def frame(study: Study, name: str | None = None) -> pd.DataFrame:
    """One row a (proxy, network) that was trained, the whole data's last; then a column for each option that varies.

    place: in the ranking of its proxy, from 0, those that were given up last; accuracy, std: on the validation split in
    percent; true, test: the same network trained on the whole data, on the validation split and the test images, NaN
    where it was not. name: of one proxy alone.
    """
    rows = [
        {**_row(study, proxy, index, score), "place": places[index]}
        for proxy in study.sets if name in (None, proxy.name)
        for places in [_places(study, proxy)]
        for index, score in [*proxy.scores.items(), *proxy.pruned.items()]
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS, *study.options])


def _places(study: Study, proxy: Proxy) -> dict[int, int]:
    ranked = [*ranking(study, proxy.scores), *ranking(study, proxy.pruned)]
    return {index: place for place, index in enumerate(ranked)}


def _row(study: Study, proxy: Proxy, index: int, score: Score) -> dict[str, Any]:
    one = study.candidates[index]
    true = study.known.get(index)
    return {
        "proxy": proxy.name, "title": proxy.title, "index": index, "network": one.name,
        "accuracy": 100 * score.mean, "n": len(score.accuracies),
        "std": 100 * statistics.stdev(score.accuracies) if len(score.accuracies) > 1 else math.nan,
        "seconds": score.seconds, "trial": score.trial, "pruned": index in proxy.pruned,
        "true": 100 * true.mean if true else math.nan,
        "test": 100 * statistics.fmean(true.tested) if true and true.tested else math.nan,
        "parameters": one.parameters, "macs": one.macs, "flops": 2 * one.macs,
        **{option: one.options.get(option) for option in study.options},
    }


def leaderboard(study: Study, proxy: Proxy) -> pd.DataFrame:
    """The networks of a proxy from best to worst: rank, network, accuracy (text), mean (percent), flops, seconds, true
    (text: on the whole data, a dash where not known), test (text: the same of this training on the test images), state.

    Equally accurate ones share the better rank; those that were given up stand below, without one.
    """
    ranked = ranking(study, proxy.scores)
    stands = [proxy.scores[index].standing for index in ranked]
    below, true = ranking(study, proxy.pruned), study.known
    return pd.DataFrame(
        [
            {
                "rank": rank, "network": study.candidates[index].name, "accuracy": text.accuracy(score.validation),
                "mean": 100 * score.mean, "flops": 2 * study.candidates[index].macs, "seconds": score.seconds,
                "true": text.accuracy(true[index].validation) if index in true else text.NONE,
                "test": text.accuracy(score.test),
                "state": "given up early" if rank is None else "diverged" if score.diverged else "",
            }
            for rank, index, score in [
                *((1 + stands.index(proxy.scores[index].standing), index, proxy.scores[index]) for index in ranked),
                *((None, index, proxy.pruned[index]) for index in below),
            ]
        ],
        columns=["rank", "network", "accuracy", "mean", "flops", "seconds", "true", "test", "state"],
    )


def ranking(study: Study, scores: Mapping[int, Score]) -> Sequence[int]:
    """These networks from best to worst by mean validation accuracy; of equally accurate ones the cheaper first.

    Those that diverged come last. The same order by which a search chooses.
    """
    return sorted(scores, key=lambda index: (-scores[index].standing, study.candidates[index].macs, index))
