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
    (0.7, "agrees well with the whole data's", "is the reverse of the whole data's"),
    (0.4, "agrees fairly well with the whole data's", "is nearly the reverse of the whole data's"),
    (0.0, "agrees with the whole data's, but how well is not sure",
     "runs against the whole data's, but how strongly is not sure"),
)
CHANCE = {"yes": "better than chance", "no, reversed": "worse than chance", "not sure": "which may be chance",
          "too few networks": "too few networks to rule out chance"}


def headline(answer: Answer) -> str:
    """The answer in a sentence: what the proxy that ranks best picked, and whether that may be chance; in markdown."""
    judged = [line for line in answer.lines if line.overall.spearman.value is not None]
    if not judged:
        if any(line.n for line in answer.lines):
            return "The networks compared so far are too few or too equal to judge a ranking."
        trained = "Only what the sets picked" if answer.study.known else "No network"
        return f"{trained} has been trained on the whole data yet, so nobody can say how well a set ranks."
    best = max(judged, key=lambda line: line.overall.spearman.value or 0.0)
    rho, at = best.overall.spearman, answers.place(answer, best)
    picked = f"ranked {rho.n:,} networks"
    if at is not None:
        picked = f"picked the {text.ordinal(at[0]) + ' ' if at[0] > 1 else ''}best of {at[1]:,} networks"
    words = f"**{plain(best.proxy.title)}** {picked}, ρ {answers.coefficient(rho)}: {CHANCE[answers.chance(rho)]}"
    if answers.chance(rho) == "yes" and best.over_random:
        better = best.over_random.low is not None and best.over_random.low > 0
        words += ", and than random real images" if better else ", but not surely better than random real images"
    return f"{words}." + (f" Of the {len(judged)} sets it ranks best." if len(judged) > 1 else "")


def sentences(answer: Answer) -> list[str]:
    """One sentence a proxy, in markdown; then of which it is not known whether they are better than random."""
    words = []
    for line in answer.lines:
        images = f" ({line.proxy.images:,} images)" if line.proxy.images else ""
        words.append(f"**{plain(line.proxy.title)}**{images}: {_sentence(answer, line)}.")
    unclear = [line for line in answer.lines if line.over_random and line.n and not beside_random(line.over_random)]
    if unclear:
        names = "; ".join(plain(line.proxy.title) for line in unclear)
        words.append(f"Whether these rank better or worse than random real images is not sure: {names}.")
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
        return "nothing to compare its ranking with yet"
    if rho.value is None:
        return f"nobody can say whether its ranking agrees with the whole data's ({rho.reason})"
    if rho.low is None or rho.high is None:
        return f"Spearman's ρ {answers.coefficient(rho)}, of which nothing is claimed ({rho.reason})"
    nearer = max(rho.low, -rho.high)
    for least, alike, reverse in STRENGTH:
        if nearer > least:
            return f"its ranking {alike if rho.low > 0 else reverse}: {_figure(rho)}"
    return f"its ranking may be chance: {_figure(rho)}"


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
