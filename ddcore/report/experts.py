"""Expert trajectories for people: which images were in use when, how well the experts learnt, what α leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ddcore import counts
from ddcore.experiments.experts import Layer
from ddcore.lazy import pd
from ddcore.methods.trajectories import TrajectoryConfig
from ddcore.report import tables, text

LEAST = 0.005  # a smaller share of a layer is not told


def schedule(config: TrajectoryConfig, matched: tuple[int, int] | None = None) -> pd.DataFrame:
    """The data scheduler epoch by epoch: columns epoch, low, high (percent of each class, easy to hard), matched.

    matched: the first and the last epoch whose weights a student imitates.
    """
    first, last = matched or (0, -1)
    return pd.DataFrame([
        {"epoch": epoch, "low": 100 * low, "high": 100 * high, "matched": first <= epoch <= last}
        for epoch in range(config.train_epochs) for low, high in [config.window(epoch)]
    ])


def accuracy(events: Iterable[Mapping[str, Any]], experts: int) -> pd.DataFrame:
    """Mean accuracy of all experts after each epoch, in percent: columns epoch, value, series (training, validation).

    Experts are trained in groups, each telling its own mean: it counts as often as the group has members.
    """
    epochs = [e for e in events if e.get("event") == "epoch"]
    firsts = sorted({e["first"] for e in epochs})
    members = {first: end - first for first, end in pairwise([*firsts, experts])}
    by_epoch: dict[int, list[Mapping[str, Any]]] = {}
    for e in epochs:
        by_epoch.setdefault(e["epoch"], []).append(e)
    means = [
        {"event": "epoch", "epoch": epoch, **{
            name: sum(members[e["first"]] * e[name] for e in group) / sum(members[e["first"]] for e in group)
            for name in ("train_accuracy", "val_accuracy") if all(e[name] is not None for e in group)
        }}
        for epoch, group in sorted(by_epoch.items())
    ]
    return tables.training(means)


def dropped(layers: Sequence[Layer], alpha: float) -> pd.DataFrame:
    """The layers from shallow to deep, and what leaving out the first share α of all parameters takes of each.

    Columns: layer, parameters, share (percent of all), dropped (percent of the layer).
    """
    total = sum(layer.parameters for layer in layers)
    left = alpha * total
    rows = []
    for layer in layers:
        size = layer.parameters
        rows.append((layer.name, size, 100 * size / total, 100 * min(max(left, 0), size) / size))
        left -= size
    return pd.DataFrame(rows, columns=["layer", "parameters", "share", "dropped"])


def rounded(layers: Sequence[Layer], alpha: float) -> float:
    """The share of the parameters that lies before the layer boundary nearest to α; the last layer always counts."""
    sizes = [layer.parameters for layer in layers]
    return counts.before_layer(sizes, alpha) / sum(sizes)


def in_words(layers: Sequence[Layer], alpha: float, selection: str = "depth") -> str:
    """ "α = 0.25 drops block 1 and 52 % of block 2"; selection: "depth", "layers" or "loss", as in PAD."""
    start = f"α = {text.value(alpha)} drops"
    if not alpha:
        return f"{start} nothing: all parameters count"
    if selection == "loss":
        return f"{start} the {100 * alpha:.0f} % of the parameters with the smallest error, wherever they are"
    parts = [
        row["layer"] if row["dropped"] > 100 * (1 - LEAST) else f"{row['dropped']:.0f} % of {row['layer']}"
        for row in dropped(layers, rounded(layers, alpha) if selection == "layers" else alpha).to_dict("records")
        if row["dropped"] > 100 * LEAST
    ]
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"{start} {listed or 'nothing, rounded to whole layers'}"
