"""How much each option of a search space matters: functional ANOVA of the table of results.

Options are categories, so nothing has to be modelled. In a full table main effects are exact: the variance of an
option's marginal means over that of all accuracies (Hutter, Hoos and Leyton-Brown 2014, ICML, there of a random
forest). Where networks are missing, additive effects are fitted by least squares; in a full table both are the same. A
forest, as Optuna's evaluator fits one, would add an error of its own, and scikit-learn to the web process. What main
effects leave over is how options work together, and chance.

Chance alone makes means differ, so each effect is told less what the residual variance lets expect of it: in a balanced
table that is ω² (Hays 1963), unbiased but for effects below 0, which are told as 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from ddcore.lazy import np, pd

REST = "Together, and by chance"
LEAST = 3  # networks for each degree of freedom: fewer fit chance


def importance(frame: pd.DataFrame, options: Sequence[str]) -> pd.DataFrame:
    """How much of the variance of the accuracy each option explains: columns option, share (percent), largest first;
    what remains is the last row. They add up to 100. Options of which one value was tried are left out.

    frame: `study.frame` of one proxy, of which networks that were given up are left out. Empty where there are too few
    networks to tell the values of all options apart, or all are equally accurate.
    """
    variances = _variances(frame[~frame["pruned"].astype(bool)], options)
    rest = [(REST, variances.pop(REST))] if variances else []
    ordered = [*sorted(variances.items(), key=lambda item: -item[1]), *rest]
    total = sum(variance for _, variance in ordered)
    return pd.DataFrame([(option, 100 * variance / total) for option, variance in ordered], columns=["option", "share"])


def lacking(frame: pd.DataFrame, options: Sequence[str]) -> str:
    """Why nothing is told of how much each option matters, "" where it is."""
    whole = frame[~frame["pruned"].astype(bool)]
    if _variances(whole, options):
        return ""
    needed = LEAST * sum(max(0, whole[option].nunique() - 1) for option in options)
    if len(whole) < needed:
        return f"it takes at least {needed:,} judged places for so many values, and there are {len(whole):,}"
    if whole["accuracy"].nunique() < 2:
        return "no two places that were judged differ in accuracy"
    return "the values that were judged never differ apart from each other"


def _variances(frame: pd.DataFrame, options: Sequence[str]) -> dict[str, float]:
    """Option → the variance of the additive effects of its values that were tried, then what they leave over.

    {} where there is nothing to tell apart.
    """
    levels = {option: list(dict.fromkeys(frame[option])) for option in options if frame[option].nunique() > 1}
    effects = [(option, value) for option, values in levels.items() for value in values[1:]]
    if not effects or len(frame) < LEAST * len(effects) or frame["accuracy"].nunique() < 2:
        return {}
    columns = (frame[option] == value for option, value in effects)
    design = np.column_stack([np.ones(len(frame)), *columns]).astype(float)
    accuracies = frame["accuracy"].to_numpy(float)
    fitted, _, rank, _ = np.linalg.lstsq(design, accuracies, rcond=None)
    if rank < design.shape[1]:
        return {}
    left = float(((accuracies - design @ fitted) ** 2).sum()) / (len(frame) - rank)
    covariance = left * np.linalg.inv(design.T @ design)  # of what was fitted
    variances = {}
    for option, values in levels.items():
        places = [1 + place for place, (name, _) in enumerate(effects) if name == option]
        # The variance of the effects, of which the first is 0, and what chance adds to it.
        centred = (np.eye(len(values)) - 1 / len(values))[:, 1:] / np.sqrt(len(values))
        by_chance = float(np.trace(centred @ covariance[np.ix_(places, places)] @ centred.T))
        variances[option] = max(0.0, float(((centred @ fitted[places]) ** 2).sum()) - by_chance)
    return {**variances, REST: left}
