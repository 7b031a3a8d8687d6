"""What runs can be shown, filtered, grouped, sorted and drawn by: measures, and their parameters as declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ddcore.experiments import KINDS
from ddcore.lazy import pd
from ddcore.params import ParamInfo, shown
from ddcore.runs.store import RunRecord
from ddcore.settings import NOT_ALWAYS

ELSEWHERE = ("device", "dataset", "network", "ipc")  # parameters that tables have as columns of their own, or never


@dataclass(frozen=True)
class Quantity:
    """A column of runs.

    title: in menus, with the unit; short: as a heading; numeric: whether it has from and to, else its values are
    picked; log: whether it is spread over orders of magnitude; parameter, label: of a declaration, "" of a measure.
    """

    title: str
    short: str
    help: str = ""
    numeric: bool = True
    log: bool = False
    parameter: str = ""
    label: str = ""


MEASURES: Mapping[str, Quantity] = {  # columns of `compare_runs.numbers`, or sums of them
    "mean": Quantity("Accuracy (%)", "Accuracy (%)", "Test accuracy, mean over the networks."),
    "gain": Quantity("Points over random real images", "Gain", "Accuracy less that of as many random real images, in "
                     "percentage points."),
    "balanced": Quantity("Balanced accuracy (%)", "Balanced (%)", "Mean of the classes' accuracies."),
    "auc": Quantity("AUC (%)", "AUC (%)"),
    "random_real": Quantity("Random real images (%)", "Random (%)", "As many real images, drawn at random."),
    "initial": Quantity("Initial images (%)", "Initial (%)", "The images before the first step."),
    "initial_hard": Quantity("Initial images, class labels (%)", "Init., hard (%)",
                             "The initial images, with class labels alone."),
    "full": Quantity("Full training data (%)", "Full (%)", "All training images, in the same setting."),
    "majority": Quantity("Majority class (%)", "Majority (%)", "Always answering the most frequent class."),
    "seconds_train": Quantity("Training time of one network (s)", "Train (s)", "Training one evaluation network on the "
                              "set: wall time."),
    "seconds_train_full": Quantity("Training time on the full data (s)", "Train full (s)", "Training one such network "
                                   "on all training images: wall time."),
    "flops_training": Quantity("FLOPs of training one network", "FLOPs", "Of training one network on the set: a step "
                               "counts three forward passes, a multiply-add two FLOPs.", log=True),
    "flops": Quantity("FLOPs of one image forward", "FLOPs/image", "Through the evaluation network.", log=True),
    "seconds_distill": Quantity("Distillation time (s)", "Distil (s)", "Wall time of the whole run, also of "
                                "reading data, choosing images and keeping them; its page tells that of its steps."),
    "seconds_parents": Quantity("Time of what it builds on (s)", "Parents (s)", "Scores, experts and other runs that "
                                "it builds on; empty where one of them is gone."),
    "seconds_all": Quantity("Distillation time, all parents included (s)", "All (s)", "Of the run and of all that it "
                            "builds on."),
    "ipc": Quantity("IPC · Images per class", "IPC", "Images per class."),
    "stored_floats": Quantity("Stored floats", "Floats", "Numbers that the set takes: pixels, soft labels, a learnt "
                              "learning rate.", log=True),
    "stored_bytes": Quantity("Stored set (bytes, float32)", "Stored", "The set in float32.", log=True),
    "peak_memory_bytes": Quantity("Peak memory of the run (bytes)", "Memory", "The most that the run took.", log=True),
}


def parameters(records: Iterable[RunRecord], beside: Iterable[Any] = ()) -> dict[str, Quantity]:
    """Column → parameter, of all that any of these runs has, in the order of declaration.

    Names that mean different things to different methods (another label) are columns of their own. beside: columns that
    are there already, which say the same.
    """
    labels = _labels()
    found: dict[str, Quantity] = {}
    for kind, name in dict.fromkeys((r.kind, r.name) for r in records if r.declared):
        for info in _offered(kind, name):
            found.setdefault(_column(info, labels), _quantity(info))
    return {name: one for name, one in found.items() if name not in set(beside)}


def values(records: Sequence[RunRecord], quantity: Quantity) -> pd.Series:
    """The parameter in each run: numbers, or words; missing where a run has no such parameter."""
    have = {(kind, name) for kind, name in {(r.kind, r.name) for r in records if r.declared}
            if any((info.name, info.label) == (quantity.parameter, quantity.label) for info in _offered(kind, name))}
    name = quantity.parameter
    each = [r.config.get(name, NOT_ALWAYS.get(name)) if (r.kind, r.name) in have else None for r in records]
    if quantity.numeric:
        return pd.to_numeric(pd.Series(each, dtype=object), errors="coerce").astype(float)
    return pd.Series([None if value is None else shown(value) for value in each], dtype=object)


def _labels() -> dict[str, set[str]]:
    """Parameter → the labels that all kinds and methods give it."""
    labels: dict[str, set[str]] = {}
    for kind in KINDS:
        for name in KINDS[kind].known:
            for info in _offered(kind, name):
                labels.setdefault(info.name, set()).add(info.label)
    return labels


def _offered(kind: str, name: str) -> list[ParamInfo]:
    """The parameters that can be compared: neither a run's id nor what is told elsewhere."""
    return [info for info in KINDS[kind].config(name).params() if info.name not in ELSEWHERE and info.type != "text"]


def _column(info: ParamInfo, labels: Mapping[str, set[str]]) -> str:
    return info.name if len(labels[info.name]) == 1 else f"{info.name} ({info.label})"


def _quantity(info: ParamInfo) -> Quantity:
    unit = f" ({info.unit})" if info.unit else ""
    return Quantity(title=f"{info.title}{unit}", short=info.sign, help=f"{info.title}. {info.help}",
                    numeric=info.type in ("int", "float"), log=info.log, parameter=info.name, label=info.label)


def together(every: Sequence[Any]) -> Any:
    """What all of these are, None where they differ."""
    return every[0] if all(one == every[0] for one in every) else None
