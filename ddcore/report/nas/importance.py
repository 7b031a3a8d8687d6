"""How much each option of a search space matters: functional ANOVA of the table of results.

Options are categories, so nothing has to be modelled. In a full table main effects are exact: the variance of an
option's marginal means over that of all accuracies (Hutter, Hoos and Leyton-Brown 2014, ICML, there of a random
forest). Where networks are missing, additive effects are fitted by least squares; in a full table both are the same. A
forest, as Optuna's evaluator fits one, would add an error of its own, and scikit-learn to the web process. What main
effects leave over is how options work together, and chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ddcore.lazy import lazy

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
else:
    np, pd = lazy("numpy"), lazy("pandas")

REST = "Together, and by chance"


def importance(frame: pd.DataFrame, options: Sequence[str]) -> pd.DataFrame:
    """How much of the variance of the accuracy each option explains: columns option, share (percent), largest first;
    what remains is the last row. They add up to 100. Options of which one value was tried are left out.

    frame: `study.frame` of one proxy, of which networks that were given up are left out. Empty where there are too few
    networks to tell the values of all options apart, or all are equally accurate.
    """
    known = frame[~frame["pruned"].astype(bool)]
    effects = _effects(known, options)
    shares = {option: float(np.var(values)) for option, values in effects.items()}
    told = [*sorted(shares.items(), key=lambda one: -one[1]), *([(REST, _left(known, effects))] if effects else [])]
    total = sum(share for _, share in told)
    return pd.DataFrame([{"option": option, "share": 100 * share / total} for option, share in told],
                        columns=["option", "share"])  # fmt: skip


def _effects(frame: pd.DataFrame, options: Sequence[str]) -> dict[str, pd.Series]:
    """Option → the additive effect of each of its values that was tried; {} where there is nothing to tell apart."""
    levels = {option: list(dict.fromkeys(frame[option])) for option in options if frame[option].nunique() > 1}
    wanted = [(option, value) for option, values in levels.items() for value in values[1:]]
    if len(frame) <= len(wanted) + 1 or frame["accuracy"].nunique() < 2:
        return {}
    design = np.column_stack([np.ones(len(frame)), *(frame[option] == value for option, value in wanted)])
    fitted, _, rank, _ = np.linalg.lstsq(design.astype(float), frame["accuracy"].to_numpy(float), rcond=None)
    if rank < design.shape[1]:
        return {}
    slopes = dict(zip(wanted, fitted[1:], strict=True))
    return {
        option: pd.Series([0.0, *(slopes[option, value] for value in values[1:])], index=values)
        for option, values in levels.items()
    }


def _left(frame: pd.DataFrame, effects: dict[str, pd.Series]) -> float:
    """The variance that the effects leave over."""
    explained = sum(frame[option].map(values).astype(float) for option, values in effects.items())
    return float(np.var(frame["accuracy"].astype(float) - explained))
