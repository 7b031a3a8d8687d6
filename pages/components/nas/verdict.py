"""What a search says, in plain words: never more than its intervals allow."""

from __future__ import annotations

import math

from ddcore.report import text
from ddcore.report.nas import answer as answers
from ddcore.report.nas.answer import Answer, Line
from ddcore.report.nas.ranking import Coefficient
from ddcore.report.nas.study import Study
from pages.components.words import plain

# What the lower end of the interval of ρ is above, and what may be said then.
STRENGTH = ((0.7, "agrees well with that of the whole data"), (0.4, "agrees fairly well with that of the whole data"),
            (0.0, "agrees with that of the whole data, but how well is not sure"))  # fmt: skip


def sentences(found: Answer) -> list[str]:
    """One paragraph a proxy, in markdown."""
    return [f"**{plain(line.proxy.title)}**{_images(line)}: {_paragraph(found, line)}" for line in found.lines]


def _paragraph(found: Answer, line: Line) -> str:
    if not line.proxy.scores:
        return "no network has been trained on it yet."
    told = [agreement(line.overall.spearman), _beside_random(line), _chosen(found, line), _cost(found, line)]
    return " ".join(filter(None, told))


def _images(line: Line) -> str:
    return f" ({line.proxy.images:,} images)" if line.proxy.images else ""


def agreement(rho: Coefficient) -> str:
    """How its ranking agrees with the whole data's."""
    if not rho.n:
        return "nothing to hold its ranking against yet."
    if rho.value is None:
        return f"whether its ranking agrees with the whole data cannot be told: {rho.reason}."
    if rho.low is None or rho.high is None:
        return f"Spearman's ρ {rho.value:.2f}, of which nothing is claimed: {rho.reason}."
    figure = f"Spearman's ρ {answers.coefficient(rho)} over {rho.n:,} networks"
    if rho.high < 0:
        return f"its ranking is turned round against that of the whole data: {figure}."
    words = next((words for least, words in STRENGTH if rho.low > least), None)
    if words is None:
        return f"its ranking cannot be told from chance: {figure}."
    return f"its ranking {words}: {figure}."


def _beside_random(line: Line) -> str:
    """Whether it ranks better than random real images, over the same networks."""
    more = line.over_random
    if more is None or more.value is None or more.low is None or more.high is None:
        return ""
    if more.low > 0:
        return f"It ranks better than random real images: ρ is {answers.coefficient(more)} higher."
    if more.high < 0:
        return f"It ranks worse than random real images: ρ is {answers.coefficient(more)} higher."
    return f"Whether it ranks better or worse than random real images cannot be told from {more.n:,} networks."


def _chosen(found: Answer, line: Line) -> str:
    """The network it chose, and how far that is behind the best."""
    if line.selected is None:
        return ""
    name = f"The network it chose ({plain(line.selected.candidate.name)})"
    if line.regret is None or line.selected.whole is None or found.best is None:
        return f"{name} has not been trained on the whole data yet."
    if not line.regret:
        return f"{name} is as good as the best known on the whole data."
    return (
        f"{name} reaches {text.spread(line.selected.whole.validation)} on the whole data, {line.regret:.1f} points "
        "behind the best known."
    )


def _cost(found: Answer, line: Line) -> str:
    """What its trainings cost, beside the whole data's."""
    proxy, whole = line.proxy, found.study.whole
    took = f"Its {proxy.tried:,} trainings took {text.duration(proxy.seconds)}"
    if not line.share or whole is None:
        return f"{took}."
    times = f"{1 / line.share:,.0f} times" if line.share < 2 / 3 else f"{1 / line.share:.1f} times"
    return f"{took}; on the whole data a network takes {times} as long."


def doubt(found: Answer) -> str:
    """By how much two equally good networks differ by chance, for who reads a regret; "" where it cannot be told."""
    study: Study = found.study
    if found.best is None or not study.val_images:
        return ""
    share, seeds = found.best.score.mean, len(found.best.score.accuracies)
    points = 100 * math.sqrt(2 * share * (1 - share) / study.val_images)
    if points < 0.05:
        return ""
    return (
        f"A regret is a difference of two accuracies on {study.val_images:,} validation images, of {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'} each: two equally good networks differ by about {points:.1f} points by "
        "chance, and which of them is the best is chance too."
    )
