"""What a trained network gets right of a part of the data, and what to hold that against."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ddcore import home
from ddcore.data.resident import Resident
from ddcore.errors import ConfigError
from ddcore.experiments.base import ImageSet
from ddcore.experiments.heavy import torch, train
from ddcore.settings import DataConfig
from ddcore.summary import Accuracy


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


def classification_scores(logits: torch.Tensor, part: Resident) -> dict[str, Any]:
    """What a network that gave these logits (N, classes) gets right of a part, in numbers that JSON can hold.

    balanced_accuracy: mean of the classes' accuracies, of those that the part has; auc: of two classes, None where one
    of them is not there; confusion: as `train.confusion` counts it.
    """
    predicted = logits.argmax(1)
    confusion = train.confusion(predicted, part.labels, len(part.classes))
    recalls = [share for share, images in zip(train.shares(confusion), part.counts, strict=True) if images]
    return {
        "accuracy": (predicted == part.labels).float().mean().item(), "balanced_accuracy": statistics.mean(recalls),
        "auc": auc(logits, part.labels) if len(part.classes) == len(recalls) == 2 else None,
        "confusion": confusion.tolist(),
    }


def summary_fields(
    scores: Sequence[Mapping[str, Any]], protocol: str | None = None, split: str | None = None
) -> dict[str, Any]:
    """The fields of a Summary that the `classification_scores` of all its networks make together."""
    confusion, areas = torch.tensor([one["confusion"] for one in scores]).sum(0), [one["auc"] for one in scores]
    return {
        "accuracy": Accuracy.of([one["accuracy"] for one in scores], protocol, split),
        "balanced_accuracy": Accuracy.of([one["balanced_accuracy"] for one in scores]),
        "auc": None if None in areas else Accuracy.of(areas),
        "confusion": confusion.tolist(), "per_class": train.shares(confusion),
    }


def auc(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Area under the ROC curve of the second class: the chance that one of it is ranked above one of the first."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels.cpu().numpy(), (logits[:, 1] - logits[:, 0]).cpu().numpy()))
