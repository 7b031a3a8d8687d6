"""What a trained network gets right of a part of the data, and what to hold that against."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from ddcore import home
from ddcore.errors import ConfigError
from ddcore.experiments.base import ImageSet
from ddcore.lazy import lazy
from ddcore.settings import DataConfig

if TYPE_CHECKING:
    from torch import Tensor

    from ddcore.data.resident import Resident
    from ddcore.ops import train
else:
    train = lazy("ddcore.ops.train")


def majority(part: Resident) -> float | None:
    """Accuracy of always answering the most frequent class; None of a part without images."""
    return max(part.counts) / len(part) if len(part) else None


def check_fit(config: DataConfig, run_id: str, images: ImageSet, who: str) -> None:
    """Refuse images of another data set or size before anything is trained on them; who: "the evaluation"."""
    shape, problems = tuple(images.images.shape[1:]), []
    if shape != config.shape:
        problems.append(f"run {run_id} holds images of shape {shape}, {who} expects {config.shape}")
    if images.classes != config.facts.classes:
        problems.append(f"run {run_id} has the classes {images.classes}, {config.dataset} {config.facts.classes}")
    if problems:
        raise ConfigError(problems)


def notes(config: DataConfig) -> tuple[str, ...]:
    """What to know of every number that is computed on this data set as it lies here."""
    caveat = config.facts.check(home.data_root()).caveat
    return (*([caveat] if caveat else []), *config.facts.notes)


def judged(said: Tensor, part: Resident) -> dict[str, Any]:
    """What these answers, logits (N, classes), get right of a part, in numbers that JSON can hold.

    balanced_accuracy: mean of the classes' accuracies, of those that the part has; auc: of two classes, None where one
    of them is not there; confusion: as `train.confusion` counts it.
    """
    predicted = said.argmax(1)
    confusion = train.confusion(predicted, part.labels, len(part.classes))
    there = [share for share, images in zip(train.shares(confusion), part.counts, strict=True) if images]
    return {
        "accuracy": (predicted == part.labels).float().mean().item(),
        "balanced_accuracy": statistics.mean(there),
        "auc": auc(said, part.labels) if len(part.classes) == len(there) == 2 else None,
        "confusion": confusion.tolist(),
    }


def auc(said: Tensor, labels: Tensor) -> float:
    """Area under the ROC curve of the second class: the chance that one of it is ranked above one of the first."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels.cpu().numpy(), (said[:, 1] - said[:, 0]).cpu().numpy()))
