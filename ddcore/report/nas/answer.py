"""What a search found out: whether a small set ranks networks as the whole data does, what it chose, what it cost.

Networks are ranked and chosen by their mean accuracy on the validation split. The test images judge the chosen one
beside the best one, and nothing is chosen by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddcore.experiments.search_results import Candidate, NetworkResult, ProxyResult, Results
from ddcore.lazy import pd
from ddcore.report import text
from ddcore.report.nas import ranking as ranks
from ddcore.report.nas.ranking import Agreement, Coefficient
from ddcore.report.nas.study import Study, ranking
from ddcore.report.tradeoff import front
from ddcore.summary import Accuracy

RANDOM = "random"  # the proxy that the others are held against
COLUMNS = ("Ranked on", "Networks", "Held against", "Spearman", "Kendall", "Spearman, top 20 %", "Spearman, top 10 %",
           "Spearman, top 5 %", "Selected network", "Whole-data validation", "Whole-data test", "Regret (points)",
           "Time", "Whole data instead (projected)", "Trainings", "Making the set", "Stored images")


@dataclass(frozen=True)
class Selected:
    """The network that one training set chose. score: on that set; whole: trained on the whole data, None until it
    is."""

    candidate: Candidate
    score: NetworkResult
    whole: NetworkResult | None


@dataclass(frozen=True)
class Line:
    """What one proxy found.

    overall: over all networks that both it and the whole data ranked; tops: over the best 5, 10, 20 % of these by true
    accuracy; over_random: how much higher its ρ is than that of random real images. selected: the best of all networks
    that it ranked, the cheaper of equals. regret: how much more accurate the best network known on the whole data is,
    in points of validation accuracy; None where the selected one diverged there. instead: seconds that as many
    trainings of as many seeds would take on the whole data, projected from those that are known.
    """

    proxy: ProxyResult
    overall: Agreement
    tops: Mapping[int, Agreement]
    over_random: Coefficient | None
    selected: Selected | None
    regret: float | None
    instead: float | None

    @property
    def n(self) -> int:
        """Networks ranked by both."""
        return self.overall.n

    @property
    def seconds(self) -> float:
        """All that it took: making the set and every training."""
        return self.proxy.seconds + (self.proxy.seconds_set or 0)

    @property
    def share(self) -> float | None:
        """What it took over what the whole data would take."""
        return self.seconds / self.instead if self.instead else None


@dataclass(frozen=True)
class Answer:
    """All proxies, in the order of the search. best: of the networks known on the whole data, None until there is one.

    study: where majority classes, notes and numbers of images stand.
    """

    study: Study
    lines: tuple[Line, ...]
    best: Selected | None

    def line(self, name: str) -> Line | None:
        """The line of this proxy; None where it has not begun."""
        return next((one for one in self.lines if one.proxy.name == name), None)


def answer(study: Study) -> Answer:
    """What a search says by now.

    Chosen networks that a sampled truth left out count for regret; not for the coefficients, since they are no random
    sample.
    """
    best = _selected(study, study.known)
    return Answer(study, tuple(_line(study, proxy, best) for proxy in study.proxies), best)


def _line(study: Study, proxy: ProxyResult, best: Selected | None) -> Line:
    ranked, true = proxy.ranked, study.true
    both = [index for index in true if index in ranked]
    found, wanted = _standings(ranked, both), _standings(true, both)
    selected = _selected(study, ranked)
    judged = selected.whole if selected and selected.whole and not selected.whole.diverged else None
    regret = 100 * (best.score.mean - judged.mean) if best and judged else None
    return Line(
        proxy, ranks.agreement(found, wanted), ranks.tops(found, wanted), _over_random(study, proxy), selected,
        None if regret is None else round(regret, 9), _instead(study, proxy),
    )


def _standings(results: Results, indices: list[int]) -> list[float]:
    return [results[index].standing for index in indices]


def _selected(study: Study, results: Results) -> Selected | None:
    """The best of these networks."""
    for index in ranking(study, results)[:1]:
        return Selected(study.candidates[index], results[index], study.known.get(index))
    return None


def _over_random(study: Study, proxy: ProxyResult) -> Coefficient | None:
    """None for random itself, and where it is no part of the search."""
    random = study.proxy(RANDOM)
    if random is None or proxy is random:
        return None
    sets = (proxy.ranked, random.ranked, study.true)
    shared = [index for index in study.true if all(index in results for results in sets)]
    return ranks.difference(*(_standings(results, shared) for results in sets))


def _instead(study: Study, proxy: ProxyResult) -> float | None:
    whole = study.whole
    if whole is None or not whole.seconds or not proxy.results:
        return None
    return proxy.trainings * whole.seconds / whole.trainings


def table(found: Answer) -> pd.DataFrame:
    """One row a proxy as in the papers' tables, random real images like the others, and the whole data last; texts.

    Of the columns of the best networks those that hold the same networks as a larger one are left out.
    """
    rows = [_texts(line) for line in found.lines]
    if (whole := found.study.whole) and (own := _selected(found.study, whole.results)):
        rows.append(_whole_texts(whole, own, found.best))
    left_out = [_top(percent) for percent, larger in distinct(found).items() if larger]
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in left_out])


def distinct(found: Answer) -> dict[int, int | None]:
    """Percent of the best networks, largest first → the larger percent that are the same networks, else None.

    Few networks and equally accurate ones, which are taken along, make them so.
    """
    told: dict[int, int | None] = {}
    for percent in sorted(ranks.TOPS, reverse=True):
        sizes = {p: [line.tops[p].n for line in found.lines] for p in (*told, percent)}
        told[percent] = next((larger for larger in told if sizes[larger] == sizes[percent]), None)
    return told


def remarks(found: Answer) -> list[str]:
    """Why top columns of the table are left out, and why there are dashes in the others."""
    same = distinct(found)
    if not any(line.n for line in found.lines):
        return []
    whys = {
        percent: dict.fromkeys(line.tops[percent].spearman.reason for line in found.lines
                               if line.n and line.tops[percent].spearman.value is None)
        for percent, larger in same.items() if larger is None
    }
    told = [f"Top {percent} %: {'; '.join(why)}." for percent, why in whys.items() if why]
    return told + [f"Top {percent} %: the same networks as the top {larger} %." for percent, larger in same.items()
                   if larger]


def _top(percent: int) -> str:
    return f"Spearman, top {percent} %"


def _texts(line: Line) -> dict[str, str]:
    proxy, selected = line.proxy, line.selected
    return {
        "Ranked on": proxy.title, "Networks": _how_many(proxy), "Held against": f"{line.n:,}",
        "Spearman": coefficient(line.overall.spearman), "Kendall": coefficient(line.overall.kendall),
        **{_top(percent): _of_few(one.spearman) for percent, one in line.tops.items()},
        "Selected network": selected.candidate.name if selected else text.NONE, **_judged(selected),
        "Regret (points)": text.NONE if line.regret is None else points(line.regret),
        "Time": text.duration(line.seconds), "Whole data instead (projected)": text.duration(line.instead),
        "Trainings": _each(proxy), "Making the set": text.duration(proxy.seconds_set),
        "Stored images": text.NONE if proxy.images is None else f"{proxy.images:,}",
    }


def _how_many(proxy: ProxyResult) -> str:
    """ "54", "27, 27 given up"."""
    return f"{len(proxy.ranked):,}" + (f", {len(proxy.pruned):,} given up" if proxy.pruned else "")


def _each(proxy: ProxyResult) -> str:
    """ "72 of 1.4 s"."""
    many = proxy.trainings
    return f"{many:,} of {text.duration(proxy.seconds / many)}" if many else text.NONE


def points(regret: float) -> str:
    """ "1.0", and "< 0.1" of what is not nothing, but would be called so."""
    return "< 0.1" if 0 < regret < 0.05 else f"{regret:.1f}"


def _whole_texts(whole: ProxyResult, own: Selected, best: Selected | None) -> dict[str, str]:
    """The truth's own choice, which is not the best known one where a proxy chose a better one outside its sample."""
    behind = 100 * (best.score.mean - own.score.mean) if best else 0.0
    nothing = dict.fromkeys(COLUMNS, text.NONE)
    return nothing | {
        "Ranked on": whole.title, "Networks": f"{len(whole.results):,}", "Selected network": own.candidate.name,
        **_judged(own), "Regret (points)": points(round(behind, 9)), "Time": text.duration(whole.seconds),
        "Trainings": _each(whole), "Stored images": text.NONE if whole.images is None else f"{whole.images:,}",
    }


def _judged(selected: Selected | None) -> dict[str, str]:
    whole = selected.whole if selected else None
    return {
        "Whole-data validation": text.accuracy(whole.validation if whole else None),
        "Whole-data test": text.accuracy(whole.test if whole else None),
    }


def coefficient(one: Coefficient) -> str:
    """ "0.82 (−0.05 to 0.90)"; without the interval where there is none, a dash where there is no value."""
    if one.value is None:
        return text.NONE
    return _signed(one.value) + ("" if one.low is None or one.high is None else
                                 f" ({_signed(one.low)} to {_signed(one.high)})")


def _signed(value: float) -> str:
    """Two digits, with a real minus, and none before nothing."""
    return f"{value:z.2f}".replace("-", "−")


def _of_few(one: Coefficient) -> str:
    """Of the best networks, whose number is told with every coefficient."""
    return f"{coefficient(one)}, n = {one.n}"


def to_json(found: Answer) -> dict[str, Any]:
    """The answer for scripts: accuracies as fractions, regret in points; what is not known is null, and says why."""
    return {"proxies": [_line_json(line) for line in found.lines], "truth": _truth_json(found)}


def _line_json(line: Line) -> dict[str, Any]:
    proxy = line.proxy
    return {
        "proxy": proxy.name, "title": proxy.title, "run": proxy.run, "method": proxy.method, "ipc": proxy.ipc,
        "networks": len(proxy.ranked), "asked": proxy.asked, "pruned": len(proxy.pruned),
        "diverged": sum(score.diverged for score in proxy.ranked.values()), **_agreement_json(line.overall),
        "top": {str(percent): _agreement_json(one) for percent, one in line.tops.items()},
        "over_random": _coefficient_json(line.over_random) if line.over_random else None,
        "selected": _selected_json(line.selected), "regret": line.regret, "trainings": proxy.trainings,
        "seconds": proxy.seconds, "seconds_set": proxy.seconds_set, "seconds_whole_projected": line.instead,
        "share_of_whole": line.share, "stored_images": proxy.images, "stored_floats": proxy.stored_floats,
    }


def _agreement_json(one: Agreement) -> dict[str, Any]:
    return {"n": one.n, "spearman": _coefficient_json(one.spearman), "kendall": _coefficient_json(one.kendall)}


def _coefficient_json(one: Coefficient) -> dict[str, Any]:
    told = {"value": one.value, "low": one.low, "high": one.high, "n": one.n}
    return {**told, "reason": one.reason} if one.reason else told


def _selected_json(selected: Selected | None) -> dict[str, Any] | None:
    if selected is None:
        return None
    one, whole = selected.candidate, selected.whole
    return {
        "network": one.network, "name": one.name, "options": dict(one.options),
        "proxy": _accuracy_json(selected.score.validation),
        "val": _accuracy_json(whole.validation if whole else None),
        "test": _accuracy_json(whole.test if whole else None),
    }


def _accuracy_json(one: Accuracy | None) -> dict[str, Any] | None:
    return {"mean": one.mean, "std": one.std, "n": one.n} if one else None


def _truth_json(found: Answer) -> dict[str, Any] | None:
    study = found.study
    if study.whole is None:
        return None
    return {
        "n": len(study.whole.results), "asked": study.whole.asked, "best": _selected_json(found.best),
        "trainings": study.whole.trainings, "seconds": study.whole.seconds, "images": study.whole.images,
        "val_images": study.val_images,
        "test_images": study.test_images, "majority": study.majority, "majority_test": study.majority_test,
    }


def ranked(found: Answer, name: str) -> pd.DataFrame:
    """One row a network that both this proxy and the whole data ranked: network, rank, true_rank, accuracy, true
    (percent), selected, best (all that are as accurate as the best known one).

    Rank 1 is the best of these, those that diverged come last; equally accurate ones share their mean rank.
    """
    study, line, true = found.study, found.line(name), found.study.true
    results = line.proxy.ranked if line else {}
    both = [index for index in results if index in true]
    frame = pd.DataFrame(
        [
            {
                "network": study.candidates[index].name, "accuracy": 100 * results[index].mean,
                "true": 100 * true[index].mean, "selected": _is(line.selected, index),
                "best": found.best is not None and true[index].standing == found.best.score.standing,
            }
            for index in both if line
        ],
        columns=["network", "accuracy", "true", "selected", "best"],
    ).astype({"selected": bool, "best": bool})
    return frame.assign(rank=_ranks(results, both), true_rank=_ranks(true, both))


def _ranks(results: Results, indices: list[int]) -> pd.Series:
    return pd.Series(_standings(results, indices), dtype=float).rank(ascending=False, method="average")


def _is(selected: Selected | None, index: int) -> bool:
    return selected is not None and selected.candidate.index == index


def costs(found: Answer, name: str) -> pd.DataFrame:
    """One row a network ranked by this proxy (or the whole data): network, flops, mean, std (percent), front, selected.

    front: it did not diverge, and no other network costs at most as much and is at least as accurate.
    """
    study = found.study
    proxy, line = study.proxy(name), found.line(name)
    results = proxy.ranked if proxy else {}
    selected = line.selected if line else found.best
    flops = [2 * study.candidates[index].macs for index in results]
    on = front(flops, [one.standing for one in results.values()])
    return pd.DataFrame(
        [
            {
                "network": study.candidates[index].name, "flops": price, "mean": 100 * result.mean,
                "std": 100 * std if (std := result.validation.std) is not None else math.nan,
                "front": best and not result.diverged, "selected": _is(selected, index),
            }
            for (index, result), price, best in zip(results.items(), flops, on, strict=True)
        ],
        columns=["network", "flops", "mean", "std", "front", "selected"],
    ).astype({"front": bool, "selected": bool})
