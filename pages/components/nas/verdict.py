"""What a search says, in plain words: never more than its intervals allow."""

import math
import statistics

from ddcore.report import text
from ddcore.report.nas import answer as answers
from ddcore.report.nas.answer import Answer, Line
from ddcore.report.nas.ranking import LEAST, Coefficient
from pages.components.markdown import plain

# What the end of the interval of ρ that is nearer to 0 is beyond, and what may be said then of either sign.
STRENGTH = (
    (0.7, "agrees well with that of the whole data", "is turned round against that of the whole data"),
    (0.4, "agrees fairly well with that of the whole data", "is rather the reverse of that of the whole data"),
    (0.0, "agrees with that of the whole data, but how well is not sure",
     "runs against that of the whole data, but how strongly is not sure"),
)


def sentences(answer: Answer) -> list[str]:
    """One sentence a proxy, in markdown; then of which it is not known whether they are better than random."""
    words = []
    for line in answer.lines:
        images = f" ({line.proxy.images:,} images)" if line.proxy.images else ""
        words.append(f"**{plain(line.proxy.title)}**{images}: {_sentence(answer, line)}.")
    unclear = [line for line in answer.lines if line.over_random and line.n and not beside_random(line.over_random)]
    if unclear:
        names = "; ".join(plain(line.proxy.title) for line in unclear)
        words.append(f"Whether these rank better or worse than random real images cannot be told: {names}.")
    return words


def _sentence(answer: Answer, line: Line) -> str:
    if not line.proxy.ranked:
        return "no network has been trained on it yet"
    took = text.duration(line.seconds)
    cost = took if line.instead is None else f"{took} instead of about {text.duration(line.instead)}"
    words = (agreement(line.overall.spearman), beside_random(line.over_random), _regret(answer, line), cost)
    return "; ".join(filter(None, words))


def agreement(rho: Coefficient) -> str:
    """How its ranking agrees with the whole data's."""
    if not rho.n:
        return "nothing to hold its ranking against yet"
    if rho.value is None:
        return f"whether its ranking agrees with that of the whole data cannot be told ({rho.reason})"
    if rho.low is None or rho.high is None:
        return f"Spearman's ρ {answers.coefficient(rho)}, of which nothing is claimed ({rho.reason})"
    nearer = max(rho.low, -rho.high)
    for least, alike, reverse in STRENGTH:
        if nearer > least:
            return f"its ranking {alike if rho.low > 0 else reverse}: {_figure(rho)}"
    return f"its ranking cannot be told from chance: {_figure(rho)}"


def _figure(rho: Coefficient) -> str:
    return f"Spearman's ρ {answers.coefficient(rho)}, n = {rho.n:,}"


def beside_random(more: Coefficient | None) -> str:
    """That it ranks better or worse than random real images, over the same networks; "" where that is not known."""
    if more is None or more.value is None or more.low is None or more.high is None or more.low <= 0 <= more.high:
        return ""
    less = Coefficient(-more.value, -more.high, -more.low, more.n)
    if more.low > 0:
        return f"it ranks better than random real images, ρ {answers.coefficient(more)} higher"
    return f"it ranks worse than random real images, ρ {answers.coefficient(less)} lower"


def _regret(answer: Answer, line: Line) -> str:
    """How far the network that it chose is behind the best."""
    if line.selected is None or answer.best is None:
        return ""
    if line.selected.whole is None:
        return "the network it chose has not been trained on the whole data yet"
    if line.regret is None:
        return "the network it chose diverged on the whole data"
    if not line.regret:
        return "the network it chose reached the same accuracy as the best known"
    behind = answers.points(line.regret).replace("<", "less than")
    return f"the network it chose is {behind} points behind the best known"


def truth(answer: Answer) -> str:
    """That the true ranking is measured too, and how finely; "" without one."""
    scores = list(answer.study.true.values())
    if len(scores) < LEAST:
        return ""
    seeds = max(len(score.accuracies) for score in scores)
    different = len({score.standing for score in scores})
    return (
        f"The true ranking is measured too: {len(scores):,} networks, {seeds} seed{'' if seeds == 1 else 's'} each, "
        f"{different:,} different accuracies. What is chance in it lowers every ρ: even one who knew how good each "
        "network is would not reach 1."
    )


def doubt(answer: Answer) -> str:
    """By how much two equally good networks differ by chance, for who reads a regret; "" where it cannot be told.

    Of the median network, with one right and one wrong answer added (Laplace), so that all right is not taken for sure.
    """
    scores, images = list(answer.study.known.values()), answer.study.val_images
    if not scores or not images:
        return ""
    share = (images * statistics.median(score.mean for score in scores) + 1) / (images + 2)
    points = 100 * math.sqrt(2 * share * (1 - share) / images)
    return (
        f"A regret is a difference of two accuracies on {images:,} validation images: by the draw of these alone two "
        f"equally good networks differ by about {points:.1f} points, and seeds add to that. Which network is the best "
        "known is chance too."
    )
