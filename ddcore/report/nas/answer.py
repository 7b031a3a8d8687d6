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

RANDOM = "random"  # the proxy that the others are compared with
TOPS = {percent: f"Spearman, top {percent} %" for percent in sorted(ranks.TOPS, reverse=True)}  # percent → column
COLUMNS = ("Ranked on", "Networks", "Compared with", "Spearman", "Kendall", *TOPS.values(), "Selected network",
           "Whole-data validation", "Whole-data test", "Regret (points)", "Time", "Whole data instead (projected)",
           "Trainings", "Making the set", "Stored images")


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
        return next((line for line in self.lines if line.proxy.name == name), None)


def answer(study: Study) -> Answer:
    """What a search says by now.

    Chosen networks that a sampled truth left out count for regret; not for the coefficients, since they are no random
    sample.
    """
    best = _selected(study, study.known)
    return Answer(study, tuple(_line(study, proxy, best) for proxy in study.proxies), best)


def _line(study: Study, proxy: ProxyResult, best: Selected | None) -> Line:
    ranked, true, whole = proxy.ranked, study.true, study.whole
    both = [index for index in true if index in ranked]
    on_proxy, on_whole = _standings(ranked, both), _standings(true, both)
    selected = _selected(study, ranked)
    judged = selected.whole if selected and selected.whole and not selected.whole.diverged else None
    regret = round(100 * (best.score.mean - judged.mean), 9) if best and judged else None
    instead = proxy.trainings * whole.seconds / whole.trainings if whole and whole.seconds and proxy.results else None
    return Line(proxy, ranks.agreement(on_proxy, on_whole), ranks.tops(on_proxy, on_whole), _over_random(study, proxy),
                selected, regret, instead)


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


def table(answer: Answer) -> pd.DataFrame:
    """One row a proxy as in the papers' tables, random real images like the others, and the whole data last; texts.

    Of the columns of the best networks those that hold the same networks as a larger one are left out.
    """
    rows = [_texts(line) for line in answer.lines]
    if (whole := answer.study.whole) and (own := _selected(answer.study, whole.results)):
        rows.append(_whole_texts(whole, own, answer.best))
    left_out = [TOPS[percent] for percent, larger in distinct(answer).items() if larger]
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in left_out])


def brief(answer: Answer) -> pd.DataFrame:
    """One row a proxy with what a person asks first: what it picked, how good that is, whether by chance; texts."""
    rows = [{
        "Ranked on": line.proxy.title, "Network picked": line.selected.candidate.name if line.selected else text.NONE,
        "Its true place": "{:,} of {:,}".format(*at) if (at := place(answer, line)) else text.NONE,
        "Points behind": text.NONE if line.regret is None else points(line.regret),
        "Spearman's ρ": coefficient(line.overall.spearman), "Better than chance": chance(line.overall.spearman),
        "Time": text.duration(line.seconds), "Whole data": text.duration(line.instead),
    } for line in answer.lines]
    return pd.DataFrame(rows, columns=["Ranked on", "Network picked", "Its true place", "Points behind", "Spearman's ρ",
                                       "Better than chance", "Time", "Whole data"])


def place(answer: Answer, line: Line) -> tuple[int, int] | None:
    """(place of the network that a proxy picked, of how many) by accuracy after training on the whole data.

    Equally accurate ones share the better place. None where it was not trained on the whole data, or diverged there.
    """
    whole = line.selected.whole if line.selected else None
    if whole is None or whole.diverged:
        return None
    known = answer.study.known.values()
    return 1 + sum(other.standing > whole.standing for other in known), len(known)


def chance(rho: Coefficient) -> str:
    """Whether a ranking agrees more than chance would make it: by its interval, never by its value alone."""
    if rho.value is None:
        return text.NONE
    if rho.low is None or rho.high is None:
        return "too few networks"
    return "yes" if rho.low > 0 else "no, reversed" if rho.high < 0 else "not sure"


def distinct(answer: Answer) -> dict[int, int | None]:
    """Percent of the best networks, largest first → the larger percent that are the same networks, else None.

    Few networks and equally accurate ones, which are taken along, make them so.
    """
    sizes = {percent: [line.tops[percent].n for line in answer.lines] for percent in TOPS}
    return {percent: next((larger for larger in TOPS if larger > percent and sizes[larger] == sizes[percent]), None)
            for percent in TOPS}


def remarks(answer: Answer) -> list[str]:
    """Why top columns of the table are left out, and why there are dashes in the others."""
    ranked = [line for line in answer.lines if line.n]
    if not ranked:
        return []
    same = distinct(answer)
    reasons = {
        percent: dict.fromkeys(line.tops[percent].spearman.reason for line in ranked
                               if line.tops[percent].spearman.value is None)
        for percent, larger in same.items() if larger is None
    }
    return [
        *(f"Top {percent} %: {'; '.join(why)}." for percent, why in reasons.items() if why),
        *(f"Top {percent} %: the same networks as the top {larger} %." for percent, larger in same.items() if larger),
    ]


def _texts(line: Line) -> dict[str, str]:
    proxy, selected = line.proxy, line.selected
    return {"Ranked on": proxy.title, "Networks": _how_many(proxy), "Compared with": f"{line.n:,}",
            "Spearman": coefficient(line.overall.spearman), "Kendall": coefficient(line.overall.kendall),
            **{TOPS[percent]: f"{coefficient(top.spearman)}, n = {top.n}" for percent, top in line.tops.items()},
            "Selected network": selected.candidate.name if selected else text.NONE, **_judged(selected),
            "Regret (points)": text.NONE if line.regret is None else points(line.regret),
            "Time": text.duration(line.seconds), "Whole data instead (projected)": text.duration(line.instead),
            "Trainings": _each(proxy), "Making the set": text.duration(proxy.seconds_set),
            "Stored images": text.NONE if proxy.images is None else f"{proxy.images:,}"}


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
    return {"Whole-data validation": text.accuracy(whole.validation if whole else None),
            "Whole-data test": text.accuracy(whole.test if whole else None)}


def coefficient(rho: Coefficient) -> str:
    """ "0.82 (−0.05 to 0.90)"; without the interval where there is none, a dash where there is no value."""
    if rho.value is None:
        return text.NONE
    bounds = "" if rho.low is None or rho.high is None else f" ({_signed(rho.low)} to {_signed(rho.high)})"
    return _signed(rho.value) + bounds


def _signed(value: float) -> str:
    """Two digits, with a real minus, and none before nothing."""
    return f"{value:z.2f}".replace("-", "−")


def to_json(answer: Answer) -> dict[str, Any]:
    """The answer for scripts: accuracies as fractions, regret in points; what is not known is null, and says why."""
    return {"proxies": [_line_json(line) for line in answer.lines], "truth": _truth_json(answer)}


def _line_json(line: Line) -> dict[str, Any]:
    proxy = line.proxy
    return {"proxy": proxy.name, "title": proxy.title, "run": proxy.run, "method": proxy.method, "ipc": proxy.ipc,
            "networks": len(proxy.ranked), "asked": proxy.asked, "pruned": len(proxy.pruned),
            "diverged": sum(score.diverged for score in proxy.ranked.values()), **_agreement_json(line.overall),
            "top": {str(percent): _agreement_json(top) for percent, top in line.tops.items()},
            "over_random": _coefficient_json(line.over_random) if line.over_random else None,
            "selected": _selected_json(line.selected), "regret": line.regret, "trainings": proxy.trainings,
            "seconds": proxy.seconds, "seconds_set": proxy.seconds_set, "seconds_whole_projected": line.instead,
            "share_of_whole": line.share, "stored_images": proxy.images, "stored_floats": proxy.stored_floats}


def _agreement_json(agreement: Agreement) -> dict[str, Any]:
    return {"n": agreement.n, "spearman": _coefficient_json(agreement.spearman),
            "kendall": _coefficient_json(agreement.kendall)}


def _coefficient_json(rho: Coefficient) -> dict[str, Any]:
    reason = {"reason": rho.reason} if rho.reason else {}
    return {"value": rho.value, "low": rho.low, "high": rho.high, "n": rho.n, **reason}


def _selected_json(selected: Selected | None) -> dict[str, Any] | None:
    if selected is None:
        return None
    network, whole = selected.candidate, selected.whole
    return {
        "network": network.network, "name": network.name, "options": dict(network.options),
        "proxy": _accuracy_json(selected.score.validation), "val": _accuracy_json(whole.validation if whole else None),
        "test": _accuracy_json(whole.test if whole else None),
    }


def _accuracy_json(accuracy: Accuracy | None) -> dict[str, Any] | None:
    return {"mean": accuracy.mean, "std": accuracy.std, "n": accuracy.n} if accuracy else None


def _truth_json(answer: Answer) -> dict[str, Any] | None:
    study, whole = answer.study, answer.study.whole
    if whole is None:
        return None
    return {
        "n": len(whole.results), "asked": whole.asked, "best": _selected_json(answer.best),
        "trainings": whole.trainings, "seconds": whole.seconds, "images": whole.images, "val_images": study.val_images,
        "test_images": study.test_images, "majority": study.majority, "majority_test": study.majority_test,
    }


def ranked(answer: Answer, name: str) -> pd.DataFrame:
    """One row a network that both this proxy and the whole data ranked: network, rank, true_rank, accuracy, true
    (percent), selected, best (all that are as accurate as the best known one).

    Rank 1 is the best of these, those that diverged come last; equally accurate ones share their mean rank.
    """
    study, line, true = answer.study, answer.line(name), answer.study.true
    results = line.proxy.ranked if line else {}
    both = [index for index in results if index in true]
    best = answer.best.score.standing if answer.best else None
    rows = [(study.candidates[index].name, 100 * results[index].mean, 100 * true[index].mean,
             _is(line.selected if line else None, index), true[index].standing == best) for index in both]
    frame = pd.DataFrame(rows, columns=["network", "accuracy", "true", "selected", "best"])
    places = {"rank": _ranks(results, both), "true_rank": _ranks(true, both)}
    return frame.astype({"selected": bool, "best": bool}).assign(**places)


def _ranks(results: Results, indices: list[int]) -> pd.Series:
    return pd.Series(_standings(results, indices), dtype=float).rank(ascending=False, method="average")


def _is(selected: Selected | None, index: int) -> bool:
    return selected is not None and selected.candidate.index == index


def costs(answer: Answer, name: str) -> pd.DataFrame:
    """One row a network ranked by this proxy (or the whole data): network, flops, mean, std (percent), front, selected.

    front: it did not diverge, and no other network costs at most as much and is at least as accurate.
    """
    study = answer.study
    proxy, line = study.proxy(name), answer.line(name)
    results = proxy.ranked if proxy else {}
    selected = line.selected if line else answer.best
    flops = [2 * study.candidates[index].macs for index in results]
    on_front = front(flops, [result.standing for result in results.values()])
    rows = [
        (study.candidates[index].name, price, 100 * result.mean,
         100 * std if (std := result.validation.std) is not None else math.nan,
         best and not result.diverged, _is(selected, index))
        for (index, result), price, best in zip(results.items(), flops, on_front, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["network", "flops", "mean", "std", "front", "selected"])
    return frame.astype({"front": bool, "selected": bool})
