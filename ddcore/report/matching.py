"""Trajectory matching as people look at it: which epochs were imitated when, and what became of the labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ddcore.lazy import np, pd
from ddcore.methods import pad
from ddcore.methods.pad import PADConfig
from ddcore.report import tables
from ddcore.runs.images import Images

POINTS = 200  # of the range that start epochs are drawn from


def matched(config: PADConfig) -> tuple[int, int]:
    """The first and the last epoch, counted from 0, whose training a student imitates."""
    return config.min_start_epoch, config.max_start_epoch + config.expert_epochs - 2


def starts(events: Iterable[Mapping[str, Any]], threshold: float) -> pd.DataFrame:
    """The start epochs that were recorded: columns step, epoch, skipped (whether the update was left out)."""
    every = list(events)
    drawn = tables.curves(every, {"start_epoch": "epoch"})
    losses = {e["step"]: e["loss"] for e in every if e.get("event") == "step"}
    left_out = [losses[step] > threshold for step in drawn["step"]]
    return pd.DataFrame({"step": drawn["step"], "epoch": drawn["value"], "skipped": left_out})


def reach(config: PADConfig) -> pd.DataFrame:
    """The first and the last epoch that a student may start from, at each step done: columns step, low, high."""
    stride = max(1, config.num_iters // POINTS)
    steps = sorted({*range(1, config.num_iters + 1, stride), config.num_iters})
    latest = [pad.latest(config, step - 1) - 1 for step in steps]
    return pd.DataFrame({"step": steps, "low": config.min_start_epoch, "high": latest})


def skipped(events: Iterable[Mapping[str, Any]]) -> int:
    """How many updates were left out so far, because the student ended further from the expert than is allowed."""
    counts = [e["skipped"] for e in events if e.get("event") == "step" and e.get("skipped") is not None]
    return int(counts[-1]) if counts else 0


def soft_labels(images: Images) -> np.ndarray | None:
    """What each image is labelled as: shares in percent (N, classes), rows sum to 100; None for plain class labels."""
    if images.label_logits is None:
        return None
    shifted = np.exp(images.label_logits - images.label_logits.max(1, keepdims=True))
    return 100 * shifted / shifted.sum(1, keepdims=True)


def own_share(images: Images) -> float:
    """How much of its label an image gives to its own class, in percent, a mean over the images."""
    shares = soft_labels(images)
    return 100.0 if shares is None else float(shares[np.arange(len(shares)), images.labels].mean())
