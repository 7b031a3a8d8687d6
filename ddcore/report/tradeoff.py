"""One quantity of runs over another: accuracy against what it costs, with those that nothing beats on both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ddcore.lazy import pd

COSTS: Mapping[str, str] = {  # prices of an accuracy: their column of `compare_runs.numbers`
    "distill": "seconds_all", "train": "seconds_train", "ipc": "ipc", "flops": "flops_training",
    "bytes": "stored_bytes", "memory": "peak_memory_bytes",
}
GAINS = ("mean", "gain")  # of which more is better


def tradeoff(numbers: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Accuracy over one of COSTS, as in `scatter`."""
    return scatter(numbers, COSTS[cost], "mean")


def scatter(numbers: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """One row a run that has both of these columns: label, x, y, std (of an accuracy), group, front.

    group: what the accuracy was measured on; front: of a gain over a cost, whether no other of the group is cheaper and
    better. What is not known in part (the time of a parent that is gone) is not known.
    """
    std = numbers["std"].astype(float) if y == "mean" else None
    frame = pd.DataFrame({"label": numbers["label"], "x": numbers[x].astype(float), "y": numbers[y].astype(float),
                          "std": std, "group": numbers["group"]}).dropna(subset=["x", "y"])
    on_front: dict[Any, bool] = {}
    if y in GAINS and x in COSTS.values():
        for _, part in frame.groupby("group", sort=False):
            on_front |= zip(part.index, front(part["x"].tolist(), part["y"].tolist()), strict=True)
    return frame.assign(front=[on_front.get(index, False) for index in frame.index]).reset_index(drop=True)


def front(costs: Sequence[float], gains: Sequence[float]) -> list[bool]:
    """Whether each is on the Pareto front: nothing costs at most as much and gains at least as much, one of both more.

    Equal ones are on it together.
    """
    points = list(zip(costs, gains, strict=True))
    return [not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in points) for cost, gain in points]


def against_ipc(numbers: pd.DataFrame) -> pd.DataFrame:
    """Accuracy against IPC, one row a set: label, method, group (what it was measured on), ipc, mean, std, n, full.

    Chosen evaluations are left out: what they tested may be the start of a set, or a step of it.
    """
    known = numbers[numbers["kind"] != "evaluate"].dropna(subset=["ipc", "mean"])
    columns = ["label", "method", "group", "ipc", "mean", "std", "n", "full"]
    return known[columns].sort_values(["group", "method", "ipc"], kind="stable")
