"""Runs, events and summaries → DataFrames with readable columns. Here fractions become percentages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ddcore.data import DATASETS
from ddcore.experiments.describe import DescribeSummary
from ddcore.experiments.flops import NetworkCount
from ddcore.lazy import pd
from ddcore.params import Config
from ddcore.report import sanity, text
from ddcore.report.names import MARK, data, data_notes, kind, title
from ddcore.report.published import Published
from ddcore.runs.store import RunRecord
from ddcore.settings import TrainConfig
from ddcore.summary import BESIDE, Accuracy, Summary, is_share

__all__ = ["MARK", "data", "data_notes", "kind", "title"]

UNEVEN = 1.25  # times its fair share of the images: from there on the most frequent class colours the plain accuracy
OPERATORS = {"aten::avg_pool2d": "average pooling", "aten::max_pool2d": "max pooling", "aten::add_": "addition"}
MAX_POINTS = 800  # of one curve: more are not seen, and every poll sends them to the browser


def footnotes(records: Iterable[RunRecord]) -> list[str]:
    """What the marks behind data sets mean, each once."""
    marked = [(str(r.config.get("dataset")), note) for r in records for note in data_notes(r)]
    return [f"{MARK} {dataset}: {note}" for dataset, note in dict.fromkeys(marked)]


def runs(records: Iterable[RunRecord], judges: Mapping[str, RunRecord] | None = None) -> pd.DataFrame:
    """One row a run, newest first as given; accuracies, balanced accuracies and AUC as texts.

    judges: run → the one whose accuracy is told as its own.
    """
    rows = [
        {"id": record.id, "run": title(record), "kind": record.kind, "state": state(record),
         "accuracy": text.accuracy(summary.accuracy),
         **{name: text.spread(getattr(summary, name) if name in beside(summary) else None)
            for name in BESIDE},
         "majority": text.percent(summary.majority),
         "data": data(record) + (f", {side} px" if (side := record.config.get("resolution")) else ""),
         "protocol": (summary.accuracy and summary.accuracy.protocol) or text.NONE,
         "time": text.duration((record.info.get("times") or {}).get("seconds")),
         "created": text.ago(record.created), "tags": ", ".join(record.user.get("tags") or []),
         "note": record.user.get("note") or ""}
        for record in records for summary in [(judges or {}).get(record.id, record).summary]
    ]
    return pd.DataFrame(rows, columns=["id", "run", "kind", "state", "accuracy", "balanced_accuracy", "auc", "majority",
                                       "data", "protocol", "time", "created", "tags", "note"])


def state(record: RunRecord) -> str:
    """The state of a run, a warning with it where there is one; "done (demo)" of one that ships with the code, "done
    (imported)" of one that was computed elsewhere, "done (private)" of one that not everybody sees."""
    came = " (demo)" if record.demo else "" if record.imported is None else " (imported)"
    came += " (private)" if record.private else ""
    return sanity.state(record) + came


def flops(rows: Sequence[NetworkCount]) -> pd.DataFrame:
    """The networks × sizes table: network, input, classes, parameters, MACs, FLOPs, operators left out."""
    return pd.DataFrame([
        {"Network": row.title or row.network, "Input": "×".join(map(str, row.shape)), "Classes": row.classes,
         "Parameters": row.parameters, "MACs": row.macs, "FLOPs = 2 × MACs": row.flops,
         "Not counted": ", ".join(f"{_operator(name)} ×{n}" for name, n in row.uncounted.items()) or text.NONE}
        for row in rows
    ])


def _operator(name: str) -> str:
    """An operator of the counter in words: "max pooling"."""
    return OPERATORS.get(name, name.removeprefix("aten::"))


def curves(
    events: Iterable[Mapping[str, Any]], labels: Mapping[str, str], event: str = "step", x: str = "step"
) -> pd.DataFrame:
    """Long frame (x, value, series, seconds) of the scalars named in `labels`, at most MAX_POINTS a series.

    Values that are not finite are left out: a log axis has no place for them.
    """
    points = [e for e in events if e.get("event") == event and x in e]
    stride = max(1, -(-len(points) // MAX_POINTS))
    shown = points[::stride] + (points[-1:] if (len(points) - 1) % stride else [])
    rows = [
        {x: e[x], "value": e[name], "series": label, "seconds": e.get("seconds")}
        for name, label in labels.items()
        for e in shown
        if isinstance(e.get(name), int | float) and math.isfinite(e[name])
    ]
    return pd.DataFrame(rows, columns=[x, "value", "series", "seconds"])


def training(events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Accuracy per epoch in percent: columns epoch, value, series (training, validation)."""
    frame = curves(events, {"train_accuracy": "training", "val_accuracy": "validation"}, event="epoch", x="epoch")
    return frame.assign(value=frame["value"] * 100)


def evaluation(events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Accuracy in percent while the networks of an evaluation train: columns step, value, series.

    Of the networks that are trained together first. The curve on unseen images is that of the very first, measured on
    some of the images that judge the set, for eyes only.
    """
    first_group = [e for e in events if not e.get("first")]
    images = max((e.get("images") or 0 for e in first_group if e.get("event") == "tested"), default=0)
    unseen = f"on {images:,} images it has not seen"
    series = (("epoch", "train_accuracy", "on the set itself"), ("tested", "test_accuracy", unseen))
    parts = [curves(first_group, {name: label}, event=event) for event, name, label in series]
    frame = pd.concat([part for part in parts if not part.empty] or parts[:1], ignore_index=True)
    return frame.assign(value=frame["value"] * 100)


def majority(events: Iterable[Mapping[str, Any]]) -> float | None:
    """Accuracy in percent of always answering the most frequent class of the images that judge a training.

    None for a run from before that was recorded.
    """
    shares = [e["majority"] for e in events if e.get("event") == "judge" and e.get("majority") is not None]
    return 100 * shares[-1] if shares else None


def beside(summary: Summary) -> tuple[str, ...]:
    """What an accuracy is told with: "balanced_accuracy" where classes are unequally frequent, of two also "auc".

    Where they are about equally frequent, both accuracies say the same.
    """
    return beside_accuracy(len(summary.classes or summary.per_class), summary.majority) if summary.accuracy else ()


def beside_accuracy(classes: int, majority: float | None) -> tuple[str, ...]:
    """The same of so many classes, the most frequent of which has this share of the images."""
    if classes == 2:
        return BESIDE
    return BESIDE[:1] if classes and classes * (majority or 0.0) > UNEVEN else ()


def classes(record: RunRecord) -> tuple[str, ...]:
    """The names of the classes that a run told apart; their numbers where neither it nor its data set names them."""
    if names := record.summary.classes:
        return names
    dataset, number = str(record.config.get("dataset")), len(record.summary.per_class)
    if dataset in DATASETS and number in (0, len(DATASETS[dataset].classes)):
        return DATASETS[dataset].classes
    return tuple(str(label) for label in range(number))


def per_class(record: RunRecord) -> pd.DataFrame:
    """Test accuracy of each class over all networks, in percent: columns class, accuracy."""
    shares = record.summary.per_class
    rows = [(name, 100 * share) for name, share in zip(classes(record), shares, strict=True)] if shares else []
    return pd.DataFrame(rows, columns=["class", "accuracy"])


def confusion(record: RunRecord) -> pd.DataFrame:
    """Which class is taken for which, over all networks: columns true, predicted, images, share (% of the true class).

    Empty for an evaluation made before confusion was recorded.
    """
    names = classes(record)
    rows = [
        (true, predicted, number, 100 * number / max(1, sum(row)))
        for true, row in zip(names, record.summary.confusion, strict=False)
        for predicted, number in zip(names, row, strict=True)
    ]
    return pd.DataFrame(rows, columns=["true", "predicted", "images", "share"])


def published(results: Iterable[Published]) -> pd.DataFrame:
    """Published results with where they were read: columns Method, IPC, Accuracy, Trained, Source, Status, Note."""
    rows = [(one.method, one.ipc, f"{one.mean:.1f} %" if one.std is None else f"{one.mean:.1f} ± {one.std:.1f} %",
             "source read" if one.verified else "recalled, unverified", one.trained, one.source, one.note)
            for one in results]
    return pd.DataFrame(rows, columns=["Method", "IPC", "Accuracy", "Status", "Trained", "Source", "Note"])


def spread(accuracy: Accuracy | None) -> dict[str, float | None]:
    """{mean, std} in percent; None where not known."""
    return {name: None if (value := getattr(accuracy, name, None)) is None else 100 * value for name in ("mean", "std")}


def is_known(cell: float | None) -> bool:
    """Whether a cell of a frame holds a number: pandas makes NaN of None."""
    return cell is not None and cell == cell


def or_zero(cell: float | None) -> float:
    """The number in a cell, 0 where it is not known."""
    return 0.0 if cell is None or cell != cell else float(cell)


SPLITS = {"train": "training", "val": "validation", "test": "test"}


def class_counts(summary: DescribeSummary) -> pd.DataFrame:
    """Images of each class in each split: columns class, split, images, share (%)."""
    rows = [
        (name, SPLITS[split], number, 100 * number / max(1, part.size))
        for split, part in summary.splits.items()
        for name, number in zip(summary.classes, part.per_class, strict=True)
    ]
    return pd.DataFrame(rows, columns=["class", "split", "images", "share"])


def votes(summary: DescribeSummary) -> pd.DataFrame:
    """How many annotators voted for the second class: columns votes, images, split; empty without votes."""
    rows = [(number, images, SPLITS[split]) for split, part in summary.splits.items()
            for number, images in enumerate(part.votes or ())]
    return pd.DataFrame(rows, columns=["votes", "images", "split"])


def parameters(config: type[Config], values: Mapping[str, Any]) -> pd.DataFrame:
    """Every parameter of a run: columns Parameter, Value, Meaning."""
    rows = [(p.title, f"{p.titles.get(str(value)) or text.value(value)} {p.unit}".strip(), p.help)
            for p in config.params() if (value := values.get(p.name)) is not None]
    return pd.DataFrame(rows, columns=["Parameter", "Value", "Meaning"])


def measured(summary: Summary) -> pd.DataFrame:
    """Every plain figure of a summary, those that only its kind measures first, as they are declared: columns Measured,
    Value."""
    general = Summary.model_fields
    fields = sorted(type(summary).model_fields.items(), key=lambda field: field[0] in general)
    values = ((name, declared, getattr(summary, name)) for name, declared in fields)
    rows = [
        (declared.title or name.replace("_", " ").capitalize(), text.measured(name, value, is_share(declared)))
        for name, declared, value in values if isinstance(value, int | float | str) and value != ""
    ]
    return pd.DataFrame(rows, columns=["Measured", "Value"])


def protocol(training: TrainConfig) -> pd.DataFrame:
    """Every field of a training setting, and what is the same in all: columns Parameter, Value, Meaning."""
    fixed = [
        ("Optimiser", "SGD", "Stochastic gradient descent with momentum on the cross-entropy, in shuffled batches."),
        ("Weights", "random", "Every network starts from weights of its own, drawn from the seed."),
        ("Reported", "last step", "The network after its last step is tested, once; no better one is looked for."),
    ]
    frame = parameters(TrainConfig, training.values())
    return pd.concat([frame, pd.DataFrame(fixed, columns=frame.columns)], ignore_index=True)
