"""What an accuracy costs: accuracy against time, size and arithmetic, with those that nothing beats on both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ddcore.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")


@dataclass(frozen=True)
class Cost:
    """A price of an accuracy: its title with unit; columns: of `compared.numbers`, summed."""

    title: str
    columns: tuple[str, ...]


COSTS: Mapping[str, Cost] = {
    "distill": Cost("Distillation time, all parents included (s)", ("seconds_distill", "seconds_parents")),
    "train": Cost("Training time of one network (s)", ("seconds_train",)),
    "ipc": Cost("Images per class", ("ipc",)),
    "flops": Cost("FLOPs of training one network", ("flops_training",)),
    "bytes": Cost("Stored set (bytes, float32)", ("stored_bytes",)),
    "memory": Cost("Peak memory of the run (bytes)", ("peak_memory_bytes",)),
}


def tradeoff(numbers: pd.DataFrame, cost: str) -> pd.DataFrame:
    """One row a run that has both: label, x (cost), mean, std (percent), front (whether no other is better on both)."""
    first, *more = COSTS[cost].columns
    x = numbers[first].astype(float)
    for column in more:
        x = x + numbers[column].astype(float).fillna(0.0)
    frame = pd.DataFrame({"label": numbers["label"], "x": x, "mean": numbers["mean"].astype(float),
                          "std": numbers["std"].astype(float)}).dropna(subset=["x", "mean"])  # fmt: skip
    return frame.assign(front=front(frame["x"].tolist(), frame["mean"].tolist())).reset_index(drop=True)


def front(costs: Sequence[float], gains: Sequence[float]) -> list[bool]:
    """Whether each is on the Pareto front: nothing costs at most as much and gains at least as much, one of both more.

    Equal ones are on it together.
    """
    points = list(zip(costs, gains, strict=True))
    return [not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in points) for cost, gain in points]


def against_ipc(numbers: pd.DataFrame) -> pd.DataFrame:
    """Accuracy against IPC: method, ipc, mean, std, n, of sets that were judged in one setting on one data set.

    One row a method and IPC; seeds and variants of one method at one IPC stay rows of their own.
    """
    known = numbers.dropna(subset=["ipc", "mean"])
    return known[["label", "method", "dataset", "network", "protocol", "ipc", "mean", "std", "n", "full"]].sort_values(
        ["method", "ipc"], kind="stable"
    )
