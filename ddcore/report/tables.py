"""Runs, events and summaries → DataFrames with readable columns. Here fractions become percentages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ddcore.experiments import KINDS
from ddcore.lazy import lazy
from ddcore.methods import METHODS
from ddcore.networks import NETWORKS
from ddcore.params import Config
from ddcore.report import text
from ddcore.settings import NetworkConfig

if TYPE_CHECKING:
    import pandas as pd

    from ddcore.runs.store import RunRecord
else:
    pd = lazy("pandas")

MAX_POINTS = 800  # of one curve: more are not seen, and every poll sends them to the browser


def title(record: RunRecord) -> str:
    """What a person calls this run: the name they gave it, else what it computes."""
    config = record.config
    if named := record.user.get("name"):
        return str(named)
    what = record.kind
    if record.kind == "distill" and record.name in METHODS:
        what = METHODS[record.name].title
    elif record.kind in KINDS:
        what = KINDS[record.kind].title
    if record.kind == "evaluate":
        what += _tested(record)
    trained = network(config) if record.kind in ("baseline", "evaluate") and config.get("network") else None
    ipc = f"IPC {config['ipc']}" if config.get("ipc") else None
    return " · ".join([what, *[str(part) for part in (config.get("dataset"), trained, ipc) if part]])


def network(config: Mapping[str, Any]) -> str:
    """ "ConvNet-3, width 32": the network of a run's config and how it departs from the published one."""
    name = str(config.get("network"))
    if name not in NETWORKS:
        return name
    changed = [
        f"{NetworkConfig.param(option).label.lower()} {text.value(config[option])}"
        for option, published in NETWORKS[name].options.items()
        if config.get(option) not in (None, published)
    ]
    return ", ".join([NETWORKS[name].title, *changed])


def _tested(record: RunRecord) -> str:
    """ " of DataDAM, IPC 10", once the evaluation is done and has said whose images it tested."""
    if not (source := record.summary.get("source")):
        return " of initial images" if record.config.get("images") == "initial" else ""
    method = METHODS[source["method"]].title if source.get("method") in METHODS else source.get("method")
    start = "initial images of " if source.get("images") == "initial" else ""
    return f" of {start}{method}, IPC {source.get('ipc')}"


def runs(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row a run, newest first as given. Columns: id, run, state, accuracy (text), time, finished, tags, note."""
    return pd.DataFrame(
        [
            {
                "id": record.id,
                "run": title(record),
                "kind": record.kind,
                "state": f"{record.state} (demo)" if record.demo else record.state,
                "accuracy": text.accuracy(record.summary.get("accuracy")),
                "protocol": (record.summary.get("accuracy") or {}).get("protocol") or text.NONE,
                "time": text.duration((record.info.get("times") or {}).get("seconds")),
                "created": text.ago(record.created),
                "tags": ", ".join(record.user.get("tags") or []),
                "note": record.user.get("note") or "",
            }
            for record in records
        ],
        columns=["id", "run", "kind", "state", "accuracy", "protocol", "time", "created", "tags", "note"],
    )


def flops(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The networks × sizes table: network, input, classes, parameters, MACs, FLOPs, operators left out."""
    return pd.DataFrame(
        [
            {
                "Network": row.get("title") or row["network"],
                "Input": "×".join(map(str, row["shape"])),
                "Classes": row["classes"],
                "Parameters": row["parameters"],
                "MACs": row["macs"],
                "FLOPs = 2 × MACs": row["flops"],
                "Not counted": ", ".join(
                    f"{name.removeprefix('aten::')} ×{number}" for name, number in (row.get("uncounted") or {}).items()
                )
                or text.NONE,
            }
            for row in rows
        ]
    )


def curves(
    events: Iterable[Mapping[str, Any]], labels: Mapping[str, str], event: str = "step", x: str = "step"
) -> pd.DataFrame:
    """Long frame (x, value, series, seconds) of the scalars named in `labels`, at most MAX_POINTS a series.

    Values that are not finite are left out: a log axis has no place for them.
    """
    found = [e for e in events if e.get("event") == event and x in e]
    stride = max(1, -(-len(found) // MAX_POINTS))
    kept = found[::stride] + ([found[-1]] if found and (len(found) - 1) % stride else [])
    rows = [
        {x: e[x], "value": e[name], "series": label, "seconds": e.get("seconds")}
        for name, label in labels.items()
        for e in kept
        if isinstance(e.get(name), int | float) and math.isfinite(e[name])
    ]
    return pd.DataFrame(rows, columns=[x, "value", "series", "seconds"])


def training(events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Accuracy per epoch in percent: columns epoch, value, series (training, validation)."""
    frame = curves(events, {"train_accuracy": "training", "val_accuracy": "validation"}, event="epoch", x="epoch")
    return frame.assign(value=frame["value"] * 100)


def class_counts(summary: Mapping[str, Any]) -> pd.DataFrame:
    """Images of each class in each split, from a `describe` summary: columns class, split, images, share (%)."""
    names = {"train": "training", "val": "validation", "test": "test"}
    return pd.DataFrame(
        [
            {"class": name, "split": names[split], "images": number, "share": 100 * number / max(1, part["size"])}
            for split, part in summary["splits"].items()
            for name, number in zip(summary["classes"], part["per_class"], strict=True)
        ],
        columns=["class", "split", "images", "share"],
    )


def votes(summary: Mapping[str, Any]) -> pd.DataFrame:
    """How many annotators voted for the second class: columns votes, images, split; empty without votes."""
    names = {"train": "training", "val": "validation", "test": "test"}
    return pd.DataFrame(
        [
            {"votes": number, "images": images, "split": names[split]}
            for split, part in summary["splits"].items()
            if part.get("votes")
            for number, images in _histogram(part["votes"])
        ],
        columns=["votes", "images", "split"],
    )


def _histogram(counts: Any) -> list[tuple[int, int]]:
    pairs = counts.items() if isinstance(counts, Mapping) else enumerate(counts)
    return sorted((int(number), int(images)) for number, images in pairs)


def parameters(config: type[Config], values: Mapping[str, Any]) -> pd.DataFrame:
    """Every parameter of a run: columns Parameter, Value, Meaning."""
    return pd.DataFrame(
        [
            {"Parameter": p.title, "Value": f"{text.value(values[p.name])} {p.unit}".strip(), "Meaning": p.help}
            for p in config.params()
            if p.name in values and values[p.name] is not None
        ],
        columns=["Parameter", "Value", "Meaning"],
    )
