"""What an accuracy costs: accuracy against time, size and arithmetic, with those that nothing beats on both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ddcore.lazy import pd


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
    """One row a run that has both: label, x (cost), mean, std (percent), group, front.

    group: what the accuracy was measured on; front: whether no other of the group is cheaper and better. A cost of
    which a part is not known (a parent that is gone) is not known.
    """
    columns = numbers[list(COSTS[cost].columns)].astype(float)
    frame = pd.DataFrame({"label": numbers["label"], "x": columns.sum(axis=1, skipna=False),
                          "mean": numbers["mean"].astype(float), "std": numbers["std"].astype(float),
                          "group": numbers["group"]}).dropna(subset=["x", "mean"])
    on_front: dict[Any, bool] = {}
    for _, part in frame.groupby("group", sort=False):
        on_front |= zip(part.index, front(part["x"].tolist(), part["mean"].tolist()), strict=True)
    return frame.assign(front=[on_front[index] for index in frame.index]).reset_index(drop=True)


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
